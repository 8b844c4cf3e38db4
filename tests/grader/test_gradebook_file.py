"""A gradebook that does not fit the course, or cannot be used: one sentence before anything is graded."""

import json
import re
import sqlite3
import sys
import threading
import time
from contextlib import closing, contextmanager

from toys import code, notebook

from grader.gradebook.database import trouble
from grader.store import StateFile


def with_mean():
    document = notebook()
    clues = {"grade_id": "mean", "grade": False, "locked": False, "solution": True}
    laws = {"grade_id": "mean_laws", "grade": True, "locked": True, "solution": False, "points": 2}
    document["cells"] += [code("pass", **clues) | {"id": "mean"}, code("", **laws) | {"id": "l"}]
    return document


def add_exercise(folder):
    (folder / "source/toy/exercise.ipynb").write_text(json.dumps(with_mean()))
    laws = (folder / "hidden/test_basket_total.py").read_text()
    (folder / "hidden/test_mean.py").write_text(laws.replace("basket_total", "mean"))


def doctor(class_folder):
    return class_folder.run(sys.executable, "-m", "grader", "doctor", "--laws", "hidden")


def test_an_exercise_that_the_gradebook_lacks_stops_a_run_and_is_the_doctors_word(class_folder):
    class_folder.hand_in("ann")
    assert class_folder.grade().returncode == 0
    add_exercise(class_folder.folder)
    done, said = class_folder.grade(), doctor(class_folder)
    [line] = done.stderr.splitlines()
    assert done.returncode == 2 and "(mean, mean_laws): move gradebook.db aside" in line
    assert said.returncode == 1 and line.removeprefix("error: ") in said.stdout
    (class_folder.folder / "gradebook.db").rename(class_folder.folder / "gradebook.old")
    assert class_folder.grade().returncode == 0
    assert class_folder.status()["ann"]["max_total"] == "4.0"


def test_other_marks_are_generated_anew_and_accuse_nobody(class_folder):
    class_folder.hand_in("ann")
    assert class_folder.grade().returncode == 0
    for path in ("source/toy/exercise.ipynb", "hidden/test_basket_total.py"):
        text = (class_folder.folder / path).read_text()
        for old, new in {'"points": 2': '"points": 3', "weight=1,": "weight=2,"}.items():
            text = text.replace(old, new, 1)
        (class_folder.folder / path).write_text(text)
    done = class_folder.grade()
    assert done.returncode == 2
    assert "different marks (basket_total_laws)" in done.stderr
    assert "generate_assignment toy --force`" in done.stderr
    class_folder.nbgrader("generate_assignment", "toy", "--force")
    assert class_folder.grade().returncode == 0, "with submissions in the gradebook, too"
    row = class_folder.status()["ann"]
    assert (row["total"], row["max_total"], row["reasons"], row["notes"]) == ("3.0", "3.0", "", "")


def test_before_anybody_is_graded_the_assignment_is_generated_anew(class_folder):
    add_exercise(class_folder.folder)
    class_folder.hand_in("ann")
    done = class_folder.grade()
    assert done.returncode == 2 and "nbgrader generate_assignment toy --force`" in done.stderr
    class_folder.nbgrader("generate_assignment", "toy", "--force")
    assert class_folder.grade().returncode == 0


def test_a_gradebook_moved_aside_is_filled_again(class_folder):
    class_folder.hand_in("ann")
    assert class_folder.grade().returncode == 0
    (class_folder.folder / "gradebook.db").unlink()
    assert class_folder.grade().returncode == 0
    assert class_folder.status()["ann"]["total"] == "2.0" and class_folder.marks() == {"ann": 2.0}


def test_a_gradebook_that_cannot_be_used_is_one_line_in_every_command(class_folder):
    class_folder.hand_in("ann")
    assert class_folder.grade().returncode == 0
    path = class_folder.folder / "gradebook.db"
    whole = path.read_bytes()
    for data in (whole[: len(whole) // 2], b"garbage" * 1000):
        path.write_bytes(data)
        told(
            class_folder, r"gradebook\.db cannot be read \(.*\): restore a backup, or move it aside"
        )
    path.write_bytes(whole)
    with closing(sqlite3.connect(path)) as database:
        database.execute("begin exclusive")
        told(class_folder, r"gradebook\.db is locked: .*; wait and run again")
    assert class_folder.grade().returncode == 0


def told(class_folder, words):
    export = class_folder.run(sys.executable, "-m", "nbgrader", "export")
    for done, status in ((class_folder.grade(), 2), (export, 2), (doctor(class_folder), 1)):
        assert done.returncode == status, done.stderr
        assert re.search(words, done.stdout + done.stderr) and "Traceback" not in done.stderr


def test_a_fault_in_the_midst_of_nbgraders_words_is_known():
    text = "Traceback (most recent call last):\n  x\nsqlalchemy.exc.OperationalError: (sqlite3.OperationalError) {}\n[SQL: UPDATE]"
    assert "wait and run again" in trouble(text.format("database is locked"))
    assert "mend the permissions" in trouble(text.format("attempt to write a readonly database"))
    assert "nbgrader db upgrade" in trouble(text.format("no such column: x"))
    assert trouble("Traceback\nOSError: no space") == ""


@contextmanager
def locked_after_the_first(class_folder, seconds):
    """The gradebook is locked for so long from the moment that ann's marks are in it."""

    def lock():
        while not StateFile(class_folder.folder, "toy", "ann").read().whole:
            time.sleep(0.001)  # bob's marks must not be quicker
        with closing(sqlite3.connect(class_folder.folder / "gradebook.db", timeout=60)) as database:
            database.execute("begin immediate")
            held.wait(seconds)

    held = threading.Event()
    thread = threading.Thread(target=lock)
    thread.start()
    yield
    held.set()
    thread.join()


def test_a_gradebook_that_is_locked_for_a_moment_is_waited_for(class_folder):
    for student in ("ann", "bob"):
        class_folder.hand_in(student)
    with locked_after_the_first(class_folder, 8):  # nbgrader itself gives up after 5
        done = class_folder.grade()
    assert done.returncode == 0 and "Traceback" not in done.stderr, done.stderr
    assert class_folder.marks() == {"ann": 2.0, "bob": 2.0}


IMPATIENT = """
import sys
import threading
import time
from grader import __main__
from grader.gradebook import autograde as gradebook
gradebook.PAUSES = ()
sys.exit(__main__.main())
"""


def test_a_gradebook_that_stays_locked_is_one_students_row_and_the_others_are_graded(class_folder):
    for student in ("ann", "bob"):
        class_folder.hand_in(student)
    with locked_after_the_first(class_folder, 60):
        done = class_folder.run(sys.executable, "-c", IMPATIENT, "run", "--laws", "hidden")
    rows = class_folder.status()
    assert done.returncode == 1 and "Traceback" not in done.stderr, done.stderr
    assert (rows["ann"]["status"], rows["bob"]["status"]) == ("graded", "infrastructure")
    assert "is locked: another command or Formgrader" in rows["bob"]["notes"]
    assert class_folder.grade().returncode == 0 and class_folder.marks()["bob"] == 2.0


def test_a_full_disk_is_no_reason_to_move_the_gradebook_aside():
    said = trouble("sqlite3.OperationalError: database or disk is full")
    assert (
        said == "gradebook.db cannot be written (database or disk is full): make room and run again"
    )
