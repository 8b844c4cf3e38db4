"""Training marks by replay, before anything is trained: processes that ask a class's notebooks what a recorded run was asked.

The assignment names the command (`Assignment.replayer`; gate/replay.py says why its marks are those that training would give). A share of
the notebooks whose run it has proved is trained with as well: one difference, and no mark of this run is by replay.
"""

import os
import shutil
import subprocess
from collections.abc import Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import zip_longest
from pathlib import Path
from typing import Any

from tqdm import tqdm

from grader.assignment import Assignment
from grader.classroom.jobs import Job
from grader.classroom.slots import VISIBLE, Slot, cpu
from grader.judging.training_marks import Mark, TrainingMarks, failed, is_mark
from grader.store import load, sha256, write
from grader.wall import leash

FOLDER = "replays"  # of the recordings, below the training marks
AUDITED = "audited.json"  # in it: the notebooks that were trained with as well, and gave the same
DEATHS = 3  # in a row, after which a process is not started again
LEAST = 3  # notebooks: fewer are sooner trained with than a run is recorded and one of them audited


class Replayer(Job):
    """One process that replays, on a leash and in a slot; after some deaths in a row it answers nothing any more."""

    def __init__(self, command: Sequence[str], slot: Slot, log: Path) -> None:
        super().__init__([*command])
        self.slot, self.log, self.deaths = slot, log, 0

    def start(self) -> subprocess.Popen[bytes]:
        with self.log.open("a") as log:
            self.process = subprocess.Popen(
                leash.command(*self.arguments),
                env={**os.environ, **self.slot.environment},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                start_new_session=True,
            )
        return self.process

    def ask(self, request: dict[str, Any], seconds: float) -> dict[str, Any] | None:
        answer = super().ask(request, seconds)
        self.deaths = 0 if answer else self.deaths + 1
        return answer


class Replays:
    """`Replays(assignment, marks).marked(requests, slots)` gives the marks that a replay has proved."""

    def __init__(self, assignment: Assignment, marks: TrainingMarks) -> None:
        self.assignment, self.marks = assignment, marks
        self.folder = marks.runs(FOLDER) / assignment.name

    def worthwhile(self, count: int, slots: Sequence[Slot]) -> bool:
        """Whether so many notebooks pay for a recording, or there is one; on a GPU nothing can be proved so."""
        if not self.assignment.replayer or any(slot.environment.get(VISIBLE) for slot in slots):
            return False
        return count >= LEAST or bool(count and self.audited())

    def audited(self) -> list[str]:
        """The notebooks whose training gave what the replay had said, with laws, grader, trainer and processor as they are."""
        kept = load(self.folder / AUDITED)
        return kept.get("notebooks", []) if kept.get("of") == self._of() else []

    def passed(self, notebooks: Sequence[str]) -> None:
        """Note that these were audited, and right."""
        known = list(dict.fromkeys([*self.audited(), *notebooks]))
        write(self.folder / AUDITED, {"of": self._of(), "notebooks": known})

    def _of(self) -> list[str]:
        """What an audit counts for: no more than a recording, which another processor makes anew."""
        return [self.marks.inputs, cpu()]

    def failed(self) -> None:
        """Trust no recording any more: the next run makes its own."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def drawn(self, notebooks: Collection[str], share: float) -> list[str]:
        """Those of the notebooks whose own hash draws them for the audit: this share, and one at least if none ever was."""
        order = {sha: int(sha256(f"audit {sha}".encode())[:12], 16) / 16**12 for sha in notebooks}
        found = [sha for sha in notebooks if order[sha] < share]
        if not found and share and notebooks and not self.audited():
            return [min(notebooks, key=order.__getitem__)]
        return found

    def marked(
        self, requests: Mapping[str, dict[str, Any]], slots: Sequence[Slot]
    ) -> dict[str, Mark]:
        """The marks of those that answer as recorded; the others have to be trained with, and replay.txt beside their runs says why.

        Args:
            requests: by the notebook's SHA-256, what the replayer reads.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        places = {"out": self.folder, "isolation": self.marks.isolation}
        command = [part.format(**places) for part in self.assignment.replayer]
        logs = [self.folder / f"log-{number}.txt" for number in range(len(requests))]
        jobs = [Replayer(command, slot, log) for slot, log in zip(slots, logs, strict=False)]
        for log in logs:
            log.unlink(missing_ok=True)
        with tqdm(None, "replaying", len(requests), unit="notebook", disable=None) as bar:
            answers = self._asked(requests, jobs, bar)
        found = {sha: self._read(sha, answers.get(sha)) for sha in requests}
        return {sha: mark for sha, mark in found.items() if mark}

    def _asked(
        self, requests: Mapping[str, dict[str, Any]], jobs: Sequence[Replayer], bar: tqdm
    ) -> dict[str, Any]:
        """What each request was answered; each job takes the next one that is left, as long as it lives."""
        answers: dict[str, Any] = {}
        left = iter([*requests])  # of all threads together

        def serve(job: Replayer) -> None:
            for sha in left:
                answers[sha] = job.ask(requests[sha], self.assignment.training_seconds)
                bar.update()
                if job.deaths == DEATHS:
                    return

        # a thread a job, until all are done: a job's leash is that of the thread which starts it
        threads = ThreadPoolExecutor(len(jobs))
        try:
            list(threads.map(serve, jobs))
        finally:
            for job in jobs:
                job.stop()  # the user has had enough
            threads.shutdown(cancel_futures=True)
            for job in jobs:
                job.close()
        return answers

    def _read(self, sha: str, answer: Any) -> Mark | None:
        said = answer or {"differs": f"the process died or hung: see {self.folder}"}
        mark = said.get("mark")
        if is_mark(mark) and not failed(mark):
            return mark
        reason = said.get("differs") or (mark or {}).get("note", "no mark")
        (self.marks.runs(sha) / "replay.txt").write_text(f"not proved by replay: {reason}\n")
        return None


def unlike(replayed: Mark, trained: Mark) -> str:
    """What two marks of one notebook disagree in, with both values, or ""."""
    for name in ("share", "outcome"):
        if replayed.get(name) != trained.get(name):
            return f"{name}: {replayed.get(name)} replayed, {trained.get(name)} trained"
    seeds: Iterable[tuple[Mark, Mark]] = zip_longest(
        replayed.get("figures", []), trained.get("figures", []), fillvalue={}
    )
    for one, other in seeds:
        for name in {**one, **other}:
            if one.get(name) != other.get(name):
                return f"{name}: {one.get(name)} replayed, {other.get(name)} trained"
    return ""
