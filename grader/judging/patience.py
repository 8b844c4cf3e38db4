"""What one exercise of a submission may still take of time and of second chances.

A value: whoever keeps one can bring that moment back.
"""

from dataclasses import dataclass, replace
from typing import Self

from grader.assignment import Limits
from grader.judging.calls import Ended
from grader.verdict import Outcome
from grader.wall.ends import WorkerEnded

UNHURRIED = 0.25  # seconds a call may take without using up patience …
UNHURRIED_LOAD = 1.0  # … and loading the notebook
ALL_CALLS = 4  # times the patience: what calls may take altogether, however quick each is


@dataclass(frozen=True)
class Patience:
    """Seconds and chances that are left; the methods give what is left afterwards."""

    slow: float  # seconds for slow calls, all together
    left: float  # seconds for all calls together, however quick each is
    answering: float  # seconds for the course's own functions, all together
    strikes: int = 0  # time-outs and deaths so far
    spared: bool = False  # whether one that may be this machine's doing was forgiven
    over: Ended | None = None  # how every further call ends
    before: Self | None = None  # as it was when the last call, or loading, began

    def begun(self) -> Self:
        """As a call or loading begins."""
        return replace(self, before=replace(self, before=None))

    def after(self, seconds: float, unhurried: float) -> Self:
        """After a call or loading that took so long: slow ones, far more than many, use patience up."""
        slow, left = self.slow - max(0.0, seconds - unhurried), self.left - seconds
        over = self.over
        if over is None and min(slow, left) < 0:
            over = Ended(Outcome.TIMEOUT, "not run: earlier calls had taken too long altogether")
        return replace(self, slow=slow, left=left, over=over)

    def answered(self, seconds: float) -> Self:
        """After one of the course's own functions took so long."""
        return replace(self, answering=self.answering - seconds)

    def ended(self, over: Ended) -> Self:
        """Once every further call ends like this."""
        return replace(self, over=over)

    def spares(self, end: WorkerEnded) -> bool:
        """Whether this end is forgiven: one is, if it may be this machine's doing; the next is put down to the student."""
        return end.doubtful and not self.spared

    def sparing(self) -> Self:
        """Once that one was: what it took of time is given back."""
        then = self.before or self
        return replace(self, slow=then.slow, left=then.left, over=then.over, spared=True)

    def struck(self, end: WorkerEnded, most: int) -> Self:
        """After an end that is not forgiven; with `most` strikes everything is over."""
        strikes = self.strikes if end.outcome == Outcome.INFRASTRUCTURE else self.strikes + 1
        if strikes < most:
            return replace(self, strikes=strikes)
        words = f"not run: earlier calls had ended so {strikes} times ({end.words})"
        return replace(self, strikes=strikes, over=Ended(end.outcome, words))


def whole(limits: Limits) -> Patience:
    """What an exercise has at first."""
    seconds = limits.exercise_seconds
    return Patience(seconds, ALL_CALLS * seconds, limits.answer_seconds)
