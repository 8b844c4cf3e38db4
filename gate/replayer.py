"""A process that tries notebooks by replay, one after another: `python -m gate.replayer RECORDINGS ISOLATION SEED`.

It reads a request a line, {"notebook": path, "out": folder, "laws": verdicts by exercise, as grader/verdict.py has them}, and answers a
line: {"mark": what `python -m gate --mark` writes}, or {"differs": why it has to be trained with}. Imports and the
recorded run are paid once for all of them.
"""

import json
import os
import sys
import warnings
from pathlib import Path
from typing import Any

from gate import ROOT
from gate.__main__ import EXPECTED
from grader.assignment import LAWS, load_assignment
from grader.judging.session import Grader
from grader.submission.preflight import repair


def main() -> int:
    """Answer until the standard input ends."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever prints must not end up among the answers
    warnings.filterwarnings("ignore", category=FutureWarning)
    folder, isolation, seed = sys.argv[1:4]
    with Grader(load_assignment(ROOT / LAWS), isolation) as judge_laws:
        # torch and TRL load after the sandbox has started: a process with threads should not fork
        from gate.replay import Recordings, Replay

        replay = Replay(Recordings(Path(folder), judge_laws))
        for line in sys.stdin:
            print(json.dumps(answer(json.loads(line), replay, int(seed))), file=answers, flush=True)
    return 0


def answer(request: dict[str, Any], replay: Any, seed: int) -> dict[str, Any]:
    """Return what one request is answered with."""
    from gate.gate import Request, run_gate
    from gate.mark import training_mark
    from gate.replay import Differs
    from lab.runs import write_json

    notebook, out = Path(request["notebook"]), Path(request["out"])
    try:
        submission = repair(notebook.read_bytes(), replay.judge_laws.assignment)
        asked = Request(submission, str(notebook), out, seeds=(seed,), laws=request["laws"])
        verdict = run_gate(asked, replay.judge_laws, replay)
    except Differs as reason:
        return {"differs": str(reason)}
    except EXPECTED as error:
        return {"differs": f"{type(error).__name__}: {error}"}
    write_json(out / "smoke.json", verdict)
    return {"mark": training_mark(verdict)}


if __name__ == "__main__":
    os.environ.setdefault("CUDA_VISIBLE_DEVICES", "0")
    sys.exit(main())
