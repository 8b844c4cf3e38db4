"""The visible checks: a few worked examples per exercise, whose failures say what to look at.

    from checks import check                  # in the notebook: check(exponential_shaping)
    python checks.py                          # the same on the saved exercise.ipynb

They catch slips early. The mark is decided by hidden laws, which try many more inputs.
"""

import difflib
import math
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from lab import reader
from lab.alone import ALONE, REMEDY, Surroundings, by_itself, executed, first_reason
from lab.command import OneLineErrors, says_errors
from lab.config import TrainConfig
from lab.errors import ExerciseError
from lab.exercises import NUMBERS, TABLE
from lab.notebook import marks, sources, unsaved
from lab.thresholds import flaw, other_settings
from lab.trial import still_below, try_example
from rewards import NOTEBOOK, Rewards, load_rewards

HIDDEN = "Hidden laws decide the mark."
UNTOUCHED = "not implemented in the saved file"
HERE = Surroundings()


class Alone:
    """An error that Jupyter shows as its message alone: where in this file it was raised helps nobody."""

    def _render_traceback_(self) -> list[str]:
        return str(self).splitlines()


class CheckFailed(Alone, AssertionError):
    """An example fails, or a run's figure; the message says which and why."""


class NotWritten(Alone, NotImplementedError):
    """The function is still the stub, or its last line is."""


class WhichExercise(Alone, ValueError):
    """Nobody can tell which exercise is to be checked; the message says how to say so."""


def check(function: Callable[..., Any] | str, stem: str | None = None) -> None:
    """Try a function on the worked examples of its exercise and print that they pass.

    Args:
        function: the exercise's function, or its name.
        stem: the exercise; by default the function's own name.

    Raises:
        AssertionError: an example fails; the message shows it, what the function gave, and a hint.
        NotImplementedError: the function is still the stub.
        ValueError: there is no such exercise, or no such function yet.
    """
    function, stem = meant(function, stem)
    try:
        problem = first_problem(function, stem) or missed(stem, executed(), HERE)
    except NotImplementedError as error:
        raise NotWritten(f"{TABLE[stem].title}: {still_below(error)}") from None
    if problem:
        raise CheckFailed(problem)
    print(passed(stem))


def meant(function: Callable[..., Any] | str, stem: str | None) -> tuple[Callable[..., Any], str]:
    """Return the function and its exercise; a lambda or the like is known by the name that the notebook gives it."""
    names = vars(sys.modules["__main__"])
    if isinstance(function, str):
        if not callable(names.get(function)):
            raise WhichExercise(f"there is no {function} yet: run the cell that defines it")
        return meant(names[function], stem or function)
    name = stem or str(getattr(function, "__name__", ""))
    if name not in TABLE:
        name = next((known for known in TABLE if names.get(known) is function), name)
    if name in TABLE:
        return function, name
    near = difflib.get_close_matches(name, TABLE, n=1)
    advice = f"did you mean {near[0]}? Its function must have that name" if near else ""
    raise WhichExercise(
        f"{name or repr(function)} is the name of no exercise: "
        + (
            advice
            or f'give it, too, as in check(function, "kl_estimate"), one of {", ".join(TABLE)}'
        )
    )


def passed(stem: str) -> str:
    """Return the line for an exercise whose examples pass."""
    row = TABLE[stem]
    return f"{row.title}: {len(row.examples)} visible examples pass. {HIDDEN}"


def first_problem(
    function: Callable[..., Any], stem: str, problems: Mapping[str, str] | None = None
) -> str:
    """Return what is wrong with the first example that fails, in words, or "" when all pass.

    Args:
        problems: why names of the notebook are missing.

    Raises:
        NotImplementedError: the function is the stub, or ends as it does.
    """
    row = TABLE[stem]
    for example in row.examples:
        if problem := try_example(function, stem, example, row.per):
            reason = first_reason(problem, problems or {})
            missing = f"\n            it is missing because {reason}" if reason else ""
            return f"{row.title}: {example.claim}\n{problem}{missing}"
    return ""


def missed(stem: str, texts: list[str], surroundings: Surroundings) -> str:
    """Return why an exercise that passes here fails where the grader runs these cells, nothing beside them; "" if it passes."""
    if not texts:
        return ""
    alone = by_itself(stem, texts, surroundings)
    if stem not in alone.functions and stem not in alone.problems:
        return ""  # defined in some way that leaves no trace in the cells, as by %load: checks.py tells
    with surroundings.left():
        reason = fails(alone, stem)
    if not reason:
        return ""
    return (
        f"{TABLE[stem].title}: passes here, but {ALONE}, and by itself it fails\n"
        f"  yours     {reason}\n  hint      {REMEDY}"
    )


def fails(exercises: Rewards, stem: str) -> str:
    """Return in one line why an exercise does not pass, "" if it does; of a name that is missing, why it is."""
    try:
        problem = first_problem(exercises[stem], stem)
    except (NotImplementedError, ExerciseError) as error:
        problem = str(error).removeprefix(f"{TABLE[stem].title}: ")
    yours = [line for line in problem.splitlines() if line.startswith("  yours ")]
    reason = yours[0].removeprefix("  yours").strip() if yours else problem
    because = first_reason(reason, exercises.problems)
    return f"{reason}: {because}" if because else reason


def finished(trained: Any) -> Any:
    """Return what `train` gave, a finished run; raises AssertionError with what to do where it is something else."""
    returns = "`train` must end with `return experiment(...)`"
    if trained is None:
        raise CheckFailed(f"there is no run: {returns}")
    if isinstance(trained, TrainConfig):
        raise CheckFailed(f"`train` gave its configuration, not a run: {returns}")
    if not all(hasattr(trained, name) for name in ("before", "after", "gain", "config")):
        raise CheckFailed(f"`train` gave {type(trained).__name__}, not a run: {returns}")
    return trained


def check_run(trained: Any, quiet: bool = False) -> None:
    """Check a finished run (exercise 5): it must write more positive text without giving up variety or fluency.

    Args:
        trained: what `train` gave.
        quiet: say nothing where all is well.

    Raises:
        AssertionError: with the setting that is another one than asked for, or the figure that gave the run away.
    """
    before, after, config = finished(trained).before, trained.after, trained.config
    if others := other_settings(config):
        raise CheckFailed(
            f"this run was made with {', '.join(others)}. The grader trains with the settings that exercise 5 asks for, "
            "whatever `train` says: run it with them"
        )
    if words := flaw(trained):
        raise CheckFailed(words)
    if quiet:
        return
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
    if words := unsaved(path):
        warnings.append(words)
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
    texts = sources(path.resolve(), {}) if reader.is_notebook(path) else []
    for warning in notebook_warnings(path):
        print(f"warning: {warning}")
    problems = {}
    for stem in TABLE:
        problems[stem] = saved_problem(exercises, stem, texts, surroundings)
        print(problems[stem] or passed(stem), flush=True)
    if all(problem.endswith(UNTOUCHED) for problem in problems.values()):
        print(
            "Nothing is implemented in the saved file. If you have written code, save the notebook first (Ctrl-S)."
        )
    passing = [stem for stem, problem in problems.items() if not problem]
    print(
        f"\n{len(passing)} of {len(TABLE)} exercises pass their visible examples; 5 and 6 are not "
        f"checked here. {HIDDEN}"
    )
    return 0 if len(passing) == len(TABLE) else 1


def saved_problem(
    exercises: Rewards, stem: str, texts: list[str], surroundings: Surroundings
) -> str:
    """Return what is wrong with one exercise of a saved file, "" where it passes; `texts` are the notebook's cells."""
    try:
        problem = first_problem(exercises[stem], stem, exercises.problems)
        return problem or missed(stem, texts, surroundings)
    except NotImplementedError as error:
        return f"{TABLE[stem].title}: {still_below(error, UNTOUCHED)}"
    except ExerciseError as error:
        return str(error)


if __name__ == "__main__":
    sys.exit(main())
