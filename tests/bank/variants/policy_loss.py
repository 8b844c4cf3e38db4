# ruff: noqa
# fmt: off
"""Right work on exercise 4c in many styles."""

# %% where
# right: torch.where decides which tokens are clipped
def policy_loss(log_probs, old_log_probs, advantages, completion_mask, epsilon=0.2):
    ratio = torch.exp(log_probs - old_log_probs.detach())
    a = advantages[:, None]
    idle = ((a > 0) & (ratio > 1 + epsilon)) | ((a < 0) & (ratio < 1 - epsilon))
    token = torch.where(idle, ratio.clamp(1 - epsilon, 1 + epsilon).detach() * a, ratio * a)
    mask = completion_mask.float()
    return -(token * mask).sum() / mask.sum().clamp(min=1)

# %% as_ppo_writes_it
# right: the larger of two losses, as in PPO's code
def policy_loss(log_probs, old_log_probs, advantages, completion_mask, epsilon=0.2):
    ratio = torch.exp(log_probs - old_log_probs.detach())
    a = advantages[:, None]
    loss1, loss2 = -a * ratio, -a * torch.clamp(ratio, 1.0 - epsilon, 1.0 + epsilon)
    mask = completion_mask.float()
    return (torch.max(loss1, loss2) * mask).sum() / mask.sum().clamp(min=1)

# %% as_trl_writes_it
# right: TRL's lines
def policy_loss(log_probs, old_log_probs, advantages, completion_mask, epsilon=0.2):
    old_per_token_logps = old_log_probs.detach()
    advantages = advantages.unsqueeze(1)
    coef_1 = torch.exp(log_probs - old_per_token_logps)
    coef_2 = torch.clamp(coef_1, 1 - epsilon, 1 + epsilon)
    per_token_loss = -torch.min(coef_1 * advantages, coef_2 * advantages)
    mask = completion_mask
    return (per_token_loss * mask).sum() / mask.sum().clamp(min=1.0)

# %% boolean_index
# right: only the tokens that count
def policy_loss(log_probs, old_log_probs, advantages, completion_mask, epsilon=0.2):
    ratio = torch.exp(log_probs - old_log_probs.detach())
    a = advantages[:, None]
    token = torch.minimum(ratio * a, ratio.clamp(1 - epsilon, 1 + epsilon) * a)
    kept = token[completion_mask.bool()]
    return -kept.mean() if kept.numel() else 0 * token.sum()

# %% masked_select
# right: masked_select and a sum
def policy_loss(log_probs, old_log_probs, advantages, completion_mask, epsilon=0.2):
    ratio = torch.exp(log_probs - old_log_probs.detach())
    a = advantages[:, None]
    token = torch.minimum(ratio * a, ratio.clamp(1 - epsilon, 1 + epsilon) * a)
    kept = token.masked_select(completion_mask == 1)
    return -kept.sum() / max(kept.numel(), 1)

# %% float64
# right: in float64
def policy_loss(log_probs, old_log_probs, advantages, completion_mask, epsilon=0.2):
    new, old = log_probs.double(), old_log_probs.detach().double()
    ratio, a = (new - old).exp(), advantages.double()[:, None]
    token = torch.minimum(ratio * a, ratio.clamp(1 - epsilon, 1 + epsilon) * a)
    mask = completion_mask.double()
    return -(token * mask).sum() / mask.sum().clamp(min=1)

# %% under_no_grad
# right: the old policy in a block without gradients
def policy_loss(log_probs, old_log_probs, advantages, completion_mask, epsilon=0.2):
    with torch.no_grad():
        old = old_log_probs.clone()
    ratio = (log_probs - old).exp()
    a = advantages[:, None]
    token = torch.minimum(ratio * a, ratio.clamp(1 - epsilon, 1 + epsilon) * a)
    mask = completion_mask.float()
    return -(token * mask).sum() / mask.sum().clamp(min=1)

# %% einsum
# right: einsum adds up
def policy_loss(log_probs, old_log_probs, advantages, completion_mask, epsilon=0.2):
    ratio = torch.exp(log_probs - old_log_probs.detach())
    a = advantages[:, None]
    token = torch.minimum(ratio * a, ratio.clamp(1 - epsilon, 1 + epsilon) * a)
    mask = completion_mask.float()
    return -torch.einsum('bt,bt->', token, mask) / mask.sum().clamp(min=1)

# %% row_by_row
# right: a loop over completions
def policy_loss(log_probs, old_log_probs, advantages, completion_mask, epsilon=0.2):
    ratio = torch.exp(log_probs - old_log_probs.detach())
    total, count = log_probs.new_zeros(()), 0
    for r, advantage, mask in zip(ratio, advantages, completion_mask):
        token = torch.minimum(r * advantage, r.clamp(1 - epsilon, 1 + epsilon) * advantage)
        total = total + (token * mask).sum()
        count += int(mask.sum())
    return -total / max(count, 1)

# %% two_helpers
# right: helpers defined below their use
def policy_loss(log_probs, old_log_probs, advantages, completion_mask, epsilon=0.2):
    return -masked_mean(surrogate(log_probs, old_log_probs.detach(), advantages, epsilon), completion_mask)

def surrogate(new, old, advantages, epsilon):
    ratio, a = (new - old).exp(), advantages.reshape(-1, 1)
    return torch.minimum(ratio * a, ratio.clip(1 - epsilon, 1 + epsilon) * a)

def masked_mean(values, mask):
    return (values * mask).sum() / mask.sum().clamp(min=1)

# %% own_autograd
# right: an autograd function of one's own
class Surrogate(torch.autograd.Function):
    @staticmethod
    def forward(ctx, new, old, advantages, mask, epsilon):
        ratio, a = (new - old).exp(), advantages[:, None]
        full, clipped = ratio * a, ratio.clamp(1 - epsilon, 1 + epsilon) * a
        count = mask.sum().clamp(min=1)
        ctx.save_for_backward(torch.where(full <= clipped, -full, 0.0) * mask / count)
        return -(torch.minimum(full, clipped) * mask).sum() / count

    @staticmethod
    def backward(ctx, slope):
        return slope * ctx.saved_tensors[0], None, None, None, None

def policy_loss(log_probs, old_log_probs, advantages, completion_mask, epsilon=0.2):
    return Surrogate.apply(log_probs, old_log_probs, advantages, completion_mask, epsilon)

# %% clip_by_min_and_max
# right: bounds by minimum and maximum
def policy_loss(log_probs, old_log_probs, advantages, completion_mask, epsilon=0.2):
    ratio = torch.exp(log_probs - old_log_probs.detach())
    a = advantages[:, None]
    low, high = torch.tensor(1 - epsilon), torch.tensor(1 + epsilon)
    token = torch.minimum(ratio * a, torch.minimum(torch.maximum(ratio, low), high) * a)
    mask = completion_mask.float()
    return -(token * mask).sum() / mask.sum().clamp(min=1)

# %% sides_by_sign
# right: good and bad completions apart
def policy_loss(log_probs, old_log_probs, advantages, completion_mask, epsilon=0.2):
    ratio = torch.exp(log_probs - old_log_probs.detach())
    a = advantages[:, None]
    token = torch.where(a >= 0, ratio.clamp(max=1 + epsilon), ratio.clamp(min=1 - epsilon)) * a
    mask = completion_mask.float()
    return -(token * mask).sum() / mask.sum().clamp(min=1)

# %% ratio_of_probabilities
# right: exp of each, then divided
def policy_loss(log_probs, old_log_probs, advantages, completion_mask, epsilon=0.2):
    ratio = torch.exp(log_probs.double()) / torch.exp(old_log_probs.detach().double())
    a = advantages[:, None]
    token = torch.minimum(ratio * a, ratio.clamp(1 - epsilon, 1 + epsilon) * a)
    mask = completion_mask.float()
    return -(token * mask).sum() / mask.sum().clamp(min=1)

# %% weights_first
# right: weights of 1 / N are multiplied in
def policy_loss(log_probs, old_log_probs, advantages, completion_mask, epsilon=0.2):
    ratio = torch.exp(log_probs - old_log_probs.detach())
    a = advantages[:, None]
    token = torch.minimum(ratio * a, ratio.clamp(1 - epsilon, 1 + epsilon) * a)
    weights = completion_mask / completion_mask.sum().clamp(min=1)
    return -(token * weights).sum()

# %% nansum
# right: masked tokens become nan, and nansum leaves them out
def policy_loss(log_probs, old_log_probs, advantages, completion_mask, epsilon=0.2):
    ratio = torch.exp(log_probs - old_log_probs.detach())
    a = advantages[:, None]
    token = torch.minimum(ratio * a, ratio.clamp(1 - epsilon, 1 + epsilon) * a)
    token = torch.where(completion_mask.bool(), token, torch.nan)
    return -token.nansum() / completion_mask.sum().clamp(min=1)

# %% zero_without_graph
# right: a plain zero where nothing counts
def policy_loss(log_probs, old_log_probs, advantages, completion_mask, epsilon=0.2):
    if not completion_mask.any():
        return torch.tensor(0.0)
    ratio = torch.exp(log_probs - old_log_probs.detach())
    a = advantages[:, None]
    token = torch.minimum(ratio * a, ratio.clamp(1 - epsilon, 1 + epsilon) * a)
    mask = completion_mask.float()
    return -(token * mask).sum() / mask.sum().clamp(min=1)

# %% switched_off_above
# right: a cell has switched gradients off for what it plots
torch.set_grad_enabled(False)
probabilities = torch.softmax(torch.randn(4), 0)
def policy_loss(log_probs, old_log_probs, advantages, completion_mask, epsilon=0.2):
    ratio = torch.exp(log_probs - old_log_probs.detach())
    a = advantages[:, None]
    token = torch.minimum(ratio * a, ratio.clamp(1 - epsilon, 1 + epsilon) * a)
    mask = completion_mask.float()
    return -(token * mask).sum() / mask.sum().clamp(min=1)

# %% masked_difference
# right: the log ratio is 0 at masked positions
def policy_loss(log_probs, old_log_probs, advantages, completion_mask, epsilon=0.2):
    ratio = torch.exp((log_probs - old_log_probs.detach()) * completion_mask)
    a = advantages[:, None]
    token = torch.minimum(ratio * a, ratio.clamp(1 - epsilon, 1 + epsilon) * a)
    mask = completion_mask.float()
    return -(token * mask).sum() / mask.sum().clamp(min=1)

# %% lambda_helper
# right: a lambda and keyword arguments
def policy_loss(log_probs, old_log_probs, advantages, completion_mask, epsilon=0.2):
    ratio = torch.exp(log_probs - old_log_probs.detach())
    a = advantages[:, None]
    clip = lambda x: x.clamp(min=1 - epsilon, max=1 + epsilon)
    token = torch.min(input=ratio * a, other=clip(ratio) * a)
    mask = completion_mask.float()
    return torch.neg(torch.sum(token * mask) / torch.clamp(mask.sum(), min=1))
