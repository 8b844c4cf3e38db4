"""nbgrader's gradebook, filled by nbgrader's own Autograde in this process."""

import logging
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

from grader.assignment import Assignment
from grader.errors import CourseError
from grader.gradebook.changes import Regraded
from grader.gradebook.database import (
    check,
    check_exercises,
    in_one_line,
    named,
    passes,
    take,
    trouble,
)
from grader.gradebook.extensions import tell
from grader.gradebook.history import History
from grader.gradebook.marks import Marks, is_unconfirmed, marks_of, stem_of
from grader.gradebook.settings import application, other_assignments
from grader.store import StateFile
from grader.submission.handed_in import HandedIn
from grader.text import clean
from grader.verdict import OPEN, Verdict

# seconds before another try where the gradebook is locked or away; SQLite itself waits 5 s each time
PAUSES = (1, 5, 15)
Given = TypeVar("Given")


class Reports(logging.Handler):
    """Keeps what nbgrader reports of trouble: its exception only says that it did."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.texts: list[str] = []

    def listen(self, app: Any) -> None:
        """Hear nbgrader's application, in place of the terminal."""
        app.log.setLevel(logging.ERROR)
        # nbgrader's api writes to Tornado's
        for log in (app.log, logging.getLogger("tornado.application")):
            log.handlers, log.propagate = [self], False

    def emit(self, record: logging.LogRecord) -> None:
        self.texts.append(record.getMessage())

    def reason(self, error: Exception) -> str:
        """The last line of the first traceback, else what `error` says."""
        told = [text for text in self.texts if text.startswith("Traceback")]
        last = told[0].strip().rpartition("\n")[2] if told else f"{type(error).__name__}: {error}"
        return clean(last)


class Gradebook:
    """nbgrader's Autograde, run in this process for one student at a time on the staged copies."""

    def __init__(self, assignment: Assignment, staged: Path) -> None:
        from grader.gradebook.late import Penalties

        self.app = application(assignment)
        self.penalties = Penalties(self.app)
        self.reports = Reports()
        self.reports.listen(self.app)
        self.submitted = Path(
            self.app.coursedir.root, self.app.coursedir.submitted_directory
        ).resolve()
        self.app.coursedir.submitted_directory = str(staged)
        self.assignment = assignment
        self.url, self.in_vain = self.app.coursedir.db_url, False
        check(self.url)
        take(self.url)
        self._add_assignment()
        self.entered = self._entered()

    def _add_assignment(self) -> None:
        """Let nbgrader enter an assignment that the gradebook does not know; release/ stays as it is."""
        from nbgrader.api import Gradebook, MissingEntry

        with Gradebook(self.url) as database, suppress(MissingEntry):
            database.find_notebook(self.assignment.notebook.stem, self.assignment.name)
            check_exercises(self.url, self.assignment)
            return
        with tempfile.TemporaryDirectory() as release:
            done = subprocess.run(
                [sys.executable, "-m", "nbgrader", "generate_assignment", self.assignment.name]
                + [f"--CourseDirectory.release_directory={release}", "--log-level=WARN"],
                cwd=self.app.coursedir.root,
                capture_output=True,
                text=True,
            )
        if done.returncode:
            why = done.stderr.strip().rpartition("\n")[2]
            raise CourseError(
                f"the gradebook does not know {self.assignment.name}, and `nbgrader generate_assignment"
                f" {self.assignment.name}`, which enters it, fails: {why}"
            )

    def _entered(self) -> dict[str, tuple[datetime | None, dict[str, float | None]]]:
        """{student: (when the notebook came in, {exercise: automatic mark})}"""
        return self._opened(
            lambda book: {
                notebook.student.id: (
                    notebook.assignment.timestamp,
                    {stem_of(grade): grade.auto_score for grade in notebook.grades},
                )
                for notebook in self._handed_in(book)
            }
        )

    def _handed_in(self, book: Any) -> list[Any]:
        """nbgrader's records of the assignment's notebook."""
        from grader.gradebook.prefetch import handed_in

        return handed_in(book, self.assignment)

    def other_assignments(self) -> set[str]:
        """The names that the course has for its other assignments: in the gradebook, and in source/."""
        return self._opened(lambda book: other_assignments(self.app, book))

    def students(self) -> list[str]:
        return self._opened(lambda book: [student.id for student in book.students])

    def marks(self) -> dict[str, Marks]:
        """{student: Marks}; hand marks newer than their notebook get confirmed, and late penalties worked out, on the way."""
        return self._opened(self._marks)

    def _marks(self, book: Any) -> dict[str, Marks]:
        found = self._handed_in(book)
        for notebook in found:
            self._confirm(notebook)
        if self.penalties.shared:
            self._settle_others(book)
        troubles = {notebook.student.id: self._settle(notebook) for notebook in found}
        # a commit makes the session forget what it knows, and ask again for each
        marks = {n.student.id: marks_of(n, self.penalties, troubles[n.student.id]) for n in found}
        book.db.commit()
        return marks

    def _settle_others(self, database: Any) -> None:
        """What one assignment's hand-ins use of the free late days, others' cannot."""
        for assignment in database.assignments:
            if assignment.name != self.assignment.name:
                for submission in assignment.submissions:
                    for notebook in submission.notebooks:
                        self._settle(notebook)

    def _settle(self, notebook: Any) -> str:
        """Store extension and late penalty as they are now; what stood in the way, or an empty string."""
        tell(notebook.assignment, self.penalties.root)
        try:
            notebook.late_submission_penalty = self.penalties(notebook)
        except CourseError as error:  # one student's trouble must not stop the others
            return str(error)
        return ""

    def _confirm(self, notebook: Any) -> None:
        """A script that gives a hand mark seldom clears nbgrader's flag, which Formgrader does."""
        root = Path(self.app.coursedir.root)
        known = StateFile(root, self.assignment.name, notebook.student.id).read()
        for grade in filter(is_unconfirmed, () if known.recorded is None else notebook.grades):
            if known.by_hand.get(stem_of(grade)) != grade.manual_score:
                grade.needs_manual_grade = False

    def begin(self, history: History) -> list[Regraded]:
        """Log what changed since the last run."""
        return self._opened(history.begin)

    def end(self, history: History, recorded: Mapping[str, Verdict]) -> list[Regraded]:
        """Log what this run changed."""
        return self._opened(lambda book: history.end(book, recorded))

    def has(self, student: str, verdict: Verdict, moment: datetime | None) -> bool:
        """Whether this very gradebook has the verdict's marks, for what came in at this moment."""
        folder = self.app.coursedir.format_path(
            self.app.coursedir.autograded_directory, student, self.assignment.name
        )
        graded = Path(folder, f"{self.assignment.notebook.stem}.ipynb").exists()
        marks = {
            stem: None if e["outcome"] in OPEN else e["points"]
            for stem, e in verdict["exercises"].items()
        }
        return graded and self.entered.get(student) == (moment, marks)

    def record(self, student: str, verdict: Verdict, handed_in: HandedIn) -> str:
        """What went wrong, or an empty string."""
        from grader.gradebook.exporter import Judged, Recording
        from grader.gradebook.sessions import transaction

        coursedir = self.app.coursedir
        coursedir.student_id = student
        judged = Judged(self.assignment, handed_in, verdict)

        def write() -> None:
            with transaction(self.url):
                Recording(judged, coursedir=coursedir, parent=self.app, force=True).start()

        try:
            self._patiently(write)
        except Exception as error:  # one student's trouble must not stop the others
            if isinstance(error, CourseError) and not passes(str(error)):
                raise  # somebody else has begun to grade into this gradebook
            return f"the gradebook could not be written: {self._why(error)}"
        return ""

    def _opened(self, work: Callable[[Any], Given]) -> Given:
        """What `work` makes of nbgrader's own Gradebook; CourseError where that cannot be used."""
        from nbgrader.api import Gradebook

        def once() -> Given:
            with Gradebook(self.url) as book:
                return work(book)

        with in_one_line(named(self.url)):
            return self._patiently(once)

    def _patiently(self, work: Callable[[], Given]) -> Given:
        """What `work` gives; trouble that may pass is waited for, but not again by everybody who comes after it."""
        for pause in (*(() if self.in_vain else PAUSES), None):
            self.reports.texts.clear()
            try:
                take(self.url)
                given = work()
            except Exception as error:
                passing = passes(self._why(error))
                if pause is None or not passing:
                    self.in_vain = passing
                    raise
                time.sleep(pause)
            else:
                self.in_vain = False
                return given
        raise AssertionError("the last try returns or raises")

    def _why(self, error: Exception) -> str:
        """In one line."""
        if isinstance(error, CourseError):
            return str(error)
        said = [
            "\n".join(self.reports.texts),
            f"{type(error).__module__}.{type(error).__name__}: {error}",
        ]
        told = [why for text in said if (why := trouble(text, named(self.url)))]
        return told[0] if told else self.reports.reason(error)
