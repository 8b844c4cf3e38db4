"""What both models train with: optimizers, schedule and one step."""

from collections.abc import Sequence

import torch

Optimizers = Sequence[torch.optim.Optimizer]


def make_optimizers(
    model: torch.nn.Module, blocks: str, learning_rate: float, weight_decay: float
) -> Optimizers:
    """Return Muon for the matrices below the module named `blocks` and AdamW for embeddings, biases, norms and heads.

    Muon is `torch.optim.Muon` (Jordan et al. 2024), scaled to AdamW's update size (Liu et al. 2025, eq. 4) so that one
    learning rate serves both. AdamW decays nothing.
    """
    inner = {name for name, p in model.named_parameters() if p.ndim == 2 and blocks in name}
    matrices = [p for name, p in model.named_parameters() if name in inner]
    others = [p for name, p in model.named_parameters() if name not in inner]
    muon = torch.optim.Muon(
        matrices, lr=learning_rate, weight_decay=weight_decay, adjust_lr_fn="match_rms_adamw"
    )
    return muon, torch.optim.AdamW(others, lr=learning_rate, betas=(0.9, 0.98), weight_decay=0.0)


def schedule(step: int, steps: int, warmup: int, decay: int) -> float:
    """Return the factor in [0, 1] on the learning rate at `step`: linear warmup, stable, linear decay to zero."""
    return min(1.0, (step + 1) / warmup, (steps - step) / decay)


def take_step(
    loss: torch.Tensor, model: torch.nn.Module, optimizers: Optimizers, rate: float
) -> float:
    """Backpropagate `loss` and step every optimizer at learning rate `rate`; return the loss as a float."""
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["lr"] = rate
        optimizer.step()
        optimizer.zero_grad()
    return loss.item()


@torch.no_grad()
def update_average(average: torch.nn.Module, model: torch.nn.Module, keep: float) -> None:
    """Move the averaged weights a step towards the current ones: `average = keep * average + (1 - keep) * model`."""
    for kept, new in zip(average.parameters(), model.parameters(), strict=True):
        kept.lerp_(new, 1 - keep)
