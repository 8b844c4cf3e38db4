"""The gradients of a worked example: what a student's loss must have besides its value.

Arguments that an example names require a gradient; autograd is asked for each, and the first wrong one is told.
"""

from contextlib import AbstractContextManager
from typing import Any

import torch

from lab.examples import Example, arguments

# the hidden laws' tolerance; the expected numbers are rounded to six places
RTOL, ATOL = 1e-4, 1e-6
CUT_OFF = (
    "a number that no gradient leads back from: something on the way cuts it off (.item(), "
    ".detach(), torch.no_grad, NumPy, a new tensor)"
)
STAY = "stay in torch, from the argument to the result"
# what is special about an argument's gradient, by the example's own expectation: it is 0
DATA = "this argument is data: .detach() it before you use it"


def leaves(example: Example) -> list[Any]:
    """Return an example's arguments, made anew; those whose gradient it names require one."""
    made = arguments(example.args)
    for place in example.gradients:
        made[place].requires_grad_()
    return made


def kept() -> AbstractContextManager[Any]:
    """Return a context in which gradients are kept, whatever a cell of the notebook has switched off."""
    return torch.enable_grad()


def first_wrong(result: Any, args: list[Any], example: Example) -> list[str]:
    """Return the lines "expected", "yours" and "hint" of the first gradient that is not the example's, [] if none is."""
    for place, expected in example.gradients.items():
        target = torch.tensor(expected)
        asked = f"  expected  the gradient in argument {place + 1}: {target.tolist()}"
        try:
            found = of_argument(result, args[place])
        except RuntimeError as error:
            return [
                asked,
                f"  yours     raises {type(error).__name__}: {error}",
                f"  hint      {STAY}",
            ]
        if found is None:
            return [asked, f"  yours     {CUT_OFF}", f"  hint      {STAY}"]
        if not torch.isclose(found, target, rtol=RTOL, atol=ATOL).all():
            hint = example.hint if target.any() else DATA
            rounded = (torch.round(found.double(), decimals=6) + 0.0).tolist()
            return [asked, f"  yours     {rounded}", f"  hint      {hint}"]
    return []


def of_argument(result: Any, argument: torch.Tensor) -> torch.Tensor | None:
    """Return the gradient of a one-number result in an argument, zeros if it does not depend on it; None if it has none at all.

    Raises:
        RuntimeError: autograd cannot compute it.
    """
    if not isinstance(result, torch.Tensor) or not result.requires_grad:
        return None
    with kept():
        total = result.sum()
    (found,) = torch.autograd.grad(total, [argument], retain_graph=True, allow_unused=True)
    return torch.zeros_like(argument) if found is None else found
