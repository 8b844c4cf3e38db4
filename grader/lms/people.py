"""Who is in the course: a student's folder name, and by what each system knows the student."""

import dataclasses
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from grader.lms.handins import Key
from grader.store import WORK, load_kept, write

PLACE = WORK / "roster.json"  # below nbgrader's course
ANY_CASE = {Key.EMAIL, Key.GITHUB, Key.LOGIN}


@dataclass(frozen=True)
class Person:
    """One row of a roster; `student`: the id, which is the name of the folder in submitted/; `group`: who shares work; `others`: what other tables have for
    a key: a login or a name may change.
    """

    student: str
    keys: Mapping[Key, str]
    first_name: str = ""
    last_name: str = ""
    section: str = ""
    group: str = ""
    others: tuple[tuple[Key, str], ...] = ()

    def values(self, key: Key) -> set[str]:
        """All that the person is known by there, as they are compared."""
        known = [(key, self.keys.get(key, "")), *self.others]
        return {same(key, value) for name, value in known if name == key} - {""}


class Roster:
    """The people of a course; `matching.Index` finds them by their keys."""

    def __init__(self, people: Iterable[Person] = ()) -> None:
        self.people = tuple(people)

    def __iter__(self) -> Iterator[Person]:
        return iter(self.people)

    def __bool__(self) -> bool:
        return bool(self.people)

    def save(self, root: Path) -> None:
        """Keep it for later commands; `root`: nbgrader's course."""
        write(root / PLACE, {"people": [dataclasses.asdict(person) for person in self]})

    @classmethod
    def kept(cls, root: Path) -> Self:
        """What was saved there; empty where nothing was. CourseError for a file that cannot be read."""
        rows = load_kept(root / PLACE).get("people", [])
        return cls(loaded(row) for row in rows)


def loaded(row: Mapping[str, Any]) -> Person:
    """What `save` wrote of a person."""
    keys = {Key(name): value for name, value in row["keys"].items()}
    others = tuple((Key(name), value) for name, value in row.get("others", ()))
    return Person(**{**row, "keys": keys, "others": others})


def same(key: Key, value: str) -> str:
    """What two values of a key are compared by: blanks in a row are one, and case counts only where the system says so.

    An umlaut is one character, or a letter and a mark, as in file names of macOS: both are the same.
    """
    words = unicodedata.normalize("NFC", " ".join(value.split()))
    return words.casefold() if key in ANY_CASE else words
