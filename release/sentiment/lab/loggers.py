"""Where a run's figures go beside its folder: `--report_to wandb`, `trackio` or `tensorboard`.

Of the three only Weights & Biases comes with the course. trackio and TensorBoard keep all in files: trackio where its own commands look, TensorBoard in
<output_dir>/tensorboard. A training figure is called `train/<name>`, one of a validation `validation/<name>`.
"""

import contextlib
import importlib.util
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

from lab.config import TrainConfig
from lab.errors import ConfigError
from lab.measure import Evaluation, spread
from lab.wandb_runs import WandbLogger, check_wandb

SAMPLES = 8  # completions in TensorBoard's text at each validation


class Logger(Protocol):
    """What one of them is told, by the main process alone."""

    def training(self, step: int, logs: Mapping[str, Any]) -> None: ...
    def validation(self, step: int, metrics: dict[str, float], result: Evaluation) -> None: ...
    def summary(self, record: Mapping[str, Any]) -> None: ...
    def close(self) -> None: ...


def check_loggers(config: TrainConfig) -> None:
    """Check that all that are asked for are installed and take the names that they are given, before anything is moved.

    Raises:
        ConfigError: one line that says what is missing, or what would not be taken.
    """
    for name in config.loggers:
        if importlib.util.find_spec(name) is None:
            raise ConfigError(f"--report_to {name}: it is not installed: pip install {name}")
    if "wandb" in config.loggers:
        check_wandb(config)
    if "trackio" in config.loggers and "/" in config.wandb_project:
        raise ConfigError(
            f"--wandb_project {config.wandb_project}: trackio has projects, but no teams: name one without a /"
        )


def start_loggers(config: TrainConfig, record: dict[str, Any], step: int) -> list[Logger]:
    """Open all that a configuration asks for; a run that goes on after `step` goes on in the same ones."""
    kinds: dict[str, Any] = {
        "wandb": WandbLogger,
        "trackio": TrackioLogger,
        "tensorboard": TensorBoardLogger,
    }
    return [kinds[name](config, record, step) for name in config.loggers]


class TensorBoardLogger:
    """Event files in <output_dir>/tensorboard: `tensorboard --logdir <output_dir>`."""

    def __init__(self, config: TrainConfig, record: Mapping[str, Any], step: int) -> None:
        from torch.utils.tensorboard import SummaryWriter

        folder = Path(config.output_dir) / "tensorboard"
        self.writer: Any = SummaryWriter(str(folder), purge_step=step + 1)
        self.writer.add_text("settings", code_block(config.as_dict()), step)

    def training(self, step: int, logs: Mapping[str, Any]) -> None:
        """Add the figures of a log line."""
        for name, value in numbers(logs, "train/").items():
            self.writer.add_scalar(name, value, step)

    def validation(self, step: int, metrics: dict[str, float], result: Evaluation) -> None:
        """Add a validation's figures, and some of what the model wrote."""
        for name, value in metrics.items():
            self.writer.add_scalar(name, value, step)
        texts = {
            f"{item['prompt']} … [{item['score']:.2f}]": item["completion"]
            for item in spread(result.completions, SAMPLES)
        }
        self.writer.add_text("validation/completions", code_block(texts), step)
        self.writer.flush()

    def summary(self, record: Mapping[str, Any]) -> None:
        """Nothing: the last validation says it."""

    def close(self) -> None:
        """Close the files."""
        self.writer.close()


class TrackioLogger:
    """A run in a local trackio project: `trackio show`."""

    def __init__(self, config: TrainConfig, record: Mapping[str, Any], step: int) -> None:
        import trackio

        with refused():
            self.run: Any = trackio.init(
                project=config.wandb_project,
                name=config.wandb_run_name or config.run_name,
                resume="allow" if step else "never",
                config=config.as_dict(),
                embed=False,
            )

    def training(self, step: int, logs: Mapping[str, Any]) -> None:
        """Log the figures of a log line."""
        self.run.log(numbers(logs, "train/"), step=step)

    def validation(self, step: int, metrics: dict[str, float], result: Evaluation) -> None:
        """Log a validation's figures."""
        self.run.log(metrics, step=step)

    def summary(self, record: Mapping[str, Any]) -> None:
        """Nothing: the last validation says it."""

    def close(self) -> None:
        """Wait until all is written."""
        import trackio

        finish: Any = trackio.finish
        finish()


@contextlib.contextmanager
def refused() -> Iterator[None]:
    """Turn what trackio raises as it begins into a ConfigError of one line."""
    try:
        yield
    except (ValueError, OSError, RuntimeError) as error:
        raise ConfigError(f"--report_to trackio: {str(error).strip().splitlines()[0]}") from None


def numbers(logs: Mapping[str, Any], prefix: str) -> dict[str, float]:
    """Return the numbers of a log line under the names that all of them use.

    >>> numbers({"reward": 0.5, "note": "x", "train/loss": 1}, "train/")
    {'train/reward': 0.5, 'train/loss': 1}
    """
    return {
        name if name.startswith(prefix) else prefix + name: value
        for name, value in logs.items()
        if isinstance(value, (int, float))
    }


def code_block(values: Mapping[str, Any]) -> str:
    """Return names and values as a block of code in Markdown, in which no text is taken for a mark-up."""
    return "\n".join(
        f"    {name}: {' '.join(str(value).split())}" for name, value in values.items()
    )
