"""`python -m tests.bank`: every submission of the bank on every exercise, and the matrix submissions × laws.

Fails on a surviving mutant, a hurt variant, a hostile outcome that is not as written, a law that kills nothing, marks lost
elsewhere, a leak, an honest neighbour who loses, a changed course file, a process that outlives its grading.
"""

import argparse
import sys
from collections import Counter
from concurrent.futures import ProcessPoolExecutor

from tests.bank import judge
from tests.bank.damage import EDITS
from tests.bank.submissions import read

KINDS = ("mutants", "variants", "hostile", "trivial", "damage")


def main():
    parser = argparse.ArgumentParser(prog="python -m tests.bank", description=__doc__.split("\n")[0])
    parser.add_argument(
        "kinds", nargs="*", choices=[*KINDS, []], default=KINDS, help="what to run (default: everything)"
    )
    parser.add_argument("--jobs", type=int, default=2, help="gradings at the same time (default: 2)")
    options = parser.parse_args()
    before = judge.fingerprint_of_course()
    rows = run(options.kinds or KINDS, options.jobs)
    faults = [fault for row in rows for fault in row["faults"]] + judge.survivors()
    if judge.fingerprint_of_course() != before:
        faults.append("files of the course were changed")
    if "mutants" in (options.kinds or KINDS):
        faults += idle_laws(rows)
    summary(rows, faults)
    return 1 if faults else 0


def run(kinds, jobs):
    """One row a submission, printed as it is judged; hostile ones alternate with the others, so that neighbours meet."""
    work = [("damage", edit.name) for edit in EDITS if "damage" in kinds]
    work += [
        (kind, submission.id)
        for kind in ("mutants", "variants", "hostile", "trivial")
        if kind in kinds
        for submission in read(kind)
    ]
    work.sort(key=lambda item: hash_of(item))
    rows = []
    with ProcessPoolExecutor(jobs, initializer=judge.start) as pool:
        for row in pool.map(judge.judge, work):
            rows.append(row)
            print(line(row), flush=True)
    return rows


def hash_of(item):
    """A fixed shuffle."""
    return sum(ord(letter) * 31**place % 1009 for place, letter in enumerate(reversed("/".join(item))))


def line(row):
    lost = " ".join(law.removeprefix("test_") for law in row["failed"])
    text = f"{'FAULT' if row['faults'] else 'ok':5} {row['kind']:8} {row['id']:55} {row['points']:5.2f} {row['outcome']:15} {lost}"
    return "\n      ".join([text.rstrip(), *row["faults"]])


def kills(rows):
    """How many mutants each law kills: {stem: Counter of laws}."""
    table = {}
    for row in rows:
        table.setdefault(row["stem"], Counter()).update(row["failed"] if row["kind"] == "mutants" else [])
    return table


def idle_laws(rows):
    killed = kills(rows)
    return [
        f"{stem} {law} kills no mutant"
        for stem, laws in judge.laws().items()
        for law in laws
        if not killed.get(stem, {})[law]
    ]


def summary(rows, faults):
    print("\nMutants killed by each law:")
    killed = kills(rows)
    for stem, laws in judge.laws().items():
        counts = ", ".join(f"{law.removeprefix('test_')} {killed.get(stem, Counter())[law]}" for law in laws)
        print(f"  {stem}: {counts}")
    print("\n" + ", ".join(f"{count} {kind}" for kind, count in Counter(row["kind"] for row in rows).items()))
    print("\n".join(["", f"{len(faults)} faults:", *faults]) if faults else "\nEverything as written down.")


if __name__ == "__main__":
    sys.exit(main())
