"""What was done wrong, by its likely cause: how many, who, and one example that names nobody.

An example shows the call, which is the law's own, and of the result what are numbers alone: other words may be a student's,
and a student's words may hold a name.
"""

import builtins
import re
from collections.abc import Iterator
from typing import Any

from grader.assignment import Kind
from grader.judging.feedback import WORDS
from grader.report.cohort import Cohort, Student, ids
from grader.verdict import FATAL, ExerciseVerdict, LawVerdict, Outcome, after_repair

UNKNOWN = "no likely cause is known"
OWN_ERROR = "an error of the student's own kind is raised"
WITHHELD = "(a student's words, left out)"
# arrays, lists and numbers as `grader.text.show` writes them
NUMBERS = re.compile(
    r"(?:(?:(?:b?float|u?int|complex)\d+|bool|nan|inf|None|True|False)\b|[-+.,\d()\[\]… ]|e[-+]\d)*+"
)
ERROR = re.compile(r"([A-Za-z_]\w*)(?::|$)")
BUILT_IN = {
    name
    for name, kind in vars(builtins).items()
    if isinstance(kind, type) and issubclass(kind, BaseException)
}
Part = dict[str, Any]


def mistakes(cohort: Cohort) -> list[Part]:
    """One entry a cause in an exercise, the most frequent first; those without a known cause come last."""
    found: dict[tuple[str, str], list[tuple[Student, LawVerdict | None]]] = {}
    judged = [s for s in cohort.handed_in if s.verdict]
    stems = [e.stem for e in cohort.table.plan if e.kind == Kind.LAWS]
    for student in judged:
        assert student.verdict is not None
        for stem in stems:
            for cause, law in causes(student.verdict["exercises"].get(stem)).items():
                found.setdefault((stem, cause), []).append((student, law))
    entries = [
        {
            "exercise": stem,
            "cause": cause,
            "known": cause != UNKNOWN,
            "students": len(those),
            "share": round(len(those) / len(judged), 4),
            "example": example([law for _, law in those if law]),
            "who": ids(student for student, _ in those),
        }
        for (stem, cause), those in found.items()
    ]
    return sorted(
        entries, key=lambda e: (not e["known"], -e["students"], stems.index(e["exercise"]))
    )


def causes(exercise: ExerciseVerdict | None) -> dict[str, LawVerdict | None]:
    """{cause: the law that shows it}: of one student in one exercise; a law without a cause counts only where no other has one."""
    if exercise is None or after_repair(exercise) in (
        Outcome.NOT_IMPLEMENTED,
        Outcome.INFRASTRUCTURE,
    ):
        return {}
    broken = sorted(
        (law for law in exercise["laws"] if not law["passed"]), key=lambda law: not law.get("value")
    )
    if after_repair(exercise) == Outcome.WRONG and exercise["note"]:  # it does nothing at all
        return {exercise["note"]: broken[0] if broken else None}
    named: dict[str, LawVerdict | None] = {}
    for law in broken:
        for cause in of_law(law):
            named.setdefault(cause, law)
    return named or ({UNKNOWN: broken[0]} if broken else {})


def of_law(law: LawVerdict) -> Iterator[str]:
    """How the calls ended, the likely cause, or the kind of error, whichever is the first that is known."""
    if law.get("outcome") in FATAL:
        yield WORDS[Outcome(law.get("outcome", ""))]
    elif law["hint"]:
        yield law["hint"]
    elif named := ERROR.match(law["got"]):
        kind = named[1]
        if kind in BUILT_IN:
            yield f"{kind} is raised"
        elif kind.endswith(("Error", "Exception")):
            yield OWN_ERROR


def example(laws: list[LawVerdict]) -> Part | None:
    """The shortest call that shows it, of a main law if there is one."""
    if not laws:
        return None
    law = min(
        laws,
        key=lambda law: (not law.get("value"), len(law["counterexample"]), law["counterexample"]),
    )
    return {
        "law": law["law"],
        "call": law["counterexample"],
        # of a call that never came back the cause says all
        "got": "" if law.get("outcome") in FATAL else only_numbers(law["got"]),
        "expected": law.get("expected", ""),
    }


def only_numbers(got: str) -> str:
    """A result as it is where it is nothing but numbers; of an error Python's own name for its kind."""
    if NUMBERS.fullmatch(got):
        return got
    named = ERROR.match(got)
    return named[1] if named and named[1] in BUILT_IN else WITHHELD
