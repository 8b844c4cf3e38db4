"""`python -m tests.bank`: every submission of the bank on every exercise, and the matrix submissions × laws.

Fails on a surviving mutant, a hurt variant, a hostile outcome that is not as written, a law that kills nothing, marks lost
elsewhere, a leak, an honest neighbour who loses, a changed course file, a process that outlives its grading.
"""

import argparse
import json
import sys
from collections import Counter
from pathlib import Path

from grader.wall.choice import AUTO, CHOICES
from tests.bank import harm, judge


def main():
    sys.stdout.reconfigure(errors="backslashreplace")
    parser = argparse.ArgumentParser(
        prog="python -m tests.bank", description=__doc__.split("\n")[0]
    )
    parser.add_argument(
        "kinds", nargs="*", help=f"what to run, of: {' '.join(judge.KINDS)} (default: everything)"
    )
    parser.add_argument(
        "--jobs", type=int, default=2, help="gradings at the same time (default: 2)"
    )
    text = "the wall to grade behind (default: %(default)s)"
    parser.add_argument("--isolation", choices=CHOICES, default=AUTO, help=text)
    parser.add_argument("--rows", type=Path, metavar="FILE", help="the rows as JSON lines")
    options = parser.parse_args()
    kinds = options.kinds or judge.KINDS
    if unknown := set(kinds) - set(judge.KINDS):
        parser.error(f"unknown kind: {' '.join(sorted(unknown))}")
    before = harm.fingerprint_of_course()
    rows = run(judge.items(kinds), options.jobs, options.isolation)
    if options.rows:
        options.rows.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    faults = [f"{row['id']}: {fault}" for row in rows for fault in row["faults"]] + harm.survivors()
    if harm.fingerprint_of_course() != before:
        faults.append("files of the course were changed")
    if "mutants" in kinds:
        faults += judge.idle_laws(rows)
    summary(rows, faults)
    return 1 if faults else 0


def run(items, jobs, isolation):
    """One row a submission, printed as it is judged."""
    rows = []
    with judge.pool(jobs, isolation) as pool:
        for row in pool.map(judge.judge, items):
            rows.append(row)
            print(line(row, f"{len(rows)}/{len(items)}"), flush=True)
    return rows


def line(row, place):
    """The laws that failed stand at the end of the line: its row of the matrix."""
    lost = " ".join(law.removeprefix("test_") for law in row["failed"])
    start = f"{place:>7} {'FAULT' if row['faults'] else 'ok':5} {row['kind']:8} {row['id']:52}"
    return "\n        ".join(
        [f"{start} {row['points']:5.2f} {row['outcome']:15} {lost}".rstrip(), *row["faults"]]
    )


def summary(rows, faults):
    print("\nMutants killed by each law:")
    for stem, counts in judge.kills(rows).items():
        print(
            f"  {stem}: "
            + ", ".join(f"{law.removeprefix('test_')} {counts[law]}" for law in judge.laws()[stem])
        )
    print(
        "\n"
        + ", ".join(
            f"{count} {kind}" for kind, count in Counter(row["kind"] for row in rows).items()
        )
    )
    print(
        "\n".join(["", f"{len(faults)} faults:", *faults])
        if faults
        else "\nEverything as written down."
    )


if __name__ == "__main__":
    sys.exit(main())
