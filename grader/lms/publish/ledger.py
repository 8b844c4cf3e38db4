"""What was published last, system by system, and what a student's mark is now."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from grader.errors import CourseError
from grader.lms.publish.results import Result, Table
from grader.store import StateFile
from grader.text import one_line, some_of
from grader.verdict import Status

OPENED = "open: "  # begins why a mark is not published while exercises have none


@dataclass(frozen=True)
class Options:
    """What the command line decides of marks: `missing`: points of those who handed nothing in; `so_far`: marks of those with
    open exercises count; `scale`: what a point is worth there."""

    missing: float | None = None
    so_far: bool = False
    scale: float = 1.0


def points(result: Result, options: Options) -> float | None:
    """What a system gets of a student; None: nothing, for `why_not`."""
    if result.absent and options.missing is not None:
        return options.missing
    waits = result.open and not (options.so_far and told(result))
    if result.total is None or waits:
        return None
    return round(result.total * options.scale, 4)


def told(result: Result) -> bool:
    """Whether any exercise has a mark: of nothing there is no mark so far."""
    return any(mark is not None for mark in result.marks.values())


def why_not(result: Result) -> str:
    """Why there is no mark to publish."""
    if result.status == Status.INFRASTRUCTURE:
        return "infrastructure: see status.csv"
    if result.status == Status.MISSING:
        return result.note or "nothing handed in"
    return result.note if result.total is None else f"{OPENED}{', '.join(result.open)}"


def number(value: float) -> str:
    """As systems read it: a point, no zeros at the end."""
    return f"{value:.4f}".rstrip("0").rstrip(".")


class Ledger:
    """What a system was last given of each student: `points` and `comment` as text, `page` and `row` as digests; `was`: the mark in
    the sheet before."""

    def __init__(self, table: Table, system: str) -> None:
        self.table, self.system = table, system
        files = {student: self._file(student) for student in table.results}
        self.before = {student: file.read().published for student, file in files.items()}

    def _file(self, student: str) -> StateFile:
        return StateFile(self.table.root, self.table.name, student)

    def last(self, student: str, part: str) -> str | None:
        """None where it was never published."""
        return self.before[student].get(self.system, {}).get(part)

    def keep(self, given: Mapping[str, Mapping[str, str]]) -> None:
        """Remember what is given now; other parts, and what other systems were given, stay as they were."""
        for student, parts in given.items():
            file = self._file(student)
            known = file.read().published
            known[self.system] = {**known.get(self.system, {}), **parts}
            try:
                file.change(published=known)
            except OSError as error:
                raise CourseError(
                    f"{error.filename or file.path}: {error.strerror}: what was written does not count as published;"
                    " mend it, run again"
                ) from error


def some(students: Iterable[str], most: int = 8) -> str:
    """Names for one line of the terminal."""
    return one_line(some_of(sorted(students), most), 2000)
