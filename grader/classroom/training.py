"""Training runs for the exercises that are marked by one: a queue over this machine's GPUs, or its cores, or a cluster's.

The assignment says how a notebook is trained (`Assignment.trainer`, a command); each run gets a slot and a folder of its own, with
a copy of the notebook. Marks are kept (grader/judging/training_marks.py), so nothing is trained twice: notebooks that agree in what
training uses share one, and a run of the queue that was killed goes on with what is missing. What can be proved without training
(replays.py) is not trained.
"""

import os
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from tqdm import tqdm

from grader.assignment import AUDIT, Assignment
from grader.classroom.replays import Replays, unlike
from grader.classroom.slots import Slot, slots
from grader.errors import CourseError
from grader.judging.training_marks import (
    Mark,
    TrainingMarks,
    by_machine,
    failed,
    is_mark,
    open_mark,
)
from grader.store import load, sha256
from grader.verdict import FATAL, Verdict
from grader.wall import leash

PAUSE = 0.1  # seconds between two looks at the runs, which take a minute
DRAWS = 3  # for an audit, where the runs that were drawn fail for reasons of ours
TOLD = ("passed", "value", "outcome")  # to a replay, of each law
NOTEBOOK, MARK, LOG = "notebook.ipynb", "mark.json", "log.txt"  # in a run's own folder


@dataclass(frozen=True)
class Untrained:
    """A notebook that waits for a training run, and what that will use of it (grader/judging/needs.py)."""

    notebook: Path
    uses: str = ""
    # what the laws gave, by exercise: see `known`
    laws: dict[str, Any] = field(default_factory=dict)


def known(verdict: Verdict) -> dict[str, Any]:
    """What a verdict says of its exercises, in brief."""
    exercises: dict[str, Any] = {**verdict["exercises"]}
    return {
        stem: {
            **{name: row[name] for name in ("points", "max_points", "outcome")},
            "laws": [{name: law[name] for name in TOLD if name in law} for law in row["laws"]],
        }
        for stem, row in exercises.items()
    }


class Run(Protocol):
    """A training run on its way; its folder has its files once it has ended."""

    @property
    def sha(self) -> str:
        """Of its notebook."""

    @property
    def slot(self) -> Slot:
        """What it takes up."""

    def goes_on(self) -> bool:
        """Whether it runs and has time left."""

    def end(self) -> str:
        """Stop it if it goes on; why it gives no mark, in words, if it gives none."""


@dataclass(frozen=True)
class RunHere:
    """One on this machine."""

    sha: str
    slot: Slot
    process: subprocess.Popen[bytes]
    seconds: float
    deadline: float

    def goes_on(self) -> bool:
        return self.process.poll() is None and time.monotonic() < self.deadline

    def end(self) -> str:
        code = self.process.poll()
        self.process.kill()
        self.process.wait()
        return ended(code, self.seconds)


def ended(code: int | None, seconds: float) -> str:
    """How a trainer ended that gave no mark; `code`: None where its time was over."""
    return f"no end within {seconds:g} seconds" if code is None else f"exit code {code}"


def launch(
    trainer: Sequence[str], out: Path, isolation: str, environment: Mapping[str, str], home: Path
) -> subprocess.Popen[bytes]:
    """Start the course's command for the notebook in `out`, on a leash: it dies with this thread.

    It runs in `home`, the course's folder: `-m gate` is found there.
    """
    (out / MARK).unlink(missing_ok=True)
    places = {"notebook": out / NOTEBOOK, "mark": out / MARK, "out": out}
    command = [part.format(**places, isolation=isolation) for part in trainer]
    with (out / LOG).open("w") as log:
        return subprocess.Popen(
            leash.command(*command),
            env={**os.environ, **environment},
            cwd=home,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )


class Elsewhere(Protocol):
    """Other machines that train, while somebody is in there."""

    slots: list[Slot]

    def start(self, sha: str, slot: Slot, out: Path) -> Run:
        """Train with the notebook in `out`, a run's own folder here."""


class TrainingQueue:
    """`TrainingQueue(assignment, marks).run({sha256: Untrained(notebook)})` leaves a mark for each."""

    def __init__(
        self,
        assignment: Assignment,
        marks: TrainingMarks,
        elsewhere: Callable[[], AbstractContextManager[Elsewhere]] | None = None,
    ) -> None:
        """`elsewhere`: who trains in place of this machine."""
        if not assignment.trainer:
            raise CourseError("the course declares no `trainer`, so nothing can be trained here")
        self.assignment, self.marks = assignment, marks
        self.elsewhere, self.start = elsewhere, self._start_here
        self.slots = [] if elsewhere else slots(assignment.training_memory_mb)

    def run(self, notebooks: Mapping[str, Untrained], audit: float = AUDIT) -> int:
        """Train what has no mark that counts and cannot be proved, and return how many were missing.

        First one of those that agree in what training uses; then whoever found no mark in that.

        Args:
            audit: the share of what a replay marks that is trained with as well.
        """
        self.uses = {sha: untrained.uses for sha, untrained in notebooks.items()}
        self.proving = True
        missing = self._missing(notebooks)
        with ExitStack() as away:
            if missing and self.elsewhere:
                others = away.enter_context(self.elsewhere())
                self.slots, self.start = others.slots, others.start
            self._rounds(missing, notebooks, audit)
        return len(missing)

    def _rounds(
        self, missing: Sequence[str], notebooks: Mapping[str, Untrained], audit: float
    ) -> None:
        first = list({self.uses[sha] or sha: sha for sha in reversed(missing)}.values())[::-1]
        for shas in (first, [sha for sha in missing if sha not in first]):
            left = self._unproved(self._missing(shas), notebooks, audit)
            self._round({sha: notebooks[sha].notebook for sha in left})

    def _unproved(
        self, shas: list[str], notebooks: Mapping[str, Untrained], audit: float
    ) -> list[str]:
        """Mark what a replay proves, if its audit confirms it; returns those that are to be trained with."""
        replays = Replays(self.assignment, self.marks)
        # machines of other kinds train otherwise, in the last digits
        if self.elsewhere or not self.proving or not replays.worthwhile(len(shas), self.slots):
            return shas
        print(f"replaying a recorded run with {len(shas)} notebooks", file=sys.stderr)
        requests = {
            sha: self._request(sha, notebooks[sha])
            for sha in shas
            if self._copy(sha, notebooks[sha].notebook)
        }
        marks = replays.marked(requests, self.slots)
        # a notebook that its laws keep from training had no run that could be proved
        proved = {sha: mark for sha, mark in marks.items() if "outcome" not in mark}
        compared, drawn = self._audited(replays, proved, notebooks, audit)
        confirmed = compared or replays.audited() or not drawn
        self.proving = bool(confirmed) and not any(compared.values())
        if not self.proving:
            self._distrust(replays, compared)
            return [sha for sha in requests if sha not in drawn]
        replays.passed([*compared])
        for sha in [sha for sha in marks if sha not in compared]:
            self.marks.write(marks[sha], sha, self.uses[sha])
        print(
            f"proved by replay: {len(proved)} of {len(shas)}, {len(compared)} of them trained with as well, alike",
            file=sys.stderr,
        )
        return [sha for sha in requests if sha not in marks]

    def _request(self, sha: str, untrained: Untrained) -> dict[str, Any]:
        """What a replayer reads about one notebook."""
        out = self.marks.runs(sha)
        return {"notebook": str(out / NOTEBOOK), "out": str(out), "laws": untrained.laws}

    def _audited(
        self,
        replays: Replays,
        proved: Mapping[str, Mark],
        notebooks: Mapping[str, Untrained],
        share: float,
    ) -> tuple[dict[str, str], list[str]]:
        """Train with some as well: what of them could be compared, each with the words of `unlike`; and all that were drawn.

        A run that fails for a reason of ours tells nothing: others are drawn.
        """
        compared: dict[str, str] = {}
        drawn: list[str] = []
        for _ in range(DRAWS):
            more = replays.drawn([sha for sha in proved if sha not in drawn], share)
            self._round({sha: notebooks[sha].notebook for sha in more})
            drawn += more
            for sha in more:
                trained = self.marks.read(sha, self.uses[sha])
                if trained and by_machine(trained) and not failed(trained):
                    compared[sha] = unlike(proved[sha], trained)
            if compared or not more:
                break
        return compared, drawn

    def _distrust(self, replays: Replays, compared: Mapping[str, str]) -> None:
        """Say why no replay counts in this run; where training disagreed, the exercise is open."""
        for sha, words in compared.items():
            if words:
                said = f"a replayed run and the same run trained disagree, so no run is replayed: {words}"
                self.marks.withdraw(said, sha, self.uses[sha])
                print(f"training: {said}", file=sys.stderr)
        if compared:
            replays.failed()
        else:
            said = "every run that was drawn to be compared with its replay failed for a reason on our side"
            print(f"training: {said}, so no run is replayed", file=sys.stderr)

    def _missing(self, shas: Iterable[str]) -> list[str]:
        return [sha for sha in shas if not self.marks.done(sha, self.uses[sha])]

    def _round(self, missing: Mapping[str, Path]) -> None:
        """Train with each of {sha256: notebook}; what hangs or dies beside others is run once more alone."""
        if not missing:
            return
        names = ", ".join(dict.fromkeys(slot.name for slot in self.slots[: len(missing)]))
        count = "1 notebook" if len(missing) == 1 else f"{len(missing)} notebooks"
        print(f"training with {count} on: {names}", file=sys.stderr)
        self.finished = 0
        with tqdm(None, "training", len(missing), unit="notebook", disable=None) as bar:
            copied = [sha for sha in missing if self._copy(sha, missing[sha])]
            again = self._train(copied, self.slots, bar)
            self._train(again, self.slots[:1], bar, last=True)

    def _copy(self, sha: str, notebook: Path) -> bool:
        """Put the bytes that were asked for into the run's own folder; whether they were still there."""
        data = notebook.read_bytes()
        if sha256(data) != sha:
            self.marks.write(open_mark("the notebook changed after it was graded"), sha)
            return False
        self.marks.runs(sha).mkdir(parents=True, exist_ok=True)
        (self.marks.runs(sha) / NOTEBOOK).write_bytes(data)
        return True

    def _train(
        self, shas: Iterable[str], places: Sequence[Slot], bar: tqdm, last: bool = False
    ) -> list[str]:
        """Train in these places; returns what hung or died: it may be the others' fault, until it does so alone."""
        waiting, free = deque(shas), deque(places)
        running: list[Run] = []
        again: list[str] = []
        try:
            while waiting or running:
                while waiting and free:
                    sha, slot = waiting.popleft(), free.popleft()
                    running.append(self.start(sha, slot, self.marks.runs(sha)))
                time.sleep(PAUSE)
                for run in [run for run in running if not run.goes_on()]:
                    running.remove(run)
                    free.append(run.slot)
                    if self._finish(run, last, alone=len(places) == 1):
                        bar.update()
                        self._tell(bar)
                    else:
                        again.append(run.sha)
        finally:
            for run in running:  # the user has had enough
                run.end()
        return again

    def _tell(self, bar: tqdm) -> None:
        """A line a run where no terminal shows the bar: a log that says nothing for minutes looks stuck."""
        self.finished += 1
        if bar.disable:
            print(f"trained: {self.finished} of {bar.total}", file=sys.stderr, flush=True)

    def _start_here(self, sha: str, slot: Slot, out: Path) -> Run:
        """In the queue's own thread, with which the run dies."""
        trainer, most = self.assignment.trainer, self.assignment.training_seconds
        process = launch(trainer, out, self.marks.isolation, slot.environment, Path.cwd())
        return RunHere(sha, slot, process, most, time.monotonic() + most)

    def _finish(self, run: Run, last: bool, alone: bool) -> bool:
        """Keep the mark; without one the exercise stays open, with the reason. False: train this once more, alone."""
        trouble = run.end()
        mark = load(self.marks.runs(run.sha) / MARK)
        if not is_mark(mark):
            if not alone:  # the others may have had the memory or the time
                return False
            mark = open_mark(f"the training run gave no verdict: {trouble}; see {run.sha}/{LOG}")
        if mark.get("outcome") in FATAL and not last:
            return False
        self.marks.write(mark, run.sha, self.uses[run.sha])
        return True
