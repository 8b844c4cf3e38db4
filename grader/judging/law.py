"""`@law`, which gives a test its claim and its weight, and keeps what a failing example shows."""

import contextlib
import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from grader.judging.calls import Call, StudentError
from grader.judging.causes import among, suspects
from grader.text import clean, show

# the result and what is right, of the last comparison in the running example
compared: list[np.ndarray] = []
FEW = 8  # numbers that are shown one by one where something else is expected
Hint = Callable[[Call, np.ndarray, np.ndarray], Any]  # gives what `matching` gives
Test = Callable[..., None]


@dataclass(frozen=True)
class Law:
    """What a test declares with `@law`."""

    claim: str
    weight: float
    value: bool = False
    hint: Hint | None = None
    hides: str = ""


class LawFailed(AssertionError):
    """`words` says what is wrong; `expected` what was: numbers, compared with `got`, or an error's name."""

    def __init__(
        self,
        words: str,
        got: np.ndarray | None = None,
        expected: np.ndarray | str | None = None,
        first_wrong: int | None = None,
        cause: Any = None,
        what: str = "",
    ) -> None:
        """`cause`: what failures have in common that show one slip, None where each stands for itself; `what`: `got` is that of the result."""
        super().__init__(words)
        self.what = what
        self.words, self.got, self.expected = words, got, expected
        self.first_wrong, self.cause = first_wrong, cause


class Disagreement(LawFailed):
    """Two calls that must agree do not: the words show both results, for the last one alone may be right in itself."""


def law(
    claim: str, weight: float, value: bool = False, hint: Hint | None = None, hides: str = ""
) -> Callable[[Test], Test]:
    """Declare a law.

    Args:
        weight: in points.
        value: True for the one law that compares with the oracle.
        hint: gives `matching`'s causes for a wrong result, from the call, the result and what is right.
        hides: why a student may not see what is expected where the law fails; empty if he may.
    """
    if not isinstance(weight, (int, float)):
        raise TypeError(f"weight={weight!r}: the law's points are a number")

    def declare(test: Any) -> Test:
        declared = Law(claim, weight, value, hint, hides)
        if hasattr(test, "hypothesis"):
            test.hypothesis.inner_test = _watched(test.hypothesis.inner_test, declared)
        else:
            test = _watched(test, declared)
        test.law = declared
        return test

    return declare


def _watched(test: Test, declared: Law) -> Test:
    """Run one example of a law; what a failing one shows is kept on the student for the report."""

    @functools.wraps(test)
    def example(*args: Any, **kwargs: Any) -> None:
        student = kwargs["student"]
        student.calls.clear()
        compared.clear()
        try:
            test(*args, **kwargs)
        except (AssertionError, StudentError) as error:
            failure = _failure(declared, student, error)
            if student.excuses.take(error, failure, main=declared.value):
                return
            student.failures.append(failure)
            raise
        student.excuses.judged += 1
        if student.explaining:  # what holds tells causes apart as well
            student.failures.append({"causes": _causes(declared, student)})

    return example


def _failure(declared: Law, student: Any, error: Exception) -> dict[str, Any]:
    """The row of the report: what was called with what, what came back, and what would explain it."""
    calls = student.calls[-3:]
    numbers, what = getattr(error, "got", None), getattr(error, "what", "")
    got = show(calls[-1].got if calls else numbers)
    if what and numbers is not None:
        got = f"{what} {show(numbers.tolist())}"
    if isinstance(error, (StudentError, Disagreement)):
        words = got = str(error)
    elif numbers is not None:
        words = ""  # a wrong number: the law and the value say it all, unless there is a cause
    else:
        words = clean(getattr(error, "words", "") or str(error).partition("\n")[0])
    return {
        "counterexample": "; ".join(call.shown for call in calls),
        "got": got,
        "expected": "" if declared.hides else _asked_for(error),
        "words": words,
        "cause": getattr(error, "cause", None),
        "causes": _causes(declared, student) if numbers is not None else None,
    }


def _causes(declared: Law, student: Any) -> Any:
    """What explains the numbers that were compared last; None where nothing can."""
    if declared.hint and student.calls and compared:
        # odd results must not turn a hint into trouble, or into warnings
        seen = [f["causes"] for f in student.failures if f["causes"] is not None]
        with contextlib.suppress(Exception), np.errstate(all="ignore"), among(suspects(seen)):
            return declared.hint(student.calls[-1], *compared)
    return None


def _asked_for(error: Any) -> str:
    """What is expected in place of a wrong number or error: of many numbers, the first that is wrong."""
    expected = getattr(error, "expected", None)
    if expected is None or isinstance(expected, str):
        return expected or ""
    if expected.size <= FEW:
        return show(expected.tolist())
    place = [int(n) for n in np.unravel_index(error.first_wrong, expected.shape)]
    return f"{show(float(expected[*place]))} at position {', '.join(map(str, place))}"
