"""status.csv: one row a student, whatever became of the submission."""

import csv
import math
import sys

from grader.verdict import OPEN

WAITING = {
    "needs_training": "a training run: `python -m grader run --train`",
    "needs_manual": "a mark by hand: Formgrader",
}
FIELDS = ("student", "status", "total", "max_total", "reasons", "notes", "sha256")


def row(student, status, verdict=None, notes=(), marks=None):
    """One line of the table; `marks` are the gradebook's, those by hand among them: {exercise: score, None while open}."""
    reasons, total = [], verdict and verdict["total"]
    if status in ("graded", "partial"):
        marks = marks or {}
        waiting = [stem for stem, score in marks.items() if score is None]
        status = "partial" if waiting else "graded"
        total = round(math.fsum(score for score in marks.values() if score is not None), 4)
        reasons = [
            f"{stem}: {e['outcome']}"
            for stem, e in verdict["exercises"].items()
            if (stem in waiting if e["outcome"] in OPEN else e["outcome"] != "pass")
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


def summary(rows):
    """How many of each status, and what the open ones wait for."""
    counts = {}
    for entry in rows:
        counts[entry["status"]] = counts.get(entry["status"], 0) + 1
    print(
        ", ".join(f"{count} {status}" for status, count in sorted(counts.items()))
        or "nobody has handed in",
        file=sys.stderr,
    )
    for outcome, remedy in WAITING.items():
        if count := sum(outcome in entry["reasons"] for entry in rows):
            print(f"{count} wait for {remedy}", file=sys.stderr)
