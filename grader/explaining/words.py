"""One student's marks, explained: as text, and as JSON."""

import math
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from grader.classroom.differences import mark
from grader.explaining.facts import Explained, when
from grader.gradebook.held import PENALTY
from grader.gradebook.marks_log import Line
from grader.gradebook.reasons import SHORT, shown
from grader.judging.feedback import exercise_text, own_lines
from grader.text import from_here, one_line

NOT_YET = "since the last `grader run`"


def text(told: Explained, exercise: str | None, command: str) -> str:
    """`exercise`: this one alone; `command`: what gives the verdict again, "" where nothing does."""
    lines = [heading(told), *about(told), *(f"  note: {note}" for note in told.notes)]
    if told.verdict:
        lines += [f"  note: {own_lines(note)}" for note in told.verdict["notes"]]
    for stem in [exercise] if exercise else told.held.grades:
        lines += ["", *of_exercise(told, stem)]
    if told.held.grades:
        lines += ["", total(told)]
    changes = [line for line in told.lines if exercise in (None, line["mark"])]
    if changes:
        lines += ["", "what became of the marks:", *(f"  {of_line(line)}" for line in changes)]
    if command:
        lines += ["", f"again: {command}"]
    return "\n".join(lines)


def heading(told: Explained) -> str:
    result = told.result
    begin = f"{one_line(result.student, 100)}, {told.assignment.name}: {result.status}"
    if result.total is None:
        return f"{begin}{f', {result.note}' if result.note else ''}"
    waits = f", not marked yet: {', '.join(result.open)}" if result.open else ""
    return f"{begin}, {result.total:g} of {told.max_total:g} points{waits}"


def about(told: Explained) -> Iterator[str]:
    """Which notebook, which attempt, made with what."""
    result, handed, verdict = told.result, told.handed, told.verdict
    if not told.held.grades:
        return
    if handed.sha256:
        place = from_here(handed.file) if handed.file else "these bytes lie nowhere any more"
        yield f"  notebook   {one_line(str(place))}, {handed.sha256[:SHORT]}"
    if verdict and not handed.sha256:
        yield "  notebook   none that could be graded"
    yield f"  handed in  {when(result.handed_in)}"
    if handed.attempt:
        number = f"{handed.number} of {handed.attempts}" if handed.number else "the one that counts"
        source = one_line(handed.attempt.source)
        partners = ", ".join(handed.attempt.partners)
        beside = f", handed in with {one_line(partners)}" if partners else ""
        yield f"  attempt    {number}: {handed.attempt.system}, {source}{beside}"
    if verdict and "made_with" in verdict:
        made = verdict["made_with"]
        parts = f"laws {shown(made['laws'])}, grader {shown(made['grader'])}"
        yield f"  made with  {parts}, sandbox {verdict['isolation']}"
    if result.note:
        yield f"  note: {result.note}"


def _training(told: Explained, stem: str) -> list[str]:
    found = told.trained
    if stem not in told.assignment.training or found is None:
        return []
    lines = [f"  training mark: {found.share:g} of the points, {found.source}; {found.place}"]
    return [*lines, "  note: another training mark counts now"] if not found.same else lines


def of_exercise(told: Explained, stem: str) -> list[str]:
    """The laws' rows or the training run's, then what a person gave."""
    grade, lines = told.held.grades[stem], list[str]()
    if told.verdict and stem in told.verdict["exercises"]:
        lines += exercise_text(stem, told.verdict["exercises"][stem]).rstrip("\n").split("\n")
    else:
        lines.append(f"{stem}: {mark(grade.automatic)}; its verdict is not kept")
    lines += _training(told, stem)
    if grade.manual is not None:
        instead = f", in the place of {grade.automatic:g}" if grade.automatic is not None else ""
        waits = ", for an earlier notebook" if stem in told.result.open else ""
        lines.append(f"  by hand: {grade.manual:g}{instead}{waits}; {_seen(told.seen[stem])}")
    if grade.extra:
        lines.append(f"  extra credit: {grade.extra:g}")
    if stem in told.comments:
        lines.append(f"  comment: {own_lines(told.comments[stem])}")
    return lines


def _seen(seen: str) -> str:
    return f"seen at the run of {seen}" if seen else f"given {NOT_YET}"


def total(told: Explained) -> str:
    """The arithmetic."""
    result = told.result
    scores = [score for name, score in told.held.marks.items() if name != PENALTY]
    raw = math.fsum(score for score in scores if score is not None)
    hours = math.ceil(result.late / 3600)
    late = f" ({hours // 24} d {hours % 24} h late)" if hours else ""
    after = "none, see above" if result.total is None else f"{result.total:g}"
    longer = told.held.extension / 3600
    extension = f", with an extension of {longer:g} h" if longer else ""
    return (
        f"marks {round(raw, 4):g}, late penalty {result.penalty:g}{late}{extension}, total {after}"
    )


def of_line(line: Line) -> str:
    """One line of the log."""
    what = f"{one_line(str(line['mark']), 100)}: {mark(line.get('from'))} → {mark(line.get('to'))}"
    why = " and ".join(map(str, line["why"]))
    detail = f": {one_line(str(line['detail']))}" if line.get("detail") else ""
    return f"{moment(line)}  {what}, {why}{detail}"


def moment(line: Line) -> str:
    """When the log had it, to the minute."""
    try:
        return when(datetime.fromisoformat(str(line.get("when"))))
    except ValueError:
        return one_line(str(line.get("when")), 40)


def document(told: Explained, exercise: str | None, command: str) -> dict[str, Any]:
    """The same for programs."""
    result, handed = told.result, told.handed
    stems = [exercise] if exercise else list(told.held.grades)
    grades = {stem: told.held.grades[stem] for stem in stems}
    verdict: Any = told.verdict
    if verdict and exercise in verdict["exercises"]:
        verdict = verdict | {"exercises": {exercise: verdict["exercises"][exercise]}}
    return {
        "student": result.student,
        "assignment": told.assignment.name,
        "status": result.status,
        "handed_in": result.handed_in.isoformat() if result.handed_in else None,
        "notebook": {
            "sha256": handed.sha256,
            "file": str(handed.file) if handed.file else None,
            "attempt": handed.attempt.stored() if handed.attempt else None,
            "number": handed.number,
            "attempts": handed.attempts,
        },
        "verdict": verdict,
        "marks": {
            stem: {
                "score": grade.score,
                "automatic": grade.automatic,
                "by_hand": grade.manual,
                "extra_credit": grade.extra,
                "comment": told.comments.get(stem, ""),
                "seen": told.seen.get(stem, ""),
            }
            for stem, grade in grades.items()
        },
        "open": list(result.open),
        "penalty": result.penalty,
        "late": result.late,
        "extension": told.held.extension,
        "total": result.total,
        "max_total": told.max_total,
        "changes": [line for line in told.lines if exercise in (None, line["mark"])],
        "notes": told.notes + ([result.note] if result.note else []),
        "command": command,
    }
