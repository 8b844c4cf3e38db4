"""Keeps the log of marks up with the gradebook, whoever changed that and however a run ended.

The log is compared with the gradebook when a run begins and when it ends. What a killed run recorded and did not log, what
was marked by hand meanwhile, and what any other command did is found then, with the reason as far as it can be known.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from grader.assignment import Assignment
from grader.gradebook.changes import Before, Regraded, compared, gone
from grader.gradebook.held import Held, held
from grader.gradebook.marks_log import MarksLog
from grader.gradebook.reasons import Basis, Why, basis_now
from grader.store import State, StateFile
from grader.verdict import Verdict


class History:
    """What became of the marks of one assignment; `root`: nbgrader's course."""

    def __init__(self, root: Path, assignment: Assignment) -> None:
        self.root, self.assignment, self.log = root, assignment, MarksLog(root)

    def begin(self, database: Any) -> list[Regraded]:
        """Log what changed since the last run; who is in the middle of being recorded comes at the end."""
        return self._catch_up(database, {}, unfinished=False)

    def end(self, database: Any, recorded: Mapping[str, Verdict]) -> list[Regraded]:
        """Log what this run changed; `recorded`: its verdicts by student."""
        return self._catch_up(database, recorded, unfinished=True)

    def _catch_up(
        self, database: Any, recorded: Mapping[str, Verdict], unfinished: bool
    ) -> list[Regraded]:
        with self.log.open() as file:
            logged = self.log.read(self.assignment.name)
            known, first = logged.last(), Why.FIRST if logged.lines else Why.BEGAN
            now = held(database, self.assignment.name, self.assignment.notebook.stem)
            entries: list[tuple[Regraded, Basis]] = []
            changed: dict[str, Basis] = {}
            for student, marks in now.items():
                state = self._state(student).read()
                if not (state.whole or unfinished):
                    continue
                basis = basis_now(state, recorded.get(student), marks)
                before = earlier(known.get(student), state) if logged.lines else None
                entries.append((self._compared(student, before, marks, basis, first), basis))
                # of what another command recorded, or a run in part, too little is known
                kept = basis if unfinished else with_dates_of(state.basis, basis)
                if state.whole and kept != state.basis:
                    changed[student] = kept
            for student in known.keys() - now.keys():
                self._forget(student)
                entries.append((gone(student, known[student]), Basis()))
            self.log.add(file, self.assignment.name, entries, begins=not logged.lines)
        # only now: the log tells of it
        for student, basis in changed.items():
            self._state(student).change(basis=basis)
        return [regraded for regraded, _ in entries if regraded.marks or regraded.laws]

    def _compared(
        self, student: str, before: Before | None, marks: Held, basis: Basis, first: Why
    ) -> Regraded:
        return compared(student, before, marks, basis, self.assignment.training, first)

    def _forget(self, student: str) -> None:
        state = self._state(student)
        if state.read().basis:
            state.change(basis={})

    def _state(self, student: str) -> StateFile:
        return StateFile(self.root, self.assignment.name, student)


def with_dates_of(before: Mapping[str, Any], basis: Basis) -> Basis:
    """The gradebook has new dates before a run works out what they cost: until then, the old ones count as told of."""
    dates = {name: before[name] for name in ("late", "extension") if name in before}
    rest = {name: part for name, part in basis.items() if name not in ("late", "extension")}
    return cast(Basis, {**rest, **dates})


def earlier(logged: Before | None, state: State) -> Before | None:
    """What was known of a student's marks: by the log, and by the state, which says more of what they were made of."""
    basis = cast(Basis, state.basis)
    if logged is None:
        return Before(basis=basis) if basis else None
    return Before(logged.marks, logged.by_hand, basis or logged.basis)


def log_removal(root: Path, student: str) -> None:
    """The student has left, and the gradebook has no marks of the student any more."""
    log = MarksLog(root)
    for assignment in log.assignments():
        with log.open() as file:
            if before := log.read(assignment).last().get(student):
                log.add(file, assignment, [(gone(student, before), Basis())])
