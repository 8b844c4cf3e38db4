"""`make fuzz`: notebooks mutated in bytes, JSON, cells and metadata, from a fixed seed, through preflight and the grader.

Every one is repaired or refused with a reason: never a crash, the graded cells always those of the source, and what is
shown renders. Samples are graded between honest students, whose verdicts may not differ in a letter.
"""

import argparse
import copy
import json
import random
import time
from collections import Counter

import nbformat
from mutations import MUTATIONS
from nbconvert.exporters import HTMLExporter
from toys import TOY, notebook

from gate import ROOT
from grader.assignment import load_assignment
from grader.judging.session import Grader
from grader.reader import Unreadable
from grader.submission.outputs import TAG
from grader.submission.preflight import MAX_PROSE, repair


def hand_ins(documents, count, seed):
    """(kind of mutation, bytes), always the same ones."""
    chance = random.Random(seed)
    for number in range(count):
        mutate = MUTATIONS[number % len(MUTATIONS)]
        made = mutate(copy.deepcopy(chance.choice(documents)), chance)
        yield mutate.__name__, made if isinstance(made, bytes) else json.dumps(made).encode()


def faults(submission, source):
    """What a repaired submission must be, whatever it was made from; `source` are the instructor's cells."""
    cells, found = submission.notebook["cells"], []
    if graded(cells) != graded(source):
        found.append("graded cells are not the source's")
    own = {"".join(cell["source"]).strip() for cell in source}
    prose = [
        cell["source"]
        for cell in cells
        if cell["cell_type"] != "code" and cell["source"].strip() not in own
    ]
    if any(TAG.search(text) or len(text) > 10 * MAX_PROSE for text in prose):
        found.append("a student's markup is left")
    nbformat.validate(nbformat.from_dict(submission.notebook))
    return found


def graded(cells):
    """The marks' metadata, each once; a student may have changed the order."""
    clues = [cell["metadata"]["nbgrader"] for cell in cells if cell["metadata"].get("nbgrader")]
    return sorted(clues, key=lambda clue: clue["grade_id"])


def render(submission):
    page, _ = HTMLExporter(template_name="classic").from_notebook_node(
        nbformat.from_dict(submission.notebook)
    )
    return ["a script is left"] if "<script>alert(1)" in page else []


def fuzz(assignment, documents, count, seed=0, rendered=20):
    """Counts of outcomes, by kind of mutation; AssertionError with the bytes at the first fault."""
    outcomes, source = Counter(), json.loads(assignment.notebook.read_text())["cells"]
    for number, (kind, data) in enumerate(hand_ins(documents, count, seed)):
        try:
            submission = repair(data, assignment)
        except Unreadable as reason:
            assert str(reason)
            outcomes[kind, "refused"] += 1
            continue
        found = faults(submission, source) + (
            render(submission) if number % rendered < len(MUTATIONS) else []
        )
        assert not found, (found, number, data[:2000])
        ended = "repaired" if submission.notes else "as it was"
        outcomes[kind, "tampered" if submission.tampered else ended] += 1
    return outcomes


def neighbours(assignment, documents, count, seed=1):
    """Grade mutated notebooks, and an honest student after each; gives the outcomes of the mutated ones."""
    outcomes, honest = Counter(), json.dumps(documents[0]).encode()
    with Grader(assignment) as grader:
        expected = grader.check(honest, name="honest")
        for _, data in hand_ins(documents, count, seed):
            verdict = grader.check(data)
            outcomes[
                verdict["status"], *sorted({e["outcome"] for e in verdict["exercises"].values()})
            ] += 1
            assert (
                verdict["status"] != "infrastructure"
                and 0 <= verdict["total"] <= verdict["max_total"]
            ), data[:2000]
            assert grader.check(honest, name="honest") == expected, (
                "another student's verdict changed",
                data[:2000],
            )
    return outcomes


def main():
    parser = argparse.ArgumentParser(prog="make fuzz", description=__doc__)
    parser.add_argument(
        "--count",
        type=int,
        default=12_000,
        help="notebooks through preflight (default: %(default)s)",
    )
    parser.add_argument(
        "--graded",
        type=int,
        default=400,
        help="notebooks graded between honest ones (default: %(default)s)",
    )
    parser.add_argument(
        "--seed", type=int, default=0, help="other notebooks (default: %(default)s)"
    )
    options = parser.parse_args()
    real, toy = (
        load_assignment(ROOT / "tests/hidden"),
        [notebook(), notebook("pass"), notebook(before=["import math"], after=["1"])],
    )
    solved = json.loads(real.notebook.read_text())
    blank = json.loads((ROOT / "release/sentiment/exercise.ipynb").read_text())
    for words, work in {
        "course, preflight": lambda: fuzz(real, [solved, blank], options.count // 2, options.seed),
        "toy, preflight": lambda: fuzz(
            load_assignment(TOY / "hidden"), toy, options.count // 2, options.seed + 1
        ),
        "toy, graded": lambda: neighbours(
            load_assignment(TOY / "hidden"), toy, options.graded, options.seed + 2
        ),
    }.items():
        start = time.monotonic()
        outcomes = work()
        print(
            f"{words}: {sum(outcomes.values())} notebooks in {time.monotonic() - start:.0f} s, no fault"
        )
        print(
            "\n".join(
                f"  {number:6} {', '.join(kind)}" for kind, number in sorted(outcomes.items())
            ),
            flush=True,
        )


if __name__ == "__main__":
    main()
