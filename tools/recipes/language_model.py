"""`models/tiny-gpt2`: a GPT-2 of 2.6 M parameters that writes movie reviews.

Recipe: byte-level BPE, windows of 256 tokens of which half start where a review starts, Muon for the matrices inside
the blocks (Jordan et al. 2024, as in `torch.optim.Muon`) and AdamW for the rest, a warmup-stable-decay schedule.
Exports on the way are of an exponential average of the weights, the last one is of the weights themselves.
"""

import copy
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from tokenizers import ByteLevelBPETokenizer
from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

from tools.recipes.export import export
from tools.recipes.reviews import load_reviews
from tools.recipes.training import Optimizers, make_optimizers, take_step, update_average

EOS = "<|endoftext|>"
VOCABULARY = 4096
CONTEXT = 256


@dataclass(frozen=True)
class Recipe:
    """What the shipped weights were trained with; lengths in optimizer steps of `batch` windows of `CONTEXT` tokens."""

    steps: int = 1950
    # (step, factor on the learning rate), linear in between: warmup, stable, decay, faster decay.
    schedule: tuple[tuple[int, float], ...] = (
        (0, 0.0),
        (100, 1.0),
        (1400, 1.0),
        (1700, 2 / 3),
        (1950, 0.0),
    )
    batch: int = 24
    learning_rate: float = 5e-3
    weight_decay: float = 0.02
    average: float = 0.98  # of the weight average, per step; only exports before the end use it
    seed: int = 20261122


RECIPE = Recipe()


def train_tokenizer(texts: Sequence[str]) -> PreTrainedTokenizerFast:
    """Return a byte-level BPE tokenizer with `VOCABULARY` entries that pads on the left with its end-of-text token."""
    bpe = ByteLevelBPETokenizer()
    bpe.train_from_iterator(
        texts, vocab_size=VOCABULARY, min_frequency=2, special_tokens=[EOS], show_progress=False
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=bpe._tokenizer,
        bos_token=EOS,
        eos_token=EOS,
        unk_token=EOS,
        pad_token=EOS,
        padding_side="left",
        model_max_length=CONTEXT,
        clean_up_tokenization_spaces=False,
    )


def new_model() -> GPT2LMHeadModel:
    """Return the untrained model. No dropout: it sees its data little more than twice, and rollouts stay exact."""
    return GPT2LMHeadModel(
        GPT2Config(
            vocab_size=VOCABULARY,
            n_positions=CONTEXT,
            n_embd=192,
            n_layer=4,
            n_head=6,
            activation_function="gelu_pytorch_tanh",  # GPT-2's own activation, the fused kernel
            resid_pdrop=0.0,
            embd_pdrop=0.0,
            attn_pdrop=0.0,
            bos_token_id=0,
            eos_token_id=0,
            pad_token_id=0,
        )
    )


def token_stream(
    tokenizer: PreTrainedTokenizerFast, texts: Sequence[str]
) -> tuple[np.ndarray, np.ndarray]:
    """Return all texts as one array of token ids, each closed by EOS, and the positions where they start."""
    rows = [ids + [tokenizer.eos_token_id] for ids in tokenizer(texts)["input_ids"]]
    starts = np.cumsum([0] + [len(row) for row in rows[:-1]])
    return np.concatenate([np.asarray(row, dtype=np.uint16) for row in rows]), starts


def windows(
    stream: np.ndarray, starts: np.ndarray, count: int, rng: np.random.Generator
) -> torch.Tensor:
    """Return [count, CONTEXT + 1] token ids: half of the windows at the start of a review, half anywhere."""
    last = len(stream) - CONTEXT - 1
    begin = np.where(
        rng.random(count) < 0.5, rng.choice(starts, count), rng.integers(0, last, count)
    )
    rows = np.minimum(begin, last)[:, None] + np.arange(CONTEXT + 1)
    return torch.from_numpy(stream[rows].astype(np.int64))


def loss_on(model: GPT2LMHeadModel, rows: torch.Tensor) -> torch.Tensor:
    """Return the mean next-token cross-entropy in nats over windows [B, CONTEXT + 1]."""
    hidden = model.transformer(input_ids=rows[:, :-1], use_cache=False).last_hidden_state
    return torch.nn.functional.cross_entropy(
        model.lm_head(hidden).flatten(0, 1), rows[:, 1:].flatten()
    )


def build(folder: Path, work: Path, recipe: Recipe = RECIPE) -> None:
    """Train the tokenizer and the model on IMDB's train and judge reviews and write `folder`.

    Rotten Tomatoes is left out: its text is lower-cased and spaced apart, and the model would learn to write that way.
    `work` holds a checkpoint after every 100 steps, from which an interrupted build goes on.
    """
    work.mkdir(parents=True, exist_ok=True)
    reviews = [review for review in load_reviews() if review.source == "imdb"]
    texts = {
        "train": [r.text for r in reviews if r.split in ("train", "judge")],
        "valid": [r.text for r in reviews if r.split == "valid"],
    }
    tokenizer = train_tokenizer(texts["train"])
    stream, starts = token_stream(tokenizer, texts["train"])
    unseen, unseen_starts = token_stream(tokenizer, texts["valid"])
    held_out = windows(unseen, unseen_starts, 64, np.random.default_rng(recipe.seed))
    print(
        f"{len(stream):,} training tokens, {recipe.steps * recipe.batch * CONTEXT / len(stream):.2f} epochs",
        flush=True,
    )
    torch.manual_seed(recipe.seed)
    model = new_model()
    average = copy.deepcopy(model)
    optimizers = make_optimizers(model, ".h.", recipe.learning_rate, recipe.weight_decay)
    steps, factors = zip(*recipe.schedule, strict=True)
    first, began = resume(work, model, average, optimizers), time.time()
    for step in range(first, recipe.steps):
        rows = windows(stream, starts, recipe.batch, np.random.default_rng((recipe.seed, step)))
        rate = recipe.learning_rate * float(np.interp(step + 1, steps, factors))
        loss = take_step(loss_on(model, rows), model, optimizers, rate)
        update_average(average, model, recipe.average)
        if (step + 1) % 100 == 0:
            save(work, step + 1, model, average, optimizers)
            with torch.no_grad():
                valid = loss_on(average, held_out).item()
            print(
                f"step {step + 1} train {loss:.3f} valid {valid:.3f} {time.time() - began:.0f} s",
                flush=True,
            )
            if (step + 1) % 300 == 0:
                export(average, tokenizer, folder)
    export(model, tokenizer, folder)
    (work / "lm.pt").unlink()  # finished: the next build starts anew


def save(
    work: Path,
    step: int,
    model: GPT2LMHeadModel,
    average: GPT2LMHeadModel,
    optimizers: Optimizers,
) -> None:
    """Write a checkpoint, replacing the last one."""
    state = [
        model.state_dict(),
        average.state_dict(),
        *(optimizer.state_dict() for optimizer in optimizers),
    ]
    torch.save({"step": step, "state": state}, work / "lm.tmp")
    (work / "lm.tmp").rename(work / "lm.pt")


def resume(
    work: Path, model: GPT2LMHeadModel, average: GPT2LMHeadModel, optimizers: Optimizers
) -> int:
    """Load the checkpoint if there is one; return the step to go on from."""
    if not (work / "lm.pt").exists():
        return 0
    saved = torch.load(work / "lm.pt")
    for holder, state in zip((model, average, *optimizers), saved["state"], strict=True):
        holder.load_state_dict(state)
    return saved["step"]
