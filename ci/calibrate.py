"""How often the gate errs: honest rewards, negative controls and hacked settings over many seeds, laws switched off.

python ci/calibrate.py                                # honest, controls, hacked: 20 seeds each, then the report
python ci/calibrate.py --kinds variant mutant --seeds 1
python ci/calibrate.py --report                       # only the report, from what has been run

Every run is one line in build/calibration/runs.jsonl, so a stopped calibration goes on where it was. The report goes to
docs/calibration.md.
"""

import argparse
import atexit
import json
import multiprocessing
import os
import shutil
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor
from datetime import date
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from tqdm import tqdm

from ci.gate import ROOT
from grader.course import load_course
from grader.session import Grader

RUNS = ROOT / "build" / "calibration" / "runs.jsonl"
REPORT = ROOT / "docs" / "calibration.md"
THREADS = 1  # of one run: several runs side by side use a machine better than threads do
grader = None  # of this process


def parse_args(argv=None):
    """Return the command line's arguments."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    kinds = ["honest", "control", "hacked", "variant", "mutant"]
    parser.add_argument("--kinds", nargs="+", choices=kinds, default=kinds[:3])
    parser.add_argument("--seeds", type=int, default=20, help="seeds 0, 1, …  (default: 20)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="runs at the same time")
    parser.add_argument("--report", action="store_true", help="run nothing")
    return parser.parse_args(argv)


def prepare():
    """Start this process's sandbox, before torch starts threads."""
    global grader
    os.environ["OMP_NUM_THREADS"] = str(THREADS)
    grader = Grader(load_course(ROOT / "tests" / "hidden")).__enter__()
    atexit.register(grader.__exit__)


def try_case(case, seed):
    """Return one line of runs.jsonl."""
    from ci.gate.gate import Request, run_gate

    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder)
        request = Request(
            case.notebook, case.name, out, seeds=(seed,), settings=case.settings, skip_laws=True
        )
        verdict = run_gate(request, grader)
        shutil.rmtree(out, ignore_errors=True)
    (result,) = verdict["seeds"]
    return {
        "kind": case.kind,
        "name": case.name,
        "trips": case.trips,
        "seed": seed,
        "figures": result["figures"],
        "seconds": result["seconds"],
        "device": verdict["device"],
        "date": date.today().isoformat(),
    }


def recorded():
    """Return what runs.jsonl holds."""
    return [json.loads(line) for line in RUNS.read_text().splitlines()] if RUNS.is_file() else []


def calibrate(options):
    """Run what is missing, several at a time."""
    from ci.gate.cases import SMALLEST, cases

    done = {(row["name"], row["seed"]) for row in recorded()}
    wanted = [
        (case, seed) for seed in range(options.seeds) for case in cases(options.kinds, SMALLEST)
    ]
    work = [(case, seed) for case, seed in wanted if (case.name, seed) not in done]
    RUNS.parent.mkdir(parents=True, exist_ok=True)
    spawn = multiprocessing.get_context("spawn")
    with (
        RUNS.open("a") as file,
        ProcessPoolExecutor(options.jobs, spawn, initializer=prepare) as pool,
    ):
        for row in tqdm(pool.map(try_case, *zip(*work, strict=True)), total=len(work)):
            file.write(json.dumps(row) + "\n")
            file.flush()


def main(argv=None):
    """0 when every case went as it must, else 1."""
    options = parse_args(argv)
    if not options.report:
        calibrate(options)
    from ci.gate.calibration import faults, report

    rows = recorded()
    REPORT.parent.mkdir(exist_ok=True)
    REPORT.write_text(report(rows), encoding="utf-8")
    found = faults(rows)
    print("\n".join([*found, f"{len(rows)} runs, {len(found)} against expectation: {REPORT}"]))
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
