"""Gradescope's results.json, and what its submission_metadata.json tells.

By https://gradescope-autograders.readthedocs.io/en/latest/specs/. A fault on our side has no place in that file: without it
Gradescope says that the autograder failed, and the submission has no score.
"""

import json
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from grader.lms.autograders.rows import Row, notes, rows, score, waiting
from grader.store import sha256
from grader.text import one_line
from grader.verdict import Verdict

VISIBILITIES = ("visible", "after_due_date", "after_published", "hidden")
MAX_METADATA = 20 << 20  # bytes; it holds the results of the submission before
STILL_OPEN = "The score is without what has no mark yet:"


@dataclass(frozen=True)
class Shown:
    """When students see something, in VISIBILITIES: the points of each exercise, and the laws' words on it."""

    points: str = VISIBILITIES[0]
    words: str = VISIBILITIES[0]


def results(
    verdict: Verdict,
    by_laws: Collection[str],
    shown: Shown,
    seconds: float,
    submission: dict[str, Any],
) -> dict[str, Any]:
    """The document.

    Args:
        by_laws: the exercises that laws mark; others are no part of the score.
        seconds: it took.
        submission: what `told` made of Gradescope's metadata.
    """
    marked = rows(verdict, by_laws)
    open_ones = waiting(marked)
    output = [notes(verdict), f"{STILL_OPEN}\n{open_ones}" if open_ones else ""]
    return {
        "score": score(marked),
        "execution_time": round(seconds),
        "output": "\n".join(filter(None, output)),
        # of this field alone the default is HTML
        "output_format": "text",
        "visibility": shown.points,
        "stdout_visibility": "hidden",
        "extra_data": {**_digest(verdict), "gradescope": submission},
        "tests": [test for row in marked for test in _tests(row, shown)],
    }


def _digest(verdict: Verdict) -> dict[str, Any]:
    outcomes = {stem: str(e["outcome"]) for stem, e in verdict["exercises"].items()}
    kept: dict[str, Any] = {
        name: verdict[name]
        for name in (
            "sha256",
            "grader",
            "made_with",
            "isolation",
            "status",
            "complete",
            "max_total",
        )
    }
    return {**kept, "outcomes": outcomes, "verdict": sha256(json.dumps(verdict).encode())}


def _tests(row: Row, shown: Shown) -> list[dict[str, Any]]:
    """One test an exercise; where words are shown at another time than points, those by themselves."""
    test = _test(row.stem, row.words, shown.points)
    if not row.scored:
        # a test without points is information: neither a 0 nor a sign of failure
        return [{**test, "name": row.heading, "output": row.heading}]
    scored = {
        **test,
        "score": row.points,
        "max_score": row.max_points,
        "status": "passed" if row.passed else "failed",
    }
    if shown.words == shown.points:
        return [scored]
    apart = _test(f"{row.stem}: what the laws say", row.words, shown.words)
    return [{**scored, "output": row.heading}, {**apart, "status": scored["status"]}]


def _test(name: str, output: str, visibility: str) -> dict[str, Any]:
    return {
        "name": name,
        "name_format": "text",
        "output": output,
        "output_format": "text",
        "visibility": visibility,
    }


def told(path: Path | None) -> dict[str, Any]:
    """Of the submission, for `extra_data`: its id, which attempt it is, when it came in, whether after the due date.

    Empty where there is no metadata, or nothing that can be read: no mark depends on it. Names and addresses stay out.
    """
    document = _read(path) if path else {}
    assignment, earlier = document.get("assignment"), document.get("previous_submissions")
    due = assignment.get("due_date") if isinstance(assignment, dict) else None
    moment, deadline = _moment(document.get("created_at")), _moment(due)
    number = document.get("id")
    found = {
        "submission": number if isinstance(number, int) else None,
        "attempt": len(earlier) + 1 if isinstance(earlier, list) else None,
        "handed_in": moment.isoformat() if moment else None,
        "late": moment > deadline if moment and deadline else None,
    }
    return {name: value for name, value in found.items() if value is not None}


def _read(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            document = json.loads(file.read(MAX_METADATA))
    except (OSError, ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}


def _moment(text: Any) -> datetime | None:
    try:
        moment = datetime.fromisoformat(one_line(text, 60)) if isinstance(text, str) else None
    except ValueError:
        return None
    # without a time zone nobody can tell what came first
    return moment if moment and moment.tzinfo else None
