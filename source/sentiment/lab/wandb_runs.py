"""Weights & Biases: what is checked before a run, and what a run logs there."""

import re
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lab.config import TrainConfig
from lab.errors import ConfigError
from lab.measure import Evaluation, spread

ENTITY = re.compile(r"[\w.-]+")
SAMPLE_ROWS = 16  # completions in the table at each validation


def check_wandb(config: TrainConfig) -> None:
    """Check the project's name and the WANDB_… settings, and log in, which asks on a terminal; offline needs no account.

    Raises:
        ConfigError: one line that says what Weights & Biases would not take.
    """
    import wandb

    _, project = entity_and_project(config.wandb_project)
    with refusals("--wandb_project"):
        wandb.Settings(project=project)
    with refusals("--wandb", "; or set WANDB_MODE=offline to log to files"):
        wandb.login()


def entity_and_project(name: str) -> tuple[str | None, str]:
    """Return the team or user, None for one's own, and the project that `--wandb_project` names.

    Raises:
        ConfigError: it is neither `project` nor `entity/project`.

    >>> entity_and_project("my-team/sentiment"), entity_and_project("sentiment")
    (('my-team', 'sentiment'), (None, 'sentiment'))
    """
    entity, slash, project = name.rpartition("/")
    if not project or (slash and not ENTITY.fullmatch(entity)):
        raise ConfigError(f"--wandb_project {name}: give project, or entity/project")
    return entity or None, project


@contextmanager
def refusals(flag: str, instead: str = "") -> Iterator[None]:
    """Turn what wandb raises, a text of several lines at times, into a ConfigError of one line."""
    import wandb

    try:
        yield
    except (wandb.Error, ValueError) as error:
        words = str(error).splitlines()[0].rstrip(".")
        if hasattr(error, "errors"):  # pydantic's: the environment holds what is no such setting
            first = error.errors()[0]
            words = f"WANDB_{str(first['loc'][0]).upper()}={first['input']}: {first['msg']}"
        raise ConfigError(f"{flag}: {words}{instead}") from None


def start_wandb(config: TrainConfig, record: dict[str, Any]) -> Any:
    """Open the W&B run that transformers' own callback then logs to; a resumed run goes on in the same one."""
    import wandb

    record.setdefault("wandb_id", secrets.token_hex(4))
    Path(config.output_dir).mkdir(parents=True, exist_ok=True)
    entity, project = entity_and_project(config.wandb_project)
    with refusals("--wandb"):
        return wandb.init(
            entity=entity,
            project=project,
            name=config.wandb_run_name or config.run_name,
            id=record["wandb_id"],
            resume="allow",
            config=config.as_dict(),
            dir=config.output_dir,
        )


class WandbLogger:
    """A W&B run; transformers' own callback logs training figures to it."""

    def __init__(self, config: TrainConfig, record: dict[str, Any], step: int) -> None:
        self.run = start_wandb(config, record)

    def training(self, step: int, logs: Mapping[str, Any]) -> None:
        """Nothing: transformers does it."""

    def validation(self, step: int, metrics: dict[str, float], result: Evaluation) -> None:
        """Log one validation: its metrics and a table of sample completions."""
        import wandb

        rows = [
            [step, item["prompt"], item["completion"], item["score"]]
            for item in spread(result.completions, SAMPLE_ROWS)
        ]
        samples = wandb.Table(columns=["step", "prompt", "completion", "P(positive)"], data=rows)
        self.run.log({**metrics, "validation/completions": samples, "train/global_step": step})

    def summary(self, record: Mapping[str, Any]) -> None:
        """Put the evaluation before and after, and the improvement, into the W&B summary."""
        for when in ("baseline", "final"):
            self.run.summary.update(
                {f"{when}/{name}": value for name, value in record[when].items() if name != "model"}
            )
        self.run.summary.update(
            {
                f"improvement/{name}": record["final"][name] - record["baseline"][name]
                for name in ("mean_sentiment", "positive_ratio")
            }
        )

    def close(self) -> None:
        """End the run."""
        self.run.finish()
