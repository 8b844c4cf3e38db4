"""How often a student may have an early look before the due date: `c.PreviewPolicy` in nbgrader_config.py."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from grader.gradebook.policy import Amount, Days, Policy


class PreviewPolicy(Policy):
    """So many looks for a student and an assignment, so many hours apart."""

    looks = Days(
        3, allow_none=True, help="looks for a student and an assignment; None: any number"
    ).tag(config=True)
    hours_apart = Amount(24, help="from one look of a student to the next").tag(config=True)

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
