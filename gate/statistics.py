"""The paired bootstrap: how sure a gain is, with prompts as clusters."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.stats import bootstrap

CONFIDENCE = 0.95
RESAMPLES = 9_999
LEAST_PROMPTS = 40  # clusters below this number make the percentile interval too narrow


class Gain(NamedTuple):
    """A mean difference with the ends of its confidence interval."""

    mean: float
    low: float
    high: float


def paired_gain(prompts: Sequence[str], before: Sequence[float], after: Sequence[float]) -> Gain:
    """Return the mean of after - before with its 95 % bootstrap percentile interval (Efron & Tibshirani 1993, ch. 13).

    Completions of one prompt resemble each other, so whole prompts are resampled: each prompt's mean difference is one
    observation. Every prompt must have equally many completions; then the mean of these means is the mean over all.

    Args:
        prompts: [N] the prompt of each completion.
        before, after: [N] the scores of the base's and the trained model's completions, in the same order.

    Raises:
        ValueError: fewer than 40 prompts, or unequal numbers of completions.

    >>> names = [f"prompt {i}" for i in range(40)]
    >>> paired_gain(names, [0.25] * 40, [0.75] * 40)
    Gain(mean=0.5, low=0.5, high=0.5)
    """
    differences: dict[str, list[float]] = {}
    for prompt, first, second in zip(prompts, before, after, strict=True):
        differences.setdefault(prompt, []).append(second - first)
    if len(differences) < LEAST_PROMPTS:
        raise ValueError(f"{len(differences)} prompts are too few: {LEAST_PROMPTS} or more")
    if len({len(rows) for rows in differences.values()}) > 1:
        raise ValueError("every prompt needs equally many completions")
    means = np.array([np.mean(rows) for rows in differences.values()])
    if np.ptp(means) == 0:  # scipy calls an interval without width undefined
        return Gain(*[float(means[0])] * 3)
    interval = bootstrap(
        (means,),
        np.mean,
        n_resamples=RESAMPLES,
        confidence_level=CONFIDENCE,
        method="percentile",
        rng=np.random.default_rng(0),
    ).confidence_interval
    return Gain(float(means.mean()), float(interval.low), float(interval.high))
