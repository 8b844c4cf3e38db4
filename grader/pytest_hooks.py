"""For a laws folder's conftest.py: `pytest tests/hidden` judges the solutions, `--submission NOTEBOOK` any notebook."""

import functools
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from grader.assignment import Assignment, activate, load_assignment
from grader.judging.function import SubmittedFunction
from grader.judging.suite import configure_hypothesis
from grader.submission.handed_in import read
from grader.submission.preflight import repair
from grader.wall.sandbox import Sandbox

Running = tuple[list[dict[str, str]], Assignment, Sandbox]
__all__ = ["pytest_addoption", "pytest_collectstart", "pytest_configure", "running", "student"]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--submission",
        type=Path,
        help="the notebook to judge (default: the instructor's, with solutions)",
    )


def pytest_configure(config: pytest.Config) -> None:
    configure_hypothesis()


def pytest_collectstart(collector: pytest.Collector) -> None:
    # pytest is about to import a laws file: it can `import oracles`, and gets those of its own folder
    if isinstance(collector, pytest.Module):
        activate(collector.path.parent)


@pytest.fixture(scope="session")
def running(request: pytest.FixtureRequest) -> Iterator[Callable[[Path], Running]]:
    """What stays up for the whole run, by laws folder: the submission's cells, the assignment, its sandbox."""
    with ExitStack() as stack:

        @functools.cache
        def started(folder: Path) -> Running:
            assignment = load_assignment(folder)
            given = request.config.getoption("--submission") or assignment.notebook
            sandbox = Sandbox(list(assignment.preload), assignment.limits)
            cells = repair(read(given), assignment).cells
            return cells, assignment, stack.enter_context(sandbox)

        yield started


@pytest.fixture(scope="module")
def student(
    request: pytest.FixtureRequest, running: Callable[[Path], Running]
) -> Iterator[SubmittedFunction]:
    """The function that the laws file is about, behind the wall."""
    stem, folder = request.path.stem.removeprefix("test_"), request.path.parent
    student = SubmittedFunction(stem, *running(folder))
    # laws may import while they run
    activate(folder)
    yield student
    student.close()
