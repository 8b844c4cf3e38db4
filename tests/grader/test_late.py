"""Marks are those of the present state, whatever came first: hand-ins, due dates, extensions, penalties, marks by hand."""

import csv
import json
import os
import random
import re
from concurrent.futures import Future
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from nbgrader.api import Gradebook
from nbgrader.apps import AutogradeApp, ExportApp, GenerateFeedbackApp
from toys import CONFIG, RIGHT, ClassFolder, notebook

from grader.classroom.batch import Batch
from grader.classroom.status import write_status
from grader.gradebook import plugins
from grader.submission.handed_in import HandedIn

HALF = RIGHT.replace(" * (1 - discount)", "")
WORKS = {
    2.0: json.dumps(notebook()).encode(),
    0.8: json.dumps(notebook(HALF)).encode(),
    0.0: b"{",
}
PLUGIN = """
from nbgrader.plugins import BasePlugin
class Course(BasePlugin):
    def late_submission_penalty(self, student, score, seconds):
        {body}
c.AssignLatePenalties.plugin_class = Course
"""
PENALTIES = {  # what nbgrader_config.py says, and what is left of a score so many days late
    "none": ("", lambda score, days: score),
    "zero": ('c.LateSubmissionPlugin.penalty_method = "zero"', lambda score, days: 0.0),
    "by day": (
        PLUGIN.format(body="return 0.25 * seconds / 86400"),
        lambda score, days: max(0.0, score - 0.25 * days),
    ),
    "half": (PLUGIN.format(body="return score / 2"), lambda score, days: score / 2),
}
STUDENTS = ("ann", "bob")
FIRST = datetime(2026, 11, 1, 12)


class Pool:
    """In place of the jobs: the same verdicts, made in this process."""

    def __init__(self, grader):
        self.grader = grader

    def submit(self, staged, name, why_not):
        made = Future()
        made.set_result(
            self.grader.check(HandedIn(why_not=why_not) if why_not else staged, name=name)
        )
        return made

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass


class Term:
    """A course's folder, what happens to it, and what the marks then are by plain arithmetic."""

    def __init__(self, folder, grader, monkeypatch):
        self.folder, self.grader = ClassFolder(folder), grader
        monkeypatch.chdir(folder)
        monkeypatch.setattr("grader.classroom.batch.Pool", lambda *_: Pool(grader))
        self.due = None
        self.rule = "none"
        self.work, self.came = {}, {}  # by student: what lies there now
        self.marked, self.moment = {}, {}  # by student: what was graded, and when that came in
        self.extension, self.by_hand = {}, {}

    def gradebook(self):
        return Gradebook(f"sqlite:///{self.folder.folder}/gradebook.db", "toy")

    # what can happen

    def hand_in(self, student, points, day):
        path = self.folder.hand_in(student, WORKS[points])
        self.work[student] = points
        self.came[student] = None if day is None else FIRST + timedelta(days=day)
        seconds = self.came[student].replace(tzinfo=UTC).timestamp() if day is not None else 0
        os.utime(path, (seconds, seconds))

    def take_back(self, student):
        if self.work.pop(student, None) is not None:
            (self.folder.folder / "submitted" / student / "toy/exercise.ipynb").unlink()

    def set_due(self, day):
        self.due = None if day is None else FIRST + timedelta(days=day)
        with self.gradebook() as book:
            book.find_assignment("toy").duedate = self.due
            book.db.commit()

    def extend(self, student, days):
        if student in self.marked:
            self.extension[student] = timedelta(days=days)
            with self.gradebook() as book:
                book.grant_extension("toy", student, days=days)

    def set_rule(self, rule):
        self.rule = rule
        (self.folder.folder / "nbgrader_config.py").write_text(CONFIG + PENALTIES[rule][0])

    def mark(self, student, points):
        if student in self.marked:
            self.by_hand[student] = points
            with self.gradebook() as book:
                grade = book.find_grade("basket_total_laws", "exercise", "toy", student)
                grade.manual_score, grade.needs_manual_grade = points, False
                book.db.commit()

    def grade(self):
        batch = Batch(self.grader)
        write_status(batch.run(1), self.folder.folder / "build/grading/status.csv")
        for student, points in self.work.items():
            self.marked[student], self.moment[student] = points, self.came[student]

    def stock(self):
        """As formgrader's button does it; nbgrader's moment is that which the last run wrote beside the notebook."""
        for student, points in self.work.items():
            if student in self.marked:
                nbgrader(AutogradeApp, "toy", "--student", student, "--force")
                self.marked[student] = points

    # what is then to be seen

    def expected(self):
        """{student: (raw score, late penalty, total)}"""
        return {student: self._expected(student) for student in self.marked}

    def _expected(self, student):
        by_hand, moment = self.by_hand.get(student), self.moment[student]
        raw, left = self.marked[student] if by_hand is None else by_hand, None
        if self.due and moment:
            days = (moment - self.due - self.extension.get(student, timedelta())).days
            left = PENALTIES[self.rule][1](raw, days) if days > 0 else None
        left = raw if left is None else left
        return round(raw, 4), round(raw - left, 4), round(left, 4)

    def stored(self):
        with self.gradebook() as book:
            found = book.notebook_submissions("exercise", "toy")
            scores = {n.student.id: (n.score, n.late_submission_penalty or 0.0) for n in found}
        return {s: (raw, off, round(raw - off, 4)) for s, (raw, off) in scores.items()}

    def exported(self):
        nbgrader(ExportApp)
        names = ("raw_score", "late_submission_penalty", "score")
        with Path("grades.csv").open() as file:
            rows = {row["student_id"]: row for row in csv.DictReader(file)}
        return {s: tuple(float(row[name]) for name in names) for s, row in rows.items()}

    def told(self):
        """Totals in status.csv, which has none for a notebook that is there no more."""
        rows = self.folder.status()
        return {s: float(row["total"]) for s, row in rows.items() if row["status"] != "missing"}

    def check(self, said):
        """Right after a run of ours."""
        expected = self.expected()
        assert self.stored() == self.exported() == expected, said
        assert self.told() == {s: expected[s][2] for s in self.work}, said
        for student, row in self.folder.status().items():
            if student in self.work and expected[student][1]:
                raw, penalty, _ = expected[student]
                assert f": {penalty:g} of {raw:g} points off" in row["notes"], said


def nbgrader(app, *arguments):
    """One of nbgrader's commands, in this process: a class takes as long as a student otherwise."""
    made = app()
    made.initialize([*arguments, "--log-level=ERROR"])
    made.start()


@pytest.fixture
def term(tmp_path_factory, grader, monkeypatch):
    """Terms of one course, each in a folder of its own."""
    running, used = plugins.running, []
    running.cache_clear()
    monkeypatch.setattr(plugins, "running", lambda *named: used.append(running(*named)) or used[-1])
    yield lambda: Term(tmp_path_factory.mktemp("term"), grader, monkeypatch)
    for made in {id(made): made for made in used}.values():
        made.__exit__()
    running.cache_clear()


def page(student):
    """Score and penalty on the feedback page."""
    nbgrader(GenerateFeedbackApp, "toy", "--force", "--student", student)
    html = Path("feedback", student, "toy/exercise.html").read_text()
    score = re.search(r"\(Score: ([\d.]+) / 2", html)
    penalty = re.search(r"penalty \(Score: -([\d.]+)\)", html)
    return float(score[1]), float(penalty[1]) if penalty else 0.0


def test_a_due_date_and_a_penalty_set_after_grading_count_and_go_again(term):
    term = term()
    term.hand_in("ann", 2.0, day=5)
    term.grade()
    term.set_due(0)
    term.set_rule("zero")
    assert term.exported() == {"ann": (2.0, 2.0, 0.0)} and page("ann") == (0.0, 2.0)
    term.grade()
    term.check("a due date and a penalty")
    assert "late by 5 d 0 h: 2 of 2 points off" in term.folder.status()["ann"]["notes"]
    for change in (
        lambda: term.extend("ann", 7),
        lambda: term.extend("ann", 1),
        lambda: term.set_due(9),
        lambda: term.set_due(0),
        lambda: term.set_rule("by day"),
    ):
        change()
        raw, penalty, total = term.expected()["ann"]
        assert term.exported() == {"ann": (raw, penalty, total)}, "before any run"
        term.grade()
        term.check(change)
    assert page("ann") == (total, penalty)


def test_a_hand_mark_after_the_penalty_does_not_escape_it(term):
    term = term()
    term.set_due(0)
    term.set_rule("zero")
    term.hand_in("ann", 0.8, day=5)
    term.grade()
    term.mark("ann", 1.5)
    assert term.exported() == {"ann": (1.5, 1.5, 0.0)} and page("ann") == (0.0, 1.5)
    term.grade()
    term.check("a mark by hand")
    term.mark("ann", None)
    term.grade()
    term.check("taken back")


def test_a_notebook_from_nowhen_is_not_late_because_an_earlier_one_was(term):
    term = term()
    term.set_due(0)
    term.set_rule("zero")
    for day in (5, None, 5):
        term.hand_in("ann", 2.0, day)
        for _ in range(2):
            term.grade()
            term.check(day)
        assert "put aside" not in term.folder.status()["ann"]["notes"]
        term.stock()
        assert term.stored() == term.expected(), "stock nbgrader takes the same moment"


def test_an_extension_to_no_due_date_is_none(term):
    term = term()
    term.set_due(0)
    term.hand_in("ann", 2.0, day=5)
    term.grade()
    term.extend("ann", 3)
    term.set_due(None)
    assert page("ann") == (2.0, 0.0)
    term.stock()
    term.grade()
    term.check("no due date")


def test_what_another_command_recorded_meanwhile_is_no_record_of_this_verdict(term):
    term = term()
    term.hand_in("ann", 0.8, day=0)
    term.grade()
    earlier = Path("gradebook.db").read_bytes()
    term.hand_in("ann", 2.0, day=1)
    term.grade()
    Path("gradebook.db").write_bytes(earlier)  # an older copy is put back
    term.grade()
    term.check("the gradebook of an hour ago")


@pytest.mark.parametrize("body", ["return score / 0", "return 'much'"])
def test_a_plugin_that_fails_is_no_students_fault(term, body, capsys):
    term = term()
    for student, day in {"ann": 5, "bob": -5}.items():
        term.hand_in(student, 2.0, day)
    term.grade()
    term.set_due(0)
    (term.folder.folder / "nbgrader_config.py").write_text(CONFIG + PLUGIN.format(body=body))
    term.grade()
    rows = term.folder.status()
    assert (rows["ann"]["status"], rows["ann"]["total"]) == ("infrastructure", "")
    assert "late submission plugin failed: " in rows["ann"]["notes"]
    assert (rows["bob"]["status"], rows["bob"]["total"]) == ("graded", "2.0")
    with pytest.raises(SystemExit):
        nbgrader(ExportApp)
    assert "late submission plugin failed: " in capsys.readouterr().err


def happen(term, chance):
    """One thing that an instructor or a student may do; returns what it was."""
    student, days = chance.choice(STUDENTS), chance.choice((0, 1, 4, 9))
    points = chance.choice([*WORKS])
    return chance.choice(
        [
            *[("hand_in", student, points, chance.choice((-3, 2, 6, None)))] * 3,
            ("take_back", student),
            *[("set_due", chance.choice((None, -5, 0, 5)))] * 2,
            ("extend", student, days),
            *[("set_rule", chance.choice([*PENALTIES]))] * 2,
            *[("mark", student, chance.choice((None, 0.5, 1.5)))] * 2,
            ("stock",),
            *[("grade",)] * 4,
        ]
    )


@pytest.mark.parametrize("seed", range(6))
def test_whatever_happens_the_marks_are_those_of_a_fresh_run_on_the_final_state(term, seed):
    chance, now, done = random.Random(seed), term(), []
    for _ in range(25):
        done.append(happen(now, chance))
        name, *given = done[-1]
        getattr(now, name)(*given)
        assert now.exported() == now.expected(), done
        if name == "grade":
            now.check(done)
    now.grade()
    now.check(done)
    assert again(term(), now) == {s: now.expected()[s] for s in now.work}, done


def again(fresh, now):
    """What a course where all this was so from the start makes of it in one run."""
    fresh.set_due(now.due and (now.due - FIRST).days)
    fresh.set_rule(now.rule)
    for student, points in now.work.items():
        came = now.came[student]
        fresh.hand_in(student, points, came and (came - FIRST).days)
        with fresh.gradebook() as book:
            book.add_student(student)
            book.add_submission("toy", student)
        fresh.marked[student] = None
        if days := now.extension.get(student, timedelta()).days:
            fresh.extend(student, days)
        fresh.mark(student, now.by_hand.get(student))
    fresh.grade()
    assert fresh.stored() == fresh.exported()
    return fresh.exported()
