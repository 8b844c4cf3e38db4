"""Errors that one law has shown to come of a special input: they cost that law, and no law that is about something else.

A function that raises for a row without tokens breaks the law on such rows. That its inputs are left as they were can be seen
on all other rows, so this law is judged on its other examples. Where no example is left, nothing was seen, and it fails. What the
main law meets is no special input: a function that raises there has shown nothing, and every law that meets the error fails.
"""

from typing import Any

from grader.judging.calls import StudentError, WrongError

Cause = tuple[str, str]  # of StudentError.cause


class Excuses:
    """What the laws of one exercise have met so far, in their order; constant while a law runs, so that it can be repeated."""

    def __init__(self) -> None:
        self.special: set[Cause] = set()
        self.ordinary: set[Cause] = set()
        # of the law that runs: failures that count for nothing
        self.taken: list[dict[str, Any]] = []
        self.judged = 0  # its examples that went to their end

    def take(self, error: Exception, failure: dict[str, Any], main: bool = False) -> bool:
        """Whether this failure of the law that runs is an earlier law's matter; kept, in case there is nothing else to see."""
        # which error it is may be what the law is about; the main law's failures are nobody else's matter
        if main or not isinstance(error, StudentError) or isinstance(error, WrongError):
            return False
        if error.cause not in self.special - self.ordinary:
            return False
        self.taken.append(failure)
        return True

    def law_ended(self, error: BaseException | None, main: bool) -> None:
        """Remember what the law met that ended so."""
        if isinstance(error, StudentError):
            (self.ordinary if main else self.special).add(error.cause)
        self.taken, self.judged = [], 0
