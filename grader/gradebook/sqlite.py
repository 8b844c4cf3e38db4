"""A gradebook that is a file: whether it can be used, and what SQLite's words about it mean."""

import contextlib
import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from grader.errors import CourseError
from grader.text import clean, program

# as Python's sqlite3 and as SQLAlchemy put it, the last line of a traceback or nothing else
SAID = re.compile(
    r"^(?:sqlalchemy\.exc\.\w+: \()?sqlite3\.(?:Operational|Database)Error(?:\)|:) (.*)",
    re.MULTILINE,
)


def file_of(url: str) -> Path | None:
    """The file of an SQLAlchemy address; None if it is another kind of database."""
    kind, _, path = url.partition(":///")
    return Path(path) if kind == "sqlite" and path else None


def is_there(path: Path) -> bool:
    """Whether anything is in it."""
    return path.exists() and path.stat().st_size > 0


def check(path: Path, writing: bool) -> None:
    """CourseError, in one line that says what to do, if the file cannot be read, or written."""
    if not is_there(path):
        return
    try:
        with opened(path) as database:
            found = database.execute("pragma quick_check(1)").fetchone()
            if found != ("ok",):
                raise sqlite3.DatabaseError(str(found[0]))
            if writing:
                database.execute("begin immediate")
    except sqlite3.Error as error:
        said = f"sqlite3.{type(error).__name__}: {error}"
        raise CourseError(trouble(said, path.name) or said) from None


@contextlib.contextmanager
def opened(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection to a file that is there: none is made."""
    with contextlib.closing(
        sqlite3.connect(f"{path.resolve().as_uri()}?mode=rw", uri=True)
    ) as database:
        yield database


def trouble(text: str, name: str) -> str:
    """What to do about an error of SQLite's in a text; empty if there is none."""
    found = SAID.search(text)
    if not found:
        return ""
    why = clean(found[1])
    if "locked" in why:
        return f"{name} is locked: another command or Formgrader writes to it; wait and run again"
    if "is full" in why:
        return f"{name} cannot be written ({why}): make room and run again"
    if "readonly" in why or "unable to open" in why:
        return f"{name} cannot be written ({why}): mend the permissions of the file and its folder"
    if "no such" in why:
        return f"{name} is of another nbgrader ({why}): `{program('nbgrader')} db upgrade`, after a backup"
    return f"{name} cannot be read ({why}): restore a backup, or move it aside"
