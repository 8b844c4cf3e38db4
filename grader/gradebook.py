"""nbgrader's gradebook, filled by nbgrader's own Autograde in this process."""

import logging
import subprocess
import sys
import tempfile
import warnings
from contextlib import suppress
from pathlib import Path

from grader.course import CourseError
from grader.text import clean


def is_open(grade):
    """Whether it has no mark yet, neither automatic nor by hand; its `score` would say 0."""
    return grade.auto_score is None and grade.manual_score is None


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
        self.app.log.handlers, self.app.log.propagate = [self.reports], False
        self.app.coursedir.assignment_id = course.name
        self.submitted = Path(
            self.app.coursedir.root, self.app.coursedir.submitted_directory
        ).resolve()
        self.app.coursedir.submitted_directory = str(staged)
        self.course = course
        self._add_assignment()

    def _add_assignment(self):
        """Let nbgrader enter an assignment that the gradebook does not know; release/ stays as it is."""
        from nbgrader.api import Gradebook, MissingEntry

        with Gradebook(self.app.coursedir.db_url) as database, suppress(MissingEntry):
            database.find_notebook(self.course.notebook.stem, self.course.name)
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

    def students(self):
        from nbgrader.api import Gradebook

        with Gradebook(self.app.coursedir.db_url) as database:
            return [student.id for student in database.students]

    def marks(self):
        """{student: {exercise: score}}, marks by hand before automatic ones; None where there is no mark yet."""
        from nbgrader.api import Gradebook

        with Gradebook(self.app.coursedir.db_url) as database:
            notebooks = database.notebook_submissions(self.course.notebook.stem, self.course.name)
            return {
                notebook.student.id: {
                    grade.name.removesuffix("_laws"): None if is_open(grade) else grade.score
                    for grade in notebook.grades
                }
                for notebook in notebooks
            }

    def has(self, student):
        folder = self.app.coursedir.format_path(
            self.app.coursedir.autograded_directory, student, self.course.name
        )
        return Path(folder, f"{self.course.notebook.stem}.ipynb").exists()

    def record(self, student, verdict):
        """What went wrong, or an empty string."""
        from nbgrader.converters import Autograde

        from grader.nbgrader_parts import GradeSuites

        coursedir = self.app.coursedir
        coursedir.student_id = student
        folder = coursedir.format_path(coursedir.submitted_directory, student, self.course.name)
        self.reports.texts.clear()
        GradeSuites.verdicts = {str(Path(folder, f"{self.course.notebook.stem}.ipynb")): verdict}
        try:
            Autograde(coursedir=coursedir, parent=self.app, force=True).start()
        except Exception as error:  # noqa: BLE001  one student's trouble must not stop the others
            return f"the gradebook could not be written: {self.reports.reason(error)}"
        return ""
