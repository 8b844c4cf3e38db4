"""An assignment on its way to another machine, and jobs as an executor: what arrives is what was sent, or an error in words."""

import dataclasses
import json
import shutil
import threading
import time
from concurrent.futures import Executor
from pathlib import Path

import pytest
from toys import TOY

from grader.assignment import load_assignment
from grader.classroom import bundle, jobs, verdicts
from grader.classroom.jobs import Job, Jobs, call
from grader.errors import CourseError, GraderError
from grader.store import fingerprint


@pytest.fixture
def course(tmp_path):
    """The toy course in a folder of its own, with settings that are nobody else's business."""
    shutil.copytree(TOY, tmp_path / "course", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "course/nbgrader_config.py").write_text("password = 'secret'")
    return tmp_path / "course"


def test_the_same_laws_make_the_same_bundle_and_grade_the_same_there(course, tmp_path):
    first = bundle.pack(load_assignment(course / "hidden"), training=False)
    shutil.move(course, tmp_path / "moved")
    moved = load_assignment(tmp_path / "moved/hidden")
    assert bundle.pack(moved, training=False) == first
    laws = bundle.unpack(first, tmp_path / "there")
    assert fingerprint(load_assignment(laws), "bwrap") == fingerprint(moved, "bwrap")
    assert (tmp_path / "there").stat().st_mode & 0o077 == 0
    assert (tmp_path / "there/nbgrader_config.py").read_bytes() == b""
    (tmp_path / "moved/hidden/more.py").write_text("")
    assert bundle.pack(load_assignment(tmp_path / "moved/hidden"), training=False) != first


def test_a_bundle_on_a_shared_folder_is_the_same_or_refused(course, tmp_path):
    sent = bundle.pack(load_assignment(course / "hidden"), training=False)
    lying = bundle.laid(sent, tmp_path / "shared")
    assert lying.data == b"" and lying.read() == sent.data
    assert Path(lying.place).stat().st_mode & 0o077 == 0
    Path(lying.place).write_bytes(b"another")
    with pytest.raises(CourseError, match="not those that were sent"):
        bundle.unpack(lying, tmp_path / "there")
    Path(lying.place).unlink()
    with pytest.raises(CourseError, match="No such file"):
        lying.read()


def test_what_lies_outside_of_the_course_reaches_nobody(course, tmp_path):
    (tmp_path / "trainer.py").write_text("")
    assignment = dataclasses.replace(
        load_assignment(course / "hidden"), training_files=(tmp_path / "trainer.py",)
    )
    assert bundle.pack(assignment, training=False)
    with pytest.raises(CourseError, match="trainer.py lies outside of the course's folder"):
        bundle.pack(assignment, training=True)


def test_a_machine_that_differs_says_in_what():
    ours = bundle.versions(["torch"])
    assert bundle.differences(ours) == ""
    said = bundle.differences({**ours, "torch": "1.0", "nowhere": "2.0"})
    assert (
        said
        == f"torch is {ours['torch']} there and 1.0 here; nowhere is missing there and 2.0 here"
    )


def test_jobs_are_an_executor_whose_errors_have_words(course):
    """One process: a function's result, its error, a neighbour after it, and an initializer that fails."""
    laws = course / "hidden"
    stamp = fingerprint(load_assignment(laws), "none")
    made = Jobs(1, 60, verdicts.begin, (str(laws), "none", stamp))
    assert isinstance(made, Executor)
    with made:
        question = {"data": "", "why_not": "", "exercises": None, "name": "ann"}
        wrong = made.submit(verdicts.judge, {**question, "stamp": "another"})
        with pytest.raises(GraderError, match="differ from those of whoever asks; .* run it again"):
            wrong.result()
        verdict = made.submit(verdicts.judge, {**question, "stamp": stamp}).result()
        assert verdict["status"] == "unreadable" and verdict["submission"] == "ann"
        with pytest.raises(TypeError):
            made.submit(verdicts.judge, question=question)
    with (
        Jobs(1, 60, verdicts.begin, (str(laws), "none", "another")) as other,
        pytest.raises(GraderError, match="differ from those of whoever asks"),
    ):
        other.submit(verdicts.judge, {**question, "stamp": "another"}).result()


def test_a_job_that_is_stopped_while_it_starts_answers_nothing():
    class Stopped(Job):
        def start(self):
            self.stop()
            return super().start()

    begun = time.monotonic()
    assert Stopped([json.dumps(call(time.sleep, 0))]).ask(call(time.sleep, 60), 60) is None
    assert time.monotonic() - begun < 20


def test_a_job_that_ended_while_nobody_asked_is_replaced_in_silence(monkeypatch):
    monkeypatch.setattr(jobs, "DIED", "it must not")
    with Jobs(1, 60, threading.get_ident, ()) as made:
        assert made.submit(threading.get_ident).result()
        made.jobs[0].process.kill()
        made.jobs[0].process.wait()
        assert made.submit(threading.get_ident).result()
