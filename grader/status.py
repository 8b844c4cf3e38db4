"""status.csv: one row a student, whatever became of the submission."""

import csv
import math
import sys

from grader.interpreter import program
from grader.verdict import OPEN

WAITING = {
    "needs_training": f"a training run: `{program()} -m grader run --train`",
    "needs_manual": "a mark by hand: Formgrader",
}
UNCONFIRMED = "the hand mark was given for an earlier notebook: confirm it in Formgrader"
FIELDS = ("student", "status", "total", "max_total", "reasons", "notes", "sha256")


def row(student, status, verdict=None, notes=(), marks=None):
    """One line of the table; `marks` are the gradebook's: {exercise: score, None while open}, and the unconfirmed ones."""
    reasons, total = [], verdict and verdict["total"]
    marks, unconfirmed = marks or ({}, ())
    notes = [*notes, *[UNCONFIRMED] * bool(unconfirmed)]
    if status in ("graded", "partial"):
        waiting = [stem for stem, score in marks.items() if score is None]
        status = "partial" if waiting or unconfirmed else "graded"
        total = round(math.fsum(score for score in marks.values() if score is not None), 4)
        reasons = [
            f"{stem}: {'needs_manual' if stem in unconfirmed else e['outcome']}"
            for stem, e in verdict["exercises"].items()
            if stem in unconfirmed
            or (stem in waiting if e["outcome"] in OPEN else e["outcome"] != "pass")
        ]
    elif status == "infrastructure" and verdict:
        total = None  # not final, whatever part of it the gradebook has
        reasons = [
            f"{stem}: {e['outcome']}"
            for stem, e in verdict["exercises"].items()
            if e["outcome"] == "infrastructure"
        ]
    values = (
        student,
        status,
        total,
        verdict and verdict["max_total"],
        "; ".join(reasons),
        "; ".join(notes),
        verdict and verdict["sha256"],
    )
    return dict(zip(FIELDS, values, strict=True))


def write_status(rows, path):
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".part")
    with temporary.open("w", newline="", encoding="utf-8", errors="backslashreplace") as file:
        table = csv.DictWriter(file, FIELDS)
        table.writeheader()
        table.writerows({name: harmless(value) for name, value in entry.items()} for entry in rows)
    temporary.replace(path)


def harmless(value):
    """A student's text as one line that a spreadsheet takes for no formula."""
    if not isinstance(value, str):
        return value
    value = " ⏎ ".join(value.splitlines())
    return "'" + value if value.startswith(("=", "+", "-", "@", "\t")) else value


def summary(rows, place):
    """How many of each status, and what the open ones wait for; with nobody there, where a notebook belongs."""
    counts = {}
    for entry in rows:
        counts[entry["status"]] = counts.get(entry["status"], 0) + 1
    print(
        ", ".join(f"{count} {status}" for status, count in sorted(counts.items()))
        or f"nobody has handed in: {place}",
        file=sys.stderr,
    )
    for outcome, remedy in WAITING.items():
        if count := sum(outcome in entry["reasons"] for entry in rows):
            print(f"{count} wait for {remedy}", file=sys.stderr)
