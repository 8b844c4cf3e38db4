"""For a laws folder's conftest.py: `pytest tests/hidden` judges the solutions, `--submission NOTEBOOK` any notebook."""

from contextlib import ExitStack
from pathlib import Path

import pytest

from grader.assignment import load_assignment
from grader.judging.function import SubmittedFunction
from grader.judging.session import read
from grader.judging.suite import configure_hypothesis
from grader.submission.preflight import repair
from grader.wall.sandbox import Sandbox

__all__ = ["pytest_addoption", "pytest_collect_file", "pytest_configure", "running", "student"]


def pytest_addoption(parser):
    parser.addoption(
        "--submission",
        type=Path,
        help="the notebook to judge (default: the instructor's, with solutions)",
    )


def pytest_configure(config):
    configure_hypothesis()


def pytest_collect_file(file_path, parent):
    load_assignment(
        file_path.parent
    )  # so that a laws file can `import oracles` however pytest imports it


@pytest.fixture(scope="session")
def running():
    """What stays up for the whole run, by laws folder: the course, its sandbox, the submission's cells."""
    with ExitStack() as stack:
        stack.sandboxes = {}
        yield stack


@pytest.fixture(scope="module")
def student(request, running):
    folder = request.path.parent
    if folder not in running.sandboxes:
        assignment = load_assignment(folder)
        cells = repair(
            read(request.config.getoption("--submission") or assignment.notebook), assignment
        ).cells
        sandbox = running.enter_context(Sandbox(list(assignment.preload), assignment.limits))
        running.sandboxes[folder] = (cells, assignment, sandbox)
    student = SubmittedFunction(request.path.stem.removeprefix("test_"), *running.sandboxes[folder])
    yield student
    student.close()
