"""nbgrader's hidden tests are never run here: a course that holds some is refused, and a student's own are only text."""

import json
import shutil
import sys

import pytest
from toys import RIGHT, TOY, notebook

from grader.assignment import load_assignment
from grader.errors import CourseError

REGION = "\n### BEGIN HIDDEN TESTS\nassert basket_total(['a']) == 'secret'\n### END HIDDEN TESTS\n"


def with_region(number):
    """The instructor's notebook with hidden tests in one cell, by its place."""
    document = notebook()
    document["cells"][number]["source"] += REGION
    return json.dumps(document)


@pytest.mark.parametrize(
    ("number", "named", "law"),
    [
        (0, "number 1", "<stem>"),
        (1, "basket_total", "basket_total"),
        (2, "basket_total_laws", "basket_total"),
    ],
)
def test_a_course_with_hidden_tests_is_refused_in_a_line_that_says_what_to_do(
    tmp_path, number, named, law
):
    shutil.copytree(TOY, tmp_path / "toy", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "toy/source/toy/exercise.ipynb").write_text(with_region(number))
    with pytest.raises(CourseError, match=f"^the cell {named} holds 'BEGIN HIDDEN TESTS'") as said:
        load_assignment(tmp_path / "toy/hidden")
    assert "\n" not in str(said.value) and str(said.value).endswith(f"hidden/test_{law}.py")


def test_every_command_refuses_it(class_folder):
    student = class_folder.hand_in("ann")
    (class_folder.folder / "source/toy/exercise.ipynb").write_text(with_region(2))
    own = ["-m", "grader"], ["--laws", "hidden"]
    for command in (["check", student], ["run"], ["doctor"]):
        done = class_folder.run(sys.executable, *own[0], *command, *own[1])
        said = done.stdout + done.stderr
        assert done.returncode != 0 and "basket_total_laws holds 'BEGIN HIDDEN" in said, said
        assert "Traceback" not in said
    done = class_folder.run(sys.executable, "-m", "nbgrader", "autograde", "toy")
    assert done.returncode != 0 and "basket_total_laws holds 'BEGIN HIDDEN" in done.stderr
    assert "Traceback" not in done.stderr
    assert not list((class_folder.folder / "autograded").rglob("*.ipynb"))


def test_a_students_own_is_only_text(fix, judge):
    assert judge(RIGHT + REGION.replace("assert", "assert not"))["points"] == 2
    document = notebook(RIGHT + REGION)
    document["cells"][2]["source"] += REGION
    fixed = [cell["source"] for cell in fix(document).notebook["cells"]]
    assert fixed[1] == RIGHT + REGION and "HIDDEN" not in fixed[2]


def test_an_earlier_edition_in_the_gradebook_shows_no_hidden_tests(class_folder):
    now = json.dumps(notebook())
    class_folder.change(json.loads(with_region(2)), "")
    (class_folder.folder / "source/toy/exercise.ipynb").write_text(now)
    class_folder.hand_in("ann")
    class_folder.nbgrader("autograde", "toy")
    class_folder.nbgrader("generate_feedback", "toy")
    for place in ("autograded", "feedback"):
        [path] = (class_folder.folder / place).rglob("exercise.*")
        assert "secret" not in path.read_text()
    assert class_folder.marks() == {"ann": 2}
