"""The visible checks: a few worked examples per exercise, whose failures say what to look at.

    from checks import check                  # in the notebook: check(exponential_shaping)
    python checks.py                          # the same on the saved exercise.ipynb

They catch slips early. The mark is decided by hidden laws, which try many more inputs.
"""

import contextlib
import io
import math
import re
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lab import reader
from lab.alone import Surroundings, modules_beside
from lab.command import OneLineErrors, says_errors
from lab.errors import ExerciseError
from lab.exercises import NUMBERS, TABLE
from lab.notebook import marks
from lab.thresholds import THRESHOLDS, text_figures
from lab.trial import try_example
from rewards import NOTEBOOK, Rewards, load_rewards

HIDDEN = "Hidden laws decide the mark."
HERE = Surroundings()
ALONE = "only the notebook is graded"


def check(function: Callable[..., Any], stem: str | None = None) -> None:
    """Try a function on the worked examples of its exercise and print that they pass.

    Args:
        function: the exercise's function.
        stem: the exercise; by default the function's own name.

    Raises:
        AssertionError: an example fails; the message shows it, what the function gave, and a hint.
        NotImplementedError: the function is still the stub.
    """
    stem = stem or getattr(function, "__name__", "")
    if stem not in TABLE:
        raise ValueError(
            f"{stem or function!r} is no exercise: check(function, STEM) with one of {', '.join(TABLE)}"
        )
    if problem := first_problem(function, stem):
        raise AssertionError(problem)
    print(passed(stem))
    for name in modules_beside(function, HERE):
        print(f"warning: {ALONE}: put what {stem} needs of {name}.py into it")


def passed(stem: str) -> str:
    """Return the line for an exercise whose examples pass."""
    row = TABLE[stem]
    return f"{row.title}: {len(row.examples)} visible examples pass. {HIDDEN}"


def first_problem(function: Callable[..., Any], stem: str) -> str:
    """Return what is wrong with the first example that fails, in words, or "" when all pass."""
    row = TABLE[stem]
    for example in row.examples:
        if problem := try_example(function, stem, example, row.per):
            return f"{row.title}: {example.claim}\n{problem}"
    return ""


def check_run(trained: Any) -> None:
    """Check a finished run (exercise 5): it must write more positive text without giving up variety or fluency.

    Raises:
        AssertionError: with the figure that gave it away.
    """
    assert trained is not None, (
        "there is no run: does `train` return what experiment(...) gives it?"
    )
    before, after, preset = trained.before, trained.after, trained.config["preset"]
    figures = {"gain": trained.gain, **text_figures(before, after)}
    for threshold in THRESHOLDS:
        bound = threshold.bounds[preset]
        words = threshold.flaw.format(before=before, after=after, bound=bound)
        assert threshold.holds(figures, preset), words
    print(
        f"Exercise 5, train: P(positive) {before['mean_sentiment']:.3f} → {after['mean_sentiment']:.3f}, still varied and fluent."
    )
    print("The mark comes from a run that the grader makes with your rewards.")


def overview(path: str | Path = NOTEBOOK) -> str:
    """Return the exercises and their marks, as the notebook's own metadata gives them.

    Raises:
        ExerciseError: there is no such notebook, or the grader could not read it.
    """
    points = marks(Path(path))
    lines = [
        f"  {NUMBERS.get(stem, '?'):>2}  {stem:<20} {value:>4g}" for stem, value in points.items()
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


@says_errors("checks.py")
def main(argv: list[str] | None = None) -> int:
    """Run every visible check on a saved notebook; 0 when all pass."""
    parser = OneLineErrors(description="Run the visible checks on the saved notebook.")
    text = "notebook or .py (default: exercise.ipynb beside this file)"
    parser.add_argument("notebook", nargs="?", default=NOTEBOOK, help=text)
    path = Path(parser.parse_args(argv).notebook)
    surroundings = Surroundings(path.parent)
    exercises = load_rewards(path)
    for warning in notebook_warnings(path):
        print(f"warning: {warning}")
    passing = {stem for stem in TABLE if passes(exercises, stem)}
    if reader.is_notebook(path):
        for warning in missed(path.resolve(), passing, surroundings):
            print(f"warning: {warning}")
    if all(exercises.status(stem) == "NotImplementedError" for stem in TABLE):
        print(
            "Nothing is implemented in the saved file. If you have written code, save the notebook first (Ctrl-S)."
        )
    print(
        f"\n{len(passing)} of {len(TABLE)} exercises pass their visible examples; 5 and 6 are not "
        f"checked here. {HIDDEN}"
    )
    return 0 if len(passing) == len(TABLE) else 1


def passes(exercises: Rewards, stem: str) -> bool:
    """Run one exercise's examples and print how it went."""
    try:
        problem = first_problem(exercises[stem], stem)
    except NotImplementedError:
        problem = f"{TABLE[stem].title}: not implemented in the saved file"
    except ExerciseError as error:
        problem = str(error)
    print(problem or passed(stem))
    return not problem


def missed(path: Path, stems: set[str], surroundings: Surroundings) -> list[str]:
    """Return why exercises that pass here fail where the grader runs them: the notebook alone, nothing beside it."""
    with surroundings.left(), contextlib.redirect_stdout(io.StringIO()):
        exercises = load_rewards(path)
        failed = {stem: why for stem in TABLE if stem in stems and (why := fails(exercises, stem))}
    return [
        f"{TABLE[stem].title}, passes here, but {ALONE}, and by itself it fails: {why}. Put what it needs into the notebook"
        for stem, why in failed.items()
    ]


def fails(exercises: Rewards, stem: str) -> str:
    """Return in one line why an exercise does not pass, "" if it does; of a name that is missing, why it is."""
    try:
        reason = first_problem(exercises[stem], stem)
    except (NotImplementedError, ExerciseError) as error:
        reason = str(error).removeprefix(f"{TABLE[stem].title}: ")
    if given := re.search(r"^  yours +(.*)", reason, re.MULTILINE):
        reason = given[1]
    problems = dict(exercises.problems)
    while (lost := re.search(r"name '(\w+)' is not defined", reason)) and lost[1] in problems:
        reason = problems.pop(lost[1])
    return reason


if __name__ == "__main__":
    sys.exit(main())
