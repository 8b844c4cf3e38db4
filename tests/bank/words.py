"""`python -m tests.bank.words`: what a student reads for each slip of the bank: the visible check's words, the laws', the marks.

To be read by eye: which words name a wrong cause, which slip gets no hint, which marks are out of line. Kinds: mutants, unseen,
told (default: told). told/ holds work whose words are written down: what checks.py must say (`check`), what the grader
must say (`says`) and what neither may say (`never`), parts separated by "|".
"""

import argparse
import contextlib
import io
import json
import sys
import tempfile
from pathlib import Path

from gate.submissions import read
from grader.judging.feedback import exercise_text

KINDS = ("mutants", "unseen", "told")


def checked(submission, source):
    """What `python checks.py` says of the exercise; torch is loaded for it."""
    from checks import passed, saved_problem
    from lab.alone import Surroundings
    from lab.notebook import sources
    from rewards import load_rewards

    prints = io.StringIO()  # what its cells and its function print
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(prints):
        path = Path(folder, "exercise.ipynb")
        path.write_bytes(submission.notebook(source))
        rewards, here = load_rewards(path), Surroundings(path.parent)
        problem = saved_problem(rewards, submission.stem, sources(path, {}), here)
    return f"{problem or passed(submission.stem)}\n"


def told(submission, verdict, source):
    """Both sides' words, with marks and outcome."""
    own = verdict["exercises"][submission.stem]
    laws = exercise_text(submission.stem, own)
    return own | {"id": submission.id, "check": checked(submission, source), "laws": laws}


def row(submission):
    """The same of one that is still to be graded; runs in a process of the pool."""
    from tests.bank.judge import bench

    document = submission.notebook(bench.source)
    verdict = bench.grader.check(document, exercises=[submission.stem])
    return told(submission, verdict, bench.source)


def faults(submission, found):
    """What is not as it is written down."""
    notes, words = submission.notes, found["check"] + found["laws"]
    lacking = [
        f"{who} does not say {part!r}"
        for who, key in (("checks.py", "check"), ("the grader", "says"))
        for part in notes.get(key, "").split("|")
        if part and part not in found[{"check": "check", "says": "laws"}[key]]
    ]
    said = [
        f"says {part!r}" for part in notes.get("never", "").split("|") if part and part in words
    ]
    if abs(found["points"] - float(notes["points"])) > 1e-6:
        lacking.append(f"{found['points']:g} points, not {notes['points']}")
    if found["outcome"] != notes.get("outcome", found["outcome"]):
        lacking.append(f"outcome {found['outcome']}, not {notes['outcome']}")
    return lacking + said


def main():
    sys.stdout.reconfigure(errors="backslashreplace")
    parser = argparse.ArgumentParser(
        prog="python -m tests.bank.words", description=__doc__.split("\n")[0]
    )
    parser.add_argument("stems", nargs="*", help="exercises, or ids of slips (default: all)")
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=["told"], help="which slips")
    parser.add_argument("--jobs", type=int, default=2, help="gradings at the same time")
    parser.add_argument("--json", type=Path, help="write the rows to this file, too")
    options = parser.parse_args()
    slips = [s for kind in options.kinds for s in read(kind)]
    slips = [s for s in slips if not options.stems or {s.stem, s.id} & set(options.stems)]
    from tests.bank import judge  # which needs this module

    rows, wrong = [], 0
    with judge.pool(options.jobs) as pool:
        for slip, found in zip(slips, pool.map(row, slips), strict=True):
            rows.append(found)
            about = next(
                (slip.notes[n] for n in ("about", "wrong", "truth") if n in slip.notes), ""
            )
            own = faults(slip, found) if slip.kind == "told" else []
            wrong += len(own)
            print(f"=== {slip.kind} {slip.id}: {about}", found["check"] + found["laws"], sep="\n")
            print(*(f"FAULT {fault}" for fault in own), sep="\n", flush=True)
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1, ensure_ascii=False) + "\n")
    print(f"{len(rows)} slips, {wrong} faults")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
