"""nbgrader's gradebook, filled by nbgrader's own Autograde in this process."""

import logging
import subprocess
import sys
import tempfile
import time
import warnings
from contextlib import suppress
from pathlib import Path

from grader.course import CourseError
from grader.database import LOCKED, check_exercises, check_file, sqlite_file, trouble
from grader.text import clean

PAUSES = (
    1,
    5,
    15,
)  # seconds before another try where the gradebook is locked; SQLite itself waits 5 s each time


def is_open(grade):
    """Whether it has no mark yet, neither automatic nor by hand; its `score` would say 0."""
    return grade.auto_score is None and grade.manual_score is None


def is_unconfirmed(grade):
    """Whether nbgrader still asks for a look at its hand mark: one for an earlier notebook, or one that a script gave."""
    return grade.manual_score is not None and grade.needs_manual_grade


def scores(grades):
    by_stem = {grade.name.removesuffix("_laws"): grade for grade in grades}
    return (
        {stem: None if is_open(grade) else grade.score for stem, grade in by_stem.items()},
        {stem: grade.manual_score for stem, grade in by_stem.items() if is_unconfirmed(grade)},
    )


class Reports(logging.Handler):
    """Keeps what nbgrader reports of trouble: its exception only says that it did."""

    def __init__(self):
        super().__init__(logging.ERROR)
        self.texts = []

    def emit(self, record):
        self.texts.append(record.getMessage())

    def reason(self, error):
        """The last line of the first traceback, else what `error` says."""
        told = [text for text in self.texts if text.startswith("Traceback")]
        last = told[0].strip().rpartition("\n")[2] if told else f"{type(error).__name__}: {error}"
        return clean(last)


class Gradebook:
    """nbgrader's Autograde, run in this process for one student at a time on the staged copies."""

    def __init__(self, course, staged, laws):
        warnings.filterwarnings("ignore", module="nbgrader")
        # a check of web addresses that jsonschema would load: it compiles 38 grammars, a second lost
        sys.modules.setdefault("rfc3987_syntax", None)
        from nbgrader.apps import AutogradeApp

        from grader.nbgrader_parts import configure

        self.app = AutogradeApp()
        self.app.initialize([course.name])
        configure(self.app.config, str(laws))
        self.reports = Reports()
        self.app.log.setLevel(logging.ERROR)
        for log in (
            self.app.log,
            logging.getLogger("tornado.application"),
        ):  # nbgrader's api writes there
            log.handlers, log.propagate = [self.reports], False
        self.app.coursedir.assignment_id = course.name
        self.submitted = Path(
            self.app.coursedir.root, self.app.coursedir.submitted_directory
        ).resolve()
        self.app.coursedir.submitted_directory = str(staged)
        self.course = course
        self.file = sqlite_file(self.app.coursedir.db_url)
        if self.file:
            check_file(self.file)
        self._add_assignment()
        self.entered = self._entered()

    def _add_assignment(self):
        """Let nbgrader enter an assignment that the gradebook does not know; release/ stays as it is."""
        from nbgrader.api import Gradebook, MissingEntry

        with Gradebook(self.app.coursedir.db_url) as database, suppress(MissingEntry):
            database.find_notebook(self.course.notebook.stem, self.course.name)
            if self.file:
                check_exercises(self.file, self.course)
            return
        with tempfile.TemporaryDirectory() as release:
            done = subprocess.run(
                [sys.executable, "-m", "nbgrader", "generate_assignment", self.course.name]
                + [f"--CourseDirectory.release_directory={release}", "--log-level=WARN"],
                cwd=self.app.coursedir.root,
                capture_output=True,
                text=True,
            )
        if done.returncode:
            why = done.stderr.strip().rpartition("\n")[2]
            raise CourseError(
                f"the gradebook does not know {self.course.name}, and `nbgrader generate_assignment"
                f" {self.course.name}`, which enters it, fails: {why}"
            )

    def _entered(self):
        from nbgrader.api import Gradebook

        with Gradebook(self.app.coursedir.db_url) as database:
            found = database.assignment_submissions(self.course.name)
            return {submission.student_id for submission in found}

    def students(self):
        from nbgrader.api import Gradebook

        with Gradebook(self.app.coursedir.db_url) as database:
            return [student.id for student in database.students]

    def marks(self, student=None):
        """{student: ({exercise: score}, {exercise: its unconfirmed hand mark})}; a score is None where there is no mark yet."""
        from nbgrader.api import Gradebook

        with Gradebook(self.app.coursedir.db_url) as database:
            name = self.course.notebook.stem, self.course.name
            notebooks = (
                [database.find_submission_notebook(*name, student)]
                if student
                else database.notebook_submissions(*name)
            )
            return {notebook.student.id: scores(notebook.grades) for notebook in notebooks}

    def has(self, student):
        """Whether he was recorded before, in this very gradebook."""
        folder = self.app.coursedir.format_path(
            self.app.coursedir.autograded_directory, student, self.course.name
        )
        graded = Path(folder, f"{self.course.notebook.stem}.ipynb").exists()
        return graded and student in self.entered

    def record(self, student, verdict, unchanged=False):
        """What went wrong, or an empty string; `unchanged`: the notebook recorded before is this very one."""
        from nbgrader.converters import Autograde

        from grader.nbgrader_parts import GradeSuites, SaveMarks

        coursedir = self.app.coursedir
        coursedir.student_id = student
        folder = coursedir.format_path(coursedir.submitted_directory, student, self.course.name)
        SaveMarks.unchanged = unchanged
        GradeSuites.verdicts = {str(Path(folder, f"{self.course.notebook.stem}.ipynb")): verdict}
        for pause in (*PAUSES, None):
            self.reports.texts.clear()
            try:
                Autograde(coursedir=coursedir, parent=self.app, force=True).start()
                return ""
            except Exception as error:  # noqa: BLE001  one student's trouble must not stop the others
                why = trouble("\n".join(self.reports.texts)) or self.reports.reason(error)
            if pause is None or LOCKED not in why:
                break
            time.sleep(pause)
        return f"the gradebook could not be written: {why}"
