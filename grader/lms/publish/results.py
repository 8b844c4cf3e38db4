"""One value a student of an assignment: what there is to hand on, to an LMS or to anybody else."""

import math
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from grader.assignment import Assignment, Exercise
from grader.store import WORK
from grader.verdict import Status, Verdict


@dataclass(frozen=True)
class Result:
    """One student.

    `marks`: points by exercise, in the notebook's order, None while open; `total`: what counts, late penalty taken off, open
    ones left out, None where there is nothing to count; `open`: exercises without a final mark, hand marks that wait to be
    confirmed among them; `outcomes`: words by exercise, as status.csv has them; {} where `grader run` did not grade what the gradebook has; `by_hand`: exercises
    with a mark, or extra credit, given by hand, each with the automatic mark that it replaces or None; `note`: what a reader
    should know of the hand-in; `verdict`: that which the marks are of, None where `grader run` did not grade what the gradebook has.
    """

    student: str
    status: Status
    first_name: str = ""
    last_name: str = ""
    email: str = ""
    marks: dict[str, float | None] = field(default_factory=dict)
    penalty: float = 0.0
    total: float | None = None
    open: tuple[str, ...] = ()
    outcomes: dict[str, str] = field(default_factory=dict)
    by_hand: dict[str, float | None] = field(default_factory=dict)
    sha256: str = ""
    handed_in: datetime | None = None
    late: float = 0.0  # seconds
    note: str = ""
    verdict: Verdict | None = None

    @property
    def final(self) -> bool:
        """Whether the total is one that may be told as the mark."""
        return self.total is not None and not self.open

    @property
    def absent(self) -> bool:
        """Whether nothing was ever handed in."""
        return self.status == Status.MISSING and not self.marks


@dataclass(frozen=True)
class Table:
    """Everybody of an assignment, by id; `root`: nbgrader's course."""

    assignment: Assignment
    plan: tuple[Exercise, ...]
    results: dict[str, Result]
    root: Path
    feedback: Path  # nbgrader's folders of pages, and of what was handed out
    release: Path

    @property
    def name(self) -> str:
        return self.assignment.name

    @property
    def max_total(self) -> float:
        return math.fsum(exercise.max_points for exercise in self.plan)

    @property
    def work(self) -> Path:
        """Where the grader keeps what it knows of the assignment."""
        return self.root / WORK / self.name

    def staged(self, student: str) -> Path:
        """Where `grader run` keeps its copy of the notebook that it graded."""
        return self.work / "submitted" / student / self.name / self.assignment.notebook.name
