"""One training run of the gate, and the figures that its verdict is made of."""

import hashlib
import json
import platform
import shutil
from collections.abc import Sequence
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

from gate import ROOT, SOURCE
from gate.judges import JUDGE, Judge
from gate.statistics import paired_gain
from lab.config import TrainConfig
from lab.machine import device_name
from lab.pretrained import model_path
from lab.runs import Run, new_record, read_record
from lab.thresholds import text_figures
from lab.vader import vader_scores
from rewards import Rewards
from train import run

KEY = "gate_key.txt"
# modules that take no part in a run …
SPECTATORS = {
    "card",
    "checks",
    "config_file",
    "described",
    "evaluate",
    "examples",
    "explore",
    "loggers",
    "origin",
    "overoptimisation",
    "plots",
    "progress",
    "report",
    "seeds",
    "speed",
    "submit",
    "thresholds",
    "time_left",
    "trial",
}
# … and the gate's that do
FIGURING = {"figures", "judges", "statistics", "walled_rewards"}
JUDGING = ("numpy", "scikit-learn", "vaderSentiment")
PLACES = {"output_dir", "resume", "rewards"}  # settings that no figure depends on


def run_key(cells: list[dict[str, str]], config: TrainConfig) -> str:
    """Return a digest of all that a run's figures depend on: its code, ours, settings, models, number format and packages.

    Args:
        cells: the submission's code, as preflight gives it.
    """
    record = new_record(config, device_name())
    settings = {k: v for k, v in config.as_dict().items() if k not in PLACES}
    judging = {name: version(name) for name in JUDGING}
    said = [[cell["source"] for cell in cells], settings, record["device"], record["versions"]]
    said += [judging, platform.machine()]
    digest = hashlib.sha256(json.dumps(said).encode())
    folders = [Path(model_path(name)) for name in (config.model, config.sentiment_model)]
    folders.append(JUDGE)
    files = [path for path in SOURCE.rglob("*.py") if path.stem not in SPECTATORS]
    files += [path for path in Path(__file__).parent.glob("*.py") if path.stem in FIGURING]
    files += [*SOURCE.glob("*.txt"), ROOT / "solutions/rewards_solution.py"]
    files += [path for folder in folders if folder.is_dir() for path in folder.iterdir()]
    for path in sorted(path for path in files if path.is_file() and path.suffix != ".md"):
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def train_seed(config: TrainConfig, rewards: Rewards, key: str) -> Run:
    """Train in `config.output_dir`, or return the run there if it finished under the same `key`.

    An unfinished or different run is begun anew: a smoke run is too short to be worth a checkpoint, and on a CPU one begun
    anew gives the same figures to the last digit.
    """
    folder = Path(config.output_dir)
    kept = folder / KEY
    record = read_record(folder)
    same = kept.is_file() and kept.read_text() == key
    finished = record is not None and record["status"] == "finished"
    if not (same and finished):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        kept.write_text(key)
    return run(replace(config, resume=same and finished), rewards)


def figures(before: dict[str, Any], after: dict[str, Any], judge: Judge) -> dict[str, float]:
    """Return what the thresholds look at, and what helps to read them.

    Args:
        before, after: an `Evaluation` each as `runs.Run` has it: metrics, and completions with prompt, text and score,
            both in the same order.
    """
    prompts = [item["prompt"] for item in after["completions"]]
    texts = {"base": texts_of(before), "trained": texts_of(after)}
    scores: dict[str, dict[str, Sequence[float]]] = {
        "": {"base": scores_of(before), "trained": scores_of(after)},
        "judge_": {who: judge.scores(words) for who, words in texts.items()},
        "vader_": {who: vader_scores(words) for who, words in texts.items()},
    }
    result: dict[str, float] = {}
    for name, sides in scores.items():
        gain = paired_gain(prompts, sides["base"], sides["trained"])
        result |= {f"{name}gain": gain.mean, f"{name}gain_low": gain.low}
        result |= {f"{name}gain_high": gain.high}
        result |= {f"{name}{who}": sum(values) / len(values) for who, values in sides.items()}
    return {
        **result,
        "positive_ratio_base": before["positive_ratio"],
        "positive_ratio_trained": after["positive_ratio"],
        **text_figures(before, after),
        "kl": after["kl"],
    }


def texts_of(evaluation: dict[str, Any]) -> list[str]:
    """Return the completions of an evaluation."""
    return [item["completion"] for item in evaluation["completions"]]


def scores_of(evaluation: dict[str, Any]) -> Sequence[float]:
    """Return the reward model's scores of the completions."""
    return [item["score"] for item in evaluation["completions"]]
