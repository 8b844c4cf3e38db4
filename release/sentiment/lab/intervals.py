"""How sure a figure is: the bootstrap with prompts as clusters, within one model; Student's t, over training runs."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

CONFIDENCE = 0.95
RESAMPLES = 9_999
# the 97.5 % quantile of Student's t with 1, 2, … degrees of freedom; with more than 30 the normal distribution's is near
T_975 = (
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131,
    2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042,
)  # fmt: skip
NORMAL_975 = 1.960


class Interval(NamedTuple):
    """A mean with the ends of its confidence interval."""

    mean: float
    low: float
    high: float


def cluster_means(prompts: Sequence[str], values: Sequence[float]) -> np.ndarray:
    """Return one observation a prompt, the mean over its completions, in order of first appearance.

    Raises:
        ValueError: the prompts have unequal numbers of completions: then the mean of these means is not that over all.
    """
    rows: dict[str, list[float]] = {}
    for prompt, value in zip(prompts, values, strict=True):
        rows.setdefault(prompt, []).append(value)
    if len({len(row) for row in rows.values()}) > 1:
        raise ValueError("every prompt needs equally many completions")
    return np.array([np.mean(row) for row in rows.values()])


def bootstrap(means: np.ndarray) -> Interval:
    """Return the mean of cluster means [n] with its 95 % bootstrap percentile interval (Efron & Tibshirani 1993, ch. 13).

    Completions of one prompt resemble each other, so whole prompts are drawn anew, each with all its completions. The same
    draws every time: `scipy.stats.bootstrap` gives the same ends to the last bit from a generator of seed 0.

    >>> bootstrap(np.array([0.5, 0.5]))
    Interval(mean=0.5, low=0.5, high=0.5)
    """
    if np.ptp(means) == 0:
        return Interval(*[float(means[0])] * 3)
    drawn = np.random.default_rng(0).integers(0, len(means), (RESAMPLES, len(means)))
    tail, found = (1 - CONFIDENCE) / 2, np.sort(means[drawn].mean(axis=-1))
    return Interval(float(means.mean()), quantile(found, tail), quantile(found, 1 - tail))


def clustered(prompts: Sequence[str], values: Sequence[float]) -> Interval:
    """Return the mean of a figure of completions with its interval, prompts as clusters; ValueError as `cluster_means`."""
    return bootstrap(cluster_means(prompts, values))


def clustered_change(
    prompts: Sequence[str], before: Sequence[float], after: Sequence[float]
) -> Interval:
    """Return the mean of after - before, paired by completion, with its interval; ValueError as `cluster_means`."""
    return clustered(prompts, [b - a for a, b in zip(before, after, strict=True)])


def quantile(ordered: np.ndarray, share: float) -> float:
    """Return a quantile of sorted values, between two of them in proportion.

    >>> quantile(np.array([1.0, 2.0, 4.0]), 0.75)
    3.0
    """
    place = share * (len(ordered) - 1)
    below = int(place)
    rest, above = place - below, min(below + 1, len(ordered) - 1)
    return float((1 - rest) * ordered[below] + rest * ordered[above])


def over_runs(values: Sequence[float]) -> Interval:
    """Return the mean of n runs' figures with its 95 % interval by Student's t; without width for one run.

    >>> [round(end, 3) for end in over_runs([0.9, 0.92, 0.94])]
    [0.92, 0.87, 0.97]
    """
    count, mean = len(values), math.fsum(values) / len(values)
    if count < 2:
        return Interval(mean, mean, mean)
    deviation = math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (count - 1))
    factor = T_975[count - 2] if count - 2 < len(T_975) else NORMAL_975
    half = factor * deviation / math.sqrt(count)
    return Interval(mean, mean - half, mean + half)
