"""Held-out figures of the shipped models, written to `models/*/metrics.json`.

Everything here is on the `test` split, which nothing was trained or chosen on. The classifier is also measured on the
`judge` split, equally unseen by it and three times as large; the judge learned from that one.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn import functional as F
from transformers import (
    AutoModelForCausalLM,
    AutoModelForSequenceClassification,
    AutoTokenizer,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)

from gate.judges import Judge
from tools.recipes import cards
from tools.recipes.classifier import log_odds
from tools.recipes.reviews import Review, load_reviews
from tools.recipes.windows import Window, window_sets

Loaded = tuple[PreTrainedModel, PreTrainedTokenizerBase]
Figures = dict[str, Any]
SEED = 0
BINS = 15  # of the expected calibration error, as in Guo et al. (2017)


def load(folder: Path, kind: Any) -> Loaded:
    """Return the model in evaluation mode and the tokenizer of a folder."""
    return kind.from_pretrained(folder).eval(), AutoTokenizer.from_pretrained(folder)


@torch.no_grad()
def language_figures(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, texts: Sequence[str]
) -> Figures:
    """Return the loss on texts, each read in pieces of one context; every token but a text's first is scored.

    Nats per byte divide the same sum by the UTF-8 bytes of the scored text; the EOS that ends a text has none.
    """
    context, nats, tokens, size = model.config.n_positions, 0.0, 0, 0
    for text in texts:
        ids = torch.tensor(tokenizer(text)["input_ids"] + [tokenizer.eos_token_id])
        for start in range(0, len(ids) - 1, context):
            piece = ids[start : start + context + 1]
            logits = model(input_ids=piece[None, :-1]).logits[0]
            nats += F.cross_entropy(logits, piece[1:], reduction="sum").item()
        tokens += len(ids) - 1
        size += len(text.encode()) - len(tokenizer.decode(ids[:1]).encode())
    return {
        "reviews": len(texts),
        "tokens": tokens,
        "nats_per_token": round(nats / tokens, 4),
        "nats_per_byte": round(nats / size, 4),
        "bytes_per_token": round(size / tokens, 3),
    }


def calibration_error(chances: np.ndarray, labels: np.ndarray) -> float:
    """Return the expected calibration error of P(positive) [N] over `BINS` equal bins of [0, 1]."""
    bins = np.minimum((chances * BINS).astype(int), BINS - 1)
    gaps = [
        abs(chances[bins == b].mean() - labels[bins == b].mean()) * (bins == b).mean()
        for b in set(bins.tolist())
    ]
    return float(sum(gaps))


def figures_of(odds: torch.Tensor, windows: Sequence[Window]) -> Figures:
    """Return accuracy, cross-entropy (nats), calibration error and the share of scores within 0.1 of 0 or 1.

    odds: the log-odds of positive [N] that a model gives the windows.
    """
    chances, labels = odds.sigmoid().numpy(), np.array([window.label for window in windows])
    loss = F.binary_cross_entropy_with_logits(
        odds, torch.tensor(labels, dtype=torch.float32)
    ).item()
    return {
        "n": len(windows),
        "accuracy": round(float(((chances > 0.5) == labels).mean()), 4),
        "nats": round(loss, 4),
        "ece": round(calibration_error(chances, labels), 4),
        "extreme": round(float((np.abs(chances - 0.5) > 0.4).mean()), 4),
    }


def classifier_figures(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, windows: Sequence[Window]
) -> Figures:
    """Return the figures of the classifier on windows."""
    return figures_of(log_odds(model, tokenizer, [window.text for window in windows]), windows)


def judge_figures(judge: Judge, windows: Sequence[Window]) -> Figures:
    """Return the figures of the n-gram judge on windows."""
    odds = judge.log_odds([window.text for window in windows])
    return figures_of(torch.tensor(odds, dtype=torch.float32), windows)


def unseen_windows(reviews: Sequence[Review], split: str) -> dict[str, list[Window]]:
    """Return the windows of a split that the figures are about, the same at every call."""
    return window_sets(reviews, split, np.random.default_rng(SEED))


def continuations(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    prompts: Sequence[str],
    temperature: float,
    count: int,
    tokens: int,
) -> list[str]:
    """Return `count` sampled continuations of each prompt, without the prompt, from the whole distribution."""
    texts: list[str] = []
    for prompt in prompts:
        inputs = tokenizer([prompt] * count, return_tensors="pt")
        rows = model.generate(
            **inputs,
            do_sample=True,
            temperature=temperature,
            top_k=0,
            top_p=1.0,
            max_new_tokens=tokens,
        )
        texts += tokenizer.batch_decode(
            rows[:, inputs["input_ids"].shape[1] :], skip_special_tokens=True
        )
    return texts


def base_figures(
    language: Loaded, classifier: Loaded, prompts: Sequence[str], count: int = 16, tokens: int = 40
) -> Figures:
    """Return P(positive) over continuations of the prompts at temperature 0.7 and 1.0, and three samples of each."""
    scores: Figures = {"prompts": len(prompts), "completions_per_prompt": count, "tokens": tokens}
    samples: list[tuple[float, str]] = []
    for temperature in (0.7, 1.0):
        torch.manual_seed(SEED)
        texts = continuations(*language, prompts, temperature, count, tokens)
        chances = log_odds(*classifier, texts).sigmoid()
        scores[f"temperature_{temperature}"] = {
            "mean": round(chances.mean().item(), 4),
            "std": round(chances.std().item(), 4),
        }
        samples += [(temperature, prompts[i] + texts[i * count]) for i in range(3)]
    return {"p_positive_on_eval_prompts": scores, "samples": samples}


def language_report(language: Loaded, classifier: Loaded, reviews: Sequence[Review]) -> Figures:
    """Return all figures of the language model."""
    from data import load_prompts

    unseen = [r.text for r in reviews if r.split == "test" and r.source == "imdb"]
    prompts = list(load_prompts("eval")["prompt"])
    return {
        "test": language_figures(*language, unseen),
        **base_figures(language, classifier, prompts),
    }


def sentiment_report(classifier: Loaded, reviews: Sequence[Review]) -> Figures:
    """Return all figures of the classifier."""
    return {
        split: {
            name: classifier_figures(*classifier, rows)
            for name, rows in unseen_windows(reviews, split).items()
        }
        for split in ("test", "judge")
    }


def judge_report(judge: Judge, reviews: Sequence[Review]) -> Figures:
    """Return all figures of the n-gram judge."""
    sets = unseen_windows(reviews, "test")
    return {"test": {name: judge_figures(judge, rows) for name, rows in sets.items()}}


def publish(
    folder: Path, figures: Figures, lines: Callable[[dict[str, Any]], Iterator[str]]
) -> None:
    """Write `metrics.json` and the figures of the card in a model folder."""
    text = json.dumps(figures, indent=2) + "\n"
    (folder / "metrics.json").write_text(text, encoding="utf-8")
    cards.update(folder / "README.md", lines(figures))
    print(folder.name, text, flush=True)


def main(root: Path, which: str = "all") -> None:
    """Measure the folders below `root / "models"`: "lm", "classifier", "judge" or "all"."""
    reviews = load_reviews()
    names = ("tiny-gpt2", "tiny-sentiment", "ngram-judge")
    folders = [root / "models" / name for name in names]
    if which in ("judge", "all"):
        publish(folders[2], judge_report(Judge(folders[2]), reviews), cards.sentiment_lines)
    if which == "judge":
        return
    classifier = load(folders[1], AutoModelForSequenceClassification)
    if which in ("classifier", "all"):
        publish(folders[1], sentiment_report(classifier, reviews), cards.sentiment_lines)
    if which in ("lm", "all"):
        language = load(folders[0], AutoModelForCausalLM)
        publish(folders[0], language_report(language, classifier, reviews), cards.language_lines)
