"""From rows of laws to marks and typed outcomes: the verdict, which is all that anything else reads."""

import math
from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import Any, NotRequired, TypedDict

from grader.assignment import Exercise


class Outcome(StrEnum):
    """What became of one exercise; docs/verdict.md tells them apart."""

    PASS = "pass"
    PARTIAL = "partial"
    WRONG = "wrong"
    NOT_IMPLEMENTED = "not_implemented"
    TIMEOUT = "timeout"
    OUT_OF_MEMORY = "out_of_memory"
    CRASH = "crash"
    TAMPERED = "tampered"
    NEEDS_TRAINING = "needs_training"
    NEEDS_MANUAL = "needs_manual"
    INFRASTRUCTURE = "infrastructure"


class Status(StrEnum):
    """What became of one submission."""

    GRADED = "graded"
    PARTIAL = "partial"
    UNREADABLE = "unreadable"
    INFRASTRUCTURE = "infrastructure"
    MISSING = "missing"


FATAL = (Outcome.TIMEOUT, Outcome.OUT_OF_MEMORY, Outcome.CRASH)
# not marks yet
OPEN = (Outcome.NEEDS_TRAINING, Outcome.NEEDS_MANUAL, Outcome.INFRASTRUCTURE)
# a run of its own, or a recorded one that it would repeat
PROOFS = ("trained", "replayed")
VALUE_CAP = 0.4  # an exercise whose value law fails earns at most this share
CAPPED = f"the main law is broken: at most {100 * VALUE_CAP:g} % of the points are left"
INCOMPLETE = "some of its laws did not run, or ran twice"


class LawVerdict(TypedDict):
    """One law, or one claim about a training run, which has none of the optional fields."""

    law: str
    test: NotRequired[str]
    weight: NotRequired[float]
    value: NotRequired[bool]
    passed: bool
    counterexample: str
    got: str
    expected: NotRequired[str]
    hint: str
    same_as: NotRequired[str]  # the claim of an earlier law that fails for the same cause, or ""
    outcome: NotRequired[str]  # an Outcome, or "" where the law went to its end


LAW_FIELDS = tuple(LawVerdict.__annotations__)


class ExerciseVerdict(TypedDict):
    """One exercise; `repaired`: the outcome that its laws gave after its cells were repaired."""

    points: float
    max_points: float
    outcome: Outcome
    note: str
    laws: list[LawVerdict]
    repaired: NotRequired[Outcome]
    unreadable: NotRequired[bool]
    proof: NotRequired[str]  # one of PROOFS, of an exercise that a training run marks


class TrainingState(TypedDict):
    """How a verdict's training mark was looked up, and a digest of what was found."""

    uses: str
    mark: str


class Made(TypedDict):
    """One part of what a verdict was made with: `version` as it calls itself, "" where it does not, and SHA-256 of its files."""

    version: str
    sha256: str


class MadeWith(TypedDict):
    """All that a verdict depends on beside notebook and sandbox; `packages`: versions, Python's own among them."""

    laws: Made
    grader: Made
    packages: dict[str, str]


class Verdict(TypedDict):
    """One submission; docs/verdict.schema.json has the same as a JSON schema."""

    schema: int
    submission: str
    sha256: str
    grader: str
    made_with: MadeWith
    isolation: str
    status: Status
    complete: bool
    total: float
    max_total: float
    notes: list[str]
    exercises: dict[str, ExerciseVerdict]
    training: NotRequired[TrainingState]


def after_repair(exercise: ExerciseVerdict) -> Outcome:
    """The outcome that the laws gave, also where the exercise's cells had to be repaired first."""
    return exercise.get("repaired", exercise["outcome"])


def adds_up(weights: Iterable[float], exercise: Exercise) -> bool:
    """Whether these are the weights of all its laws: together they are the exercise's marks."""
    return math.isclose(math.fsum(weights), exercise.max_points, abs_tol=1e-9)


def exercise_verdict(
    exercise: Exercise, rows: Sequence[dict[str, Any]], trivial: str
) -> ExerciseVerdict:
    """Points, outcome and laws of one exercise; `trivial` says why it can earn nothing, or is empty."""
    if not adds_up([row["weight"] for row in rows], exercise):
        return open_verdict(exercise, Outcome.INFRASTRUCTURE, INCOMPLETE)
    points, capped = _points(exercise, rows)
    if trivial or any(row["outcome"] == Outcome.INFRASTRUCTURE for row in rows):
        points = 0.0
    outcome = _outcome(exercise, rows, points, trivial)
    note = CAPPED if capped and points else ""
    if trivial and outcome == Outcome.WRONG:
        note = trivial
    laws: Any = [{field: row[field] for field in LAW_FIELDS if field in row} for row in rows]
    return {
        "points": points,
        "max_points": exercise.max_points,
        "outcome": outcome,
        "note": note,
        "laws": laws,
    }


def _points(exercise: Exercise, rows: Sequence[dict[str, Any]]) -> tuple[float, bool]:
    """What the kept laws are worth, and whether that is more than counts without the value law."""
    earned = math.fsum(row["weight"] for row in rows if row["passed"])
    most = VALUE_CAP * exercise.max_points
    capped = earned > most and not all(row["passed"] for row in rows if row["value"])
    return round(most if capped else earned, 4), capped


def _outcome(
    exercise: Exercise, rows: Sequence[dict[str, Any]], points: float, trivial: str
) -> Outcome:
    ended = [Outcome(row["outcome"]) for row in rows if row["outcome"]]
    fatal = [outcome for outcome in ended if outcome in FATAL]
    by_value = [row["outcome"] for row in rows if row["value"] and row["outcome"] in FATAL]
    if Outcome.INFRASTRUCTURE in ended:
        return Outcome.INFRASTRUCTURE
    if Outcome.NOT_IMPLEMENTED in ended and trivial:
        return Outcome.NOT_IMPLEMENTED
    if by_value:
        return Outcome(by_value[0])
    if fatal and points == 0:
        return fatal[0]
    return _by_points(points, exercise.max_points)


def _by_points(points: float, most: float, nothing: Outcome = Outcome.WRONG) -> Outcome:
    if points == most:
        return Outcome.PASS
    return Outcome.PARTIAL if points else nothing


def open_verdict(exercise: Exercise, outcome: Outcome, note: str = "") -> ExerciseVerdict:
    """An exercise that earned nothing, or nothing yet, for one reason that no law has to do with."""
    return {
        "points": 0.0,
        "max_points": exercise.max_points,
        "outcome": outcome,
        "note": note,
        "laws": [],
    }


def unread_verdict(exercise: Exercise, reason: str) -> ExerciseVerdict:
    """Of a submission that could not be read: nothing implemented, and `unreadable` for whoever puts it into words."""
    return {**open_verdict(exercise, Outcome.NOT_IMPLEMENTED, reason), "unreadable": True}


def training_verdict(exercise: Exercise, training: dict[str, Any] | None) -> ExerciseVerdict:
    """Marks of a training exercise: the share of the cell's points that the training's own verdict gives."""
    if training is None:
        words = "marked after a training run with the submitted functions"
        return open_verdict(exercise, Outcome.NEEDS_TRAINING, words)
    share, note = float(training["share"]), str(training.get("note", ""))
    ended = Outcome(training.get("outcome", Outcome.WRONG))
    if ended == Outcome.INFRASTRUCTURE:
        return open_verdict(exercise, ended, note)
    made: ExerciseVerdict = {
        "points": round(share * exercise.max_points, 4),
        "max_points": exercise.max_points,
        "outcome": _by_points(share, 1.0, nothing=ended),
        "note": note,
        "laws": [_claim(law) for law in training.get("laws", [])],
    }
    if training.get("proof") in PROOFS:
        made["proof"] = training["proof"]
    return made


def _claim(law: dict[str, Any]) -> LawVerdict:
    return {
        "law": str(law["law"]),
        "passed": bool(law["passed"]),
        "counterexample": "",
        "got": str(law.get("got", "")),
        "hint": str(law.get("hint", "")),
    }


def verdict(
    name: str,
    sha256: str,
    marked: dict[str, ExerciseVerdict],
    isolation: str,
    made_with: MadeWith,
    notes: Iterable[str] = (),
    unreadable: bool = False,
) -> Verdict:
    """The verdict: `total` sums what is graded, `complete` says that nothing is open."""
    outcomes = {exercise["outcome"] for exercise in marked.values()}
    complete = not outcomes & set(OPEN)
    return {
        "schema": 1,
        "submission": name,
        "sha256": sha256,
        "grader": made_with["grader"]["version"],
        "made_with": made_with,
        "isolation": isolation,
        "status": Status.UNREADABLE if unreadable else _status(outcomes, complete),
        "complete": complete,
        "total": round(math.fsum(e["points"] for e in marked.values()), 4),
        "max_total": math.fsum(e["max_points"] for e in marked.values()),
        "notes": [*notes],
        "exercises": marked,
    }


def _status(outcomes: set[Outcome], complete: bool) -> Status:
    if Outcome.INFRASTRUCTURE in outcomes:
        return Status.INFRASTRUCTURE
    return Status.GRADED if complete else Status.PARTIAL
