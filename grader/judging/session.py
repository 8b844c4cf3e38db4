"""Grades notebooks of one assignment, one after another: the sandbox starts once, every exercise gets its own worker."""

import gc
from collections.abc import Collection
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Self

from grader.assignment import Assignment, Exercise, Kind, exercises
from grader.judging.needs import digest
from grader.judging.training_marks import Mark, TrainingMarks, by_machine, state
from grader.reader import Unreadable
from grader.store import fingerprint, made_with
from grader.submission.handed_in import HandedIn, read
from grader.submission.preflight import Submission, repair
from grader.verdict import (
    OPEN,
    ExerciseVerdict,
    Outcome,
    Verdict,
    exercise_verdict,
    open_verdict,
    training_verdict,
    unread_verdict,
    verdict,
)
from grader.wall.choice import AUTO, chosen
from grader.wall.mounts import check_outside
from grader.wall.sandbox import Sandbox

UNTOUCHED = "the cell of {0} is as it was handed out, and no other cell defines {0}"


class Grader:
    """`with Grader(assignment) as grader: grader.check(path)` gives the verdict as a dict."""

    def __init__(
        self,
        assignment: Assignment,
        isolation: str = AUTO,
        training: str | Path | None = None,
    ) -> None:
        """`isolation`: one of CHOICES; `training`: a folder of training marks."""
        self.assignment, self.isolation = assignment, chosen(isolation)
        self.training = Path(training).resolve() if training else None
        if self.isolation.walled:
            check_outside(
                assignment.folder, assignment.notebook, *assignment.training_files, Path.cwd()
            )
        self.made_with = made_with(assignment)
        self.marks = TrainingMarks(assignment, self.training, self.isolation.name)
        self.plan = exercises(assignment)
        self.sandbox = Sandbox(list(assignment.preload), assignment.limits, self.isolation)

    @cached_property
    def stamp(self) -> str:
        """The assignment's fingerprint, by which a verdict is known to be of these laws, grader and isolation."""
        return fingerprint(self.assignment, self.isolation.name)

    def __enter__(self) -> Self:
        self.sandbox.start()
        try:
            self.validate()  # pytest and hypothesis load while the sandbox starts
            gc.freeze()  # what was loaded stays: no need to look through it again and again
        except BaseException:
            self.sandbox.close()
            raise
        return self

    def validate(self) -> None:
        """CourseError if the laws do not fit the notebook's marks."""
        from grader.judging import suite

        suite.configure_hypothesis()
        suite.check_weights(self.assignment, self.plan)

    def __exit__(
        self,
        kind: type[BaseException] | None = None,
        error: BaseException | None = None,
        trace: TracebackType | None = None,
    ) -> None:
        self.sandbox.close()

    def check(
        self,
        notebook: str | Path | bytes | HandedIn | Submission,
        exercises: Collection[str] | None = None,
        name: str | None = None,
    ) -> Verdict:
        """The verdict on a notebook; `exercises` names the stems to judge, None means all.

        Args:
            notebook: its path, its bytes, or what was made of them already.
            name: what the verdict calls it; a path's own by default.
        """
        if isinstance(notebook, (str, Path)):
            name, notebook = name or str(notebook), read(notebook)
        if isinstance(notebook, bytes):
            notebook = HandedIn(notebook)
        if isinstance(notebook, HandedIn):
            try:
                notebook = repair(notebook, self.assignment)
            except Unreadable as reason:
                return self._unread(name or "", notebook.sha256, str(reason), exercises)
        return self._judge(notebook, name or "", self.judged(exercises))

    def _unread(
        self, name: str, sha256: str, reason: str, exercises: Collection[str] | None
    ) -> Verdict:
        marked = {e.stem: unread_verdict(e, reason) for e in self.judged(exercises)}
        notes, wall = [*self.isolation.notes, reason], self.isolation.name
        return verdict(name, sha256, marked, wall, self.made_with, notes, unreadable=True)

    def _judge(self, submission: Submission, name: str, plan: list[Exercise]) -> Verdict:
        trains = any(exercise.kind == Kind.TRAINING for exercise in plan)
        uses = digest(self.assignment, submission.cells, self.sandbox) if trains else ""
        trained = self.marks.read(submission.sha256, uses)
        marked = self._marks(plan, submission, trained)
        notes, wall = [*self.isolation.notes, *submission.notes], self.isolation.name
        made = verdict(name, submission.sha256, marked, wall, self.made_with, notes)
        if trains:
            made["training"] = state(uses, trained)
        return made

    def trained(self, made: Verdict, handed_in: HandedIn) -> Verdict:
        """A verdict that was made elsewhere or earlier, with the training mark that counts here and now; no law is asked again."""
        if "training" not in made:
            return made
        uses = made["training"]["uses"]
        mark = self.marks.read(made["sha256"], uses)
        if state(uses, mark) == made["training"]:
            return made
        submission, marked = repair(handed_in, self.assignment), dict(made["exercises"])
        for exercise in self.plan:
            if exercise.kind == Kind.TRAINING and exercise.stem in marked:
                marked[exercise.stem] = _repaired(
                    exercise, submission, _trained(exercise, submission, mark)
                )
        name, sha256, notes = made["submission"], made["sha256"], made["notes"]
        wall = self.isolation.name
        again = verdict(name, sha256, marked, wall, self.made_with, notes)
        again["training"] = state(uses, mark)
        return again

    def _marks(
        self, plan: list[Exercise], submission: Submission, trained: Mark | None
    ) -> dict[str, ExerciseVerdict]:
        from grader.judging import suite

        rows, trivial = suite.run(self.assignment, plan, submission.cells, self.sandbox)
        marked = {}
        for exercise in plan:
            stem = exercise.stem
            if exercise.kind == Kind.LAWS:
                made = exercise_verdict(exercise, rows[stem], trivial[stem])
            elif exercise.kind == Kind.TRAINING:
                made = _trained(exercise, submission, trained)
            else:
                made = _by_hand(exercise, submission)
            marked[stem] = _repaired(exercise, submission, made)
        return marked

    def judged(self, exercises: Collection[str] | None) -> list[Exercise]:
        """The part of the plan that these stems name, all of it for None."""
        return [e for e in self.plan if exercises is None or e.stem in exercises]


def _repaired(exercise: Exercise, submission: Submission, made: ExerciseVerdict) -> ExerciseVerdict:
    """The same, with the word that the exercise's cells had to be repaired where they had."""
    if exercise.stem in submission.tampered and made["outcome"] not in OPEN:
        made |= {"outcome": Outcome.TAMPERED, "repaired": made["outcome"]}
    return made


def _trained(exercise: Exercise, submission: Submission, trained: Mark | None) -> ExerciseVerdict:
    if exercise.stem in submission.unwritten and by_machine(trained):
        words = UNTOUCHED.format(exercise.stem)
        return open_verdict(exercise, Outcome.NOT_IMPLEMENTED, words)
    return training_verdict(exercise, trained)


def _by_hand(exercise: Exercise, submission: Submission) -> ExerciseVerdict:
    if exercise.stem in submission.unwritten:
        return open_verdict(exercise, Outcome.NOT_IMPLEMENTED, "nothing is written there")
    return open_verdict(exercise, Outcome.NEEDS_MANUAL, "read and marked by hand")
