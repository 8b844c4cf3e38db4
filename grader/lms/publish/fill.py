"""Marks into a system's own table: what changes there, what stays and why."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from grader.lms.publish.ledger import Ledger, Options, number, points, some, why_not
from grader.lms.publish.results import Result, Table
from grader.lms.publish.rows import Rows
from grader.lms.publish.sheet import Sheet
from grader.text import one_line

NONE_YET = ("", "-")


@dataclass
class Report:
    """What a command says of its work: lines of changes; students left as they are, by reason; `troubles` make the exit code 1."""

    changes: list[str] = field(default_factory=list)
    left: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    notes: list[str] = field(default_factory=list)
    troubles: list[str] = field(default_factory=list)
    written: list[Path] = field(default_factory=list)

    def change(self, student: str, before: str, now: str, note: str = "") -> None:
        arrow = f"{before if before not in NONE_YET else '–'} → {now}"
        self.changes.append(one_line(f"{student}: {arrow}{f' ({note})' if note else ''}"))

    def trouble(self, text: str) -> None:
        self.troubles.append(one_line(text, 3000))


def chosen(table: Table, options: Options, report: Report) -> dict[str, Result]:
    """Those who have a mark to publish; the others go into the report, with the reason."""
    found = {}
    for student, result in table.results.items():
        if points(result, options) is not None:
            found[student] = result
        else:
            report.left[why_not(result)].append(student)
    return found


def placed(found: Iterable[str], rows: Rows, sheet: Sheet, report: Report) -> dict[str, int]:
    """Their rows; those who have none, or more than one, are troubles."""
    places = {}
    absent = []
    for student in found:
        if student in rows.of:
            places[student] = rows.of[student]
        elif student in rows.several:
            lines = ", ".join(str(row + 1) for row in rows.several[student])
            report.trouble(
                f"{student}: nobody can tell which row of {sheet.path.name} is meant (rows {lines})"
            )
        else:
            absent.append(student)
    if absent:
        report.trouble(f"not in {sheet.path.name}: {some(absent, 50)}")
    return places


@dataclass(frozen=True)
class Column:
    """The column of marks in a sheet, and what was written there last."""

    sheet: Sheet
    place: int
    ledger: Ledger
    overwrite: bool = False

    def write(self, student: str, row: int, value: float, report: Report) -> bool:
        """Whether the mark stands there now; a mark that somebody else has put there since the last time stays."""
        new, old = number(value), self.sheet.get(row, self.place)
        last = self.ledger.last(student, "points")
        if alike(old, new):
            return True
        if old not in NONE_YET and not self.overwrite:
            if as_number(old) is None:
                report.left[f"{old!r} stands there and stays (--overwrite)"].append(student)
                return False
            # an export from before the last upload has what stood there then
            known = (last, self.ledger.last(student, "was"))
            if last is not None and not any(alike(old, text) for text in known if text):
                self._theirs(student, old, new, last, report)
                return False
        self.sheet.put(row, self.place, new)
        told = f"published last: {last}" if last and not alike(old, last) else ""
        report.change(student, old, new, told)
        return True

    def _theirs(self, student: str, old: str, new: str, last: str, report: Report) -> None:
        if alike(new, last):
            report.left["changed there by hand, and stays (--overwrite)"].append(student)
        else:
            report.trouble(
                f"{student}: {old} stands there, {last} was published last: somebody has changed it, so it stays;"
                f" --overwrite writes {new}"
            )


def as_number(text: str) -> float | None:
    """A mark as systems write it, with a point or a comma; None for words."""
    try:
        value = float(text.replace(",", "."))
    except ValueError:
        return None
    return value if value == value and abs(value) != float("inf") else None


def alike(one: str, other: str) -> bool:
    """Whether two texts are the same mark: systems show two decimals of it."""
    a, b = as_number(one), as_number(other)
    return one == other if a is None or b is None else abs(a - b) < 0.00501
