"""A step of sampling, recorded once as a CUDA graph and replayed: trusted when it has drawn what plain steps draw."""

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import nn

from lab.rows import Rows

PROOF_STEPS = 8  # at the first use; at the first use with other weights, a whole rollout


def recorded(step: Callable[[], None]) -> Callable[[], None]:
    """Record a step, run twice before as CUDA asks, and return what replays it."""
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        step()
        step()
    torch.cuda.current_stream().wait_stream(stream)
    torch.clear_autocast_cache()  # weights cast before would be today's weights at every replay
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        step()
    torch.clear_autocast_cache()
    return graph.replay


@dataclass
class Recording:
    """What replays a step of these rows. `proven_with` [0 to 2]: versions of the weights with which it was proven."""

    rows: Rows
    replay: Callable[[], None]
    proven_with: list[int] = field(default_factory=list)

    def unproven(self, version: int, most: int) -> int:
        """Return how many of `most` steps are to be taken both ways before it is trusted with the weights of `version`.

        A few at first; a whole rollout when the weights are others for the first time, which a recording may not see.
        """
        if not self.proven_with:
            return min(PROOF_STEPS, most)
        return most if len(self.proven_with) == 1 and self.proven_with != [version] else 0


def draws_alike(recording: Recording, step: Callable[[], None], count: int) -> bool:
    """Take `count` plain steps, then replay as many from the same state; tell whether the same tokens were drawn.

    Where they were not, rows and random state are as they were before.
    """
    rows, randomness = recording.rows, generator(recording.rows.tokens.device)
    before, state = [tensor.clone() for tensor in rows.state()], randomness.get_state()

    def go_back() -> None:
        for tensor, value in zip(rows.state(), before, strict=True):
            tensor.copy_(value)
        randomness.set_state(state)

    for _ in range(count):
        step()
    expected, end = rows.output.clone(), randomness.get_state()
    go_back()
    try:
        for _ in range(count):
            recording.replay()
        alike = torch.equal(rows.output, expected) and torch.equal(randomness.get_state(), end)
    except Exception:
        go_back()
        raise
    if not alike:
        go_back()
    return alike


def weights_version(model: nn.Module) -> int:
    """Return a number that grows whenever weights are changed in place, as optimisers do."""
    return sum(parameter._version for parameter in model.parameters())


def generator(device: torch.device) -> torch.Generator:
    """Return the global source of random numbers on a device."""
    if device.type == "cuda":
        return torch.cuda.default_generators[device.index or 0]
    return torch.default_generator
