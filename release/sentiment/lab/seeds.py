"""`--seeds 1 2 3`: the same run with several seeds, one after another, and how far their figures are from each other.

<output_dir>/seed_<N>/     a run each, as ever
<output_dir>/seeds.json    each figure's values, mean and 95 % interval (Student's t over the runs)
<output_dir>/seeds.png     the curves' mean, with the interval as a band

A seed decides sampling, the order of prompts and LoRA's begin: their spread is chance, and a difference that is smaller than it shows nothing.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from lab.config import TrainConfig, world_size
from lab.errors import ConfigError
from lab.intervals import over_runs
from lab.runs import Run, check_folder, write_json

COLUMNS = (
    ("before", "{:.3f}"),
    ("after", "{:.3f}"),
    ("gain", "{:+.3f}"),
    ("positive", "{:.3f}"),
    ("distinct-2", "{:.3f}"),
    ("repetition", "{:.3f}"),
    ("perplexity", "{:.2f}"),
    ("kl", "{:.3f}"),
)


def seed_configs(config: TrainConfig, seeds: Sequence[int]) -> list[TrainConfig]:
    """Return a checked configuration a seed, each with a folder of its own; nothing is changed.

    Raises:
        ConfigError: a seed cannot be, a folder cannot be used so, or several processes run this.
    """
    if world_size() > 1:
        raise ConfigError("--seeds: the runs come one after another in one process: start it without accelerate")  # fmt: skip
    folder = Path(config.output_dir)
    if (folder / "run.json").exists():
        raise ConfigError(f"--seeds: {folder} holds a run: give another --output_dir")
    name, configs = config.wandb_run_name or config.run_name, []
    for seed in dict.fromkeys(seeds):
        place, named = str(folder / f"seed_{seed}"), f"{name}_seed-{seed}"
        configs.append(replace(config, seed=seed, output_dir=place, wandb_run_name=named))
        configs[-1].check()
        check_folder(configs[-1])
    return configs


def figures(run: Run) -> dict[str, float]:
    """Return what the table shows of a run."""
    after = run.after
    return {
        "before": run.before["mean_sentiment"],
        "after": after["mean_sentiment"],
        "gain": run.gain,
        "positive": after["positive_ratio"],
        "distinct-2": after["distinct_2"],
        "repetition": after["repetition"],
        "perplexity": after["perplexity"],
        "kl": after["kl"],
    }


def table(runs: Sequence[Run]) -> str:
    """Return the runs' figures, one a line, then their mean and the half-width of its 95 % interval."""
    rows = [figures(run) for run in runs]
    lines = ["seed      " + "".join(f"{name:>12}" for name, _ in COLUMNS)]
    for run, row in zip(runs, rows, strict=True):
        cells = "".join(f"{form.format(row[name]):>12}" for name, form in COLUMNS)
        lines.append(f"{run.config['seed']:<10}{cells}")
    found = [over_runs([row[name] for row in rows]) for name, _ in COLUMNS]
    forms = [form for _, form in COLUMNS]
    means = zip(forms, found, strict=True)
    lines.append("mean      " + "".join(f"{form.format(i.mean):>12}" for form, i in means))
    if len(runs) > 1:
        halves = [f"± {(i.high - i.mean):.3f}" for i in found]
        lines.append("95 %      " + "".join(f"{half:>12}" for half in halves))
    return "\n".join(lines)


def save(runs: Sequence[Run], folder: Path) -> None:
    """Write seeds.json and seeds.png."""
    from lab import plots
    from lab.described import described

    rows = [figures(run) for run in runs]
    values = {name: [row[name] for row in rows] for name, _ in COLUMNS}
    summary: dict[str, Any] = {
        name: {"values": listed, **over_runs(listed)._asdict()} for name, listed in values.items()
    }
    write_json(folder / "seeds.json", {"seeds": [run.config["seed"] for run in runs], "figures": summary})  # fmt: skip
    figure = plots.over_seeds(runs)
    figure.savefig(folder / "seeds.png", metadata={"Description": described(figure)})
