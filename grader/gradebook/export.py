"""`nbgrader export`: nbgrader's table of grades, with a column that names what is still open.

nbgrader counts an open mark as 0 and says nothing; its own table also breaks at a comma in a name.
"""

import csv
import math
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from nbgrader.api import Gradebook
from nbgrader.plugins import ExportPlugin

from grader.errors import CourseError
from grader.gradebook.database import check
from grader.gradebook.late import Penalties
from grader.gradebook.marks import is_open, is_unconfirmed, total
from grader.gradebook.prefetch import submissions
from grader.text import address, harmless, identifier

FIELDS = (
    *("assignment", "duedate", "timestamp", "student_id", "last_name", "first_name", "email"),
    *("raw_score", "late_submission_penalty", "score", "max_score", "open"),
)

IDS = ("assignment", "student_id")


class GradesTable(ExportPlugin):
    """One row a student and assignment in grades.csv, or where `--to` says."""

    def __init__(self, **kwargs: Any) -> None:
        """Made before nbgrader opens the gradebook, which ends in a traceback where it cannot be read."""
        super().__init__(**kwargs)
        try:
            check(self.parent.coursedir.db_url, writing=False)
        except CourseError as error:
            self.log.error(str(error))
            sys.exit(2)

    def export(self, gradebook: Gradebook) -> None:
        path = Path(self.to or "grades.csv")
        self.log.info("Exporting grades to %s", path)
        try:
            penalties = Penalties(self.parent)
            rows = list[dict[str, Any]]()
            for assignment in chosen(gradebook.assignments, "name", self.assignment):
                found = submissions(gradebook, assignment.name)
                rows += [
                    row(found.get(student.id), assignment, student, penalties)
                    for student in chosen(gradebook.students, "id", self.student)
                ]
        except CourseError as error:
            self.log.error(str(error))
            sys.exit(2)
        with path.open("w", newline="", encoding="utf-8") as file:
            table = csv.DictWriter(file, FIELDS)
            table.writeheader()
            for values in rows:
                table.writerow({field: cell(field, value) for field, value in values.items()})


def cell(field: str, value: Any) -> Any:
    """Ids as they are, for an import matches them; other text is nothing that a spreadsheet runs."""
    if field == "email":
        return address(value)
    return identifier(value) if field in IDS else harmless(value)


def chosen(entries: Iterable[Any], name: str, wanted: Iterable[object]) -> list[Any]:
    """The entries whose attribute is among those wanted; all where none are named."""
    return [entry for entry in entries if not wanted or getattr(entry, name) in map(str, wanted)]


def row(submission: Any, assignment: Any, student: Any, penalties: Penalties) -> dict[str, Any]:
    """A student who handed nothing in has 0, as nbgrader has it, and nothing open."""
    about = {name: getattr(student, name) for name in ("last_name", "first_name", "email")}
    about |= {"assignment": assignment.name, "student_id": student.id}
    about |= {"duedate": assignment.duedate, "max_score": assignment.max_score}
    if submission is None:
        return about | {"raw_score": 0.0, "late_submission_penalty": 0.0, "score": 0.0}
    penalty = math.fsum(penalties(notebook) or 0.0 for notebook in submission.notebooks)
    waiting = [
        g.name for n in submission.notebooks for g in n.grades if is_open(g) or is_unconfirmed(g)
    ]
    return about | {
        "timestamp": submission.timestamp,
        "raw_score": round(submission.score, 4),
        "late_submission_penalty": round(penalty, 4),
        "score": total(submission.score, penalty),
        "open": " ".join(sorted(name.removesuffix("_laws") for name in waiting)),
    }
