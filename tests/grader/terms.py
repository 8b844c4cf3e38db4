"""A term of a course with two assignments: what may happen to hand-ins, dates, rules and marks, and what these then are."""

import atexit
import csv
import functools
import json
import math
import os
import shutil
import tempfile
from collections import Counter
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import chain
from pathlib import Path

from nbgrader.api import Gradebook
from nbgrader.apps import AutogradeApp, ExportApp, NbGrader
from nbgrader.apps.api import NbGraderAPI
from toys import CONFIG, RIGHT, ClassFolder, notebook
from two import add_second, homework

from grader.__main__ import arguments
from grader.classroom.batch import Batch
from grader.classroom.status import write_status
from grader.classroom.trial import foresee
from grader.errors import CourseError
from grader.gradebook.held import PENALTY, held, total_of
from grader.gradebook.marks_log import MarksLog, of_somebody
from grader.submission.handed_in import HandedIn

HALF = RIGHT.replace(" * (1 - discount)", "")
FILES = {"toy": "toy/exercise.ipynb", "hw2": "hw2/homework.ipynb"}
WORKS = {  # by assignment and points
    "toy": {
        2.0: json.dumps(notebook()).encode(),
        0.8: json.dumps(notebook(HALF)).encode(),
        0.0: b"{",
    },
    "hw2": {3.0: json.dumps(homework()).encode(), 0.0: b"{"},
}
MOST = {name: max(works) for name, works in WORKS.items()}
PLUGIN = """
from nbgrader.plugins import BasePlugin
class Course(BasePlugin):
    def late_submission_penalty(self, student, score, seconds):
        {body}
c.AssignLatePenalties.plugin_class = Course
"""
FIRST = datetime(2026, 11, 1, 12)
DAY = 86400


@dataclass(frozen=True)
class Rule:
    """What nbgrader_config.py says, and the arithmetic: `off(score, maximum, seconds, days)`, in days that are paid for."""

    settings: str
    off: object
    grace: float = 0.0  # seconds
    free: int = 0
    past: float = math.inf


def policy(**settings):
    return "".join(f"c.LatePolicy.{name} = {value!r}\n" for name, value in settings.items())


RULES = {
    "none": Rule("", lambda score, most, seconds, days: 0.0),
    "zero": Rule(
        'c.LateSubmissionPlugin.penalty_method = "zero"',
        lambda score, most, seconds, days: score if days else 0.0,
    ),
    "by day": Rule(
        PLUGIN.format(body="return 0.25 * seconds / 86400"),
        lambda score, most, seconds, days: 0.25 * seconds / DAY,
    ),
    "half": Rule(
        PLUGIN.format(body="return score / 2"), lambda score, most, seconds, days: score / 2
    ),
    "percent": Rule(
        policy(percent_per_day=10), lambda score, most, seconds, days: 0.1 * days * most
    ),
    "free": Rule(
        policy(percent_per_day=20, cap_percent=50, free_late_days=3, zero_after_days=5),
        lambda score, most, seconds, days: min(0.5, 0.2 * days) * most,
        free=3,
        past=5,
    ),
    "graceful": Rule(
        policy(percent_per_day=25, percent_of="mark", grace_minutes=90, free_late_days=2),
        lambda score, most, seconds, days: min(1, 0.25 * days) * score,
        grace=5400,
        free=2,
    ),
}


class Verdicts:
    """In place of the jobs: the same verdicts, made in this process."""

    def __init__(self, grader):
        self.grader = grader

    def submit(self, staged, name, why_not, keep):
        made = Future()
        made.set_result(
            self.grader.check(HandedIn(why_not=why_not) if why_not else staged, name=name)
        )
        keep(made.result())
        return made

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass


@functools.cache
def two_assignments():
    """A course's folder with both assignments in its gradebook."""
    made = Path(tempfile.mkdtemp(prefix="two-"))
    atexit.register(shutil.rmtree, made)
    add_second(made)
    ClassFolder(made).nbgrader("generate_assignment", "hw2")
    return made


class Term:
    """A course's folder, what happens to it, and what the marks then are by plain arithmetic.

    `graders`: {assignment: Grader}. Facts are kept by (student, assignment).
    """

    def __init__(self, folder, graders, monkeypatch):
        self.folder, self.graders = ClassFolder(folder, two_assignments), graders
        monkeypatch.chdir(folder)
        self.due = dict.fromkeys(FILES)
        self.rule = "none"
        self.work, self.came = {}, {}  # what lies there now
        self.marked, self.moment = {}, {}  # what was graded, and when that came in
        self.ours, self.theirs = {}, {}  # extensions by `grader extend`, and by nbgrader's function
        self.by_hand = {}

    def gradebook(self):
        return Gradebook(f"sqlite:///{self.folder.folder}/gradebook.db", "toy")

    # what can happen

    def hand_in(self, student, points, day, name="toy"):
        path = self.folder.hand_in(student, WORKS[name][points], FILES[name])
        self.work[student, name] = points
        self.came[student, name] = None if day is None else FIRST + timedelta(days=day)
        seconds = 0
        if day is not None:
            seconds = self.came[student, name].replace(tzinfo=UTC).timestamp()
        os.utime(path, (seconds, seconds))

    def take_back(self, student, name="toy"):
        if self.work.pop((student, name), None) is not None:
            (self.folder.folder / "submitted" / student / FILES[name]).unlink()

    def set_due(self, day, name="toy"):
        self.due[name] = None if day is None else FIRST + timedelta(days=day)
        with self.gradebook() as book:
            book.find_assignment(name).duedate = self.due[name]
            book.db.commit()

    def extend(self, student, days, name="toy"):
        """As nbgrader's own function does it."""
        if (student, name) in self.marked:
            self.theirs[student, name] = timedelta(days=days)
            with self.gradebook() as book:
                book.grant_extension(name, student, days=days)

    def grant(self, student, how, days=0, name="toy"):
        """As typed: `grader extend`."""
        until = FIRST + timedelta(days=days)
        given = {"days": ["--days", str(days)], "until": ["--until", f"{until:%Y-%m-%d %H:%M}"]}
        words = ["extend", student, *given.get(how, ["--none"])]
        options = arguments().parse_args([*words, "--assignment", name, "--laws", "hidden"])
        due = self.due[name]
        if how == "until" and due and until <= due:
            try:
                options.work(options)
            except CourseError:
                return
            raise AssertionError("an extension that gives no more time")
        options.work(options)
        self.ours.pop((student, name), None)
        self.theirs.pop((student, name), None)
        if how != "none":
            self.ours[student, name] = (how, until)

    def set_rule(self, rule):
        self.rule = rule
        text = CONFIG + RULES[rule].settings
        (self.folder.folder / "nbgrader_config.py").write_text(text)

    def mark(self, student, points, name="toy"):
        if (student, name) in self.marked:
            self.by_hand[student, name] = points
            with self.gradebook() as book:
                notebook = Path(FILES[name]).stem
                grade = book.find_grade("basket_total_laws", notebook, name, student)
                grade.manual_score, grade.needs_manual_grade = points, False
                book.db.commit()

    def grade(self, *names):
        """What `grader run` does, whichever assignment comes first; `--dry-run` has said before what that is."""
        names = names or ("toy",)
        batches = [Batch(self.graders[name]) for name in names]
        before, foreseen = {name: self.held(name) for name in names}, {}
        if all(batch.work.is_dir() for batch in batches):
            foreseen = foresee(batches, Verdicts)
        for batch in batches:
            batch.run(Verdicts)
        rows = [*chain.from_iterable(batch.rows() for batch in batches)]
        write_status(rows, self.folder.folder / "build/grading/status.csv")
        for name, trial in foreseen.items():
            told = {entry.student: entry.after for entry in trial.regraded}
            here = {student: total_of(marks) for student, marks in before[name].items()}
            now = {student: total_of(self.held(name)[student]) for student in here}
            assert now == here | told, name
        for (student, name), points in self.work.items():
            if name in names:
                self.marked[student, name] = points
                self.moment[student, name] = self.came[student, name]

    def held(self, name):
        """Everybody's marks in the gradebook, the late penalty among them; None while open."""
        with self.gradebook() as book:
            found = held(book, name, Path(FILES[name]).stem)
        return {student: marks.marks for student, marks in found.items()}

    def logged(self, name):
        """The same by the log of marks; each of its lines goes on where the last one ended."""
        lines, last = MarksLog(self.folder.folder).read(name), {}
        for line in filter(of_somebody, lines.lines):
            key = line["student"], line["mark"]
            assert line["from"] == last.get(key, 0 if line["mark"] == PENALTY else None), line
            last[key] = line["to"]
        return {student: {PENALTY: 0, **known.marks} for student, known in lines.last().items()}

    def stock(self, name="toy"):
        """As formgrader's button does it; nbgrader's moment is that which the last run wrote beside the notebook."""
        for key, points in self.work.items():
            if key in self.marked and key[1] == name:
                nbgrader(AutogradeApp, name, "--student", key[0], "--force")
                self.marked[key] = points

    # what is then to be seen

    def extension(self, key):
        if key not in self.ours:
            return self.theirs.get(key, timedelta())
        how, until = self.ours[key]
        return until - (FIRST if how == "days" else self.due[key[1]])

    def late(self, key):
        """Seconds."""
        due, moment = self.due[key[1]], self.moment[key]
        if due is None or moment is None:
            return 0.0
        extension = max(timedelta(), self.extension(key))
        return max(0.0, (moment - due - extension).total_seconds())

    def free(self):
        """{key: free days used}"""
        rule, used = RULES[self.rule], dict.fromkeys(self.marked, 0)
        for student in {key[0] for key in self.marked}:
            left = rule.free
            dated = [k for k in self.marked if k[0] == student and self.due[k[1]]]
            for key in sorted(dated, key=lambda k: (self.due[k[1]], k[1])):
                while left and used[key] < self.started(key) <= rule.past:
                    used[key], left = used[key] + 1, left - 1
        return used

    def started(self, key):
        """Days that have begun since the grace period."""
        return max(0, math.ceil((self.late(key) - RULES[self.rule].grace) / DAY))

    def expected(self):
        """{(student, assignment): (raw score, late penalty, total)}"""
        used = self.free()
        return {key: self._expected(key, used[key]) for key in self.marked}

    def _expected(self, key, used):
        rule, by_hand, days = RULES[self.rule], self.by_hand.get(key), self.started(key)
        raw, off = self.marked[key] if by_hand is None else by_hand, 0.0
        if self.late(key):
            off = rule.off(raw, MOST[key[1]], self.late(key), days - used)
        if days > rule.past:
            off = raw
        off = min(off, raw)
        return round(raw, 4), round(off, 4), round(raw - off, 4)

    def stored(self, *names):
        found = {}
        with self.gradebook() as book:
            for name in names or ("toy",):
                for n in book.notebook_submissions(Path(FILES[name]).stem, name):
                    raw, off = n.score, n.late_submission_penalty or 0.0
                    found[n.student.id, name] = (raw, round(off, 4), round(raw - off, 4))
        return found

    def exported(self):
        nbgrader(ExportApp)
        names = ("raw_score", "late_submission_penalty", "score")
        with Path("grades.csv").open() as file:
            rows = {(r["student_id"], r["assignment"]): r for r in csv.DictReader(file)}
        return {
            key: tuple(float(row[name]) for name in names)
            for key, row in rows.items()
            if key in self.marked
        }

    def listed(self):
        """Scores in Formgrader's lists of submissions; those of its other lists agree."""
        app = NbGrader()
        app.initialize(["--log-level=ERROR"])
        formgrader, found = NbGraderAPI(app.coursedir, parent=app), {}
        for name, file in FILES.items():
            entries = formgrader.get_submissions(name)
            scores = {e["student"]: e["score"] for e in entries if e["autograded"]}
            by_notebook = formgrader.get_notebook_submissions(name, Path(file).stem)
            assert {e["student"]: e["score"] for e in by_notebook}.items() <= scores.items()
            found |= {(student, name): round(score, 4) for student, score in scores.items()}
        everywhere = Counter()
        for (student, _), (_, _, total) in self.expected().items():
            everywhere[student] += total
        overall = {e["id"]: round(e["score"], 4) for e in formgrader.get_students()}
        assert overall == {s: round(everywhere[s], 4) for s in overall}
        return found

    def status(self):
        with (self.folder.folder / "build/grading/status.csv").open() as file:
            return {(row["student"], row["assignment"]): row for row in csv.DictReader(file)}

    def check(self, said, *names):
        """Right after a run of ours on these assignments."""
        expected, rule, used = self.expected(), RULES[self.rule], self.free()
        for name in names or ("toy",):
            assert self.logged(name) == self.held(name), said
        graded = [*FILES] if rule.free else names or ("toy",)
        assert self.exported() == expected, said
        assert self.stored(*graded) == {k: e for k, e in expected.items() if k[1] in graded}, said
        # no totals in status.csv for a notebook that is there no more
        rows = {key: row for key, row in self.status().items() if row["status"] != "missing"}
        here = {key for key in self.work if key[1] in (names or ("toy",))}
        assert {k: float(r["total"]) for k, r in rows.items()} == {k: expected[k][2] for k in here}
        for key, row in rows.items():
            raw, penalty, _ = expected[key]
            assert (f": {penalty:g} of {raw:g} points off" in row["notes"]) == bool(penalty), said
            left = rule.free - sum(days for k, days in used.items() if k[0] == key[0])
            here = f"{used[key]} used here, " if used[key] else ""
            told = f"free late days: {here}{left} of {rule.free} left"
            assert (told in row["notes"]) == bool(rule.free), said
        listed = self.listed()
        assert {k: listed[k] for k in rows} == {k: expected[k][2] for k in rows}, said


def nbgrader(app, *arguments):
    """One of nbgrader's commands, in this process: a class takes as long as a student otherwise."""
    made = app()
    made.initialize([*arguments, "--log-level=ERROR"])
    made.start()
