"""The visible checks: a few worked examples per exercise, whose failures say what to look at.

    from checks import check                  # in the notebook: check(exponential_shaping)
    python checks.py                          # the same on the saved exercise.ipynb

They catch slips early. The mark is decided by hidden laws, which try many more inputs.
"""

import contextlib
import copy
import io
import math
import re
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

import sentiment
from lab import reader
from lab.alone import Surroundings, modules_beside
from lab.config import OneLineErrors, print_anything
from lab.examples import EXAMPLES, FAKE_SCORES, Example
from rewards import EXERCISES, NOTEBOOK, ExerciseError, Rewards, load_rewards, readable

RTOL, ATOL = 1e-4, 1e-6  # the hidden laws' tolerance
HIDDEN = "Hidden laws decide the mark."
GAINS = {
    "smoke": 0.30,
    "quick": 0.05,
    "medium": 0.20,
    "full": 0.25,
}  # in P(positive); the grader asks for smoke's
LEAST_DISTINCT_2, MOST_PERPLEXITY = 0.7, 1.5  # of the base model's
MOST_REPETITION = 0.10  # more than the base model's
HERE = Surroundings()
ALONE = "only the notebook is graded"


def check(function: Callable, stem: str | None = None) -> None:
    """Try a function on the worked examples of its exercise and print that they pass.

    Args:
        function: the exercise's function.
        stem: the exercise; by default the function's own name.

    Raises:
        AssertionError: an example fails; the message shows it, what the function gave, and a hint.
        NotImplementedError: the function is still the stub.
    """
    stem = stem or getattr(function, "__name__", "")
    if stem not in EXAMPLES:
        raise ValueError(
            f"{stem or function!r} is no exercise: check(function, STEM) with one of {', '.join(EXAMPLES)}"
        )
    if problem := first_problem(function, stem):
        raise AssertionError(problem)
    print(passed(stem))
    for name in modules_beside(function, HERE):
        print(f"warning: {ALONE}: put what {stem} needs of {name}.py into it")


def passed(stem: str) -> str:
    """Return the line for an exercise whose examples pass."""
    return (
        f"Exercise {EXERCISES[stem]}, {stem}: {len(EXAMPLES[stem])} visible examples pass. {HIDDEN}"
    )


def first_problem(function: Callable, stem: str) -> str:
    """Return what is wrong with the first example that fails, in words, or "" when all pass."""
    for example in EXAMPLES[stem]:
        if problem := try_example(function, stem, example):
            return f"Exercise {EXERCISES[stem]}, {stem}: {example.claim}\n{problem}"
    return ""


def try_example(function: Callable, stem: str, example: Example) -> str:
    """Return what is wrong with one example, in words, or "" when it passes."""
    args, kwargs = copy.deepcopy((list(example.args), example.kwargs))
    arguments = [*map(show, args), *(f"{name}={show(value)}" for name, value in kwargs.items())]
    call = f"  call      {stem}({', '.join(arguments)})"
    calls: list[list[str]] = []

    def known_scores(texts: list[str]) -> list[float]:
        calls.append(texts)
        return [FAKE_SCORES.get(text, 0.25) for text in texts]

    with sentiment.answered_by(known_scores):
        try:
            result = function(*args, **kwargs)
        except NotImplementedError:
            raise
        except (Exception, SystemExit) as error:  # whatever student code raises is an answer
            if isinstance(example.expected, type) and isinstance(error, example.expected):
                return ""
            where = failing_line(error)
            return mismatch(call, example, f"raises {type(error).__name__}: {error}{where}")
    if not all(map(unchanged, args, example.args)):
        return f"{call}\n  yours     changes its input: work on a copy"
    if not matches(result, example.expected):
        yours = "nothing: is there a `return`?" if result is None else show(result)
        return mismatch(call, example, yours, shape_hint(result, example.expected))
    if len(calls) > 1:
        times = f"calls get_sentiment_scores {len(calls)} times"
        return f"{call}\n  yours     {times}: score the whole batch in one call"
    return ""


def failing_line(error: Exception) -> str:
    """Return where the student's code failed, as "\\n            at <line>", or "" where its text is not known."""
    frames = [f for f in traceback.extract_tb(error.__traceback__) if f.filename != __file__]
    return f"\n            at {frames[0].line}" if frames and frames[0].line else ""


def shape_hint(result: Any, expected: list[float] | type[Exception]) -> str:
    """Return what to do about a tensor of another shape than [B], or "" where that is not what is wrong."""
    if not isinstance(result, torch.Tensor) or isinstance(expected, type):
        return ""
    if result.shape == (len(expected),):
        return ""
    return f"the shape is {list(result.shape)}, it must be [{len(expected)}]: one number for each completion"


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
    return value == original


def matches(result: Any, expected: list[float] | type[Exception]) -> bool:
    """Return whether a result is [B] numbers within the laws' tolerance of the expected ones."""
    if isinstance(expected, type):
        return False
    try:
        values = torch.as_tensor(result, dtype=torch.float64).detach().cpu()
    except (TypeError, ValueError, RuntimeError):
        return False
    target = torch.tensor(expected, dtype=torch.float64)
    # the expected numbers above are rounded to six places: hence the wider absolute tolerance
    return values.shape == target.shape and bool(
        torch.isclose(values, target, rtol=RTOL, atol=max(ATOL, 5e-7)).all()
    )


def show(value: Any) -> str:
    """Return a short, readable form of an argument or a result."""
    if isinstance(value, type):
        return f"{value.__name__} raised"
    if isinstance(value, torch.Tensor):
        shape = "×".join(map(str, value.shape))
        return (
            f"tensor[{shape}] {[round(v, 6) for v in value.flatten().tolist()]}"
            if value.numel() <= 16
            else f"tensor[{shape}]"
        )
    text = repr(
        [round(v, 6) if isinstance(v, float) else v for v in value]
        if isinstance(value, list)
        else value
    )
    return text if len(text) <= 300 else text[:300] + " …"


def check_run(trained: Any) -> None:
    """Check a finished run (exercise 5): it must write more positive text without giving up variety or fluency.

    Raises:
        AssertionError: with the figure that gave it away.
    """
    assert trained is not None, (
        "there is no run: does `train` return what experiment(...) gives it?"
    )
    before, after = trained.before, trained.after
    wanted = GAINS[trained.config["preset"]]
    assert trained.gain >= wanted, (
        f"P(positive) on held-out prompts went from {before['mean_sentiment']:.3f} to {after['mean_sentiment']:.3f}: a gain of less "
        f"than {wanted}. If the curve above does not rise, check exercises 1 to 3 again; if it rises too slowly, the KL term may be too "
        "strong: exercise 3a is a mean, and the coefficient 0.1. The grader trains with the same settings"
    )
    assert after["distinct_2"] >= LEAST_DISTINCT_2 * before["distinct_2"], (
        f"distinct-2 fell from {before['distinct_2']:.3f} to {after['distinct_2']:.3f}: the model writes the same words again and again. "
        "Read its completions; with exercise 5's configuration that points to exercise 2, 3a or 3b (sign, mean, coefficient)"
    )
    repeated = after["repetition"] - before["repetition"]
    assert repeated <= MOST_REPETITION, (
        f"repetition rose from {before['repetition']:.3f} to {after['repetition']:.3f}: completions say the same words over and over. "
        "Read them; with exercise 5's configuration that points to exercise 2, 3a or 3b (sign, mean, coefficient)"
    )
    assert after["perplexity"] <= MOST_PERPLEXITY * before["perplexity"], (
        f"perplexity under the base model rose from {before['perplexity']:.1f} to {after['perplexity']:.1f}: this is no longer review prose. "
        "Read its completions; the KL term keeps the policy near the reference"
    )
    print(
        f"Exercise 5, train: P(positive) {before['mean_sentiment']:.3f} → {after['mean_sentiment']:.3f}, still varied and fluent."
    )
    print("The mark comes from a run that the grader makes with your rewards.")


def overview(path: str | Path = NOTEBOOK) -> str:
    """Return the exercises and their marks, as the notebook's own metadata gives them.

    Raises:
        ExerciseError: there is no such notebook, or the grader could not read it.
    """
    cells = readable(Path(path), reader.parse)["cells"]
    graded = [clues for cell in cells if (clues := reader.clues(cell)).get("grade")]
    points = {clues["grade_id"].removesuffix("_laws"): clues["points"] for clues in graded}
    numbers = {**EXERCISES, "train": "5", "analysis": "6"}
    lines = [
        f"  {numbers.get(stem, '?'):>2}  {stem:<20} {value:>4g}" for stem, value in points.items()
    ]
    return "\n".join(
        [
            "      exercise             marks",
            *lines,
            f"      {'total':<20} {math.fsum(points.values()):>4g}",
        ]
    )


def notebook_warnings(path: Path) -> list[str]:
    """Return what is odd about the notebook's file: its name, or signs that it was not saved."""
    warnings = []
    if reader.is_notebook(path) and path.name != NOTEBOOK.name:
        warnings.append(
            f"this notebook is called {path.name}: rename it to {NOTEBOOK.name} before you submit"
        )
    age = time.time() - path.stat().st_mtime
    if age > 600:
        warnings.append(
            f"this notebook was last saved {age / 60:.0f} minutes ago: if you have worked on it since, save it (Ctrl-S) and run this again"
        )
    return warnings


def main(argv: list[str] | None = None) -> int:
    """Run every visible check on a saved notebook; 0 when all pass."""
    print_anything()
    parser = OneLineErrors(description="Run the visible checks on the saved notebook.")
    parser.add_argument(
        "notebook",
        nargs="?",
        default=NOTEBOOK,
        help="notebook or .py (default: exercise.ipynb beside this file)",
    )
    path = Path(parser.parse_args(argv).notebook)
    surroundings = Surroundings(path.parent)
    try:
        exercises = load_rewards(path)
    except ExerciseError as error:
        print(f"checks.py: {error}", file=sys.stderr)
        return 1
    for warning in notebook_warnings(path):
        print(f"warning: {warning}")
    failed = [stem for stem in EXAMPLES if not passes(exercises, stem)]
    if reader.is_notebook(path):
        for warning in missed(path.resolve(), set(EXAMPLES) - {*failed}, surroundings):
            print(f"warning: {warning}")
    untouched = all(exercises.status(stem) == "NotImplementedError" for stem in EXAMPLES)
    if untouched:
        print(
            "Nothing is implemented in the saved file. If you have written code, save the notebook first (Ctrl-S)."
        )
    print(
        f"\n{len(EXAMPLES) - len(failed)} of {len(EXAMPLES)} exercises pass their visible examples; 5 and 6 are not "
        f"checked here. {HIDDEN}"
    )
    return 1 if failed else 0


def passes(exercises: Any, stem: str) -> bool:
    """Run one exercise's examples and print how it went."""
    try:
        problem = first_problem(exercises[stem], stem)
    except NotImplementedError:
        problem = f"Exercise {EXERCISES[stem]}, {stem}: not implemented in the saved file"
    except ExerciseError as error:
        problem = str(error)
    print(problem or passed(stem))
    return not problem


def missed(path: Path, stems: set[str], surroundings: Surroundings) -> list[str]:
    """Return why exercises that pass here fail where the grader runs them: the notebook alone, nothing beside it."""
    with surroundings.left(), contextlib.redirect_stdout(io.StringIO()):
        exercises = load_rewards(path)
        failed = {
            stem: why for stem in EXAMPLES if stem in stems and (why := fails(exercises, stem))
        }
    return [
        f"Exercise {EXERCISES[stem]}, {stem}, passes here, but {ALONE}, and by itself it fails: {why}. Put what it needs into the notebook"
        for stem, why in failed.items()
    ]


def fails(exercises: Rewards, stem: str) -> str:
    """Return in one line why an exercise does not pass, "" if it does; of a name that is missing, why it is."""
    try:
        reason = first_problem(exercises[stem], stem)
    except (NotImplementedError, ExerciseError) as error:
        reason = str(error).removeprefix(f"Exercise {EXERCISES[stem]}, {stem}: ")
    if given := re.search(r"^  yours +(.*)", reason, re.MULTILINE):
        reason = given[1]
    problems = dict(exercises.problems)
    while (lost := re.search(r"name '(\w+)' is not defined", reason)) and lost[1] in problems:
        reason = problems.pop(lost[1])
    return reason


if __name__ == "__main__":
    sys.exit(main())
