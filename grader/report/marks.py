"""How the marks lie: their histogram, each exercise by itself, what is open, late and missing, and how many attempts there were."""

import statistics
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from grader.assignment import Exercise
from grader.report.cohort import Cohort, Student, ids
from grader.verdict import Outcome, Status

MOST_BARS = 25
WIDTHS = (0.1, 0.2, 0.25, 0.5, 1.0, 2.0, 5.0)
Part = dict[str, Any]  # of the report's document


def marks(cohort: Cohort) -> Part:
    """The first part of the report."""
    there = [s for s in cohort.handed_in if s.result.total is not None]
    final = [s.result.total for s in there if s.result.final]
    so_far = [s.result.total for s in there if not s.result.final]
    counted = [total for total in (*final, *so_far) if total is not None]
    return {
        "max_total": cohort.table.max_total,
        **middle(counted),
        "histogram": histogram(counted, len(final), cohort.table.max_total),
        "exercises": [exercise(there, each) for each in cohort.table.plan],
        "final": len(final),
        "open": who([s for s in cohort.handed_in if s.result.open]),
        "missing": who([s for s in cohort.students if s.result.status == Status.MISSING]),
        "not_graded": who(
            [s for s in cohort.handed_in if s.result.status == Status.INFRASTRUCTURE]
        ),
        "unreadable": who([s for s in cohort.students if s.result.status == Status.UNREADABLE]),
        "late": late(cohort),
        "attempts": attempts(cohort),
    }


def who(students: Sequence[Student]) -> Part:
    """How many, and who."""
    return {"students": len(students), "who": ids(students)}


def middle(values: Sequence[float]) -> Part:
    """Number, mean, median and quartiles; None where there is nothing."""
    names = ("mean", "median", "lower_quartile", "upper_quartile")
    if not values:
        return {"count": 0, **dict.fromkeys(names)}
    low, half, high = values[0], values[0], values[0]
    if len(values) > 1:
        low, half, high = statistics.quantiles(values, n=4, method="inclusive")
    found = (statistics.fmean(values), half, low, high)
    rounded = [round(value, 4) for value in found]
    return {"count": len(values), **dict(zip(names, rounded, strict=True))}


def histogram(totals: Sequence[float], final: int, most: float) -> list[Part]:
    """Bars of one width, each from a mark on to below the next one; the last holds full marks, and what is above them.

    Args:
        totals: the final ones first, `final` of them.
    """
    width = width_of(most)
    last = int(most / width + 1e-9)
    places = [min(last, max(0, int(total / width + 1e-9))) for total in totals]
    done, waiting = Counter(places[:final]), Counter(places[final:])
    return [
        {
            "from": round(n * width, 4),
            "to": round((n + 1) * width, 4) if n < last else None,
            "final": done[n],
            "so_far": waiting[n],
        }
        for n in range(last + 1)
    ]


def width_of(most: float) -> float:
    """The smallest round width that needs no more than MOST_BARS."""
    scale = 1.0
    while True:
        for width in WIDTHS:
            if most <= MOST_BARS * width * scale:
                return width * scale
        scale *= 10


def exercise(students: Sequence[Student], asked: Exercise) -> Part:
    """One exercise, over all who have a total."""
    found = [student.result for student in students]
    scores = [r.marks.get(asked.stem) for r in found]
    given = [score for score in scores if score is not None]
    return {
        "exercise": asked.stem,
        "kind": asked.kind,
        "max_points": asked.max_points,
        **middle(given),
        "full": sum(score >= asked.max_points for score in given),
        "none": sum(score <= 0 for score in given),
        "open": sum(asked.stem in r.open for r in found),
        "by_hand": sum(asked.stem in r.by_hand for r in found),
        "outcomes": outcomes(r.outcomes.get(asked.stem, "") for r in found),
    }


def outcomes(words: Iterable[str]) -> dict[str, int]:
    """{how it ended: how many}, the best first; a repaired one's word has how it ended then behind it."""
    order = [str(outcome) for outcome in Outcome]
    counts = Counter(word for word in words if word)
    return dict(sorted(counts.items(), key=lambda e: [*map(order.index, e[0].split(", "))]))


def late(cohort: Cohort) -> Part:
    """Who came after the due date, extensions taken into account, and by how many hours."""
    found = [s for s in cohort.handed_in if s.result.late > 0]
    hours = [s.result.late / 3600 for s in found]
    return {
        **who(found),
        "hours_median": round(statistics.median(hours), 2) if hours else None,
        "hours_most": round(max(hours), 2) if hours else None,
        "points_off": round(sum(s.result.penalty for s in found), 4),
    }


def attempts(cohort: Cohort) -> Part:
    """How many handed in so many times, of those of whom a download tells it."""
    known = [s.attempts for s in cohort.handed_in if s.attempts is not None]
    counted = sorted(Counter(known).items())
    return {"known": len(known), "counts": {str(times): count for times, count in counted}}
