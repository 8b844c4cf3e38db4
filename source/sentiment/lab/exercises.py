"""The exercises whose functions are called: one row each, and what checks, bridge and training take from it.

A new exercise is a new row of ROWS; its marks stand in the notebook alone.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lab import examples
from lab.errors import ExerciseError
from lab.examples import Example, Tensor

if TYPE_CHECKING:
    import torch

    from lab.config import TrainConfig

LARGEST = 1e12  # of a reward: the squares of larger ones overflow in float32 sums


@dataclass(frozen=True)
class Exercise:
    """One exercise; `stem` is its function's name everywhere.

    Args:
        probe: the smallest valid arguments, enough to tell a stub from an implementation.
        examples: what the visible check tries.
        results: how many numbers the probe gives.
        per: what each of the results stands for; "" where the function gives one number for all it was given.
        training: the settings with which a run calls the function, as setting → values; None where none does.
        remedy: what helps against a result that is not finite.
    """

    stem: str
    number: str
    probe: Sequence[Any]
    examples: Sequence[Example]
    results: int = 1
    per: str = "completion"
    training: Mapping[str, Sequence[str]] | None = None
    remedy: str = ""

    @property
    def title(self) -> str:
        """Number and name, as every message begins."""
        return f"Exercise {self.number}, {self.stem}"

    def is_used(self, config: "TrainConfig") -> bool:
        """Tell whether a run with these settings calls the function."""
        if self.training is None:
            return False
        return all(getattr(config, name) in values for name, values in self.training.items())


ROWS = (
    Exercise("sentiment_reward", "1", [[]], examples.SENTIMENT_REWARD, results=0, training={}),
    Exercise(
        "exponential_shaping",
        "2",
        [Tensor([0.5])],
        examples.EXPONENTIAL_SHAPING,
        training={"reward_shaping": ["exponential"]},
        remedy="a larger --shaping_temperature is less steep",
    ),
    Exercise(
        "sequence_log_probs",
        "3a",
        [Tensor([[[0.0, 0.0, 0.0], [0.0, 0.0, 0.0]]]), Tensor([[0, 1]]), Tensor([[1, 1]])],
        examples.SEQUENCE_LOG_PROBS,
        training={"kl_type": ["forward", "backward"]},
    ),
    Exercise(
        "forward_kl_reward",
        "3b",
        [Tensor([-1.5])],
        examples.FORWARD_KL_REWARD,
        training={"kl_type": ["forward"]},
    ),
    Exercise(
        "backward_kl_reward",
        "3c",
        [Tensor([-1.5])],
        examples.BACKWARD_KL_REWARD,
        training={"kl_type": ["backward"]},
    ),
    Exercise(
        "group_advantages", "4a", [Tensor([0.25, 0.75]), 2], examples.GROUP_ADVANTAGES, results=2
    ),
    Exercise(
        "kl_estimate",
        "4b",
        [Tensor([[-1.0]]), Tensor([[-1.5]]), Tensor([[1]])],
        examples.KL_ESTIMATE,
    ),
    Exercise(
        "policy_loss",
        "4c",
        [Tensor([[-1.0]]), Tensor([[-1.0]]), Tensor([0.5]), Tensor([[1]])],
        examples.POLICY_LOSS,
        per="",
    ),
)
TABLE = {row.stem: row for row in ROWS}
# the exercises that are no function of numbers: a training run, and written answers
NUMBERS = {**{row.stem: row.number for row in ROWS}, "train": "5", "analysis": "6"}


def chosen(setting: str, value: str) -> str | None:
    """Return the exercise that a setting's value stands for, as "forward" of `kl_type` does; None for "none"."""
    found = (row.stem for row in ROWS if row.training == {setting: [value]})
    return next(found, None)


def probe(stem: str) -> tuple[Any, ...]:
    """Return the arguments of an exercise's probe, made anew."""
    return tuple(examples.arguments(TABLE[stem].probe))


def call_exercise(
    stem: str, function: Callable[..., Any], *args: Any, count: int, **kwargs: Any
) -> "torch.Tensor":
    """Call a student's function on a batch of `count` and return its result, checked.

    Raises:
        NotImplementedError, torch.OutOfMemoryError: as they are.
        ExerciseError: it raises something else, or does not return `count` finite numbers.
    """
    import torch

    try:
        values = function(*args, **kwargs)
    except (NotImplementedError, torch.OutOfMemoryError):
        raise
    except (Exception, SystemExit) as error:
        reason = f"raises {type(error).__name__}: {error}"
        raise ExerciseError(f"{TABLE[stem].title}, {reason}") from error
    return checked(stem, values, count)


def checked(stem: str, values: Any, count: int) -> "torch.Tensor":
    """Return what an exercise gave as a float32 tensor [count] on the CPU; [] where it gives one number for all.

    Raises:
        ExerciseError: it is not `count` finite numbers within ±1e12. TRL itself would train on: a NaN or inf
            silently gives its whole group an advantage of 0.
    """
    import torch

    title = TABLE[stem].title
    try:
        tensor = torch.as_tensor(values, dtype=torch.float32).detach().cpu()
    except (TypeError, ValueError, RuntimeError) as error:
        raise ExerciseError(f"{title}, returned no numbers: {error}") from error
    if words := wrong_shape(TABLE[stem], list(tensor.shape), count):
        raise ExerciseError(f"{title}, {words}")
    if not tensor.isfinite().all():
        bad, remedy = tensor[~tensor.isfinite()][0].item(), TABLE[stem].remedy
        instead = f" ({remedy})" if remedy else ""
        raise ExerciseError(f"{title}, returned {bad}: every reward must be finite{instead}")
    if tensor.numel() and tensor.abs().max() > LARGEST:
        raise ExerciseError(
            f"{title}, returned {tensor.abs().max():g}: beyond {LARGEST:g} the statistics of a group overflow"
        )
    return tensor


def wrong_shape(row: Exercise, shape: list[int], count: int) -> str:
    """Return what is wrong with the shape of a result for a batch of `count`, or ""."""
    if not row.per:
        return f"returned shape {shape}: it must be one number" if shape else ""
    if shape == [count]:
        return ""
    return f"returned shape {shape} for {count} {row.per}s: it must be [{count}]"
