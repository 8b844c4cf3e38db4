"""`grader run --preview`: an early look for students, before their due date: whether each main law holds, and no more.

Notebooks are judged as a run does it, in a folder that goes afterwards. Nothing is written but a page a student below
`preview/` and, in the student's state, which looks there were: no mark, no line in the log of marks, no gradebook.
"""

import math
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from grader.classroom.batch import Batch
from grader.classroom.preview_page import page
from grader.classroom.status import faults
from grader.classroom.trial import hand_ins, judged_aside, shadow_of
from grader.classroom.verdicts import Judging
from grader.gradebook import people
from grader.gradebook.extensions import Extension, Extensions
from grader.gradebook.preview_policy import PreviewPolicy
from grader.gradebook.settings import application
from grader.store import PREVIEW, StateFile, whole
from grader.submission.choosing import Found
from grader.submission.collect import unusable
from grader.submission.handed_in import read
from grader.text import clean, some_of
from grader.verdict import ExerciseVerdict, Outcome, Status, Verdict, after_repair

FAULT = "a fault on our side, which costs no look"


@dataclass(frozen=True)
class Look:
    """One look at one notebook: what a student may know of it, by exercise, and with which laws it was made."""

    at: str  # ISO, UTC
    known_as: str
    stamp: str
    found: dict[str, str]

    @property
    def moment(self) -> datetime:
        return datetime.fromisoformat(self.at)


@dataclass
class Looked:
    """What became of everybody, by what was decided."""

    made: list[str] = field(default_factory=list)
    same: list[str] = field(default_factory=list)
    left: dict[str, list[str]] = field(default_factory=dict)  # why there was no look → who

    def leave(self, why: str, student: str) -> None:
        self.left.setdefault(why, []).append(student)

    def told(self, name: str) -> str:
        """In words."""
        lines = [
            f"{name}: {len(self.made)} pages made in {PREVIEW}/, {len(self.same)} as they were"
        ]
        lines += [f"  {why}: {some_of(who)}" for why, who in sorted(self.left.items())]
        return "\n".join(lines)


class Asked(NamedTuple):
    """Somebody who handed in, with the looks that there were."""

    entry: Found
    known_as: str
    looks: list[Look]


class Previews:
    """The early looks of one assignment."""

    def __init__(self, batch: Batch) -> None:
        """Of the course in the current folder; CourseError where its settings or its gradebook cannot be used."""
        self.batch, self.assignment, self.place = batch, batch.assignment, people.course()
        self.policy = PreviewPolicy(parent=application(self.assignment))
        extensions = Extensions(self.place)
        self.due = extensions.due(self.assignment.name)
        self.longer = extensions.of(self.assignment.name)
        self.now = datetime.now(UTC)

    def run(self, judging: Judging) -> Looked:
        """Look at all who have a right to it, and write their pages; nobody else grades here meanwhile."""
        looked = Looked()
        asked = list(self._asked(looked))
        new = [one for one in asked if self._may(one, looked)]
        for one, verdict in self._judged(new, judging):
            self._keep(one, verdict, looked)
        kept = {one.entry.student for one in asked}
        looked.same = sorted(s for s in kept - {*looked.made} if self._place(s).is_file())
        looked.made.sort()
        return looked

    def _asked(self, looked: Looked) -> Iterator[Asked]:
        """All of whom there is something to look at."""
        for entry in hand_ins(self.batch, self.place):
            if unusable(entry.student) or entry.trouble:
                looked.leave("nobody can tell what was handed in", entry.student)
            elif entry.anything:
                handed_in = read(entry.notebook, entry.inside) if entry.notebook else None
                known_as = handed_in.known_as if handed_in else entry.why_not
                yield Asked(entry, known_as, self._looks(entry.student))

    def _may(self, one: Asked, looked: Looked) -> bool:
        """Whether there is a look to be made; of looks that there were, pages that are gone are written again."""
        student, last = one.entry.student, one.looks[-1] if one.looks else None
        if self.is_over(student):
            looked.leave("past the due date", student)
            return False
        if last and last.known_as == one.known_as:
            if last.stamp == self.batch.stamp:
                self._write(student, one.looks, looked)
                return False
            return True  # laws that were mended cost no look
        if why := self.policy.refused([look.moment for look in one.looks], self.now):
            looked.leave(why, student)
            if last:
                self._write(student, one.looks, looked)
            return False
        return True

    def is_over(self, student: str) -> bool:
        """Whether the student's own due date, any extension with it, has passed; never without one."""
        extension = self.longer.get(student, Extension())
        if self.due is None:
            until = extension.until
        else:
            until = self.due + (extension.after(self.due) or timedelta())
        return until is not None and self.now >= until.replace(tzinfo=UTC)

    def _judged(self, new: Sequence[Asked], judging: Judging) -> Iterator[tuple[Asked, Verdict]]:
        if not new:
            return
        with tempfile.TemporaryDirectory() as folder:
            shadow, found = shadow_of(self.batch, Path(folder)), [one.entry for one in new]
            made = judged_aside(self.batch, self.place, shadow, found, judging, "looking")
            for one, (_, verdict) in zip(new, made, strict=True):
                yield one, verdict

    def _keep(self, one: Asked, verdict: Verdict, looked: Looked) -> None:
        """The look into the state first: whoever kills the command in between gets the page from there the next time."""
        student = one.entry.student
        # a look has nothing to do with training, whatever became of that
        if faults(verdict, self.assignment.training):
            looked.leave(FAULT, student)
            return
        if verdict["status"] == Status.UNREADABLE:
            looked.leave("no notebook that can be read, which costs no look", student)
            self._write(student, one.looks, looked, trouble=" ".join(verdict["notes"]))
            return
        found = {stem: word(exercise) for stem, exercise in verdict["exercises"].items()}
        look = Look(self.now.isoformat(), one.known_as, self.batch.stamp, found)
        again = bool(one.looks) and one.looks[-1].known_as == one.known_as
        if again:  # with mended laws: it stands in the earlier one's place, and in its time
            look = replace(look, at=one.looks[-1].at)
        looks = [*(one.looks[:-1] if again else one.looks), look]
        self._state(student).change(looks=[asdict(each) for each in looks])
        self._write(student, looks, looked)

    def _write(
        self, student: str, looks: Sequence[Look], looked: Looked, trouble: str = ""
    ) -> None:
        """The page, where it says something else than the one that is there."""
        place, plan = self._place(student), self.batch.judge.plan
        left = self.policy.left(len(looks))
        moment = self.policy.next([look.moment for look in looks])
        text = page(self.assignment.name, student, plan, looks, left, moment, clean(trouble, 500))
        if not place.is_file() or place.read_text(encoding="utf-8") != text:
            with whole(place) as temporary:
                temporary.write_text(text, encoding="utf-8")
            looked.made.append(student)

    def _looks(self, student: str) -> list[Look]:
        return [Look(**entry) for entry in self._state(student).read().looks]

    def _state(self, student: str) -> StateFile:
        return StateFile(self.batch.root, self.assignment.name, student)

    def _place(self, student: str) -> Path:
        name = f"{self.assignment.notebook.stem}.html"
        return self.place.root / PREVIEW / student / self.assignment.name / name


def word(exercise: ExerciseVerdict) -> str:
    """All that a student may know: "holds" or "broken", of the main law; an outcome where no law decides or nothing is there."""
    outcome = after_repair(exercise)
    if outcome in (Outcome.NOT_IMPLEMENTED, Outcome.NEEDS_TRAINING, Outcome.NEEDS_MANUAL):
        return str(outcome)
    main = [law["passed"] for law in exercise["laws"] if law.get("value")]
    if not main:  # a training mark, which this look has nothing to do with
        return str(Outcome.NEEDS_TRAINING)
    earned = exercise["points"] > 0 or math.isclose(exercise["max_points"], 0)
    return "holds" if all(main) and earned else "broken"


def look_at(batches: Sequence[Batch], judging: Judging) -> dict[str, Looked]:
    """By assignment."""
    made: dict[str, Any] = {}
    for batch in batches:
        with batch.alone():
            made[batch.assignment.name] = Previews(batch).run(judging)
    return made
