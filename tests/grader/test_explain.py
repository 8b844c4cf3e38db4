"""`grader explain` and `grader run --dry-run`: where marks come from, that they come again, and what others would be."""

import csv
import hashlib
import json
import os
import shutil
import sqlite3
import sys

import pytest
from test_open_marks import full
from toys import RIGHT, ClassFolder, notebook
from two import COUNTS, add_second, homework

from grader.store import StateFile

WRONG = RIGHT.replace(" * (1 - discount)", "")
RUN = "build/grading/training"
PUBLISHED = "build/grading/toy/publish/csv.csv"
CLAIM = "the total is what remains of the prices' sum after the discount"


def submission(solution=RIGHT):
    document = full()
    document["cells"][1]["source"] = solution
    return json.dumps(document).encode()


def command(course, *words):
    return course.run(sys.executable, "-m", "grader", *words, "--laws", "hidden")


def by_hand(course, student, points):
    with sqlite3.connect(course.folder / "gradebook.db") as database:
        database.execute(
            "update grade set manual_score = ?, needs_manual_grade = 0 where cell_id in (select id from base_cell where name = 'essay')"
            " and notebook_id in (select n.id from submitted_notebook n join submitted_assignment a on n.assignment_id = a.id"
            " where a.student_id = ?)",
            (points, student),
        )


@pytest.fixture(scope="module")
def graded(tmp_path_factory):
    """Laws, a training mark and a mark by hand; ann is late, bob's function is wrong, dan's notebook is none."""
    course = ClassFolder(tmp_path_factory.mktemp("explained"))
    course.change(full("*Your answer here.*"), 'training=("train",), version="7",')
    with (course.folder / "nbgrader_config.py").open("a") as config:
        config.write("c.LatePolicy.percent_per_day = 10\n")
    course.nbgrader("db", "assignment", "add", "toy", "--duedate", "2026-11-20 12:00:00 UTC")
    ann = course.hand_in("ann", submission())
    course.hand_in("bob", submission(WRONG))
    course.hand_in("dan", b"%PDF", "toy/essay.pdf")
    command(course, "extend", "ann", "--until", "2026-11-21 12:00")
    moment = 1795348800  # 2026-11-22 12:00 UTC: a day after that
    os.utime(ann, (moment, moment))
    os.utime(course.folder / "submitted/bob/toy/exercise.ipynb", (1, 86400 * 20000))
    marks = course.folder / RUN
    marks.mkdir(parents=True)
    claim = {"law": "the rewards teach", "passed": True, "got": "a gain of 0.3"}
    name = hashlib.sha256(ann.read_bytes()).hexdigest()
    (marks / f"{name}.json").write_text(json.dumps({"share": 0.5, "laws": [claim]}))
    assert course.grade().returncode == 0
    by_hand(course, "ann", 2.5)
    course.run(sys.executable, "-c", COMMENT)
    assert course.grade().returncode == 0
    return course


COMMENT = (
    "from nbgrader.api import Gradebook\n"
    "with Gradebook('sqlite:///gradebook.db') as book:\n"
    "    book.find_comment('essay', 'exercise', 'toy', 'ann').manual_comment = 'well said'\n"
    "    book.db.commit()\n"
)


def test_a_students_marks_are_explained_and_verified(graded):
    done = command(graded, "explain", "ann", "--verify")
    assert done.returncode == 0, done.stderr
    said = done.stdout
    for words in (
        "ann, toy: graded, 4.8 of 7 points\n",
        "notebook   submitted/ann/toy/exercise.ipynb, ",
        "handed in  2026-11-22 12:00 UTC\n",
        "made with  laws 7 (",
        f"holds  (1, the main law)  {CLAIM}\n",
        "train: 1 of 2 points, partly right\n",
        "holds   the rewards teach\n          gave a gain of 0.3\n",
        "training mark: 0.5 of the points, put there by hand; build/grading/training/",
        "essay: not marked yet, 3 points: a person reads it\n  by hand: 2.5; seen at the run of 20",
        "comment: well said\n",
        "marks 5.5, late penalty 0.7 (1 d 0 h late), with an extension of 24 h, total 4.8\n",
        "essay: open → 2.5, hand mark\n",
        "late penalty: 0 → 0.7, late penalty: 48.0 h after the due date, 24.0 h of them by extension\n",
        "again: ",
        "verified: the same verdict, law by law and word by word\n",
    ):
        assert words in said, (words, said)


def test_one_exercise_for_programs(graded):
    done = command(graded, "explain", "bob", "basket_total", "--json", "-")
    told = json.loads(done.stdout)
    assert [*told["marks"]] == [*told["verdict"]["exercises"]] == ["basket_total"]
    assert told["marks"]["basket_total"]["score"] == 0.8
    assert told["notebook"]["file"].endswith("submitted/bob/toy/exercise.ipynb")
    assert (told["status"], told["total"], told["open"]) == ("partial", 0.8, ["train", "essay"])
    assert [line["mark"] for line in told["changes"]] == ["basket_total"]
    assert told["command"].endswith("--exercise basket_total submitted/bob/toy/exercise.ipynb")
    words = told["command"].partition(" -m grader ")[2].split()
    again = graded.run(sys.executable, "-m", "grader", *words, "--json", "-")
    made = json.loads(again.stdout)
    assert made["exercises"] == told["verdict"]["exercises"], "the command that is shown"
    assert made["made_with"] == told["verdict"]["made_with"]


def test_a_verdict_that_a_stopped_run_kept_explains_no_earlier_marks(graded, tmp_path):
    shutil.copytree(graded.folder, tmp_path / "copy")
    course = ClassFolder(tmp_path / "copy", None)
    state = StateFile(course.folder, "toy", "bob")
    verdict = state.read().verdict
    basket = verdict["exercises"]["basket_total"]
    basket |= {"points": 2.0, "outcome": "pass", "laws": []}
    state.change(verdict=verdict)
    done = command(course, "explain", "bob", "--verify")
    assert done.returncode == 1 and "not verified" in done.stdout
    assert "stopped before it recorded the verdict that is kept" in done.stdout
    assert "basket_total: 0.8; its verdict is not kept\n" in done.stdout
    command(course, "publish", "csv")
    [row] = [r for r in table(course.folder / PUBLISHED) if r["student"] == "bob"]
    assert (row["basket_total"], row["outcomes"]) == ("0.8", "")
    done = command(course, "run", "--training", RUN)
    assert done.returncode == 0 and "2 points" in command(course, "explain", "bob").stdout


def test_a_renamed_exercise_is_one_line_before_it_is_graded_anew(graded, tmp_path):
    shutil.copytree(graded.folder, tmp_path / "copy")
    course = ClassFolder(tmp_path / "copy", None)
    for name in ("source/toy/exercise.ipynb", "hidden/assignment.py"):
        path = course.folder / name
        path.write_text(
            path.read_text().replace("train_laws", "drill_laws").replace('"train"', '"drill"')
        )
    for words in (["explain", "ann", "--verify"], ["report"], ["publish", "csv"]):
        done = command(course, *words)
        assert done.returncode == 2 and "Traceback" not in done.stderr
        assert "have different exercises (drill_laws, train_laws): " in done.stderr


def test_who_handed_in_no_notebook_who_is_nobody_and_what_is_no_exercise(graded):
    done = command(graded, "explain", "dan")
    assert done.returncode == 0 and "none that could be graded" in done.stdout
    assert "again:" not in done.stdout
    assert command(graded, "explain", "dan", "--verify").returncode == 1
    for words, said in (
        (["nobody"], "nobody is called nobody"),
        (["ann", "basket"], "no such exercise: basket; there are basket_total, train, essay"),
    ):
        done = command(graded, "explain", *words)
        assert (done.returncode, done.stdout) == (2, "") and said in done.stderr


def snapshot(folder):
    return {
        path: (path.lstat().st_mtime_ns, path.read_bytes()) if path.is_file() else None
        for path in folder.rglob("*")
        if "__pycache__" not in path.parts
    }


def table(path):
    with path.open() as file:
        return list(csv.DictReader(file))


def test_a_dry_run_says_what_a_run_then_does_and_writes_nothing(graded):
    """After a law's change, another notebook and a mark by hand; the last in the file, since it spoils the course."""
    folder = graded.folder
    laws = folder / "hidden/test_basket_total.py"
    ours = "sum(get_prices(items)) * (1 - discount))\n"
    laws.write_text(laws.read_text().replace(ours, "sum(get_prices(items)))\n"))
    done = command(graded, "explain", "bob", "--verify")
    assert done.returncode == 1
    assert "note: the laws changed since: 7 (" in done.stdout
    for said in ("points 0.8, now 2.0", f"broken, now holds: {CLAIM}"):
        assert f"not the same: basket_total: {said}\n" in done.stdout
    by_hand(graded, "bob", 1.0)
    graded.hand_in("new", submission())
    before = snapshot(folder)
    changes = folder.parent / "would.csv"
    done = command(graded, "run", "--dry-run", "--changes", changes)
    assert done.returncode == 0, done.stderr
    assert snapshot(folder) == before
    said = done.stdout
    assert "toy: 2 of 4 students would get another mark: 1 up, 1 down\n" in said
    assert "ann: 4.8 → 3.6 points\n  basket_total: 2 → 0.8, laws changed: laws 7 (" in said
    assert "basket_total: broken → holds  " + CLAIM in said
    assert f"basket_total, {CLAIM}: now holds for 1 (bob); now broken by 1 (ann)\n" in said
    real = folder.parent / "did.csv"
    done = graded.grade("--changes", str(real))
    assert done.returncode == 0 and "toy: 2 students have another mark now" in done.stderr
    assert table(real) == table(changes) and len(table(real)) == 6
    assert (
        command(graded, "run", "--dry-run").stdout
        == "toy: 0 of 4 students would get another mark\n"
    )
    assert graded.grade("--changes", str(folder.parent / "none.json")).returncode == 0
    assert json.loads((folder.parent / "none.json").read_text()) == []
    for words in (["--train"], ["--changes", str(folder)]):
        assert command(graded, "run", "--dry-run", *words).returncode == 2


def test_nobody_graded_is_nothing_to_compare(tmp_path):
    course = ClassFolder(tmp_path)
    course.hand_in("ann", json.dumps(notebook()).encode())
    before = snapshot(tmp_path)
    done = command(course, "run", "--dry-run")
    assert done.returncode == 2 and "nobody is graded for toy yet" in done.stderr
    assert snapshot(tmp_path) == before


def test_a_dry_run_has_the_withdrawn_and_those_whom_nobody_can_grade(tmp_path):
    course = ClassFolder(tmp_path)
    course.configure("c.LatePolicy.percent_per_day = 10")
    for student in ("ann", "bob", "cat"):
        course.hand_in(student)
    assert course.grade().returncode == 0
    shutil.rmtree(tmp_path / "submitted/bob")
    course.nbgrader("db", "assignment", "add", "toy", "--duedate", "2020-01-01 12:00:00 UTC")
    course.hand_in("cat", b"{}", "toy/exercise (1).ipynb")
    before = snapshot(tmp_path)
    done = command(course, "run", "--dry-run")
    assert done.returncode == 1 and snapshot(tmp_path) == before
    assert "toy: 3 of 3 students would get another mark: 0 up, 3 down\n" in done.stdout
    assert "toy: not judged for a reason on our side: cat\n" in done.stdout
    done = course.grade()
    assert done.returncode == 1 and "toy: 3 students have another mark now" in done.stderr


def test_a_dry_run_knows_the_free_days_that_a_first_hand_in_uses(tmp_path):
    course = ClassFolder(tmp_path)
    course.configure("c.LatePolicy.percent_per_day = 10", "c.LatePolicy.free_late_days = 2")
    add_second(tmp_path)
    os.utime(course.hand_in("ann"), (1, 1795348800))  # two days late, and free
    assert course.grade("--assignment", "toy").returncode == 0
    command(course, "extend", "ann", "--days", "0.1", "--assignment", "hw2")  # graded nowhere yet
    done = command(course, "run", "--dry-run")
    assert "hw2: 0 of 0 students" in done.stdout and "Warning" not in done.stderr
    command(course, "extend", "ann", "--none", "--assignment", "hw2")
    assert course.grade().returncode == 0
    for name, due in (("toy", "2026-11-20 12:00:00 UTC"), ("hw2", "2026-11-18 12:00:00 UTC")):
        course.nbgrader("db", "assignment", "add", name, "--duedate", due)
    assert course.grade().returncode == 0 and course.marks() == {"ann": 2.0}
    data = json.dumps(homework(COUNTS)).encode()
    os.utime(course.hand_in("ann", data, "hw2/homework.ipynb"), (1, 1795348800 - 86400 * 2))
    before = snapshot(tmp_path)
    done = command(course, "run", "--dry-run")
    assert done.returncode == 0 and snapshot(tmp_path) == before
    assert "Warning" not in done.stderr
    assert "ann: 2 → 1.6 points\n  late penalty: 0 → 0.4, late penalty" in done.stdout
