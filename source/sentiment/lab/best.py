"""Which validation is the best of a run, and which is good enough to stop: `--keep best`, `--stop_when`.

P(positive) alone would choose the model that hacks its reward best, so only a validation counts whose distinct-2 is still a certain share of
the untrained model's, `--distinct_floor`. The best one's step stands in the trainer's own state, which every checkpoint has.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from lab.config import TrainConfig

if TYPE_CHECKING:
    from transformers import TrainerControl, TrainerState

    from lab.measure import Evaluation


class Decision(NamedTuple):
    """What a validation leads to: its model is the best until now; training stops."""

    best: bool = False
    stop: bool = False


def share(distinct_2: float, base: Mapping[str, Any]) -> float:
    """Return distinct-2 as a share of the untrained model's; 0 where that has none."""
    return distinct_2 / base["distinct_2"] if base["distinct_2"] else 0.0


def decide(
    config: TrainConfig, base: Mapping[str, Any], result: "Evaluation", best: float | None
) -> Decision:
    """Return what follows from a validation; `best`: P(positive) of the best one until now, None before the first that counts."""
    counts = share(result.distinct_2, base) >= config.distinct_floor
    reached = result.mean_sentiment
    better = best is None or reached > best
    return Decision(
        counts and better and config.keep == "best",
        counts and 0 < config.stop_when <= reached,
    )


def follow(
    decision: Decision, reached: float, state: "TrainerState", control: "TrainerControl"
) -> None:
    """Note the best in the trainer's state and have it saved; stop. The same in every process, or they wait for each other."""
    if decision.best:
        state.best_metric, state.best_global_step = reached, state.global_step
        control.should_save = True
    if decision.stop:
        control.should_training_stop = True


def figures_of(result: "Evaluation", base: Mapping[str, Any]) -> str:
    """Return what a decision was made by, in words."""
    return (
        f"P(positive) {result.mean_sentiment:.3f}, distinct-2 at {share(result.distinct_2, base):.2f} times the base "
        "model's"
    )
