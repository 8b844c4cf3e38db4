"""What a download holds, whatever system it is from: hand-ins of people, with what the system says of them."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


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
    read: Callable[[], bytes] = field(
        compare=False
    )  # at most one byte more than a notebook may have


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


@dataclass(frozen=True)
class Download:
    """One DOWNLOAD of the command line, opened: an archive's files, or a folder's, safe to read."""

    name: str  # as it was given
    entries: tuple[Entry, ...]
    refused: tuple[Refused, ...] = ()
