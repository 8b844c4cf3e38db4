"""What is different between a student's marks before and after: marks with the reasons, and laws."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from grader.gradebook.held import PENALTY, Held, total_of
from grader.gradebook.reasons import Basis, Why, reasons

Rows = Mapping[str, Mapping[str, bool]]  # whether each law held, by exercise and claim


@dataclass(frozen=True)
class Before:
    """A student's marks as they were, None while open; which of them were given by hand; what they were made of."""

    marks: dict[str, float | None] = field(default_factory=dict)
    by_hand: frozenset[str] = frozenset()
    basis: Basis = field(default_factory=Basis)


@dataclass(frozen=True)
class Change:
    """One mark: an exercise's, or PENALTY. Where `before` and `after` are the same, it is now given by hand, or no longer."""

    mark: str
    before: float | None
    after: float | None
    why: tuple[Why, ...]
    detail: str = ""
    by_hand: bool = False


@dataclass(frozen=True)
class LawChange:
    """One law of one exercise: whether it held, and holds; None where there is, or was, no such law."""

    exercise: str
    law: str
    before: bool | None
    after: bool | None


@dataclass(frozen=True)
class Regraded:
    """All that is different of one student; totals are those that count."""

    student: str
    marks: tuple[Change, ...]
    laws: tuple[LawChange, ...]
    before: float
    after: float


def compared(
    student: str,
    before: Before | None,
    now: Held,
    basis: Basis,
    training: Collection[str],
    first: Why = Why.FIRST,
) -> Regraded:
    """`before`: None where there were no marks, for which `first` is the reason."""
    known = before or Before()
    made = []
    for mark, after in now.marks.items():
        was, by_hand = known.marks.get(mark), mark in now.by_hand
        if mark == PENALTY:
            was = was or 0.0
        if was == after and by_hand == (mark in known.by_hand):
            continue
        found = _why(mark, known, now, basis, training)
        # what being late costs has reasons of its own
        if before is None and not by_hand and (mark != PENALTY or first != Why.FIRST):
            found = [(first, "")]
        why, details = zip(*found, strict=True)
        detail = "; ".join(filter(None, details))
        made.append(Change(mark, was, after, tuple(why), detail, by_hand))
    laws = law_changes(known.basis.get("rows", {}), basis.get("rows", {}), basis)
    return Regraded(student, tuple(made), laws, total_of(known.marks), total_of(now.marks))


def _why(
    mark: str, before: Before, now: Held, basis: Basis, training: Collection[str]
) -> list[tuple[Why, str]]:
    """Not empty; a mark given by hand, now or before, hides what the automatic one did."""
    if mark in now.by_hand:
        automatic = now.grades[mark].automatic
        return [(Why.HAND, "" if automatic is None else f"automatic: {automatic:g}")]
    if mark in before.by_hand:
        return [(Why.TAKEN_BACK, "")]
    return [*reasons(mark, before.basis, basis, training)] or [(Why.ELSEWHERE, "")]


def law_changes(before: Rows, after: Rows, basis: Basis) -> tuple[LawChange, ...]:
    """In the order of the exercises and laws of now; of exercises whose laws ran before and now."""
    made = []
    for exercise, new in after.items():
        old = before.get(exercise, {})
        ran = old and new and exercise not in basis.get("faults", ())
        for law in [*new, *(name for name in old if name not in new)] if ran else ():
            if old.get(law) != new.get(law):
                made.append(LawChange(exercise, law, old.get(law), new.get(law)))
    return tuple(made)


def gone(student: str, before: Before) -> Regraded:
    """Of a student whom the gradebook has no longer."""
    nothing = {PENALTY: 0.0}
    made = [
        Change(mark, was, nothing.get(mark), (Why.REMOVED,))
        for mark, was in before.marks.items()
        if was is not None and was != nothing.get(mark)
    ]
    return Regraded(student, tuple(made), (), total_of(before.marks), 0.0)
