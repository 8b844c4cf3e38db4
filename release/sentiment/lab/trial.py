"""One worked example tried on a student's function, and the words for what went wrong."""

import contextlib
import copy
import dis
import signal
import site
import sysconfig
import threading
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import torch

import sentiment
from lab import COURSE, gradients
from lab.examples import FAKE_SCORES, Example, arguments

RTOL, ATOL = 1e-4, 1e-6  # the hidden laws' tolerance
SECONDS = 20.0  # for one example: it takes milliseconds, but a first call may import
LEFT_BELOW = "code is there, but the line `raise NotImplementedError` still stands below it: delete that line"
# what lies there is Python, packages and the course: no line of a student's
NOT_STUDENTS = (
    *site.getsitepackages(),
    site.getusersitepackages(),
    *(sysconfig.get_path(name) for name in ("stdlib", "platstdlib")),
)
COURSES_OWN = {path.name for path in COURSE.glob("*.py")}


class TooLong(BaseException):
    """The time of an example is over; not an Exception, so that no `except Exception` of a student's swallows it."""


def try_example(function: Callable[..., Any], stem: str, example: Example, per: str) -> str:
    """Return what is wrong with one example, in words, or "" when it passes; `per` is what a result stands for.

    Raises:
        NotImplementedError: the function's own.
    """
    args, kwargs = gradients.leaves(example), copy.deepcopy(example.kwargs)
    shown = [*map(show, args), *(f"{name}={show(value)}" for name, value in kwargs.items())]
    call = f"  call      {stem}({', '.join(shown)})"
    calls: list[list[str]] = []

    def known_scores(texts: list[str]) -> list[float]:
        calls.append(texts)
        return [FAKE_SCORES.get(text, 0.25) for text in texts]

    with sentiment.answered_by(known_scores):
        try:
            with limited(SECONDS), gradients.kept():
                result = function(*args, **kwargs)
        except NotImplementedError as error:
            if raised_by_student(error):
                raise
            return wrong_error(error, call, example)
        except TooLong as error:
            words = f"no answer within {SECONDS:g} s: is there a loop that never ends?"
            return f"{call}\n  yours     {words}{failing_line(error)}"
        # whatever student code raises is an answer
        except (Exception, SystemExit) as error:
            return wrong_error(error, call, example)
    if not all(map(unchanged, args, arguments(example.args))):
        return f"{call}\n  yours     changes its input: work on a copy"
    if not matches(result, example.expected):
        return mismatch(call, example, *described(result, example, per))
    if wrong := gradients.first_wrong(result, args, example):
        return "\n".join([call, *wrong])
    if len(calls) > 1:
        times = f"calls get_sentiment_scores {len(calls)} times"
        return f"{call}\n  yours     {times}: score the whole batch in one call"
    return ""


@contextlib.contextmanager
def limited(seconds: float) -> Iterator[None]:
    """Raise TooLong in what takes longer, where a timer can interrupt it: in the main thread, not on Windows."""
    main = threading.current_thread() is threading.main_thread()
    if not main or not hasattr(signal, "setitimer"):
        yield
        return

    def over(*_: object) -> None:
        raise TooLong

    before = signal.signal(signal.SIGALRM, over)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def wrong_error(error: BaseException, call: str, example: Example) -> str:
    """Return the words for an error that was raised, or "" where the example asks for one of its type.

    The example's hint is about wrong values: it stands there only where the example asks for an error, or for a signature
    that takes its keywords.
    """
    asked = isinstance(example.expected, type)
    if isinstance(example.expected, type) and isinstance(error, example.expected):
        return ""
    words = f"raises {type(error).__name__}: {error}{failing_line(error)}"
    apt = asked or (example.kwargs and isinstance(error, TypeError))
    return mismatch(call, example, words, example.hint if apt else "")


def raised_by_student(error: BaseException) -> bool:
    """Tell whether a `raise` in Python raised it: torch's own errors about number formats are NotImplementedErrors, too."""
    frame, position = innermost(error)
    return frame is not None and frame.f_code.co_code[position] == dis.opmap["RAISE_VARARGS"]


def innermost(error: BaseException) -> tuple[FrameType | None, int]:
    """Return the frame in which an error was raised, and the instruction that raised it."""
    trace, found, position = error.__traceback__, None, 0
    while trace is not None:
        found, position, trace = trace.tb_frame, trace.tb_lasti, trace.tb_next
    return found, position


def still_below(error: NotImplementedError, untouched: str = "not implemented yet") -> str:
    """Return the words for a stub: `untouched`, or that lines of code stand above its last line."""
    frame, _ = innermost(error)
    if frame is None:
        return untouched
    lines = {line for _, _, line in frame.f_code.co_lines() if line}
    written = any(frame.f_code.co_firstlineno < line < frame.f_lineno for line in lines)
    return LEFT_BELOW if written else untouched


def failing_line(error: BaseException) -> str:
    """Return the innermost line of the student's that failed, as "\\n            at <line>", or "" where its text is not known."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame.line for frame in frames if is_students(frame.filename)]
    return f"\n            at {own[-1]}" if own and own[-1] else ""


def is_students(file: str) -> bool:
    """Tell whether a line of this file is a student's own; cells have names that are no path of Python's."""
    folders = {str(COURSE), *NOT_STUDENTS}
    beside = Path(file).parent == COURSE  # a student's module beside the course's own
    own = beside and Path(file).name not in COURSES_OWN
    return own or not (file.startswith("<frozen") or any(map(file.startswith, folders)))


def described(result: Any, example: Example, per: str) -> tuple[str, str]:
    """Return what a wrong result is, and the hint: a shape goes before values, and nothing has no hint about values."""
    if result is None:
        return "nothing: is there a `return`?", ""
    if callable(result) and not isinstance(result, torch.Tensor):
        return f"a function, {show(result)}: call it with (…)", ""
    if hint := shape_hint(result, example.expected, per):
        return f"shape {list(result.shape)}: {show(result)}", hint
    return show(result), example.hint


def shape_hint(result: Any, expected: list[float] | float | type[Exception], per: str) -> str:
    """Return what to do about a tensor of another shape than the expected one, or "" where that is not what is wrong."""
    if not isinstance(result, torch.Tensor) or isinstance(expected, type):
        return ""
    wanted = [len(expected)] if isinstance(expected, list) else []
    if list(result.shape) == wanted:
        return ""
    each = f"one number for each {per}" if wanted else "one number"
    return f"the shape is {list(result.shape)}, it must be {wanted}: {each}"


def mismatch(call: str, example: Example, yours: str, hint: str) -> str:
    """Return the words for a wrong answer; no line for an empty hint."""
    lines = [call, f"  expected  {show(example.expected)}", f"  yours     {yours}"]
    return "\n".join([*lines, *([f"  hint      {hint}"] if hint else [])])


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
        return tensor_text(value)
    if isinstance(value, list):
        value = [round(v, 6) if isinstance(v, float) else v for v in value]
    text = repr(value)
    return text if len(text) <= 300 else text[:300] + " …"


def tensor_text(value: torch.Tensor) -> str:
    """Return a tensor as torch prints it, on one line; of a large one its shape alone."""
    if value.numel() > 16:
        return f"tensor of shape {list(value.shape)}"
    if value.is_floating_point():
        numbers = torch.round(value.detach().double().cpu(), decimals=6).tolist()
    else:
        numbers = value.tolist()
    return f"tensor({numbers})"
