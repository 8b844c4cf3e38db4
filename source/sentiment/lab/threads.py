"""Threads on a CPU: when a small model is quicker with one, or with some rows of a batch on each.

An operation of a small model is over in microseconds, and threads that share it wait for each other at its end, thousands
of times a second. So sampling, where operations are smallest, keeps to one thread; where more rows are computed at a time,
each thread takes some of them from first to last. A large model stays whole: its operations are long, and threads that
share them read its weights once.
"""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import torch
from torch import nn

SMALL = 20_000_000  # parameters of a model whose half-precision copy fits a processor's cache
FEWEST = 16  # rows that are worth a thread of their own
MOST = 4  # threads: Python starts their operations one after another

T = TypeVar("T")


def is_small(model: nn.Module) -> bool:
    """Tell whether a model is on the CPU and small."""
    parameters = list(model.parameters())
    on_cpu = parameters[0].device.type == "cpu"
    return on_cpu and sum(parameter.numel() for parameter in parameters) <= SMALL


@contextlib.contextmanager
def one_thread(model: nn.Module) -> Iterator[None]:
    """Let a small model's operations have one thread each."""
    threads = torch.get_num_threads()
    few = is_small(model) and threads > 1
    if few:
        torch.set_num_threads(1)
    try:
        yield
    finally:
        if few:
            torch.set_num_threads(threads)


def parts(model: nn.Module, rows: int) -> list[slice]:
    """Return which of B rows belong together: one part unless the model is small, else as many as threads, at most four."""
    count = min(torch.get_num_threads(), MOST, rows // FEWEST) if is_small(model) else 1
    ends = [rows * i // max(1, count) for i in range(max(1, count) + 1)]
    return [slice(start, stop) for start, stop in zip(ends, ends[1:], strict=False)]


def side_by_side(compute: Callable[[slice], T], rows: Sequence[slice]) -> list[T]:
    """Return `compute`'s result for each part of the rows, in order: each on a thread of its own when there are several.

    `compute` enters `autocast`, which belongs to a thread, itself; whether gradients are noted is as here. It draws no random
    numbers: in which order threads would draw them is chance.

    Raises:
        Exception: what `compute` raised for the first part for which it did.
    """
    if len(rows) == 1:
        return [compute(rows[0])]
    threads, noted = torch.get_num_threads(), torch.is_grad_enabled()
    share = threads // len(rows)

    def in_mode(part: slice) -> T:
        with torch.set_grad_enabled(noted):
            return compute(part)

    try:
        with ThreadPoolExecutor(
            len(rows), initializer=torch.set_num_threads, initargs=(share,)
        ) as pool:
            return list(pool.map(in_mode, rows))
    finally:
        torch.set_num_threads(threads)  # of threads that begin later


class SideBySide(torch.autograd.Function):
    """`compute(part)`, the first of whose tensors has a gradient, side by side for parts of a batch, forward and backward.

    Each thread has a graph of its own, from the parameters to its rows; the parameters' gradients are added up in the end.
    """

    @staticmethod
    def forward(
        ctx: Any,
        compute: Callable[[slice], tuple[torch.Tensor, ...]],
        rows: Sequence[slice],
        *parameters: torch.Tensor,
    ) -> tuple[torch.Tensor, ...]:
        """Return each of `compute`'s tensors for all rows; `parameters` are all that it has gradients of."""

        def compute_part(part: slice) -> tuple[torch.Tensor, ...]:
            with torch.enable_grad():
                return compute(part)

        found = side_by_side(compute_part, rows)
        ctx.rows, ctx.parameters = rows, parameters
        ctx.outputs = [first for first, *_ in found]
        results = tuple(
            torch.cat([t.detach() for t in tensors]) for tensors in zip(*found, strict=True)
        )
        ctx.mark_non_differentiable(*results[1:])
        return results

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor, *_: Any) -> tuple[torch.Tensor | None, ...]:
        """Return the parameters' gradients, each the sum of the parts'."""
        outputs, ctx.outputs = ctx.outputs, None

        def go_back(part: slice) -> tuple[torch.Tensor | None, ...]:
            output = outputs[ctx.rows.index(part)]
            return torch.autograd.grad(output, ctx.parameters, gradient[part], allow_unused=True)

        found = zip(*side_by_side(go_back, ctx.rows), strict=True)
        return None, None, *(None if some[0] is None else sum(some) for some in found)
