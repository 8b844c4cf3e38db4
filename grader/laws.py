"""What a laws file needs: `@law`, and checks whose failures are written for the student.

A law is a pytest function about `student`, the submitted function behind the wall. `@law` gives it its claim in plain
words and its weight in points; `@given` and `@settings` of hypothesis go below it.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from grader.judging.calls import StudentError, WrongError
from grader.judging.causes import matching
from grader.judging.law import Disagreement, LawFailed, compared, law
from grader.text import show

__all__ = [
    "agree",
    "check",
    "forgets",
    "gradients",
    "is_default",
    "keeps_inputs",
    "law",
    "matching",
    "near",
    "raises",
    "scalar",
    "vector",
]


def keeps_inputs(student: Any, *args: Any) -> None:
    """Calls the function, and fails if this call, or one of any law before, changed an argument in place.

    The worker itself says so, and student code that patches the worker can hide it; no value depends on its word.
    """
    student(*args)
    if student.changing is not None:
        student.calls[:] = [student.changing]  # what the report shows
        raise LawFailed("the function changed its input in place")


def forgets(
    student: Any, *args: Any, order: list[int] | None = None, other: Sequence[Any] | None = None
) -> None:
    """Calls the function twice with the same objects, refilled with their rows in another order, and fails if a call leaves a trace.

    What it gives the second time must be what a new process gives, and what it gave the first time stays as it was.

    Args:
        args: those of the function; arrays and lists with a row for each result are put in `order`.
        order: of at least four rows, so that first, last, mean and extremes are the same; default: the inner ones
            the other way round.
        other: what refills them where the function gives one number for all it is given: rows in another order would
            have the same.
    """
    one, rows = other is not None, len(args[0])
    order = [0, *range(rows - 2, 0, -1), rows - 1] if order is None else order
    refill = [_in_order(arg, order) for arg in args] if other is None else other
    size = 1 if one else rows
    with student.same_objects():
        results = [[got] if one else got for got in (student(*args), student(*refill))]
    earlier = [student.last.earlier] if one else student.last.earlier
    if not all(_is_vector(got, size) for got in results):
        return  # what is wrong with them other laws say
    first, second = (vector(got, size) for got in results)
    if _is_vector(earlier, size):
        kept = vector(earlier, size)
        agree(first, kept, ("as it was returned", "after the next call"), rtol=0, atol=0)
    if one or not np.allclose(second, first[order], rtol=1e-4, atol=1e-6):
        student.close()  # a new process remembers nothing
        alone = student(*refill)
        alone = vector([alone] if one else alone, size)
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


def check(condition: bool, words: str, cause: str | None = None) -> None:
    """Fails with these words unless the condition holds; `cause`: what laws that fail for one slip have in common."""
    if not condition:
        raise LawFailed(words, cause=cause)


def vector(got: Any, size: int, finite: bool = True) -> np.ndarray:
    """The result as float64 [size]: an array, or a list or tuple of numbers or 0-d arrays.

    Args:
        finite: every value must be; False in a law that is not about what the values are.
    """
    if isinstance(got, (list, tuple)):
        check(
            all(_is_number(item) for item in got),
            "the result is a list, but not of plain numbers",
            cause="type",
        )
        got = np.array([float(item) for item in got], dtype=np.float64)
    words = f"the result is {_kind(got)}, expected a tensor or list of {size} numbers"
    check(isinstance(got, np.ndarray), words, cause="type")
    words = f"the result has shape {list(got.shape)}, expected [{size}]"
    check(got.shape == (size,), words, cause="shape")
    got = got.astype(np.float64)
    if finite:
        check(bool(np.isfinite(got).all()), "the result holds nan or infinite values")
    return got


def scalar(got: Any) -> float:
    check(_is_number(got), f"the result is {_kind(got)}, expected one number", cause="type")
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


def gradients(student: Any, *args: Any, of: Sequence[int]) -> list[np.ndarray]:
    """Calls the function with the arguments at these places as tensors that require gradients; what its one number has in each.

    Returns:
        For each place a float64 array of that argument's shape, finite; zeros where no path of autograd leads to it.
        The law fails, in words, where there is no number or nothing can be differentiated.
    """
    for place in of:
        if getattr(args[place], "dtype", None) not in (np.float32, np.float64):
            raise TypeError(f"argument {place} is no array of floats: it has no gradient")
    with student.differentiated(of):
        got = student(*args)
    scalar(got)
    found = student.last.gradients
    words = (
        "the result is a plain number or a tensor that no gradient leads back from: "
        "something on the way cuts it off (.item(), .detach(), torch.no_grad, NumPy, a new tensor)"
    )
    check(isinstance(found, list) and len(found) == len(of), words, cause="no gradient")
    return [_gradient(each, args[n].shape) for each, n in zip(found, of, strict=True)]


def _gradient(found: Any, shape: tuple[int, ...]) -> np.ndarray:
    """One of them; what a worker sends is the student's, so nothing is taken for granted."""
    if found is None:
        return np.zeros(shape)
    numbers = isinstance(found, np.ndarray) and found.shape == shape and found.dtype.kind == "f"
    check(numbers, "what came back as its gradient is not one")
    check(bool(np.isfinite(found).all()), "the gradient holds nan or infinite values")
    return found.astype(np.float64)


def near(
    got: Any, expected: Any, rtol: float = 1e-4, atol: float | np.ndarray = 1e-6, what: str = ""
) -> None:
    """Fails, and lets the law's hint look for the cause, if any value is further off than atol + rtol·|expected|.

    Args:
        what: the numbers are that of the result ("gradient"), not the result itself.
    """
    got, expected = np.asarray(got, dtype=np.float64), np.asarray(expected, dtype=np.float64)
    if got.shape != expected.shape:
        raise LawFailed(f"the result has shape {list(got.shape)}, expected {list(expected.shape)}")
    compared[:] = got, expected
    wrong = np.abs(got - expected) > atol + rtol * np.abs(expected)
    if wrong.any() or np.isnan(got).any():
        first = int(np.argmax(wrong | np.isnan(got)))
        raise LawFailed("a value is not the one asked for", got, expected, first, what=what)


def agree(first: Any, second: Any, where: tuple[str, str], **tolerance: Any) -> None:
    """Fails unless two calls gave the same, nan and inf too; `where` says what each result stands for: ("in the batch", "alone")."""
    try:
        check(np.shape(first) == np.shape(second), "two shapes")
        known, other = np.isfinite(first), np.isfinite(second)
        odd = np.where(known, 0, first), np.where(other, 0, second)
        check(bool((known == other).all()) and np.array_equal(*odd, equal_nan=True), "nan or inf")
        near(np.where(other, second, 0), np.where(known, first, 0), **tolerance)
    except LawFailed:
        results = zip((first, second), where, strict=True)
        words = ", ".join(f"{show(np.asarray(got).tolist())} {place}" for got, place in results)
        raise Disagreement(words) from None


def is_default(
    student: Any, args: Sequence[Any], name: str, value: float, other: float, one: bool = False
) -> None:
    """Fails unless leaving the argument out gives what `value` gives, and `other` gives something else.

    `one`: the function gives one number for all it is given, not one for each row of its first argument.
    """
    results = (student(*args, **named) for named in ({name: value}, {}, {name: other}))
    given, without, changed = (
        np.array([scalar(got)]) if one else vector(got, len(args[0])) for got in results
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
