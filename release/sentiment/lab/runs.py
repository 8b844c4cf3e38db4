"""What a training run leaves on disk, written as it happens and read back by `--resume`, the notebook and the plots.

<output_dir>/run.json          settings, command, commit, versions, device, seconds, evaluation before and after
<output_dir>/config.yaml       the settings, as `--config` takes them
<output_dir>/history.jsonl     one line per log and per validation, each with its step
<output_dir>/completions.json  what the model wrote on the held-out prompts, before and after
<output_dir>/checkpoints/      the last two checkpoints
<output_dir>/final/            the trained model, its tokenizer and its card
<output_dir>/report.html       all of that on one page
"""

import itertools
import json
import os
import platform
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from lab import COURSE
from lab.command import nbgrader_executes
from lab.config import TrainConfig
from lab.errors import ConfigError

SAVED_RUNS = COURSE / "saved_runs"
LONGEST_FOLDER = 180  # bytes of its name; moved aside it has a run's name and a number, too, and 255 are the most
RECORD = {"status", "run_name", "step", "config", "seconds"}  # what a record has from the first
PACKAGES = ("torch", "transformers", "trl", "peft", "accelerate", "datasets")


@dataclass(frozen=True)
class Run:
    """A finished run. `history` holds one dict a line of history.jsonl; `before` and `after` are evaluations."""

    name: str
    config: dict[str, Any]
    history: list[dict[str, Any]]
    before: dict[str, Any]
    after: dict[str, Any]
    seconds: dict[str, float]
    folder: Path

    @property
    def gain(self) -> float:
        """Change of mean P(positive) on the held-out prompts."""
        return self.after["mean_sentiment"] - self.before["mean_sentiment"]

    def curve(self, key: str) -> tuple[list[int], list[float]]:
        """Return steps and values of one logged quantity, such as "reward" or "validation/mean_sentiment"."""
        points = [(line["step"], line[key]) for line in self.history if line.get(key) is not None]
        return [step for step, _ in points], [value for _, value in points]


def load_run(folder: str | Path) -> Run:
    """Read a finished run.

    Raises:
        ConfigError: the folder holds no run, or one that has not finished.
    """
    folder = Path(folder)
    record = read_record(folder)
    if not record:
        raise ConfigError(
            f"{folder} holds no run (no run.json): train one with --output_dir {folder}"
        )
    if record["status"] != "finished":
        raise ConfigError(
            f"the run in {folder} stopped at step {record['step']}: finish it with --resume"
        )
    completions = json.loads((folder / "completions.json").read_text(encoding="utf-8"))
    return Run(
        name=record["run_name"],
        config=record["config"],
        history=history_lines(folder),
        before={**record["baseline"], "completions": completions["before"]},
        after={**record["final"], "completions": completions["after"]},
        seconds=record["seconds"],
        folder=folder,
    )


def saved_run(name: str) -> Run | None:
    """Return the saved results of a run when nbgrader executes the notebook, else None: nbgrader never trains."""
    return load_run(SAVED_RUNS / name) if nbgrader_executes() else None


def new_record(config: TrainConfig, device_name: str) -> dict[str, Any]:
    """Return the first state of run.json."""
    return {
        "status": "running",
        "run_name": config.run_name,
        "step": 0,
        "config": config.as_dict(),
        "seed": config.seed,
        "device": device_name,
        "versions": {
            "python": platform.python_version(),
            **{name: version(name) for name in PACKAGES},
        },
        "seconds": {"train": 0.0, "validation": 0.0},
    }


def read_record(folder: Path) -> dict[str, Any] | None:
    """Return run.json, or None where there is none.

    Raises:
        ConfigError: it holds no record of a run.
    """
    path = folder / "run.json"
    try:
        if not path.is_file():
            return None
        record = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:  # no JSON, or no UTF-8
        record = None
    except OSError as error:  # a name longer than a file may have, a folder that is not ours
        raise ConfigError(f"{folder}: {error.strerror}") from None
    if not isinstance(record, dict) or RECORD - set(record):
        raise ConfigError(
            f"{path} is no record of a run (damaged?): move {folder} away, or name another --output_dir"
        )
    return record


def write_json(path: Path, value: Any) -> None:
    """Write a JSON file; a kill leaves either the old file or the new one."""
    write_whole(path, (json.dumps(value, indent=1) + "\n").encode())


def write_whole(path: Path, data: bytes) -> None:
    """Write a file so that a kill leaves either the old file or the new one."""
    temporary = path.with_name(path.name + ".tmp")
    temporary.write_bytes(data)
    temporary.replace(path)


def last_checkpoint(folder: Path) -> Path | None:
    """Return the newest complete checkpoint; one that a kill cut short lacks trainer_state.json, written last."""
    complete = [
        path.parent for path in (folder / "checkpoints").glob("checkpoint-*/trainer_state.json")
    ]
    return max(complete, key=checkpoint_step, default=None)


def checkpoint_step(checkpoint: Path) -> int:
    """Return the step of a folder `checkpoint-<step>`."""
    return int(checkpoint.name.rpartition("-")[2])


def history_lines(folder: Path) -> list[dict[str, Any]]:
    """Return the lines of history.jsonl; none where there is no such file."""
    path = folder / "history.jsonl"
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    return [json.loads(line) for line in text.splitlines()]


def drop_after(folder: Path, step: int) -> None:
    """Cut history.jsonl back to what was logged up to `step`: the steps after it are done again."""
    path = folder / "history.jsonl"
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True) if path.is_file() else []
    kept = [line for line in lines if line.endswith("\n") and json.loads(line)["step"] <= step]
    path.write_text("".join(kept), encoding="utf-8")


def move_aside(folder: Path, run_name: str) -> Path:
    """Rename an earlier run's folder to `<folder>-<run name>`, numbered when taken; return the new path."""
    numbered = (
        folder.with_name(f"{folder.name}-{run_name}{n and f'-{n}' or ''}")
        for n in itertools.count()
    )
    return folder.rename(next(path for path in numbered if not path.exists()))


def check_same_settings(record: dict[str, Any], config: TrainConfig) -> None:
    """Raise ConfigError when a run to resume was started with other settings; one that its version did not have is the default."""
    ignored = {"resume", "output_dir", "report_to", "wandb", "wandb_project", "wandb_run_name"}
    began_with = {**TrainConfig().as_dict(), **record["config"]}
    different = [
        f"{name} is {value} here and was {began_with[name]}"
        for name, value in config.as_dict().items()
        if name not in ignored and began_with[name] != value
    ]
    if different:
        raise ConfigError(f"--resume needs the settings the run began with: {'; '.join(different)}")


def check_folder(config: TrainConfig) -> None:
    """Raise ConfigError when the output folder cannot be used so; nothing in it is changed."""
    folder = Path(config.output_dir)
    check_name(folder)
    record = read_record(folder)
    if config.resume and record:
        check_same_settings(record, config)
    elif Path.cwd().is_relative_to(folder.resolve()):
        raise ConfigError(f"--output_dir {folder}: give a folder of its own, such as ./outputs")
    there = next(path for path in (folder.resolve(), *folder.resolve().parents) if path.exists())
    if not there.is_dir() or not os.access(there, os.W_OK):
        raise ConfigError(f"--output_dir {folder}: {there} is no folder that can be written to")


def check_name(folder: Path) -> None:
    """Raise ConfigError when the folder's name, or the longer one that it has once moved aside, is longer than names may be."""
    length = len(os.fsencode(folder.name))
    if length > LONGEST_FOLDER:
        raise ConfigError(
            f"--output_dir: {folder.name[:20]}… is a name of {length} bytes, {LONGEST_FOLDER} are the most"
        )


def prepare_folder(config: TrainConfig) -> None:
    """Make the output folder ready: cut a run to resume back to its checkpoint, or move an earlier run aside."""
    folder = Path(config.output_dir)
    record = read_record(folder)
    if config.resume and record:
        checkpoint = last_checkpoint(folder)
        step = checkpoint_step(checkpoint) if checkpoint else 0
        print(f"going on from step {step} of the run in {folder}")
        drop_after(folder, step)
        return
    if config.resume:
        print(f"{folder} holds no run to go on with (no run.json): this one begins at step 0")
    if record:
        print(f"the earlier run is now in {move_aside(folder, record['run_name'])}")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(
            f"--output_dir {folder}: {error.strerror}: give another folder"
        ) from error
    # of a run killed before its first evaluation
    (folder / "history.jsonl").unlink(missing_ok=True)
