"""Judges submissions of the bank and says in words what is not as it should be."""

import atexit
import dataclasses
import hashlib
import json
import multiprocessing
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from functools import cache

from gate.submissions import HIDDEN, read
from grader.assignment import load_assignment
from grader.judging.session import Grader
from grader.verdict import Outcome
from grader.wall.choice import AUTO, chosen
from tests.bank import harm, words
from tests.bank.damage import EDITS
from tests.bank.damage import STEM as DAMAGED

NEIGHBOUR = (
    "forward_kl_reward"  # the honest exercise graded right after a hostile one, in the same sandbox
)


def failed_laws(exercise):
    return [law["test"] for law in exercise["laws"] if not law["passed"]]


def mutant_faults(submission, verdict):
    """A mutant loses marks in its exercise, through the laws its notes name, and the student reads the right hint."""
    own = verdict["exercises"][submission.stem]
    faults = [
        f"{law} should fail"
        for law in submission.notes["fails"].split()
        if law not in failed_laws(own)
    ]
    if own["points"] >= own["max_points"]:
        faults.append("survived")
    if own["outcome"] not in ("partial", "wrong"):
        faults.append(f"outcome {own['outcome']}")
    hints = [law["hint"] for law in own["laws"] if not law["passed"]]
    expected = submission.notes.get("hint", "")
    if not any(expected in hint for hint in hints):
        faults.append(f"no hint says {expected!r}: {hints}")
    return faults


def variant_faults(submission, verdict):
    own = verdict["exercises"][submission.stem]
    return (
        [] if own["outcome"] == "pass" else [f"{own['outcome']} {own.get('note')}: {failures(own)}"]
    )


def hostile_faults(submission, verdict):
    """The outcome and the mark are those written down."""
    own = verdict["exercises"][submission.stem]
    notes, there = submission.notes, f" on {verdict['isolation']}"
    expected = notes.get(f"outcome{there}", notes["outcome"]).split()
    points = float(notes.get(f"points{there}", notes.get("points", 0)))
    faults = []
    if own["outcome"] not in expected:
        faults.append(
            f"outcome {own['outcome']}, expected {' or '.join(expected)}: {own.get('note')} {failures(own)}"
        )
    if abs(own["points"] - points) > 1e-6:
        faults.append(f"{own['points']:g} points, expected {points:g}: {failures(own)}")
    return faults


def told_faults(submission, verdict):
    """Marks, outcome, and what the student reads of it, are those written down."""
    return words.faults(submission, words.told(submission, verdict, bench.source))


FAULTS = {
    "mutants": mutant_faults,
    "variants": variant_faults,
    "hostile": hostile_faults,
    "trivial": hostile_faults,
    "told": told_faults,
}


KINDS = (*FAULTS, "damage")


def failures(exercise):
    words = [
        f"{law['test']}: {law['counterexample']} gave {law['got']}; {law['hint']}"
        for law in exercise["laws"]
        if not law["passed"]
    ]
    return " | ".join(words[:2])


def losses_elsewhere(submission, verdict):
    allowed = {submission.stem, *submission.notes.get("elsewhere", "").split()}
    return [
        f"{stem} lost marks too: {exercise['points']:g} of {exercise['max_points']:g}, {exercise['outcome']}"
        for stem, exercise in verdict["exercises"].items()
        if stem not in allowed and exercise["laws"] and exercise["outcome"] != "pass"
    ]


def damage_faults(edit, verdict):
    """An unreadable file gets no marks and a reason; any other damage costs nothing, and is reported where it matters."""
    if edit.expected == "unreadable":
        said = verdict["status"] == "unreadable" and verdict["notes"] and verdict["total"] == 0
        return (
            []
            if said
            else [
                f"status {verdict['status']}, total {verdict['total']:g}, notes {verdict['notes']}"
            ]
        )
    graded = {stem: exercise for stem, exercise in verdict["exercises"].items() if exercise["laws"]}
    faults = [
        f"{stem}: {e['points']:g} points, {e['outcome']}: {failures(e)}"
        for stem, e in graded.items()
        if e["points"] != e["max_points"]
    ]
    tampered = {stem for stem, exercise in graded.items() if exercise["outcome"] == "tampered"}
    return faults + (
        []
        if tampered == edit.expected
        else [f"reported as tampered: {tampered}; notes {verdict['notes']}"]
    )


# --- in each process of the pool


class Bench:
    """What a process of the pool keeps: a running grader, the instructor's notebook, the submissions by name."""

    def __init__(self, isolation):
        self.assignment = load_assignment(HIDDEN)
        # whoever never answers need not be waited for so long; in `python -m tests.bank` he is
        limits = dataclasses.replace(self.assignment.limits, call_seconds=2.0, load_seconds=6.0)
        self.impatient = dataclasses.replace(self.assignment, limits=limits)
        self.grader = Grader(self.assignment, isolation).__enter__()
        self.source = json.loads(self.assignment.notebook.read_text())
        self.submissions = {(s.kind, s.id): s for kind in FAULTS for s in read(kind)} | {
            ("damage", e.name): e for e in EDITS
        }


def start(isolation):
    global bench
    bench = Bench(isolation)
    atexit.register(bench.grader.__exit__, None, None, None)


def pool(jobs, isolation=AUTO):
    """Processes that judge: each has a grader of its own, and none of the caller's modules."""
    name = chosen(isolation).name
    return ProcessPoolExecutor(
        jobs,
        mp_context=multiprocessing.get_context("spawn"),
        initializer=start,
        initargs=[name],
    )


def judge(item, everything=True):
    """The row of one submission, `item` = (kind, id); with `everything` all exercises are graded, not its own alone."""
    kind, submission = item[0], bench.submissions[item]
    stem = DAMAGED if kind == "damage" else submission.stem
    impatient = not everything and kind == "hostile" and waits(submission.notes)
    bench.grader.assignment = bench.impatient if impatient else bench.assignment
    verdict = bench.grader.check(
        submission.notebook(bench.source), exercises=None if everything else [stem]
    )
    own = verdict["exercises"][stem]
    if kind == "damage":
        faults = damage_faults(submission, verdict)
    else:
        faults = FAULTS[kind](submission, verdict) + losses_elsewhere(submission, verdict)
    bench.grader.assignment = bench.assignment
    if kind == "hostile":
        faults += neighbour_faults()
    faults += harm.leaks(verdict)
    result = {"points": own["points"], "outcome": own["outcome"], "failed": failed_laws(own)}
    digest = hashlib.sha256(json.dumps(verdict, sort_keys=True).encode()).hexdigest()
    return {"kind": kind, "id": item[1], "stem": stem, **result, "faults": faults, "digest": digest}


def waits(notes):
    """Whether a hostile submission is one that never answers."""
    return "waits" in notes or notes["outcome"] == Outcome.TIMEOUT


def neighbour_faults():
    honest = bench.grader.check(json.dumps(bench.source).encode(), exercises=[NEIGHBOUR])[
        "exercises"
    ][NEIGHBOUR]
    return (
        []
        if honest["outcome"] == "pass"
        else [f"an honest neighbour got {honest['outcome']}: {failures(honest)}"]
    )


def items(kinds=KINDS):
    """All (kind, id), shuffled in a fixed way so that the hostile ones meet the others."""
    found = [("damage", edit.name) for edit in EDITS if "damage" in kinds]
    found += [
        (kind, submission.id) for kind in FAULTS if kind in kinds for submission in read(kind)
    ]
    return sorted(found, key=lambda item: hashlib.sha256("/".join(item).encode()).digest())


def kills(rows):
    """How many mutants each law kills: {stem: Counter of laws}."""
    table = {stem: Counter() for stem in laws()}
    for row in rows:
        if row["kind"] == "mutants":
            table[row["stem"]].update(row["failed"])
    return table


def idle_laws(rows):
    killed = kills(rows)
    return [
        f"{stem} {law} kills no mutant"
        for stem, names in laws().items()
        for law in names
        if not killed[stem][law]
    ]


@cache
def laws():
    """{stem: names of its laws}, as the files have them."""
    return {
        path.stem.removeprefix("test_"): [
            line[4:].partition("(")[0]
            for line in path.read_text().split("\n")
            if line.startswith("def test_")
        ]
        for path in sorted(HIDDEN.glob("test_*.py"))
    }
