"""The generated part of the model cards: figures and samples between two marker lines of each README.md."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

START, END = (
    "<!-- figures: written by `python -m tools.recipes measure` -->",
    "<!-- end of figures -->",
)
WINDOW_NAMES = {
    "imdb_windows": "IMDB, 1 to 4 whole sentences",
    "imdb_cut_windows": "IMDB, 1 to 4 sentences, cut as completions are",
    "rotten_tomatoes": "Rotten Tomatoes snippets",
}


def language_lines(figures: dict[str, Any]) -> Iterator[str]:
    """Return the Markdown lines of the language model's figures."""
    test, base = figures["test"], figures["p_positive_on_eval_prompts"]
    yield f"Loss on {test['reviews']:,} unseen IMDB reviews ({test['tokens']:,} tokens):"
    yield f"**{test['nats_per_token']:.3f} nats per token**, {test['nats_per_byte']:.3f} nats per byte,"
    yield f"{test['bytes_per_token']:.2f} bytes per token."
    yield ""
    yield f"P(positive) of its continuations of the {base['prompts']} evaluation prompts, by `tiny-sentiment`"
    yield f"({base['completions_per_prompt']} of {base['tokens']} tokens each):"
    yield ""
    yield "| temperature | mean | standard deviation |"
    yield "|---|---|---|"
    for temperature in ("0.7", "1.0"):
        row = base[f"temperature_{temperature}"]
        yield f"| {temperature} | {row['mean']:.3f} | {row['std']:.3f} |"
    yield ""
    yield "Samples, not chosen (the first completion of the first three prompts):"
    for temperature, text in figures["samples"]:
        yield f"\n> ({temperature}) {text}"


def sentiment_lines(figures: dict[str, Any]) -> Iterator[str]:
    """Return the Markdown lines of the figures of the classifier or the judge."""
    yield "| split | windows | n | accuracy | cross-entropy (nats) | ECE | share of scores < 0.1 or > 0.9 |"
    yield "|---|---|---|---|---|---|---|"
    for split, sets in figures.items():
        for name, row in sets.items():
            yield (
                f"| {split} | {WINDOW_NAMES[name]} | {row['n']:,} | {row['accuracy']:.3f} "
                f"| {row['nats']:.3f} | {row['ece']:.3f} | {row['extreme']:.2f} |"
            )


def update(readme: Path, lines: Iterable[str]) -> None:
    """Replace what stands between the markers of a README by lines."""
    text = readme.read_text(encoding="utf-8")
    before, rest = text.split(START)
    after = rest.split(END)[1]
    body = "\n".join(lines)
    readme.write_text(f"{before}{START}\n\n{body}\n\n{END}{after}", encoding="utf-8")
