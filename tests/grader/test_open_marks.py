"""Marks that wait: a training run's verdict, and an answer read by hand, beside an exercise with laws."""

import csv
import hashlib
import json
import os
import sys

import pytest
from nbgrader.api import Gradebook
from toys import TOY, code, notebook, training_cell

from grader.assignment import load_assignment
from grader.judging.session import Grader
from grader.submission.preflight import repair
from grader.submission.restore import mark


def essay(text):
    clues = {
        "grade": True,
        "grade_id": "essay",
        "locked": False,
        "points": 3,
        "solution": True,
        "schema_version": 3,
        "task": False,
    }
    return {"cell_type": "markdown", "id": "essay", "metadata": {"nbgrader": clues}, "source": text}


def full(text="my answer"):
    """The toy notebook with a training exercise and a written one."""
    document = notebook()
    document["cells"] += [training_cell(), essay(text)]
    return document


@pytest.fixture
def fuller(class_folder):
    """A class whose course has all three kinds of exercise."""
    class_folder.change(full("*Your answer here.*"), 'training=("train",),')
    class_folder.hand_in("ann", json.dumps(full()).encode())
    return class_folder


def gradebook(folder):
    return Gradebook(f"sqlite:///{folder}/gradebook.db")


def grades(folder):
    with gradebook(folder) as book:
        found = book.find_submission_notebook("exercise", "toy", "ann").grades
        return {g.name: [g.auto_score, g.score, g.needs_manual_grade] for g in found}


def mark_by_hand(folder, points, waits=False, cell="essay"):
    with gradebook(folder) as book:
        grade = book.find_grade(cell, "exercise", "toy", "ann")
        grade.manual_score, grade.needs_manual_grade = points, waits
        book.db.commit()


def test_open_marks_are_none_hand_marks_stay_and_training_marks_arrive(fuller, tmp_path):
    assert fuller.grade().returncode == 0
    assert fuller.status()["ann"]["status"] == "partial"
    assert fuller.status()["ann"]["reasons"] == "train: needs_training; essay: needs_manual"
    before = grades(fuller.folder)
    assert before["basket_total_laws"] == [2.0, 2.0, False]
    assert before["train_laws"][0] is None and before["train_laws"][2]
    assert before["essay"][0] is None and before["essay"][2]

    mark_by_hand(fuller.folder, 2.5)
    verdicts = tmp_path / "training"
    verdicts.mkdir()
    name = hashlib.sha256(json.dumps(full()).encode()).hexdigest()
    (verdicts / f"{name}.json").write_text(
        json.dumps({"share": 1.0, "note": "a gain of 0.3", "laws": []})
    )
    assert fuller.grade("--training", str(verdicts)).returncode == 0
    after = grades(fuller.folder)
    assert after["train_laws"][:2] == [2.0, 2.0] and after["essay"][1] == 2.5
    assert fuller.marks() == {"ann": 6.5}
    assert fuller.status()["ann"]["status"] == "graded", "the notebook is that which was marked"


def test_a_hand_mark_for_an_earlier_notebook_counts_and_waits_to_be_confirmed(fuller):
    assert fuller.grade().returncode == 0
    mark_by_hand(fuller.folder, 2.5)
    fuller.hand_in("ann", json.dumps(full("another answer")).encode())
    for _ in range(2):
        done, row = fuller.grade(), fuller.status()["ann"]
        assert (row["status"], row["total"]) == ("partial", "4.5")
        assert row["reasons"] == "train: needs_training; essay: needs_manual"
        assert "press Resolve in Formgrader" in row["notes"]
        assert (
            "1 wait for a mark by hand: Formgrader" in done.stderr and "jupyter lab" in done.stderr
        )
    assert opened(fuller) == "essay train"
    mark_by_hand(fuller.folder, 3)
    assert fuller.grade().returncode == 0
    assert fuller.status()["ann"]["reasons"] == "train: needs_training"
    assert opened(fuller) == "train"


def test_a_hand_mark_that_a_script_gives_this_very_notebook_needs_no_confirming(fuller):
    assert fuller.grade().returncode == 0
    mark_by_hand(fuller.folder, 2.5, waits=True)  # scripts seldom clear nbgrader's flag
    assert fuller.grade().returncode == 0
    row = fuller.status()["ann"]
    assert (row["total"], row["reasons"]) == ("4.5", "train: needs_training")


def test_a_hand_mark_lifts_a_fault_of_ours_once_it_is_confirmed(fuller, tmp_path):
    marks, data = tmp_path / "training", json.dumps(full()).encode()
    marks.mkdir()
    digest = hashlib.sha256(data).hexdigest()
    (marks / f"{digest}.json").write_text("no mark")
    row = graded_with(fuller, marks, 1)
    assert (row["total"], row["reasons"]) == ("", "train: infrastructure")
    mark_by_hand(fuller.folder, 1, cell="train_laws")
    mark_by_hand(fuller.folder, 3)
    row = graded_with(fuller, marks, 0)
    assert (row["status"], row["total"], row["reasons"]) == ("graded", "6.0", "")
    assert "training mark" not in row["notes"]
    publish = fuller.run(sys.executable, "-m", "grader", "publish", "csv", "--laws", "hidden")
    assert publish.returncode == 0, publish.stderr
    assert fuller.marks() == {"ann": 6.0}
    # another notebook: nobody knows yet whether the mark is for it
    data = json.dumps(full("another answer")).encode()
    (marks / f"{hashlib.sha256(data).hexdigest()}.json").write_text("no mark")
    fuller.hand_in("ann", data)
    row = graded_with(fuller, marks, 1)
    assert (row["total"], row["reasons"]) == ("", "train: infrastructure")
    assert "press Resolve" in row["notes"]


def graded_with(folder, marks, code):
    """The row of ann after a run with these training marks."""
    done = folder.grade("--training", str(marks))
    assert done.returncode == code, done.stderr
    return folder.status()["ann"]


def test_marks_by_hand_stand_whichever_command_grades_the_same_notebook_again(fuller):
    """Stock nbgrader first, as Formgrader's own button does it, and then ours, and the other way round."""
    stock(fuller)
    mark_by_hand(fuller.folder, 2.5)
    for again in (fuller.grade, lambda: stock(fuller), fuller.grade):
        again()
        assert grades(fuller.folder)["essay"] == [None, 2.5, False]
        assert opened(fuller) == "train"
    fuller.hand_in("ann", json.dumps(full("another answer")).encode())
    stock(fuller)
    assert grades(fuller.folder)["essay"] == [None, 2.5, True] and opened(fuller) == "essay train"
    assert fuller.grade().returncode == 0
    assert fuller.status()["ann"]["reasons"] == "train: needs_training; essay: needs_manual"


def stock(fuller):
    fuller.nbgrader("autograde", "toy", "--student", "ann", "--force")


BOX = {"cell_type": "markdown", "id": "box", "metadata": {}, "source": "> Answer below."}
ANSWER = {"cell_type": "markdown", "metadata": {}, "source": "My answer, in a cell of its own."}
NOT_ANSWERED = {
    "as it was": [],
    "code of one's own": [code("x = 1")],
    "the instructor's prose again": [BOX],
}
ELSEWHERE = {
    "in another cell": [ANSWER],
    "in a comment": [code("# My answer.\n# It is long.")],
    "in the box": [BOX | {"source": "> Answer below.\n\nHere."}],
}


@pytest.mark.parametrize("cells", NOT_ANSWERED | ELSEWHERE)
def test_an_answer_that_is_not_there_is_0_and_one_that_stands_elsewhere_is_read_by_hand(
    fuller, cells
):
    source = full("*Your answer here.*\n\n### BEGIN SOLUTION\nForty-two.\n### END SOLUTION")
    source["cells"].insert(-1, BOX)
    fuller.change(source, "packages=(),")
    given = full("*Your answer here.*\n\nYOUR ANSWER HERE")
    given["cells"] += (NOT_ANSWERED | ELSEWHERE)[cells]
    fuller.hand_in("ann", json.dumps(given).encode())
    assert fuller.grade().returncode == 0
    open_ = cells in ELSEWHERE
    assert (
        f"essay: {'needs_manual' if open_ else 'not_implemented'}"
        in fuller.status()["ann"]["reasons"]
    )
    assert grades(fuller.folder)["essay"] == ([None, 0.0, True] if open_ else [0.0, 0.0, False])
    assert ("essay" in opened(fuller)) == open_
    done = fuller.nbgrader("generate_feedback", "toy", "--force")
    assert "not recognized" not in done.stderr
    page = (fuller.folder / "feedback/ann/toy/exercise.html").read_text()
    assert ("No response" in page) != open_


def test_a_hand_mark_counts_beside_a_notebook_that_cannot_be_read(fuller):
    assert fuller.grade().returncode == 0
    mark_by_hand(fuller.folder, 2.5)
    fuller.hand_in("ann", b"{")
    assert fuller.grade().returncode == 0
    row = fuller.status()["ann"]
    assert (row["status"], row["total"]) == ("unreadable", "2.5") and "Resolve" in row["notes"]
    assert fuller.marks() == {"ann": 2.5}


def test_a_hand_mark_for_an_archive_waits_once_something_else_is_handed_in_without_a_notebook(
    fuller,
):
    (fuller.folder / "submitted/ann/toy/exercise.ipynb").rename(fuller.folder / "kept.ipynb")
    packed = fuller.hand_in("ann", b"", "work.zip")
    fuller.grade()
    mark_by_hand(fuller.folder, 2.0)
    assert fuller.grade().returncode == 0
    assert not grades(fuller.folder)["essay"][-1], "it is for this very hand-in"
    packed.unlink()
    for name in ("one.ipynb", "two.ipynb"):
        fuller.hand_in("ann", name=name)
    assert fuller.grade().returncode == 0
    assert grades(fuller.folder)["essay"][-1]


def test_a_late_notebook_is_said_to_be(fuller):
    due = ("assignment", "add", "toy", "--duedate", "2026-11-01 12:00:00 UTC")
    fuller.nbgrader("db", *due)
    for student, moment in {
        "ann": 1_793_707_200,
        "bob": 1_793_000_000,
    }.items():  # 3 November, October
        os.utime(fuller.hand_in(student, json.dumps(full()).encode()), (0, moment))
    assert fuller.grade().returncode == 0
    rows = fuller.status()
    assert "late by 2 d 0 h" in rows["ann"]["notes"] and "late" not in rows["bob"]["notes"]


def opened(fuller):
    fuller.nbgrader("export")
    with (fuller.folder / "grades.csv").open() as file:
        return next(csv.DictReader(file))["open"]


def test_the_verdict_says_what_is_open_and_sums_the_rest(fuller):
    with Grader(load_assignment(fuller.folder / "hidden")) as grader:
        verdict = grader.check(json.dumps(full()).encode())
        unreadable = grader.check(b"{")
    assert (verdict["total"], verdict["max_total"], verdict["complete"]) == (2.0, 7.0, False)
    assert [e["outcome"] for e in verdict["exercises"].values()] == [
        "pass",
        "needs_training",
        "needs_manual",
    ]
    assert unreadable["complete"] and unreadable["total"] == 0
    load_assignment(TOY / "hidden")


@pytest.mark.parametrize("answer", ["my answer", "", "> Answer below."])
def test_an_answer_without_metadata_is_found_below_its_box(fuller, answer):
    document = full("*Your answer here.*")
    document["cells"].insert(-1, BOX)
    end = {"cell_type": "markdown", "id": "end", "metadata": {}, "source": "Before you submit"}
    document["cells"].append(end)
    (fuller.folder / "source/toy/exercise.ipynb").write_text(json.dumps(document))
    document["cells"][-2] = essay(answer) | {"metadata": {}}
    for cell in document["cells"]:
        cell["metadata"] = {}
    fixed = repair(json.dumps(document).encode(), load_assignment(fuller.folder / "hidden"))
    found = [c["source"] for c in fixed.notebook["cells"] if mark(c).get("grade_id") == "essay"]
    assert found == ([answer] if answer == "my answer" else [""])
    load_assignment(TOY / "hidden")


def test_a_function_left_as_it_was_handed_out_waits_for_no_training(fuller, tmp_path):
    kept, begin, end = "raise NotImplementedError()", "### BEGIN SOLUTION", "### END SOLUTION"
    cell = {"solution": True, "grade": False, "locked": False, "grade_id": "train"}
    given = {
        "source": f"def train():\n    {begin}\n    return 1\n    {end}\n    {kept}",
        "stub": f"def train():\n    # YOUR CODE HERE\n    {kept}",
        "work": f"def train():\n    return 2\n    {kept}",
    }
    for name, text in given.items():
        document = full()
        document["cells"].insert(-2, code(text, **cell) | {"id": "train_cell"})
        given[name] = json.dumps(document).encode()
    (fuller.folder / "source/toy/exercise.ipynb").write_bytes(given["source"])
    with Grader(load_assignment(fuller.folder / "hidden"), training=tmp_path) as grader:
        outcomes = [grader.check(given[name])["exercises"]["train"]["outcome"] for name in given]
        assert outcomes == ["needs_training", "not_implemented", "needs_training"]
        mark = tmp_path / f"{hashlib.sha256(given['stub']).hexdigest()}.json"
        mark.write_text('{"share": 0.5}')
        assert grader.check(given["stub"])["exercises"]["train"]["points"] == 1.0


def test_what_is_no_training_mark_is_refused(fuller, tmp_path):
    data = json.dumps(full()).encode()
    mark = tmp_path / f"{hashlib.sha256(data).hexdigest()}.json"
    with Grader(load_assignment(fuller.folder / "hidden"), training=tmp_path) as grader:
        for text in ('{"share": 99}', '{"share": NaN}', '{"note": "good"}', "[1]", '{"share": 1', '{"share": true}',
                     '{"share": 1, "note": null}', '{"share": 1, "laws": "all"}', '{"share": 1, "laws": [{"law": "x"}]}'):  # fmt: skip
            mark.write_text(text)
            train = grader.check(data)["exercises"]["train"]
            assert train["outcome"] == "infrastructure" and mark.name in train["note"]
            assert str(tmp_path) not in train["note"], "a student reads it"
    mark.write_text('{"share": 2}')
    assert fuller.grade("--training", str(tmp_path)).returncode == 1
    assert mark.name in fuller.status()["ann"]["notes"]
