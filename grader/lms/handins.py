"""What a download holds, whatever system it is from: hand-ins of people, with what the system says of them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from enum import StrEnum
from pathlib import Path

MOST_ROWS = 50  # of refused entries


class Key(StrEnum):
    """What a system knows a person by; the values are its column's or its file name's, as they are written there."""

    STUDENT = "id"  # the course's own: the name of the folder in submitted/
    CANVAS = "canvas"  # Canvas's user id, column ID of its gradebook
    LOGIN = "login"  # SIS Login ID of Canvas, a Blackboard user name
    SIS = "sis"  # SIS User ID of Canvas, ID number of Moodle, SID of Gradescope
    PARTICIPANT = "participant"  # Moodle's, of one assignment
    GITHUB = "github"  # a GitHub user name; case does not count
    EMAIL = "email"  # case does not count
    NAME = "name"  # not unique: finds a person only where nobody else has it


@dataclass(frozen=True)
class Entry:
    """One file of a download."""

    path: str  # below the download, parts separated by /, never absolute, no ..
    size: int  # bytes, unpacked
    # at most one byte more than a notebook may have; raises reader.Unreadable where that cannot be had
    read: Callable[[], bytes] = field(compare=False)
    name: str = ""  # what its owner called it, where the system's path says something else

    @property
    def own(self) -> str:
        """The file's name, as its owner knows it."""
        return self.name or self.path.rpartition("/")[2]


@dataclass(frozen=True)
class HandIn:
    """One attempt of one person, or of a group.

    `by`: what the system says of each of them; `files`: what was handed in, other files among it; `order`: attempts of one
    person, the newest last; `label`: how the system names the attempt, for people; `moment`: when it came in, UTC, None where
    the download does not tell; `clock`: what tells it, or why nothing does, in words; `late`: what the system says of it,
    None where it says nothing.
    """

    by: tuple[dict[Key, str], ...]
    files: tuple[Entry, ...]
    order: tuple[float | str, ...] = ()
    label: str = ""
    moment: datetime | None = None
    clock: str = ""
    late: bool | None = None


@dataclass(frozen=True)
class Refused:
    """An entry of a download that nobody touches, and why; or a whole download."""

    path: str
    why: str


def few(refused: Sequence[Refused]) -> tuple[Refused, ...]:
    """The same, or the first of them and how many more: an archive may hold any number of odd entries."""
    more = len(refused) - MOST_ROWS
    last = [Refused(f"and {more:,} more", refused[-1].why)] if more > 0 else []
    return (*refused[:MOST_ROWS], *last)


@dataclass(frozen=True)
class Download:
    """One DOWNLOAD of the command line, opened: an archive's files, or a folder's, safe to read."""

    name: str  # as it was given
    entries: tuple[Entry, ...]
    refused: tuple[Refused, ...] = ()


@dataclass(frozen=True)
class Told:
    """What a download cannot say of itself, from whoever has it.

    `assignment`: its name, by which a download of several is sorted, "" for all; `notebook`: the name it was given out with;
    `zone`: of local times, None where nobody said; `pattern`: how the files of a plain folder are named; `clones`: where
    repositories go that a table names.
    """

    assignment: str = ""
    notebook: str = ""
    zone: tzinfo | None = None
    pattern: str = ""
    clones: Path = Path("build/grading/clones")


@dataclass(frozen=True)
class Contents:
    """What a system's module makes of a download; `refused`: entries that are nobody's hand-in, beside the download's own."""

    hand_ins: tuple[HandIn, ...]
    refused: tuple[Refused, ...] = ()
