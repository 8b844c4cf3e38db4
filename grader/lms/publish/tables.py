"""Tables of our own making: for Gradescope, for GitHub Classroom, and for anybody."""

import csv
import io
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from grader.lms.handins import Key
from grader.lms.people import Person, Roster
from grader.lms.publish.ledger import Options, number, points
from grader.lms.publish.pages import fitting
from grader.lms.publish.results import Result, Table
from grader.text import address, harmless

Cells = dict[str, str]


@dataclass(frozen=True)
class Line:
    """A student's row: `id`: what the system knows the student by, "" where nobody has said; `page`: where a feedback page belongs."""

    cells: Cells
    id: str
    page: str


@dataclass(frozen=True)
class Form:
    """What a table is made by: `lacks`: what a student without an id lacks; `total`: the column of the mark."""

    make: Callable[[Result, Person | None, Table, Options], Line]
    lacks: str
    total: str


def plain(result: Result, person: Person | None, table: Table, options: Options) -> Line:
    """One row a student, a column an exercise."""
    marks = {e.stem: result.marks.get(e.stem) for e in table.plan}
    cells = {
        "student": result.student,
        "last_name": harmless(result.last_name),
        "first_name": harmless(result.first_name),
        "email": address(result.email),
        "assignment": table.name,
        "status": str(result.status),
    }
    columns = {stem if stem not in OWN else f"{stem} (exercise)": stem for stem in marks}
    cells |= {name: written(marks[stem]) for name, stem in columns.items()}
    total = options.missing if result.absent else result.total
    cells |= {
        "penalty": written(result.penalty),
        "total": written(total),
        "max_total": number(table.max_total),
        "open": " ".join(result.open),
        "outcomes": "; ".join(f"{stem}: {words}" for stem, words in result.outcomes.items()),
        "by_hand": "; ".join(replaced(*given) for given in result.by_hand.items()),
        "handed_in": result.handed_in.isoformat() if result.handed_in else "",
        "sha256": result.sha256,
        "note": harmless(result.note),
    }
    return Line(cells, result.student, page(table, result.student))


OWN = {
    *("student", "last_name", "first_name", "email", "assignment", "status", "penalty", "total"),
    *("max_total", "open", "outcomes", "by_hand", "handed_in", "sha256", "note"),
}


def gradescope(result: Result, person: Person | None, table: Table, options: Options) -> Line:
    """As Gradescope exports marks; questions are numbered in the notebook's order."""
    sid = person.keys.get(Key.SIS, "") if person else result.student
    email = (person.keys.get(Key.EMAIL, "") if person else "") or result.email
    total = points(result, options)
    status = "Missing" if result.absent else "Ungraded"
    cells = {
        "First Name": harmless(result.first_name),
        "Last Name": harmless(result.last_name),
        "SID": sid,
        "Email": address(email),
        "Sections": harmless(person.section if person else ""),
        "Total Score": written(total),
        "Max Points": number(table.max_total),
        "Status": "Graded" if result.final and total is not None else status,
        "Submission ID": "",
        "Submission Time": f"{result.handed_in:%Y-%m-%d %H:%M:%S %z}" if result.handed_in else "",
        "Lateness (H:M:S)": lateness(result.late),
    }
    for count, exercise in enumerate(table.plan, start=1):
        name = f"{count}: {exercise.stem} ({number(exercise.max_points)} pts)"
        cells[name] = written(result.marks.get(exercise.stem))
    return Line(cells, sid or email, page(table, sid or email))


def classroom(result: Result, person: Person | None, table: Table, options: Options) -> Line:
    """As GitHub Classroom exports marks; what it alone knows, its addresses, stays empty."""
    github = person.keys.get(Key.GITHUB, "") if person else result.student
    repository = f"{table.name}-{github}" if github else ""
    cells = {
        "assignment_name": table.name,
        "assignment_url": "",
        "starter_code_url": "",
        "github_username": github,
        "roster_identifier": result.student,
        "student_repository_name": repository,
        "student_repository_url": "",
        "submission_timestamp": result.handed_in.isoformat() if result.handed_in else "",
        "points_awarded": written(points(result, options)),
        "points_available": number(table.max_total),
    }
    return Line(cells, github, page(table, repository))


FORMS = {
    "csv": Form(plain, "", "total"),
    "gradescope": Form(gradescope, "a SID or an e-mail address", "Total Score"),
    "classroom": Form(classroom, "a GitHub user name", "points_awarded"),
}


def lines(form: Form, table: Table, roster: Roster, options: Options) -> dict[str, Line]:
    """By student."""
    people = {person.student: person for person in roster}
    return {
        student: form.make(result, people.get(student), table, options)
        for student, result in table.results.items()
    }


def as_csv(rows: Iterable[Mapping[str, str]]) -> bytes:
    """UTF-8 without a mark, as nbgrader writes grades.csv."""
    rows = list(rows)
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(rows[0]) if rows else [])
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode("utf-8", "backslashreplace")


def page(table: Table, name: str) -> str:
    return str(PurePosixPath(fitting(name), f"{table.assignment.notebook.stem}.html"))


def written(value: float | None) -> str:
    return "" if value is None else number(value)


def replaced(stem: str, automatic: float | None) -> str:
    """An exercise with a mark by hand, and the automatic one that it is instead of, if there is one."""
    return stem if automatic is None else f"{stem} (automatic: {number(automatic)})"


def lateness(seconds: float) -> str:
    whole = int(seconds)
    return f"{whole // 3600:02d}:{whole // 60 % 60:02d}:{whole % 60:02d}"
