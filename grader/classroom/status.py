"""status.csv: one row a student, whatever became of the submission."""

import csv
import math
import sys

from grader.gradebook.marks import total as total_of
from grader.text import harmless, one_line, program
from grader.verdict import OPEN

WAITING = {
    "needs_training": f"a training run: `{program()} -m grader run --train`",
    "needs_manual": "a mark by hand: Formgrader",
}
UNCONFIRMED = (
    "the hand mark may be for an earlier notebook: press Resolve in Formgrader, or change it"
)
MOST_NAMED = 10  # students whose trouble the terminal tells; status.csv has them all
FIELDS = ("student", "status", "total", "max_total", "reasons", "notes", "sha256")


def row(student, status, verdict=None, notes=(), marks=None):
    """One line of the table; `marks` are the gradebook's."""
    reasons, total, notes = [], verdict and verdict["total"], list(notes)
    if marks and marks.trouble:
        status, notes = "infrastructure", [*notes, marks.trouble]
    if marks and status in ("graded", "partial", "unreadable"):
        total = total_of(marks.raw, marks.penalty)
        notes += [UNCONFIRMED] * bool(marks.unconfirmed) + lateness(marks)
    if marks and status in ("graded", "partial"):
        waiting = {stem for stem, score in marks.scores.items() if score is None}
        status = "partial" if waiting or marks.unconfirmed else "graded"
        reasons = [
            f"{stem}: {'needs_manual' if stem in marks.unconfirmed else words(e)}"
            for stem, e in verdict["exercises"].items()
            if stem in marks.unconfirmed
            or (stem in waiting if e["outcome"] in OPEN else e["outcome"] != "pass")
        ]
    elif status == "infrastructure" and verdict:
        total = None  # not final, whatever part of it the gradebook has
        ours = {s: e for s, e in verdict["exercises"].items() if e["outcome"] == "infrastructure"}
        reasons = [f"{stem}: infrastructure" for stem in ours]
        notes += dict.fromkeys(map(fault, ours.values()))
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


def words(exercise):
    """Its outcome, and for a repaired one what it was then."""
    repaired = exercise.get("repaired")
    return f"{exercise['outcome']}, {repaired}" if repaired else exercise["outcome"]


def lateness(marks):
    """A note on a hand-in after the due date, to the hour, and on what it costs: by itself nothing."""
    hours = math.ceil(marks.late / 3600)
    cost = f": {marks.penalty:g} of {marks.raw:g} points off" if marks.penalty else ""
    return [f"late by {hours // 24} d {hours % 24} h{cost}"] if hours > 0 else []


def fault(exercise):
    """What went wrong on our side, in words."""
    said = [law["got"] for law in exercise["laws"] if law.get("outcome") == "infrastructure"]
    return said[0] if said else exercise["note"]


def write_status(rows, path):
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".part")
    with temporary.open("w", newline="", encoding="utf-8", errors="backslashreplace") as file:
        table = csv.DictWriter(file, FIELDS)
        table.writeheader()
        table.writerows({name: harmless(value) for name, value in entry.items()} for entry in rows)
    temporary.replace(path)


def summary(rows, place):
    """How many of each status, who is not graded and why, and what the open ones wait for; with nobody there, where a notebook belongs."""
    counts = {}
    for entry in rows:
        counts[entry["status"]] = counts.get(entry["status"], 0) + 1
    print(
        ", ".join(f"{count} {status}" for status, count in sorted(counts.items()))
        or f"nobody has handed in: {place}",
        file=sys.stderr,
    )
    ours = [entry for entry in rows if entry["status"] == "infrastructure"]
    for entry in ours[:MOST_NAMED]:
        said = one_line(f"{entry['student']}: {entry['notes']}")
        print(f"not graded for a reason on our side: {said}", file=sys.stderr)
    if len(ours) > MOST_NAMED:
        print(f"not graded for such a reason: {len(ours) - MOST_NAMED} more", file=sys.stderr)
    for outcome, remedy in WAITING.items():
        if count := sum(outcome in entry["reasons"] for entry in rows):
            print(f"{count} wait for {remedy}", file=sys.stderr)
