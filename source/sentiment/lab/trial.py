"""One worked example tried on a student's function, and the words for what went wrong."""

import copy
import traceback
from collections.abc import Callable
from typing import Any

import torch

import sentiment
from lab.examples import FAKE_SCORES, Example, arguments

RTOL, ATOL = 1e-4, 1e-6  # the hidden laws' tolerance


def try_example(function: Callable[..., Any], stem: str, example: Example, per: str) -> str:
    """Return what is wrong with one example, in words, or "" when it passes; `per` is what a result stands for."""
    args, kwargs = arguments(example.args), copy.deepcopy(example.kwargs)
    shown = [*map(show, args), *(f"{name}={show(value)}" for name, value in kwargs.items())]
    call = f"  call      {stem}({', '.join(shown)})"
    calls: list[list[str]] = []

    def known_scores(texts: list[str]) -> list[float]:
        calls.append(texts)
        return [FAKE_SCORES.get(text, 0.25) for text in texts]

    with sentiment.answered_by(known_scores):
        try:
            result = function(*args, **kwargs)
        except NotImplementedError:
            raise
        # whatever student code raises is an answer
        except (Exception, SystemExit) as error:
            return wrong_error(error, call, example)
    if not all(map(unchanged, args, arguments(example.args))):
        return f"{call}\n  yours     changes its input: work on a copy"
    if not matches(result, example.expected):
        yours = "nothing: is there a `return`?" if result is None else show(result)
        return mismatch(call, example, yours, shape_hint(result, example.expected, per))
    if len(calls) > 1:
        times = f"calls get_sentiment_scores {len(calls)} times"
        return f"{call}\n  yours     {times}: score the whole batch in one call"
    return ""


def wrong_error(error: BaseException, call: str, example: Example) -> str:
    """Return the words for an error that was raised, or "" where the example asks for one of its type."""
    if isinstance(example.expected, type) and isinstance(error, example.expected):
        return ""
    return mismatch(call, example, f"raises {type(error).__name__}: {error}{failing_line(error)}")


def failing_line(error: BaseException) -> str:
    """Return where the student's code failed, as "\\n            at <line>", or "" where its text is not known."""
    frames = [f for f in traceback.extract_tb(error.__traceback__) if f.filename != __file__]
    return f"\n            at {frames[0].line}" if frames and frames[0].line else ""


def shape_hint(result: Any, expected: list[float] | float | type[Exception], per: str) -> str:
    """Return what to do about a tensor of another shape than the expected one, or "" where that is not what is wrong."""
    if not isinstance(result, torch.Tensor) or isinstance(expected, type):
        return ""
    wanted = [len(expected)] if isinstance(expected, list) else []
    if list(result.shape) == wanted:
        return ""
    each = f"one number for each {per}" if wanted else "one number"
    return f"the shape is {list(result.shape)}, it must be {wanted}: {each}"


def mismatch(call: str, example: Example, yours: str, hint: str = "") -> str:
    """Return the words for a wrong answer; `hint` in place of the example's own."""
    lines = [
        call,
        f"  expected  {show(example.expected)}",
        f"  yours     {yours}",
        f"  hint      {hint or example.hint}",
    ]
    return "\n".join(lines)


def unchanged(value: Any, original: Any) -> bool:
    """Return whether an argument is still what it was before the call."""
    if isinstance(original, torch.Tensor):
        return torch.equal(value, original)
    return bool(value == original)


def matches(result: Any, expected: list[float] | float | type[Exception]) -> bool:
    """Return whether a result is the expected numbers, in their shape and within the laws' tolerance."""
    if isinstance(expected, type):
        return False
    try:
        values = torch.as_tensor(result, dtype=torch.float64).detach().cpu()
    except (TypeError, ValueError, RuntimeError):
        return False
    target = torch.tensor(expected, dtype=torch.float64)
    # the expected numbers are rounded to six places: hence the wider absolute tolerance
    return values.shape == target.shape and bool(
        torch.isclose(values, target, rtol=RTOL, atol=max(ATOL, 5e-7)).all()
    )


def show(value: Any) -> str:
    """Return a short, readable form of an argument or a result."""
    if isinstance(value, type):
        return f"{value.__name__} raised"
    if isinstance(value, torch.Tensor):
        shape = "×".join(map(str, value.shape))
        numbers = f" {[round(v, 6) for v in value.flatten().tolist()]}"
        return f"tensor[{shape}]{numbers if value.numel() <= 16 else ''}"
    if isinstance(value, list):
        value = [round(v, 6) if isinstance(v, float) else v for v in value]
    text = repr(value)
    return text if len(text) <= 300 else text[:300] + " …"
