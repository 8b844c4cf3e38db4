"""`python -m grader run`: one row a student, whatever was handed in, and a run that can be killed at any moment."""

import fcntl
import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import time

import psutil
from toys import RIGHT, ClassFolder, notebook
from two import add_second

from grader.store import alone

WRONG = RIGHT.replace(" * (1 - discount)", "")


def encoded(*args, **kwargs):
    return json.dumps(notebook(*args, **kwargs)).encode()


def gradebook(folder):
    """Everything in the gradebook that a grader or student could see, without row numbers and clocks."""
    with sqlite3.connect(folder / "gradebook.db") as database:
        marks = database.execute(
            "select student.id, base_cell.name, grade.auto_score, grade.manual_score, grade.needs_manual_grade"
            " from grade join submitted_notebook on grade.notebook_id = submitted_notebook.id"
            " join submitted_assignment on submitted_notebook.assignment_id = submitted_assignment.id"
            " join student on submitted_assignment.student_id = student.id join base_cell on grade.cell_id = base_cell.id order by 1, 2"
        )
        return marks.fetchall()


def logged(folder):
    """The log of marks, without clocks."""
    lines = map(json.loads, (folder / "marks.jsonl").read_text().splitlines())
    return sorted((x["student"], x["mark"], x["from"], x["to"], x["why"]) for x in lines)


def test_every_student_has_a_row_however_odd_the_folder(class_folder):
    class_folder.hand_in("ann")
    class_folder.hand_in("bob", encoded(WRONG), "toy/my work (final).ipynb")
    class_folder.hand_in("cat", name="deep/down/here.ipynb")
    class_folder.hand_in("dan", b"%PDF", "toy/essay.pdf")
    class_folder.hand_in("eve", b"{")
    class_folder.hand_in("fay", name="a.ipynb")
    class_folder.hand_in("fay", name="b.ipynb")
    (class_folder.folder / "submitted/gus").mkdir()
    class_folder.hand_in("hal", name="toy/other.txt")
    (class_folder.folder / "submitted/hal/toy/exercise.ipynb").symlink_to("/etc/passwd")
    class_folder.hand_in("ina", name=".ipynb_checkpoints/exercise-checkpoint.ipynb")
    class_folder.hand_in("ina")
    class_folder.hand_in("<b>jo", encoded(WRONG))
    for name, text in (
        ("torch.py", "raise SystemExit"),
        ("conftest.py", "1/0"),
        ("sitecustomize.py", "1/0"),
        ("shop.py", "1/0"),
    ):
        class_folder.hand_in("ann", text.encode(), f"toy/{name}")
    done = class_folder.grade("--jobs", "2")
    assert done.returncode == 0, done.stderr
    rows = class_folder.status()
    assert {student: row["status"] for student, row in rows.items()} == {
        **dict.fromkeys(("ann", "bob", "cat", "ina", "<b>jo"), "graded"),
        **dict.fromkeys(("dan", "eve", "fay", "hal"), "unreadable"),
        "gus": "missing",
    }
    assert [rows[s]["total"] for s in ("ann", "bob", "cat", "dan", "gus")] == [
        "2.0",
        "0.8",
        "2.0",
        "0.0",
        "",
    ]
    assert "several notebooks" in rows["fay"]["notes"] and "torch.py" in rows["ann"]["notes"]
    assert class_folder.marks() == {s: float(r["total"]) for s, r in rows.items() if r["total"]}


def test_another_assignments_work_is_not_graded_as_this_ones(class_folder):
    """One that the course has a source for, and one that the gradebook alone knows."""
    (class_folder.folder / "source/hw2").mkdir()
    (class_folder.folder / "source/hw2/exercise.ipynb").write_bytes(encoded())
    class_folder.nbgrader("db", "assignment", "add", "hw3")
    for name in ("hw2", "hw3"):
        class_folder.hand_in("ann", name=f"{name}/exercise.ipynb")
        class_folder.hand_in("bob", encoded(WRONG), name=f"{name}/exercise.ipynb")
        class_folder.hand_in("bob", b"1/0", name=f"{name}/helper.py")
    class_folder.hand_in("bob")
    assert class_folder.grade().returncode == 0
    rows = class_folder.status()
    assert [rows["ann"][name] for name in ("status", "total", "notes")] == ["missing", "", ""]
    assert [rows["bob"][name] for name in ("status", "total", "notes")] == ["graded", "2.0", ""]


def test_the_terminal_names_whom_it_could_not_grade_and_why(class_folder):
    for number in range(12):
        class_folder.hand_in(f"s{number:02}*")
    class_folder.hand_in("ann\n::error::forged*")
    class_folder.hand_in("bob")
    done = class_folder.grade()
    assert done.returncode == 1
    lines = [line for line in done.stderr.splitlines() if line.startswith("not graded")]
    ours = "not graded for a reason on our side: "
    assert lines[0].startswith(f"{ours}ann ⏎ ::error::forged*: ")
    assert lines[1].startswith(f"{ours}s00*: nbgrader cannot take a folder's name with *")
    assert len(lines) == 11 and lines[-1] == "not graded for such a reason: 3 more"


def hashes(folder):
    """The course's own files and the hand-ins, byte for byte; the collector's timestamps apart."""
    files = [
        path
        for part in ("hidden", "source", "release", "submitted")
        for path in (folder / part).rglob("*")
    ]
    return {
        path: path.read_bytes()
        for path in files
        if path.is_file() and "__pycache__" not in path.parts and path.name != "timestamp.txt"
    }


def test_hostile_submissions_harm_no_neighbour(class_folder):
    hostile = {
        "kill": "import os, signal\ndef basket_total(items, discount=0.0):\n    os.kill(-1, 9)\n    return 1.0",
        "bomb": "import os\ndef basket_total(items, discount=0.0):\n    while True: os.fork()",
        "hog": "def basket_total(items, discount=0.0):\n    return len(bytearray(1 << 34))",
        "spray": "import os\ndef basket_total(items, discount=0.0):\n    for fd in range(99):\n        try: os.write(fd, b'x' * 9999)\n        except OSError: pass",
        "quit": "import os\nos._exit(0)\n" + RIGHT,
    }
    for name, source in hostile.items():
        class_folder.hand_in(f"m-{name}", encoded(source))
    for number in range(6):
        class_folder.hand_in(f"{'az'[number % 2]}-{number}")
    before = hashes(class_folder.folder)
    done = class_folder.grade("--jobs", "2")
    assert done.returncode == 0, done.stderr
    assert hashes(class_folder.folder) == before
    rows = class_folder.status()
    assert all(row["total"] == "2.0" for student, row in rows.items() if student[0] in "az")
    outcomes = {
        student[2:]: row["reasons"].removeprefix("basket_total: ")
        for student, row in rows.items()
        if student[0] == "m"
    }
    assert outcomes == {
        "kill": "wrong",
        "bomb": "wrong",
        "hog": "out_of_memory",
        "spray": "crash",
        "quit": "",
    } or outcomes["bomb"] in ("wrong", "timeout", "crash")
    assert all(
        float(row["total"]) == 0
        for student, row in rows.items()
        if student[0] == "m" and student != "m-quit"
    )


def test_a_run_killed_at_any_moment_goes_on_to_the_same_gradebook(tmp_path):
    works = [None, encoded(WRONG), None, encoded(WRONG), b"{", encoded(WRONG)]
    folders = []
    for name in ("calm", "killed"):
        (tmp_path / name).mkdir()
        folders.append(ClassFolder(tmp_path / name))
        for number in range(6):
            folders[-1].hand_in(f"s{number}", works[number])
    calm, killed = folders
    assert calm.grade("--jobs", "2", by=ClassFolder.start).returncode == 0
    chance = random.Random(1)
    for _ in range(10):
        process = subprocess.Popen(
            **killed.command(
                sys.executable, "-m", "grader", "run", "--laws", "hidden", "--jobs", "2"
            ),
            stderr=subprocess.DEVNULL,
        )
        time.sleep(chance.uniform(1.5, 5))
        below = (
            psutil.Process(process.pid).children(recursive=True) if process.poll() is None else []
        )
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert psutil.wait_procs(below, timeout=20)[1] == [], "something outlived a killed run"
    done = killed.grade("--jobs", "2")
    assert done.returncode == 0, done.stderr
    assert gradebook(killed.folder) == gradebook(calm.folder)
    assert logged(killed.folder) == logged(calm.folder)
    assert {s: {**r} for s, r in killed.status().items()} == {
        s: {**r} for s, r in calm.status().items()
    }


def test_a_second_run_grades_only_what_changed(class_folder):
    class_folder.hand_in("ann")
    path = class_folder.hand_in("bob", encoded(WRONG))
    assert class_folder.grade().returncode == 0
    states = class_folder.folder / "build/grading/toy/students"
    before = {p.name: p.stat().st_mtime_ns for p in states.iterdir()}
    path.write_bytes(encoded())
    assert class_folder.grade().returncode == 0
    after = {p.name: p.stat().st_mtime_ns for p in states.iterdir()}
    assert after["ann.json"] == before["ann.json"] and after["bob.json"] > before["bob.json"]
    assert class_folder.marks() == {"ann": 2.0, "bob": 2.0}
    assert after.keys() == {"ann.json", "bob.json", ".lock"}, "one file a student"


def test_a_withdrawn_hand_in_a_loose_file_and_an_empty_class_are_said(class_folder):
    done = class_folder.grade()
    place = "a notebook's place is submitted/<student>/toy/exercise.ipynb"
    assert done.returncode == 0 and f"nobody has handed in: {place}" in done.stderr
    for student in ("ann", "bob"):
        class_folder.hand_in(student)
    for name in ("rosa.ipynb", "notes.txt"):
        (class_folder.folder / "submitted" / name).write_bytes(encoded())
    class_folder.hand_in("kim", encoded("from helpers import basket_total"))
    class_folder.hand_in("kim", b"", "toy/helpers.py")
    done = class_folder.grade()
    assert f"1 file in submitted/ belongs to nobody: notes.txt; {place}" in done.stderr
    assert done.returncode == 1 and "submitted/: rosa.ipynb is no student" in done.stderr
    (class_folder.folder / "submitted/rosa.ipynb").unlink()
    assert "put the code of helpers.py into it" in class_folder.status()["kim"]["notes"]
    shutil.rmtree(class_folder.folder / "submitted/ann")
    shutil.rmtree(class_folder.folder / "submitted/bob/toy")
    assert class_folder.grade().returncode == 0
    for student in ("ann", "bob"):
        row = class_folder.status()[student]
        assert (row["status"], row["notes"]) == (
            "missing",
            "graded earlier: its marks stay in the gradebook",
        )


ODD_NAMES = {
    "n" * 252: "more than 200 bytes",
    os.fsdecode(b"z\xff"): "unprintable",
    "ann ": "blanks at its ends",
    "x\ny,graded,2.0,2.0": "unprintable",
    "a*": "rename",
}


def test_a_name_that_nobody_can_use_costs_the_others_nothing(class_folder):
    for student in ("ann", *ODD_NAMES):
        class_folder.hand_in(student)
    deep = class_folder.folder / "submitted/bob" / "/".join(["d" * 200] * 19)
    deep.mkdir(parents=True)
    place = os.open(deep, os.O_RDONLY)  # a folder whose path is too long to be asked for
    os.mkdir("e" * 255, dir_fd=place)
    os.close(os.open("e" * 255 + "/f", os.O_CREAT | os.O_WRONLY, dir_fd=place))
    done = class_folder.grade()
    assert done.returncode == 1, done.stderr  # somebody is not graded
    rows = class_folder.status()
    assert (rows["ann"]["status"], rows["ann"]["total"]) == ("graded", "2.0")
    assert rows["bob"]["status"] == "missing" and len(rows) == 2 + len(ODD_NAMES)
    for student, words in ODD_NAMES.items():
        shown = " ⏎ ".join(student.splitlines()).encode("utf-8", "backslashreplace").decode()
        assert rows[shown]["status"] == "infrastructure" and words in rows[shown]["notes"]
    assert class_folder.marks() == {"ann": 2.0}


def test_infrastructure_trouble_is_named_ungraded_and_ends_with_1(class_folder):
    class_folder.hand_in("ann")
    laws = class_folder.folder / "hidden/test_basket_total.py"
    laws.write_text(laws.read_text().replace("    near(scalar", "    {}['a bug']\n    near(scalar"))
    done = class_folder.grade()
    assert done.returncode == 1
    assert class_folder.status()["ann"]["status"] == "infrastructure"
    assert gradebook(class_folder.folder) == [("ann", "basket_total_laws", None, None, 1)]


def test_a_full_disk_is_one_line_and_exit_code_2(class_folder):
    class_folder.hand_in("ann")
    states = class_folder.folder / "build/grading/toy/students"
    states.mkdir(parents=True)
    full = states / "ann.json.part"
    full.symlink_to("/dev/full")
    done = class_folder.grade()
    assert done.returncode == 2 and "Traceback" not in done.stderr
    assert "error: No space left on device: mend it; the same command" in done.stderr
    full.unlink()
    assert class_folder.grade().returncode == 0 and class_folder.marks() == {"ann": 2.0}


def test_an_assignment_that_the_gradebook_does_not_know_is_entered(class_folder):
    """As after `nbgrader db student import`, which makes a gradebook with students alone."""
    (class_folder.folder / "gradebook.db").unlink()
    class_folder.nbgrader("db", "student", "add", "bob")
    class_folder.hand_in("ann")
    before = hashes(class_folder.folder)
    done = class_folder.grade()
    assert done.returncode == 0, done.stderr
    assert class_folder.marks() == {"ann": 2.0, "bob": 0.0}
    assert {s: r["status"] for s, r in class_folder.status().items()} == {
        "ann": "graded",
        "bob": "missing",
    }
    assert hashes(class_folder.folder) == before


def test_an_assignment_that_nbgrader_refuses_is_one_line(class_folder):
    (class_folder.folder / "gradebook.db").unlink()
    source = class_folder.folder / "source/toy/exercise.ipynb"
    document = json.loads(source.read_text())
    document["cells"][1]["source"] = "### BEGIN SOLUTION\nx = 1  # and no end"
    source.write_text(json.dumps(document))
    class_folder.hand_in("ann")
    done = class_folder.grade()
    assert done.returncode == 2
    assert "generate_assignment" in done.stderr and "Traceback" not in done.stderr


def test_two_runs_at_once_are_refused(class_folder):
    lock = class_folder.folder / "build/grading/toy/lock"
    lock.parent.mkdir(parents=True)
    with lock.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        done = class_folder.grade()
    assert done.returncode == 2 and "another run" in done.stderr


def test_a_run_over_several_assignments_has_all_of_them_from_its_beginning(class_folder):
    """Its last rows are of them all: whoever grades one meanwhile would have them old."""
    class_folder.hand_in("ann")
    add_second(class_folder.folder)
    with alone(class_folder.folder / "build/grading/hw2"):
        done = class_folder.grade()
    assert done.returncode == 2 and "another run is grading here" in done.stderr
    assert not (class_folder.folder / "build/grading/toy/students").exists()
    assert class_folder.grade().returncode == 0
    assert class_folder.marks() == {"ann": 2.0}
