"""Windows of a few sentences, some of them cut mid-sentence: what the classifier reads.

GRPO scores completions: they begin where a prompt stopped and end where the token budget does, so half of the windows lose
their first words, half their last.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from tools.recipes.reviews import Review, sentences

MOST_SENTENCES = 6


class Window(NamedTuple):
    """A piece of a review with the review's label; `review` is the review's index."""

    text: str
    label: int
    review: int


def cut(text: str, rng: np.random.Generator) -> str:
    """Return the text without its first words in half of the cases and without its last in half; 3 words or more stay."""
    words = text.split(" ")
    first = rng.integers(0, min(len(words), 12)) if rng.random() < 0.5 else 0
    last = len(words) - (rng.integers(0, len(words)) if rng.random() < 0.5 else 0)
    return " ".join(words[first:last]) if last - first >= 3 else text


def draw_windows(
    reviews: Sequence[Review], rng: np.random.Generator, most: int = MOST_SENTENCES
) -> list[Window]:
    """Return one window of 1 to `most` consecutive sentences from each review, cut as completions are."""
    windows = []
    for index, review in enumerate(reviews):
        parts = sentences(review.text)
        count = min(len(parts), int(rng.integers(1, most + 1)))
        first = rng.integers(0, len(parts) - count + 1)
        windows.append(
            Window(cut(" ".join(parts[first : first + count]), rng), review.label, index)
        )
    return windows


def whole_windows(reviews: Sequence[Review], rng: np.random.Generator) -> list[Window]:
    """Return, per review, one uncut window of each length from 1 to 4 sentences that it has."""
    windows = []
    for index, review in enumerate(reviews):
        parts = sentences(review.text)
        for count in range(1, min(4, len(parts)) + 1):
            first = rng.integers(0, len(parts) - count + 1)
            windows.append(Window(" ".join(parts[first : first + count]), review.label, index))
    return windows


def window_sets(
    reviews: Sequence[Review], split: str, rng: np.random.Generator
) -> dict[str, list[Window]]:
    """Return the named sets of windows of one split that the classifier is measured on; snippets stay whole."""
    imdb = [r for r in reviews if r.split == split and r.source == "imdb"]
    snippets = [r for r in reviews if r.split == split and r.source == "rotten_tomatoes"]
    return {
        "imdb_windows": whole_windows(imdb, rng),
        "imdb_cut_windows": draw_windows(imdb, rng, most=4),
        "rotten_tomatoes": [
            Window(review.text, review.label, index) for index, review in enumerate(snippets)
        ],
    }


def by_length(
    rows: Sequence[Sequence[int]], batch: int, rng: np.random.Generator
) -> Iterator[np.ndarray]:
    """Yield index arrays of `batch` rows of similar length, in random order, so that little is padding."""
    order = rng.permutation(len(rows))
    order = order[np.argsort([len(rows[i]) for i in order], kind="stable")]
    batches = [order[i : i + batch] for i in range(0, len(order), batch)]
    for index in rng.permutation(len(batches)):
        yield batches[index]
