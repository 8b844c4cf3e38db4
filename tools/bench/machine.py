"""What is measured on, and models that exist only to be timed."""

import argparse
import os
import platform
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from grader.classroom.slots import cpu

if TYPE_CHECKING:
    from lab.config import TrainConfig

WARM_UP = 3  # steps that no rate counts: allocators fill, kernels are chosen, graphs recorded
# GPT-2 and GPT-2 medium
SIZES = {
    "124M": {},
    "355M": {"n_embd": 1024, "n_layer": 24, "n_head": 16},
}


def add_run_options(parser: argparse.ArgumentParser, steps: int | None = None) -> None:
    """Let a command line choose the run that is timed."""
    parser.add_argument("--preset", default="smoke", help="preset of train.py (default: smoke)")
    parser.add_argument("--model", help="policy, instead of the preset's")
    parser.add_argument("--random", choices=SIZES, help="a GPT-2 of this size, random weights")
    parser.add_argument("--sentiment_model", help="classifier, instead of the preset's")
    text = "optimiser steps (default: %(default)s; None: the preset's)"
    parser.add_argument("--steps", type=more_than_warm_up, default=steps, help=text)


def more_than_warm_up(text: str) -> int:
    """Return a number of steps of which some are timed."""
    if not text.isdecimal() or int(text) <= WARM_UP:
        raise argparse.ArgumentTypeError(
            f"the first {WARM_UP} steps are not timed: more are needed"
        )
    return int(text)


def configuration(args: argparse.Namespace, folder: Path) -> "TrainConfig":
    """Return the preset with what the command line replaces."""
    from lab.config import TrainConfig

    model = random_model(args.random, folder / "model") if args.random else args.model
    chosen = {"model": model, "sentiment_model": args.sentiment_model, "max_steps": args.steps}
    return TrainConfig.from_preset(
        args.preset, **{name: value for name, value in chosen.items() if value is not None}
    )


def hardware() -> dict[str, object]:
    """Return what this was measured on, and when."""
    import torch

    return {
        "date": datetime.now(UTC).date().isoformat(),
        "cpu": cpu(),
        "threads": torch.get_num_threads(),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "load": round(os.getloadavg()[0], 1),
        "python": platform.python_version(),
        **{name: version(name) for name in ("torch", "transformers", "trl", "accelerate")},
    }


def random_model(size: str, folder: Path) -> str:
    """Save a GPT-2 with random weights, and the embedded model's tokenizer: good for time, not for text."""
    from transformers import AutoModelForCausalLM, AutoTokenizer, GPT2Config

    from lab.pretrained import model_path

    tokenizer = AutoTokenizer.from_pretrained(model_path("tiny-gpt2"))
    config = GPT2Config(
        **SIZES[size], bos_token_id=0, eos_token_id=0, pad_token_id=0, architectures=["GPT2LMHeadModel"]
    )  # fmt: skip
    AutoModelForCausalLM.from_config(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return str(folder)
