"""What a student's marks are made of, and why one of them is another than before, in words for people."""

from collections.abc import Collection, Iterator
from enum import StrEnum
from typing import Any, TypedDict, cast

from grader.gradebook.held import PENALTY, Held
from grader.store import State
from grader.verdict import Made, MadeWith, Outcome, Verdict

SHORT = 12  # digits of a digest that people compare


class Why(StrEnum):
    """Why a mark changed."""

    BEGAN = "the log begins"
    FIRST = "first grading"
    HAND = "hand mark"
    TAKEN_BACK = "hand mark taken back"
    NOTEBOOK = "new notebook"
    LAWS = "laws changed"
    GRADER = "grader changed"
    PACKAGES = "packages changed"
    SANDBOX = "another sandbox"
    TRAINING = "training mark"
    FAULT = "a fault on our side"
    MENDED = "after a fault on our side"
    LATE = "late penalty"
    EXTENSION = "extension"
    REMOVED = "removed"
    ELSEWHERE = "changed by another command"


class Basis(TypedDict, total=False):
    """What marks are made of; a part that nobody knows is not there.

    `of`: State.whole, by which it is known again; `training`: a digest of the training mark; `faults`: exercises that a fault on
    our side left open; `rows`: whether each law held, by exercise and claim; `extra`: extra credit; `late`, `extension`: seconds.
    """

    of: str
    notebook: str
    laws: Made
    grader: Made
    packages: dict[str, str]
    isolation: str
    training: str
    faults: list[str]
    rows: dict[str, dict[str, bool]]
    extra: dict[str, float]
    late: float
    extension: float


def basis_of(verdict: Verdict, known_as: str, whole: str = "") -> Basis:
    """Of marks that this verdict gave; `known_as`: HandedIn's."""
    exercises = verdict["exercises"].items()
    # a verdict that an earlier version made has no such part
    made_with = cast(MadeWith | dict[str, Any], verdict.get("made_with", {}))
    return cast(
        Basis,
        {
            "of": whole,
            "notebook": known_as,
            **made_with,
            "isolation": verdict["isolation"],
            "training": verdict["training"]["mark"] if "training" in verdict else "",
            "faults": [s for s, e in exercises if e["outcome"] == Outcome.INFRASTRUCTURE],
            "rows": {s: {law["law"]: law["passed"] for law in e["laws"]} for s, e in exercises},
        },
    )


def basis_now(state: State, verdict: Verdict | None, held: Held) -> Basis:
    """Of the marks that the gradebook has; `verdict`: the one that a run has just recorded, None outside of runs."""
    told = cast(Basis, state.basis)
    if state.whole and verdict:
        found = basis_of(verdict, state.why_not or verdict["sha256"], state.whole)
    elif state.whole and state.whole == told.get("of"):
        found = told
    elif state.verdict and state.kept_is_recorded:
        made = state.verdict
        found = basis_of(made, state.why_not or made["sha256"], state.whole)
    elif verdict:  # it could not be recorded, or in part
        found = Basis(faults=[*verdict["exercises"]])
    else:  # another command has recorded them
        found = Basis() if state.recorded is None else Basis(notebook=state.recorded)
    return beside(found, held)


def beside(basis: Basis, held: Held) -> Basis:
    """The same with what the gradebook alone knows."""
    return Basis(**{**basis, "late": held.late, "extension": held.extension, "extra": held.extra})


def reasons(
    mark: str, old: Basis, new: Basis, training: Collection[str]
) -> Iterator[tuple[Why, str]]:
    """Why an automatic mark, or the penalty, is another: each reason with its details; `training`: exercises that such a run marks."""
    if mark == PENALTY:
        yield from _of_penalty(old, new)
        return
    credit = old.get("extra", {}).get(mark), new.get("extra", {}).get(mark)
    if credit[0] != credit[1]:
        yield Why.HAND, f"extra credit: {credit[1] or 0:g}"
    if mark in new.get("faults", ()):
        yield Why.FAULT, ""
    elif mark in old.get("faults", ()):
        yield Why.MENDED, ""
    both = cast(dict[str, Any], {k: (v, new.get(k)) for k, v in old.items() if k in new})
    changed = {name: pair for name, pair in both.items() if pair[0] != pair[1]}
    if "notebook" in changed:
        yield Why.NOTEBOOK, _arrow(*(known[:SHORT] or "none" for known in changed["notebook"]))
    for name, why in (("laws", Why.LAWS), ("grader", Why.GRADER)):
        if name in changed:
            yield why, f"{name} {_arrow(*map(shown, changed[name]))}"
    if "packages" in changed:
        yield Why.PACKAGES, ", ".join(_versions(*changed["packages"]))
    if "isolation" in changed:
        yield Why.SANDBOX, _arrow(*changed["isolation"])
    if mark in training and "training" in changed:
        yield Why.TRAINING, ""


def _of_penalty(old: Basis, new: Basis) -> Iterator[tuple[Why, str]]:
    late, longer = new.get("late", 0.0), new.get("extension", 0.0)
    words = f"{late / 3600:.1f} h after the due date"
    words += f", {longer / 3600:.1f} h of them by extension" if longer else ""
    yield (Why.EXTENSION if longer != old.get("extension", longer) else Why.LATE), words


def _arrow(before: str, after: str) -> str:
    return f"{before} → {after}"


def shown(made: Made) -> str:
    """Version and the beginning of the digest, as people compare them."""
    digest = made["sha256"][:SHORT]
    return f"{made['version']} ({digest})" if made["version"] else digest


def _versions(before: dict[str, str], after: dict[str, str]) -> Iterator[str]:
    for name in sorted({*before, *after}):
        pair = before.get(name, ""), after.get(name, "")
        if pair[0] != pair[1]:
            yield f"{name} {_arrow(*(version or 'none' for version in pair))}"
