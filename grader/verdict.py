"""From rows of laws to marks and typed outcomes: the verdict, which is all that anything else reads."""

import hashlib
import math

import grader

VALUE_CAP = 0.4  # an exercise whose value law fails earns at most this share
CAPPED = "the main law is broken: of what the others are worth, {:g} count"
FATAL = ("timeout", "out_of_memory", "crash")
LAW_FIELDS = (
    "law",
    "test",
    "weight",
    "value",
    "passed",
    "counterexample",
    "got",
    "expected",
    "hint",
    "outcome",
)
INCOMPLETE = "some of its laws did not run, or ran twice"
OPEN = ("needs_training", "needs_manual", "infrastructure")  # not marks yet


def after_repair(exercise):
    """The outcome that the laws gave, also where the exercise's cells had to be repaired first."""
    return exercise.get("repaired", exercise["outcome"])


def adds_up(weights, exercise):
    """Whether these are the weights of all its laws: together they are the exercise's marks."""
    return math.isclose(math.fsum(weights), exercise.max_points, abs_tol=1e-9)


def exercise_verdict(exercise, rows, trivial):
    """Points, outcome and laws of one exercise; `trivial` says why it can earn nothing, or is empty."""
    if not adds_up([row["weight"] for row in rows], exercise):
        return open_verdict(exercise, "infrastructure", INCOMPLETE)
    ended = [row["outcome"] for row in rows if row["outcome"]]
    value_row = next(row for row in rows if row["value"])
    points, most = (
        math.fsum(row["weight"] for row in rows if row["passed"]),
        VALUE_CAP * exercise.max_points,
    )
    capped = not value_row["passed"] and points > most
    points = min(points, most) if capped else points
    if trivial or "infrastructure" in ended:
        points = 0.0
    points = round(points, 4)
    if "infrastructure" in ended:
        outcome = "infrastructure"
    elif "not_implemented" in ended and trivial:
        outcome = "not_implemented"
    elif value_row["outcome"] in FATAL or (points == 0 and set(ended) & set(FATAL)):
        outcome = (
            value_row["outcome"]
            if value_row["outcome"] in FATAL
            else next(o for o in ended if o in FATAL)
        )
    else:
        outcome = "pass" if points == exercise.max_points else "partial" if points else "wrong"
    laws = [{field: row[field] for field in LAW_FIELDS} for row in rows]
    note = (
        trivial
        if trivial and outcome == "wrong"
        else CAPPED.format(most)
        if capped and points
        else ""
    )
    return {
        "points": points,
        "max_points": exercise.max_points,
        "outcome": outcome,
        "note": note,
        "laws": laws,
    }


def open_verdict(exercise, outcome, note=""):
    return {
        "points": 0.0,
        "max_points": exercise.max_points,
        "outcome": outcome,
        "note": note,
        "laws": [],
    }


def unread_verdict(exercise, reason):
    """Of a submission that could not be read: nothing implemented, and `unreadable` for whoever puts it into words."""
    return open_verdict(exercise, "not_implemented", reason) | {"unreadable": True}


def training_verdict(exercise, training):
    """Marks of a training exercise: the share of the cell's points that the training's own verdict gives."""
    if training is None:
        return open_verdict(
            exercise, "needs_training", "marked after a training run with the submitted functions"
        )
    share, note = float(training["share"]), str(training.get("note", ""))
    if training.get("outcome") == "infrastructure":
        return open_verdict(exercise, "infrastructure", note)
    outcome = "pass" if share == 1 else "partial" if share else training.get("outcome", "wrong")
    laws = [
        {
            "law": str(law["law"]),
            "passed": bool(law["passed"]),
            "counterexample": "",
            "got": str(law.get("got", "")),
            "hint": str(law.get("hint", "")),
        }
        for law in training.get("laws", [])
    ]
    return {
        "points": round(share * exercise.max_points, 4),
        "max_points": exercise.max_points,
        "outcome": outcome,
        "note": note,
        "laws": laws,
    }


def verdict(name, data, marked, isolation, notes=(), unreadable=False):
    """DESIGN's verdict: `total` sums what is graded, `complete` says that nothing is open."""
    outcomes = {e["outcome"] for e in marked.values()}
    status = (
        "unreadable"
        if unreadable
        else "infrastructure"
        if "infrastructure" in outcomes
        else "partial"
        if outcomes & set(OPEN)
        else "graded"
    )
    return {
        "schema": 1,
        "submission": name,
        "sha256": hashlib.sha256(data).hexdigest(),
        "grader": grader.__version__,
        "isolation": isolation,
        "status": status,
        "complete": not outcomes & set(OPEN),
        "total": round(math.fsum(e["points"] for e in marked.values()), 4),
        "max_total": math.fsum(e["max_points"] for e in marked.values()),
        "notes": list(notes),
        "exercises": marked,
    }
