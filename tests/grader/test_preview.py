"""`grader run --preview`: before the due date students learn whether main laws hold, and nothing that gives marks is written."""

import hashlib
import json
import re
import sys
from datetime import UTC, datetime, timedelta

import pytest
from nbgrader.api import Gradebook
from test_batch import WRONG, encoded
from toys import RIGHT, notebook, training_cell

from grader.gradebook.preview_policy import PreviewPolicy
from grader.store import StateFile

FREE = "c.PreviewPolicy.hours_apart = 0"
NO_ERROR = RIGHT.replace("discount < 0", "False")


@pytest.fixture
def early(class_folder):
    """Return a function that looks; gives what was said and the pages, by student."""

    def look(*options, code=0):
        done = class_folder.grade("--preview", *options)
        assert done.returncode == code, done.stderr + done.stdout
        pages = class_folder.folder.glob("preview/*/toy/exercise.html")
        return done.stdout + done.stderr, {p.parts[-3]: p.read_text() for p in pages}

    return look


def untouched(class_folder):
    """Digests of all that holds marks."""
    names = ("gradebook.db", "marks.jsonl", "build/grading/status.csv")
    files = [class_folder.folder / name for name in names]
    files += sorted(class_folder.folder.glob("autograded/**/*"))
    return {str(f): hashlib.sha256(f.read_bytes()).hexdigest() for f in files if f.is_file()}


def set_due(class_folder, moment):
    with Gradebook(f"sqlite:///{class_folder.folder}/gradebook.db", "toy") as book:
        book.update_or_create_assignment("toy", duedate=moment)


def test_pages_tell_the_main_law_alone_and_nothing_else_is_written(class_folder, early):
    for student, work in {"ann": RIGHT, "bob": WRONG, "cat": NO_ERROR}.items():
        class_folder.hand_in(student, encoded(work))
    class_folder.hand_in("dan", b"{")
    before = untouched(class_folder)
    said, pages = early()
    assert untouched(class_folder) == before
    assert "4 pages made" in said and "dan" in said
    assert "✓ the main law holds" in pages["ann"] and "✗ the main law is broken" in pages["bob"]
    assert "✓ the main law holds" in pages["cat"], "another law is broken, which is not told"
    assert (
        "could not be looked at" in pages["dan"]
        and not StateFile(class_folder.folder, "toy", "dan").read().looks
    )
    laws = (class_folder.folder / "hidden/test_basket_total.py").read_text()
    claims = [
        *re.findall(r'^ *"([^"]{12,})"', laws, re.MULTILINE),
        "prices are asked",
        "ValueError",
    ]
    for page in pages.values():
        assert not [claim for claim in claims if claim in page]
        assert 'lang="en"' in page and "This is no mark" in page and "<script" not in page
    digest = hashlib.sha256(encoded(RIGHT)).hexdigest()
    assert digest in pages["ann"]


def test_looks_are_counted_and_spaced_by_the_policy(class_folder, early):
    class_folder.hand_in("ann", encoded(WRONG))
    assert "2 more looks" in early()[1]["ann"]
    said, same = early()
    assert "0 pages made in preview/, 1 as they were" in said
    class_folder.hand_in("ann")
    said, pages = early()
    assert "not before" in said and pages == same, "24 hours by default"
    class_folder.configure(FREE, "c.PreviewPolicy.looks = 2")
    assert "No look is left" in early()[1]["ann"] and "holds" in early()[1]["ann"]
    class_folder.hand_in("ann", encoded(NO_ERROR))
    said, pages = early()
    assert "no look is left" in said and "Look 2" in pages["ann"]
    (class_folder.folder / "preview/ann/toy/exercise.html").unlink()
    assert early()[1] == pages, "as after a kill between state and page"
    class_folder.configure("c.PreviewPolicy.looks = None")
    assert "A look" not in early()[1]["ann"] and "Look 3" in early()[1]["ann"]


@pytest.mark.long
def test_mended_laws_are_looked_at_again_and_cost_nothing(class_folder, early):
    class_folder.hand_in("ann")
    early()
    laws = class_folder.folder / "hidden/test_basket_total.py"
    laws.write_text(laws.read_text().replace("* (1 - discount))", "* (2 - discount))"))
    page = early()[1]["ann"]
    assert "is broken" in page and "Look 1" in page and "2 more looks" in page


def test_none_after_the_due_date_unless_the_student_has_longer(class_folder, early):
    for student in ("ann", "bob"):
        class_folder.hand_in(student)
    set_due(class_folder, "2020-01-01 12:00:00 UTC")
    done = class_folder.run(
        *(sys.executable, "-m", "grader", "extend", "ann"),
        *("--until", "2099-01-01 12:00", "--laws", "hidden"),
    )
    assert done.returncode == 0, done.stderr
    said, pages = early()
    assert set(pages) == {"ann"} and "past the due date: bob" in said
    set_due(class_folder, "2099-01-01 12:00:00 UTC")
    assert set(early()[1]) == {"ann", "bob"}


@pytest.mark.long
def test_before_there_is_a_gradebook_there_is_none_after_it(class_folder, early):
    (class_folder.folder / "gradebook.db").unlink()
    class_folder.hand_in("ann")
    assert set(early()[1]) == {"ann"}
    assert not (class_folder.folder / "gradebook.db").exists()


@pytest.mark.long
def test_a_look_has_nothing_to_do_with_a_training_run_that_failed(class_folder, early, tmp_path):
    document = notebook()
    document["cells"].append(training_cell())
    class_folder.change(document, 'training=("train",),')
    data = json.dumps(document).encode()
    class_folder.hand_in("ann", data)
    (tmp_path / "marks").mkdir()
    (tmp_path / "marks" / f"{hashlib.sha256(data).hexdigest()}.json").write_text("no mark")
    said, pages = early("--training", str(tmp_path / "marks"))
    assert "1 pages made" in said and "holds" in pages["ann"], said


def test_a_run_gives_the_marks_as_if_there_had_been_no_look(class_folder, early):
    class_folder.hand_in("ann", encoded(NO_ERROR))
    early()
    assert class_folder.grade().returncode == 0
    assert class_folder.marks() == {"ann": 1.5}
    set_due(class_folder, "2020-01-01 12:00:00 UTC")
    before = untouched(class_folder)
    early()
    assert untouched(class_folder) == before


def test_a_student_who_leaves_takes_the_page_along(class_folder, early):
    class_folder.hand_in("ann")
    early()
    assert class_folder.run(sys.executable, "-m", "grader", "remove", "ann").returncode == 0
    assert not list(class_folder.folder.glob("preview/*"))


@pytest.mark.parametrize("option", [("--train",), ("--dry-run",), ("--changes", "x.csv")])
def test_it_gives_no_marks_and_says_so(early, option):
    assert f"leave {option[0]} out" in early(*option, code=2)[0]


@pytest.mark.parametrize("setting", ["looks = -1", "most = 3"])
def test_a_setting_that_cannot_be_is_one_line(class_folder, early, setting):
    class_folder.configure(f"c.PreviewPolicy.{setting}")
    said, _ = early(code=2)
    assert "c.PreviewPolicy." in said and "Traceback" not in said


def test_the_policy_by_itself():
    policy, now = PreviewPolicy(), datetime(2026, 11, 28, tzinfo=UTC)
    assert policy.refused([], now) == "" and policy.left(0) == 3
    assert "not before 2026-11-28 23:00" in policy.refused([now - timedelta(hours=1)], now)
    assert policy.refused([now - timedelta(hours=24)], now) == ""
    assert "no look is left" in policy.refused([now - timedelta(days=9)] * 3, now)


def test_a_name_is_text(class_folder, early):
    class_folder.hand_in("<b>ann<b>", json.dumps({"cells": []}).encode())
    _, pages = early()
    assert all("<b>ann" not in page for page in pages.values())
