"""`models/ngram-judge`: the second judge of sentiment, logistic regression on hashed words and word pairs.

It learns from the `judge` split, which `tiny-sentiment` and its teacher never saw, so that a gain which both of them see is
not an artefact of the reward model.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

from gate.judges import vectorizer
from tools.recipes.export import fresh_folder
from tools.recipes.reviews import Review, load_reviews
from tools.recipes.windows import Window, draw_windows, window_sets

Features = tuple[Any, np.ndarray]  # sparse [N, F], and labels [N]
VECTORIZER = {
    "n_features": 2**18,  # 524 kB as float16; 2**17 costs 0.5 points of accuracy on `valid`
    "alternate_sign": False,
    "binary": True,  # a word said ten times counts once
    "norm": "l2",  # short and long texts on one scale
    "ngram_range": [1, 2],
    "lowercase": True,
    "token_pattern": r"\w+(?:'\w+)?",  # "don't" is one word
}


@dataclass(frozen=True)
class Recipe:
    """What the shipped weights were trained with; a pass is over one window of every review."""

    passes: int = 16
    # candidates for C, the inverse of the L2 penalty
    costs: tuple[float, ...] = (0.5, 1.0, 2.0, 4.0)
    steps: int = 2000  # at most, of L-BFGS; 300 suffice
    # of its gradient; rounding elsewhere then moves no score by more than 0.001
    tolerance: float = 1e-6
    seed: int = 20261122


RECIPE = Recipe()


def training_reviews(reviews: Sequence[Review]) -> list[Review]:
    """Return the reviews that the judge learns from, and no others."""
    return [review for review in reviews if review.split == "judge"]


def training_windows(reviews: Sequence[Review], recipe: Recipe) -> list[Window]:
    """Return `recipe.passes` windows of 1 to 6 sentences from each review, cut as completions are."""
    rng = np.random.default_rng(recipe.seed)
    return [window for _ in range(recipe.passes) for window in draw_windows(reviews, rng)]


def features(windows: Sequence[Window]) -> Features:
    """Return the sparse features [N, F] and the labels [N] of windows."""
    texts = [window.text for window in windows]
    labels = np.array([window.label for window in windows])
    return vectorizer(VECTORIZER).transform(texts), labels


def fit(rows: Any, labels: np.ndarray, cost: float, recipe: Recipe) -> LogisticRegression:
    """Return the logistic regression of labels [N] on rows [N, F], on one thread: more of them round differently."""
    model = LogisticRegression(C=cost, max_iter=recipe.steps, tol=recipe.tolerance)
    with threadpool_limits(1):
        return model.fit(rows, labels)


def loss(model: LogisticRegression, held_out: Sequence[Features]) -> float:
    """Return the cross-entropy in nats: the mean within each set of windows, then over the sets."""
    means = []
    for rows, labels in held_out:
        logp = model.predict_log_proba(rows)  # [N, 2]
        means.append(-logp[np.arange(len(labels)), labels].mean())
    return float(np.mean(means))


def choose(
    windows: Sequence[Window], held_out: Sequence[Features], recipe: Recipe
) -> LogisticRegression:
    """Return the model with the lowest loss on the held-out windows among `recipe.costs`."""
    rows, labels = features(windows)
    models = [fit(rows, labels, cost, recipe) for cost in recipe.costs]
    losses = [loss(model, held_out) for model in models]
    for cost, nats in zip(recipe.costs, losses, strict=True):
        print(f"judge: C {cost}, {nats:.4f} nats on valid windows", flush=True)
    return models[int(np.argmin(losses))]


def save_judge(model: LogisticRegression, folder: Path) -> None:
    """Write coefficients [F] and intercept [1] as float16, and what the loader needs to know."""
    weights = {"coefficients": model.coef_[0], "intercept": model.intercept_}
    halves = {name: values.astype(np.float16) for name, values in weights.items()}
    config = {"vectorizer": VECTORIZER, "C": model.C}
    with fresh_folder(folder) as fresh:
        (fresh / "weights.safetensors").write_bytes(save(halves))
        (fresh / "config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")


def build(folder: Path, recipe: Recipe = RECIPE) -> None:
    """Train the judge on the `judge` split, choose C on `valid`, and write `folder`."""
    reviews = load_reviews()
    windows = training_windows(training_reviews(reviews), recipe)
    valid = window_sets(reviews, "valid", np.random.default_rng(recipe.seed))
    save_judge(choose(windows, [features(rows) for rows in valid.values()], recipe), folder)
