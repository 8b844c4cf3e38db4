"""How often the gate errs: honest rewards, negative controls and hacked settings over many seeds, laws switched off.

python -m gate.calibrate                                # all but variants and mutants: 20 seeds each, then the report
python -m gate.calibrate --kinds variant mutant --seeds 1
python -m gate.calibrate --report                       # only the report, from what has been run

Every run is one line of docs/calibration.jsonl, so a stopped calibration goes on where it was; a line that other code,
settings, models or packages gave is measured again. The report goes to docs/calibration.md.
"""

import argparse
import atexit
import json
import multiprocessing
import os
import sys
import tempfile
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tqdm import tqdm

from gate import ROOT
from grader.assignment import LAWS, load_assignment
from grader.classroom.slots import cores, cpu
from grader.judging.session import Grader
from lab.command import print_anything

if TYPE_CHECKING:
    from gate.cases import Case
    from gate.gate import Request

RUNS = ROOT / "docs" / "calibration.jsonl"
REPORT = ROOT / "docs" / "calibration.md"
KINDS = ["honest", "float32", "control", "hacked", "limit", "compared", "variant", "mutant"]
THREADS = 1  # of one run: several runs side by side use a machine better than threads do
Row = dict[str, Any]
grader: Grader | None = None  # of this process


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Return the command line's arguments."""
    parser = argparse.ArgumentParser(
        "python -m gate.calibrate",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=KINDS[:6])
    parser.add_argument("--seeds", type=int, default=20, help="seeds 0, 1, …  (default: 20)")
    parser.add_argument("--jobs", type=int, default=cores(), help="runs at the same time")
    parser.add_argument("--report", action="store_true", help="run nothing")
    return parser.parse_args(argv)


def prepare() -> None:
    """Start this process's sandbox, before torch starts threads."""
    global grader
    os.environ["OMP_NUM_THREADS"] = str(THREADS)
    os.environ.setdefault("CUDA_VISIBLE_DEVICES", "0")  # one run, one GPU
    grader = Grader(load_assignment(ROOT / LAWS)).__enter__()
    atexit.register(grader.__exit__)


def try_case(case: "Case", seed: int, known: Row | None) -> Row:
    """Return one line of calibration.jsonl: the one that is `known`, if the run would be the same again."""
    from gate.gate import run_gate

    assert grader is not None, "prepare has run in this process"
    with tempfile.TemporaryDirectory() as folder, case.number_format():
        request, key = asked(case, seed, grader, Path(folder))
        if known and known["key"] == key:
            return {**known, "kind": case.kind, "trips": case.trips}
        verdict = run_gate(request, grader)
    result = verdict["seeds"][0] if verdict["seeds"] else {"figures": None, "seconds": None}
    return {
        "kind": case.kind,
        "name": case.name,
        "trips": case.trips,
        "seed": seed,
        "figures": result["figures"] and rounded(result["figures"]),
        "stopped": verdict["stopped"],
        "seconds": result["seconds"] and round(result["seconds"]["train"], 1),
        "device": verdict["device"],
        "cpu": cpu(),
        "date": date.today().isoformat(),
        "key": key,
    }


def asked(case: "Case", seed: int, judge: Grader, out: Path) -> tuple["Request", str]:
    """Return what the gate is asked of a case, with `out` for its run, and the run's key as a line has it."""
    from gate.figures import run_key
    from gate.gate import Request
    from grader.submission.preflight import repair

    submission = repair(case.notebook, judge.assignment)
    request = Request(submission, case.name, out, seeds=(seed,), settings=case.settings, laws={})
    return request, run_key(submission.cells, request.config(seed))[:16]


def rounded(figures: dict[str, float]) -> dict[str, float]:
    """Return a run's figures as a line has them."""
    return {name: round(value, 4) for name, value in figures.items()}


def recorded() -> dict[tuple[str, int], Row]:
    """Return what calibration.jsonl holds, by name and seed: of two lines on one run the later counts."""
    text = RUNS.read_text() if RUNS.is_file() else ""
    lines = text.splitlines()[: text.count("\n")]  # a kill may have cut the last one short
    return {(row["name"], row["seed"]): row for row in map(json.loads, lines)}


def calibrate(options: argparse.Namespace) -> None:
    """Run what is missing, several at a time."""
    from gate.cases import SMALLEST, cases

    known, names = recorded(), {case.name for case in cases(KINDS, SMALLEST)}
    store(row for row in known.values() if row["name"] in names)
    work = [
        (case, seed, known.get((case.name, seed)))
        for seed in range(options.seeds)
        for case in cases(options.kinds, SMALLEST)
    ]
    spawn = multiprocessing.get_context("spawn")
    with (
        RUNS.open("a") as file,
        ProcessPoolExecutor(options.jobs, spawn, initializer=prepare) as pool,
    ):
        for row in tqdm(pool.map(try_case, *zip(*work, strict=True)), total=len(work)):
            if row != known.get((row["name"], row["seed"])):
                file.write(json.dumps(row) + "\n")
                file.flush()
    store(recorded().values())


def store(rows: Iterable[Row]) -> None:
    """Write calibration.jsonl anew."""
    temporary = RUNS.with_suffix(".part")
    temporary.write_text("".join(json.dumps(row) + "\n" for row in rows))
    temporary.replace(RUNS)


def main(argv: list[str] | None = None) -> int:
    """0 when every case went as it must, else 1."""
    print_anything()
    options = parse_args(argv)
    if not options.report:
        calibrate(options)
    from gate.calibration import faults, report

    rows = list(recorded().values())
    REPORT.write_text(report(rows), encoding="utf-8")
    found = faults(rows)
    print("\n".join([*found, f"{len(rows)} runs, {len(found)} against expectation: {REPORT}"]))
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
