"""The classifier's teacher: logistic regression on word n-grams, scaled by naive-Bayes log-count ratios.

Wang & Manning (2012), "Baselines and Bigrams", equations 1-2, with logistic loss, words to trigrams, and the sum over
n-grams divided by the square root of their number, so that short and long windows share one scale. The teacher is
cross-fitted: a review is scored by the model of a fold that never saw it, so its opinion is about text, not memory.
"""

import re
import zlib
from collections.abc import Iterable, Sequence

import numpy as np
import torch
from torch.nn import functional as F

from tools.recipes.reviews import Review
from tools.recipes.windows import Window, draw_windows

FOLDS = 4
BUCKETS = 2**20  # n-grams are hashed; a few of them share a weight
Packed = tuple[torch.Tensor, torch.Tensor, torch.Tensor]  # n-grams, offsets, scales
_WORD = re.compile(r"[a-z0-9]+(?:'[a-z]+)?|[!?]")


def ngrams(text: str) -> np.ndarray:
    """Return the distinct hashed words, word pairs and word triples of a text."""
    words = _WORD.findall(text.lower())
    grams = [" ".join(words[i : i + n]) for n in (1, 2, 3) for i in range(len(words) - n + 1)]
    return np.unique([zlib.crc32(gram.encode()) % BUCKETS for gram in grams or [""]]).astype(
        np.int64
    )


def log_count_ratio(features: Iterable[np.ndarray], labels: Iterable[int]) -> np.ndarray:
    """Return [BUCKETS] how much likelier (in nats) each n-gram is in positive than in negative texts, add-one smoothed."""
    counts = [np.ones(BUCKETS), np.ones(BUCKETS)]
    for grams, label in zip(features, labels, strict=True):
        counts[label][grams] += 1
    negative, positive = counts
    return np.log(positive / positive.sum()) - np.log(negative / negative.sum())


def _pack(features: Sequence[np.ndarray]) -> Packed:
    """Return one flat tensor of n-grams, the offset of each text and its 1/sqrt(number of n-grams)."""
    lengths = torch.tensor([len(grams) for grams in features])
    return torch.from_numpy(np.concatenate(features)), lengths.cumsum(0) - lengths, lengths**-0.5


def _score(weights: torch.Tensor, packed: Packed) -> torch.Tensor:
    """Return the logits [B] of packed texts under weights [BUCKETS]."""
    grams, offsets, scale = packed
    return F.embedding_bag(grams, weights[:, None], offsets, mode="sum").squeeze(1) * scale


def fit(reviews: Sequence[Review], rng: np.random.Generator, batch: int = 512) -> torch.Tensor:
    """Return n-gram weights [BUCKETS]: one epoch over each review and 8 windows from it."""
    windows = [window for _ in range(8) for window in draw_windows(reviews, rng)]
    texts = [review.text for review in reviews] + [window.text for window in windows]
    labels = np.array([review.label for review in reviews] + [window.label for window in windows])
    features = [ngrams(text) for text in texts]
    ratio = torch.tensor(
        log_count_ratio(features[: len(reviews)], labels[: len(reviews)]), dtype=torch.float32
    )
    weights = torch.full((BUCKETS,), 0.6, requires_grad=True)
    optimizer = torch.optim.Adam([weights], lr=0.04)
    order = rng.permutation(len(texts))
    for rows in np.array_split(order, len(order) // batch):
        logits = _score(weights * ratio, _pack([features[row] for row in rows]))
        loss = F.binary_cross_entropy_with_logits(
            logits, torch.tensor(labels[rows], dtype=torch.float32)
        )
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return (weights * ratio).detach()


class Teacher:
    """P(positive) of windows by the fold that did not see their review."""

    def __init__(self, reviews: Sequence[Review], seed: int) -> None:
        """Fit one model per fold on all reviews but those with `index % FOLDS == fold`, then one temperature."""
        rng = np.random.default_rng(seed)
        self.weights = [
            fit([r for i, r in enumerate(reviews) if i % FOLDS != fold], rng)
            for fold in range(FOLDS)
        ]
        self.temperature = 1.0
        windows = draw_windows(reviews, rng)
        logits, labels = (
            self.logits(windows),
            torch.tensor([window.label for window in windows], dtype=torch.float32),
        )
        grid = np.arange(0.5, 4, 0.1)
        losses = [F.binary_cross_entropy_with_logits(logits / t, labels).item() for t in grid]
        self.temperature = float(grid[np.argmin(losses)])
        accuracy = ((logits > 0) == labels.bool()).float().mean().item()
        print(
            f"teacher: out of fold accuracy {accuracy:.3f}, {min(losses):.3f} nats, T {self.temperature:.1f}",
            flush=True,
        )

    def logits(self, windows: Iterable[Window]) -> torch.Tensor:
        """Return the calibrated logit [B] of each window."""
        rows = []
        for window in windows:
            rows.append(_score(self.weights[window.review % FOLDS], _pack([ngrams(window.text)])))
        return torch.cat(rows) / self.temperature
