"""`grader run --dry-run`: whose marks a run would change, found out without changing anything.

Notebooks are judged as a run does it, with the student's kept state and timestamps copied into a folder that goes afterwards.
"""

import contextlib
import math
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from tqdm import tqdm

from grader.classroom.batch import Batch
from grader.classroom.verdicts import Judging
from grader.errors import CourseError
from grader.gradebook import people
from grader.gradebook.changes import Before, Regraded, compared
from grader.gradebook.database import cell_ids, is_there
from grader.gradebook.extensions import granted
from grader.gradebook.held import Held, held
from grader.gradebook.late import Penalties
from grader.gradebook.reasons import basis_now, basis_of, beside
from grader.gradebook.settings import application
from grader.store import StateFile
from grader.submission.choosing import Found
from grader.submission.collect import REFUSED, TIMESTAMP, find_submissions, unusable
from grader.submission.timestamps import own_folder, read_bytes, read_timestamp
from grader.text import program
from grader.verdict import OPEN, Status, Verdict

# when each notebook came in, by assignment and student; None where that is not known
Moments = Mapping[tuple[str, str], datetime | None]


@dataclass(frozen=True)
class Foreseen:
    """What a run would record of one student: `moment`: when it came in, None where that is not known."""

    verdict: Verdict
    moment: datetime | None
    known_as: str


@dataclass(frozen=True)
class Trial:
    """What a run would do: `regraded`: whose marks would be others; `students`: of how many; `faults`: whom it could not grade."""

    regraded: list[Regraded]
    students: int
    faults: list[str]


def foresee(batches: Sequence[Batch], judging: Judging) -> dict[str, Trial]:
    """By assignment, of those that one run would grade; CourseError where nobody is graded yet: there is nothing to compare."""
    place = people.course()
    there = is_there(place.db_url)
    for batch in batches:
        if not there or not batch.work.is_dir():
            raise CourseError(
                f"nobody is graded for {batch.assignment.name} yet, so --dry-run has nothing to compare:"
                f" `{program()} -m grader run`"
            )
    with contextlib.ExitStack() as kept:
        found = {}
        for batch in batches:
            kept.enter_context(batch.alone())
            folder = Path(kept.enter_context(tempfile.TemporaryDirectory()))
            found[batch.assignment.name] = judged(batch, place, folder, judging)
        moments = {(n, s): f.moment for n, entries in found.items() for s, f in entries.items()}
        return {
            batch.assignment.name: compare(batch, place, found[batch.assignment.name], moments)
            for batch in batches
        }


def compare(
    batch: Batch, place: people.Course, found: Mapping[str, Foreseen], moments: Moments
) -> Trial:
    """What the run would change of one assignment, for those who have marks."""
    assignment = batch.assignment
    penalties = Penalties(application(assignment))
    faults = [s for s, f in found.items() if f.verdict["status"] == Status.INFRASTRUCTURE]
    made = []
    with people.opened(place, writing=False) as book:
        now = held(book, assignment.name, assignment.notebook.stem)
        for student in sorted(now.keys() & found.keys()):
            known, foreseen = now[student], found[student]
            state = StateFile(batch.root, assignment.name, student).read()
            before = Before(known.marks, frozenset(known.by_hand), basis_now(state, None, known))
            person = Student(book, book.find_student(student), moments)
            try:
                then = would_hold(known, foreseen, person, batch, penalties)
            except CourseError:  # the course's own plugin fails with one student's marks
                faults.append(student)
                continue
            basis = beside(basis_of(foreseen.verdict, foreseen.known_as), then)
            made.append(compared(student, before, then, basis, assignment.training))
    return Trial([entry for entry in made if entry.marks], len(found), faults)


def judged(
    batch: Batch, place: people.Course, folder: Path, judging: Judging
) -> dict[str, Foreseen]:
    """Everybody's verdicts, as a run would make them; `folder`: where it may write."""
    shadow = shadow_of(batch, folder)
    found = [e for e in hand_ins(batch, place) if e.anything and not unusable(e.student)]
    made = {}
    for entry, verdict in judged_aside(batch, place, shadow, found, judging, "judging"):
        moment = read_timestamp(shadow.staged / entry.student / batch.assignment.name)
        known_as = entry.why_not or verdict["sha256"]
        made[entry.student] = Foreseen(verdict, moment, known_as)
    return made


def hand_ins(batch: Batch, place: people.Course) -> list[Found]:
    """What a run would find in submitted/."""
    assignment, submitted = batch.assignment, place.submitted.resolve()
    names = (assignment.name, assignment.notebook.stem)
    others, strangers = people.other_assignments(place, names[0]), batch.strangers(submitted)
    return find_submissions(submitted, *names, others, cell_ids(assignment), strangers)


def judged_aside(
    batch: Batch,
    place: people.Course,
    shadow: Batch,
    found: Sequence[Found],
    judging: Judging,
    doing: str,
) -> Iterator[tuple[Found, Verdict]]:
    """Each with the verdict that a run would make, of what is known of the student, in the shadow; `doing`: that, in a word."""
    for entry in found:
        copy_known(batch, place.submitted.resolve(), shadow, entry)
    with judging(batch.judge) as pool:
        futures = shadow.verdicts([*found], pool)
        for entry in tqdm(found, doing, unit="notebook", disable=None):
            yield entry, futures[entry.student].result()


def shadow_of(batch: Batch, folder: Path) -> Batch:
    """A batch that judges the same and writes into a folder of its own."""
    shadow = Batch(batch.judge, batch.keep_timestamps, folder)
    shadow.submitted = folder / "handed-in"
    return shadow


def copy_known(batch: Batch, submitted: Path, shadow: Batch, entry: Found) -> None:
    """The student's state, and the files that may tell when the notebook came in."""
    names = batch.assignment.name, entry.student
    own, copied = (StateFile(root, *names).path for root in (batch.root, shadow.root))
    if own.is_file():
        copied.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(own, copied)
    home, there = (folder / entry.student / names[0] for folder in (submitted, shadow.submitted))
    if own_folder(home):
        there.mkdir(parents=True)
        for name in (TIMESTAMP, REFUSED):
            if data := read_bytes(home / name):
                (there / name).write_bytes(data)


def would_hold(
    known: Held, foreseen: Foreseen, student: "Student", batch: Batch, penalties: Penalties
) -> Held:
    """The gradebook's marks after the run: those given by hand stay, and the penalty follows."""
    exercises = foreseen.verdict["exercises"]
    automatic = {s: None if e["outcome"] in OPEN else e["points"] for s, e in exercises.items()}
    grades = {
        stem: replace(grade, automatic=automatic.get(stem, grade.automatic))
        for stem, grade in known.grades.items()
    }
    raw = math.fsum(grade.score for grade in grades.values() if grade.score is not None)
    most = math.fsum(exercise.max_points for exercise in batch.judge.plan)
    submission = student.submission(batch.assignment.name)
    penalty = penalties(Notebook(submission, raw, most)) or 0.0
    due, moment = submission.assignment.duedate, submission.timestamp
    late = max(0.0, (moment - due).total_seconds()) if moment and due else 0.0
    longer = granted(submission, batch.root) or timedelta()
    return Held(grades, round(penalty, 4), late, longer.total_seconds())


class Student:
    """What late penalties ask of nbgrader's record of a student, with hand-ins as the run would record them."""

    def __init__(self, book: Any, recorded: Any, moments: Moments) -> None:
        self.id = recorded.id
        there = {
            s.assignment.name: (s.assignment, s.timestamp, s.extension)
            for s in recorded.submissions
        }
        for (name, student), moment in moments.items():
            if student == self.id:
                assignment, _, extension = there.get(name) or (
                    book.find_assignment(name),
                    None,
                    None,
                )
                there[name] = assignment, moment, extension
        self.submissions = [Submission(self, *parts) for parts in there.values()]

    def submission(self, assignment: str) -> "Submission":
        return next(s for s in self.submissions if s.name == assignment)


@dataclass
class Submission:
    """What they ask of a hand-in."""

    student: Student
    assignment: Any
    timestamp: datetime | None
    extension: timedelta | None

    @property
    def name(self) -> str:
        name: str = self.assignment.name
        return name


@dataclass
class Notebook:
    """What they ask of the notebook: its marks as they would be."""

    assignment: Submission
    score: float
    max_score: float

    @property
    def student(self) -> Student:
        return self.assignment.student
