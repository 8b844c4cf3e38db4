"""What one assignment declares beside its laws, and the plan of marks that follows from its notebook's metadata.

A folder with an assignment.py holds an assignment's laws. A course has one, `tests/hidden/` by default, or several: folders
in that folder, beside or in place of its own assignment.py.
"""

import dataclasses
import importlib
import json
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from grader import reader
from grader.errors import CourseError

SETTINGS = "nbgrader_config.py"  # in a course's folder
LAWS = Path("tests/hidden")  # where its laws are, below it
DECLARATION = "assignment.py"
TRAINING = Path("build/grading/training")  # where training verdicts are kept, below it
AUDIT = 0.02  # of the training marks that a replay gave, the share that is trained as well
HIDDEN_TESTS = "BEGIN HIDDEN TESTS"  # nbgrader's ClearHiddenTests.begin_test_delimeter
ACTIVATED: set[Path] = set()  # folders whose modules this process may have loaded


@dataclass(frozen=True)
class Limits:
    """Bounds of one worker, which serves one exercise of one submission."""

    # one call; real ones take milliseconds, the rest is for busy machines
    call_seconds: float = 5.0
    load_seconds: float = 20.0  # one statement of the notebook (an import may take seconds)
    exercise_seconds: float = 30.0  # waiting for slow calls, all together; what is left is not run
    answer_seconds: float = 30.0  # waiting for the assignment's own functions, all together
    strikes: int = 2  # time-outs or deaths after which an exercise's other laws are not run
    memory_mb: int = 2048
    # the last resort; student code can read it, so it is what a whole training run may take, in laws as well
    cpu_seconds: int = 600
    processes: int = 64
    scratch_mb: int = 64


@dataclass(frozen=True)
class Assignment:
    """One notebook that is handed out, and what its grading needs to know."""

    # the instructor notebook, as it is named in the course's folder: stems, marks and locked cells come from its metadata
    notebook: Path
    version: str = ""  # of its laws, as you count them: verdicts name it beside their hash
    preload: tuple[str, ...] = ()  # modules that the sandbox imports before any student code
    arrays: str = "numpy"  # a NumPy array of a law arrives as "torch" tensor or as "numpy" array
    # by name on PyPI: once one has another version, verdicts are made anew
    packages: tuple[str, ...] = ()
    # "module.function": answered on the trusted side
    provides: dict[str, Callable[..., Any]] = field(default_factory=dict)
    training: tuple[str, ...] = ()  # exercises whose marks come from a training verdict
    # Python's arguments of a command that trains with {notebook}, keeps its files in {out} and writes {mark}; it runs
    # where `grader run` was typed, the root of nbgrader's course
    trainer: tuple[str, ...] = ()
    # the same of a process that tells, notebook after notebook, what training would give where that can be proved without:
    # it reads and writes lines, as gate/replayer.py says, and keeps its own files in {out}
    replayer: tuple[str, ...] = ()
    # the functions that it uses: notebooks that agree in all that these need share one run; none: only equal notebooks do
    training_uses: tuple[str, ...] = ()
    # files and folders that its marks depend on, beside laws and grader: once one changes, they count no longer
    training_files: tuple[Path, ...] = ()
    training_memory_mb: int = 2048  # what one training run needs of a GPU, or of main memory
    training_seconds: int = 3600
    limits: Limits = Limits()
    # folders of the repository that students' zip holds beside the released files
    enclosed: tuple[Path, ...] = ()
    # modules of the reference functions in solutions/, each with the imports that it begins with
    exported: dict[str, str] = field(default_factory=dict)
    folder: Path = Path()  # where the laws are; set by load_assignment

    @property
    def name(self) -> str:
        """The assignment's name, as nbgrader has it: the notebook's folder."""
        return self.notebook.parent.name

    def cells(self) -> list[dict[str, Any]]:
        """The instructor notebook's cells as Jupyter stores them."""
        found: list[dict[str, Any]] = json.loads(self.notebook.read_bytes())["cells"]
        return found


class Kind(StrEnum):
    """Where an exercise's marks come from."""

    LAWS = "laws"
    TRAINING = "training"
    MANUAL = "manual"


@dataclass(frozen=True)
class Exercise:
    """One row of the plan of marks."""

    stem: str
    max_points: float
    kind: Kind
    grade_id: str  # of the cell that carries the marks


def assignment_folders(laws: Path) -> list[Path]:
    """The folders that declare an assignment: `laws` itself, and those in it; CourseError if there is none."""
    inner = sorted(path.parent for path in laws.glob(f"*/{DECLARATION}"))
    folders = [laws, *inner] if (laws / DECLARATION).is_file() else inner
    if not folders:
        raise CourseError(
            f"{laws.resolve()} holds no {DECLARATION}, and no folder in it does, so it is no folder of laws:"
            " name it with --laws"
        )
    return folders


def load_assignments(laws: str | Path, name: str | None = None) -> list[Assignment]:
    """All assignments of a course, or the one of this name; CourseError if there is none, or two with one name.

    One that cannot be loaded stops the whole course, but not those that are asked for by name.
    """
    found, broken = [], []
    for folder in assignment_folders(Path(laws)):
        try:
            found.append(load_assignment(folder))
        except CourseError as error:
            broken.append(error)
    names = [assignment.name for assignment in found]
    if len(set(names)) < len(names):
        raise CourseError(f"two assignments have one name: {', '.join(sorted(names))}")
    if broken and name not in names:
        raise broken[0]
    if name is None:
        return found
    if name not in names:
        raise CourseError(f"no such assignment: {name}; there are {', '.join(names)}")
    return [assignment for assignment in found if assignment.name == name]


def the_assignment(laws: str | Path, name: str | None = None) -> Assignment:
    """The assignment of this name, or the only one; CourseError where nobody can tell which is meant."""
    found = load_assignments(laws, name)
    if len(found) > 1:
        names = ", ".join(assignment.name for assignment in found)
        raise CourseError(f"which assignment? There are {names}: name it with --assignment")
    return found[0]


def load_assignment(folder: str | Path) -> Assignment:
    """What `folder`/assignment.py declares; its modules become importable as `import assignment`, `import oracles`."""
    folder = Path(folder).resolve()
    if not (folder / DECLARATION).is_file():
        raise CourseError(
            f"{folder} holds no {DECLARATION}, so it is no folder of laws: name it with --laws"
        )
    activate(folder)
    try:
        declared = importlib.import_module("assignment").ASSIGNMENT
        notebook = course_folder(folder) / declared.notebook
        assignment: Assignment = dataclasses.replace(declared, folder=folder, notebook=notebook)
        cells = assignment.cells()
    except Exception as error:
        words = f"{folder}/{DECLARATION}: {type(error).__name__}: {error}"
        raise CourseError(words) from error
    refuse_hidden_tests(cells, folder)
    return assignment


def course_folder(laws: Path) -> Path:
    """The nearest folder above that holds nbgrader's settings; the current one if none does."""
    above = (folder for folder in laws.parents if (folder / SETTINGS).is_file())
    return next(above, Path.cwd())


def refuse_hidden_tests(cells: Iterable[dict[str, Any]], folder: Path) -> None:
    """CourseError if the instructor's notebook holds nbgrader's hidden tests: marks come from laws alone."""
    for number, cell in enumerate(cells, start=1):
        if HIDDEN_TESTS in reader.source(cell):
            name = reader.clues(cell).get("grade_id", "")
            stem = name.removesuffix("_laws") or "<stem>"
            raise CourseError(
                f"the cell {name or f'number {number}'} holds {HIDDEN_TESTS!r}, which the grader never "
                f"runs: take that region out and write a law in {folder}/test_{stem}.py"
            )


def activate(folder: Path) -> None:
    """Make `import assignment` and its like mean this folder's modules alone; those of another assignment are forgotten."""
    ACTIVATED.add(folder)
    if sys.path[0] == str(folder):
        return
    own = {path.stem for path in folder.glob("*.py")}
    for name in sys.modules.keys() - {"conftest"}:
        strange = name in own and not lies_in(folder, name)
        if strange or any(lies_in(other, name) for other in ACTIVATED - {folder}):
            del sys.modules[name]
    ours = set(map(str, ACTIVATED))
    sys.path[:] = [str(folder), *(path for path in sys.path if path not in ours)]
    importlib.invalidate_caches()


def lies_in(folder: Path, name: str) -> bool:
    """Whether the loaded module of this name is the file or the package that the folder has for it."""
    file = getattr(sys.modules[name], "__file__", None)
    # a folder without __init__.py is a package, too
    found = [file] if file else getattr(sys.modules[name], "__path__", ())
    place = "/".join([str(folder), *name.split(".")])
    return any(p in (place, f"{place}/__init__.py", f"{place}.py") for p in found)


def exercises(assignment: Assignment) -> list[Exercise]:
    """The plan of marks, in the notebook's order; refuses an assignment whose parts do not fit together."""
    marks = [cell["metadata"].get("nbgrader", {}) for cell in assignment.cells()]
    plan = [_exercise(assignment, mark) for mark in marks if mark.get("grade")]
    stems = [exercise.stem for exercise in plan]
    if len(set(stems)) < len(stems):
        raise CourseError(f"grade cells repeat a stem: {stems}")
    laws = {path.stem.removeprefix("test_") for path in assignment.folder.glob("test_*.py")}
    if unknown := laws - set(stems):
        raise CourseError(f"laws without a grade cell: {sorted(unknown)}")
    return plan


def _exercise(assignment: Assignment, mark: dict[str, Any]) -> Exercise:
    grade_id, points = mark["grade_id"], float(mark["points"])
    if mark.get("solution") or mark.get("task"):
        return Exercise(grade_id, points, Kind.MANUAL, grade_id)
    stem = grade_id.removesuffix("_laws")
    if stem == grade_id:
        raise CourseError(f"grade cell {grade_id!r} must be called <stem>_laws")
    if stem in assignment.training:
        return Exercise(stem, points, Kind.TRAINING, grade_id)
    if not (assignment.folder / f"test_{stem}.py").is_file():
        raise CourseError(
            f"grade cell {grade_id!r} has no laws: {assignment.folder}/test_{stem}.py is missing"
        )
    return Exercise(stem, points, Kind.LAWS, grade_id)
