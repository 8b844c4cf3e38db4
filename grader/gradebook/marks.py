"""What the gradebook has of a student, in the terms of this course: what is open, what waits, what counts."""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from grader.gradebook.late import Penalties
    from grader.gradebook.policy import FreeDays


def is_open(grade: Any) -> bool:
    """Whether it has no mark yet, neither automatic nor by hand; its `score` would say 0."""
    return grade.auto_score is None and grade.manual_score is None


def is_unconfirmed(grade: Any) -> bool:
    """Whether nbgrader still asks for a look at its hand mark: one for an earlier notebook, or one that a script gave."""
    return grade.manual_score is not None and grade.needs_manual_grade


def total(raw: float, penalty: float) -> float:
    """The one that counts, of a score and its late penalty: status.csv, grades.csv and the feedback page show it."""
    return round(max(0.0, raw - penalty), 4)


def stem_of(grade: Any) -> str:
    """The exercise of a grade."""
    return grade.name.removesuffix("_laws")


@dataclass
class Marks:
    """What the gradebook has of one student: score by exercise, None while it is open; which hand marks wait; seconds late.

    `penalty`: the points that being late costs; `trouble`: why nobody can tell; `free`: late days that cost nothing, None
    where the course gives none.
    """

    scores: dict[str, float | None]
    unconfirmed: set[str]
    late: float
    penalty: float
    trouble: str
    free: "FreeDays | None" = None

    @property
    def raw(self) -> float:
        """Their sum, open ones left out."""
        return math.fsum(score for score in self.scores.values() if score is not None)

    @property
    def confirmed(self) -> set[str]:
        """The exercises that have a mark which waits for nothing."""
        return {s for s, score in self.scores.items() if score is not None} - self.unconfirmed


def scores_of(notebook: Any) -> dict[str, float | None]:
    """By exercise, None while it is open."""
    return {stem_of(grade): None if is_open(grade) else grade.score for grade in notebook.grades}


def marks_of(notebook: Any, penalties: "Penalties", trouble: str = "") -> Marks:
    return Marks(
        scores_of(notebook),
        {stem_of(grade) for grade in notebook.grades if is_unconfirmed(grade)},
        penalties.seconds_late(notebook.assignment),
        notebook.late_submission_penalty or 0.0,
        trouble,
        penalties.free_days(notebook.assignment),
    )
