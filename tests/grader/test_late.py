"""Marks are those of the present state, whatever came first: hand-ins, due dates, extensions, penalties, marks by hand."""

import random
import re
from datetime import timedelta
from pathlib import Path

import pytest
from nbgrader.apps import AutogradeApp, ExportApp, GenerateFeedbackApp
from terms import FILES, FIRST, MOST, PLUGIN, RULES, WORKS, nbgrader
from toys import CONFIG

STUDENTS = ("ann", "bob")
ANN = ("ann", "toy")
DAYS = (-3, 2, 2 + 1 / 24, 6, None)


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
    assert term.exported() == {ANN: (2.0, 2.0, 0.0)} and page("ann") == (0.0, 2.0)
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
        raw, penalty, total = term.expected()[ANN]
        assert term.exported() == {ANN: (raw, penalty, total)}, "before any run"
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
    assert term.exported() == {ANN: (1.5, 1.5, 0.0)} and page("ann") == (0.0, 1.5)
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


def test_a_run_tells_the_free_days_that_are_left_after_all_its_assignments(term):
    """The assignment that is graded first is due last."""
    term = term()
    for name, due in {"toy": 1, "hw2": 0}.items():
        term.set_due(due, name)
        term.hand_in("ann", MOST[name], 2 + 1 / 24, name)
    term.set_rule("free")
    done = term.folder.grade("--jobs", "1")
    assert done.returncode == 0, done.stderr
    for key, points in term.work.items():
        term.marked[key], term.moment[key] = points, term.came[key]
    assert term.free() == {("ann", "hw2"): 3, ("ann", "toy"): 0}
    term.check("a run of both", "toy", "hw2")
    notes = term.status()[ANN]["notes"]
    assert "late by 1 d 1 h: 0.8 of 2 points off; free late days: 0 of 3 left" in notes
    assert page("ann") == (1.2, 0.8)
    html = Path("feedback/ann/toy/exercise.html").read_text()
    assert ">free late days: 0 of 3 left</li>" in html


def test_free_days_that_one_assignment_gives_back_are_stored_with_the_others(term):
    term = term()
    for day, name in enumerate(FILES):
        term.set_due(day, name)
        term.hand_in("ann", MOST[name], 3 + 1 / 24, name)
    term.set_rule("free")
    term.grade(*FILES)
    term.check("all free days go to the first", *FILES)
    assert term.stored("hw2") == {("ann", "hw2"): (3.0, 1.5, 1.5)}
    term.grant("ann", "days", 5, "toy")
    term.grade("toy")
    term.check("an extension there, and no run here", "toy")
    assert term.stored("hw2") == {("ann", "hw2"): (3.0, 0.0, 3.0)}


def test_settings_that_make_no_sense_stop_every_command_before_anything_is_lost(term, capsys):
    term = term()
    term.hand_in("ann", 2.0, day=5)
    term.grade()
    assert page("ann") == (2.0, 0.0)
    before = Path("feedback/ann/toy/exercise.html").read_bytes()
    settings = CONFIG + "c.LatePolicy.percent_per_day = -1\n"
    (term.folder.folder / "nbgrader_config.py").write_text(settings)
    said = "the late submission plugin cannot be used: c.LatePolicy.percent_per_day = -1: it is a number from 0 to 100\n"
    for app, *words in (
        (ExportApp,),
        (GenerateFeedbackApp, "toy", "--force"),
        (AutogradeApp, "toy", "--force"),
    ):
        capsys.readouterr()
        with pytest.raises(SystemExit) as stopped:
            nbgrader(app, *words)
        told = capsys.readouterr().err
        assert stopped.value.code and said in told and "Traceback" not in told, app
    done = term.folder.grade()
    assert (done.returncode, done.stderr) == (2, f"error: {said}")
    assert Path("feedback/ann/toy/exercise.html").read_bytes() == before


def happen(term, chance):
    """One thing that an instructor or a student may do; returns what it was."""
    student, days, name = chance.choice(STUDENTS), chance.choice((1, 4, 9)), chance.choice([*FILES])
    points, how = chance.choice([*WORKS[name]]), chance.choice(("days", "until", "none"))
    order = chance.sample([*FILES], chance.choice((1, 2, 2)))
    return chance.choice(
        [
            *[("hand_in", student, points, chance.choice(DAYS), name)] * 4,
            ("take_back", student, name),
            *[("set_due", chance.choice((None, -5, 0, 5)), name)] * 2,
            ("extend", student, chance.choice((0, days)), name),
            *[("grant", student, how, days, name)] * 3,
            *[("set_rule", chance.choice([*RULES, "free", "graceful"]))] * 2,
            *[("mark", student, chance.choice((None, 0.5, 1.5)), name)] * 2,
            ("stock", name),
            *[("grade", *order)] * 4,
        ]
    )


@pytest.mark.parametrize(
    "seed", [0, *(pytest.param(seed, marks=pytest.mark.long) for seed in range(1, 8))]
)
def test_whatever_happens_the_marks_are_those_of_a_fresh_run_on_the_final_state(term, seed):
    chance, now, done = random.Random(seed), term(), []
    for name in FILES:
        now.set_due(0, name)
    for _ in range(25):
        done.append(happen(now, chance))
        name, *given = done[-1]
        getattr(now, name)(*given)
        assert now.exported() == now.expected(), done
        if name == "grade":
            now.check(done, *given)
    now.grade("toy", "hw2")
    now.check(done, "toy", "hw2")
    fresh, expected = again(term(), now), now.expected()
    # what was taken back stays in the gradebook, and its free days with it: no fresh run has it
    gone = {student for student, _ in now.marked.keys() - now.work.keys()}
    assert {k: e for k, e in fresh.items() if k[0] not in gone} == {
        k: e for k, e in expected.items() if k[0] not in gone
    }, done


def again(fresh, now):
    """What a course where all this was so from the start makes of it in one run."""
    fresh.set_rule(now.rule)
    for name, due in now.due.items():
        fresh.set_due(due and (due - FIRST).days, name)
    for (student, name), (how, until) in now.ours.items():
        if how == "days" or not now.due[name] or until > now.due[name]:
            fresh.grant(student, how, (until - FIRST).days, name)
    for (student, name), points in now.work.items():
        came = now.came[student, name]
        fresh.hand_in(student, points, came and (came - FIRST) / timedelta(days=1), name)
        with fresh.gradebook() as book:
            book.update_or_create_student(student)
            book.add_submission(name, student)
        fresh.marked[student, name] = None
        if days := now.theirs.get((student, name), timedelta()).days:
            fresh.extend(student, days, name)
        fresh.mark(student, now.by_hand.get((student, name)), name)
    fresh.grade("hw2", "toy")
    assert fresh.stored(*FILES) == fresh.exported()
    return fresh.exported()
