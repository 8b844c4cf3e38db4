"""The sentiment scorer: P(positive) of a text from a pretrained classifier.

The default is nlptown's five-star reviewer; `use_model` or the environment variable SENTIMENT_MODEL picks
another. What "positive" means is read off the classifier's own labels, never assumed from their order.
"""

import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from lab.errors import ModelUnavailable
from lab.pretrained import load

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

DEFAULT_MODEL = "nlptown/bert-base-multilingual-uncased-sentiment"
# their tables of positions begin after the padding token's: that many fewer tokens fit
FIRST_POSITION_AFTER_PAD = {"roberta", "xlm-roberta", "xlm-roberta-xl", "camembert"}
POLARITY = {"negative": 0.0, "neg": 0.0, "neutral": 0.0, "positive": 1.0, "pos": 1.0}

_model_name = os.environ.get("SENTIMENT_MODEL", DEFAULT_MODEL)
_stand_in: Callable[[list[str]], list[float]] | None = None


@dataclass(frozen=True)
class Classifier:
    """A loaded classifier; `positive` [C] is 1 for the labels whose probabilities add up to P(positive)."""

    model: "PreTrainedModel"
    tokenizer: "PreTrainedTokenizerBase"
    positive: "torch.Tensor"
    max_length: int


def use_model(name: str) -> None:
    """Choose the classifier that `get_sentiment_scores` uses from now on; it is loaded at the first call."""
    global _model_name
    _model_name = name


@contextmanager
def answered_by(scorer: Callable[[list[str]], list[float]]) -> Iterator[None]:
    """Let `get_sentiment_scores` answer with `scorer`'s numbers for a while, whoever calls it and under whatever name."""
    global _stand_in
    _stand_in = scorer
    try:
        yield
    finally:
        _stand_in = None


def positive_labels(id2label: dict[int, str]) -> list[float]:
    """Return one weight a class, in class order: 1 where its probability counts towards P(positive), else 0.

    Five stars ("1 star" … "5 stars"): 4 and 5 count. Binary and three-way heads: the label "positive" or "pos"
    counts, "neutral" does not.

    Raises:
        ModelUnavailable: the labels are of none of these kinds (LABEL_0, say).

    >>> positive_labels({0: "1 star", 1: "2 stars", 2: "3 stars", 3: "4 stars", 4: "5 stars"})
    [0.0, 0.0, 0.0, 1.0, 1.0]
    >>> positive_labels({0: "NEGATIVE", 1: "POSITIVE"})
    [0.0, 1.0]
    """
    labels = [str(id2label[i]).strip().lower() for i in sorted(id2label)]
    matches = [re.fullmatch(r"([1-5]) stars?", label) for label in labels]
    stars = [int(match[1]) for match in matches if match]
    if len(stars) == len(labels) and set(stars) == {1, 2, 3, 4, 5}:
        return [float(star >= 4) for star in stars]
    if all(label in POLARITY for label in labels):
        weights = [POLARITY[label] for label in labels]
        if 0 < sum(weights) < len(weights):
            return weights
    raise ModelUnavailable(
        f"cannot tell which of the labels {labels} mean positive: use a classifier whose config.json names its "
        "labels negative/positive, negative/neutral/positive or 1 star … 5 stars, or --preset smoke"
    )


@lru_cache(maxsize=1)  # one classifier at a time: switching frees the other's memory
def _classifier(name: str) -> Classifier:
    import torch
    from transformers import AutoModelForSequenceClassification

    half = torch.cuda.is_available()  # float16 halves the time on any GPU; CPUs are slower with it
    model, tokenizer = load(
        AutoModelForSequenceClassification,
        name,
        "sentiment model",
        torch.float16 if half else torch.float32,
    )
    positive = torch.tensor(positive_labels(model.config.id2label), device=model.device)
    positions = getattr(model.config, "max_position_embeddings", 512)
    if model.config.model_type in FIRST_POSITION_AFTER_PAD:
        positions -= model.config.pad_token_id + 1
    return Classifier(model, tokenizer, positive, min(tokenizer.model_max_length, positions))


def get_sentiment_scores(texts: list[str], batch_size: int = 64) -> list[float]:
    """Return P(positive) in [0, 1] of each of B texts, in the order given.

    One call scores a whole batch: texts are sorted by length, so that little is padded, run `batch_size` at a
    time and put back in order. Long texts are cut at the classifier's limit; an empty text is scored as it is.

    Args:
        texts: B strings; an empty list gives an empty list and loads nothing.
        batch_size: texts in one forward pass.

    Raises:
        TypeError: `texts` is a single string, or something in it is no string.
        ModelUnavailable: the classifier cannot be loaded or its labels are unknown.

    >>> get_sentiment_scores([])
    []
    """
    if isinstance(texts, str) or not all(isinstance(text, str) for text in texts):
        raise TypeError("get_sentiment_scores takes a list of strings: one completion an entry")
    if batch_size < 1:
        raise ValueError(f"batch_size is {batch_size}: it must be 1 or more")
    if _stand_in is not None:
        return _stand_in(list(texts))
    if not texts:
        return []
    import torch

    classifier = _classifier(_model_name)
    order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
    scores = [0.0] * len(texts)
    for start in range(0, len(order), batch_size):
        rows = order[start : start + batch_size]
        batch = classifier.tokenizer(
            [texts[i] for i in rows],
            padding=True,
            truncation=True,
            max_length=classifier.max_length,
            return_tensors="pt",
        ).to(classifier.model.device)
        with torch.inference_mode():
            probabilities = classifier.model(**batch).logits.float().softmax(dim=-1)  # [rows, C]
        for i, score in zip(rows, (probabilities @ classifier.positive).tolist(), strict=True):
            scores[i] = score
    return scores
