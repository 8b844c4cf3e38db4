"""The command that gives a verdict again, and whether it does."""

import json
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from grader.assignment import LAWS, TRAINING
from grader.classroom.differences import HELD
from grader.errors import CourseError
from grader.text import as_argument, from_here, one_line, program
from grader.verdict import ExerciseVerdict, Verdict

# what the same notebook has whoever asks; `submission` is a path or a student, and `made_with` is compared by itself
SAME = ("sha256", "isolation", "status", "complete", "total", "max_total", "notes")

OTHERWISE = "the same marks in other words, or with another example"


def arguments(
    file: Path, verdict: Verdict, name: str, laws: Path, training: Path, exercise: str | None
) -> list[str]:
    """Of `python -m grader`."""
    words = ["check", "--assignment", name, "--isolation", verdict["isolation"]]
    words += ["--laws", str(laws)] if laws != LAWS else []
    words += ["--training", str(training)] if training != TRAINING else []
    words += ["--exercise", exercise] if exercise else []
    return [*words, str(from_here(file))]


def as_typed(words: list[str]) -> str:
    """For a shell."""
    *options, file = words
    return f"{program()} -m grader {shlex.join(options)} {as_argument(file)}"


def verify(words: list[str], verdict: Verdict, exercise: str | None) -> list[str]:
    """Run it, and say what is not the same; CourseError where it gives no verdict."""
    *options, file = words
    command = [sys.executable, "-m", "grader", *options, "--json", "-", "--", file]
    done = subprocess.run(command, capture_output=True, text=True)
    try:
        again: Verdict = json.loads(done.stdout)
    except ValueError:
        why = one_line(done.stderr.strip().rpartition("\n")[2] or f"exit code {done.returncode}")
        raise CourseError(f"the command gives no verdict: {why}") from None
    return list(differences(verdict, again, exercise))


def differences(then: Verdict, now: Verdict, exercise: str | None) -> Iterator[str]:
    """In words; none where every law and word is the same. `exercise`: this one alone."""
    stems = [exercise] if exercise else list(then["exercises"])
    if not exercise:
        for name in SAME:
            was, is_now = then.get(name), now.get(name)
            if was != is_now:
                yield f"{name}: {was}, now {is_now}"
    for stem in stems:
        yield from _of_exercise(stem, then["exercises"][stem], now["exercises"][stem])


def _of_exercise(stem: str, then: ExerciseVerdict, now: ExerciseVerdict) -> Iterator[str]:
    if then == now:
        return
    found = [*_marks(then, now), *_laws(then, now)]
    yield from (f"{stem}: {said}" for said in found or [OTHERWISE])


def _marks(then: ExerciseVerdict, now: ExerciseVerdict) -> Iterator[str]:
    for name in ("points", "max_points", "outcome"):
        was, is_now = then[name], now[name]
        if was != is_now:
            yield f"{name} {was}, now {is_now}"


def _laws(then: ExerciseVerdict, now: ExerciseVerdict) -> Iterator[str]:
    before, after = ({law["law"]: law["passed"] for law in e["laws"]} for e in (then, now))
    for law in dict.fromkeys((*before, *after)):
        was, is_now = before.get(law), after.get(law)
        if was != is_now:
            yield f"{HELD[was]}, now {HELD[is_now]}: {law}"
