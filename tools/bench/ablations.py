"""What each change to TRL's defaults is worth: `python -m tools.bench.ablations`, the course with one of them undone at a time.

Milliseconds a step, all in turns, round after round, so that a machine that slows down slows all of them.
"""

import argparse
import contextlib
import json
import statistics
import sys
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

from gate import ROOT
from gate.number_format import float32_throughout, patched
from lab.command import print_anything
from tools.bench.machine import add_run_options, configuration, hardware

AS_IT_IS, QUICK_START = "the course as it is", "TRL's quick start"


def draw_by_multinomial(logits: Any, temperature: float) -> Any:
    """Draw as transformers does, with a random number for every entry of the vocabulary."""
    return (logits.float() / temperature).softmax(dim=-1).multinomial(1)


def draw_from_one_sum(logits: Any, temperature: float) -> Any:
    """Draw from the cumulative sum of all probabilities."""
    import torch

    cumulative = (logits.float() / temperature).softmax(dim=-1).cumsum(dim=-1, dtype=torch.float64)
    uniform = torch.rand(len(logits), 1, dtype=torch.float64, device=logits.device)
    tokens = torch.searchsorted(cumulative, uniform * cumulative[:, -1:], right=True)
    return tokens.clamp_(max=logits.shape[-1] - 1)


def every_row(prompt_ids: Any) -> tuple[list[Any], list[int]]:
    """Take every row's prompt for one of its own."""
    return list(prompt_ids), list(range(len(prompt_ids)))


def attach_sampling_only(trainer: Any, ways: Any) -> None:
    """Leave the log-probabilities to TRL."""
    from lab.policy import attach

    attach(trainer, ways)
    del trainer._get_per_token_logps_and_entropies


def with_setting(name: str, value: Any) -> Callable[..., Any]:
    """Return `grpo_settings` with one of them replaced."""
    from lab.trainer import grpo_settings

    return lambda config: {**grpo_settings(config), name: value}


def fused_attention(name: str) -> Any:
    """Load a model that attends by PyTorch's fused kernel."""
    from lab.pretrained import load_language_model

    model, tokenizer = load_language_model(name)
    model.set_attn_implementation("sdpa")
    return model, tokenizer


def undone() -> dict[str, Callable[..., Any]]:
    """Return, by what is undone, the context in which it is; the first is the course as it is."""
    return {
        AS_IT_IS: contextlib.nullcontext,
        "`model.generate` instead of `decoding.py`": patched(("lab.decoding.obstacle", lambda _: "ablation")),
        "a random number for every token of the vocabulary (`multinomial`)": patched(("lab.decoding.draw", draw_by_multinomial)),
        "probabilities added up all at once, not in blocks": patched(("lab.decoding.draw", draw_from_one_sum)),
        "GPT-2's step by transformers instead of `gpt2.py`": patched(("lab.gpt2.is_gpt2", lambda _: False)),
        "sampling on all threads": patched(("lab.threads.one_thread", contextlib.nullcontext)),
        "loss and reference: threads share operations, not rows": patched(("lab.threads.parts", lambda _, rows: [slice(0, rows)])),
        "each prompt read once for each of its completions": patched(("lab.decoding.distinct", every_row)),
        "TRL's own log-probabilities": patched(("lab.trainer.attach", attach_sampling_only)),
        "float32 throughout": float32_throughout,
        "PyTorch's fused attention": patched(("tools.bench.contenders.load_language_model", fused_attention)),
        "gradient checkpointing": patched(("lab.trainer.grpo_settings", with_setting("activation_checkpointing", True))),
        "dropout": patched(("lab.trainer.grpo_settings", with_setting("disable_dropout", False))),
    }  # fmt: skip


def measure(config: Any, rounds: int, folder: Path) -> dict[str, list[float]]:
    """Return milliseconds a step of every round, by what is undone."""
    from tools.bench.contenders import shared_reward, timed_run

    reward = shared_reward(config)
    found: dict[str, list[float]] = {}
    for number in range(rounds):
        contexts: dict[str, Callable[..., Any]] = {**undone(), QUICK_START: contextlib.nullcontext}
        for name, context in contexts.items():
            with context():
                who = "TRL" if name == QUICK_START else "course"
                timing = timed_run(who, config, reward, folder / "run")
            found.setdefault(name, []).append(1000 / timing.rate)
            print(f"round {number}  {found[name][-1]:7.0f} ms  {name}", flush=True)
    return found


def show(found: dict[str, list[float]]) -> None:
    """Print medians, with the range, and the median of the ratios to the course of the same round."""
    print(f"\n{'undone':<70}{'ms a step':>10}{'':>16}{'×':>8}")
    for name, values in found.items():
        ratios = [value / own for value, own in zip(values, found[AS_IT_IS], strict=True)]
        spread = f"({min(values):.0f} to {max(values):.0f})"
        print(
            f"{name:<70}{statistics.median(values):>10.0f}{spread:>16}{statistics.median(ratios):>8.2f}"
        )


def main(argv: list[str] | None = None) -> int:
    """Measure, print the table, write the JSON."""
    print_anything()
    parser = argparse.ArgumentParser(
        prog="python -m tools.bench.ablations", description=__doc__.splitlines()[0]
    )
    add_run_options(parser, steps=13)
    parser.add_argument("--rounds", type=int, default=3, help="runs of each (default: 3)")
    parser.add_argument("--json", type=Path, default=ROOT / "build" / "bench" / "ablations.json")
    args = parser.parse_args(argv)
    warnings.filterwarnings("ignore", category=FutureWarning)
    import sentiment

    with tempfile.TemporaryDirectory() as folder:
        config = configuration(args, Path(folder))
        sentiment.use_model(config.sentiment_model)
        found = measure(config, args.rounds, Path(folder))
    show(found)
    args.json.parent.mkdir(parents=True, exist_ok=True)
    args.json.write_text(json.dumps({"machine": hardware(), "ms": found}, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
