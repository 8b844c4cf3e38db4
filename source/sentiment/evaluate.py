"""Measure what a model writes: sentiment, variety and how far it has drifted from the base model.

    python evaluate.py score gpt2                                    # one model
    python evaluate.py compare gpt2 ./outputs/final                  # base against one trained model, or several
    python evaluate.py compare tiny-gpt2 ./outputs/final --preset smoke --json out.json --figure out.png

Every model continues the same held-out prompts from the same seed. A high P(positive) alone proves little: a
model that writes "great great great" has one too, which is why variety and perplexity stand beside it.
"""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import sentiment
from lab import vader
from lab.command import OneLineErrors, says_errors
from lab.config import PRESETS
from lab.errors import ModelUnavailable
from lab.intervals import Interval, clustered, clustered_change
from lab.measure import Evaluation, check_length, evaluate_model, first_of_each_prompt, spread
from lab.pretrained import load_language_model

COLUMNS = (
    ("P(positive)", "mean_sentiment", "{:.3f}"),
    ("std", "std_sentiment", "{:.3f}"),
    ("positive", "positive_ratio", "{:.0%}"),
    ("distinct-2", "distinct_2", "{:.3f}"),
    ("repetition", "repetition", "{:.3f}"),
    ("perplexity", "perplexity", "{:.1f}"),
)
COMPARED = (("kl", "kl", "{:.3f}"), ("change", "change", "{:+.3f}"))
FIGURES = (".png", ".svg", ".pdf")


def table(evaluations: Sequence[Evaluation]) -> str:
    """Return the evaluations as a plain-text table, one model a row; of several, with what changed against the first."""
    width = max(len(e.model) for e in evaluations)
    columns = COLUMNS if len(evaluations) == 1 else COLUMNS + COMPARED
    lines = [f"{'model':<{width}}" + "".join(f"{title:>13}" for title, _, _ in columns)]
    for e in evaluations:
        values = {**asdict(e), "change": e.mean_sentiment - evaluations[0].mean_sentiment}
        cells = "".join(f"{form.format(values[name]):>13}" for _, name, form in columns)
        lines.append(f"{e.model:<{width}}{cells}")
    return "\n".join(lines)


def pool(evaluations: Sequence[Evaluation]) -> str:
    """Return how many completions stand behind the table: distinct-2 depends on it."""
    items = evaluations[0].completions
    prompts = len({item["prompt"] for item in items})
    return (
        f"{len(items)} completions each ({prompts} prompts × {len(items) // prompts}). distinct-2 falls as there are more of "
        "them: compare it with figures of as many alone"
    )


def intervals(evaluations: Sequence[Evaluation]) -> list[dict[str, Interval]]:
    """Return each model's interval of P(positive), of its change against the first, and of VADER's score where that is installed."""
    prompts = [item["prompt"] for item in evaluations[0].completions]
    first = [item["score"] for item in evaluations[0].completions]
    found = []
    for index, e in enumerate(evaluations):
        scores = [item["score"] for item in e.completions]
        of_model = {"P(positive)": clustered(prompts, scores)}
        if index:
            of_model["change"] = clustered_change(prompts, first, scores)
        if vader.installed():
            second = vader.vader_scores([item["completion"] for item in e.completions])
            of_model["VADER"] = clustered(prompts, second)
        found.append(of_model)
    return found


def intervals_text(models: Sequence[str], found: Sequence[Mapping[str, Interval]]) -> str:
    """Return the intervals as lines, one a model, with how they were made."""
    width = max(map(len, models))
    lines = [
        "95 % intervals (bootstrap, 9,999 times; prompts are drawn, each with all its completions):"
    ]
    for model, of_model in zip(models, found, strict=True):
        parts = [
            f"{name} {i.mean:{'+' if name == 'change' else ''}.3f} [{i.low:.3f}, {i.high:.3f}]"
            for name, i in of_model.items()
        ]
        lines.append(f"  {model:<{width}}  {'  '.join(parts)}")
    return "\n".join(lines if vader.installed() else [*lines, vader.HINT])


def before_and_after(evaluations: Sequence[Evaluation], count: int = 3) -> str:
    """Return the first completions of `count` prompts spread over the set, every model's below each other."""
    items = evaluations[0].completions
    lines = []
    for index in spread(first_of_each_prompt(items), count):
        lines.append(f"\n{items[index]['prompt']} …")
        for e in evaluations:
            item = e.completions[index]
            lines.append(
                f"  [{item['score']:.2f}] {e.model}: {' '.join(item['completion'].split())}"
            )
    return "\n".join(lines)


def compare(names: Sequence[str], **settings: Any) -> list[Evaluation]:
    """Evaluate models by name, the base model first, on the same prompts and seed; `settings` are `evaluate_model`'s."""
    base, tokenizer = load_language_model(names[0])
    most = settings["max_new_tokens"]
    check_length("--max_new_tokens", most, names[0], base, tokenizer)
    evaluations = [evaluate_model(names[0], base, tokenizer, base, **settings)]
    for name in names[1:]:
        model, own_tokenizer = load_language_model(name)
        if own_tokenizer.get_vocab() != tokenizer.get_vocab():
            raise ModelUnavailable(
                f"{name!r} was not trained from {names[0]!r}: their vocabularies differ"
            )
        evaluations.append(evaluate_model(name, model, tokenizer, base, **settings))
    return evaluations


def add_options(command: argparse.ArgumentParser) -> None:
    """Add what `score` and `compare` take alike."""
    text = "smoke: embedded sentiment model, 24-token completions"
    command.add_argument("--preset", choices=list(PRESETS), help=text)
    text = "classifier: hub id, folder or tiny-sentiment"
    command.add_argument("--sentiment_model", help=text)
    text = "completions per prompt (default: 8)"
    command.add_argument("--num_samples", type=int, default=8, help=text)
    text = "most tokens a completion may have (default: 64)"
    command.add_argument("--max_new_tokens", type=int, help=text)
    text = "sampling temperature (default: 0.7)"
    command.add_argument("--temperature", type=float, default=0.7, help=text)
    text = "sampling seed, the same for every model (default: 0)"
    command.add_argument("--seed", type=int, default=0, help=text)
    text = "write metrics and all completions there"
    command.add_argument("--json", metavar="FILE", help=text)
    text = f"write the sentiment histograms there ({', '.join(FIGURES)})"
    command.add_argument("--figure", metavar="FILE", help=text)


def unwritable(file: Path) -> str:
    """Return why a file cannot be written, "" where it can; asked before the work, by opening it."""
    there = file.exists()
    try:
        file.open("a", encoding="utf-8").close()
        if not there:
            file.unlink()
    except OSError as error:
        return error.strerror or str(error)
    return ""


def check_args(parser: argparse.ArgumentParser, args: argparse.Namespace) -> None:
    """End with one line, exit 2, for the first argument that cannot work."""
    for name in ("num_samples", "max_new_tokens", "temperature"):
        if getattr(args, name) is not None and not getattr(args, name) > 0:
            parser.error(f"--{name} {getattr(args, name)}: it must be above 0")
    if args.figure and Path(args.figure).suffix not in FIGURES:
        parser.error(f"--figure {args.figure}: its name must end in {', '.join(FIGURES)}")
    for name in ("json", "figure"):
        file = getattr(args, name) and Path(getattr(args, name))
        if file and (file.is_dir() or not file.parent.is_dir()):
            parser.error(f"--{name} {file}: give a file in a folder that is there")
        if file and (reason := unwritable(file)):
            parser.error(f"--{name} {file}: it cannot be written there ({reason})")


def parse_args(argv: list[str] | None) -> argparse.Namespace:
    """Return the command line's arguments, presets filled in."""
    parser = OneLineErrors(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command")
    score = commands.add_parser("score", help="evaluate one model")
    score.add_argument("base", metavar="MODEL", help="hub id, folder or tiny-gpt2")
    text = "evaluate a base model and what was trained from it"
    comparison = commands.add_parser("compare", help=text)
    text = "the model that training started from"
    comparison.add_argument("base", metavar="BASE", help=text)
    text = "trained models, such as ./outputs/final"
    comparison.add_argument("trained", metavar="TRAINED", nargs="+", help=text)
    add_options(score)
    add_options(comparison)
    args = parser.parse_args(argv)
    if args.command is None:
        parser.error("name a command: `score MODEL`, or `compare BASE TRAINED`")
    check_args(parser, args)
    preset = PRESETS[args.preset] if args.preset else {}
    args.sentiment_model = args.sentiment_model or preset.get("sentiment_model")
    args.max_new_tokens = args.max_new_tokens or preset.get("max_completion_length", 64)
    return args


def save(
    args: argparse.Namespace,
    settings: dict[str, Any],
    found: list[Evaluation],
    sure: Sequence[Mapping[str, Interval]],
) -> None:
    """Write the files that the command line asks for."""
    if args.json:
        ends = [{name: i._asdict() for name, i in of.items()} for of in sure]
        models = [{**asdict(e), "intervals": i} for e, i in zip(found, ends, strict=True)]
        document = {"settings": settings, "models": models}
        Path(args.json).write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
        print(f"\nmetrics and completions: {args.json}")
    if args.figure:
        from lab import plots

        scores = {e.model: [c["score"] for c in e.completions] for e in found}
        plots.sentiment_histograms(scores).savefig(args.figure)
        print(f"figure: {args.figure}")


@says_errors("evaluate.py")
def main(argv: list[str] | None = None) -> int:
    """Print the table and before/after texts; write JSON and a figure when asked; 1 when a model cannot be had or used so."""
    args = parse_args(argv)
    if args.sentiment_model:
        sentiment.use_model(args.sentiment_model)
    names = ("num_samples", "max_new_tokens", "temperature", "seed")
    settings = {name: getattr(args, name) for name in names}
    evaluations = compare([args.base, *getattr(args, "trained", [])], **settings)
    print(table(evaluations))
    print(pool(evaluations))
    found = intervals(evaluations)
    print(intervals_text([e.model for e in evaluations], found))
    print(before_and_after(evaluations))
    save(args, settings, evaluations, found)
    return 0


if __name__ == "__main__":
    sys.exit(main())
