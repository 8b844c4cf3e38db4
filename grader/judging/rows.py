"""One row for each law: what it claims and, where it is broken, the smallest example and its likely cause."""

import contextlib
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import hypothesis.errors
from hypothesis import Phase, given, settings

from grader.judging.calls import Ended, StudentError
from grader.judging.causes import common_cause
from grader.judging.law import Law
from grader.text import clean
from grader.verdict import Outcome

STUDENTS_FAULT = (AssertionError, StudentError, hypothesis.errors.Flaky)
DRAWN = 15  # further examples of a broken law, for an explanation
LONGEST = 2000  # characters of one text in a row
Row = dict[str, Any]  # of a law, as grader.verdict takes it


def law_of(item: Any) -> Law | None:
    """What the test declares; None if it is no law."""
    found: Law | None = getattr(item.function, "law", None)
    return found


def row(item: Any, error: BaseException | None, student: Any) -> Row:
    """One line of the verdict: what the law claims, and if it failed, where, with what result and why."""
    law = item.function.law
    line = {"law": law.claim, "test": item.name, "weight": law.weight, "value": law.value}
    line |= {"passed": error is None, "outcome": "", "causes": [], "cause": None}
    line |= dict.fromkeys(("counterexample", "got", "expected", "hint", "same_as"), "")
    if isinstance(error, Ended):
        where = student.calls[-1].shown if student.calls else ""
        line |= {"outcome": error.outcome, "got": error.words, "counterexample": where}
        line["cause"] = error.outcome, error.words
    elif error is None and student.excuses.taken and not student.excuses.judged:
        line |= {"passed": False, **smallest(student.excuses.taken[:1])}
    elif isinstance(error, STUDENTS_FAULT) and student.failures:
        line |= smallest(student.failures, further_causes(item, student))
    elif error is not None:
        words = f"the law itself is broken: {type(error).__name__}: {error}"[:500]
        line |= {"outcome": Outcome.INFRASTRUCTURE, "got": words}
    # whoever put a text together cleaned what he took from the student; who forgot does no harm
    return {
        key: clean(text, LONGEST) if isinstance(text, str) else text for key, text in line.items()
    }


def further_causes(item: Any, student: Any) -> list[Any]:
    """What would explain a wrong result where other examples of the law fail, too: one alone often fits several mistakes."""
    if student.failures[-1]["causes"] is None or not hasattr(item.function, "hypothesis"):
        return []
    handle = item.function.hypothesis
    # hypothesis stops at the first worked example that fails, before it draws any
    drawn = settings(max_examples=DRAWN, phases=[Phase.generate])(
        given(**handle._given_kwargs)(_quietly(handle.inner_test, student))
    )
    earlier = student.failures
    with student.without_consequences() as failures:
        failures += earlier  # what they refute is not tried again
        for example in getattr(item.function, "hypothesis_explicit_examples", ()):
            _quietly(handle.inner_test, student)(**example.kwargs)
        with contextlib.suppress(hypothesis.errors.HypothesisException):
            drawn()
        new = failures[len(earlier) :]  # right results among them
        return [f["causes"] for f in new if f["causes"] is not None]


def _quietly(test: Callable[..., None], student: Any) -> Callable[..., None]:
    """The law's test on examples that only serve an explanation: it never fails."""

    # annotated, it would have another signature, and hypothesis draw other examples: hints were measured with these
    def example(**arguments):  # type: ignore[no-untyped-def]  # noqa: ANN003, ANN202
        with contextlib.suppress(Ended, Exception):
            test(student=student, **arguments)

    return example


def smallest(failures: Sequence[dict[str, Any]], further: Iterable[Any] = ()) -> Row:
    """The last failing example, which is hypothesis's smallest, and what would explain each of them."""
    last = failures[-1]
    hint = last["words"] if last["words"] != last["got"] else ""
    shown = {field: last[field] for field in ("counterexample", "got", "expected", "cause")}
    causes = [f["causes"] for f in failures if f["causes"] is not None]
    return {**shown, "hint": hint, "causes": [*causes, *further]}


def explain(rows: Iterable[Row]) -> None:
    """Put into the hints of an exercise's rows what would explain them.

    A side law sees few rows of a special kind, which fit many mistakes: where the value law is broken, only what
    explains that, too, is named.
    """
    broken = [(row, row.pop("causes")) for row in rows]
    seen_by_value = [fits for row, seen in broken if row["value"] for fits in seen]
    value_holds = any(row["value"] and row["passed"] for row in rows)
    main = None
    if seen_by_value:  # if several causes explain it, the other laws may tell which
        main = common_cause([fits for _, seen in broken for fits in seen])
        main = main or common_cause(seen_by_value)
    for row, seen in broken:
        cause = common_cause(seen) if value_holds else main
        if seen and cause and all(cause in fits for fits in seen if fits.wrong):
            row["hint"] = f"{row['hint']}; {cause}" if row["hint"] else cause
            row["cause"] = row["cause"] or cause
    tell_once([row for row, _ in broken])


def tell_once(rows: Iterable[Row]) -> None:
    """Name in `same_as`, for a law that fails for the same cause as an earlier one, that law's claim; it is told there."""
    told: dict[Any, str] = {}
    for row in rows:
        cause = row.pop("cause")
        if cause is not None and not row["passed"]:
            row["same_as"] = told.get(cause, "")
            told.setdefault(cause, row["law"])
