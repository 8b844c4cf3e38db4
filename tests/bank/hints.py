"""`python -m tests.bank.hints`: what students read for mistakes that the hints were not made for.

unseen/ holds slips written from the exercises' contracts alone, before the hints were mended, each with its `truth`: what
is wrong, in a sentence. Each is graded on its exercise. unseen/judged.json says of every cause that was named whether, by the
slip's code, it is "true", "wrong" or "vague" (not wrong, but it leads nowhere).

Fails on a cause that is not judged yet, and on a slip that keeps full marks: that is a missing law.
"""

import argparse
import json
import re
import sys
from collections import Counter
from pathlib import Path

from gate.submissions import FOLDER, read
from tests.bank import judge

KIND = "unseen"
JUDGED = FOLDER / KIND / "judged.json"
# Facts that laws state without looking for a cause; what the list has forgotten turns up as unjudged.
NO_CAUSE = re.compile(
    "the result |the function changed its input|no error was raised|.* give the same$"
    "|a row's estimate is negative|get_sentiment_scores was called|a gradient reaches "
)


def cause(law):
    """The cause that a failing law names, or "": the one place that tells causes from the facts before them."""
    return "; ".join(part for part in law["hint"].split("; ") if not NO_CAUSE.match(part))


def row(submission):
    """What the student reads who hands this in; runs in a process of the pool."""
    bench = judge.bench
    verdict = bench.grader.check(submission.notebook(bench.source), exercises=[submission.stem])
    own = verdict["exercises"][submission.stem]
    failing = [law for law in own["laws"] if not law["passed"]]
    return {
        "id": submission.id,
        "stem": submission.stem,
        "truth": submission.notes["truth"],
        "points": own["points"],
        "max_points": own["max_points"],
        "outcome": own["outcome"],
        "hints": {law["test"]: law["hint"] for law in failing},
        "causes": sorted({cause(law) for law in failing} - {""}),
    }


def verdict_on(row, judged):
    """Of one slip: "wrong" if any law names a wrong cause, else "true" if any names the true one, else "none"."""
    opinions = {judged.get(row["id"], {}).get(text, "unjudged") for text in row["causes"]}
    return next((word for word in ("wrong", "unjudged", "true") if word in opinions), "none")


def line(row):
    start = f"{row['verdict']:8} {row['id']:46} {row['points']:5.2f} of {row['max_points']:g}  {row['truth']}"
    hints = [f"{test.removeprefix('test_')}: {hint or '-'}" for test, hint in row["hints"].items()]
    return "\n         ".join([start, *hints])


def shares(rows, judged):
    """The figures, for each exercise and for all, with what is still to judge and what no law sees."""
    lines = []
    for stem in [*dict.fromkeys(row["stem"] for row in rows), "all"]:
        counts = Counter(row["verdict"] for row in rows if stem in (row["stem"], "all"))
        figures = [
            f"{word} {counts[word]} ({counts[word] / counts.total():.0%})"
            for word in ("true", "none", "wrong", "unjudged")
        ]
        lines.append(f"{stem:20} {counts.total():4} slips: " + ", ".join(figures))
    lines += [f"keeps full marks: {row['id']}: {row['truth']}" for row in full_marks(rows)]
    lines += [f"unjudged: {row['id']}: {text}" for row, text in unjudged(rows, judged)]
    return lines


def full_marks(rows):
    return [row for row in rows if row["points"] >= row["max_points"]]


def unjudged(rows, judged):
    return [(r, text) for r in rows for text in r["causes"] if text not in judged.get(r["id"], {})]


def main():
    sys.stdout.reconfigure(errors="backslashreplace")
    parser = argparse.ArgumentParser(
        prog="python -m tests.bank.hints", description=__doc__.split("\n")[0]
    )
    parser.add_argument("stems", nargs="*", help="exercises (default: all)")
    parser.add_argument("--jobs", type=int, default=2, help="gradings at the same time")
    parser.add_argument("--json", type=Path, help="write the rows to this file, too")
    options = parser.parse_args()
    slips = [s for s in read(KIND) if s.stem in (options.stems or [s.stem])]
    judged = json.loads(JUDGED.read_text())
    rows = []
    with judge.pool(options.jobs) as pool:
        for found in pool.map(row, slips):
            rows.append(found | {"verdict": verdict_on(found, judged)})
            print(line(rows[-1]), flush=True)
    print("", *shares(rows, judged), sep="\n")
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1, ensure_ascii=False) + "\n")
    return 1 if full_marks(rows) or unjudged(rows, judged) else 0


if __name__ == "__main__":
    sys.exit(main())
