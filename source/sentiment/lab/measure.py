"""What one model writes, and the figures that describe it: sentiment, variety, distance from the base model.

A high P(positive) alone proves little: a model that writes "great great great" has one too. Hence variety (distinct-2,
repetition), fluency (perplexity under the base model) and divergence beside it.
"""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

import sentiment
from data import SPLITS, prompt_texts
from lab.decoding import Decoder
from lab.errors import ConfigError
from lab.pretrained import autocast
from lab.reference import to_sequences
from lab.ways import Ways

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

POSITIVE = 0.5  # a completion counts as positive when its score is above this
ROWS = 16  # completions in one forward pass that keeps all its logits
SAMPLED_ROWS = 192  # completions sampled side by side
# what pages call figures of an Evaluation
FIGURES = {
    "positive_ratio": "share above 0.5",
    "distinct_2": "distinct-2",
    "repetition": "repetition",
    "perplexity": "perplexity under the base model",
    "kl": "log π - log P_ref, nats per token",
}
Item = TypeVar("Item")


@dataclass(frozen=True)
class Evaluation:
    """What one model writes on N = prompts × samples completions.

    Scores are P(positive) in [0, 1]. `perplexity` is the base model's, over all completion tokens together;
    `kl` is log P_model - log P_base in nats per token on the model's own text: an estimate of KL(model ‖ base) when that is
    sampled at temperature 1, at any other an indicator of the distance.
    """

    model: str
    mean_sentiment: float
    std_sentiment: float
    positive_ratio: float
    distinct_2: float
    repetition: float
    perplexity: float
    kl: float
    completions: list[dict[str, Any]] = field(repr=False)

    def metrics(self) -> dict[str, float | str]:
        """Return everything but the completions."""
        return {name: value for name, value in asdict(self).items() if name != "completions"}

    def figures(self) -> dict[str, float]:
        """Return the numbers alone."""
        return {name: value for name, value in self.metrics().items() if not isinstance(value, str)}


def spread(items: Sequence[Item], count: int) -> Sequence[Item]:
    """Return at most `count` of the items, as far from each other as they go.

    >>> spread("abcdefg", 3)
    'ace'
    """
    return items[:: max(1, len(items) // count)][:count]


def first_of_each_prompt(completions: Sequence[dict[str, Any]]) -> list[int]:
    """Return the place of each prompt's first completion, where completions of a prompt stand together."""
    prompts = [item["prompt"] for item in completions]
    return [i for i, prompt in enumerate(prompts) if i == 0 or prompt != prompts[i - 1]]


def kl_ref(entropy: float, ref_log_prob: float) -> float:
    """Return an estimate of KL(policy ‖ reference), nats a token, from two figures of a step's completions that are there anyway.

    KL = E[log π] - E[log P_ref], and -E[log π] is the entropy where completions are sampled at temperature 1. `ref_log_prob` is a mean over
    completions, `entropy` one over tokens: with completions of unequal length the two weigh tokens otherwise.

    >>> round(kl_ref(3.1, -3.4), 6)
    0.3
    """
    return -entropy - ref_log_prob


def check_length(
    flag: str, most: int, name: str, model: "PreTrainedModel", tokenizer: "PreTrainedTokenizerBase"
) -> None:
    """Raise ConfigError when the longest prompt and a completion of `most` tokens do not fit in the model's context."""
    context = getattr(model.config, "max_position_embeddings", math.inf)
    longest = max(
        len(tokenizer(text).input_ids) for split in SPLITS for text in prompt_texts(split)
    )
    if longest + most > context:
        raise ConfigError(f"{flag} {most}: {name} has room for {context - longest} tokens")


def end_ids(model: "PreTrainedModel", tokenizer: "PreTrainedTokenizerBase") -> list[int]:
    """Return the tokens that end a completion, as TRL has them: the tokenizer's, and every other that the model declares."""
    declared = model.generation_config.eos_token_id or []
    declared = [declared] if isinstance(declared, int) else declared
    return list(dict.fromkeys([tokenizer.eos_token_id, *declared]))


def new_decoder(
    model: "PreTrainedModel",
    tokenizer: "PreTrainedTokenizerBase",
    max_new_tokens: int,
    temperature: float,
    ways: Ways | None = None,
) -> Decoder:
    """Return what samples from a model; whoever measures it again keeps this, with what it has recorded."""
    return Decoder(
        model,
        end_ids(model, tokenizer),
        tokenizer.pad_token_id,
        max_new_tokens,
        temperature,
        ways=ways,
    )


def generate(
    decoder: Decoder,
    tokenizer: "PreTrainedTokenizerBase",
    prompts: Sequence[str],
    num_samples: int,
    seed: int,
) -> list[list[int]]:
    """Sample `num_samples` completions of each prompt: token ids, prompt by prompt, up to and with the first EOS.

    The random state outside is left as it was, so that a validation does not change the training around it.
    """
    import torch

    prompt_ids = [ids for ids in tokenizer(list(prompts)).input_ids for _ in range(num_samples)]
    results: list[list[int]] = []
    device = decoder.model.device
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        for start in range(0, len(prompt_ids), SAMPLED_ROWS):
            results += decoder.sample(prompt_ids[start : start + SAMPLED_ROWS])
    return results


def distinct_n(texts: Sequence[str], n: int = 2) -> float:
    """Return the share of different word n-grams among all of them (Li et al. 2016), pooled over texts: 1 is all different.

    It falls as the pool grows: compare equal numbers of completions.

    >>> distinct_n(["a good film", "a good plot"])
    0.75
    """
    grams = [
        gram
        for text in texts
        for gram in zip(*(text.lower().split()[i:] for i in range(n)), strict=False)
    ]
    return len(set(grams)) / len(grams) if grams else 0.0


def repetition(texts: Sequence[str]) -> float:
    """Return the mean share of words in a text that already stood in it: 0 is none, "great great great" is 2/3."""
    shares = [1 - len(set(words)) / len(words) for text in texts if (words := text.lower().split())]
    return sum(shares) / len(shares) if shares else 0.0


def mean_nll(
    model: "PreTrainedModel",
    tokenizer: "PreTrainedTokenizerBase",
    prompts: Sequence[str],
    completion_ids: Sequence[Sequence[int]],
) -> float:
    """Return the mean negative log-likelihood of all completion tokens together, in nats per token."""
    import torch

    batch = to_sequences(tokenizer, prompts, [""] * len(prompts), completion_ids)
    total, tokens = 0.0, 0
    for start in range(0, len(prompts), ROWS):
        rows = batch.rows(start, start + ROWS)
        count = int(rows.completion_mask.sum())
        if not count:
            continue
        # -100: not counted in transformers' loss
        labels = rows.token_ids.masked_fill(rows.completion_mask == 0, -100)
        with torch.inference_mode(), autocast():
            output = model(
                input_ids=rows.token_ids.to(model.device),
                attention_mask=rows.attention_mask.to(model.device),
                labels=labels.to(model.device),
            )
        total, tokens = total + output.loss.item() * count, tokens + count
    return total / tokens if tokens else 0.0


def evaluate_model(
    name: str,
    model: "PreTrainedModel",
    tokenizer: "PreTrainedTokenizerBase",
    base: "PreTrainedModel",
    *,
    prompts: Sequence[str] | None = None,
    num_samples: int = 8,
    max_new_tokens: int = 64,
    temperature: float = 0.7,
    seed: int = 0,
    decoder: Decoder | None = None,
) -> Evaluation:
    """Let a model continue prompts (the held-out ones unless given) and measure the completions.

    Args:
        name: what to call the model in tables.
        base: the model that training started from, which shares the tokenizer; it may be `model` itself.
        num_samples: completions per prompt.
        decoder: what samples from this model, with the same length and temperature; made anew unless given.
    """
    prompts = prompts or prompt_texts("eval")
    decoder = decoder or new_decoder(model, tokenizer, max_new_tokens, temperature)
    ids = generate(decoder, tokenizer, prompts, num_samples, seed)
    repeated = [prompt for prompt in prompts for _ in range(num_samples)]
    texts = tokenizer.batch_decode(ids, skip_special_tokens=True)
    scores = sentiment.get_sentiment_scores(texts)
    mean = sum(scores) / len(scores)
    nll_base = mean_nll(base, tokenizer, repeated, ids)
    nll_own = nll_base if model is base else mean_nll(model, tokenizer, repeated, ids)
    return Evaluation(
        model=name,
        mean_sentiment=mean,
        std_sentiment=math.sqrt(sum((score - mean) ** 2 for score in scores) / len(scores)),
        positive_ratio=sum(score > POSITIVE for score in scores) / len(scores),
        distinct_2=distinct_n(texts),
        repetition=repetition(texts),
        perplexity=math.exp(nll_base),
        kl=nll_base - nll_own,
        completions=[
            {"prompt": prompt, "completion": text, "score": round(score, 4)}
            for prompt, text, score in zip(repeated, texts, scores, strict=True)
        ],
    )
