"""Grades a class: verdicts from parallel jobs, then nbgrader's own gradebook, one student after another.

Every step leaves its result under build/grading/ before the next begins, so a run that was killed goes on where it
was: a verdict is reused while notebook, laws and grader are the same, and a student is done once the gradebook has him.
"""

import contextlib
import fcntl
import hashlib
import json
import shutil
from concurrent.futures import Future
from pathlib import Path

from tqdm import tqdm

from grader.assignment import CourseError
from grader.classroom.jobs import Pool
from grader.classroom.status import row
from grader.classroom.training import Untrained
from grader.gradebook.autograde import Gradebook
from grader.judging.feedback import missed
from grader.judging.session import read
from grader.judging.training_marks import state
from grader.store import WORK, done, fingerprint, load, sha256, write
from grader.submission import timestamps
from grader.submission.collect import find_submissions, loose, unusable
from grader.submission.preflight import placeholder
from grader.text import some_of

WITHDRAWN = "graded earlier: its marks stay in the gradebook"


class Batch:
    def __init__(self, judge, laws, keep_timestamps=False, work=WORK):
        """`judge`: a Grader that was never entered, for plan and settings; the current folder is nbgrader's course."""
        self.judge, self.laws, self.assignment = judge, laws, judge.assignment
        self.work = work.resolve() / self.assignment.name
        self.keep_timestamps = keep_timestamps
        self.staged = self.work / "submitted"
        self.stamp = fingerprint(self.assignment, judge.isolation.name)
        self.untrained = {}  # after a run: the notebooks that wait for a training run, by their SHA-256

    @contextlib.contextmanager
    def alone(self):
        """Nobody else grades or trains here meanwhile."""
        self.work.mkdir(parents=True, exist_ok=True)
        with (self.work / "lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise CourseError(
                    f"another run is grading here ({self.work}/lock): wait for it, or stop it with Ctrl-C"
                ) from None
            yield

    @property
    def place(self):
        """Where a notebook belongs, in words."""
        return f"a notebook's place is submitted/<student>/{self.assignment.name}/{self.assignment.notebook.name}"

    def loose(self):
        """One line on files that no student's folder holds, or an empty string."""
        if not (names := loose(self.submitted)):
            return ""
        files = (
            "1 file in submitted/ belongs"
            if len(names) == 1
            else f"{len(names)} files in submitted/ belong"
        )
        return f"{files} to nobody: {some_of(names)}; {self.place}"

    def run(self, jobs):
        """Grade everybody; returns the rows of status.csv."""
        with Pool(self.judge, jobs, self.laws) as pool:
            gradebook = Gradebook(self.assignment, self.staged, self.laws)
            self.submitted = gradebook.submitted
            names = (self.assignment.name, self.assignment.notebook.stem)
            found = find_submissions(self.submitted, *names, gradebook.other_assignments())
            rows = self._grade(found, gradebook, pool)
        seen = {entry["student"] for entry in rows}
        rows += [
            row(name, "missing", notes=self._earlier(name, gradebook))
            for name in gradebook.students()
            if name not in seen
        ]
        return sorted(rows, key=lambda entry: entry["student"])

    def _grade(self, found, gradebook, pool):
        futures = {
            entry.student: self._verdict(entry, pool)
            for entry in found
            if (entry.notebook or entry.why_not) and not unusable(entry.student)
        }
        rows = []
        for entry in tqdm(found, "grading", unit="notebook", disable=None):
            if entry.student not in futures:
                why = unusable(entry.student) or entry.trouble
                notes = [*entry.notes, *self._earlier(entry.student, gradebook)]
                status, notes = ("infrastructure", [why]) if why else ("missing", notes)
                rows.append({"student": entry.student, "status": status, "notes": notes})
                continue
            verdict = futures[entry.student].result()
            write(
                self.work / "verdicts" / f"{entry.student}.json",
                {"stamp": self.stamp, "verdict": verdict},
            )
            verdict["notes"] += missed(verdict, entry.modules)
            rows.append(self._record(entry, verdict, gradebook))
            if any(
                verdict["exercises"][stem]["outcome"] in ("needs_training", "infrastructure")
                for stem in self.assignment.training
            ):
                uses = verdict.get("training", {}).get("uses", "")
                self.untrained[verdict["sha256"]] = Untrained(self._staged(entry), uses)
        marks = gradebook.marks()
        return [row(**entry, marks=marks.get(entry["student"])) for entry in rows]

    def _earlier(self, student, gradebook):
        return [WITHDRAWN] * (student in gradebook.entered)

    def _verdict(self, entry, pool):
        """The staged copy's verdict: the kept one if all that it depends on is the same, or a job's, on its way."""
        staged = self._stage(entry)
        kept = load(self.work / "verdicts" / f"{entry.student}.json")
        if (
            kept.get("stamp") == self.stamp
            and kept["verdict"]["sha256"] == sha256(staged)
            and kept["verdict"]["status"] != "infrastructure"
            and self._trained_so(kept["verdict"])
        ):
            ready = Future()
            ready.set_result(kept["verdict"])
            return ready
        return pool.submit(staged, name=entry.student)

    def _trained_so(self, verdict):
        """Whether the training mark that it was made with is still that which counts."""
        if (made_with := verdict.get("training")) is None:
            return True
        known = {"sha256": verdict["sha256"], "uses": made_with["uses"]}
        return state(known, self.judge.marks.read(**known)) == made_with

    def _staged(self, entry):
        return self.staged / entry.student / self.assignment.name / self.assignment.notebook.name

    def _stage(self, entry):
        """A plain copy under the proper name: nbgrader sees neither links nor other files."""
        target = self._staged(entry)
        shutil.rmtree(target.parent, ignore_errors=True)
        target.parent.mkdir(parents=True)
        target.write_bytes(read(entry.notebook) if entry.notebook else placeholder(entry.why_not))
        home = self.submitted / entry.student / self.assignment.name
        own = self.work / "timestamps" / f"{entry.student}.txt"
        entry.notes += (
            timestamps.keep(home, target.parent, own)
            if self.keep_timestamps
            else timestamps.stamp(home, target.parent, entry.notebook, own)
        )
        return target

    def _record(self, entry, verdict, gradebook):
        """Into the gradebook, unless this very verdict is already there, with this very timestamp; what `row` is told."""
        status, notes = verdict["status"], entry.notes + verdict["notes"]
        whole = done(Path.cwd(), self.assignment.name, entry.student)
        moment = timestamps.read_timestamp(self._staged(entry).parent)
        mark = hashlib.sha256(json.dumps(verdict).encode()).hexdigest()
        if load(whole).get("verdict") != mark or not gradebook.has(entry.student, verdict, moment):
            if trouble := gradebook.record(entry.student, verdict):
                status, notes = "infrastructure", [*notes, trouble]
            else:
                write(whole, {"verdict": mark})
        return {"student": entry.student, "status": status, "verdict": verdict, "notes": notes}
