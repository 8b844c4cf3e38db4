"""The paired bootstrap: how sure a gain is, with prompts as clusters."""

from collections.abc import Sequence

from lab.intervals import Interval, clustered_change

LEAST_PROMPTS = 40  # clusters below this number make the percentile interval too narrow


def paired_gain(
    prompts: Sequence[str], before: Sequence[float], after: Sequence[float]
) -> Interval:
    """Return the mean of after - before with its 95 % interval (`lab/intervals.py`).

    Each prompt's mean difference is one observation. Every prompt must have equally many completions.

    Args:
        prompts: [N] the prompt of each completion.
        before, after: [N] the scores of the base's and the trained model's completions, in the same order.

    Raises:
        ValueError: fewer than 40 prompts, or unequal numbers of completions.

    >>> names = [f"prompt {i}" for i in range(40)]
    >>> paired_gain(names, [0.25] * 40, [0.75] * 40)
    Interval(mean=0.5, low=0.5, high=0.5)
    """
    if len(set(prompts)) < LEAST_PROMPTS:
        raise ValueError(f"{len(set(prompts))} prompts are too few: {LEAST_PROMPTS} or more")
    return clustered_change(prompts, before, after)
