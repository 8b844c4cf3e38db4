"""One transaction a student: all that nbgrader commits in it is there at the end, or nothing of it."""

import shutil
import sys

import pytest
from nbgrader.api import Gradebook
from sqlalchemy import event
from sqlalchemy.engine import Engine
from toys import template

from grader.gradebook.sessions import after, transaction
from grader.store import StateFile


@pytest.fixture
def url(tmp_path):
    shutil.copy(template() / "gradebook.db", tmp_path)
    return f"sqlite:///{tmp_path}/gradebook.db"


def students(url):
    with Gradebook(url) as book:
        return {student.id for student in book.students}


def hand_in(url, student):
    """As nbgrader does it: each step opens the gradebook, commits, closes it."""
    with Gradebook(url, "toy") as book:
        book.update_or_create_student(student)
    with Gradebook(url) as book:
        book.update_or_create_submission("toy", student)
    with Gradebook(url) as book:
        book.find_grade("basket_total_laws", "exercise", "toy", student).auto_score = 2.0
        book.db.commit()
    with Gradebook(url) as book:
        return book.find_submission_notebook("exercise", "toy", student).score


def test_it_is_one_session_with_one_commit_and_every_reader_in_it_sees_what_was_written(url):
    counted, done = [], []
    count = counted.append
    event.listen(Engine, "commit", count)
    try:
        with transaction(url):
            before = len(counted)
            assert hand_in(url, "ann") == 2.0
            after(lambda: done.append(students(url)))
            assert len(counted) == before and not done
    finally:
        event.remove(Engine, "commit", count)
    assert done == [{"ann"}], "what waits for the end comes after it"
    after(lambda: done.append("now"))
    assert done[1] == "now" and students(url) == {"ann"}


def test_what_fails_leaves_nothing_and_what_waits_for_the_end_is_not_done(url):
    done = []
    with pytest.raises(ZeroDivisionError), transaction(url):
        hand_in(url, "ann")
        after(lambda: done.append(1))
        raise ZeroDivisionError
    assert students(url) == set() and not done
    with pytest.raises(RuntimeError, match="took back"), transaction(url):
        hand_in(url, "ann")
        with Gradebook(url) as book:
            book.db.rollback()
        hand_in(url, "bob")
    assert students(url) == set()
    with transaction(url):
        hand_in(url, "cat")
    assert students(url) == {"cat"}


def test_another_gradebook_is_another(url, tmp_path):
    shutil.copy(template() / "gradebook.db", tmp_path / "other.db")
    other = f"sqlite:///{tmp_path}/other.db"
    with pytest.raises(ZeroDivisionError), transaction(url):
        hand_in(other, "bob")
        raise ZeroDivisionError
    assert students(other) == {"bob"} and students(url) == set()


def test_nobody_is_known_to_have_been_recorded_whom_the_gradebook_lacks(class_folder):
    """Else a hand mark for an earlier notebook would pass for one that was given for this."""
    program = """
import sys
from grader import __main__
from grader.gradebook.sessions import Held
def end(session):
    raise OSError("the power went")
Held.end = end
sys.exit(__main__.main())
"""
    class_folder.hand_in("ann")
    done = class_folder.run(sys.executable, "-c", program, "run", "--laws", "hidden")
    assert done.returncode == 1 and "the power went" in class_folder.status()["ann"]["notes"]
    known = StateFile(class_folder.folder, "toy", "ann").read()
    assert known.verdict and known.recorded is None and not known.whole
    assert class_folder.grade().returncode == 0
    assert StateFile(class_folder.folder, "toy", "ann").read().recorded
    assert class_folder.marks() == {"ann": 2.0}
