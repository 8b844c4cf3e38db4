"""Loading what a submitted function needs of its notebook, again and again without the statements that end a worker."""

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from grader.errors import SandboxError
from grader.judging.calls import Callback, Ended, StudentError
from grader.judging.connection import Connection, interpreting
from grader.judging.patience import UNHURRIED_LOAD
from grader.text import clean, some_of
from grader.verdict import Outcome
from grader.wall.ends import WorkerEnded
from grader.wall.inside import wire
from grader.wall.inside.worker import PARSING
from grader.wall.link import Answer, Worker

MAX_RESTARTS = 5
MAX_REASONS = 20  # names that are looked for in the cells: each may take a look at all of them
DEFINED = re.compile(r"^\s*def\s+(\w{1,60})", re.MULTILINE)


@dataclass(frozen=True)
class LoadError:
    """A statement of the notebook that failed, or could not be read, before any call."""

    cell: str
    words: str
    source: str  # the cell's
    # the names that it would have bound; None where nobody can tell
    binds: frozenset[str] | None = None
    # the name that it lacked itself
    lost: str = ""

    def __str__(self) -> str:
        return f"in cell {self.cell}: {self.words}"

    def would_bind(self, name: str) -> bool:
        """Whether the name is missing for this reason."""
        if self.binds is not None:
            return bool(self.binds & {name, "*"})
        return (
            re.search(rf"\b(def|class|import|as)\s+{name}\b|\b{name}\s*=", self.source) is not None
        )


class Loading:
    """What is known of loading the function `stem` so far: a statement that hangs or dies hurts only what needs it."""

    def __init__(self, stem: str, cells: Sequence[dict[str, str]], connection: Connection) -> None:
        """`cells`: the notebook's code cells, each with its "id" and "source"."""
        self.stem, self.cells, self.connection = stem, cells, connection
        self.skip: list[list[int]] = []  # what ended a worker, and is left out of the next try
        self.errors: list[LoadError] = []
        self.reasons: dict[str, LoadError | None] = {}  # by the name that is missing in a call
        # where the worker is: [cell, statement], or [cell, PARSING]
        self.at: list[int] | None = None

    def explained(self, error: StudentError) -> StudentError:
        """The same; of a name that is not there because a statement failed, with the first failure on the way to it."""
        if error.lost not in self.reasons and len(self.reasons) < MAX_REASONS:
            self.reasons[error.lost] = self._reason(error.lost)
        why = self.reasons.get(error.lost)
        return error.because(f"it is missing because of what failed {why}") if why else error

    def _reason(self, name: str) -> LoadError | None:
        """The first failure on the way to a name that is not there."""
        why, left = None, list(self.errors)
        while name and (cause := next((e for e in left if e.would_bind(name)), None)):
            left.remove(cause)
            why, name = cause, cause.lost
        return why

    def load(self) -> Worker:
        """A fresh worker that has loaded the function; Ended, then and ever after, if there is none."""
        why = None
        for _ in range(MAX_RESTARTS + 1):
            try:
                if (worker := self._loaded()) is not None:
                    return worker
                break
            except SandboxError as error:
                raise Ended(Outcome.INFRASTRUCTURE, str(error)) from error
            except WorkerEnded as end:
                why = end
                if not self._goes_on(end):
                    break
        self.connection.close()
        over = self._not_loaded(why)
        self.connection.patience = self.connection.patience.ended(over)
        raise over

    def _loaded(self) -> Worker | None:
        """A worker that has loaded the notebook; None if it then defines no such function."""
        worker, self.at = self.connection.open(), None
        with self.connection.losing_patience(worker, UNHURRIED_LOAD):
            defined = self._asked(worker)
        return worker if defined else None

    def _goes_on(self, end: WorkerEnded) -> bool:
        """Whether another worker may get further than the one that ended so."""
        self.connection.close()
        if self.connection.spares(end):  # perhaps this machine's doing: the same again
            return True
        if end.outcome == Outcome.INFRASTRUCTURE:
            raise Ended(end.outcome, end.words) from None
        if self.connection.patience.over is not None or self.at is None or self.at in self.skip:
            return False
        cell = self.cells[self.at[0]]
        self.errors.append(LoadError(self._cell(self.at), end.words, cell["source"]))
        self.skip.append(self.at)
        return True

    def _asked(self, worker: Worker) -> bool:
        """Have the worker load the notebook; whether that defines the function."""
        assignment, patience = self.connection.assignment, self.connection.patience
        end = time.monotonic() + patience.slow + UNHURRIED_LOAD
        message = {
            "do": "load",
            "stem": self.stem,
            "cells": list(self.cells),
            "skip": self.skip,
            "arrays": assignment.arrays,
            "provides": list(assignment.provides),
        }
        asked: list[Callback] = []
        reply, _ = worker.request(
            message,
            [],
            min(assignment.limits.load_seconds, patience.slow + UNHURRIED_LOAD),
            lambda m, b: self._while_loading(worker, m, b, asked, end),
        )
        with interpreting():
            for error in reply.get("errors", [])[:20]:
                self.errors.append(self._failed(error))
        return reply.get("defined") is True

    def _failed(self, description: dict[str, Any]) -> LoadError:
        """A statement's failure as the worker describes it."""
        number = description["cell"]
        if not 0 <= number < len(self.cells):
            raise wire.WireError("no such cell")
        error, cell = StudentError(description), self.cells[number]
        binds, lost = description.get("binds"), error.lost
        why = self._reason(lost)
        words = f"{error}; it is missing because of what failed {why}" if why else str(error)
        if error.is_a("ModuleNotFoundError"):
            words += f". The grader has the notebook's own code, installed packages{self._and_provided()}"
        names = None if binds is None else frozenset(str(name) for name in binds)
        return LoadError(clean(cell["id"]), words, cell["source"], names, lost)

    def _and_provided(self) -> str:
        names = [name.rpartition(".")[2] for name in self.connection.assignment.provides]
        return f", and of the course {' and '.join(names)} alone" if names else " and nothing else"

    def _while_loading(
        self,
        worker: Worker,
        message: dict[str, Any],
        buffers: list[bytes],
        asked: list[Callback],
        end: float,
    ) -> Answer:
        """Each statement has its time, and all together until `end`."""
        if message.get("is") != "progress":
            return self.connection.answer(worker, message, buffers, asked)
        self._move_to(message["at"])
        limit = time.monotonic() + self.connection.assignment.limits.load_seconds
        worker.deadline = min(limit, end + worker.given_back)
        return ()

    def _move_to(self, at: list[int]) -> None:
        """Cells are parsed one after another, then their statements run: [cell, PARSING] or [cell, statement]."""
        cell, statement = at
        known = 0 <= cell < len(self.cells)
        known = known and PARSING <= statement < len(self.cells[cell]["source"])
        if not known or (self.at is not None and _order(at) <= _order(self.at)):
            raise wire.WireError("no such statement, or an earlier one")
        self.at = at

    def _cell(self, at: list[int]) -> str:
        return clean(str(self.cells[at[0]]["id"]))

    def _not_loaded(self, end: WorkerEnded | None) -> Ended:
        if self.connection.patience.over is not None:
            where = f" (in cell {self._cell(self.at)})" if self.at else ""
            return Ended(Outcome.TIMEOUT, f"loading the notebook took too long altogether{where}")
        if end is not None:
            return Ended(end.outcome, "; ".join(map(str, self.errors[:6])) or end.words)
        own = self._own_errors()
        if own:
            return Ended(Outcome.WRONG, f"{self.stem} could not be defined: " + "; ".join(own[:3]))
        words = f"the notebook defines no function {self.stem}"
        others = [
            name
            for cell in self.cells
            if cell["id"] == self.stem
            for name in DEFINED.findall(cell["source"])
        ]
        if others:
            words += f"; its cell defines {some_of(list(map(clean, others)))}: the name must be {self.stem}"
        return Ended(Outcome.NOT_IMPLEMENTED, words)

    def _own_errors(self) -> list[str]:
        """Those of its own cell, and of others that would define it."""
        defines = re.compile(rf"\bdef\s+{re.escape(self.stem)}\b|\b{re.escape(self.stem)}\s*=")
        return [
            str(error)
            for error in self.errors
            if error.cell == self.stem or defines.search(error.source)
        ]


def _order(at: list[int]) -> tuple[bool | int, ...]:
    return (at[1] != PARSING, *at)
