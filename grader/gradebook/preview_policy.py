"""How often a student may have an early look before the due date: `c.PreviewPolicy` in nbgrader_config.py."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from traitlets import TraitError
from traitlets.config import Configurable

from grader.errors import CourseError
from grader.gradebook.policy import Amount, Days


class PreviewPolicy(Configurable):
    """So many looks for a student and an assignment, so many hours apart."""

    looks = Days(
        3, allow_none=True, help="looks for a student and an assignment; None: any number"
    ).tag(config=True)
    hours_apart = Amount(24, help="from one look of a student to the next").tag(config=True)

    def __init__(self, **settings: Any) -> None:
        """CourseError for a setting that there is not, or that cannot be."""
        try:
            super().__init__(**settings)
            there = self.trait_names(config=True)
            if unknown := sorted(set(self.config.get("PreviewPolicy", {})) - set(there)):
                raise TraitError(
                    f"c.PreviewPolicy.{unknown[0]}: no such setting; there are {', '.join(sorted(there))}"
                )
        except TraitError as error:
            raise CourseError(str(error)) from error

    def left(self, made: int) -> int | None:
        """How many more; None for any number."""
        return None if self.looks is None else max(0, self.looks - made)

    def next(self, moments: Sequence[datetime]) -> datetime | None:
        """From when on the next may be, after looks at these moments; None where it is the first."""
        return moments[-1] + timedelta(hours=self.hours_apart) if moments else None

    def refused(self, moments: Sequence[datetime], now: datetime) -> str:
        """Why there is none now, or an empty string."""
        if self.left(len(moments)) == 0:
            return f"no look is left (c.PreviewPolicy.looks = {self.looks})"
        moment = self.next(moments)
        return f"not before {moment:%Y-%m-%d %H:%M} UTC" if moment and now < moment else ""
