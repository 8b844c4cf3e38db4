"""`models/tiny-sentiment`: a BERT of 1.7 M parameters that gives P(positive) of a few sentences.

Recipe: WordPiece, masked-language-model pre-training on the reviews, then two stages of fine-tuning on windows whose
target mixes the review's label with the n-gram teacher's opinion; averaged weights, calibrated logits.
"""

import copy
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional as F
from transformers import BertForSequenceClassification, BertTokenizerFast

from tools.recipes.export import export
from tools.recipes.pretraining import (
    Batch,
    batches,
    configuration,
    mask,
    pretrain,
    train_tokenizer,
)
from tools.recipes.reviews import Review, load_reviews
from tools.recipes.stages import Recipe, Stage
from tools.recipes.teacher import Teacher
from tools.recipes.training import make_optimizers, schedule, take_step, update_average
from tools.recipes.windows import Window, window_sets

RECIPE = Recipe()


def targets(windows: Sequence[Window], teacher: Teacher, share: float) -> torch.Tensor:
    """Return P(positive) [B] to learn: `share` of the teacher's opinion, the rest of the label."""
    labels = torch.tensor([window.label for window in windows], dtype=torch.float32)
    return share * teacher.logits(windows).sigmoid() + (1 - share) * labels


def difference(logits: torch.Tensor) -> torch.Tensor:
    """Return the log-odds of POSITIVE [B] from the two logits [B, 2]."""
    return logits[:, 1] - logits[:, 0]


def finetune(
    model: BertForSequenceClassification,
    tokenizer: BertTokenizerFast,
    teacher: Teacher,
    rows: Sequence[Batch],
    stage: Stage,
    recipe: Recipe,
    report: Callable[[str, BertForSequenceClassification], None],
) -> BertForSequenceClassification:
    """Train on `rows`, a list of (inputs, windows), and return the averaged weights; `report(title, average)` shows the way."""
    average, generator = copy.deepcopy(model), torch.Generator().manual_seed(recipe.seed)
    optimizers = make_optimizers(model, ".layer.", stage.rate, recipe.weight_decay)
    model.train()
    for step, (inputs, windows) in enumerate(rows):
        ids, _ = mask(inputs, tokenizer, recipe.dropped, generator)
        logits = difference(model(input_ids=ids, attention_mask=inputs["attention_mask"]).logits)
        wanted = targets(windows, teacher, recipe.teacher_share)
        loss = F.binary_cross_entropy_with_logits(logits, wanted)
        rate = stage.rate * schedule(step, len(rows), 100, int(stage.decay * len(rows)))
        take_step(loss, model, optimizers, rate)
        update_average(average, model, min(recipe.average, step / (step + 10)))
        if (step + 1) % 400 == 0 or step + 1 == len(rows):
            report(f"step {step + 1}/{len(rows)}", average)
    return average


@torch.no_grad()
def log_odds(
    model: BertForSequenceClassification,
    tokenizer: BertTokenizerFast,
    texts: Sequence[str],
    batch: int = 64,
) -> torch.Tensor:
    """Return the log-odds of POSITIVE [N] for texts."""
    model.eval()
    rows = []
    for i in range(0, len(texts), batch):
        some = texts[i : i + batch]
        inputs = tokenizer(some, truncation=True, padding=True, return_tensors="pt")
        rows.append(difference(model(**inputs).logits))
    return torch.cat(rows)


def calibrate(
    model: BertForSequenceClassification, tokenizer: BertTokenizerFast, windows: Sequence[Window]
) -> None:
    """Scale the last layer so that the log-odds minimise the loss on validation windows (Guo et al. 2017, temperature)."""
    odds = log_odds(model, tokenizer, [window.text for window in windows])
    labels = torch.tensor([window.label for window in windows], dtype=torch.float32)
    grid = torch.arange(0.3, 2.0, 0.02)
    scale = min(grid, key=lambda s: F.binary_cross_entropy_with_logits(odds * s, labels).item())
    with torch.no_grad():
        model.classifier.weight *= scale
        model.classifier.bias *= scale
    print(f"calibration: logits times {scale:.2f}", flush=True)


def report(
    title: str,
    model: BertForSequenceClassification,
    tokenizer: BertTokenizerFast,
    window_sets: Mapping[str, Sequence[Window]],
) -> None:
    """Print the accuracy on every validation set."""
    figures = []
    for name, windows in window_sets.items():
        odds = log_odds(model, tokenizer, [window.text for window in windows])
        right = (odds > 0) == torch.tensor([window.label == 1 for window in windows])
        figures.append(f"{name} {right.float().mean():.3f}")
    print(title, *figures, flush=True)


def starting_model(
    tokenizer: BertTokenizerFast, reviews: Sequence[Review], recipe: Recipe, work: Path
) -> BertForSequenceClassification:
    """Return the classifier on a pre-trained body; `work` keeps that body for a build that was interrupted."""
    if not (work / "mlm.pt").exists():
        torch.manual_seed(recipe.seed)
        torch.save(pretrain(tokenizer, reviews, recipe).bert.state_dict(), work / "mlm.pt")
    torch.manual_seed(recipe.seed)
    model = BertForSequenceClassification(configuration())
    model.bert.load_state_dict(torch.load(work / "mlm.pt"), strict=False)  # the pooler starts anew
    return model


def build(folder: Path, work: Path, recipe: Recipe = RECIPE) -> None:
    """Train tokenizer, teacher and classifier on the train split and write `folder`."""
    work.mkdir(parents=True, exist_ok=True)
    reviews = load_reviews()
    train = [review for review in reviews if review.split == "train"]
    held_out = window_sets(reviews, "valid", np.random.default_rng(recipe.seed))
    tokenizer = train_tokenizer([review.text for review in train])
    teacher = Teacher(train, recipe.seed)
    model = starting_model(tokenizer, train, recipe, work)
    show = partial(report, tokenizer=tokenizer, window_sets=held_out)
    for number, stage in enumerate(recipe.stages, start=1):
        seed = recipe.seed + number
        rows = list(batches(tokenizer, train, recipe.batch, stage.passes, seed, stage.copies))
        model = finetune(model, tokenizer, teacher, rows, stage, recipe, show)
    calibrate(model, tokenizer, [window for windows in held_out.values() for window in windows])
    export(model, tokenizer, folder)
    (work / "mlm.pt").unlink()  # finished: the next build starts anew
