"""Runs the laws of a course on one submission with pytest and hypothesis, on the trusted side."""

import contextlib
import math
import os
import tempfile
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import hypothesis.errors
import pytest
from hypothesis import HealthCheck, Phase, given, settings

from grader.assignment import Assignment, Exercise, Kind, activate
from grader.errors import CourseError
from grader.judging.calls import Ended, StudentError
from grader.judging.causes import common_cause
from grader.judging.function import SubmittedFunction
from grader.laws import Law
from grader.text import clean
from grader.verdict import Outcome, adds_up
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
STUDENTS_FAULT = (AssertionError, StudentError, hypothesis.errors.Flaky)
DRAWN = 15  # further examples of a broken law, for an explanation
LONGEST = 2000  # characters of one text in a row
TOLD = ("PYTEST_", "HYPOTHESIS_")  # variables of the environment
Row = dict[str, Any]  # of a law, as grader.verdict takes it
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
            self.rows[stem].append(
                row(item, call.excinfo and call.excinfo.value, self.students[stem])
            )
            self.students[stem].failures.clear()
        report.longrepr = None  # student-controlled text never reaches a terminal as it is
        return report

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self.broken.append(f"{report.nodeid}: {reason(str(report.longrepr))}")

    def pytest_collection_finish(self, session: pytest.Session) -> None:
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


def law_of(item: Any) -> Law | None:
    """What the test declares; None if it is no law."""
    found: Law | None = getattr(item.function, "law", None)
    return found


def row(item: Any, error: BaseException | None, student: Any) -> Row:
    """One line of the verdict: what the law claims, and if it failed, where, with what result and why."""
    law = item.function.law
    line = {"law": law.claim, "test": item.name, "weight": law.weight, "value": law.value}
    line |= {"passed": error is None, "outcome": "", "causes": []}
    line |= dict.fromkeys(("counterexample", "got", "expected", "hint"), "")
    if isinstance(error, Ended):
        where = student.calls[-1].shown if student.calls else ""
        line |= {"outcome": error.outcome, "got": error.words, "counterexample": where}
    elif isinstance(error, STUDENTS_FAULT) and student.failures:
        line |= smallest(student.failures, further_causes(item, student))
    elif error is not None:
        words = f"the law itself is broken: {type(error).__name__}: {error}"[:500]
        line |= {"outcome": Outcome.INFRASTRUCTURE, "got": words}
    # whoever put a text together cleaned what he took from the student; who forgot does no harm
    return {
        key: clean(text, LONGEST) if isinstance(text, str) else text for key, text in line.items()
    }


def further_causes(item: Any, student: Any) -> list[Any]:
    """What would explain a wrong result where other examples of the law fail, too: one alone often fits several mistakes."""
    if student.failures[-1]["causes"] is None or not hasattr(item.function, "hypothesis"):
        return []
    handle = item.function.hypothesis
    # hypothesis stops at the first worked example that fails, before it draws any
    drawn = settings(max_examples=DRAWN, phases=[Phase.generate])(
        given(**handle._given_kwargs)(_quietly(handle.inner_test, student))
    )
    with student.without_consequences() as failures:
        for example in getattr(item.function, "hypothesis_explicit_examples", ()):
            _quietly(handle.inner_test, student)(**example.kwargs)
        with contextlib.suppress(hypothesis.errors.HypothesisException):
            drawn()
        return [f["causes"] for f in failures if f["causes"] is not None]  # of right results, too


def _quietly(test: Callable[..., None], student: Any) -> Callable[..., None]:
    """The law's test on examples that only serve an explanation: it never fails."""

    def example(**arguments: Any) -> None:
        with contextlib.suppress(Ended, Exception):
            test(student=student, **arguments)

    return example


def smallest(failures: Sequence[dict[str, Any]], further: Iterable[Any] = ()) -> Row:
    """The last failing example, which is hypothesis's smallest, and what would explain each of them."""
    last = failures[-1]
    hint = last["words"] if last["words"] != last["got"] else ""
    shown = {field: last[field] for field in ("counterexample", "got", "expected")}
    causes = [f["causes"] for f in failures if f["causes"] is not None]
    return {**shown, "hint": hint, "causes": [*causes, *further]}


def explain(rows: Iterable[Row]) -> None:
    """Put into the hints of an exercise's rows what would explain them.

    A side law sees few rows of a special kind, which fit many mistakes: where the value law is broken, only what
    explains that, too, is named.
    """
    broken = [(row, row.pop("causes")) for row in rows]
    seen_by_value = [fits for row, seen in broken if row["value"] for fits in seen]
    value_holds = any(row["value"] and row["passed"] for row in rows)
    main = None
    if seen_by_value:  # if several causes explain it, the other laws may tell which
        main = common_cause([fits for _, seen in broken for fits in seen])
        main = main or common_cause(seen_by_value)
    for row, seen in broken:
        cause = common_cause(seen) if value_holds else main
        if seen and cause and all(cause in fits for fits in seen if fits.wrong):
            row["hint"] = f"{row['hint']}; {cause}" if row["hint"] else cause


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
    arguments = [*files, *QUIET, f"--rootdir={assignment.folder}", "-c", os.devnull, *options]
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
