"""What the classifier starts from: WordPiece, the shape of the network, masked-language-model pre-training."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import torch
from tokenizers import BertWordPieceTokenizer
from torch.nn import functional as F
from transformers import BertConfig, BertForMaskedLM, BertTokenizerFast

from tools.recipes.reviews import Review
from tools.recipes.stages import Recipe
from tools.recipes.training import make_optimizers, schedule, take_step
from tools.recipes.windows import Window, by_length, draw_windows

Inputs = Mapping[str, torch.Tensor]  # ids and masks, [B, T] each
Batch = tuple[Inputs, list[Window]]
VOCABULARY = 10_000
LONGEST = 128  # tokens


def train_tokenizer(texts: Sequence[str]) -> BertTokenizerFast:
    """Return a lower-casing WordPiece tokenizer of `VOCABULARY` entries."""
    pieces = BertWordPieceTokenizer(lowercase=True)
    pieces.train_from_iterator(
        texts, vocab_size=VOCABULARY, min_frequency=2, show_progress=False, limit_alphabet=120
    )
    return BertTokenizerFast(
        tokenizer_object=pieces._tokenizer, do_lower_case=True, model_max_length=LONGEST
    )


def configuration(dropout: float = 0.1) -> BertConfig:
    """Return the shape of the classifier and its labels."""
    return BertConfig(
        vocab_size=VOCABULARY,
        hidden_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=512,
        max_position_embeddings=LONGEST,
        hidden_act="gelu_pytorch_tanh",
        hidden_dropout_prob=dropout,
        attention_probs_dropout_prob=0.0,
        id2label={0: "NEGATIVE", 1: "POSITIVE"},
        label2id={"NEGATIVE": 0, "POSITIVE": 1},
    )


def batches(
    tokenizer: BertTokenizerFast,
    reviews: Sequence[Review],
    batch: int,
    passes: int,
    seed: int,
    copies: int = 0,
) -> Iterator[Batch]:
    """Yield (inputs, windows) of similar length: `passes` times one new window of every review.

    With `copies`, each Rotten Tomatoes snippet joins in whole as many times more.
    """
    whole = [
        Window(review.text, review.label, index)
        for index, review in enumerate(reviews)
        if review.source == "rotten_tomatoes"
    ]
    for number in range(passes):
        rng = np.random.default_rng((seed, number))
        windows = draw_windows(reviews, rng) + copies * whole
        rows = tokenizer([window.text for window in windows], truncation=True)["input_ids"]
        for index in by_length(rows, batch, rng):
            inputs = tokenizer.pad({"input_ids": [rows[i] for i in index]}, return_tensors="pt")
            yield inputs, [windows[i] for i in index]


def mask(
    inputs: Inputs, tokenizer: BertTokenizerFast, share: float, generator: torch.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    """Replace a share of the ordinary tokens by [MASK]; return the changed ids and where (bool), both [B, T]."""
    ids = inputs["input_ids"]
    chosen = (torch.rand(ids.shape, generator=generator) < share) & (ids > tokenizer.mask_token_id)
    return ids.masked_fill(chosen, tokenizer.mask_token_id), chosen


def mlm_loss(
    model: BertForMaskedLM,
    inputs: Inputs,
    tokenizer: BertTokenizerFast,
    share: float,
    generator: torch.Generator,
) -> torch.Tensor:
    """Return the cross-entropy in nats of the masked tokens; only their positions go through the vocabulary."""
    ids, chosen = mask(inputs, tokenizer, share, generator)
    hidden = model.bert(input_ids=ids, attention_mask=inputs["attention_mask"]).last_hidden_state
    return F.cross_entropy(model.cls(hidden[chosen]), inputs["input_ids"][chosen])


def pretrain(
    tokenizer: BertTokenizerFast, reviews: Sequence[Review], recipe: Recipe
) -> BertForMaskedLM:
    """Return a `BertForMaskedLM` trained on the reviews' windows."""
    model = BertForMaskedLM(configuration(dropout=0.0))
    generator = torch.Generator().manual_seed(recipe.seed)
    optimizers = make_optimizers(model, ".layer.", recipe.pretraining_rate, recipe.weight_decay)
    rows = list(batches(tokenizer, reviews, recipe.batch, recipe.pretraining_passes, recipe.seed))
    losses: list[float] = []
    for step, (inputs, _) in enumerate(rows):
        loss = mlm_loss(model, inputs, tokenizer, recipe.masked, generator)
        rate = recipe.pretraining_rate * schedule(step, len(rows), 100, len(rows) // 3)
        losses.append(take_step(loss, model, optimizers, rate))
        if (step + 1) % 200 == 0:
            print(
                f"pre-training {step + 1}/{len(rows)}: {np.mean(losses[-200:]):.3f} nats",
                flush=True,
            )
    return model
