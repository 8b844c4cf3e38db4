"""status.csv: one row a student, whatever became of the submission."""

import math
import sys
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import Any

from grader.gradebook.marks import Marks
from grader.gradebook.marks import total as total_of
from grader.tables import write_rows
from grader.text import one_line, program
from grader.verdict import OPEN, ExerciseVerdict, Outcome, Status, Verdict

Row = dict[str, Any]  # of FIELDS
WAITING = {
    Outcome.NEEDS_TRAINING: f"a training run: `{program()} -m grader run --train`",
    Outcome.NEEDS_MANUAL: f"a mark by hand: Formgrader, `{program('jupyter')} lab`",
}
UNCONFIRMED = (
    "the hand mark may be for an earlier notebook: press Resolve in Formgrader, or change it"
)
MOST_NAMED = 10  # students whose trouble the terminal tells; status.csv has them all
FIELDS = ("student", "assignment", "status", "total", "max_total", "reasons", "notes", "sha256")
IDS = ("student", "assignment")  # as they are, for programs that match them


def row(
    student: str,
    status: Status,
    verdict: Verdict | None = None,
    notes: Sequence[str] = (),
    marks: Marks | None = None,
    trouble: str = "",
) -> Row:
    """One line of the table; `marks` are the gradebook's; `trouble`: why that has not got the verdict."""
    made: Row = dict.fromkeys(FIELDS) | {"student": student, "status": status, "reasons": ""}
    notes = [*notes]
    if verdict:
        made |= {name: verdict[name] for name in ("total", "max_total", "sha256")}
    marked = marks.confirmed if marks else set()
    ours = faults(verdict, marked) if verdict and status == Status.INFRASTRUCTURE else {}
    trouble = trouble or (marks.trouble if marks else "")
    if trouble:
        made["status"], notes = Status.INFRASTRUCTURE, [*notes, trouble]
    elif marks and not ours and (verdict or status in (Status.GRADED, Status.PARTIAL)):
        made["total"] = total_of(marks.raw, marks.penalty)
        notes += [UNCONFIRMED] if marks.unconfirmed else []
        notes += lateness(marks)
        if verdict and status != Status.UNREADABLE:
            waiting = any(score is None for score in marks.scores.values())
            made["status"] = Status.PARTIAL if waiting or marks.unconfirmed else Status.GRADED
            made["reasons"] = "; ".join(_reasons(verdict, marks))
    if verdict and made["status"] == Status.INFRASTRUCTURE:
        # not final, whatever part of it the gradebook has
        made |= {"total": None, "reasons": "; ".join(f"{stem}: infrastructure" for stem in ours)}
        notes += dict.fromkeys(map(fault, ours.values()))
        notes += [UNCONFIRMED] if marks and marks.unconfirmed & ours.keys() else []
    return made | {"notes": "; ".join(notes)}


def _reasons(verdict: Verdict, marks: Marks) -> Iterable[str]:
    """What is open, and every exercise with a mark that is not `pass`."""
    for stem, exercise in verdict["exercises"].items():
        if stem in marks.unconfirmed:
            yield f"{stem}: {Outcome.NEEDS_MANUAL}"
        elif exercise["outcome"] in OPEN:
            if marks.scores.get(stem, 0.0) is None:
                yield f"{stem}: {words(exercise)}"
        elif exercise["outcome"] != Outcome.PASS:
            yield f"{stem}: {words(exercise)}"


def faults(verdict: Verdict, but: Collection[str]) -> dict[str, ExerciseVerdict]:
    """The exercises that a fault on our side leaves open, but for some, such as those with a mark that waits for nothing."""
    return {
        stem: exercise
        for stem, exercise in verdict["exercises"].items()
        if exercise["outcome"] == Outcome.INFRASTRUCTURE and stem not in but
    }


def words(exercise: ExerciseVerdict) -> str:
    """Its outcome, and for a repaired one what it was then."""
    repaired = exercise.get("repaired")
    return f"{exercise['outcome']}, {repaired}" if repaired else exercise["outcome"]


def lateness(marks: Marks) -> list[str]:
    """Notes on a hand-in after the due date, to the hour, and on what it costs: by itself nothing; on free days that are left."""
    hours = math.ceil(marks.late / 3600)
    # to four decimals, as grades.csv has them
    penalty, raw = round(marks.penalty, 4), round(marks.raw, 4)
    cost = f": {penalty:g} of {raw:g} points off" if penalty else ""
    late = [f"late by {hours // 24} d {hours % 24} h{cost}"] if hours > 0 else []
    return [*late, str(marks.free)] if marks.free else late


def fault(exercise: ExerciseVerdict) -> str:
    """What went wrong on our side, in words."""
    ours = Outcome.INFRASTRUCTURE
    said = [law["got"] for law in exercise["laws"] if law.get("outcome") == ours]
    return said[0] if said else exercise["note"]


def write_status(rows: Iterable[Row], path: Path) -> None:
    """The table, whole or not at all."""
    write_rows(path, FIELDS, IDS, ([entry[name] for name in FIELDS] for entry in rows))


def summary(rows: Sequence[Row], place: str) -> None:
    """How many of each status, who is not graded and why, and what the open ones wait for; with nobody there, where a notebook belongs."""
    counts = Counter(entry["status"] for entry in rows)
    listed = ", ".join(f"{count} {status}" for status, count in sorted(counts.items()))
    print(listed or f"nobody has handed in: {place}", file=sys.stderr)
    ours = [entry for entry in rows if entry["status"] == Status.INFRASTRUCTURE]
    for entry in ours[:MOST_NAMED]:
        said = one_line(f"{entry['student']}: {entry['notes']}")
        print(f"not graded for a reason on our side: {said}", file=sys.stderr)
    if len(ours) > MOST_NAMED:
        print(f"not graded for such a reason: {len(ours) - MOST_NAMED} more", file=sys.stderr)
    for outcome, remedy in WAITING.items():
        if count := sum(outcome in entry["reasons"] for entry in rows):
            print(f"{count} wait for {remedy}", file=sys.stderr)
