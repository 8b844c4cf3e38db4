"""Several assignments in one course: each sees its own folder, its own laws, and nothing of the others."""

import csv
import json
import shutil
import sys

import pytest
from toys import ClassFolder, notebook, template
from two import LAW, add_second, homework

from grader.assignment import load_assignment, load_assignments, the_assignment
from grader.errors import CourseError
from grader.store import State, StateFile, fingerprint


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    """A course of two assignments, in which three have handed in this and that."""
    course = ClassFolder(tmp_path_factory.mktemp("two"))
    add_second(course.folder)
    second = json.dumps(homework()).encode()
    course.hand_in("ann")
    course.hand_in("ann", second, "hw2/homework.ipynb")
    course.hand_in("bob")
    course.hand_in("cat", second, "hw2/homework.ipynb")
    done = course.grade()
    assert done.returncode == 0, done.stderr
    course.said = done.stderr
    return course


def rows(course):
    with (course.folder / "build/grading/status.csv").open() as file:
        return {(r["student"], r["assignment"]): r for r in csv.DictReader(file)}


def scores(course):
    course.nbgrader("export")
    with (course.folder / "grades.csv").open() as file:
        found = {
            (r["student_id"], r["assignment"]): float(r["score"]) for r in csv.DictReader(file)
        }
    return {key: score for key, score in found.items() if score}


def test_each_student_is_graded_for_what_was_handed_in(course):
    found = {key: (row["status"], row["total"]) for key, row in rows(course).items()}
    assert found == {
        ("ann", "toy"): ("graded", "2.0"),
        ("bob", "toy"): ("graded", "2.0"),
        ("cat", "toy"): ("missing", ""),
        ("ann", "hw2"): ("graded", "3.0"),
        ("bob", "hw2"): ("missing", ""),
        ("cat", "hw2"): ("graded", "3.0"),
    }


def test_the_gradebook_has_both(course):
    assert scores(course) == {
        **{("ann", "toy"): 2.0, ("bob", "toy"): 2.0},
        **{("ann", "hw2"): 3.0, ("cat", "hw2"): 3.0},
    }


def test_one_of_them_alone_leaves_the_other_as_it_is(course):
    before = scores(course)
    course.hand_in("bob", json.dumps(homework()).encode(), "hw2/homework.ipynb")
    done = course.grade("--assignment", "hw2")
    assert done.returncode == 0, done.stderr
    assert {assignment for _, assignment in rows(course)} == {"hw2"}
    assert scores(course) == before | {("bob", "hw2"): 3.0}
    shutil.rmtree(course.folder / "submitted/bob/hw2")


def test_stock_nbgrader_grades_either(course):
    course.hand_in(
        "eve",
        json.dumps(homework("def basket_total(items):\n    return 0.5")).encode(),
        "hw2/homework.ipynb",
    )
    course.hand_in("eve")
    for name in ("hw2", "toy"):
        course.nbgrader("autograde", name, "--student", "eve")
        course.nbgrader("generate_feedback", name, "--student", "eve")
        assert list((course.folder / "feedback/eve" / name).glob("*.html"))
    assert scores(course)["eve", "toy"] == 2.0 and ("eve", "hw2") not in scores(course)
    shutil.rmtree(course.folder / "submitted/eve")


def test_a_single_notebook_needs_a_name(course):
    path = course.folder / "submitted/ann/hw2/homework.ipynb"
    check = ("-m", "grader", "check", str(path), "--laws", "hidden")
    done = course.run(sys.executable, *check)
    assert done.returncode == 2 and "toy, hw2: name it with --assignment" in done.stderr
    done = course.run(sys.executable, *check, "--assignment", "hw2")
    assert done.returncode == 0 and "3 of 3 points, all laws hold" in done.stdout
    done = course.run(sys.executable, *check, "--assignment", "hw3")
    assert done.returncode == 2 and "no such assignment: hw3; there are toy, hw2" in done.stderr


def test_plain_pytest_runs_the_laws_of_both(course):
    done = course.run(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "hidden")
    assert done.returncode == 0 and "4 passed" in done.stdout, done.stdout


def test_the_doctor_looks_at_each(course):
    done = course.run(sys.executable, "-m", "grader", "doctor", "--laws", "hidden")
    assert "toy: 1 exercise, 2 points" in done.stdout and "hw2: 1 exercise, 3 points" in done.stdout


def test_a_notebook_without_its_grade_cells_is_found_by_its_others(course):
    document = notebook()
    document["cells"] = [
        c for c in document["cells"] if not c["metadata"].get("nbgrader", {}).get("grade")
    ]
    path = course.hand_in("fay", json.dumps(document).encode(), "mine.ipynb")
    done = course.grade("--assignment", "toy")
    assert done.returncode == 0, done.stderr
    assert rows(course)["fay", "toy"]["total"] == "2.0"
    path.unlink()


def test_training_that_nobody_declares_is_refused_where_there_are_several(course):
    done = course.grade("--train")
    assert done.returncode == 2 and "declares no `trainer`" in done.stderr


def test_weights_of_the_last_are_wrong_before_the_first_is_graded(course):
    law = course.folder / "hidden/hw2/test_basket_total.py"
    law.write_text(LAW.replace("weight=3", "weight=2"))
    table = course.folder / "build/grading/status.csv"
    before = table.read_bytes()
    done = course.grade()
    law.write_text(LAW)
    assert done.returncode == 2 and "weigh 2 points, its grade cell says 3" in done.stderr
    assert table.read_bytes() == before


@pytest.fixture
def two(tmp_path):
    shutil.copytree(template(), tmp_path / "two")
    add_second(tmp_path / "two")
    return tmp_path / "two/hidden"


def test_laws_of_one_are_none_of_the_other_s_matter(two):
    first, second = load_assignments(two)
    before = fingerprint(first, "bwrap"), fingerprint(second, "bwrap")
    (two / "hw2/test_basket_total.py").write_text(LAW + "\n")
    assert fingerprint(first, "bwrap") == before[0] and fingerprint(second, "bwrap") != before[1]
    assert load_assignment(two / "hw2").name == "hw2", "whatever was loaded before"


def test_two_of_one_name_are_refused(two):
    declared = two / "hw2/assignment.py"
    declared.write_text(declared.read_text().replace("source/hw2/homework", "source/toy/exercise"))
    with pytest.raises(CourseError, match="two assignments have one name: toy, toy"):
        the_assignment(two, "toy")


def test_one_that_cannot_be_loaded_stops_all_but_those_asked_for_by_name(two):
    (two / "hw2/assignment.py").write_text("def (")
    assert the_assignment(two, "toy").name == "toy"
    for name in (None, "hw2"):
        with pytest.raises(CourseError, match=r"hw2/assignment.py: SyntaxError"):
            load_assignments(two, name)


def test_a_state_of_another_version_keeps_what_is_known_in_this_one(tmp_path):
    kept = StateFile(tmp_path, "toy", "ann")
    kept.change(recorded="abc", by_hand={"essay": 2.0})
    kept.path.write_text(json.dumps(json.loads(kept.path.read_text()) | {"later": 1}))
    assert kept.read() == State(recorded="abc", by_hand={"essay": 2.0})
    kept.path.write_text('{"recorded": "a')
    with pytest.raises(CourseError, match="is broken, and stays as it is"):
        kept.read()


def test_a_folder_without_any_is_said_to_be_none(tmp_path):
    with pytest.raises(CourseError, match="holds no assignment.py, and no folder in it does"):
        load_assignments(tmp_path)


HELP = {
    "helper.py": "WHO = {!r}",
    "helpers/__init__.py": "",
    "helpers/inner.py": "WHO = {!r}",
    "loose/inner.py": "WHO = {!r}",
}
ASKS = "\nimport helper, helpers.inner\nfrom loose import inner\nWHO = [helper.WHO, helpers.inner.WHO, inner.WHO]\n"


def helped(folder, who):
    for name, text in HELP.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text.format(who))
    declared = folder / "assignment.py"
    declared.write_text(declared.read_text() + ASKS)


def test_modules_and_packages_of_one_name_are_each_assignment_s_own(two):
    helped(two, "toy")
    helped(two / "hw2", "hw2")
    for folder, who in ((two, "toy"), (two / "hw2", "hw2"), (two, "toy")):
        load_assignment(folder)
        told = sys.modules["assignment"].WHO
        assert told == [who] * 3


def test_a_module_of_another_assignment_is_not_to_be_had(two):
    (two / "helper.py").write_text("")
    declared = two / "hw2/assignment.py"
    declared.write_text(declared.read_text() + "\nimport helper\n")
    with pytest.raises(CourseError, match="No module named 'helper'"):
        load_assignments(two)
