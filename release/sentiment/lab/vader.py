"""VADER (Hutto & Gilbert 2014), a lexicon of positive and negative words with rules: an opinion that learned nothing from reviews.

Its package, vaderSentiment, does not come with the course.
"""

import importlib.util
from collections.abc import Sequence
from functools import cache
from typing import Any

HINT = "for a second opinion, VADER's, which no training asks: pip install vaderSentiment"


def installed() -> bool:
    """Tell whether its package is there."""
    return importlib.util.find_spec("vaderSentiment") is not None


def check_texts(texts: Sequence[str]) -> list[str]:
    """Return texts as a list; a `TypeError` names what is none: one string, or an entry that is not a string."""
    if isinstance(texts, str):
        raise TypeError("texts must be a list of strings, got one string: put it into a list")
    texts = list(texts)
    for index, text in enumerate(texts):
        if not isinstance(text, str):
            raise TypeError(f"texts[{index}] must be a string, got {type(text).__name__}")
    return texts


@cache
def vader() -> Any:
    """Return VADER, its lexicon read once."""
    from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

    return SentimentIntensityAnalyzer()


def vader_scores(texts: Sequence[str]) -> list[float]:
    """Return VADER's compound score in [-1, 1] of each text; 0 for a text without a word of its lexicon.

    Raises:
        TypeError: texts is one string, or an entry of it is not a string.
    """
    return [vader().polarity_scores(text)["compound"] for text in check_texts(texts)]
