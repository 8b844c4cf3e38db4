"""How nbgrader grades with the laws: two preprocessors, and the whole wiring.

The submitted notebook is never executed. Marks come from the verdict; the student's saved outputs stay, made safe.
"""

import atexit
import functools
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode
from nbgrader.preprocessors import NbGraderPreprocessor, SaveAutoGrades
from traitlets import Enum, Unicode

from grader.assignment import LAWS, TRAINING, load_assignments
from grader.gradebook.exporter import SubmissionExporter, judged, read_plain, state_file
from grader.gradebook.formgrader import show_totals
from grader.gradebook.pages import mend
from grader.gradebook.policy import LatePolicy
from grader.gradebook.sessions import after
from grader.judging.feedback import exercise_text
from grader.judging.session import Grader
from grader.submission.handed_in import HandedIn
from grader.verdict import OPEN, ExerciseVerdict, Outcome, Verdict
from grader.wall.choice import AUTO, CHOICES

# a gradebook may hold an earlier edition of the course's cells, which nbgrader puts into the notebook
HIDDEN = re.compile(
    r"^[^\n]*BEGIN HIDDEN TESTS.*?END HIDDEN TESTS[^\n]*\n?", re.DOTALL | re.MULTILINE
)


def find_alembic() -> None:
    """nbgrader calls it by name, which is in no PATH while the environment is not activated."""
    own, path = str(Path(sys.executable).parent), os.environ.get("PATH", "")
    if path.split(os.pathsep)[0] != own:
        os.environ["PATH"] = os.pathsep.join([own, path])


def configure(config: Any, laws: str = str(LAWS)) -> None:
    """The whole wiring, for nbgrader_config.py."""
    from nbgrader.preprocessors import AssignLatePenalties, CheckCellMetadata, OverwriteCells

    find_alembic()
    mend(config)
    show_totals()
    config.GradeSuites.laws = config.SubmissionExporter.laws = laws
    if "plugin_class" not in config.AssignLatePenalties:
        config.AssignLatePenalties.plugin_class = LatePolicy
    config.ExportApp.plugin_class = "grader.gradebook.export.GradesTable"
    config.Autograde.exporter_class = SubmissionExporter
    config.Autograde.sanitize_preprocessors = [OverwriteCells, CheckCellMetadata]
    config.Autograde.autograde_preprocessors = [
        GradeSuites,
        SaveMarks,
        AssignLatePenalties,
        CheckCellMetadata,
    ]


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
    isolation = Enum(CHOICES, AUTO, help="the wall; none: student code runs WITHOUT a sandbox").tag(
        config=True
    )

    def preprocess(
        self, nb: NotebookNode, resources: dict[str, Any]
    ) -> tuple[NotebookNode, dict[str, Any]]:
        handed_in, verdict = self.asked(resources["nbgrader"])
        resources |= {"handed_in": handed_in.known_as, "verdict": verdict}
        notes = verdict["notes"]  # on the first grade cell
        by_cell = {f"{stem}_laws": (stem, e) for stem, e in verdict["exercises"].items()}
        for cell in nb.cells:
            graded = by_cell.get(cell.metadata.get("nbgrader", {}).get("grade_id"))
            if graded and cell.cell_type == "code" and not cell.metadata.nbgrader.solution:
                cell.source = HIDDEN.sub("", cell.source)
                cell.outputs = outputs(*graded, notes)
                notes = []
        return nb, resources

    def asked(self, names: dict[str, str]) -> tuple[HandedIn, Verdict]:
        """What was handed in, and what `grader run` has found out already, or what the laws say now."""
        converter = self.parent.parent
        if known := judged(converter):
            return known.handed_in, known.verdict
        coursedir = converter.coursedir
        root, submitted = Path(coursedir.root), coursedir.submitted_directory
        folder = coursedir.format_path(submitted, names["student"], names["assignment"])
        training = root / self.training if self.training else None
        grader = running(root / self.laws, names["assignment"], self.isolation, training)
        handed_in = read_plain(Path(folder, names["notebook"] + ".ipynb"))
        return handed_in, grader.check(handed_in)


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
        self.unchanged = known.recorded == resources["handed_in"]
        self.earlier = dict(known.by_hand) if self.unchanged else {}
        nb, resources = super().preprocess(nb, resources)
        recorded = {"recorded": resources["handed_in"], "by_hand": self.earlier}
        after(lambda: state.change(**recorded))
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
