"""`grader feedback`: the pages that nbgrader makes, and only those that have something new to say."""

import re
import signal
import subprocess
import sys
import time

import psutil
import pytest
from nbgrader.api import Gradebook
from test_batch import WRONG, encoded

from grader.store import StateFile


def feedback(folder, *options):
    """What the command said, and how many pages were made, how many left."""
    done = folder.run(sys.executable, "-m", "grader", "feedback", "--laws", "hidden", *options)
    found = re.search(r"toy: (\d+) pages made, (\d+) as they were", done.stdout)
    return done, found and tuple(map(int, found.groups()))


def pages(folder):
    return {p.parts[-3]: p.read_bytes() for p in folder.folder.glob("feedback/*/toy/*.html")}


def change(folder, student, **grade):
    with Gradebook(f"sqlite:///{folder.folder}/gradebook.db") as book:
        found = book.find_grade("basket_total_laws", "exercise", "toy", student)
        for name, value in grade.items():
            setattr(found, name, value)
        book.db.commit()


def test_only_those_are_made_anew_of_whom_there_is_something_new_to_say(class_folder):
    for student, work in (("ann", None), ("bob", encoded(WRONG)), ("cat", b"{")):
        class_folder.hand_in(student, work)
    assert class_folder.grade().returncode == 0
    assert feedback(class_folder)[1] == (3, 0)
    first = pages(class_folder)
    assert feedback(class_folder, "--jobs", "2")[1] == (0, 3)
    class_folder.nbgrader("generate_feedback", "toy", "--force")
    assert pages(class_folder) == first, "nbgrader's own are the same, byte for byte"
    change(class_folder, "ann", manual_score=1.25)
    class_folder.hand_in("bob")
    assert class_folder.grade().returncode == 0
    (class_folder.folder / "feedback/cat/toy/exercise.html").unlink()
    assert feedback(class_folder, "cat")[1] == (1, 0)
    assert feedback(class_folder)[1] == (2, 1)
    assert b"1.25" in pages(class_folder)["ann"] and pages(class_folder)["cat"] == first["cat"]
    with Gradebook(f"sqlite:///{class_folder.folder}/gradebook.db") as book:
        book.find_comment("basket_total", "exercise", "toy", "cat").manual_comment = "see me"
        book.db.commit()
    assert feedback(class_folder)[1] == (1, 2)
    assert b"see me" in pages(class_folder)["cat"]
    assert feedback(class_folder, "--force")[1] == (3, 0)


def test_a_page_that_cannot_be_made_is_said_and_the_others_are_made(class_folder):
    for student in ("ann", "bob"):
        class_folder.hand_in(student)
    assert class_folder.grade().returncode == 0
    assert feedback(class_folder)[1] == (2, 0)
    graded = class_folder.folder / "autograded/bob/toy/exercise.ipynb"
    graded.chmod(0o644)
    graded.write_text("{")
    change(class_folder, "ann", manual_score=1.25)
    done, counts = feedback(class_folder)
    assert done.returncode == 1 and counts == (1, 0) and "no page for bob: " in done.stderr
    assert set(pages(class_folder)) == {"ann"}, "an earlier page would tell what is no longer so"
    assert "Traceback" not in done.stderr
    assert feedback(class_folder, "eve")[0].returncode == 2
    assert StateFile(class_folder.folder, "toy", "ann").read().page


SLOW = """
import sys, time
from pathlib import Path
from grader import __main__
from grader.gradebook import feedback_pages
def several(assignment, students):
    Path("begun").touch()
    time.sleep(600)
feedback_pages.several = several
sys.exit(__main__.main())
"""


@pytest.mark.parametrize(
    "killed", [signal.SIGKILL, pytest.param(signal.SIGINT, marks=pytest.mark.long)]
)
def test_whoever_makes_pages_ends_with_the_command_and_the_next_makes_them(class_folder, killed):
    class_folder.hand_in("ann")
    assert class_folder.grade().returncode == 0
    told = class_folder.command(sys.executable, "-c", SLOW, "feedback", "--laws", "hidden")
    process = subprocess.Popen(**told, stderr=subprocess.PIPE, preexec_fn=interruptible)
    while not (class_folder.folder / "begun").exists():
        assert process.poll() is None
        time.sleep(0.01)
    below = psutil.Process(process.pid).children(recursive=True)
    assert below
    # Ctrl-C reaches all of them
    for one in [process, *(below if killed == signal.SIGINT else ())]:
        one.send_signal(killed)
    _, said = process.communicate(timeout=60)
    assert psutil.wait_procs(below, timeout=20)[1] == []
    if killed == signal.SIGINT:
        assert process.returncode == 130 and "run the same command again" in said
    assert feedback(class_folder)[1] == (1, 0)


def interruptible():
    """A shell that started the tests in the background has SIGINT ignored, which children inherit."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
