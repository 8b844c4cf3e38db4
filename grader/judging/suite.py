"""Runs the laws of a course on one submission with pytest and hypothesis, on the trusted side."""

import contextlib
import math
import os
import tempfile
from collections.abc import Generator, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import hypothesis.errors
import pytest
from hypothesis import HealthCheck, Phase, settings

from grader.assignment import Assignment, Exercise, Kind, activate
from grader.errors import CourseError
from grader.judging.function import SubmittedFunction
from grader.judging.law import Law
from grader.judging.rows import Row, explain, law_of, row
from grader.text import clean
from grader.verdict import adds_up
from grader.wall.sandbox import Sandbox

UNUSED = (
    "terminal",
    "cacheprovider",
    "faulthandler",
    "logging",
    "warnings",
    "unraisableexception",
    "threadexception",
)
TOLD = ("PYTEST_", "HYPOTHESIS_")  # variables of the environment
QUIET = ["--noconftest", "--disable-plugin-autoload", *(f"-pno:{name}" for name in UNUSED)]


def configure_hypothesis() -> None:
    """Every student meets the same examples: nothing is drawn at random, remembered, or taken from loaded modules."""
    from hypothesis.internal.conjecture import providers

    # hypothesis mixes constants of whatever modules happen to be loaded into its examples
    providers._get_local_constants = lambda: providers._local_constants
    hypothesis.configuration.set_hypothesis_home_dir(
        Path(tempfile.gettempdir(), f"hypothesis-{os.getuid()}")
    )
    settings.register_profile(
        "grader",
        settings.get_profile("default"),  # not the one that hypothesis chooses for a CI system
        derandomize=True,
        database=None,
        deadline=None,
        max_examples=30,
        report_multiple_bugs=False,
        suppress_health_check=[
            check for check in HealthCheck if check is not HealthCheck.filter_too_much
        ],
        phases=[Phase.explicit, Phase.generate, Phase.shrink],
    )
    settings.load_profile("grader")


class LawPlugin:
    """Gives each law its `student` and collects how it went; `students` maps stems to submitted functions."""

    def __init__(self, students: Mapping[str, Any]) -> None:
        self.students = students
        self.rows: dict[str, list[Row]] = {stem: [] for stem in students}
        self.laws: dict[str, list[Law]] = {}
        self.broken: list[str] = []

    @pytest.fixture
    def student(self, request: pytest.FixtureRequest) -> Any:
        return self.students[stem_of(request.node)]

    def pytest_runtest_teardown(self, item: pytest.Item, nextitem: pytest.Item | None) -> None:
        if nextitem is None or stem_of(nextitem) != stem_of(item):
            self.students[stem_of(item)].close()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        report = yield
        if call.when == "call" or call.excinfo is not None:
            stem = stem_of(item)
            student, error = self.students[stem], call.excinfo and call.excinfo.value
            line = row(item, error, student)
            self.rows[stem].append(line)
            student.failures.clear()
            student.excuses.law_ended(error, main=line["value"])
        report.longrepr = None  # student-controlled text never reaches a terminal as it is
        return report

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self.broken.append(f"{report.nodeid}: {reason(str(report.longrepr))}")

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        # the report of a broken law is thrown away: in this style it is the quickest to make
        session.config.option.tbstyle = "native"
        self.laws = {stem: [] for stem in self.students}
        for item in session.items:
            declared = law_of(item)
            if declared is None:
                self.broken.append(f"{item.nodeid} is not declared with @law")
            else:
                self.laws[stem_of(item)].append(declared)


def reason(text: str) -> str:
    """What pytest says of a file that it cannot load, without the way there."""
    lines = [line[1:].strip() for line in text.splitlines() if line.startswith("E ")]
    return clean(" ".join(lines) or text[-500:])


def stem_of(node: pytest.Item) -> str:
    """The exercise of a law."""
    return node.path.stem.removeprefix("test_")


def run(
    assignment: Assignment,
    plan: Sequence[Exercise],
    cells: list[dict[str, str]],
    sandbox: Sandbox,
) -> tuple[dict[str, list[Row]], dict[str, str]]:
    """The rows of every exercise in `plan` that has laws, for the submission's code cells."""
    students = {
        e.stem: SubmittedFunction(e.stem, cells, assignment, sandbox)
        for e in plan
        if e.kind == Kind.LAWS
    }
    plugin = LawPlugin(students)
    run_pytest(assignment, plugin)
    for rows in plugin.rows.values():
        explain(rows)
    return plugin.rows, {stem: student.evidence.trivial() for stem, student in students.items()}


@contextlib.contextmanager
def undirected() -> Iterator[None]:
    """Whoever types the command may have told pytest or hypothesis all sorts of things: nobody's marks depend on it."""
    told = {name: os.environ[name] for name in os.environ if name.startswith(TOLD)}
    for name in told:
        del os.environ[name]
    try:
        yield
    finally:
        os.environ.update(told)


def run_pytest(assignment: Assignment, plugin: LawPlugin, *options: str) -> None:
    """The laws of the plugin's exercises; CourseError if there is something wrong with them."""
    if not plugin.students:
        return
    activate(assignment.folder)
    files = [str(assignment.folder / f"test_{stem}.py") for stem in plugin.students]
    # pytest looks through every folder from confcutdir down, from / if nothing is said
    here = [f"--{name}={assignment.folder}" for name in ("rootdir", "confcutdir")]
    arguments = [*files, *QUIET, *here, "-c", os.devnull, *options]
    with undirected():
        code = pytest.main(arguments, plugins=[plugin])
    # by Ctrl-C, not by a file of ours
    if code == pytest.ExitCode.INTERRUPTED and not plugin.broken:
        raise KeyboardInterrupt
    if plugin.broken or code not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
        raise CourseError("the laws cannot be run: " + "; ".join(plugin.broken or [str(code)]))


def check_weights(assignment: Assignment, plan: Sequence[Exercise]) -> None:
    """Refuse to grade with laws whose weights are not the notebook's marks."""
    plugin = LawPlugin({e.stem: None for e in plan if e.kind == Kind.LAWS})
    run_pytest(assignment, plugin, "--collect-only")
    for exercise in plan:
        laws = plugin.laws.get(exercise.stem)
        if laws is None:
            continue
        weights = [law.weight for law in laws]
        if not adds_up(weights, exercise):
            raise CourseError(
                f"the laws of {exercise.stem} weigh {math.fsum(weights):g} points,"
                f" its grade cell says {exercise.max_points:g}"
            )
        if sum(law.value for law in laws) != 1 or min(weights) <= 0:
            raise CourseError(
                f"{exercise.stem} needs exactly one law with value=True and positive weights"
            )
