"""The proof: rewards that pass the hidden laws must really teach a model. The exit code is the verdict.

python -m gate                                          # the course's own solution: tiny models, CPU or GPU, offline
python -m gate --notebook submitted/ann/sentiment/exercise.ipynb --seeds 42
python -m gate --preset medium --model gpt2             # the real thing, on a GPU

Writes smoke.json (gate/smoke.schema.json), smoke.html and smoke.xml (JUnit) to --out. Exit code: 0 the verdict is
pass, 1 it is fail, 2 nothing could be judged: bad input, or a fault of ours. A run that was stopped goes on with the seeds that are missing.
"""

import argparse
import os
import sys
import traceback
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from gate import ROOT, SOURCE
from grader.assignment import LAWS, load_assignment
from grader.errors import GraderError
from grader.judging.session import Grader
from grader.reader import Unreadable
from grader.submission.preflight import repair
from grader.verdict import Outcome
from grader.wall.choice import checked, isolation_option
from lab.command import print_anything
from lab.errors import ConfigError, LabError

# settings that are the gate's, or options of their own
OWN = {"preset", "seed", "output_dir", "save_steps", "rewards", "resume"}
EXPECTED = (GraderError, Unreadable, LabError, OSError)  # one line explains them
REPORTS = ("smoke.json", "smoke.html", "smoke.xml")
BOOLEANS = {"true": True, "false": False}


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Return the command line's arguments."""
    parser = argparse.ArgumentParser(
        "python -m gate", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    text = "submission to prove (default: the instructor's notebook)"
    parser.add_argument("--notebook", type=Path, default=SOURCE / "exercise.ipynb", help=text)
    text = "settings of the run; smoke uses the embedded models (default: %(default)s)"
    parser.add_argument(
        "--preset", choices=["smoke", "quick", "medium", "full"], default="smoke", help=text
    )
    parser.add_argument("--model", help="language model instead of the preset's: hub id or folder")
    parser.add_argument(
        "--sentiment_model", help="reward model instead of the preset's: hub id or folder"
    )
    text = "one run each; every one must pass (default: 42 1 2)"
    parser.add_argument("--seeds", type=int, nargs="+", default=[42, 1, 2], help=text)
    text = "where results go (default: build/smoke)"
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "smoke", help=text)
    text = "write exercise 5's mark there, as `python -m grader run --train` reads it"
    parser.add_argument("--mark", type=Path, metavar="FILE", help=text)
    text = "any other setting of train.py (see its --help); the thresholds stay the preset's"
    parser.add_argument(
        "--set", nargs="+", default=[], action="extend", metavar="NAME=VALUE", help=text
    )
    isolation_option(parser)
    return parser.parse_args(argv)


def other_settings(pairs: Iterable[str]) -> dict[str, Any]:
    """Return NAME=VALUE pairs as TrainConfig's settings; ConfigError for a value of the wrong type."""
    from dataclasses import fields

    from lab.config import TrainConfig

    kinds: dict[str, Any] = {f.name: f.type for f in fields(TrainConfig)}
    settings: dict[str, Any] = {}
    for pair in pairs:
        name, _, value = pair.partition("=")
        if name in OWN:
            raise ConfigError(f"--set {pair}: {name} is the gate's own (see --help)")
        kind = kinds.get(name, str)
        try:
            settings[name] = BOOLEANS[value.lower()] if kind is bool else kind(value)
        except (KeyError, ValueError):
            raise ConfigError(f"--set {pair}: {name} is of type {kind.__name__}") from None
    return settings


def judge(options: argparse.Namespace) -> int:
    """Run the gate and write its reports; returns the exit code."""
    for name in REPORTS:  # an earlier run's must not stand for this one
        (options.out / name).unlink(missing_ok=True)
    data = options.notebook.read_bytes()
    isolation = checked(options.isolation).name
    with Grader(load_assignment(ROOT / LAWS), isolation) as judge_laws:
        submission = repair(data, judge_laws.assignment)
        # torch and TRL load after the sandbox has started: a process with threads should not fork
        from gate.gate import Request, run_gate
        from gate.mark import training_mark
        from gate.report import write_reports
        from lab.runs import write_json

        names = ("model", "sentiment_model")
        settings = {name: getattr(options, name) for name in names if getattr(options, name)}
        settings |= other_settings(options.set)
        seeds, name = tuple(dict.fromkeys(options.seeds)), str(options.notebook)
        request = Request(submission, name, options.out, options.preset, seeds, settings)
        verdict = run_gate(request, judge_laws)
    if options.mark:
        write_json(options.mark, training_mark(verdict))
    write_reports(verdict, options.out)
    print(summary(verdict), f"{options.out}/smoke.html", sep="\n")
    ours = verdict["outcome"] == Outcome.INFRASTRUCTURE
    return 2 if ours else int(not verdict["passed"])


def summary(verdict: dict[str, Any]) -> str:
    """Return the verdict in a few lines."""
    lines = []
    for seed in verdict["seeds"]:
        f = seed["figures"]
        failed = [check["name"] for check in seed["checks"] if not check["passed"]]
        lines.append(
            f"seed {seed['seed']:>3}  {'pass' if seed['passed'] else 'FAIL: ' + ', '.join(failed)}  "
            f"P(positive) {f['base']:.3f} → {f['trained']:.3f}  gain {f['gain']:.3f} [{f['gain_low']:.3f}, {f['gain_high']:.3f}]  "
            f"judge {f['judge_gain']:+.3f}  VADER {f['vader_gain']:+.3f}  distinct-2 ×{f['distinct_2_ratio']:.2f}  "
            f"repetition {f['repetition_rise']:+.3f}  perplexity ×{f['perplexity_ratio']:.2f}  {seed['seconds']['train']:.1f} s"
        )
    if verdict["stopped"]:
        stopped = verdict["stopped"]
        lines.append(f"{stopped['exercise']}: {stopped['outcome']}: {stopped['words']}")
    return "\n".join([*lines, f"verdict: {'pass' if verdict['passed'] else 'fail'}"])


def main(argv: list[str] | None = None) -> int:
    """0 for a pass, 1 for a fail, 2 when nothing could be judged: one line says why."""
    print_anything()
    options = parse_args(argv)
    warnings.filterwarnings("ignore", category=FutureWarning)
    try:
        return judge(options)
    except EXPECTED as error:
        print(f"gate: {error}", file=sys.stderr)
    # a fault of ours: Python's own exit code would be a verdict
    except Exception:
        traceback.print_exc()
    return 2


if __name__ == "__main__":
    os.environ.setdefault("CUDA_VISIBLE_DEVICES", "0")  # one run, one GPU
    sys.exit(main())
