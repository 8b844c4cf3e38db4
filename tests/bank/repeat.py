"""`python -m tests.bank.repeat`: 20 submissions of all kinds, graded again and again: no verdict may differ in any letter."""

import argparse
import itertools
import sys
from collections import Counter

from tests.bank import judge

SHARES = {"mutants": 9, "variants": 5, "hostile": 4, "damage": 2}
# outcomes whose place in the laws depends on the machine's load
BY_CHANCE = {"timeout", "out_of_memory"}


def main():
    sys.stdout.reconfigure(errors="backslashreplace")
    parser = argparse.ArgumentParser(prog="python -m tests.bank.repeat", description=__doc__)
    parser.add_argument(
        "--gradings", type=int, default=1000, help="how many in all (default: 1000)"
    )
    parser.add_argument(
        "--jobs", type=int, default=2, help="gradings at the same time (default: 2)"
    )
    options = parser.parse_args()
    chosen = sample()
    work = list(itertools.islice(itertools.cycle(chosen), options.gradings))
    seen = {}
    with judge.pool(options.jobs) as pool:
        for done, (item, row) in enumerate(zip(work, pool.map(judge.judge, work), strict=True), 1):
            seen.setdefault(item, Counter())[row["digest"]] += 1
            print(f"\r{done} of {len(work)} gradings", end="", flush=True)
    differing = [item for item, digests in seen.items() if len(digests) > 1]
    print(
        f"\n{len(work)} gradings of {len(chosen)} submissions, {len(differing)} with verdicts that differ: {differing}"
    )
    return 1 if differing else 0


def sample():
    """The first few of each kind whose outcome does not depend on time."""
    submissions = {
        (s.kind, s.id): s for kind in ("mutants", "variants", "hostile") for s in judge.read(kind)
    }
    chosen = []
    for kind, share in SHARES.items():
        items = [
            item for item in judge.items([kind]) if not outcomes(submissions.get(item)) & BY_CHANCE
        ]
        chosen += [item for item in items if len(outcomes(submissions.get(item))) < 2][:share]
    return chosen


def outcomes(submission):
    return set(submission.notes.get("outcome", "").split()) if submission else set()


if __name__ == "__main__":
    sys.exit(main())
