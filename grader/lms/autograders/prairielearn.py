"""PrairieLearn's results.json of an externally graded question.

By https://docs.prairielearn.com/externalGrading/ and its element pl-external-grader-results, which shows an exercise of 0
points as information. A fault on our side has no place in that file: without it PrairieLearn says that grading failed.
"""

from collections.abc import Collection
from typing import Any

from grader.errors import CourseError
from grader.lms.autograders.rows import Row, most, notes, rows, score, waiting
from grader.verdict import Status, Verdict


def results(verdict: Verdict, by_laws: Collection[str]) -> dict[str, Any]:
    """The document; its score is the share of the points that laws give; CourseError where they give none."""
    marked = rows(verdict, by_laws)
    if not (worth := most(marked)):
        raise CourseError("no exercise here is marked by machine: PrairieLearn needs a score")
    if verdict["status"] == Status.UNREADABLE:
        # costs the student no attempt
        return {"gradable": False, "score": 0.0, "format_errors": verdict["notes"][-1:]}
    return {
        "gradable": True,
        "score": min(1.0, max(0.0, score(marked) / worth)),
        "message": waiting(marked),
        "output": notes(verdict),
        "tests": [_test(row) for row in marked],
    }


def _test(row: Row) -> dict[str, Any]:
    return {
        "name": row.stem if row.scored else row.heading,
        "points": row.points or 0.0,
        "max_points": row.max_points if row.scored else 0.0,
        "output": row.words,
    }
