"""The table of who has, or would have, another mark: by student, and law by law."""

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from grader.classroom.trial import Trial
from grader.gradebook.changes import Change, LawChange, Regraded
from grader.gradebook.reasons import Why
from grader.store import write
from grader.tables import write_rows
from grader.text import one_line, some_of

FIELDS = ("assignment", "student", "exercise", "law", "from", "to", "why", "detail")
IDS = ("assignment", "student")
FIRST = {Why.BEGAN, Why.FIRST}  # no other mark, but the first
# what no run has done: the log alone tells of it
UNTOLD = {Why.HAND, Why.TAKEN_BACK, Why.REMOVED}
TOTAL = "total"
MOST_TOLD = 20  # students, on the terminal of a run: the log, and --changes, have all
HELD = {True: "holds", False: "broken", None: "none"}


@dataclass(frozen=True)
class Moved:
    """One law: who holds it now and broke it before (or there was none), and the other way round."""

    exercise: str
    law: str
    gained: list[str]
    lost: list[str]
    words: str


def merged(found: Iterable[Regraded]) -> list[Regraded]:
    """One entry a student, of marks that are others at the end than at the beginning, for what a run did."""
    by_student: dict[str, list[Regraded]] = {}
    for entry in found:
        first = any(FIRST & set(change.why) for change in entry.marks)
        if not first and any(map(_of_the_run, entry.marks)):
            by_student.setdefault(entry.student, []).append(entry)
    made = [_one(entries) for _, entries in sorted(by_student.items())]
    return [entry for entry in made if entry.marks]


def _of_the_run(change: Change) -> bool:
    return not UNTOLD & set(change.why)


def _one(entries: Sequence[Regraded]) -> Regraded:
    marks, laws = dict[str, Change](), dict[tuple[str, str], LawChange]()
    for change in (change for entry in entries for change in entry.marks):
        was = marks.get(change.mark)
        marks[change.mark] = _joined(was, change) if was else change
    for law in (law for entry in entries for law in entry.laws):
        key = law.exercise, law.law
        laws[key] = replace(law, before=laws[key].before) if key in laws else law
    return Regraded(
        entries[0].student,
        tuple(c for c in marks.values() if c.before != c.after and _of_the_run(c)),
        tuple(law for law in laws.values() if law.before != law.after),
        entries[0].before,
        entries[-1].after,
    )


def _joined(first: Change, then: Change) -> Change:
    why = tuple(dict.fromkeys((*first.why, *then.why)))
    details = dict.fromkeys(filter(None, (first.detail, then.detail)))
    return replace(then, before=first.before, why=why, detail="; ".join(details))


def text(name: str, found: Sequence[Regraded], words: str, most: int | None = None) -> str:
    """For a terminal; `most`: after so many the others are only counted."""
    ends = f": {_up_and_down(found)}" if found else ""
    lines = [f"{name}: {len(found)} {words}{ends}"]
    lines += [line for entry in found[:most] for line in _student(entry)]
    if most is not None and len(found) > most:
        lines.append(f"and {len(found) - most} more")
    if moved := list(laws_moved(found)):
        lines += ["law by law, of those:", *map(_law, moved)]
    return "\n".join(lines)


def _up_and_down(found: Sequence[Regraded]) -> str:
    up, down = (sum(sign * (e.after - e.before) > 0 for e in found) for sign in (1, -1))
    return f"{up} up, {down} down"


def _student(entry: Regraded) -> Iterator[str]:
    yield f"{one_line(entry.student, 100)}: {entry.before:g} → {entry.after:g} points"
    for change in entry.marks:
        yield f"  {change.mark}: {mark(change.before)} → {mark(change.after)}, {reason(change)}"
    for law in entry.laws:
        yield f"    {law.exercise}: {HELD[law.before]} → {HELD[law.after]}  {law.law}"


def mark(value: float | None) -> str:
    """In words."""
    return "open" if value is None else f"{value:g}"


def reason(change: Change) -> str:
    """Why, in one line."""
    detail = f": {change.detail}" if change.detail else ""
    return f"{' and '.join(change.why)}{detail}"


def laws_moved(found: Iterable[Regraded]) -> Iterator[Moved]:
    """Law by law, in the order in which they are met first."""
    rows: dict[tuple[str, str], list[tuple[str, LawChange]]] = {}
    for entry in found:
        for law in entry.laws:
            rows.setdefault((law.exercise, law.law), []).append((entry.student, law))
    for (exercise, claim), changes in rows.items():
        gained = [student for student, law in changes if law.after]
        lost = [student for student, law in changes if law.after is False]
        words = "a law that is new" if all(law.before is None for _, law in changes) else ""
        words = "a law that is gone" if all(law.after is None for _, law in changes) else words
        yield Moved(exercise, claim, gained, lost, words)


def _law(moved: Moved) -> str:
    parts = [moved.words] if moved.words else []
    for names, words in ((moved.gained, "holds for"), (moved.lost, "broken by")):
        if names:
            parts.append(f"now {words} {len(names)} ({one_line(some_of(names), 200)})")
    return f"  {moved.exercise}, {moved.law}: {'; '.join(parts)}"


def tell(found: Mapping[str, list[Regraded]], path: Path | None) -> None:
    """What runs changed, on the terminal for the first of them, and whole in a file if one is named."""
    made = {name: merged(entries) for name, entries in found.items()}
    for name, entries in made.items():
        if entries:
            who = "student has" if len(entries) == 1 else "students have"
            print(text(name, entries, f"{who} another mark now", MOST_TOLD), file=sys.stderr)
    if path:
        write_table(path, made)


def tell_trial(trials: Mapping[str, Trial], path: Path | None) -> None:
    """What runs would change."""
    for name, trial in trials.items():
        print(text(name, trial.regraded, f"of {trial.students} students would get another mark"))
        if trial.faults:
            print(f"{name}: not judged for a reason on our side: {some_of(trial.faults)}")
    print("nothing is written", file=sys.stderr)
    if path:
        write_table(path, {name: trial.regraded for name, trial in trials.items()})


def write_table(path: Path, found: Mapping[str, list[Regraded]]) -> None:
    """By assignment: a JSON document where the file's name ends in .json, else a CSV file, with a row a mark, total and law."""
    rows = [
        row for name, entries in found.items() for entry in entries for row in _rows(name, entry)
    ]
    if path.suffix == ".json":
        write(path, rows)
    else:
        write_rows(path, FIELDS, IDS, ([row[name] for name in FIELDS] for row in rows))


def _rows(assignment: str, entry: Regraded) -> Iterator[dict[str, Any]]:
    begin = dict.fromkeys(FIELDS, "") | {"assignment": assignment, "student": entry.student}
    ends: dict[str, float | str | None]
    for change in entry.marks:
        ends = {"from": change.before, "to": change.after}
        why = {"why": "; ".join(change.why), "detail": change.detail}
        yield begin | {"exercise": change.mark} | ends | why
    yield begin | {"exercise": TOTAL, "from": entry.before, "to": entry.after}
    for law in entry.laws:
        ends = {"from": HELD[law.before], "to": HELD[law.after]}
        yield begin | {"exercise": law.exercise, "law": law.law} | ends
