"""Grades notebooks of one course, one after another: the sandbox starts once, every exercise gets its own worker."""

import gc
import hashlib
from pathlib import Path

from grader import reader
from grader.assignment import exercises
from grader.judging.needs import digest
from grader.judging.training_marks import TrainingMarks, by_machine, state
from grader.reader import Unreadable
from grader.submission.preflight import placeholder, repair
from grader.verdict import (
    exercise_verdict,
    open_verdict,
    training_verdict,
    unread_verdict,
    verdict,
)
from grader.wall.isolation import ISOLATIONS
from grader.wall.mounts import check_outside
from grader.wall.sandbox import Sandbox

UNTOUCHED = "the cell of {0} is as it was handed out, and no other cell defines {0}"


class Grader:
    """`with Grader(assignment) as grader: grader.check(path)` gives the verdict as a dict."""

    def __init__(self, assignment, isolation="bwrap", training=None):
        """`isolation`: a name of ISOLATIONS; `training`: a folder of training marks."""
        self.assignment, self.isolation = assignment, ISOLATIONS[isolation]
        self.training = Path(training).resolve() if training else None
        self.marks = TrainingMarks(assignment, self.training, isolation)
        if self.isolation.nested:
            check_outside(
                assignment.folder, assignment.notebook, *assignment.training_files, Path.cwd()
            )
        self.plan = exercises(assignment)
        self.sandbox = Sandbox(list(assignment.preload), assignment.limits, self.isolation)

    def __enter__(self):
        self.sandbox.start()
        try:
            self.validate()  # pytest and hypothesis load while the sandbox starts
            gc.freeze()  # what was loaded stays: no need to look through it again and again
        except BaseException:
            self.sandbox.close()
            raise
        return self

    def validate(self):
        """CourseError if the laws do not fit the notebook's marks."""
        from grader.judging import suite

        suite.configure_hypothesis()
        suite.check_weights(self.assignment, self.plan)

    def __exit__(self, *_):
        self.sandbox.close()

    def check(self, notebook, exercises=None, name=None):
        """The verdict on a notebook (a path, or its bytes); `exercises` names the stems to judge, None means all."""
        data = notebook if isinstance(notebook, bytes) else read(notebook)
        name = name or ("" if isinstance(notebook, bytes) else str(notebook))
        plan = self.judged(exercises)
        try:
            submission = repair(data, self.assignment)
        except Unreadable as reason:
            marked = {e.stem: unread_verdict(e, str(reason)) for e in plan}
            notes = [*self.isolation.notes, str(reason)]
            return verdict(name, data, marked, self.isolation.name, notes, unreadable=True)
        known = {"sha256": hashlib.sha256(data).hexdigest()}
        if any(exercise.kind == "training" for exercise in plan):
            known["uses"] = digest(self.assignment, submission.cells, self.sandbox)
        trained = self.marks.read(**known)
        marked = self._marks(plan, submission, trained)
        notes = [*self.isolation.notes, *submission.notes]
        made = verdict(name, data, marked, self.isolation.name, notes)
        return made | {"training": state(known, trained)} if "uses" in known else made

    def _marks(self, plan, submission, trained):
        from grader.judging import suite

        rows, trivial = suite.run(self.assignment, plan, submission.cells, self.sandbox)
        marked = {}
        for exercise in plan:
            if exercise.kind == "laws":
                marked[exercise.stem] = exercise_verdict(
                    exercise, rows[exercise.stem], trivial[exercise.stem]
                )
            elif exercise.kind == "training":
                marked[exercise.stem] = (
                    open_verdict(exercise, "not_implemented", UNTOUCHED.format(exercise.stem))
                    if exercise.stem in submission.unwritten and by_machine(trained)
                    else training_verdict(exercise, trained)
                )
            else:
                marked[exercise.stem] = (
                    open_verdict(exercise, "not_implemented", "nothing is written there")
                    if exercise.stem in submission.unwritten
                    else open_verdict(exercise, "needs_manual", "read and marked by hand")
                )
            if exercise.stem in submission.tampered and marked[exercise.stem]["outcome"] not in (
                "infrastructure",
                "needs_manual",
                "needs_training",
            ):
                given = marked[exercise.stem]["outcome"]
                marked[exercise.stem] |= {"outcome": "tampered", "repaired": given}
        return marked

    def judged(self, exercises):
        """The part of the plan that these stems name, all of it for None."""
        return [e for e in self.plan if exercises is None or e.stem in exercises]


def read(path):
    """At most what preflight accepts, and one byte more, so that it can say so; or that the file cannot be opened."""
    try:
        return reader.read(path)
    except OSError:
        return placeholder("locked")
