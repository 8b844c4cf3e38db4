"""How nbgrader grades with the laws: an exporter that reads submissions through preflight, and two preprocessors.

The submitted notebook is never executed. Marks come from the verdict; the student's saved outputs stay, made safe.
"""

import atexit
import functools
import os
import re
import shutil
import stat
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import nbformat
from nbconvert.exporters import NotebookExporter
from nbformat import NotebookNode
from nbgrader.api import Gradebook
from nbgrader.converters import Autograde
from nbgrader.converters.base import NbGraderException
from nbgrader.preprocessors import NbGraderPreprocessor, SaveAutoGrades
from traitlets import Enum, Unicode

from grader.assignment import LAWS, TRAINING, Assignment, load_assignments
from grader.errors import CourseError
from grader.gradebook.pages import mend
from grader.judging.feedback import exercise_text
from grader.judging.session import Grader
from grader.reader import Unreadable
from grader.store import StateFile
from grader.submission.handed_in import HandedIn, read
from grader.submission.preflight import Submission, blank, repair
from grader.submission.timestamps import read_timestamp
from grader.text import program
from grader.verdict import OPEN, ExerciseVerdict, Outcome, Verdict
from grader.wall.isolation import BUBBLEWRAP, ISOLATIONS

MOST_BLANK = 30  # lines
# a gradebook may hold an earlier edition of the course's cells, which nbgrader puts into the notebook
HIDDEN = re.compile(
    r"^[^\n]*BEGIN HIDDEN TESTS.*?END HIDDEN TESTS[^\n]*\n?", re.DOTALL | re.MULTILINE
)


def configure(config: Any, laws: str = str(LAWS)) -> None:
    """The whole wiring, for nbgrader_config.py."""
    from nbgrader.preprocessors import AssignLatePenalties, CheckCellMetadata, OverwriteCells

    # nbgrader calls `alembic` by name, which is in no PATH while the environment is not activated
    os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    mend(config)
    config.GradeSuites.laws = config.SubmissionExporter.laws = laws
    config.ExportApp.plugin_class = "grader.gradebook.export.GradesTable"
    config.Autograde.exporter_class = SubmissionExporter
    config.Autograde.sanitize_preprocessors = [OverwriteCells, CheckCellMetadata]
    config.Autograde.autograde_preprocessors = [
        GradeSuites,
        SaveMarks,
        AssignLatePenalties,
        CheckCellMetadata,
    ]


@dataclass(frozen=True)
class Judged:
    """What `grader run` knows of a submission before nbgrader records it."""

    assignment: Assignment
    handed_in: HandedIn
    verdict: Verdict


class Recording(Autograde):
    """nbgrader's Autograde for one student, told what was handed in and what it is worth."""

    def __init__(self, judged: Judged, **kwargs: Any) -> None:
        self.judged = judged
        super().__init__(**kwargs)


def judged(converter: Autograde) -> Judged | None:
    """What is known already; None under a plain `nbgrader autograde`."""
    return converter.judged if isinstance(converter, Recording) else None


class SubmissionExporter(NotebookExporter):
    """Reads what a student handed in as bytes, repairs it, and keeps every other submitted file out of autograded/."""

    laws = Unicode(str(LAWS), help="the folder of laws").tag(config=True)

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.converter = cast(Any, self.parent)
        self.coursedir = self.converter.coursedir
        self.coursedir.ignore = ["*"]  # autograde copies nothing beside the notebook
        isolation = ISOLATIONS.get(self.config.GradeSuites.get("isolation"), BUBBLEWRAP)
        if missing := isolation.missing():
            self.log.error(
                f"{missing} is not installed, so nothing is graded: see `{program()} -m grader doctor`"
            )
            raise NbGraderException("no sandbox")
        known = judged(self.converter)
        self.assignment = known.assignment if known else self._declared()

    def _declared(self) -> Assignment:
        try:
            folder = Path(self.coursedir.root) / self.laws
            [assignment] = load_assignments(folder, self.coursedir.assignment_id)
        except CourseError as error:
            self.log.error(f"nothing is graded: {error}")
            raise NbGraderException("the course cannot be used") from error
        return assignment

    def from_filename(
        self, filename: str, resources: dict[str, Any] | None = None, **kw: Any
    ) -> Any:
        if not self.converter._sanitizing or resources is None:
            return super().from_filename(filename, resources, **kw)
        names = resources["nbgrader"]
        # begins to record another verdict
        state_file(self.coursedir, names).change(whole="")
        known = judged(self.converter)
        submission = readable(known.handed_in if known else read_plain(filename), self.assignment)
        keep_timestamp(Path(filename).parent, self.converter, names)
        return self.from_notebook_node(nbformat.from_dict(submission.notebook), resources, **kw)


def state_file(coursedir: Any, names: dict[str, str]) -> StateFile:
    """Where it stands what is known of the student that nbgrader is at."""
    return StateFile(Path(coursedir.root), names["assignment"], names["student"])


def readable(handed_in: HandedIn, assignment: Assignment) -> Submission:
    """The repaired submission; if it cannot be read, the course's blank notebook headed by the reason."""
    try:
        submission = repair(handed_in, assignment)
        for cell in submission.notebook["cells"]:
            cell["source"] = without_emptiness(cell["source"])
        return submission
    except Unreadable as reason:
        submission = blank(assignment)
        words = f"**This submission could not be read:** {reason}."
        submission.notebook["cells"].insert(
            0, {"id": "unreadable", "cell_type": "markdown", "metadata": {}, "source": words}
        )
        return submission


def read_plain(filename: str | Path) -> HandedIn:
    """What lies at submitted/<student>/<assignment>/<notebook>, unless a link leads to another place."""
    linked = any(map(os.path.islink, (Path(filename).parent, Path(filename).parents[1])))
    if linked or not stat.S_ISREG(os.lstat(filename).st_mode):
        return HandedIn(why_not="linked")
    return read(filename)


def without_emptiness(text: str) -> str:
    """Of many blank lines in a row only the first: what colours code looks at each again and again."""
    kept, blanks = [], 0
    for line in text.split("\n"):
        blanks = 0 if line.strip() else blanks + 1
        if blanks <= MOST_BLANK:
            kept.append(line)
    return "\n".join(kept)


def keep_timestamp(folder: Path, converter: Autograde, names: dict[str, str]) -> None:
    """nbgrader compares the autograded folder's timestamp with a later hand-in's, and without one keeps an earlier one's."""
    if read_timestamp(folder) is None:
        with Gradebook(names["db_url"]) as gradebook:
            gradebook.find_submission(names["assignment"], names["student"]).timestamp = None
            gradebook.db.commit()
    else:
        kept = Path(converter._format_dest(names["assignment"], names["student"]))
        kept.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(folder / "timestamp.txt", kept / "timestamp.txt")


@functools.cache
def running(laws: Path, name: str, isolation: str, training: Path | None) -> Grader:
    """A grader with its sandbox up, one for all submissions of this process."""
    [assignment] = load_assignments(laws, name)
    grader = Grader(assignment, isolation, training).__enter__()
    atexit.register(grader.__exit__)
    return grader


class GradeSuites(NbGraderPreprocessor):
    """In place of Execute: asks the laws, and writes mark and feedback into the grade cells' outputs."""

    laws = Unicode(str(LAWS), help="the folder of laws").tag(config=True)
    training = Unicode(str(TRAINING), help="the folder of training verdicts").tag(config=True)
    isolation = Enum(
        list(ISOLATIONS), BUBBLEWRAP.name, help="none: student code runs WITHOUT a sandbox"
    ).tag(config=True)

    def preprocess(
        self, nb: NotebookNode, resources: dict[str, Any]
    ) -> tuple[NotebookNode, dict[str, Any]]:
        verdict = resources["verdict"] = self.verdict(resources["nbgrader"])
        notes = verdict["notes"]  # on the first grade cell
        by_cell = {f"{stem}_laws": (stem, e) for stem, e in verdict["exercises"].items()}
        for cell in nb.cells:
            graded = by_cell.get(cell.metadata.get("nbgrader", {}).get("grade_id"))
            if graded and cell.cell_type == "code" and not cell.metadata.nbgrader.solution:
                cell.source = HIDDEN.sub("", cell.source)
                cell.outputs = outputs(*graded, notes)
                notes = []
        return nb, resources

    def verdict(self, names: dict[str, str]) -> Verdict:
        """What `grader run` has found out already, or what the laws say now."""
        converter = self.parent.parent
        if known := judged(converter):
            return known.verdict
        coursedir = converter.coursedir
        root, submitted = Path(coursedir.root), coursedir.submitted_directory
        folder = coursedir.format_path(submitted, names["student"], names["assignment"])
        training = root / self.training if self.training else None
        grader = running(root / self.laws, names["assignment"], self.isolation, training)
        return grader.check(read_plain(Path(folder, names["notebook"] + ".ipynb")))


def outputs(stem: str, exercise: ExerciseVerdict, notes: Sequence[str]) -> list[NotebookNode]:
    """The words as plain text, which every template escapes; then the mark, as nbgrader would read it."""
    text = nbformat.v4.new_output(
        "stream", name="stdout", text=exercise_text(stem, exercise, notes=notes)
    )
    mark = nbformat.v4.new_output(
        "execute_result", data={"text/plain": f"{exercise['points']:g}"}, execution_count=None
    )
    return [text] if exercise["outcome"] in OPEN else [text, mark]


class SaveMarks(SaveAutoGrades):
    """Marks come from the verdict alone; what is still open stays without a mark, and hand marks stay as they are.

    A hand mark that was given for an earlier notebook, or for one that nobody knows any more, waits to be confirmed.
    """

    def preprocess(
        self, nb: NotebookNode, resources: dict[str, Any]
    ) -> tuple[NotebookNode, dict[str, Any]]:
        state = state_file(self.parent.parent.coursedir, resources["nbgrader"])
        self.verdict, known = resources["verdict"], state.read()
        self.unchanged = known.recorded == self.verdict["sha256"]
        self.earlier = dict(known.by_hand) if self.unchanged else {}
        nb, resources = super().preprocess(nb, resources)
        state.change(recorded=self.verdict["sha256"], by_hand=self.earlier)
        return nb, resources

    def _add_score(self, cell: NotebookNode, resources: dict[str, Any]) -> None:
        grade_id = cell.metadata.nbgrader["grade_id"]
        names = (grade_id, self.notebook_id, self.assignment_id, self.student_id)
        grade, stem = self.gradebook.find_grade(*names), grade_id.removesuffix("_laws")
        by_hand = grade.manual_score is not None
        confirmed = self.unchanged and by_hand and not grade.needs_manual_grade
        super()._add_score(cell, resources)
        exercise = self.verdict["exercises"].get(stem)
        if exercise is not None:
            grade.auto_score = None if exercise["outcome"] in OPEN else exercise["points"]
            grade.needs_manual_grade = (grade.auto_score is None or by_hand) and not confirmed
        if by_hand and not self.unchanged:
            self.earlier[stem] = grade.manual_score
        self.gradebook.db.commit()

    def _add_comment(self, cell: NotebookNode, resources: dict[str, Any]) -> None:
        super()._add_comment(cell, resources)
        grade_id = cell.metadata.nbgrader["grade_id"]
        exercise = self.verdict["exercises"].get(grade_id, {})
        if exercise.get("outcome") == Outcome.NEEDS_MANUAL:
            names = (grade_id, self.notebook_id, self.assignment_id, self.student_id)
            self.gradebook.find_comment(*names).auto_comment = None  # nbgrader says: no response
            self.gradebook.db.commit()
