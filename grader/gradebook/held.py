"""What the gradebook holds of everybody's marks now, in one query: to be compared with what it held before."""

import math
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from grader.gradebook.marks import total

PENALTY = "late penalty"  # among the marks of a student; an exercise's name has no blank


@dataclass(frozen=True)
class Grade:
    """One exercise's mark, as nbgrader keeps it; None where there is none."""

    automatic: float | None = None
    manual: float | None = None
    extra: float | None = None

    @property
    def score(self) -> float | None:
        """The mark that counts; None while it is open."""
        given = self.automatic if self.manual is None else self.manual
        return None if given is None else round(given + (self.extra or 0.0), 4)


@dataclass(frozen=True)
class Held:
    """One student's marks, by exercise; `late`, `extension`: seconds after the due date alone, and what an extension gives."""

    grades: dict[str, Grade] = field(default_factory=dict)
    penalty: float = 0.0
    late: float = 0.0
    extension: float = 0.0

    @property
    def marks(self) -> dict[str, float | None]:
        """What counts of each exercise, None while it is open; and what being late costs."""
        return {stem: grade.score for stem, grade in self.grades.items()} | {PENALTY: self.penalty}

    @property
    def by_hand(self) -> set[str]:
        """The exercises with a mark given by hand."""
        return {stem for stem, grade in self.grades.items() if grade.manual is not None}

    @property
    def extra(self) -> dict[str, float]:
        """Extra credit, where there is some."""
        return {stem: grade.extra for stem, grade in self.grades.items() if grade.extra}


def total_of(marks: dict[str, float | None]) -> float:
    """The total that counts, of all marks of a student: open ones left out, the penalty taken off."""
    scores = [score for name, score in marks.items() if name != PENALTY]
    raw = math.fsum(score for score in scores if score is not None)
    return total(raw, marks.get(PENALTY) or 0.0)


def held(
    database: Any, assignment: str, notebook: str, student: str | None = None
) -> dict[str, Held]:
    """By student, of all whom the gradebook has marks of, or of one; `notebook`: the name of the assignment's, without .ipynb."""
    from nbgrader import api

    columns = (
        *(api.SubmittedAssignment.student_id, api.BaseCell.name),
        *(api.Grade.auto_score, api.Grade.manual_score, api.Grade.extra_credit),
        *(api.SubmittedNotebook.late_submission_penalty, api.SubmittedAssignment.timestamp),
        *(api.SubmittedAssignment.extension, api.Assignment.duedate),
    )
    rows = (
        database.db.query(*columns)
        .select_from(api.Grade)
        .join(api.BaseCell, api.Grade.cell_id == api.BaseCell.id)
        .join(api.SubmittedNotebook, api.Grade.notebook_id == api.SubmittedNotebook.id)
        .join(api.Notebook, api.SubmittedNotebook.notebook_id == api.Notebook.id)
        .join(
            api.SubmittedAssignment,
            api.SubmittedNotebook.assignment_id == api.SubmittedAssignment.id,
        )
        .join(api.Assignment, api.SubmittedAssignment.assignment_id == api.Assignment.id)
        .filter(api.Assignment.name == assignment, api.Notebook.name == notebook)
        .order_by(api.SubmittedAssignment.student_id)
    )
    if student is not None:
        rows = rows.filter(api.SubmittedAssignment.student_id == student)
    found: dict[str, Held] = {}
    for name, cell, automatic, manual, extra, penalty, moment, extension, due in rows:
        late = (moment - due).total_seconds() if moment and due else 0.0
        longer = (extension or timedelta()).total_seconds()
        empty = Held({}, round(penalty or 0.0, 4), max(0.0, late), longer)
        kept = found.setdefault(name, empty)
        kept.grades[cell.removesuffix("_laws")] = Grade(automatic, manual, extra)
    return found
