"""Saving a model folder so that readers never meet a half-written one."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

HAND_WRITTEN = ("README.md", "metrics.json")


@contextmanager
def fresh_folder(folder: Path) -> Iterator[Path]:
    """Yield an empty folder to write to; at the end it replaces `folder`, card and figures carried over."""
    fresh, old = folder.with_name(f".{folder.name}.new"), folder.with_name(f".{folder.name}.old")
    shutil.rmtree(fresh, ignore_errors=True)
    shutil.rmtree(old, ignore_errors=True)
    fresh.mkdir(parents=True)
    yield fresh
    for name in HAND_WRITTEN:
        if (folder / name).exists():
            shutil.copy2(folder / name, fresh / name)
    if folder.exists():
        folder.rename(old)
    fresh.rename(folder)
    shutil.rmtree(old, ignore_errors=True)


def export(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, folder: Path) -> None:
    """Write weights as float16 safetensors, configuration and tokenizer to `folder`, replacing it as a whole.

    The configuration still says float32: transformers 5 loads in the dtype that the configuration names, and float16 is
    a storage format here, not one to train in.
    """
    # by address, so that tied weights stay one tensor and are stored once
    halves: dict[int, torch.Tensor] = {}
    state = {
        name: halves.setdefault(value.data_ptr(), value.to(torch.float16))
        for name, value in model.state_dict().items()
    }
    with fresh_folder(folder) as fresh:
        model.save_pretrained(fresh, state_dict=state)
        (fresh / "model.safetensors").chmod(0o644)  # safetensors writes 0600
        tokenizer.save_pretrained(fresh)
