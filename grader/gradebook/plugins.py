"""How nbgrader grades with the laws: an exporter that reads submissions through preflight, and two preprocessors.

The submitted notebook is never executed. Marks come from the verdict; the student's saved outputs stay, made safe.
"""

import atexit
import os
import re
import shutil
import stat
import sys
from pathlib import Path

import nbformat
from nbconvert.exporters import NotebookExporter
from nbgrader.api import Gradebook
from nbgrader.converters.base import NbGraderException
from nbgrader.preprocessors import NbGraderPreprocessor, SaveAutoGrades
from traitlets import Enum, Unicode

from grader.assignment import TRAINING, CourseError, load_assignment
from grader.gradebook.pages import mend
from grader.judging.feedback import exercise_text
from grader.judging.session import Grader, read
from grader.reader import Unreadable
from grader.store import done, load, recorded, write
from grader.submission.preflight import repair, source_cells, without_solutions
from grader.submission.timestamps import read_timestamp
from grader.text import program
from grader.verdict import OPEN
from grader.wall.isolation import BUBBLEWRAP, ISOLATIONS

MOST_BLANK = 30  # lines
# a gradebook may hold an earlier edition of the course's cells, which nbgrader puts into the notebook
HIDDEN = re.compile(
    r"^[^\n]*BEGIN HIDDEN TESTS.*?END HIDDEN TESTS[^\n]*\n?", re.DOTALL | re.MULTILINE
)


def configure(config, laws="tests/hidden"):
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


class SubmissionExporter(NotebookExporter):
    """Reads what a student handed in as bytes, repairs it, and keeps every other submitted file out of autograded/."""

    laws = Unicode("tests/hidden", help="the folder of laws").tag(config=True)

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.coursedir = self.parent.coursedir
        self.coursedir.ignore = ["*"]  # autograde copies nothing beside the notebook
        isolation = ISOLATIONS.get(self.config.GradeSuites.get("isolation"), BUBBLEWRAP)
        if missing := isolation.missing():
            self.log.error(
                f"{missing} is not installed, so nothing is graded: see `{program()} -m grader doctor`"
            )
            raise NbGraderException("no sandbox")
        try:
            self.assignment = load_assignment(Path(self.coursedir.root) / self.laws)
        except CourseError as error:
            self.log.error(f"nothing is graded: {error}")
            raise NbGraderException("the course cannot be used") from error

    def from_filename(self, filename, resources=None, **kw):
        if not self.parent._sanitizing:
            return super().from_filename(filename, resources, **kw)
        names = resources["nbgrader"]
        done(Path(self.coursedir.root), names["assignment"], names["student"]).unlink(
            missing_ok=True
        )
        submission = readable(filename, self.assignment)
        keep_timestamp(Path(filename).parent, self.parent, names)
        return self.from_notebook_node(nbformat.from_dict(submission.notebook), resources, **kw)


def readable(filename, assignment):
    """The repaired submission; if it cannot be read, the course's blank notebook headed by the reason."""
    try:
        submission = repair(read_plain(filename), assignment)
        for cell in submission.notebook["cells"]:
            cell["source"] = without_emptiness(cell["source"])
        return submission
    except Unreadable as reason:
        submission = repair(without_solutions(source_cells(assignment)), assignment)
        words = f"**This submission could not be read:** {reason}."
        submission.notebook["cells"].insert(
            0, {"id": "unreadable", "cell_type": "markdown", "metadata": {}, "source": words}
        )
        return submission


def read_plain(filename):
    """The bytes of submitted/<student>/<assignment>/<notebook>, unless a link leads to another place."""
    linked = any(map(os.path.islink, (Path(filename).parent, Path(filename).parents[1])))
    if linked or not stat.S_ISREG(os.lstat(filename).st_mode):
        raise Unreadable("the notebook is a link or no ordinary file: hand in the file itself")
    return read(filename)


def without_emptiness(text):
    """Of many blank lines in a row only the first: what colours code looks at each again and again."""
    lines, kept, blank = text.split("\n"), [], 0
    for line in lines:
        blank = 0 if line.strip() else blank + 1
        if blank <= MOST_BLANK:
            kept.append(line)
    return "\n".join(kept)


def keep_timestamp(folder, converter, names):
    """nbgrader compares the autograded folder's timestamp with a later hand-in's, and without one keeps an earlier one's."""
    if read_timestamp(folder) is None:
        with Gradebook(names["db_url"]) as gradebook:
            gradebook.find_submission(names["assignment"], names["student"]).timestamp = None
            gradebook.db.commit()
    else:
        kept = Path(converter._format_dest(names["assignment"], names["student"]))
        kept.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(folder / "timestamp.txt", kept / "timestamp.txt")


class GradeSuites(NbGraderPreprocessor):
    """In place of Execute: asks the laws, and writes mark and feedback into the grade cells' outputs."""

    laws = Unicode("tests/hidden", help="the folder of laws").tag(config=True)
    training = Unicode(str(TRAINING), help="the folder of training verdicts").tag(config=True)
    isolation = Enum(
        list(ISOLATIONS), BUBBLEWRAP.name, help="none: student code runs WITHOUT a sandbox"
    ).tag(config=True)
    graders = {}  # noqa: RUF012  one sandbox for all submissions of this process
    verdicts = {}  # noqa: RUF012  by file name: what `python -m grader run` has already computed

    def preprocess(self, nb, resources):
        coursedir, names = self.parent.parent.coursedir, resources["nbgrader"]
        folder = coursedir.format_path(
            coursedir.submitted_directory, names["student"], names["assignment"]
        )
        verdict = self.verdict(Path(folder, names["notebook"] + ".ipynb"), Path(coursedir.root))
        resources["verdict"] = verdict
        notes = verdict["notes"]  # on the first grade cell
        by_cell = {f"{stem}_laws": (stem, e) for stem, e in verdict["exercises"].items()}
        for cell in nb.cells:
            graded = by_cell.get(cell.metadata.get("nbgrader", {}).get("grade_id"))
            if graded and cell.cell_type == "code" and not cell.metadata.nbgrader.solution:
                cell.source = HIDDEN.sub("", cell.source)
                cell.outputs = outputs(*graded, notes)
                notes = []
        return nb, resources

    def verdict(self, path, root):
        known = self.verdicts.get(str(path))
        return known or self.grader(root).check(read_checked(path))

    def grader(self, root):
        key = (str(root / self.laws), self.isolation, self.training)
        if key not in self.graders:
            training = root / self.training if self.training else None
            self.graders[key] = Grader(
                load_assignment(root / self.laws), self.isolation, training
            ).__enter__()
            atexit.register(self.graders[key].__exit__)
        return self.graders[key]


def read_checked(path):
    try:
        return read_plain(path)
    except Unreadable:
        return b""  # preflight says why


def outputs(stem, exercise, notes):
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

    def preprocess(self, nb, resources):
        names, root = resources["nbgrader"], Path(self.parent.parent.coursedir.root)
        record = recorded(root, names["assignment"], names["student"])
        self.verdict, earlier = resources["verdict"], load(record)
        self.unchanged = earlier.get("sha256") == self.verdict["sha256"]
        self.earlier = earlier.get("by_hand", {}) if self.unchanged else {}
        nb, resources = super().preprocess(nb, resources)
        write(record, {"sha256": self.verdict["sha256"], "by_hand": self.earlier})
        return nb, resources

    def _add_score(self, cell, resources):
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

    def _add_comment(self, cell, resources):
        super()._add_comment(cell, resources)
        grade_id = cell.metadata.nbgrader["grade_id"]
        if self.verdict["exercises"].get(grade_id, {}).get("outcome") == "needs_manual":
            names = (grade_id, self.notebook_id, self.assignment_id, self.student_id)
            self.gradebook.find_comment(*names).auto_comment = None  # nbgrader says: no response
            self.gradebook.db.commit()
