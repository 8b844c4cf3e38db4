"""`python -m tests.bank.replays`: right variants, controls and mutants by replay, beside their training runs in docs/calibration.jsonl.

Whatever a replay proves must have the figures that training gave; a control or a mutant must differ, and so be trained with. Seed 0.
"""

import os
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from gate.calibrate import THREADS, Row, asked, recorded, rounded
from grader.assignment import LAWS, load_assignment
from grader.judging.session import Grader
from lab.command import print_anything

if TYPE_CHECKING:
    from gate.cases import Case
    from gate.replay import Replay

SEED = 0
KINDS = ["variant", "control", "mutant"]


def main() -> int:
    """A line a case; 1 where a replay's verdict is not that of training."""
    print_anything()
    os.environ["OMP_NUM_THREADS"] = str(THREADS)  # as the runs had
    rows, told = recorded(), Counter[tuple[str, str]]()
    with tempfile.TemporaryDirectory() as folder, Grader(load_assignment(LAWS)) as judge:
        from gate.cases import SMALLEST, cases
        from gate.replay import Recordings, Replay

        replay = Replay(Recordings(Path(folder), judge))
        for case in cases(KINDS, SMALLEST):
            words = beside(case, rows.get((case.name, SEED)), replay, Path(folder) / "run")
            told[case.kind, words.split(":")[0]] += 1
            print(f"{case.kind:8} {case.name:50} {words}", flush=True)
    for (kind, words), count in sorted(told.items()):
        print(f"{count:3} {kind}s: {words}")
    return int(any(words.startswith("WRONG") for _, words in told))


def beside(case: "Case", row: Row | None, replay: "Replay", out: Path) -> str:
    """How a replay of one case went, beside its training run."""
    from gate.replay import Differs

    request, key = asked(case, SEED, replay.judge_laws, out)
    if row is None or row["key"] != key:
        return "WRONG, or to be measured anew by gate.calibrate: its training run was of other code"
    try:
        verdict = replay(request.submission.cells, request.config(SEED))
    except Differs as reason:
        return f"differs, so it is trained with: {reason}"
    if rounded(verdict["figures"]) != row["figures"]:
        return "WRONG: replayed, with other figures than its training run"
    return "replayed, with the figures of its training run"


if __name__ == "__main__":
    sys.exit(main())
