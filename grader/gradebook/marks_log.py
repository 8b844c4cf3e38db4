"""marks.jsonl, beside the gradebook: every mark that ever changed, one JSON object a line. Lines are added, and none is ever taken away."""

import contextlib
import fcntl
import json
import os
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from io import FileIO
from pathlib import Path
from typing import Any, TypeGuard

from grader.errors import CourseError
from grader.gradebook.changes import Before, Change, Regraded
from grader.gradebook.held import PENALTY
from grader.gradebook.reasons import Basis, Why

NAME = "marks.jsonl"  # in nbgrader's course
Line = dict[str, Any]  # as docs/verdict.md lists its fields
KINDS = {"assignment": str, "student": str, "mark": str, "why": list, "by_hand": bool}
DIGESTS = ("laws", "grader")


@dataclass(frozen=True)
class Logged:
    """All that the log tells of one assignment, the oldest first."""

    lines: list[Line]

    def last(self) -> dict[str, Before]:
        """By student, of all who have marks by its lines; what they are made of as far as these say."""
        marks, by_hand = defaultdict[str, dict[str, float | None]](dict), set[tuple[str, str]]()
        basis: dict[str, Basis] = {}
        for line in filter(of_somebody, self.lines):
            student, mark = line["student"], line["mark"]
            marks[student][mark] = line.get("to")
            by_hand.discard((student, mark))
            if Why.REMOVED in line["why"]:
                del marks[student][mark]
            elif line["by_hand"]:
                by_hand.add((student, mark))
            basis[student] = _basis(line)
        return {
            student: Before(
                found, frozenset(m for m in found if (student, m) in by_hand), basis[student]
            )
            for student, found in marks.items()
            if found.keys() - {PENALTY} or found.get(PENALTY)
        }


class MarksLog:
    """The log of one course's marks; `root`: nbgrader's course."""

    def __init__(self, root: Path) -> None:
        self.path = root / NAME

    def assignments(self) -> list[str]:
        """Those that it tells of."""
        return sorted({line["assignment"] for line in self._all()})

    def read(self, assignment: str) -> Logged:
        """What it tells of this assignment; what is no line of it is said, and counts as none."""
        return Logged([line for line in self._all() if line["assignment"] == assignment])

    def _all(self) -> Iterable[Line]:
        try:
            data = self.path.read_bytes()
        except FileNotFoundError:
            return ()
        except OSError as error:
            raise self._refusal(error) from error
        return self._lines(data)

    def _lines(self, data: bytes) -> Iterator[Line]:
        odd = []
        for number, text in enumerate(data.split(b"\n"), start=1):
            if not text:
                continue
            line = _parsed(text)
            if is_line(line):
                yield line
            else:  # a machine that lost its power while it was written, or somebody's editor
                odd.append(str(number))
        if odd:
            more = "" if len(odd) <= 5 else f" and {len(odd) - 5} more"
            said = f"{NAME}: no line of the log, and left as it is: {', '.join(odd[:5])}{more}"
            print(said, file=sys.stderr)

    @contextlib.contextmanager
    def open(self) -> Iterator[FileIO]:
        """For `add`, with nobody else adding meanwhile; CourseError where that cannot be. It is made if it is not there."""
        try:
            file = self.path.open("ab", buffering=0)
        except OSError as error:
            raise self._refusal(error) from error
        with file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield file

    def add(
        self,
        file: FileIO,
        assignment: str,
        entries: Iterable[tuple[Regraded, Basis]],
        begins: bool = False,
    ) -> None:
        """All changes, on disk before this returns; `begins`: the first line says that before it nothing was logged."""
        moment = datetime.now(UTC).isoformat(timespec="seconds")
        begin = Regraded("", (Change("", None, None, (Why.BEGAN,)),), (), 0.0, 0.0)
        entries = [(begin, Basis()), *entries] if begins else entries
        lines = [
            json.dumps(_line(moment, assignment, regraded, change, basis))
            for regraded, basis in entries
            for change in regraded.marks
        ]
        if not lines:
            return
        # a line that was cut short ends here
        rest = "" if self._ends_whole() else "\n"
        try:
            left = (rest + "\n".join(lines) + "\n").encode()
            while left:
                left = left[file.write(left) or 0 :]
            os.fsync(file.fileno())
            if begins:
                self._keep_name()
        except OSError as error:
            raise self._refusal(error) from error

    def _keep_name(self) -> None:
        """A new file's name is on disk once its folder is."""
        folder = os.open(self.path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def _ends_whole(self) -> bool:
        with self.path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - 1))
            return file.read(1) in (b"", b"\n")

    def _refusal(self, error: OSError) -> CourseError:
        return CourseError(f"{NAME}, the log of marks: {error.strerror}; mend it, run again")


def _line(moment: str, assignment: str, regraded: Regraded, change: Change, basis: Basis) -> Line:
    made = {name: basis[name]["sha256"] for name in DIGESTS if name in basis}  # type: ignore[literal-required]
    return {
        "when": moment,
        "assignment": assignment,
        "student": regraded.student,
        "mark": change.mark,
        "from": change.before,
        "to": change.after,
        "why": list(change.why),
        "detail": change.detail,
        "by_hand": change.by_hand,
        "total": regraded.after,
        "notebook": basis.get("notebook", ""),
        **made,
    }


def _basis(line: Line) -> Basis:
    """What a line says of it: the state beside it says more, where it is not lost."""
    made = {n: {"version": "", "sha256": line[n]} for n in DIGESTS if isinstance(line.get(n), str)}
    return Basis(**{"notebook": str(line.get("notebook", "")), **made})  # type: ignore[typeddict-item]


def of_somebody(line: Line) -> bool:
    """Not so of the line that the log begins with."""
    return line["student"] != ""


def _parsed(text: bytes) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None


def is_line(line: Any) -> TypeGuard[Line]:
    """Whether it tells of a mark."""
    if not isinstance(line, dict):
        return False
    marks = line.get("from"), line.get("to")
    return all(isinstance(line.get(name), kind) for name, kind in KINDS.items()) and all(
        mark is None or isinstance(mark, int | float) for mark in marks
    )
