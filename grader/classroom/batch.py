"""Grades a class: verdicts from parallel jobs, then nbgrader's own gradebook, one student after another.

Every step leaves its result under build/grading/ before the next begins, so a run that was killed goes on where it
was: a verdict is reused while notebook, laws and grader are the same, and a student is done once the gradebook has him.
"""

import shutil
from collections.abc import Callable, Collection
from concurrent.futures import Future
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import Any

from tqdm import tqdm

from grader.classroom.status import Row, row
from grader.classroom.training import Untrained, known
from grader.classroom.verdicts import Judging, Verdicts
from grader.gradebook.autograde import Gradebook
from grader.gradebook.changes import Regraded
from grader.gradebook.database import cell_ids
from grader.gradebook.history import History
from grader.judging.feedback import missed
from grader.judging.session import Grader
from grader.store import WORK, StateFile, alone, recorded_as
from grader.submission import timestamps
from grader.submission.choosing import Found
from grader.submission.collect import find_submissions, loose, unusable
from grader.submission.handed_in import HandedIn, read
from grader.text import as_argument, program, some_of
from grader.verdict import Outcome, Status, Verdict

WITHDRAWN = "graded earlier: its marks stay in the gradebook"


class Batch:
    """`Batch(judge).run(jobs)` grades everybody who handed in the judge's assignment."""

    def __init__(
        self,
        judge: Grader,
        keep_timestamps: bool = False,
        root: Path | None = None,
        strangers: Callable[[Path], Collection[str]] = lambda _: (),
    ) -> None:
        """Plan and settings come from `judge`, a Grader that was never entered.

        Args:
            root: nbgrader's course, by default the current folder.
            strangers: names in submitted/ that are nobody's: neither graded nor entered.
        """
        self.judge, self.assignment = judge, judge.assignment
        self.root = root or Path.cwd()
        self.work = self.root / WORK / self.assignment.name
        self.keep_timestamps, self.strangers = keep_timestamps, strangers
        self.staged = self.work / "submitted"
        self.stamp = judge.stamp
        # after a run: the notebooks that wait for a training run, by their SHA-256
        self.untrained: dict[str, Untrained] = {}
        # and what its rows are made of, beside the gradebook's marks
        self.found: list[dict[str, Any]] = []
        # whose marks are others than before, as the log of marks has it
        self.history = History(self.root, self.assignment)
        self.regraded: list[Regraded] = []

    def alone(self) -> AbstractContextManager[None]:
        """Nobody else grades, trains or collects here meanwhile."""
        return alone(self.work)

    @property
    def place(self) -> str:
        """Where a notebook belongs, in words."""
        return f"a notebook's place is submitted/<student>/{self.assignment.name}/{self.assignment.notebook.name}"

    def run(self, judging: Judging) -> list[Row]:
        """Grade everybody, with verdicts from wherever `judging` has them made; returns the rows of status.csv."""
        with judging(self.judge) as pool:
            self.gradebook = gradebook = Gradebook(self.assignment, self.staged)
            self.submitted = gradebook.submitted
            self.regraded += gradebook.begin(self.history)
            names = (self.assignment.name, self.assignment.notebook.stem)
            ids = cell_ids(self.assignment)
            others, nobodys = gradebook.other_assignments(), self.strangers(self.submitted)
            found = find_submissions(self.submitted, *names, others, ids, nobodys)
            self.found = self._grade(found, gradebook, pool)
        seen = {entry["student"] for entry in self.found}
        self.found += [
            {
                "student": name,
                "status": Status.MISSING,
                "notes": self._without(name, nobodys, gradebook),
            }
            for name in gradebook.students()
            if name not in seen
        ]
        return self.rows()

    def rows(self) -> list[Row]:
        """The run's rows with the marks that the gradebook has now: another assignment's run may use up free late days."""
        marks = self.gradebook.marks()
        recorded = {e["student"]: e["verdict"] for e in self.found if "verdict" in e}
        self.regraded += self.gradebook.end(self.history, recorded)
        rows = [row(**entry, marks=marks.get(entry["student"])) for entry in self.found]
        return sorted(
            ({**entry, "assignment": self.assignment.name} for entry in rows),
            key=lambda entry: entry["student"],
        )

    def _grade(
        self, found: list[Found], gradebook: Gradebook, pool: Verdicts
    ) -> list[dict[str, Any]]:
        futures = self.verdicts(found, pool)
        rows: list[dict[str, Any]] = []
        for entry in tqdm(found, "grading", unit="notebook", disable=None):
            if entry.student in futures:
                rows.append(self._graded(entry, futures[entry.student].result(), gradebook))
            else:
                rows.append(self._not_graded(entry, gradebook))
        return rows

    def verdicts(self, found: list[Found], pool: Verdicts) -> dict[str, Future[Verdict]]:
        """By student, of all of whom there is something to give one on."""
        return {
            entry.student: self._verdict(entry, pool)
            for entry in found
            if entry.anything and not unusable(entry.student)
        }

    def _not_graded(self, entry: Found, gradebook: Gradebook) -> dict[str, Any]:
        if why := unusable(entry.student) or entry.trouble:
            return {"student": entry.student, "status": Status.INFRASTRUCTURE, "notes": [why]}
        notes = [*entry.notes, *self._earlier(entry.student, gradebook)]
        return {"student": entry.student, "status": Status.MISSING, "notes": notes}

    def _graded(self, entry: Found, verdict: Verdict, gradebook: Gradebook) -> dict[str, Any]:
        more = missed(verdict, entry.modules)
        mark = recorded_as(verdict, more)
        verdict["notes"] += more
        outcomes = {verdict["exercises"][stem]["outcome"] for stem in self.assignment.training}
        if outcomes & {Outcome.NEEDS_TRAINING, Outcome.INFRASTRUCTURE}:
            uses = verdict["training"]["uses"] if "training" in verdict else ""
            self.untrained[verdict["sha256"]] = Untrained(self._staged(entry), uses, known(verdict))
        return {
            "student": entry.student,
            "status": verdict["status"],
            "verdict": verdict,
            "notes": entry.notes + verdict["notes"],
            "trouble": self._record(entry, verdict, mark, gradebook),
        }

    def _without(self, student: str, nobodys: Collection[str], gradebook: Gradebook) -> list[str]:
        """Notes on somebody whom the gradebook has, and submitted/ has not."""
        if student in nobodys:
            command = f"{program()} -m grader remove {as_argument(student)}"
            return [f"a download, no student: `{command}`"]
        return self._earlier(student, gradebook)

    def _earlier(self, student: str, gradebook: Gradebook) -> list[str]:
        return [WITHDRAWN] if student in gradebook.entered else []

    def _verdict(self, entry: Found, pool: Verdicts) -> Future[Verdict]:
        """The staged copy's verdict: the kept one if all that its laws depend on is the same, or a job's, on its way."""
        handed_in = self._stage(entry)
        kept, why_not = self._state(entry).read(), handed_in.why_not
        if (
            kept.verdict is not None
            and (kept.stamp, kept.why_not) == (self.stamp, why_not)
            and kept.verdict["sha256"] == handed_in.sha256
            and kept.verdict["status"] != Status.INFRASTRUCTURE
        ):
            verdict = self.judge.trained(kept.verdict, handed_in)
            if verdict is not kept.verdict:
                self._keep(entry, verdict)
            ready: Future[Verdict] = Future()
            ready.set_result(verdict)
            return ready
        # kept as soon as it is there: those before it in the alphabet may take longer
        keep = partial(self._keep, entry)
        return pool.submit(self._staged(entry), name=entry.student, why_not=why_not, keep=keep)

    def _keep(self, entry: Found, verdict: Verdict) -> None:
        self._state(entry).change(stamp=self.stamp, why_not=entry.why_not, verdict=verdict)

    def _state(self, entry: Found) -> StateFile:
        return StateFile(self.root, self.assignment.name, entry.student)

    def _staged(self, entry: Found) -> Path:
        return self.staged / entry.student / self.assignment.name / self.assignment.notebook.name

    def _stage(self, entry: Found) -> HandedIn:
        """A plain copy under the proper name: nbgrader sees neither links nor other files; empty where there is no notebook."""
        target = self._staged(entry)
        handed_in = HandedIn(why_not=entry.why_not)
        if entry.notebook:
            handed_in = read(entry.notebook, entry.inside)
        entry.why_not = handed_in.why_not
        shutil.rmtree(target.parent, ignore_errors=True)
        target.parent.mkdir(parents=True)
        target.write_bytes(handed_in.data)
        home = self.submitted / entry.student / self.assignment.name
        own = self._state(entry)
        if said := own.read().told.get(handed_in.sha256):
            entry.notes.append(said)
        entry.notes += (
            timestamps.keep(home, target.parent, own)
            if self.keep_timestamps
            else timestamps.stamp(home, target.parent, entry.notebook, own)
        )
        return handed_in

    def _record(self, entry: Found, verdict: Verdict, mark: str, gradebook: Gradebook) -> str:
        """Into the gradebook, unless it is known there by this very `mark`, with this very timestamp; what went wrong, or ""."""
        state, moment = self._state(entry), timestamps.read_timestamp(self._staged(entry).parent)
        if state.read().whole == mark and gradebook.has(entry.student, verdict, moment):
            return ""
        handed_in = HandedIn(self._staged(entry).read_bytes(), entry.why_not)
        trouble = gradebook.record(entry.student, verdict, handed_in)
        if not trouble:
            state.change(whole=mark)
        return trouble


def strays(submitted: Path, place: str, told: Collection[str] = ()) -> str:
    """One line on files that no student's folder holds, or an empty string.

    Args:
        place: where a notebook belongs.
        told: names that were told of already.
    """
    names = [name for name in loose(submitted) if name not in told]
    if not names:
        return ""
    files = f"{len(names)} files in submitted/ belong"
    if len(names) == 1:
        files = "1 file in submitted/ belongs"
    return f"{files} to nobody: {some_of(names)}; {place}"
