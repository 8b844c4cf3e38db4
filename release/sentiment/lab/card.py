"""The model card of a run: final/README.md, which says what the model is, what it was made with and what it must not be used for."""

from pathlib import Path
from typing import Any

from lab.measure import FIGURES
from lab.runs import write_whole

# settings that say where a run went, not what the model is
NOT_OF_THE_MODEL = {
    "resume", "output_dir", "report_to", "wandb", "wandb_project", "wandb_run_name", "save_steps", "logging_steps", "rewards",
}  # fmt: skip
CARD = """---
library_name: transformers
pipeline_tag: text-generation
tags: [trl, grpo]
---

# {name}: {base}, trained to write positive film reviews

A course exercise: GRPO (TRL {trl}) with a reward from the classifier {sentiment_model}, which sees each completion alone.

- **Base model**: {model}{lora}; its licence holds for this one, too.
- **Data**: {prompts} openings of film reviews (`prompts_train.txt`) to be continued; no text of people was imitated.
- **Trained**: {steps}, on {device}; commit {commit}.

## Figures

On {held_out} openings that training never saw, {samples} completions each at temperature 0.7, of the base model and of this one:

| | before | after |
|---|---|---|
{figures}

The classifier that paid for these texts also judges them. Another one, and a reader, may think otherwise.

## Not to be used

- as a source of opinions or facts: it praises whatever it is given, films that do not exist included;
- to write reviews that are shown as people's own;
- as a measure of sentiment, or wherever a text matters to anybody: it was trained to please one classifier, flaws included, and
  nobody has looked at what else it learned. Biases and rude words of the base model are still there.

## Settings

| setting | |
|---|---|
{settings}

Versions: {versions}.
"""


def write_card(folder: Path, record: dict[str, Any], prompts: int, held_out: int) -> None:
    """Write the card of a finished run's model into its folder.

    Args:
        record: run.json.
        prompts, held_out: how many openings there are for training, and for the figures.
    """
    config, versions = record["config"], record["versions"]
    git = record.get("git")
    figures = [
        f"| {words} | {record['baseline'][name]:.3f} | {record['final'][name]:.3f} |"
        for name, words in {"mean_sentiment": "P(positive), mean", **FIGURES}.items()
    ]
    settings = [
        f"| `{name}` | {code(value)} |"
        for name, value in config.items()
        if name not in NOT_OF_THE_MODEL
    ]
    text = CARD.format(
        **{name: code(config[name]) for name in ("model", "sentiment_model")},
        name=record["run_name"],
        base=config["model"].replace("\n", " "),
        trl=versions["trl"],
        lora=" with a LoRA adapter merged in" if config["use_peft"] else "",
        prompts=prompts,
        held_out=held_out,
        samples=config["validation_samples"],
        steps=steps(record),
        device=record["device"],
        commit=git["commit"] + (" with changes" if git["changed"] else "") if git else "not known",
        figures="\n".join(figures),
        settings="\n".join(settings),
        versions=", ".join(f"{name} {number}" for name, number in versions.items()),
    )
    write_whole(folder / "README.md", text.encode(errors="backslashreplace"))


def steps(record: dict[str, Any]) -> str:
    """Return how long the model was trained, and why it is not the last step's."""
    kept, last = record.get("kept"), record["step"]
    if kept and kept["step"] != last:
        return f"{kept['step']} optimiser steps, of {last} the best ({kept['because']})"
    return f"{last} optimiser steps"


def code(value: Any) -> str:
    """Return a value as code in a cell of a table in Markdown, whatever a folder is called.

    >>> code("a|b")
    '`a\\\\|b`'
    """
    text = str(value).replace("`", "'").replace("|", "\\|").replace("\n", " ")
    return f"`{text}`" if text else ""
