"""The grader's own tests run on a toy course, through the real sandbox: without bubblewrap they fail, never skip."""

import dataclasses
import json
import shutil
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TOY = Path(__file__).parent / "toy"
sys.path.insert(0, str(ROOT))
collect_ignore = ["toy"]  # those laws judge submissions, not the grader

RIGHT = """def basket_total(items, discount=0.0):
    if discount < 0:
        raise ValueError("a discount is not negative")
    return sum(get_prices(items)) * (1 - discount)"""


@pytest.fixture(scope="session", autouse=True)
def bubblewrap():
    assert shutil.which("bwrap"), "the grader's tests need bubblewrap: apt-get install bubblewrap"


@pytest.fixture(scope="session")
def course():
    """The toy course, with little patience."""
    from grader.course import Limits, load_course

    limits = Limits(call_seconds=1.5, load_seconds=1.5, exercise_seconds=10, memory_mb=300, processes=30, scratch_mb=16)
    return dataclasses.replace(load_course(TOY / "hidden"), limits=limits)


@pytest.fixture(scope="session")
def grader(course):
    from grader.session import Grader

    with Grader(course) as grader:
        yield grader


def code(source, **nbgrader):
    clues = {"nbgrader": {"schema_version": 3, "task": False, **nbgrader}} if nbgrader else {}
    return {"cell_type": "code", "execution_count": None, "metadata": clues, "outputs": [], "source": source}


def notebook(solution=RIGHT, before=(), after=()):
    """A submission to the toy course as a dict: `solution` in its cell, other code cells around it."""
    document = json.loads((TOY / "source/toy/exercise.ipynb").read_text())
    imports, cell, laws = document["cells"]
    cell["source"] = solution
    document["cells"] = [imports, *map(code, before), cell, laws, *map(code, after)]
    return document


@pytest.fixture(scope="session")
def submission():
    """The same as the bytes of a file."""
    return lambda *args, **kwargs: json.dumps(notebook(*args, **kwargs)).encode()


@pytest.fixture(scope="session")
def document():
    return notebook


@pytest.fixture(scope="session")
def judge(grader, submission):
    """The verdict on the toy exercise for a solution cell."""
    return lambda *args, **kwargs: grader.check(submission(*args, **kwargs))["exercises"]["basket_total"]


@pytest.fixture
def class_folder(tmp_path, submission):
    """An nbgrader course of its own, with the assignment generated, and a way to hand in."""
    from helpers import ClassFolder

    return ClassFolder(tmp_path, TOY, ROOT, submission)
