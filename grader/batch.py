"""Grades a class: verdicts from parallel jobs, then nbgrader's own gradebook, one student after another.

Every step leaves its result under build/grading/ before the next begins, so a run that was killed goes on where it
was: a verdict is reused while notebook, laws and grader are the same, and a student is done once the gradebook has him.
"""

import fcntl
import hashlib
import json
import shutil
from concurrent.futures import Future
from datetime import UTC, datetime
from pathlib import Path

from tqdm import tqdm

import grader
from grader.collect import find_submissions
from grader.course import CourseError
from grader.gradebook import Gradebook
from grader.jobs import Pool
from grader.session import read
from grader.status import row


class Batch:
    def __init__(self, judge, laws, keep_timestamps=False, work=Path("build/grading")):
        """`judge`: a Grader that was never entered, for plan and settings; the current folder is nbgrader's course."""
        self.judge, self.laws, self.course = judge, laws, judge.course
        self.work = work.resolve() / self.course.name
        self.keep_timestamps = keep_timestamps
        self.staged = self.work / "submitted"
        self.stamp = fingerprint(self.course, judge.isolation)

    def run(self, jobs):
        """Grade everybody; returns the rows of status.csv."""
        self.work.mkdir(parents=True, exist_ok=True)
        with (self.work / "lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise CourseError(f"another run is grading here ({self.work}/lock)") from None
            with Pool(self.judge, jobs, self.laws) as pool:
                gradebook = Gradebook(self.course, self.staged, self.laws)
                found = find_submissions(
                    gradebook.submitted, self.course.name, self.course.notebook.stem
                )
                rows = self._grade(found, gradebook, pool)
        rows += [
            row(student, "missing")
            for student in gradebook.students()
            if student not in {r["student"] for r in rows}
        ]
        return sorted(rows, key=lambda entry: entry["student"])

    def _grade(self, found, gradebook, pool):
        futures = {
            entry.student: self._verdict(entry, pool)
            for entry in found
            if entry.notebook or entry.why_not
        }
        rows = []
        for entry in tqdm(found, "grading", unit="notebook", disable=None):
            if entry.student not in futures:
                rows.append(row(entry.student, "missing", notes=entry.notes))
                continue
            verdict = futures[entry.student].result()
            write(
                self.work / "verdicts" / f"{entry.student}.json",
                {"stamp": self.stamp, "verdict": verdict},
            )
            rows.append(self._record(entry, verdict, gradebook))
        return rows

    def _verdict(self, entry, pool):
        """The staged copy's verdict: kept from an earlier run if nothing changed, else on its way from a job."""
        staged = self._stage(entry)
        kept = load(self.work / "verdicts" / f"{entry.student}.json")
        if (
            kept.get("stamp") == self.stamp
            and kept["verdict"]["sha256"] == sha256(staged)
            and not self._changes(kept["verdict"])
        ):
            done = Future()
            done.set_result(kept["verdict"])
            return done
        return pool.submit(staged, name=entry.student)

    def _changes(self, verdict):
        """Whether asking again may give more: after trouble of ours, or when a training verdict has come in."""
        training = self.judge.training and self.judge.training / f"{verdict['sha256']}.json"
        return verdict["status"] == "infrastructure" or bool(training and training.is_file())

    def _stage(self, entry):
        """A plain copy under the proper name: nbgrader sees neither links nor other files."""
        folder = self.staged / entry.student / self.course.name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        target = folder / f"{self.course.notebook.stem}.ipynb"
        if entry.notebook:
            target.write_bytes(read(entry.notebook))
            self._stamp_time(entry.notebook, folder)
        else:
            target.write_text(json.dumps({"why_not": entry.why_not}))
        return target

    def _stamp_time(self, notebook, folder):
        """The collector's own timestamp: never one that lay among the student's files, unless the instructor says so."""
        kept = notebook.with_name("timestamp.txt")
        if self.keep_timestamps and kept.is_file() and not kept.is_symlink():
            shutil.copyfile(kept, folder / "timestamp.txt")
        elif not self.keep_timestamps:
            moment = datetime.fromtimestamp(int(notebook.stat().st_mtime), UTC)
            (folder / "timestamp.txt").write_text(moment.strftime("%Y-%m-%d %H:%M:%S UTC"))

    def _record(self, entry, verdict, gradebook):
        """Into the gradebook, unless this very verdict is already there."""
        status, notes = verdict["status"], entry.notes + verdict["notes"]
        done, mark = (
            self.work / "done" / f"{entry.student}.json",
            hashlib.sha256(json.dumps(verdict).encode()).hexdigest(),
        )
        if load(done).get("verdict") != mark or not gradebook.has(entry.student):
            trouble = gradebook.record(entry.student, verdict)
            if trouble:
                status, notes = "infrastructure", [*notes, trouble]
            else:
                write(done, {"verdict": mark})
        return row(entry.student, status, verdict, notes)


def fingerprint(course, isolation):
    """Changes with anything a verdict depends on, the submission apart."""
    files = [
        course.notebook,
        *sorted(course.folder.rglob("*.py")),
        *sorted(Path(grader.__file__).parent.rglob("*.py")),
    ]
    digest = hashlib.sha256(isolation.encode())
    for path in files:
        digest.update(path.read_bytes())
    return digest.hexdigest()


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def write(path, document):
    """All or nothing, whenever the power goes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".part")
    temporary.write_text(json.dumps(document))
    temporary.replace(path)


def load(path):
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
