"""The class that a report is about: of each student the result, the verdict, the training mark and the graded notebook."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from grader.assignment import Assignment
from grader.judging.training_marks import Mark, is_mark, state
from grader.lms.collect.attempts import Archive
from grader.lms.publish.read_results import read_table
from grader.lms.publish.results import Result, Table
from grader.store import load, sha256
from grader.verdict import Status, Verdict


@dataclass(frozen=True)
class Student:
    """One of them.

    `attempts`: how many notebooks were handed in, None where no download told it; `partners`: who handed in together with
    this student; `mark`: the training mark that the verdict was made with.
    """

    result: Result
    attempts: int | None = None
    partners: frozenset[str] = frozenset()
    mark: Mark | None = None

    @property
    def id(self) -> str:
        return self.result.student

    @property
    def verdict(self) -> Verdict | None:
        return self.result.verdict


@dataclass(frozen=True)
class Cohort:
    """All of them, by id."""

    table: Table
    students: tuple[Student, ...]

    @property
    def handed_in(self) -> list[Student]:
        """Those whose work lies there; who took it away, marks or not, is missing."""
        return [s for s in self.students if s.result.status != Status.MISSING]

    def notebook(self, student: Student) -> bytes | None:
        """The very bytes that were graded; None where they are there no more, or where there never was a notebook."""
        try:
            data = self.table.staged(student.id).read_bytes()
        except OSError:
            return None
        return data if student.result.sha256 and sha256(data) == student.result.sha256 else None


def read_cohort(assignment: Assignment, training: Path) -> Cohort:
    """Everybody as known now; `training`: the folder of training marks."""
    table = read_table(assignment)
    archive = Archive(table.root, table.name)
    collected = set(archive.students())
    found = []
    for result in table.results.values():
        attempts, partners = None, frozenset[str]()
        if result.student in collected:
            kept = archive.read(result.student)
            attempts = len({attempt.sha256 for attempt in kept.attempts if attempt.sha256})
            partners = frozenset(name for a in kept.attempts for name in a.partners)
        mark = mark_of(result.verdict, training) if result.verdict else None
        found.append(Student(result, attempts, partners, mark))
    return Cohort(table, tuple(found))


def mark_of(verdict: Verdict, training: Path) -> Mark | None:
    """The training mark that the verdict was made with: that whose digest it holds; None if there is none any more."""
    if "training" not in verdict:
        return None
    uses = verdict["training"]["uses"]
    for name in (verdict["sha256"], uses):
        mark = load(training / f"{name}.json") if name else {}
        if is_mark(mark) and state(uses, mark) == verdict["training"]:
            return mark
    return None


def ids(students: Iterable[Student]) -> list[str]:
    """Who they are."""
    return [student.id for student in students]
