"""The gradebook's file, looked at before anything is graded: whether it can be used and fits the course."""

import contextlib
import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from grader.assignment import Assignment
from grader.errors import CourseError
from grader.submission.restore import mark
from grader.text import clean, program

KNOWN = (
    "select base_cell.name, max(coalesce(grade_cells.max_score, task_cells.max_score, -1)) from base_cell"
    " left join grade_cells on grade_cells.id = base_cell.id left join task_cells on task_cells.id = base_cell.id"
    " join notebook on base_cell.notebook_id = notebook.id join assignment on notebook.assignment_id = assignment.id"
    " where assignment.name = ? group by base_cell.name"
)
HANDED_IN = (
    "select 1 from submitted_assignment join assignment on assignment_id = assignment.id"
    " where assignment.name = ? limit 1"
)
LOCKED = "is locked"
# as Python's sqlite3 and as SQLAlchemy put it, the last line of a traceback or nothing else
SQLITE = re.compile(
    r"^(?:sqlalchemy\.exc\.\w+: \()?sqlite3\.(?:Operational|Database)Error(?:\)|:) (.*)",
    re.MULTILINE,
)


def sqlite_file(url: str) -> Path | None:
    """The file of an SQLAlchemy address; None if it is another kind of database."""
    kind, _, path = url.partition(":///")
    return Path(path) if kind == "sqlite" and path else None


def check_file(path: Path, writing: bool = True) -> None:
    """CourseError, in one line that says what to do, if the file cannot be read, or written."""
    if not path.exists() or path.stat().st_size == 0:
        return
    with opened(path) as database:
        found = database.execute("pragma quick_check(1)").fetchone()
        if found != ("ok",):
            raise sqlite3.DatabaseError(str(found[0]))
        if writing:
            database.execute("begin immediate")


@contextlib.contextmanager
def opened(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection; what SQLite says of the file becomes one line."""
    with in_one_line(path.name), contextlib.closing(connection(path)) as database:
        yield database


def connection(path: Path) -> sqlite3.Connection:
    """To a file that is there: none is made."""
    return sqlite3.connect(f"{path.resolve().as_uri()}?mode=rw", uri=True)


@contextlib.contextmanager
def in_one_line(name: str = "gradebook.db") -> Iterator[None]:
    """What SQLite says of a broken or locked file, also by way of nbgrader, becomes a CourseError."""
    try:
        yield
    except CourseError:
        raise
    except Exception as error:
        if why := trouble(f"{type(error).__module__}.{type(error).__name__}: {error}", name):
            raise CourseError(why) from None
        raise


def trouble(text: str, name: str = "gradebook.db") -> str:
    """What to do about an error of SQLite's in a text; empty if there is none."""
    found = SQLITE.search(text)
    if not found:
        return ""
    why = clean(found[1])
    if "locked" in why:
        return f"{name} {LOCKED}: another command or Formgrader writes to it; wait and run again"
    if "is full" in why:
        return f"{name} cannot be written ({why}): make room and run again"
    if "readonly" in why or "unable to open" in why:
        return f"{name} cannot be written ({why}): mend the permissions of the file and its folder"
    if "no such" in why:
        return f"{name} is of another nbgrader ({why}): `{program('nbgrader')} db upgrade`, after a backup"
    return f"{name} cannot be read ({why}): restore a backup, or move it aside"


def check_exercises(path: Path, assignment: Assignment) -> None:
    """CourseError if the gradebook has other cells or marks of the assignment than the instructor's notebook."""
    with opened(path) as database:
        known = set(database.execute(KNOWN, [assignment.name]))
        graded = database.execute(HANDED_IN, [assignment.name]).fetchone()
    differing = dict(known ^ wanted(assignment))
    if not known or not differing:
        return
    other_cells = dict(known).keys() != dict(wanted(assignment)).keys()
    what = "exercises" if other_cells else "marks"
    remedy = (
        f"move {path.name} aside, the hand marks in it too, and run again"
        if graded and other_cells
        else f"run `{program('nbgrader')} generate_assignment {assignment.name} --force`"
    )
    names = clean(", ".join(sorted(differing)))
    raise CourseError(
        f"{path.name} and {assignment.notebook.name} of {assignment.name} have different {what} ({names}): {remedy}"
    )


def wanted(assignment: Assignment) -> set[tuple[str, float]]:
    """The ids of the cells that nbgrader enters into the gradebook, with their marks, -1 for none."""
    clues = [mark(cell) for cell in assignment.cells()]
    return {
        (clue["grade_id"], float(clue["points"]) if clue.get("grade") or clue.get("task") else -1.0)
        for clue in clues
        if any(map(clue.get, ("grade", "solution", "task")))
    }


def cell_ids(assignment: Assignment) -> frozenset[str]:
    """By which a notebook of the assignment is known."""
    return frozenset(name for name, _ in wanted(assignment))
