# ruff: noqa
# fmt: off
"""Right work on exercise 1 in many styles."""

# %% plain
# right: as short as it gets
def sentiment_reward(completions, **kwargs):
    return get_sentiment_scores(completions)

# %% tensor
# right: a float32 tensor
def sentiment_reward(completions, **kwargs):
    return torch.tensor(get_sentiment_scores(completions))

# %% double_array
# right: a float64 array
import numpy as np

def sentiment_reward(completions, **kwargs):
    return np.asarray(get_sentiment_scores(list(completions)), dtype=np.float64)

# %% list_of_tensors
# right: a list of 0-d tensors
def sentiment_reward(completions, **kwargs):
    return [torch.tensor(score) for score in get_sentiment_scores(completions)]

# %% through_the_module
# right: reaches the scorer as an attribute of its module
import sentiment

def sentiment_reward(completions, **kwargs):
    return sentiment.get_sentiment_scores(completions, batch_size=32)

# %% imported_inside
# right: imports where it is needed, under another name
def sentiment_reward(completions, **kwargs):
    from sentiment import get_sentiment_scores as score
    return [float(p) for p in score(texts=completions)]

# %% typed_and_documented
# right: type hints, a docstring, keywords of TRL spelled out
from __future__ import annotations
from typing import Any

def sentiment_reward(completions: list[str], prompts: list[str] | None = None, **kwargs: Any) -> list[float]:
    """Score `completions`.

    >>> sentiment_reward([])
    []
    """
    if len(completions) == 0:
        return []
    scores: list[float] = get_sentiment_scores(completions)
    assert len(scores) == len(completions)
    return scores

# %% each_text_once
# right: repeated texts are scored once, in one call, and put back in their places
def sentiment_reward(completions, **kwargs):
    unique = sorted(set(completions))
    score = dict(zip(unique, get_sentiment_scores(unique)))
    return [score[text] for text in completions]

# %% remembers
# right: texts that were scored before are not scored again
SEEN = {}

def sentiment_reward(completions, **kwargs):
    new = [text for text in dict.fromkeys(completions) if text not in SEEN]
    if new:
        SEEN.update(zip(new, get_sentiment_scores(new)))
    return [SEEN[text] for text in completions]

# %% shortest_first
# right: sorts a copy by length and restores the order
def sentiment_reward(completions, **kwargs):
    order = sorted(range(len(completions)), key=lambda i: len(completions[i]))
    scores = get_sentiment_scores([completions[i] for i in order])
    result = [0.0] * len(order)
    for place, score in zip(order, scores):
        result[place] = score
    return result

# %% callable_object
# right: an instance with __call__
class SentimentReward:
    def __init__(self, scorer):
        self.scorer = scorer

    def __call__(self, completions, **kwargs):
        return self.scorer(completions)

sentiment_reward = SentimentReward(get_sentiment_scores)

# %% chatty
# right: prints, warns and logs all the time
import logging
import sys
import warnings

def sentiment_reward(completions, **kwargs):
    print("scoring", len(completions), "completions", kwargs.keys())
    print("a line on stderr", file=sys.stderr)
    warnings.warn("this is slow")
    logging.warning("still scoring")
    scores = get_sentiment_scores(completions)
    print(scores)
    return scores

# %% pandas_series_result
# right: a pandas Series
import pandas as pd
def sentiment_reward(completions, **kwargs):
    return pd.Series(get_sentiment_scores(completions))

# %% prints_each_text
# right: prints every text, whatever it holds
def sentiment_reward(completions, **kwargs):
    for text in completions:
        print(text[:60])
    return get_sentiment_scores(completions)

# %% array_of_texts
# right: the texts pass through an array of objects
import numpy as np

def sentiment_reward(completions, **kwargs):
    texts = np.array(completions, dtype=object)
    return np.array(get_sentiment_scores(texts.tolist()))
