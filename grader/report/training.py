"""The training runs of a class: their figures side by side, and what the gate did not let pass.

A mark's claims may tell a `figure` each: {"name", "value", "bound", "sense": "at least" or "at most"}; a course that trains
decides which (`gate/mark.py`). Notebooks that use the same code share a run, and so do those that a replay has proved.
"""

import json
import math
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from grader.judging.training_marks import Mark, by_machine
from grader.report.cohort import Cohort, Student, ids
from grader.store import sha256
from grader.verdict import Outcome

MOST_FIGURES = 6
Part = dict[str, Any]
Run = tuple[Mark, list[Student]]


def training(cohort: Cohort) -> Part:
    """Runs in the order of their first figure, the claims that failed, and the runs that gave no figure."""
    with_mark = [s for s in cohort.handed_in if s.mark is not None]
    runs: dict[str, Run] = {}
    by_hand = []
    for student in with_mark:
        assert student.mark is not None
        if not by_machine(student.mark):
            by_hand.append(student)
            continue
        name = sha256(json.dumps(run_of(student.mark), sort_keys=True).encode())
        runs.setdefault(name, (student.mark, []))[1].append(student)
    ended = [(mark, those) for mark, those in runs.values() if "outcome" not in mark]
    names = figures_of(mark for mark, _ in ended)
    rows = [run_row(mark, those, names) for mark, those in ended]
    first = next(iter(names), "")
    rows.sort(key=lambda row: (row["figures"].get(first) is None, row["figures"].get(first)))
    return {
        "runs": rows,
        "figures": list(names.values()),
        "passed": sum(row["share"] == 1 for row in rows),
        "failed": failed(ended),
        "stopped": stopped([run for run in runs.values() if "outcome" in run[0]]),
        "by_hand": {"students": len(by_hand), "who": ids(by_hand)},
    }


def run_of(mark: Mark) -> Mark:
    """What a run gave, whose notebook it was and how it was proved apart: marks that agree in it are of one run."""
    aside = {"made_of", "proof"} | (set() if "outcome" in mark else {"note"})
    return {name: value for name, value in mark.items() if name not in aside}


def figures_of(marks: Iterable[Mark]) -> dict[str, Part]:
    """{name: name, bound and sense} of the figures that the runs tell, in the order of their claims."""
    found: dict[str, Part] = {}
    for mark in marks:
        for told in figures(mark):
            about = {"name": told["name"], "bound": number(told["bound"]), "sense": told["sense"]}
            found.setdefault(told["name"], about)
    return dict(list(found.items())[:MOST_FIGURES])


def figures(mark: Mark) -> list[Part]:
    """What a mark's claims tell; a file that somebody else wrote may hold anything there."""
    told = [law.get("figure") for law in mark.get("laws", [])]
    return [
        figure
        for figure in told
        if isinstance(figure, dict)
        and {"name", "value", "bound", "sense"} <= figure.keys()
        and isinstance(figure["name"], str)
        and figure["sense"] in ("at least", "at most")
    ]


def number(value: Any) -> float | None:
    """A finite number, or None: JSON has no other."""
    known = isinstance(value, (int, float)) and not isinstance(value, bool)
    return float(value) if known and math.isfinite(value) else None


def run_row(mark: Mark, students: Sequence[Student], names: Iterable[str]) -> Part:
    """One run, and who shares it."""
    values = {told["name"]: number(told["value"]) for told in figures(mark)}
    return {
        "share": float(mark["share"]),
        "figures": {name: values.get(name) for name in names},
        "failed": [str(law["law"]) for law in mark.get("laws", []) if not law["passed"]],
        "students": len(students),
        "who": ids(students),
    }


def failed(runs: Sequence[Run]) -> list[Part]:
    """The claims that did not hold, the most frequent first."""
    held_back: dict[str, list[list[Student]]] = {}
    for mark, those in runs:
        for law in mark.get("laws", []):
            if not law["passed"]:
                held_back.setdefault(str(law["law"]), []).append(those)
    rows = [
        {
            "claim": claim,
            "runs": len(found),
            "students": sum(map(len, found)),
            "who": [name for those in found for name in ids(those)],
        }
        for claim, found in held_back.items()
    ]
    return sorted(rows, key=lambda row: -row["students"])


def stopped(runs: Sequence[Run]) -> list[Part]:
    """Runs that did not go to their end, or never began, by outcome and by what was said of them."""
    counts: Counter[tuple[str, str]] = Counter()
    those: dict[tuple[str, str], list[str]] = {}
    for mark, students in runs:
        key = (str(Outcome(mark["outcome"])), str(mark.get("note", "")))
        counts[key] += len(students)
        those.setdefault(key, []).extend(ids(students))
    return [
        {"outcome": key[0], "note": key[1], "students": count, "who": those[key]}
        for key, count in counts.most_common()
    ]
