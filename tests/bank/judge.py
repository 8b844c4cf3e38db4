"""Judges the bank's submissions and says in words what is not as it should be."""

import json

from grader.course import load_course
from tests.bank.submissions import HIDDEN


def the_course():
    return load_course(HIDDEN)


def the_source(course):
    return json.loads(course.notebook.read_text())


def failed_laws(exercise):
    return [law["test"] for law in exercise["laws"] if not law["passed"]]


def mutant_faults(submission, verdict):
    """A mutant loses marks in its exercise, through the laws its notes name, and the student reads the right hint."""
    own = verdict["exercises"][submission.stem]
    missing = set(submission.notes["fails"].split()) - set(failed_laws(own))
    faults = [f"{law} should fail" for law in sorted(missing)]
    if own["points"] >= own["max_points"]:
        faults.append("survived")
    if own["outcome"] not in ("partial", "wrong"):
        faults.append(f"outcome {own['outcome']}")
    hints = [law["hint"] for law in own["laws"] if not law["passed"]]
    if not any(submission.notes.get("hint", "") in hint for hint in hints):
        faults.append(f"no hint says {submission.notes['hint']!r}: {hints}")
    return faults + losses_elsewhere(submission, verdict)


def variant_faults(submission, verdict):
    own = verdict["exercises"][submission.stem]
    lost = [
        f"{law['test']}: {law['counterexample']} gave {law['got']}; {law['hint']}"
        for law in own["laws"]
        if not law["passed"]
    ]
    if own["outcome"] != "pass" and not lost:
        lost = [f"outcome {own['outcome']}: {own.get('note')}"]
    return lost + losses_elsewhere(submission, verdict)


def hostile_faults(submission, verdict):
    """The outcome and the mark are those written down, and no other exercise is harmed."""
    own = verdict["exercises"][submission.stem]
    expected, points = submission.notes["outcome"], float(submission.notes.get("points", 0))
    faults = (
        []
        if own["outcome"] == expected
        else [f"outcome {own['outcome']}, expected {expected}: {own.get('note')} {failures(own)}"]
    )
    if abs(own["points"] - points) > 1e-6:
        faults.append(f"{own['points']:g} points, expected {points:g}: failed {failed_laws(own)}")
    return faults + losses_elsewhere(submission, verdict)


def failures(exercise):
    return [f"{law['test']} gave {law['got']!r}" for law in exercise["laws"] if not law["passed"]][:2]


def losses_elsewhere(submission, verdict):
    allowed = {submission.stem, *submission.notes.get("elsewhere", "").split()}
    return [
        f"{stem} lost marks too: {exercise['points']:g} of {exercise['max_points']:g}, {exercise['outcome']}"
        for stem, exercise in verdict["exercises"].items()
        if stem not in allowed and exercise["laws"] and exercise["outcome"] != "pass"
    ]


FAULTS = {"mutants": mutant_faults, "variants": variant_faults, "hostile": hostile_faults}
