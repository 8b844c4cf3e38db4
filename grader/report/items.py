"""Item analysis: which laws the class breaks, and whether those with better marks break them less."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from grader.assignment import Kind
from grader.report.cohort import Cohort, Student
from grader.verdict import LawVerdict, Outcome, Status

FEW = 10  # who keep a law, or who break it: below that its correlation is chance
LITTLE = 0.2  # what books on tests call a poor item, from Ebel (1965) on
JUDGED = (Status.GRADED, Status.PARTIAL)
Part = dict[str, Any]
# a student's laws by exercise and name, and what other exercises gave
Sheet = tuple[dict[tuple[str, str], LawVerdict], float]


def items(cohort: Cohort) -> Part:
    """One row a law, in the order of the exercises and of their laws."""
    students = [s for s in cohort.handed_in if s.verdict and s.verdict["status"] in JUDGED]
    others = [e.stem for e in cohort.table.plan if e.kind != Kind.LAWS]
    # what is open for somebody is no part of the rest: all are compared by the same
    closed = [stem for stem in others if all(_closed(s, stem) for s in students)]
    sheets = [
        (_laws(s), math.fsum(s.result.marks[stem] or 0.0 for stem in closed)) for s in students
    ]
    keys = dict.fromkeys(key for laws, _ in sheets for key in laws)
    order = [exercise.stem for exercise in cohort.table.plan]
    rows = [row(key, sheets) for key in sorted(keys, key=lambda key: order.index(key[0]))]
    left = [stem for stem in others if stem not in closed]
    return {"laws": rows, "verdicts": len(students), "left_out_of_the_rest": left}


def _closed(student: Student, stem: str) -> bool:
    return student.result.marks.get(stem) is not None and stem not in student.result.open


def _laws(student: Student) -> dict[tuple[str, str], LawVerdict]:
    """The laws that judged something: a fault of ours says nothing of the student."""
    assert student.verdict is not None
    return {
        (stem, law["test"]): law
        for stem, exercise in student.verdict["exercises"].items()
        for law in exercise["laws"]
        if "test" in law and law.get("outcome") != Outcome.INFRASTRUCTURE
    }


def row(key: tuple[str, str], sheets: Sequence[Sheet]) -> Part:
    """One law over all whom it judged."""
    judged = [(laws, more) for laws, more in sheets if key in laws]
    holds = [laws[key]["passed"] for laws, _ in judged]
    rest = [
        more + _worth(laws) - laws[key]["weight"] * laws[key]["passed"] for laws, more in judged
    ]
    first = judged[0][0][key]
    failing = len(holds) - sum(holds)
    r = correlation(holds, rest)
    return {
        "exercise": key[0],
        "test": key[1],
        "law": first["law"],
        "weight": first["weight"],
        "main": first["value"],
        "judged": len(holds),
        "failing": failing,
        "share_failing": round(failing / len(holds), 4),
        "discrimination": r,
        "word": word(failing, len(holds), r),
    }


def _worth(laws: dict[tuple[str, str], LawVerdict]) -> float:
    return math.fsum(law["weight"] for law in laws.values() if law["passed"])


def correlation(holds: Sequence[bool], rest: Sequence[float]) -> float | None:
    """Pearson's, between a law (1: it holds) and the rest of the mark; None where the rest never varies, or FEW keep or break it."""
    x, y = np.asarray(holds, dtype=np.float64), np.asarray(rest, dtype=np.float64)
    if min(x.sum(), (1 - x).sum()) < FEW or np.ptp(y) < 1e-9:
        return None
    return round(float(np.corrcoef(x, y)[0, 1]), 4)


def word(failing: int, judged: int, r: float | None) -> str:
    """What to think of, where a law asks for it; else an empty string."""
    if failing == 0:
        return "nobody fails"
    if failing == judged:
        return "everybody fails: is it taught, or is the law wrong?"
    if r is not None and r < -2 / math.sqrt(judged):  # twice the error that chance makes
        return "better students fail it more often: read it, and the notebook on it, again"
    return "says little of the rest" if r is not None and r < LITTLE else ""
