"""`grader run --dry-run`: whose marks a run would change, found out without changing anything.

Notebooks are judged as a run does it, with the student's kept state and timestamps copied into a folder that goes afterwards:
a verdict that is kept and still good counts.
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
from grader.classroom.status import faults as ours
from grader.classroom.verdicts import Judging
from grader.errors import CourseError
from grader.gradebook import people
from grader.gradebook.changes import Before, Regraded, compared
from grader.gradebook.database import cell_ids, is_there
from grader.gradebook.extensions import granted
from grader.gradebook.held import Held, held
from grader.gradebook.late import Penalties
from grader.gradebook.marks import is_unconfirmed, stem_of
from grader.gradebook.reasons import basis_now, basis_of, beside
from grader.gradebook.settings import application
from grader.store import State, StateFile
from grader.submission.choosing import Found
from grader.submission.collect import REFUSED, TIMESTAMP, find_submissions, unusable
from grader.submission.timestamps import own_folder, read_bytes, read_timestamp
from grader.text import program
from grader.verdict import OPEN, Status, Verdict


@dataclass(frozen=True)
class Foreseen:
    """What a run would record of one student: `moment`: when it came in, None where that is not known."""

    verdict: Verdict
    moment: datetime | None
    known_as: str


@dataclass(frozen=True)
class Judged:
    """What a run would make of one assignment's hand-ins, by student; `refused`: those that it could not grade."""

    found: dict[str, Foreseen]
    refused: list[str]


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
        made = {}
        for batch in batches:
            kept.enter_context(batch.alone())
            folder = Path(kept.enter_context(tempfile.TemporaryDirectory()))
            made[batch.assignment.name] = judged(batch, place, folder, judging)
        book = kept.enter_context(people.opened(place, writing=False))
        # nbgrader's own records as the run would leave them, in this session alone: nothing of it is ever sent
        kept.enter_context(book.db.no_autoflush)
        kept.callback(book.db.rollback)
        # held until then: a session forgets what nobody holds
        known = [entry for each in made for entry in come_in(book, each, made[each].found)]
        trials = {b.assignment.name: compare(b, book, made[b.assignment.name]) for b in batches}
        del known
        return trials


def come_in(book: Any, name: str, found: Mapping[str, Foreseen]) -> list[Any]:
    """nbgrader's records of these hand-ins, with the moments that a run would give them; of those who have none yet, new ones."""
    from nbgrader.api import MissingEntry, SubmittedAssignment

    from grader.gradebook.prefetch import submissions

    try:
        assignment = book.find_assignment(name)
    except MissingEntry:  # the run would enter it
        return []
    there = submissions(book, name)
    for student in book.students:
        if student.id in found.keys() - there.keys():
            there[student.id] = SubmittedAssignment(assignment=assignment, student=student)
    for student, foreseen in found.items():
        if student in there:
            there[student].timestamp = foreseen.moment
    return [*there.values()]


def compare(batch: Batch, book: Any, made: Judged) -> Trial:
    """What the run would change of one assignment, for those who have marks."""
    from grader.gradebook.prefetch import handed_in

    assignment, found = batch.assignment, made.found
    penalties = Penalties(application(assignment))
    now = held(book, assignment.name, assignment.notebook.stem)
    records = {record.student.id: record for record in handed_in(book, assignment)}
    states = {s: StateFile(batch.root, assignment.name, s).read() for s in {*now, *found}}
    faults, regraded = [*made.refused], []
    for student, foreseen in found.items():
        there = student in records
        marked = by_hand(records[student], states[student], foreseen) if there else set()
        if foreseen.verdict["status"] == Status.INFRASTRUCTURE and ours(foreseen.verdict, marked):
            faults.append(student)
    for student in sorted(now):
        known, then_has = now[student], found.get(student)
        basis = basis_now(states[student], None, known)
        before = Before(known.marks, frozenset(known.by_hand), basis)
        try:
            then = would_hold(known, then_has, records[student], penalties)
        except CourseError:  # the course's own plugin fails with one student's marks
            faults.append(student)
            continue
        basis = basis_of(then_has.verdict, then_has.known_as) if then_has else before.basis
        entry = compared(student, before, then, beside(basis, then), assignment.training)
        regraded += [entry] if entry.marks else []
    return Trial(regraded, len({*now, *found}), sorted({*faults}))


def by_hand(record: Any, state: State, foreseen: Foreseen) -> set[str]:
    """The exercises with a hand mark that the run would take as one for this notebook."""
    if foreseen.known_as != state.recorded:
        return set()
    given = {stem_of(g): g for g in record.grades if g.manual_score is not None}
    waits = {s for s, g in given.items() if is_unconfirmed(g)}
    return given.keys() - {s for s in waits if state.by_hand.get(s) == given[s].manual_score}


def judged(batch: Batch, place: people.Course, folder: Path, judging: Judging) -> Judged:
    """Everybody's verdicts, as a run would make them; `folder`: where it may write."""
    shadow = shadow_of(batch, folder)
    there = hand_ins(batch, place)
    refused = [e.student for e in there if unusable(e.student) or e.trouble]
    found = [e for e in there if e.anything and not unusable(e.student)]
    made = {}
    for entry, verdict in judged_aside(batch, place, shadow, found, judging, "judging"):
        moment = read_timestamp(shadow.staged / entry.student / batch.assignment.name)
        known_as = entry.why_not or verdict["sha256"]
        made[entry.student] = Foreseen(verdict, moment, known_as)
    return Judged(made, refused)


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


def would_hold(known: Held, foreseen: Foreseen | None, record: Any, penalties: Penalties) -> Held:
    """The gradebook's marks after the run: those given by hand stay, and the penalty follows. `foreseen`: None where nothing lies there now."""
    from sqlalchemy.orm.attributes import set_committed_value

    exercises = foreseen.verdict["exercises"] if foreseen else {}
    automatic = {s: None if e["outcome"] in OPEN else e["points"] for s, e in exercises.items()}
    grades = {
        stem: replace(grade, automatic=automatic.get(stem, grade.automatic))
        for stem, grade in known.grades.items()
    }
    raw = math.fsum(grade.score for grade in grades.values() if grade.score is not None)
    set_committed_value(record, "score", raw)
    penalty = penalties(record) or 0.0
    submission = record.assignment
    due, moment = submission.assignment.duedate, submission.timestamp
    late = max(0.0, (moment - due).total_seconds()) if moment and due else 0.0
    longer = granted(submission, penalties.root) or timedelta()
    return Held(grades, round(penalty, 4), late, longer.total_seconds())
