"""What a reward model's rising score is worth: a second judge, the distance from the base model, best-of-n without training.

Gao et al. 2022 (arXiv 2210.10760): pushed far enough, the score that is trained for goes on rising while another judge's falls.
"""

import math
import re
import warnings
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from lab.measure import kl_ref
from rewards import Rewards

if TYPE_CHECKING:
    from lab.runs import Run

LEAST = 2  # completions that a pair of words must stand in before it says anything
PRIOR = 2  # completions of average score that are added to those of each pair
OTHER_TEMPERATURE = (
    "these runs sampled at temperature {:g}, and log P_ref is that of temperature 1: their KL begins far from 0. Compare them with one "
    "another, and with best-of-n by their scores alone"
)
STEPS = 5  # of a run that one point is the mean of: the KL of a single step is off by 2 nats or so


def word_pairs(text: str) -> set[tuple[str, str]]:
    """Return the different pairs of neighbouring words, lower-cased.

    >>> sorted(word_pairs("A good, GOOD film"))
    [('a', 'good'), ('good', 'film'), ('good', 'good')]
    """
    return set(pairwise(re.findall(r"[a-z']+", text.lower())))


def log_odds(share: float) -> float:
    """Return log(p / (1 - p)) of a share strictly between 0 and 1, in nats."""
    return math.log(share / (1 - share))


@dataclass(frozen=True)
class PairJudge:
    """A second judge of sentiment: naive Bayes on pairs of words, each counted once a text.

    `weights` holds for each pair that it knows by how much, in nats, a completion with it is more often positive. A text gets the
    sigmoid of the sum over its known pairs: 0.5 where there are none, as in words that nobody has put beside each other.
    """

    weights: dict[tuple[str, str], float]

    @classmethod
    def learn(cls, texts: Sequence[str], scores: Sequence[float]) -> "PairJudge":
        """Return the judge that learned from texts and their P(positive); raises ValueError unless the mean is within (0, 1)."""
        mean = float(np.mean(scores)) if len(scores) else math.nan
        if not 0 < mean < 1:
            raise ValueError(f"scores of mean {mean}: a judge learns from good and bad texts")
        found = defaultdict(list)
        for text, score in zip(texts, scores, strict=True):
            for pair in word_pairs(text):
                found[pair].append(score)
        return cls(
            {
                pair: log_odds((sum(some) + PRIOR * mean) / (len(some) + PRIOR)) - log_odds(mean)
                for pair, some in found.items()
                if len(some) >= LEAST
            }
        )

    def score(self, text: str) -> float:
        """Return how positive it finds a text, in (0, 1)."""
        total = sum(self.weights.get(pair, 0.0) for pair in word_pairs(text))
        return 0.5 + 0.5 * math.tanh(total / 2)

    def known(self, text: str) -> float:
        """Return the share of a text's pairs that it knows; 0 for a text without pairs."""
        pairs = word_pairs(text)
        return sum(pair in self.weights for pair in pairs) / max(1, len(pairs))

    def reads_along(self, rewards: Rewards) -> Rewards:
        """Return the same rewards, which note this judge's mean score of each batch as `judge` in a run's history; it pays nothing."""
        rewarded = rewards["sentiment_reward"]

        def watched(completions: list[str], **kwargs: Any) -> Any:
            if completions and (log_metric := kwargs.get("log_metric")):
                log_metric("judge", float(np.mean([self.score(text) for text in completions])))
            return rewarded(completions, **kwargs)

        return replace(rewards, functions={**rewards.functions, "sentiment_reward": watched})


def path(run: "Run") -> dict[str, "np.ndarray[Any, Any]"]:
    """Return a watched run's way, a value for every STEPS steps: `kl`, `proxy` (mean score), `judge`, `entropy`.

    `kl` is KL(π ‖ P_ref) of whole completions of the training batches, in nats: cross-entropy minus entropy, both logged per token,
    times their mean length. The log must have log P_ref (any KL term, even with coefficient 0) and rollouts of temperature 1, or a
    warning says so.

    Raises:
        KeyError: the run was not watched, or had no KL term.
    """
    if (temperature := run.config.get("temperature", 1.0)) != 1.0:
        warnings.warn(OTHER_TEMPERATURE.format(temperature), stacklevel=2)
    lines = [line for line in run.history if "entropy" in line]
    lines = lines[: len(lines) // STEPS * STEPS]

    def means(values: Sequence[float]) -> "np.ndarray[Any, Any]":
        found: np.ndarray[Any, Any] = np.reshape(values, (-1, STEPS)).mean(axis=1)
        return found

    nats = [
        kl_ref(line["entropy"], line["ref_log_prob"]) * line["completions/mean_length"]
        for line in lines
    ]
    same = {"proxy": "sentiment", "judge": "judge", "entropy": "entropy"}
    return {
        "kl": means(nats),
        **{name: means([line[key] for line in lines]) for name, key in same.items()},
    }


def best_of(n: int, scores: "np.ndarray[Any, Any]", values: "np.ndarray[Any, Any]") -> float:
    """Return the expected value of the best of n samples of a prompt, the best by `scores`; mean over prompts.

    Of N samples a prompt in ascending order of score, the i-th (from 0) is the best of C(i, n - 1) of the C(N, n) subsets of n:
    unbiased, and less noisy than the best of the first n (as in Nakano et al. 2021, arXiv 2112.09332).

    Args:
        scores, values: [prompts, N]; with `values` = `scores` it is the expected best score itself.

    >>> scores = np.array([[0.1, 0.7, 0.4]])
    >>> [round(best_of(n, scores, scores), 3) for n in (1, 2, 3)]
    [0.4, 0.6, 0.7]
    """
    count = scores.shape[1]
    share = np.array([math.comb(i, n - 1) / math.comb(count, n) for i in range(count)])
    ordered = np.take_along_axis(values, scores.argsort(axis=1), axis=1)
    return float((ordered @ share).mean())


def best_of_kl(n: int) -> float:
    """Return log n - (n - 1)/n, in nats: what the KL of best-of-n from the base model is at most (Beirami et al. 2024, arXiv 2401.01879)."""
    return math.log(n) - (n - 1) / n
