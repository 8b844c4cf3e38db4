"""Extensions that `grader extend` grants, and how late a hand-in is with them.

nbgrader keeps extensions with submissions, which most students have none of when they ask. Ours stand in the student's
state; the gradebook is told with each submission that it records, and wherever lateness is worked out ours count.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from grader.gradebook.database import check, in_one_line, is_there
from grader.store import WORK, StateFile


@dataclass(frozen=True)
class Extension:
    """So much longer than the due date gives, or until a moment (UTC, without a zone, as nbgrader's); with neither, none."""

    longer: timedelta = timedelta()
    until: datetime | None = None

    def __bool__(self) -> bool:
        return bool(self.longer or self.until)

    def after(self, due: datetime | None) -> timedelta | None:
        """As nbgrader keeps it; None where there is none, and where no due date is there to count from."""
        if self.until is None:
            return self.longer or None
        return max(self.until - due, timedelta()) if due else None

    def keep(self, file: StateFile) -> None:
        until = self.until.replace(tzinfo=UTC).isoformat() if self.until else ""
        file.change(longer=self.longer.total_seconds(), until=until)

    @classmethod
    def kept(cls, file: StateFile) -> "Extension":
        """The one that the student's state has; none where it has none."""
        state = file.read()
        until = datetime.fromisoformat(state.until).replace(tzinfo=None) if state.until else None
        return cls(timedelta(seconds=state.longer), until)


def ours(root: Path, assignment: str) -> dict[str, Extension]:
    """By student, of all who have a state."""
    states = (root / WORK / assignment / "students").glob("*.json")
    return {p.stem: Extension.kept(StateFile(root, assignment, p.stem)) for p in states}


def course_of(part: Any) -> Any:
    """nbgrader's CourseDirectory, as whichever of its applications, converters and preprocessors this is knows it."""
    while not hasattr(part, "coursedir"):
        part = part.parent
    return part.coursedir


def granted(submission: Any, root: Path) -> timedelta | None:
    """What a submission's extension is now: ours, else the one that nbgrader was told by other means."""
    name, student = submission.assignment.name, submission.student.id
    own = Extension.kept(StateFile(root, name, student))
    return own.after(submission.assignment.duedate) if own else submission.extension


def seconds_late(submission: Any, root: Path) -> float:
    """How long after the student's own due date it came in; 0 where either is not known."""
    due, moment = submission.assignment.duedate, submission.timestamp
    if due is None or moment is None:
        return 0.0
    return max(0.0, (moment - due - (granted(submission, root) or timedelta())).total_seconds())


def last_due(book: Any, assignment: str, root: Path) -> datetime | None:
    """When the last student may hand in: the due date with the longest extension of anybody; None without a due date."""
    due = book.find_assignment(assignment).duedate
    if due is None:
        return None
    longer = [extension.after(due) for extension in ours(root, assignment).values()]
    longer += [submission.extension for submission in book.assignment_submissions(assignment)]
    moment: datetime = due + max(filter(None, longer), default=timedelta())
    return moment


def tell(submission: Any, root: Path) -> None:
    """Let nbgrader know ours, for its own commands; whoever has the gradebook open commits."""
    now = granted(submission, root)
    if submission.extension != now:
        submission.extension = now


class Extensions:
    """The extensions of one course's students."""

    def __init__(self, course: Any) -> None:
        """Of a `people.Course`; CourseError where its gradebook cannot be used; one that is not there yet is not made."""
        self.root, self.submitted, self.url = course.root, course.submitted, course.db_url
        self.book = is_there(self.url)
        if self.book:
            check(self.url)

    def due(self, assignment: str) -> datetime | None:
        """The assignment's due date; None while it has none."""
        if not self.book:
            return None
        from nbgrader.api import Gradebook, MissingEntry

        with in_one_line(), Gradebook(self.url) as database:
            try:
                due: datetime | None = database.find_assignment(assignment).duedate
                return due
            except MissingEntry:
                return None

    def students(self) -> set[str]:
        """Those whom anything knows: the gradebook, or a folder in submitted/."""
        found = {path.name for path in self.submitted.glob("*") if path.is_dir()}
        if not self.book:
            return found
        from nbgrader.api import Gradebook

        with in_one_line(), Gradebook(self.url) as database:
            return found | {student.id for student in database.students}

    def grant(self, assignment: str, student: str, extension: Extension) -> None:
        """In place of any earlier one; one that is none takes it back."""
        # the state first: a submission that is recorded meanwhile reads it after it is there
        extension.keep(StateFile(self.root, assignment, student))
        if not self.book:
            return
        from nbgrader.api import Gradebook, MissingEntry

        with in_one_line(), Gradebook(self.url) as database:
            try:
                submission = database.find_submission(assignment, student)
            except MissingEntry:
                return
            submission.extension = extension.after(submission.assignment.duedate)
            database.db.commit()

    def of(self, assignment: str) -> dict[str, Extension]:
        """{student: extension}, those that nbgrader was told by other means included."""
        found = dict(self._nbgraders(assignment)) if self.book else {}
        granted = without_none(ours(self.root, assignment))
        return {s: e for s, e in sorted((found | granted).items()) if e}

    def _nbgraders(self, assignment: str) -> Iterable[tuple[str, Extension]]:
        from nbgrader.api import Gradebook

        with in_one_line(), Gradebook(self.url) as database:
            for submission in database.assignment_submissions(assignment):
                yield submission.student.id, Extension(submission.extension or timedelta())


def without_none(extensions: dict[str, Extension]) -> dict[str, Extension]:
    return {student: extension for student, extension in extensions.items() if extension}
