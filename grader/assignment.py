"""What one course declares beside its laws, and the plan of marks that follows from its notebook's metadata."""

import dataclasses
import importlib
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from grader import reader

TRAINING = Path(
    "build/grading/training"
)  # where training verdicts are kept, below nbgrader's course


HIDDEN_TESTS = "BEGIN HIDDEN TESTS"  # nbgrader's ClearHiddenTests.begin_test_delimeter


class CourseError(Exception):
    """The course is inconsistent: nothing may be graded before it is mended."""


@dataclass(frozen=True)
class Limits:
    """Bounds of one worker, which serves one exercise of one submission."""

    call_seconds: float = (
        5.0  # one call; real ones take milliseconds, the rest is for busy machines
    )
    load_seconds: float = 20.0  # one statement of the notebook (an import may take seconds)
    exercise_seconds: float = 30.0  # waiting for slow calls, all together; what is left is not run
    answer_seconds: float = 30.0  # waiting for the course's own functions, all together
    strikes: int = 2  # time-outs or deaths after which an exercise's other laws are not run
    memory_mb: int = 2048
    # the last resort; student code can read it, so it is what a whole training run may take, in laws as well
    cpu_seconds: int = 600
    processes: int = 64
    scratch_mb: int = 64


@dataclass(frozen=True)
class Assignment:
    notebook: Path  # the instructor notebook: stems, marks and locked cells come from its metadata
    preload: tuple[str, ...] = ()  # modules that the sandbox imports before any student code
    arrays: str = "numpy"  # a NumPy array of a law arrives as "torch" tensor or as "numpy" array
    # by name on PyPI: once one has another version, verdicts are made anew
    packages: tuple[str, ...] = ()
    provides: dict[str, Callable] = field(
        default_factory=dict
    )  # "module.function": answered on the trusted side
    training: tuple[str, ...] = ()  # exercises whose marks come from a training verdict
    # Python's arguments of a command that trains with {notebook}, keeps its files in {out} and writes {mark}
    trainer: tuple[str, ...] = ()
    # the functions that it uses: notebooks that agree in all that these need share one run; none: only equal notebooks do
    training_uses: tuple[str, ...] = ()
    # files and folders that its marks depend on, beside laws and grader: once one changes, they count no longer
    training_files: tuple[Path, ...] = ()
    training_memory_mb: int = 2048  # what one training run needs of a GPU, or of main memory
    training_seconds: int = 3600
    limits: Limits = Limits()
    folder: Path = Path()  # where the laws are; set by load_assignment

    @property
    def name(self):
        """The assignment's name, as nbgrader has it: the notebook's folder."""
        return self.notebook.parent.name


@dataclass(frozen=True)
class Exercise:
    stem: str
    max_points: float
    kind: str  # "laws", "training" or "manual"
    grade_id: str  # of the cell that carries the marks


def load_assignment(folder):
    """The course declared in `folder`/assignment.py; its modules become importable as `import assignment`, `import oracles`."""
    folder = Path(folder).resolve()
    if not (folder / "assignment.py").is_file():
        raise CourseError(
            f"{folder} holds no assignment.py, so it is no folder of laws: name it with --laws"
        )
    activate(folder)
    try:
        assignment = dataclasses.replace(
            importlib.import_module("assignment").ASSIGNMENT, folder=folder
        )
        cells = json.loads(assignment.notebook.read_bytes())["cells"]
    except Exception as error:
        raise CourseError(f"{folder}/assignment.py: {type(error).__name__}: {error}") from error
    refuse_hidden_tests(cells, folder)
    return assignment


def refuse_hidden_tests(cells, folder):
    """CourseError if the instructor's notebook holds nbgrader's hidden tests: marks come from laws alone."""
    for number, cell in enumerate(cells, start=1):
        if HIDDEN_TESTS in reader.source(cell):
            name = reader.clues(cell).get("grade_id", "")
            stem = name.removesuffix("_laws") or "<stem>"
            raise CourseError(
                f"the cell {name or f'number {number}'} holds {HIDDEN_TESTS!r}, which the grader never "
                f"runs: take that region out and write a law in {folder}/test_{stem}.py"
            )


def activate(folder):
    """Make `import assignment` and its like mean this folder's modules; those of another assignment are forgotten."""
    if sys.path[0] == str(folder):
        return
    sys.path[:] = [str(folder), *(path for path in sys.path if path != str(folder))]
    names = {path.stem for path in folder.glob("*.py")} - {"conftest"}
    for name in names & set(sys.modules):
        if Path(sys.modules[name].__file__ or "").parent != folder:
            del sys.modules[name]
    importlib.invalidate_caches()


def exercises(assignment):
    """The plan of marks, in the notebook's order; refuses a course whose parts do not fit together."""
    plan = []
    for cell in json.loads(assignment.notebook.read_text(encoding="utf-8"))["cells"]:
        mark = cell["metadata"].get("nbgrader", {})
        if mark.get("grade"):
            plan.append(_exercise(assignment, mark))
    stems = [exercise.stem for exercise in plan]
    unknown = {
        path.stem.removeprefix("test_") for path in assignment.folder.glob("test_*.py")
    } - set(stems)
    if unknown or len(set(stems)) < len(stems):
        raise CourseError(
            f"laws without a grade cell: {sorted(unknown)}"
            if unknown
            else f"grade cells repeat a stem: {stems}"
        )
    return plan


def _exercise(assignment, mark):
    grade_id, points = mark["grade_id"], float(mark["points"])
    if mark.get("solution") or mark.get("task"):
        return Exercise(grade_id, points, "manual", grade_id)
    stem = grade_id.removesuffix("_laws")
    if stem == grade_id:
        raise CourseError(f"grade cell {grade_id!r} must be called <stem>_laws")
    if stem in assignment.training:
        return Exercise(stem, points, "training", grade_id)
    if not (assignment.folder / f"test_{stem}.py").is_file():
        raise CourseError(
            f"grade cell {grade_id!r} has no laws: {assignment.folder}/test_{stem}.py is missing"
        )
    return Exercise(stem, points, "laws", grade_id)
