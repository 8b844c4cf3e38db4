"""The table of what is done with each student's work: its rows, on paper and on a terminal."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from grader.lms.collect.attempts import Attempt, Kept
from grader.lms.collect.deciding import DIGEST
from grader.submission.timestamps import FORMAT
from grader.tables import write_rows
from grader.text import one_line

FIELDS = ("student", "what", "file", "attempt", "handed_in", "clock", "notes", "sha256")


class What(StrEnum):
    """What is done with a student's work."""

    NEW = "new"
    NEWER = "newer"
    CHOSEN = "chosen"  # by --attempt, whatever came after it
    SAME = "same"
    OLDER = "older: kept"
    MISSING = "missing"
    UNKNOWN = "unknown"
    AMBIGUOUS = "ambiguous"
    REFUSED = "refused"
    ASKS = "asks"


PLACED = (What.NEW, What.NEWER, What.CHOSEN)
IN_ORDER = (*PLACED, What.SAME, What.OLDER, What.MISSING)  # nobody needs to do anything


@dataclass
class Row:
    """One line of the table; `kept` and `data`: what is stored of the student from now on; `counts`: whose file is placed."""

    student: str
    what: What
    file: str = ""
    attempt: str = ""
    moment: str = ""
    clock: str = ""
    notes: list[str] = field(default_factory=list)
    sha256: str = ""
    counts: Attempt | None = None
    kept: Kept | None = None
    data: dict[str, Callable[[], bytes]] = field(default_factory=dict)


def write_table(rows: Iterable[Row], path: Path) -> None:
    """collected.csv, whole or not at all."""
    write_rows(path, FIELDS, FIELDS[:1], map(cells, rows))


def cells(row: Row) -> tuple[str, ...]:
    """A row as the file has it."""
    notes = "; ".join(row.notes)
    return (row.student, row.what, row.file, row.attempt, row.moment, row.clock, notes, row.sha256)


def lines(rows: list[Row]) -> list[str]:
    """The table for a terminal: a line a row, what varies in length last."""
    shown = [
        [one_line(row.student, 60) or "-", row.what.value, row.moment, row.sha256[:DIGEST]]
        for row in rows
    ]
    widths = [max((len(line[n]) for line in shown), default=0) for n in range(4)]
    made = []
    for row, line in zip(rows, shown, strict=True):
        begin = "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        rest = "; ".join(part for part in (row.file, row.attempt, row.clock, *row.notes) if part)
        made.append(one_line(f"{begin}  {rest}", 1000).rstrip())
    return made


def when(moment: datetime | None) -> str:
    """A moment for people, in UTC; empty where it is not known."""
    return f"{moment:{FORMAT}}" if moment else ""
