"""What a laws file needs: `@law`, and checks whose failures are written for the student.

A law is a pytest function about `student`, the submitted function behind the wall. `@law` gives it its claim in plain
words and its weight in points; `@given` and `@settings` of hypothesis go below it.
"""

import contextlib
import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from grader.judging.calls import Call, StudentError, WrongError
from grader.judging.causes import matching as matching  # for laws files
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
    ) -> None:
        super().__init__(words)
        self.words, self.got, self.expected = words, got, expected
        self.first_wrong = first_wrong


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
            student.failures.append(_failure(declared, student, error))
            raise
        if student.explaining:  # what holds tells causes apart as well
            student.failures.append({"causes": _causes(declared, student)})

    return example


def _failure(declared: Law, student: Any, error: Exception) -> dict[str, Any]:
    """The row of the report: what was called with what, what came back, and what would explain it."""
    calls = student.calls[-3:]
    numbers = getattr(error, "got", None)
    got = show(calls[-1].got if calls else numbers)
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
        "causes": _causes(declared, student) if numbers is not None else None,
    }


def _causes(declared: Law, student: Any) -> Any:
    """What explains the numbers that were compared last; None where nothing can."""
    if declared.hint and student.calls and compared:
        # odd results must not turn a hint into trouble, or into warnings
        with contextlib.suppress(Exception), np.errstate(all="ignore"):
            return declared.hint(student.calls[-1], *compared)
    return None


def _asked_for(error: Any) -> str:
    """What is expected in place of a wrong number or error: of many numbers, the first that is wrong."""
    expected = getattr(error, "expected", None)
    if expected is None or isinstance(expected, str):
        return expected or ""
    if expected.size <= FEW:
        return show(expected.tolist())
    return f"{show(float(expected[error.first_wrong]))} at position {error.first_wrong}"


def keeps_inputs(student: Any, *args: Any) -> None:
    """Calls the function, and fails if this call, or one of any law before, changed an argument in place.

    The worker itself says so, and student code that patches the worker can hide it; no value depends on its word.
    """
    student(*args)
    if student.changing is not None:
        student.calls[:] = [student.changing]  # what the report shows
        raise LawFailed("the function changed its input in place")


def forgets(student: Any, *args: Any, order: list[int] | None = None) -> None:
    """Calls the function twice with the same objects, refilled with their rows in another order, and fails if a call leaves a trace.

    What it gives the second time must be what a new process gives, and what it gave the first time stays as it was.

    Args:
        args: those of the function; arrays and lists with a row for each result are put in `order`.
        order: of at least four rows, so that first, last, mean and extremes are the same; default: the inner ones
            the other way round.
    """
    rows = len(args[0])
    order = [0, *range(rows - 2, 0, -1), rows - 1] if order is None else order
    other = [_in_order(arg, order) for arg in args]
    with student.same_objects():
        results = student(*args), student(*other)
    if not all(_is_vector(got, rows) for got in results):
        return  # what is wrong with them other laws say
    first, second = (vector(got, rows) for got in results)
    if _is_vector(student.last.earlier, rows):
        kept = vector(student.last.earlier, rows)
        agree(first, kept, ("as it was returned", "after the next call"), rtol=0, atol=0)
    if not np.allclose(second, first[order], rtol=1e-4, atol=1e-6):
        student.close()  # a new process remembers nothing
        alone = vector(student(*other), rows)
        agree(alone, second, ("in a new process", "after another call"), atol=1e-4)


def _in_order(arg: Any, order: list[int]) -> Any:
    if isinstance(arg, list):
        return [arg[row] for row in order]
    return arg[order] if isinstance(arg, np.ndarray) else arg


def _is_vector(got: Any, rows: int) -> bool:
    try:
        vector(got, rows)
    except LawFailed:
        return False
    return True


def check(condition: bool, words: str) -> None:
    if not condition:
        raise LawFailed(words)


def vector(got: Any, size: int) -> np.ndarray:
    """The result as float64 [size]: an array, or a list or tuple of numbers or 0-d arrays, every value finite."""
    if isinstance(got, (list, tuple)):
        check(
            all(_is_number(item) for item in got), "the result is a list, but not of plain numbers"
        )
        got = np.array([float(item) for item in got], dtype=np.float64)
    check(
        isinstance(got, np.ndarray),
        f"the result is {_kind(got)}, expected a tensor or list of {size} numbers",
    )
    check(got.shape == (size,), f"the result has shape {list(got.shape)}, expected [{size}]")
    got = got.astype(np.float64)
    check(bool(np.isfinite(got).all()), "the result holds nan or infinite values")
    return got


def scalar(got: Any) -> float:
    check(_is_number(got), f"the result is {_kind(got)}, expected one number")
    check(bool(np.isfinite(float(got))), "the result is nan or infinite")
    return float(got)


def _is_number(value: Any) -> bool:
    if isinstance(value, np.ndarray):
        return value.shape == ()
    return isinstance(value, (int, float))


def _kind(value: Any) -> str:
    return (
        "None (is the `return` missing?)"
        if value is None
        else f"of type {getattr(value, 'type_name', type(value).__name__)}"
    )


def near(got: Any, expected: Any, rtol: float = 1e-4, atol: float = 1e-6) -> None:
    """Fails, and lets the law's hint look for the cause, if any value is further off than atol + rtol·|expected|."""
    got, expected = np.asarray(got, dtype=np.float64), np.asarray(expected, dtype=np.float64)
    if got.shape != expected.shape:
        raise LawFailed(f"the result has shape {list(got.shape)}, expected {list(expected.shape)}")
    compared[:] = got, expected
    wrong = np.abs(got - expected) > atol + rtol * np.abs(expected)
    if wrong.any() or np.isnan(got).any():
        raise LawFailed("a value is not the one asked for", got, expected, int(np.argmax(wrong)))


def agree(first: Any, second: Any, where: tuple[str, str], **tolerance: float) -> None:
    """Fails unless two calls gave the same; `where` says what each result stands for: ("in the batch", "alone")."""
    try:
        near(second, first, **tolerance)
    except LawFailed:
        results = zip((first, second), where, strict=True)
        words = ", ".join(f"{show(np.asarray(got).tolist())} {place}" for got, place in results)
        raise Disagreement(words) from None


def is_default(student: Any, args: Sequence[Any], name: str, value: float, other: float) -> None:
    """Fails unless leaving the argument out gives what `value` gives, and `other` gives something else."""
    size = len(args[0])
    given, without, changed = (
        vector(student(*args, **named), size) for named in ({name: value}, {}, {name: other})
    )
    agree(given, without, (f"with {name}={value:g}", "without it"))
    check(not np.allclose(given, changed), f"{name}={value:g} and {name}={other:g} give the same")


def raises(kind: type[Exception], student: Any, *args: Any, **kwargs: Any) -> None:
    """The call must raise this built-in exception or one derived from it."""
    try:
        student(*args, **kwargs)
    except StudentError as error:
        if error.is_a(kind.__name__):
            return
        raise WrongError(error, kind.__name__) from None
    raise LawFailed("no error was raised", expected=kind.__name__)
