"""Reads the results of everybody: from the gradebook, the grader's own state beside it, and what lies in submitted/."""

import contextlib
import dataclasses
import logging
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from grader.assignment import Assignment, Exercise, exercises
from grader.classroom.status import row, words
from grader.errors import CourseError
from grader.gradebook.database import cell_ids, check, check_exercises, in_one_line, is_there, named
from grader.gradebook.marks import Marks, is_open, is_unconfirmed, marks_of, stem_of
from grader.lms.collect.strays import find_strays
from grader.lms.handins import Key
from grader.lms.people import Person, Roster
from grader.lms.publish.results import Result, Table
from grader.store import WORK, State, StateFile, alone
from grader.submission.choosing import Found
from grader.submission.collect import find_submissions, unusable
from grader.submission.handed_in import read
from grader.text import program
from grader.verdict import OPEN, Status, Verdict

if TYPE_CHECKING:
    from grader.gradebook.late import Penalties

WITHDRAWN = "the notebook lies in submitted/ no more; its marks stay in the gradebook"
UNGRADED = "handed in and not graded yet"
NEWER = "a newer notebook is not graded yet"


def read_table(assignment: Assignment) -> Table:
    """What is known now, of every student in the gradebook, in submitted/ and on the roster; nothing is graded or written."""
    from grader.gradebook.settings import application, other_assignments

    # before anything else of nbgrader's: it leaves out what takes long to load
    app = application(assignment)
    from nbgrader.api import Gradebook

    from grader.gradebook.late import Penalties

    app.log.setLevel(logging.ERROR)
    root, plan = Path(app.coursedir.root), tuple(exercises(assignment))
    _check(app.coursedir.db_url, assignment)
    roster = {person.student: person for person in Roster.kept(root)}
    work = root / WORK / assignment.name
    with (
        # where nothing ever ran there is no lock, and reading makes none
        alone(work) if (work / "lock").exists() else contextlib.nullcontext(),
        in_one_line(),
        Gradebook(app.coursedir.db_url) as database,
    ):
        folder = Path(root, app.coursedir.submitted_directory).resolve()
        found = _found(folder, assignment, other_assignments(app, database), roster)
        reader = _Reader(assignment.name, plan, root, found, roster, Penalties(app))
        records = database.notebook_submissions(assignment.notebook.stem, assignment.name)
        results = {record.student.id: reader.result(record) for record in records}
        known = {student.id: student for student in database.students}
        for name in {*found, *known, *roster} - results.keys():
            results[name] = reader.without_record(name, known.get(name))
    folders = (app.coursedir.feedback_directory, app.coursedir.release_directory)
    pages, release = (Path(root, folder) for folder in folders)
    return Table(assignment, plan, dict(sorted(results.items())), root, pages, release)


def _check(url: str, assignment: Assignment) -> None:
    """CourseError unless there is a gradebook that can be read, with the assignment's exercises and marks."""
    if not is_there(url):
        raise CourseError(
            f"there is no gradebook ({named(url)}): nobody is graded yet; `{program()} -m grader run` does it"
        )
    check(url, writing=False)
    check_exercises(url, assignment)


def _found(
    submitted: Path, assignment: Assignment, others: set[str], people: Collection[str]
) -> dict[str, Found]:
    """What `grader run` would find there."""
    names = (assignment.name, assignment.notebook.stem)
    try:
        strays = {s.name for s in find_strays(submitted, {*others, assignment.name}, people)}
        found = find_submissions(submitted, *names, others, cell_ids(assignment), strays)
    except OSError as error:
        raise CourseError(f"{error.filename}: {error.strerror}; mend it, run again") from error
    return {entry.student: entry for entry in found}


@dataclass(frozen=True)
class _Reader:
    """Makes a student's result of the gradebook's record, the state beside it, and what lies in submitted/."""

    name: str
    plan: tuple[Exercise, ...]
    root: Path
    found: dict[str, Found]
    roster: dict[str, Person]
    penalties: "Penalties"

    def result(self, record: Any) -> Result:
        """Of a student whom the gradebook has marks of."""
        student = record.student.id
        state = StateFile(self.root, self.name, student).read()
        verdict, marks = verdict_of(state), self._marks(record)
        shown = row(student, verdict["status"] if verdict else Status.GRADED, verdict, (), marks)
        by_hand = {stem_of(g): g.auto_score for g in record.grades if _by_hand(g)}
        waiting = {stem_of(g) for g in record.grades if is_open(g) or is_unconfirmed(g)}
        if waiting and not verdict:
            shown["status"] = Status.PARTIAL
        made = dataclasses.replace(
            self._named(student, shown["status"], record.student),
            marks={e.stem: marks.scores.get(e.stem) for e in self.plan},
            penalty=round(marks.penalty, 4),
            total=shown["total"],
            open=tuple(e.stem for e in self.plan if e.stem in waiting),
            outcomes=_outcomes(verdict, waiting),
            by_hand={e.stem: by_hand[e.stem] for e in self.plan if e.stem in by_hand},
            sha256=verdict["sha256"] if verdict else _digest(state.recorded),
            handed_in=_utc(record.assignment.timestamp),
            late=max(0.0, marks.late),
            note=marks.trouble,
            verdict=verdict,
        )
        return self._as_it_lies_there(made, state)

    def without_record(self, student: str, known: Any) -> Result:
        """Of a student whom the gradebook has no marks of; `known`: its entry of the student, if there is one."""
        entry = self.found.get(student)
        made = self._named(student, Status.MISSING, known)
        if entry and (why := unusable(student) or entry.trouble):
            return dataclasses.replace(made, status=Status.INFRASTRUCTURE, note=why)
        if entry and entry.anything:
            stems = tuple(exercise.stem for exercise in self.plan)
            made = dataclasses.replace(made, status=Status.PARTIAL, open=stems, note=UNGRADED)
        return made

    def _as_it_lies_there(self, made: Result, state: State) -> Result:
        """The same, unless submitted/ holds another notebook now, or none."""
        entry = self.found.get(made.student)
        if entry and (why := unusable(made.student) or entry.trouble):
            return dataclasses.replace(made, status=Status.INFRASTRUCTURE, total=None, note=why)
        if not entry or not entry.anything:
            return dataclasses.replace(made, status=Status.MISSING, total=None, note=WITHDRAWN)
        work = read(entry.notebook, entry.inside) if entry.notebook else None
        now = work.known_as if work else entry.why_not
        if state.recorded is not None and now != state.recorded:
            return dataclasses.replace(made, note=NEWER)
        return made

    def _marks(self, record: Any) -> Marks:
        """With the late penalty as it is now."""
        try:
            marks = marks_of(record, self.penalties)
            return dataclasses.replace(marks, penalty=self.penalties(record) or 0.0)
        except CourseError as error:  # one student's trouble must not stop the others
            return marks_of(record, self.penalties, str(error))

    def _named(self, student: str, status: Status, known: Any) -> Result:
        """Names as the gradebook has them, else as the roster does."""
        person = self.roster.get(student) or Person(student, {})
        return Result(
            student,
            status,
            getattr(known, "first_name", "") or person.first_name,
            getattr(known, "last_name", "") or person.last_name,
            getattr(known, "email", "") or person.keys.get(Key.EMAIL, ""),
        )


def verdict_of(state: State) -> Verdict | None:
    """The verdict that the gradebook's marks are of: none where stock nbgrader has graded a later notebook, or a run was stopped
    before it recorded the one that is kept."""
    verdict = state.verdict
    if state.whole and not state.kept_is_recorded:
        return None
    known_as = state.why_not or (verdict["sha256"] if verdict else "")
    return verdict if state.recorded in (None, known_as) else None


def _outcomes(verdict: Verdict | None, waiting: set[str]) -> dict[str, str]:
    """In words; an exercise that waited for a mark waits no more once a person has given it."""
    found = verdict["exercises"] if verdict else {}
    done = {s: e for s, e in found.items() if e["outcome"] not in OPEN or s in waiting}
    return {stem: words(exercise) for stem, exercise in done.items()}


def _by_hand(grade: Any) -> bool:
    return grade.manual_score is not None or bool(grade.extra_credit)


def _digest(recorded: str | None) -> str:
    """What a hand-in is known by is its digest, or a word that says why there is no notebook."""
    return recorded if recorded and len(recorded) == 64 else ""


def _utc(moment: datetime | None) -> datetime | None:
    """nbgrader's moments are UTC and do not say so."""
    return moment.replace(tzinfo=UTC) if moment else None
