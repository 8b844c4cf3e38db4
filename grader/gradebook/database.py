"""The gradebook, looked at before anything is graded: whether it can be used and fits the course."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from grader.assignment import Assignment
from grader.errors import CourseError
from grader.gradebook import sqlite
from grader.submission.restore import mark
from grader.text import clean, program

KNOWN = (
    "select base_cell.name, max(coalesce(grade_cells.max_score, task_cells.max_score, -1)) from base_cell"
    " left join grade_cells on grade_cells.id = base_cell.id left join task_cells on task_cells.id = base_cell.id"
    " join notebook on base_cell.notebook_id = notebook.id join assignment on notebook.assignment_id = assignment.id"
    " where assignment.name = :name group by base_cell.name"
)
HANDED_IN = (
    "select 1 from submitted_assignment join assignment on assignment_id = assignment.id"
    " where assignment.name = :name limit 1"
)
# trouble that may be over in a moment
PASSING = (" is locked", " cannot be reached")


def file_of(url: str) -> Path | None:
    """The gradebook's file; None where it is none."""
    return sqlite.file_of(url)


def is_postgres(url: str) -> bool:
    """Whether an SQLAlchemy address names PostgreSQL; its module takes SQLAlchemy along, which takes a while."""
    return url.partition(":")[0].partition("+")[0] == "postgresql"


def named(url: str) -> str:
    """The gradebook for people."""
    if file := file_of(url):
        return file.name
    from grader.gradebook import postgres

    return postgres.named(url)


def is_there(url: str) -> bool:
    """Whether anything is in it; of databases that we do not know nobody can tell, and yes is the answer."""
    if file := file_of(url):
        return sqlite.is_there(file)
    if not is_postgres(url):
        return True
    from grader.gradebook import postgres

    return postgres.is_there(url)


def check(url: str, writing: bool = True) -> None:
    """CourseError, in one line that says what to do, if it cannot be read, or written."""
    if file := file_of(url):
        sqlite.check(file, writing)
    elif is_postgres(url):
        from grader.gradebook import postgres

        postgres.check(url, writing)


def take(url: str) -> None:
    """Be the only grader from now until this process ends; CourseError that says who is it already.

    Where the gradebook is a file, whoever has the course's folder has it (`store.alone`).
    """
    if is_postgres(url):
        from grader.gradebook import postgres

        postgres.lock(url).take()


def rows(url: str, query: str, **values: Any) -> list[tuple[Any, ...]]:
    """What a query with `:names` gives, of a gradebook that is there."""
    if file := file_of(url):
        with in_one_line(file.name), sqlite.opened(file) as database:
            return database.execute(query, values).fetchall()
    from sqlalchemy import text

    from grader.gradebook import postgres

    with postgres.opened(url) as connection:
        return [tuple(row) for row in connection.execute(text(query), values)]


@contextlib.contextmanager
def in_one_line(name: str = "") -> Iterator[None]:
    """What a database says of being broken, locked or away, also by way of nbgrader, becomes a CourseError."""
    try:
        yield
    except CourseError:
        raise
    except Exception as error:
        if why := trouble(f"{type(error).__module__}.{type(error).__name__}: {error}", name):
            raise CourseError(why) from None
        raise


def trouble(words: str, name: str = "") -> str:
    """What to do about an error of the database's in a text; empty if there is none."""
    if said := sqlite.trouble(words, name or "gradebook.db"):
        return said
    if "psycopg" not in words:
        return ""
    from grader.gradebook import postgres

    return postgres.trouble(words, name or "the gradebook's database")


def passes(why: str) -> bool:
    """Whether what `trouble` said may be over in a moment."""
    return any(words in why for words in PASSING)


def check_exercises(url: str, assignment: Assignment) -> None:
    """CourseError if the gradebook has other cells or marks of the assignment than the instructor's notebook."""
    known = {(cell, points) for cell, points in rows(url, KNOWN, name=assignment.name)}
    differing = dict(known ^ wanted(assignment))
    if not known or not differing:
        return
    other_cells = dict(known).keys() != dict(wanted(assignment)).keys()
    what = "exercises" if other_cells else "marks"
    remedy = f"run `{program('nbgrader')} generate_assignment {assignment.name} --force`"
    if other_cells and rows(url, HANDED_IN, name=assignment.name):
        remedy = f"{put_aside(url)}, the hand marks in it too, and run again"
    names = clean(", ".join(sorted(differing)))
    raise CourseError(
        f"{named(url)} and {assignment.notebook.name} of {assignment.name} have different {what} ({names}): {remedy}"
    )


def put_aside(url: str) -> str:
    """How a gradebook makes room for a new one."""
    if file := file_of(url):
        return f"move {file.name} aside"
    return "name an empty database in c.CourseDirectory.db_url, which leaves this one aside"


def assignments(url: str) -> list[str]:
    """The names of those that a gradebook knows."""
    return [name for (name,) in rows(url, "select name from assignment order by name")]


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
