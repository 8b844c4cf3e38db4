"""Measure what a model writes: sentiment, variety and how far it has drifted from the base model.

    python evaluate.py score gpt2                                    # one model
    python evaluate.py compare gpt2 ./outputs/final                  # base against one trained model, or several
    python evaluate.py compare tiny-gpt2 ./outputs/final --preset smoke --json out.json --figure out.png

Every model continues the same held-out prompts from the same seed. A high P(positive) alone proves little: a
model that writes "great great great" has one too, which is why variety and perplexity stand beside it.
"""

import argparse
import json
import math
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import sentiment
from config import PRESETS
from data import prompt_texts
from pretrained import ModelUnavailable, load_language_model
from reference import to_sequences

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

POSITIVE = 0.5  # a completion counts as positive when its score is above this
ROWS = 64  # completions in one forward pass


@dataclass(frozen=True)
class Evaluation:
    """What one model writes on N = prompts × samples completions.

    Scores are P(positive) in [0, 1]. `perplexity` is the base model's, over all completion tokens together;
    `kl` is log P_model - log P_base in nats per token on the model's own text, an estimate of KL(model ‖ base).
    """

    model: str
    mean_sentiment: float
    std_sentiment: float
    positive_ratio: float
    distinct_2: float
    repetition: float
    perplexity: float
    kl: float
    completions: list[dict] = field(repr=False)

    def metrics(self) -> dict[str, float | str]:
        """Return everything but the completions."""
        return {name: value for name, value in asdict(self).items() if name != "completions"}


def generate(
    model: "PreTrainedModel",
    tokenizer: "PreTrainedTokenizerBase",
    prompts: Sequence[str],
    num_samples: int,
    max_new_tokens: int,
    temperature: float,
    seed: int,
) -> list[list[int]]:
    """Sample `num_samples` completions of each prompt: token ids, prompt by prompt, up to and with the first EOS.

    The random state outside is left as it was, so that a validation does not change the training around it.
    """
    import torch

    repeated = [prompt for prompt in prompts for _ in range(num_samples)]
    was_training = model.training
    model.eval()
    results: list[list[int]] = []
    with torch.random.fork_rng(), torch.inference_mode():
        torch.manual_seed(seed)
        for start in range(0, len(repeated), ROWS):
            batch = tokenizer(repeated[start : start + ROWS], return_tensors="pt", padding=True, padding_side="left")
            batch = {name: batch[name].to(model.device) for name in ("input_ids", "attention_mask")}
            ids = model.generate(
                **batch, do_sample=True, temperature=temperature, top_k=0, top_p=1.0, max_new_tokens=max_new_tokens,
                pad_token_id=tokenizer.pad_token_id, eos_token_id=tokenizer.eos_token_id, use_cache=True,
            )  # fmt: skip
            results += ids[:, batch["input_ids"].shape[1] :].tolist()
    model.train(was_training)
    return [up_to_first(ids, tokenizer.eos_token_id) for ids in results]


def up_to_first(ids: list[int], eos: int) -> list[int]:
    """Return the ids up to and with the first end-of-text token.

    >>> up_to_first([5, 7, 0, 0], eos=0)
    [5, 7, 0]
    """
    return ids[: ids.index(eos) + 1] if eos in ids else ids


def distinct_n(texts: Sequence[str], n: int = 2) -> float:
    """Return the share of different word n-grams among all of them (Li et al. 2016), pooled over texts: 1 is all different.

    It falls as the pool grows: compare equal numbers of completions.

    >>> distinct_n(["a good film", "a good plot"])
    0.75
    """
    grams = [gram for text in texts for gram in zip(*(text.lower().split()[i:] for i in range(n)), strict=False)]
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
    for start in range(0, len(prompts), ROWS // 4):
        rows = batch.rows(start, start + ROWS // 4)
        count = int(rows.completion_mask.sum())
        if not count:
            continue
        labels = rows.token_ids.masked_fill(rows.completion_mask == 0, -100)  # -100: not counted in transformers' loss
        with torch.inference_mode():
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
) -> Evaluation:
    """Let a model continue prompts (the held-out ones unless given) and measure the completions.

    Args:
        name: what to call the model in tables.
        base: the model that training started from, which shares the tokenizer; it may be `model` itself.
        num_samples: completions per prompt.
    """
    prompts = prompts or prompt_texts("eval")
    ids = generate(model, tokenizer, prompts, num_samples, max_new_tokens, temperature, seed)
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


COLUMNS = (
    ("P(positive)", "mean_sentiment", "{:.3f}"),
    ("std", "std_sentiment", "{:.3f}"),
    ("positive", "positive_ratio", "{:.0%}"),
    ("distinct-2", "distinct_2", "{:.3f}"),
    ("repetition", "repetition", "{:.3f}"),
    ("perplexity", "perplexity", "{:.1f}"),
    ("KL/token", "kl", "{:.3f}"),
)


def table(evaluations: Sequence[Evaluation]) -> str:
    """Return the evaluations as a plain-text table, one model a row, with the change of P(positive) against the first."""
    width = max(len(e.model) for e in evaluations)
    lines = [f"{'model':<{width}}  " + "  ".join(f"{title:>11}" for title, _, _ in COLUMNS) + f"  {'change':>7}"]
    for e in evaluations:
        cells = "  ".join(f"{form.format(getattr(e, name)):>11}" for _, name, form in COLUMNS)
        lines.append(f"{e.model:<{width}}  {cells}  {e.mean_sentiment - evaluations[0].mean_sentiment:>+7.3f}")
    return "\n".join(lines)


def before_and_after(evaluations: Sequence[Evaluation], count: int = 3) -> str:
    """Return the first completions of `count` prompts spread over the set, every model's below each other."""
    items = evaluations[0].completions
    firsts = [i for i, item in enumerate(items) if i == 0 or item["prompt"] != items[i - 1]["prompt"]]
    lines = []
    for index in firsts[:: max(1, len(firsts) // count)][:count]:
        lines.append(f"\n{items[index]['prompt']} …")
        for e in evaluations:
            item = e.completions[index]
            lines.append(f"  [{item['score']:.2f}] {e.model}: {' '.join(item['completion'].split())}")
    return "\n".join(lines)


def compare(names: Sequence[str], **settings) -> list[Evaluation]:
    """Evaluate models by name, the base model first, on the same prompts and seed; `settings` are `evaluate_model`'s."""
    base, tokenizer = load_language_model(names[0])
    evaluations = [evaluate_model(names[0], base, tokenizer, base, **settings)]
    for name in names[1:]:
        model, own_tokenizer = load_language_model(name)
        if own_tokenizer.get_vocab() != tokenizer.get_vocab():
            raise ModelUnavailable(f"{name!r} was not trained from {names[0]!r}: their vocabularies differ")
        evaluations.append(evaluate_model(name, model, tokenizer, base, **settings))
    return evaluations


def parse_args(argv: list[str] | None) -> argparse.Namespace:
    """Return the command line's arguments, presets filled in."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    score = commands.add_parser("score", help="evaluate one model")
    score.add_argument("base", metavar="MODEL", help="hub id, folder or tiny-gpt2")
    comparison = commands.add_parser("compare", help="evaluate a base model and what was trained from it")
    comparison.add_argument("base", metavar="BASE", help="the model that training started from")
    comparison.add_argument("trained", metavar="TRAINED", nargs="+", help="trained models, such as ./outputs/final")
    for command in (score, comparison):
        command.add_argument(
            "--preset", choices=list(PRESETS), help="smoke: embedded sentiment model, 24-token completions"
        )
        command.add_argument("--sentiment_model", help="classifier: hub id, folder or tiny-sentiment")
        command.add_argument("--num_samples", type=int, default=8, help="completions per prompt (default: 8)")
        command.add_argument("--max_new_tokens", type=int, help="most tokens a completion may have (default: 64)")
        command.add_argument("--temperature", type=float, default=0.7, help="sampling temperature (default: 0.7)")
        command.add_argument("--seed", type=int, default=0, help="sampling seed, the same for every model (default: 0)")
        command.add_argument("--json", metavar="FILE", help="write metrics and all completions there")
        command.add_argument("--figure", metavar="FILE", help="write the sentiment histograms there (.png, .svg, .pdf)")
    args = parser.parse_args(argv)
    for name in ("num_samples", "max_new_tokens", "temperature"):
        if getattr(args, name) is not None and not getattr(args, name) > 0:
            parser.error(f"--{name} {getattr(args, name)}: it must be above 0")
    preset = PRESETS[args.preset] if args.preset else {}
    args.sentiment_model = args.sentiment_model or preset.get("sentiment_model")
    args.max_new_tokens = args.max_new_tokens or preset.get("max_completion_length", 64)
    return args


def main(argv: list[str] | None = None) -> int:
    """Print the table and before/after texts; write JSON and a figure when asked; 1 when a model cannot be had."""
    args = parse_args(argv)
    if args.sentiment_model:
        sentiment.use_model(args.sentiment_model)
    settings = {name: getattr(args, name) for name in ("num_samples", "max_new_tokens", "temperature", "seed")}
    try:
        evaluations = compare([args.base, *getattr(args, "trained", [])], **settings)
    except ModelUnavailable as error:
        print(f"evaluate.py: {error}", file=sys.stderr)
        return 1
    print(table(evaluations))
    print(before_and_after(evaluations))
    if args.json:
        Path(args.json).write_text(
            json.dumps({"settings": settings, "models": [asdict(e) for e in evaluations]}, indent=1) + "\n"
        )
        print(f"\nmetrics and completions: {args.json}")
    if args.figure:
        import plots

        plots.sentiment_histograms({e.model: [c["score"] for c in e.completions] for e in evaluations}).savefig(
            args.figure
        )
        print(f"figure: {args.figure}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
