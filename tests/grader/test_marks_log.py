"""The log of marks: every change is in it once, with the reason, whoever made it and however a run ended."""

import dataclasses
import errno
import json
import os
import shutil

import pytest
from toys import TOY

from grader.assignment import load_assignment
from grader.errors import CourseError
from grader.gradebook.changes import Before, compared
from grader.gradebook.held import PENALTY, Grade, Held, total_of
from grader.gradebook.marks_log import MarksLog
from grader.gradebook.reasons import Basis
from grader.judging.session import Grader
from grader.lms import removing

LAWS = [{"version": "1", "sha256": letter * 64} for letter in "ab"]


@pytest.fixture(scope="module")
def stricter(tmp_path_factory, assignment):
    """The toy's laws, changed: a discount is to be ignored."""
    folder = tmp_path_factory.mktemp("stricter")
    shutil.copytree(TOY, folder, dirs_exist_ok=True)
    laws = folder / "hidden/test_basket_total.py"
    ours = "sum(get_prices(items)) * (1 - discount))\n"
    assert laws.read_text().count(ours) == 1
    laws.write_text(laws.read_text().replace(ours, "sum(get_prices(items)))\n"))
    loaded = dataclasses.replace(load_assignment(folder / "hidden"), limits=assignment.limits)
    with Grader(loaded) as grader:
        yield grader


def lines(term):
    text = (term.folder.folder / "marks.jsonl").read_text()
    return [json.loads(line) for line in text.splitlines()]


def told(term, since=0):
    begin, *rest = [(x["student"], x["mark"], x["from"], x["to"], x["why"]) for x in lines(term)]
    assert begin == ("", "", None, None, ["the log begins"])
    return rest[since:]


def test_every_change_has_its_line_and_its_reason(term, stricter):
    term = term()
    term.set_due(0)
    term.set_rule("percent")
    term.hand_in("ann", 0.8, day=1)
    term.hand_in("bob", 2.0, day=-1)
    term.grade()
    first = [
        ("ann", "basket_total", None, 0.8, ["first grading"]),
        ("ann", PENALTY, 0.0, 0.2, ["late penalty"]),
        ("bob", "basket_total", None, 2.0, ["first grading"]),
    ]
    assert told(term) == first
    term.grade()
    assert told(term) == first, "nothing changed"
    term.mark("bob", 1.5)
    term.grade()
    assert told(term, 3) == [("bob", "basket_total", 2.0, 1.5, ["hand mark"])]
    assert lines(term)[4]["by_hand"] and lines(term)[4]["detail"] == "automatic: 2"
    term.mark("bob", None)
    term.grant("ann", "days", 2)
    term.grade()
    assert sorted(told(term, 4)) == [
        ("ann", PENALTY, 0.2, 0.0, ["extension"]),
        ("bob", "basket_total", 1.5, 2.0, ["hand mark taken back"]),
    ]
    before = {
        name: made["sha256"]
        for name, made in term.graders["toy"].made_with.items()
        if name != "packages"
    }
    term.graders = {**term.graders, "toy": stricter}
    term.grade()
    assert told(term, 6) == [
        ("ann", "basket_total", 0.8, 2.0, ["laws changed"]),
        ("bob", "basket_total", 2.0, 0.8, ["laws changed"]),
    ]
    after = stricter.made_with["laws"]["sha256"]
    last = lines(term)[-1]
    assert last["detail"] == f"laws {before['laws'][:12]} → {after[:12]}"
    assert (last["laws"], last["grader"], last["total"]) == (after, before["grader"], 0.8)
    term.hand_in("bob", 0.8, day=-1)
    term.grade()
    assert told(term, 8) == [("bob", "basket_total", 0.8, 2.0, ["new notebook"])]
    removing.run(["ann"])
    assert told(term, 9) == [("ann", "basket_total", 2.0, None, ["removed"])]
    assert not (term.folder.folder / "build/grading/toy/students/ann.json").exists()
    term.hand_in("ann", 0.8, day=-2)
    term.grade()
    assert told(term, 10) == [("ann", "basket_total", None, 2.0, ["first grading"])]


def test_a_run_that_dies_beside_the_log_loses_no_line_and_no_reason(term, stricter, monkeypatch):
    """Before the line, when the gradebook has the mark already; and after it, when the state does not know of it yet."""
    term, add = term(), MarksLog.add

    def dies_before(log, file, assignment, entries, begins=False):
        if any(regraded.marks for regraded, _ in entries):
            raise KeyboardInterrupt
        add(log, file, assignment, entries, begins)

    def dies_after(log, file, assignment, entries, begins=False):
        add(log, file, assignment, entries, begins)
        if any(regraded.marks for regraded, _ in entries):
            raise KeyboardInterrupt

    term.hand_in("ann", 0.8, day=1)
    for graders in (term.graders, {**term.graders, "toy": stricter}):
        term.graders = graders
        for dying in (dies_before, dies_after):
            with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
                patched.setattr(MarksLog, "add", dying)
                term.grade()
        term.grade()
        term.grade()
    assert told(term) == [
        ("ann", "basket_total", None, 0.8, ["first grading"]),
        ("ann", "basket_total", 0.8, 2.0, ["laws changed"]),
    ]


def test_what_was_there_before_the_log_is_said_to_be(term):
    term = term()
    term.hand_in("ann", 2.0, day=1)
    term.grade()
    (term.folder.folder / "marks.jsonl").unlink()
    term.grade()
    assert told(term) == [("ann", "basket_total", None, 2.0, ["the log begins"])]


def test_a_line_that_was_cut_short_costs_nothing_and_foreign_lines_stay(term, capsys):
    """As a machine leaves it that lost its power, or an editor."""
    term = term()
    term.hand_in("ann", 2.0, day=1)
    term.grade()
    path = term.folder.folder / "marks.jsonl"
    whole = path.read_bytes()
    foreign = b'[]\n{"student": 3}\n\xff\n' + whole.replace(b"2.0", b'"all"')
    path.write_bytes(foreign + whole[:-40])
    capsys.readouterr()
    term.grade()
    said = "marks.jsonl: no line of the log, and left as it is: 1, 2, 3, 5, 7\n"
    assert said in capsys.readouterr().err
    kept = path.read_bytes()
    assert kept.startswith(foreign + whole[:-40] + b"\n") and len(kept.splitlines()) == 8
    term.check("the line is there again")


def test_a_log_that_cannot_be_written_stops_a_run_before_it_grades(term, monkeypatch):
    term = term()
    term.hand_in("ann", 2.0, day=1)
    (term.folder.folder / "marks.jsonl").mkdir()
    with pytest.raises(CourseError, match="marks.jsonl, the log of marks: Is a directory; mend it"):
        term.grade()
    assert term.held("toy") == {}
    (term.folder.folder / "marks.jsonl").rmdir()
    with monkeypatch.context() as patched:
        patched.setattr("grader.gradebook.marks_log.os.fsync", full)
        with pytest.raises(CourseError, match="the log of marks: No space left on device"):
            term.grade()
    term.grade()
    term.check("there is room again")


def full(_):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def change(before, after, old=(), new=(), training=(), **hands):
    """What the log says of one exercise's mark."""
    marks = None if before is None else Before({"sum": before}, basis=Basis(**dict(old)))
    held = Held({"sum": Grade(after, **hands)})
    [made] = compared("ann", marks, held, Basis(**dict(new)), training).marks
    return made.why, made.detail


@pytest.mark.parametrize(
    ("old", "new", "why", "detail"),
    [
        ({"notebook": "a" * 64}, {"notebook": "b" * 64}, ["new notebook"], f"{'a' * 12} → {'b' * 12}"),
        ({"laws": LAWS[0]}, {"laws": LAWS[1]}, ["laws changed"], f"laws 1 ({'a' * 12}) → 1 ({'b' * 12})"),
        (
            {"notebook": "", "grader": LAWS[0]},
            {"notebook": "none", "grader": LAWS[1]},
            ["new notebook", "grader changed"],
            f"none → none; grader 1 ({'a' * 12}) → 1 ({'b' * 12})",
        ),
        (
            {"packages": {"numpy": "1", "python": "3"}},
            {"packages": {"numpy": "2", "python": "3"}},
            ["packages changed"],
            "numpy 1 → 2",
        ),
        ({"isolation": "bwrap"}, {"isolation": "landlock"}, ["another sandbox"], "bwrap → landlock"),
        ({"training": "x"}, {"training": "y"}, ["training mark"], ""),
        ({"faults": ["sum"]}, {"faults": []}, ["after a fault on our side"], ""),
        ({"faults": []}, {"faults": ["sum"]}, ["a fault on our side"], ""),
        ({}, {"extra": {"sum": 1.0}}, ["hand mark"], "extra credit: 1"),
        ({"laws": LAWS[0]}, {"laws": LAWS[0]}, ["changed by another command"], ""),
        ({"laws": LAWS[0]}, {}, ["changed by another command"], ""),
    ],
)  # fmt: skip
def test_reasons_and_their_details(old, new, why, detail):
    assert change(1.0, 2.0, old, new, training=("sum",)) == (tuple(why), detail)


def test_a_training_mark_is_no_reason_elsewhere_and_a_total_counts_what_is_there():
    why, _ = change(1.0, 2.0, {"training": "x"}, {"training": "y"})
    assert why == ("changed by another command",)
    assert total_of({"a": 2.0, "b": None, "c": 1.0, PENALTY: 0.5}) == 2.5
    assert total_of({"a": 2.0, PENALTY: 3.0}) == 0.0 == total_of({})
