"""Runs in another number format than this processor's, by standing in for what the teaching modules choose."""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any
from unittest import mock


def patched(*targets: tuple[str, Any]) -> Callable[..., Any]:
    """Return a context in which names of the teaching modules stand for something else."""

    @contextlib.contextmanager
    def undone() -> Iterator[None]:
        with contextlib.ExitStack() as stack:
            for name, value in targets:
                stack.enter_context(mock.patch(name, value))
            yield

    return undone


def float32() -> Any:
    """Return what `compute_dtype` gives on a CPU without AVX512_BF16."""
    import torch

    return torch.float32


float32_throughout = patched(("lab.pretrained.compute_dtype", float32))
