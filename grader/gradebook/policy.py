"""What late work costs by the settings that most courses need: days of grace, percent a day, free days for the term."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nbgrader.plugins import LateSubmissionPlugin
from traitlets import Enum, Float, Integer, TraitError
from traitlets.config import Configurable

from grader.errors import CourseError
from grader.gradebook.extensions import course_of, seconds_late

DAY = 86400  # seconds


class Amount(Float[float, float]):
    """A number from 0 to `most`; text, True and NaN are none."""

    def __init__(self, default: float, most: float = math.inf, **about: Any) -> None:
        super().__init__(default, **about)
        self.most = most

    def validate(self, obj: Any, value: Any) -> float:
        if not is_number(value, int | float) or not 0 <= value <= self.most or value == math.inf:
            limit = f"from 0 to {self.most:g}" if self.most < math.inf else "from 0 up"
            raise TraitError(f"c.{owner(obj)}.{self.name} = {value!r}: it is a number {limit}")
        return float(value)


class Days(Integer[int, int]):
    """A whole number of days, 0 or more."""

    def validate(self, obj: Any, value: Any) -> int:
        if not is_number(value, int) or value < 0:
            raise TraitError(
                f"c.{owner(obj)}.{self.name} = {value!r}: it is a whole number from 0 up"
            )
        return int(value)


def owner(obj: Any) -> str:
    """The name under which a policy's settings stand in nbgrader_config.py."""
    return "LatePolicy" if isinstance(obj, LatePolicy) else type(obj).__name__


def refuse_unknown(policy: Configurable) -> None:
    """TraitError for a setting that there is not: traitlets only warns, on a log that may be off."""
    name, there = owner(policy), sorted(policy.trait_names(config=True))
    if unknown := sorted(set(policy.config.get(name, {})) - set(there)):
        verb = "is" if len(there) == 1 else "are"
        raise TraitError(f"c.{name}.{unknown[0]}: no such setting; there {verb} {', '.join(there)}")


class Policy(Configurable):
    """Settings of a course, in nbgrader_config.py as `c.` and the name of the class."""

    def __init__(self, **settings: Any) -> None:
        """CourseError for a setting that there is not, or that cannot be."""
        try:
            super().__init__(**settings)
            refuse_unknown(self)
        except TraitError as error:
            raise CourseError(str(error)) from error


def is_number(value: Any, kinds: Any) -> bool:
    """Python takes True for a 1."""
    return isinstance(value, kinds) and not isinstance(value, bool)


@dataclass(frozen=True)
class FreeDays:
    """A student's free late days: used for one assignment; left of all that a term gives."""

    used: int
    left: int
    given: int

    def __str__(self) -> str:
        here = f"{self.used} used here, " if self.used else ""
        return f"free late days: {here}{self.left} of {self.given} left"


class LatePolicy(LateSubmissionPlugin):
    """A penalty for each day that begins; by itself late work costs nothing.

    `penalty_method`, which is nbgrader's own, counts as well: "zero" takes all marks of what is late after grace and
    free days.
    """

    grace_minutes = Amount(0, help="so long after the due date nothing is late").tag(config=True)
    percent_per_day = Amount(0, 100, help="off for each day that begins").tag(config=True)
    percent_of = Enum(
        ["maximum", "mark"],
        "maximum",
        help="what the percentages are of: the marks that there are, or those that the student has",
    ).tag(config=True)
    cap_percent = Amount(100, 100, help="never more off than this").tag(config=True)
    zero_after_days = Days(
        None, allow_none=True, help="no marks when later than so many days, free ones included"
    ).tag(config=True)
    free_late_days = Days(0, help="days a term that cost nothing").tag(config=True)

    # which notebook `late_submission_penalty` is asked about, where nbgrader's caller does not know it
    notebook: Any = None

    def __init__(self, **settings: Any) -> None:
        """TraitError for a setting that there is not."""
        super().__init__(**settings)
        refuse_unknown(self)

    def late_submission_penalty(
        self, student_id: str, score: float, total_seconds_late: float
    ) -> float | None:
        """Points off a notebook's score; None where being late costs nothing."""
        notebook = self.notebook or self._asked_about(student_id)
        days = self.days(total_seconds_late)
        if self.is_past(days):
            return score
        days -= self.used(notebook.student)[notebook.assignment.name]
        if days <= 0:
            return None
        if self.penalty_method == "zero":
            return score
        whole = notebook.max_score if self.percent_of == "maximum" else score
        return whole * min(self.cap_percent, days * self.percent_per_day) / 100 or None

    def _asked_about(self, student: str) -> Any:
        asks = self.parent
        return asks.gradebook.find_submission_notebook(
            asks.notebook_id, asks.assignment_id, student
        )

    def days(self, seconds: float) -> int:
        """How many days have begun since the end of the grace period."""
        return max(0, math.ceil((seconds - 60 * self.grace_minutes) / DAY))

    def is_past(self, days: int) -> bool:
        """Whether so late a hand-in has no marks, whatever free days are left."""
        return self.zero_after_days is not None and days > self.zero_after_days

    def used(self, student: Any) -> Mapping[str, int]:
        """{assignment: free days}: used up in the order of due dates, then of names; none where they would not help."""
        root, left, used = Path(course_of(self).root), self.free_late_days, {}
        for submission in sorted(student.submissions, key=by_due_date):
            days = self.days(seconds_late(submission, root)) if left else 0
            used[submission.assignment.name] = 0 if self.is_past(days) else min(left, days)
            left -= used[submission.assignment.name]
        return used

    def free_days(self, submission: Any) -> FreeDays | None:
        """What is left to its student; None where the course gives none."""
        if not self.free_late_days:
            return None
        used = self.used(submission.student)
        left = self.free_late_days - sum(used.values())
        return FreeDays(used[submission.assignment.name], left, self.free_late_days)


def by_due_date(submission: Any) -> tuple[bool, Any, str]:
    """Assignments without a due date, to which nothing is late, come last."""
    due = submission.assignment.duedate
    return due is None, due, submission.assignment.name
