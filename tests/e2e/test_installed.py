"""Another course, with the package alone: the wheel, an environment with what it declares, and the commands that its page shows."""

import csv
import json
import os
import re
import shutil
import subprocess
import tempfile
import tomllib
import zipfile
from pathlib import Path

import pytest

import grader
from gate import ROOT
from tests.e2e.installed import build_wheel, install

PAGE = (ROOT / "grader/README.md").read_text()
INSTALL, NEW, GRADE = re.findall(r"```bash\n(.*?)```", PAGE, re.DOTALL)
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
MARKS = {"ann": 0.0, "right": 2.0, "wrong": 0.8}  # ann handed in what she was given


class Environment:
    """The environment as whoever has activated it meets it, and a course in it."""

    def __init__(self, home):
        self.home, self.course = home, home / "work/films"
        self.course.parent.mkdir()
        told = {name: os.environ[name] for name in os.environ if name != "PYTHONPATH"}
        paths = f"{home / 'env/bin'}:{os.environ['PATH']}"
        self.variables = told | {"PATH": paths, "JUPYTER_CONFIG_DIR": str(home / "none")}

    def shell(self, script, folder=None):
        """What the commands say, in the course's folder; each of them must succeed."""
        done = subprocess.run(
            ["bash", "-ec", script],
            cwd=folder or self.course,
            env=self.variables,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
        return done.stdout

    def hand_in(self, student, old="", new=""):
        """The instructor's notebook, changed."""
        text = (self.course / "source/hw1/exercise.ipynb").read_text()
        assert old in text
        path = self.course / f"submitted/{student}/hw1/exercise.ipynb"
        path.parent.mkdir(parents=True)
        path.write_text(text.replace(old, new))

    def marks(self):
        """By student, as nbgrader exported them last."""
        with (self.course / "grades.csv").open() as file:
            return {row["student_id"]: float(row["score"]) for row in csv.DictReader(file)}


@pytest.fixture(scope="module")
def home():
    """A folder that goes when the tests end: it holds hundreds of megabytes."""
    with tempfile.TemporaryDirectory(prefix="installed-") as name:
        yield Path(name)


@pytest.fixture(scope="module")
def wheel(home):
    return build_wheel(home)


@pytest.fixture(scope="module")
def environment(wheel, home):
    install(wheel, PROJECT["dependencies"], home / "env")
    return Environment(home)


@pytest.fixture(scope="module")
def course(environment):
    """The page's course, with two more students."""
    environment.said = environment.shell(NEW, environment.course.parent)
    environment.hand_in("right")
    environment.hand_in("wrong", " / len(scores)")
    environment.shell(GRADE)
    return environment


def test_the_wheel_holds_the_grader_whole_and_nothing_else(wheel):
    with zipfile.ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if ".dist-info/" not in name}
        [metadata] = [name for name in archive.namelist() if name.endswith("/METADATA")]
        said = archive.read(metadata).decode()
    files = {path for path in (ROOT / "grader").rglob("*") if path.is_file()}
    assert held == {str(p.relative_to(ROOT)) for p in files if "__pycache__" not in p.parts}
    assert f"\nVersion: {grader.__version__}\n" in said and PAGE in said
    assert "torch" not in " ".join(PROJECT["dependencies"])


def test_the_page_installs_what_is_tested_here():
    assert INSTALL.splitlines()[1] == "env/bin/pip install ."


def test_nothing_of_the_course_s_own_packages_is_there(environment):
    program = "import importlib.util as u; print(*map(u.find_spec, ('torch', 'gate', 'tools')))"
    assert environment.shell(f'python -c "{program}"', environment.home) == "None None None\n"


def test_a_new_course_is_written_and_the_doctor_finds_nothing_missing(course):
    assert f"grader {grader.__version__}\n" in course.said
    assert "written: films" in course.said and "MISSING" not in course.said
    assert "ok      course       hw1: 1 exercise, 2 points" in course.said
    assert "torch" not in course.said and "GPU" not in course.said
    assert "source/hw1/exercise.ipynb: 2 of 2" in course.said


def test_the_page_shows_what_the_grader_says(course):
    [shown] = re.findall(r"```\n(mean: .*?)```", PAGE, re.DOTALL)
    assert shown in course.shell("grader check submitted/wrong/hw1/exercise.ipynb")
    verdicts = course.shell("grader check submitted/*/hw1/exercise.ipynb --json - --jobs 2")
    totals = [json.loads(line)["total"] for line in verdicts.splitlines()]
    assert totals == [MARKS[student] for student in sorted(MARKS)]


def test_a_run_gives_marks_and_feedback_pages(course):
    assert course.marks() == MARKS
    for student in MARKS:
        page = (course.course / f"feedback/{student}/hw1/exercise.html").read_text()
        assert "the mean of the scores" in page
        assert ("it looks like the sum" in page) == (student == "wrong")
    with (course.course / "build/grading/status.csv").open() as file:
        assert {row["student"]: row["status"] for row in csv.DictReader(file)} == dict.fromkeys(
            MARKS, "graded"
        )


def test_stock_nbgrader_gives_the_same_marks_from_nothing(course):
    for name in ("gradebook.db", "grades.csv", "autograded", "feedback", "build", "release"):
        path = course.course / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    for command in ("generate_assignment hw1", "autograde hw1", "generate_feedback hw1", "export"):
        course.shell(f"nbgrader {command}")
    assert course.marks() == MARKS
    assert (course.course / "feedback/wrong/hw1/exercise.html").is_file()
