"""Opinions on sentiment that owe nothing to the reward model: the n-gram judge and VADER.

A policy that is trained against `tiny-sentiment` finds what that model overrates. Neither judge here shares its architecture, the
n-gram judge learned from reviews that it never saw, and VADER learned from none: it is a lexicon with rules.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load_file
from sklearn.feature_extraction.text import HashingVectorizer

from gate import ROOT
from lab.vader import check_texts

JUDGE = ROOT / "models" / "ngram-judge"


def vectorizer(arguments: dict[str, Any]) -> HashingVectorizer:
    """Return the stateless vectoriser of a judge's `config.json`, where JSON made the tuple of n-gram lengths a list."""
    return HashingVectorizer(**arguments | {"ngram_range": tuple(arguments["ngram_range"])})


def plain(text: str) -> str:
    """Return the text with typographic apostrophes made plain, as in the cleaned reviews that the judge learned from."""
    return text.replace("’", "'")


class Judge:
    """The n-gram judge: logistic regression on hashed words and word pairs (`models/ngram-judge/README.md`).

    >>> good, bad = Judge().scores(["I loved every minute.", "A complete waste of time."])
    >>> good > 0.7 > 0.3 > bad
    True
    """

    def __init__(self, folder: Path = JUDGE) -> None:
        """Load the coefficients [F] and the intercept of a folder that `python -m tools.recipes build judge` wrote."""
        config = json.loads((Path(folder) / "config.json").read_text(encoding="utf-8"))
        weights = load_file(Path(folder) / "weights.safetensors")
        self.vectorizer = vectorizer(config["vectorizer"])
        self.coefficients = weights["coefficients"].astype(np.float64)
        self.intercept = float(weights["intercept"][0])
        if self.coefficients.shape != (self.vectorizer.n_features,):
            raise ValueError(
                f"{folder}: weights and config.json disagree on the number of features"
            )

    def log_odds(self, texts: Sequence[str]) -> np.ndarray:
        """Return the log-odds of positive [B], in nats; a text without a word gives the intercept."""
        texts = check_texts(texts)
        if not texts:
            return np.zeros(0)
        return self.vectorizer.transform(map(plain, texts)) @ self.coefficients + self.intercept

    def scores(self, texts: Sequence[str]) -> list[float]:
        """Return P(positive) in [0, 1] of each text; `[]` for no texts.

        Raises:
            TypeError: texts is one string, or an entry of it is not a string.
        """
        return (0.5 + 0.5 * np.tanh(self.log_odds(texts) / 2)).tolist()  # the sigmoid, no overflow
