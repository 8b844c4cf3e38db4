# ruff: noqa
# fmt: off
"""Work that attacks where gradients are asked for: in autograd, in a backward pass, in what comes back."""

# %% forged_gradients
# stem: policy_loss
# hostile: autograd is replaced by a function that says what a good gradient might be
# outcome: partial
# points: 2.7
def policy_loss(log_probs, old_log_probs, advantages, completion_mask, epsilon=0.2):
    torch.autograd.grad = lambda outputs, inputs, **_: tuple(torch.ones_like(x) for x in inputs)
    ratio = torch.exp(log_probs - old_log_probs.detach())
    a, mask = advantages[:, None], completion_mask.float()
    token = torch.minimum(ratio * a, ratio.clamp(1 - epsilon, 1 + epsilon) * a)
    return -(token * mask).sum() / mask.sum().clamp(min=1)

# %% endless_gradients
# stem: policy_loss
# hostile: the gradient is a tensor of a thousand million numbers that takes no memory here
# outcome: partial
# points: 2.7
def policy_loss(log_probs, old_log_probs, advantages, completion_mask, epsilon=0.2):
    torch.autograd.grad = lambda *_, **__: [torch.zeros(1).expand(10**9)] * 2
    ratio = torch.exp(log_probs - old_log_probs.detach())
    a, mask = advantages[:, None], completion_mask.float()
    token = torch.minimum(ratio * a, ratio.clamp(1 - epsilon, 1 + epsilon) * a)
    return -(token * mask).sum() / mask.sum().clamp(min=1)

# %% all_things_equal
# stem: policy_loss
# hostile: the gradients are objects that say they equal everything
# outcome: partial
# points: 2.7
class Yes(torch.Tensor):
    __eq__ = __le__ = __ge__ = lambda self, other: True
    all = any = lambda self, *_: True

def policy_loss(log_probs, old_log_probs, advantages, completion_mask, epsilon=0.2):
    torch.autograd.grad = lambda outputs, inputs, **_: [Yes(3) for _ in inputs]
    ratio = torch.exp(log_probs - old_log_probs.detach())
    a, mask = advantages[:, None], completion_mask.float()
    token = torch.minimum(ratio * a, ratio.clamp(1 - epsilon, 1 + epsilon) * a)
    return -(token * mask).sum() / mask.sum().clamp(min=1)

# %% backward_without_end
# stem: policy_loss
# hostile: the backward pass never ends
# outcome: partial
# points: 1.2
import time

class Endless(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x.clone()

    @staticmethod
    def backward(ctx, slope):
        time.sleep(3600)

def policy_loss(log_probs, old_log_probs, advantages, completion_mask, epsilon=0.2):
    ratio = torch.exp(Endless.apply(log_probs) - old_log_probs.detach())
    a, mask = advantages[:, None], completion_mask.float()
    token = torch.minimum(ratio * a, ratio.clamp(1 - epsilon, 1 + epsilon) * a)
    return -(token * mask).sum() / mask.sum().clamp(min=1)

# %% backward_that_leaves
# stem: policy_loss
# hostile: the backward pass ends the process
# outcome: partial
# points: 1.2
import os

class Leaving(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x.clone()

    @staticmethod
    def backward(ctx, slope):
        os._exit(0)

def policy_loss(log_probs, old_log_probs, advantages, completion_mask, epsilon=0.2):
    ratio = torch.exp(Leaving.apply(log_probs) - old_log_probs.detach())
    a, mask = advantages[:, None], completion_mask.float()
    token = torch.minimum(ratio * a, ratio.clamp(1 - epsilon, 1 + epsilon) * a)
    return -(token * mask).sum() / mask.sum().clamp(min=1)

# %% hooks_on_the_arguments
# stem: policy_loss
# hostile: a hook on the argument turns whatever gradient it gets into another one
# outcome: partial
# points: 3
def policy_loss(log_probs, old_log_probs, advantages, completion_mask, epsilon=0.2):
    if log_probs.requires_grad:
        log_probs.register_hook(lambda slope: torch.ones_like(slope))
    ratio = torch.exp(log_probs - old_log_probs.detach())
    a, mask = advantages[:, None], completion_mask.float()
    token = torch.minimum(ratio * a, ratio.clamp(1 - epsilon, 1 + epsilon) * a)
    return -(token * mask).sum() / mask.sum().clamp(min=1)
