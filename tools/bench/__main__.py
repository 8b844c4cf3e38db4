"""`make bench`: GRPO steps per second and time to a gain of 0.3, the course against TRL's defaults, in turns.

python -m tools.bench                                    # smoke preset, embedded models, 5 seeds
python -m tools.bench --steps 8 --validate_every 0       # speed alone
python -m tools.bench --preset medium --random 124M --sentiment_model tiny-sentiment --validate_every 0
"""

import argparse
import json
import statistics
import sys
import tempfile
import warnings
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scipy import stats

from gate import ROOT
from lab.command import print_anything
from tools.bench.machine import add_run_options, configuration, hardware

if TYPE_CHECKING:
    from lab.config import TrainConfig
    from tools.bench.contenders import Timing

GAIN = 0.3


def parse_args(argv: list[str] | None) -> argparse.Namespace:
    """Return the command line's arguments."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )  # fmt: skip
    add_run_options(parser)
    parser.add_argument("--seeds", type=int, default=5, help="runs of each (default: 5)")
    parser.add_argument(
        "--validate_every", type=int, default=5,
        help="steps between validations, which the clock leaves out; 0: speed alone (default: 5)",
    )  # fmt: skip
    parser.add_argument("--json", type=Path, default=ROOT / "build" / "bench" / "bench.json")
    return parser.parse_args(argv)


def spread(values: list[float]) -> str:
    """Return median, lowest and highest."""
    return f"{statistics.median(values):7.3f}  ({min(values):.3f} to {max(values):.3f})"


def interval(values: list[float]) -> str:
    """Return a mean and its 95 % interval, by Student's t for as many runs."""
    t = stats.t.ppf(0.975, len(values) - 1)
    half = t * statistics.stdev(values) / len(values) ** 0.5
    return f"{statistics.mean(values):+.3f} ± {half:.3f}"


def report(runs: list["Timing"]) -> dict[str, Any]:
    """Print the comparison and return its figures."""
    ours, theirs = ([r for r in runs if r.contender == name] for name in ("course", "TRL"))
    ratios = [a.rate / b.rate for a, b in zip(ours, theirs, strict=True)]
    print(f"\n{'steps per second':<28} course {spread([r.rate for r in ours])}")
    print(f"{'':<28} TRL    {spread([r.rate for r in theirs])}")
    print(f"{'':<28} ratio  {spread(ratios)}")
    figures: dict[str, Any] = {"steps_per_second_ratio": statistics.median(ratios)}
    if ours[0].peak_gib is not None:
        for r in (ours[0], theirs[0]):
            print(f"{'peak GPU memory, GiB':<28} {r.contender:<6} {r.peak_gib:7.2f}")
    if ours[0].held_out:
        times: dict[str, list[float | None]] = {r.contender: [] for r in (ours[0], theirs[0])}
        for r in runs:
            times[r.contender].append(r.seconds_to(GAIN))
        for name, values in times.items():
            reached = [v for v in values if v is not None]
            shown = spread(reached) if reached else "      –"
            print(f"{f'seconds to a gain of {GAIN}':<28} {name:<6} {shown}, {len(reached)} of {len(values)} runs")  # fmt: skip
        if len(ours) > 1:
            print(f"{'gain, 95 % interval':<28} course {interval([r.gain for r in ours])}")
            print(f"{'':<28} TRL    {interval([r.gain for r in theirs])}")
            paired = [a.gain - b.gain for a, b in zip(ours, theirs, strict=True)]
            print(f"{'':<28} course - TRL, same seed {interval(paired)}")
        figures |= {
            "seconds_to_gain": times,
            "gains": {r.contender: [] for r in (ours[0], theirs[0])},
        }
        for r in runs:
            figures["gains"][r.contender].append(r.gain)
    return figures


def compare(config: "TrainConfig", seeds: int, every: int, folder: Path) -> list["Timing"]:
    """Run both in turns, each first every other time."""
    from lab.pretrained import load_language_model
    from tools.bench.contenders import held_out_score, shared_reward, timed_run

    reward, runs = shared_reward(config), []
    base = held_out_score(*load_language_model(config.model), config, 0, samples=16) if every else 0
    for seed in range(seeds):
        config.seed = seed
        for name in ("course", "TRL") if seed % 2 == 0 else ("TRL", "course"):
            runs.append(timed_run(name, config, reward, folder / "run", every, base))
            gain = f"  gain {runs[-1].gain:+.3f}" if every else ""
            print(f"seed {seed}  {name:<6} {runs[-1].rate:6.3f} steps/s{gain}", flush=True)
    return runs


def main(argv: list[str] | None = None) -> int:
    """Run the comparison, print the table, write the JSON."""
    print_anything()
    args = parse_args(argv)
    warnings.filterwarnings("ignore", category=FutureWarning)
    import sentiment

    machine = hardware()
    print("  ".join(f"{k} {v}" for k, v in machine.items() if v is not None), flush=True)
    with tempfile.TemporaryDirectory() as folder:
        config = configuration(args, Path(folder))
        sentiment.use_model(config.sentiment_model)
        settings = config.as_dict()
        runs = compare(config, args.seeds, args.validate_every, Path(folder))
    record = {"machine": machine, "settings": settings, **report(runs)}
    record["runs"] = [asdict(r) for r in runs]
    args.json.parent.mkdir(parents=True, exist_ok=True)
    args.json.write_text(json.dumps(record, indent=1) + "\n")
    print(f"\n{args.json}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
