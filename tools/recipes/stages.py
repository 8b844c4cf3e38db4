"""What `models/tiny-sentiment` was trained with, stage by stage."""

from dataclasses import dataclass
from typing import NamedTuple


class Stage(NamedTuple):
    """A stage of fine-tuning: passes over one window of every review and `copies` whole Rotten Tomatoes snippets more."""

    passes: int
    copies: int
    rate: float  # learning rate
    decay: float  # share of the steps, at the end, over which the rate falls linearly to zero


@dataclass(frozen=True)
class Recipe:
    """What the shipped weights were trained with; a pass is over one window of every training review."""

    pretraining_passes: int = 8
    pretraining_rate: float = 3e-3
    stages: tuple[Stage, ...] = (Stage(7, 0, 2e-3, 0.5), Stage(2, 4, 1e-3, 1.0))
    batch: int = 64
    weight_decay: float = 0.05
    masked: float = 0.2  # share of tokens to predict in pre-training
    dropped: float = 0.1  # share of tokens replaced by [MASK] in fine-tuning
    teacher_share: float = 0.7  # of the target; the rest is the review's label
    average: float = 0.998  # of the weight average, per step
    seed: int = 20261122
