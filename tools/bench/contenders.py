"""The two that are compared, and the clock: a trainer as the course builds it, and one as TRL's quick start has it.

Both train the same model on the same prompts with the same reward function, learning rate, temperature, number and length
of completions. The quick start changes nothing else: gradient checkpointing and dropout on, `model.generate`, logits by
the fused kernel, bf16 where TRL chooses it.
"""

import gc
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from transformers import PrinterCallback, TrainerCallback
from trl import GRPOConfig, GRPOTrainer

import train
from data import load_prompts, prompt_texts
from gate import ROOT
from lab.config import TrainConfig
from lab.measure import generate, new_decoder
from lab.pretrained import load_language_model, model_path
from lab.reference import Reference
from lab.tracking import VALIDATION_TEMPERATURE
from lab.trainer import build_trainer
from lab.ways import Ways
from rewards import load_rewards
from sentiment import get_sentiment_scores
from tools.bench.machine import WARM_UP

SOLUTIONS = ROOT / "solutions" / "rewards_solution.py"


@dataclass
class Timing:
    """One run: seconds of training after each step, validations left out; P(positive) on held-out prompts by step."""

    contender: str
    seed: int
    steps: list[float] = field(default_factory=list)
    held_out: dict[int, float] = field(default_factory=dict)
    peak_gib: float | None = None

    @property
    def rate(self) -> float:
        """GRPO steps per second, after the warm-up."""
        return (len(self.steps) - WARM_UP) / (self.steps[-1] - self.steps[WARM_UP - 1])

    @property
    def gain(self) -> float:
        """P(positive) after the last validation minus before training, of a run that was validated."""
        return self.held_out[max(self.held_out)] - self.held_out[0]

    def seconds_to(self, gain: float) -> float | None:
        """Training seconds until validations reached a gain, interpolated between two of them; None if never."""
        points = [(self.steps[step - 1] if step else 0.0, p) for step, p in self.held_out.items()]
        for (t0, p0), (t1, p1) in zip(points, points[1:], strict=False):
            if (target := points[0][1] + gain) <= p1:
                return t0 + (t1 - t0) * max(0.0, target - p0) / (p1 - p0)
        return None


class Clock(TrainerCallback):
    """Times training from the outside, and validates every few steps while the clock stands still."""

    def __init__(self, timing: Timing, tokenizer: Any, config: TrainConfig, every: int) -> None:
        self.timing, self.tokenizer, self.config, self.every = timing, tokenizer, config, every
        self.started = 0.0

    def now(self) -> float:
        """Return the time when everything launched so far is done."""
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        return time.perf_counter()

    def on_train_begin(self, *_: Any, **__: Any) -> None:
        self.started = self.now()

    def on_step_end(self, args: Any, state: Any, control: Any, model: Any = None, **_: Any) -> None:
        stopped = self.now()
        self.timing.steps.append(stopped - self.started)
        if self.every and state.global_step % self.every == 0:
            score = held_out_score(model, self.tokenizer, self.config, seed=self.config.seed)
            self.timing.held_out[state.global_step] = score
        self.started += self.now() - stopped


def held_out_score(
    model: Any, tokenizer: Any, config: TrainConfig, seed: int, samples: int = 8
) -> float:
    """Return P(positive) of what a model writes on the held-out prompts."""
    most = config.max_completion_length
    prompts = prompt_texts("eval")
    decoder = new_decoder(model, tokenizer, most, VALIDATION_TEMPERATURE)
    ids = generate(decoder, tokenizer, prompts, samples, seed)
    scores = get_sentiment_scores(tokenizer.batch_decode(ids, skip_special_tokens=True))
    return sum(scores) / len(scores)


def course(config: TrainConfig, reward: Callable[..., Any]) -> GRPOTrainer:
    """Return the trainer of train.py, which also saves checkpoints and logs every step."""
    return build_trainer(config, reward, *load_language_model(config.model), Ways())


def quick_start(config: TrainConfig, reward: Callable[..., Any]) -> GRPOTrainer:
    """Return TRL's trainer with nothing set but what both must share."""
    same = ["per_device_train_batch_size", "num_generations", "max_completion_length", "temperature",
            "learning_rate", "max_steps", "seed"]  # fmt: skip
    settings = {name: getattr(config, name) for name in same}
    # without it TRL stops: no GPU for its bf16
    cpu = {} if torch.cuda.is_available() else {"use_cpu": True}
    trainer = GRPOTrainer(
        model=model_path(config.model),
        reward_funcs=reward,
        args=GRPOConfig(
            output_dir=config.output_dir,
            gradient_accumulation_steps=config.accumulation,
            disable_tqdm=True,
            **settings,
            **cpu,
        ),
        train_dataset=load_prompts("train"),
    )
    trainer.remove_callback(PrinterCallback)
    return trainer


CONTENDERS = {"course": course, "TRL": quick_start}


def shared_reward(config: TrainConfig) -> Callable[..., Any]:
    """Return the reward function that every contender is given: the reference solution's."""
    rewards = load_rewards(SOLUTIONS)
    base, tokenizer = load_language_model(config.model)
    return train.compose_reward(
        config, rewards, Reference(base, tokenizer, rewards["sequence_log_probs"])
    )


def timed_run(
    name: str,
    config: TrainConfig,
    reward: Callable[..., Any],
    folder: Path,
    every: int = 0,
    base: float = 0,
) -> Timing:
    """Train once and return how long each step took and what the validations said; `base` is the untrained score."""
    timing = Timing(name, config.seed, held_out={0: base} if every else {})
    config.output_dir = str(folder)
    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()
    trainer = CONTENDERS[name](config, reward)
    trainer.add_callback(Clock(timing, trainer.processing_class, config, every))
    trainer.train()
    if torch.cuda.is_available():
        timing.peak_gib = torch.cuda.max_memory_allocated() / 2**30
    del trainer
    gc.collect()
    return timing
