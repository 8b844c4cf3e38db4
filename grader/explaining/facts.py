"""All that is known of one student's marks, gathered from where it stands: gradebook, verdict, attempts, log."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from grader.assignment import Assignment
from grader.errors import CourseError
from grader.gradebook import people
from grader.gradebook.held import Grade, Held, held
from grader.gradebook.marks_log import Line, MarksLog
from grader.gradebook.reasons import shown
from grader.judging.training_marks import TrainingMarks
from grader.judging.training_marks import state as state_of
from grader.lms.collect.attempts import Archive, Attempt, in_order
from grader.lms.publish.read_results import read_table, verdict_of
from grader.lms.publish.results import Result, Table
from grader.reader import read
from grader.store import State, StateFile, made_with, sha256
from grader.text import from_here, one_line, program
from grader.verdict import Verdict


@dataclass(frozen=True)
class Handed:
    """The notebook that the marks are of: `file`: where its bytes lie now, None where they are nowhere; `number`: which attempt it
    is of `attempts`, 0 where nobody can tell."""

    sha256: str
    file: Path | None = None
    attempt: Attempt | None = None
    number: int = 0
    attempts: int = 0


@dataclass(frozen=True)
class Trained:
    """The training mark that counts now: `share` of the points; `source`, `place`: whose it is, and where it lies, in words; `same`:
    whether it is the one that the verdict was made with."""

    share: float
    source: str
    place: str
    same: bool


@dataclass(frozen=True)
class Explained:
    """One student's marks of one assignment; `lines`: of the log; `seen`: when the log first had each hand mark, "" where it has not yet."""

    assignment: Assignment
    result: Result
    max_total: float
    verdict: Verdict | None
    handed: Handed
    held: Held
    comments: dict[str, str] = field(default_factory=dict)
    seen: dict[str, str] = field(default_factory=dict)
    lines: list[Line] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    trained: Trained | None = None


def explained(assignment: Assignment, student: str, training: Path) -> Explained:
    """CourseError where nobody has this name; `training`: the folder of training marks."""
    table = read_table(assignment)
    if student not in table.results:
        raise CourseError(
            f"nobody is called {one_line(student, 100)}: neither in the gradebook nor in submitted/ nor on the roster"
        )
    place = people.course()
    state = StateFile(table.root, assignment.name, student).read()
    verdict = verdict_of(state)
    marks, comments = given(place, assignment, student)
    lines = [
        line for line in MarksLog(table.root).read(assignment.name).lines if line["student"] == student
    ]  # fmt: skip
    return Explained(
        assignment,
        table.results[student],
        table.max_total,
        verdict if marks.grades else None,
        handed_in(table, place, student, table.results[student].sha256),
        marks,
        comments,
        {stem: seen(lines, stem, marks.grades[stem]) for stem in marks.by_hand},
        lines,
        list(notes(assignment, verdict, state)) if marks.grades else [],
        trained(TrainingMarks(assignment, training, verdict["isolation"]), verdict)
        if verdict and assignment.training
        else None,
    )


def trained(marks: TrainingMarks, verdict: Verdict) -> Trained | None:
    """None where no mark counts now."""
    digest, uses = verdict["sha256"], verdict["training"]["uses"] if "training" in verdict else ""
    mark = marks.read(digest, uses)
    if mark is None or marks.folder is None:
        return None
    # a run's mark stands under what the run used, or as any other under the notebook's digest
    name = mark["made_of"]["of"] if "made_of" in mark else digest
    source = "by a training run" if "made_of" in mark else "put there by hand"
    place = str(from_here(marks.folder.resolve() / f"{name}.json"))
    return Trained(mark["share"], source, place, state_of(uses, mark) == verdict.get("training"))


def given(
    place: people.Course, assignment: Assignment, student: str
) -> tuple[Held, dict[str, str]]:
    """The gradebook's marks of the student, and the comments that a person wrote, by exercise."""
    from nbgrader.api import MissingEntry

    name, notebook = assignment.name, assignment.notebook.stem
    with people.opened(place, writing=False) as book:
        found = held(book, name, notebook, student)
        try:
            record: Any = book.find_submission_notebook(notebook, name, student)
        except MissingEntry:
            return Held(), {}
        comments = {c.name: c.manual_comment for c in record.comments if c.manual_comment}
    return found.get(student, Held()), comments


def handed_in(table: Table, place: people.Course, student: str, digest: str) -> Handed:
    """What is known of the notebook with this digest."""
    archive = Archive(table.root, table.name)
    attempts = archive.read(student).attempts
    ordered = in_order(attempts) or []
    digests = [attempt.sha256 for attempt in ordered]
    own = place.submitted / student / table.name / table.assignment.notebook.name
    places = [own, table.staged(student), archive.file(student, digest)]
    return Handed(
        digest,
        next((path for path in places if digest and is_it(path, digest)), None),
        next((attempt for attempt in attempts if attempt.sha256 == digest), None),
        digests.index(digest) + 1 if digest in digests else 0,
        len(attempts),
    )


def is_it(path: Path, digest: str) -> bool:
    """Whether these very bytes lie there."""
    try:
        return sha256(read(path)) == digest
    except OSError:
        return False


def seen(lines: list[Line], stem: str, grade: Grade) -> str:
    """When the log first had the hand mark that counts now; "" where it was given since the last run."""
    own = [line for line in lines if line["mark"] == stem]
    known = own and own[-1]["by_hand"] and own[-1].get("to") == grade.score
    return str(own[-1].get("when", "")) if known else ""


def notes(assignment: Assignment, verdict: Verdict | None, state: State) -> Iterator[str]:
    """What stands between the verdict and the marks."""
    if verdict is None and state.whole:
        yield f"a run was stopped before it recorded the verdict that is kept: these are the marks of an earlier one; `{program()} -m grader run` goes on"
        return
    if verdict is None:
        yield f"no verdict on what the gradebook has is kept: another command recorded it, or build/ went; `{program()} -m grader run` gives one"
        return
    if not state.whole:
        yield f"the gradebook may have a part of this verdict alone: `{program()} -m grader run`"
    now, then = made_with(assignment), verdict.get("made_with")
    if then is None:
        yield "an earlier grader made this verdict: it does not say with which laws"
        return
    for name, before, after in (
        ("laws", then["laws"], now["laws"]),
        ("grader", then["grader"], now["grader"]),
    ):
        if before["sha256"] != after["sha256"]:
            yield f"the {name} changed since: {shown(before)}, now {shown(after)}; the next `grader run` grades anew"
    if then["packages"] != now["packages"]:
        yield "packages have other versions here and now"


def when(moment: datetime | None) -> str:
    """For people."""
    return f"{moment:%Y-%m-%d %H:%M} UTC" if moment else "not known"
