"""Every setting of a training run: one dataclass, four presets, and the command line made from them.

A preset replaces defaults; a flag given on the command line, or a keyword given to `TrainConfig.from_preset`,
replaces the preset.
"""

import math
import os
import sys
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from lab.command import OneLineErrors
from lab.config_file import from_file
from lab.errors import ConfigError
from lab.exercises import ROWS
from lab.reader import no_file
from sentiment import DEFAULT_MODEL

PRESETS: dict[str, dict[str, Any]] = {
    "smoke": {
        "model": "tiny-gpt2",
        "sentiment_model": "tiny-sentiment",
        "max_steps": 40,
        "reward_shaping": "exponential",
        "kl_type": "forward",
        "learning_rate": 7e-5,
        "num_generations": 8,
        "per_device_train_batch_size": 64,
        "completions_per_step": 64,
        "max_completion_length": 24,
        "temperature": 1.0,
        "validation_steps": 20,
    },
    "quick": {"max_steps": 50},
    "medium": {"max_steps": 150},
    "full": {"max_steps": 300},
}
DEFAULT_KL_COEF = 0.1
DISTINCT_FLOOR = 0.7  # what a run must show as well: lab/thresholds.py
LARGEST_SEED = 2**32 - 1  # NumPy's
POSITIVE = (
    *("shaping_temperature", "temperature", "learning_rate", "max_steps", "max_completion_length"),
    *("per_device_train_batch_size", "completions_per_step", "validation_samples"),
    *("save_steps", "logging_steps"),
)
NOT_NEGATIVE = ("kl_coef", "beta", "validation_steps", "seed", "stop_when", "distinct_floor")


def option(default: Any, help: str, **metadata: Any) -> Any:
    """Declare one setting with the sentence that `--help` prints for it."""
    return field(default=default, metadata={"help": help, **metadata})


@dataclass
class TrainConfig:
    """The settings of one GRPO run; defaults are those of `--preset quick` (GPT-2, 50 steps)."""

    preset: str = option(
        "quick",
        "smoke (embedded tiny models, CPU, offline), quick, medium or full",
        choices=list(PRESETS),
    )
    model: str = option("gpt2", "policy and reference: a hub id, a folder, or tiny-gpt2")
    sentiment_model: str = option(
        DEFAULT_MODEL, "classifier behind the reward: a hub id, a folder, or tiny-sentiment"
    )
    rewards: str = option(
        "", "notebook or .py with your functions; without it exercise.ipynb beside train.py"
    )
    reward_shaping: str = option(
        "none", "exercise 2 on top of exercise 1, or not", choices=["none", "exponential"]
    )
    shaping_temperature: float = option(
        1.0, "temperature T of exp(score / T) - 1; smaller is steeper"
    )
    kl_type: str = option(
        "none",
        "reward term from log P_ref, exercise 3b or 3c",
        choices=["none", "forward", "backward"],
    )
    kl_coef: float = option(DEFAULT_KL_COEF, "strength of that term")
    beta: float = option(
        0.0, "weight of TRL's own per-token KL loss (k3); 0 keeps no reference for it"
    )
    num_generations: int = option(4, "G, completions per prompt: the group GRPO compares")
    max_completion_length: int = option(64, "most tokens a completion may have")
    temperature: float = option(0.7, "sampling temperature of training rollouts")
    learning_rate: float = option(1e-5, "peak learning rate of AdamW")
    max_steps: int = option(50, "optimiser steps")
    per_device_train_batch_size: int = option(
        16, "completions in one forward and backward pass on one device"
    )
    completions_per_step: int = option(
        16,
        "B, completions one optimiser step learns from: more than one pass holds are added up over several; never less "
        "than one pass on every device",
    )
    use_peft: bool = option(
        False, "train a LoRA adapter instead of all weights (merged in <output_dir>/final)"
    )
    report_to: str = option(
        "none",
        "log to wandb (Weights & Biases), trackio or tensorboard as well",
        choices=["none", "wandb", "trackio", "tensorboard"],
    )
    wandb: bool = option(False, "short for --report_to wandb; beside another --report_to, both")
    wandb_project: str = option("sentiment-grpo", "W&B project, or entity/project; trackio project")
    wandb_run_name: str = option(
        "", "name of the run there; without it made from the preset, the shaping and the KL term"
    )
    output_dir: str = option(
        "./outputs", "where the run goes; an earlier run found there is moved aside, not lost"
    )
    seed: int = option(42, "seed of sampling, data order and LoRA")
    resume: bool = option(False, "go on from the last checkpoint in --output_dir")
    validation_steps: int = option(
        10, "steps between validations on held-out prompts (0: only before and after)"
    )
    validation_samples: int = option(4, "completions per held-out prompt at each validation")
    keep: str = option(
        "last",
        "which model becomes final/: that of the last step, or of the best validation (highest P(positive) among those that hold "
        "--distinct_floor)",
        choices=["last", "best"],
    )
    stop_when: float = option(
        0.0, "stop at a validation with this P(positive) that holds --distinct_floor (0: never)"
    )
    distinct_floor: float = option(
        DISTINCT_FLOOR,
        "of --keep best and --stop_when: distinct-2 must be at least this share of the base model's",
    )
    save_steps: int = option(10, "steps between checkpoints: the most that a killed run loses")
    logging_steps: int = option(1, "steps between log lines")

    @classmethod
    def from_preset(cls, preset: str, **settings: Any) -> "TrainConfig":
        """Return a preset with some settings replaced, checked.

        Raises:
            ConfigError: the preset, a setting or a combination of settings does not exist or cannot work.

        >>> TrainConfig.from_preset("medium", kl_type="forward").run_name
        'medium_none_kl-forward'
        """
        if preset not in PRESETS:
            raise ConfigError(f"unknown preset {preset!r}: choose {', '.join(PRESETS)}")
        if unknown := set(settings) - {f.name for f in fields(cls)}:
            raise ConfigError(
                f"unknown setting {', '.join(sorted(unknown))}: `train.py --help` lists them all"
            )
        config = cls(**{"preset": preset, **PRESETS[preset], **settings})
        config.check()
        return config

    @property
    def run_name(self) -> str:
        """`{preset}_{shaping}`, then `_kl-{type}` with a KL term, then `_c{coef}` when its coefficient is not 0.1."""
        name = f"{self.preset}_{self.reward_shaping}"
        if self.kl_type != "none":
            name += f"_kl-{self.kl_type}"
            if self.kl_coef != DEFAULT_KL_COEF:
                name += f"_c{self.kl_coef:g}"
        return name

    @property
    def accumulation(self) -> int:
        """Forward and backward passes that add up to one step on each device."""
        return max(
            1, self.completions_per_step // (self.per_device_train_batch_size * world_size())
        )

    @property
    def step_completions(self) -> int:
        """Completions one step really learns from: at least what one pass on every device holds."""
        return self.per_device_train_batch_size * world_size() * self.accumulation

    @property
    def loggers(self) -> list[str]:
        """What a run's figures go to beside its folder, as packages are called."""
        asked = ["wandb"] if self.wandb else []
        return [*asked, *({self.report_to} - {"none", *asked})]

    def required_exercises(self) -> list[str]:
        """Return the stems of the exercises that this run calls."""
        return [row.stem for row in ROWS if row.is_used(self)]

    def check(self) -> None:
        """Raise ConfigError, one line, for the first setting that cannot work."""
        for f in fields(self):
            allowed = f.metadata.get("choices")
            if allowed and getattr(self, f.name) not in allowed:
                raise ConfigError(
                    f"--{f.name} {getattr(self, f.name)}: choose {', '.join(allowed)}"
                )
        for name in POSITIVE:
            if not 0 < getattr(self, name) < math.inf:
                raise ConfigError(f"--{name} {getattr(self, name)}: it must be above 0, and finite")
        if self.seed > LARGEST_SEED:
            raise ConfigError(f"--seed {self.seed}: it must be at most {LARGEST_SEED}")
        for name in NOT_NEGATIVE:
            if not 0 <= getattr(self, name) < math.inf:
                raise ConfigError(
                    f"--{name} {getattr(self, name)}: it must be 0 or more, and finite"
                )
        self.check_best()
        self.check_batch()

    def check_best(self) -> None:
        """Raise ConfigError when no validation could be kept, or be good enough to stop."""
        if self.stop_when > 1:
            raise ConfigError(f"--stop_when {self.stop_when}: P(positive) is at most 1")
        asked = "--keep best" if self.keep == "best" else f"--stop_when {self.stop_when:g}"
        if not self.validation_steps and (self.keep == "best" or self.stop_when):
            raise ConfigError(
                f"{asked} needs validations on the way: give --validation_steps above 0"
            )

    def check_batch(self) -> None:
        """Raise ConfigError when the completions of a step are no whole groups or no whole passes."""
        if self.num_generations < 2:
            raise ConfigError(
                f"--num_generations {self.num_generations}: GRPO compares completions, so a group needs 2 or more"
            )
        passes = f"{self.per_device_train_batch_size} × {world_size()} process(es)"
        if self.step_completions < self.completions_per_step:
            raise ConfigError(
                f"--completions_per_step {self.completions_per_step} is no multiple of --per_device_train_batch_size {passes}"
            )
        if self.step_completions % self.num_generations:
            raise ConfigError(
                f"--num_generations {self.num_generations} does not divide the {self.step_completions} completions of a step "
                f"(--per_device_train_batch_size {passes}, {self.accumulation} passes): change one of them"
            )

    def as_dict(self) -> dict[str, Any]:
        """Return the settings as plain values, for `run.json`."""
        return asdict(self)


@dataclass
class Command:
    """What a command line asks for: a configuration, and the seeds to train with one after another, [] for its own alone."""

    config: TrainConfig
    seeds: list[int]


def world_size() -> int:
    """Return the number of processes of this run, as `accelerate launch` and torchrun announce it."""
    return int(os.environ.get("WORLD_SIZE", 1))


def is_first_process() -> bool:
    """Tell whether this is the process of a run, or the only one, that writes and speaks."""
    return int(os.environ.get("RANK", 0)) == 0


def parse_command(argv: list[str] | None = None) -> Command:
    """Return what a command line asks for; one line on stderr and exit 2 when it cannot work.

    Of two values for a setting a flag's counts before one of `--config`, that before the preset's.
    """
    from transformers import HfArgumentParser

    class Parser(OneLineErrors, HfArgumentParser):
        """As transformers makes one from a dataclass."""

    # mypy does not follow transformers, whose parser begins with the dataclass
    parser = Parser(TrainConfig, description=__doc__, allow_abbrev=False)  # type: ignore[arg-type]
    text = (
        "YAML file of settings, as <output_dir>/config.yaml; a flag beats it, it beats the preset"
    )
    parser.add_argument("--config", metavar="FILE", help=text)
    text = "several runs, one a seed, each in <output_dir>/seed_<N>; then a table and a figure with their mean and interval"
    parser.add_argument("--seeds", type=int, nargs="+", metavar="N", help=text)
    named, _ = parser.parse_known_args(argv)
    words = sys.argv[1:] if argv is None else argv
    typed = {word.partition("=")[0] for word in words}
    try:
        written = from_file(named.config, fields(TrainConfig)) if named.config else {}
        preset = preset_of(named.preset if "--preset" in typed else None, written, named.config)
        parser.set_defaults(**{"preset": preset, **PRESETS[preset], **written})
        settings = vars(parser.parse_args(argv))
        seeds = settings.pop("seeds") or []
        del settings["config"]
        config = TrainConfig(**settings)
        config.check()
        if config.rewards and (reason := no_file(config.rewards)):
            raise ConfigError(f"--rewards {config.rewards}: {reason}")
        if seeds and "--seed" in typed:
            raise ConfigError("--seed and --seeds: give one of them")
    except ConfigError as error:
        parser.error(str(error))
    return Command(config, seeds)


def parse_args(argv: list[str] | None = None) -> TrainConfig:
    """Return the configuration that a command line asks for; one line on stderr and exit 2 when it cannot work."""
    return parse_command(argv).config


def preset_of(flag: str | None, written: dict[str, Any], file: str | None) -> str:
    """Return the preset that a flag or a file names; the default where neither does.

    Raises:
        ConfigError: they name two, and the file's other values would belong to the wrong one.
    """
    named = written.get("preset", flag or TrainConfig.preset)
    if named not in PRESETS:
        raise ConfigError(f"--config {file}: unknown preset {named!r}: choose {', '.join(PRESETS)}")
    if flag not in (named, None):
        raise ConfigError(
            f"--preset {flag}: {file} has the preset {named} and values that go with it; change it there, or leave --config out"
        )
    return str(named)
