# ruff: noqa
# fmt: off
"""Slips on exercise 4c, written from the contract alone."""

# %% no_minus
# truth: the minus sign is missing: the surrogate in place of the loss
def policy_loss(log_probs, old_log_probs, advantages, completion_mask, epsilon=0.2):
    r = torch.exp(log_probs - old_log_probs.detach())
    adv = advantages.unsqueeze(1)
    s = torch.min(r * adv, torch.clamp(r, 1 - epsilon, 1 + epsilon) * adv)
    return (s * completion_mask).sum() / completion_mask.sum().clamp(min=1)

# %% per_row_mean
# truth: the mean of the rows' means in place of the mean over all tokens
def policy_loss(log_probs, old_log_probs, advantages, completion_mask, epsilon=0.2):
    r = torch.exp(log_probs - old_log_probs.detach())
    adv = advantages.unsqueeze(1)
    s = -torch.min(r * adv, torch.clamp(r, 1 - epsilon, 1 + epsilon) * adv)
    per_row = (s * completion_mask).sum(-1) / completion_mask.sum(-1).clamp(min=1)
    return per_row.mean()

# %% plain_mean
# truth: masked tokens count as tokens of value 0
def policy_loss(log_probs, old_log_probs, advantages, completion_mask, epsilon=0.2):
    r = torch.exp(log_probs - old_log_probs.detach())
    adv = advantages.unsqueeze(1)
    s = -torch.min(r * adv, torch.clamp(r, 1 - epsilon, 1 + epsilon) * adv)
    return (s * completion_mask).mean()

# %% forgot_mask
# truth: the mask is not used
def policy_loss(log_probs, old_log_probs, advantages, completion_mask, epsilon=0.2):
    r = torch.exp(log_probs - old_log_probs.detach())
    adv = advantages.unsqueeze(1)
    return -torch.min(r * adv, torch.clamp(r, 1 - epsilon, 1 + epsilon) * adv).mean()

# %% forgot_min
# truth: only the clipped term, no minimum
def policy_loss(log_probs, old_log_probs, advantages, completion_mask, epsilon=0.2):
    r = torch.clamp(torch.exp(log_probs - old_log_probs.detach()), 1 - epsilon, 1 + epsilon)
    s = -r * advantages.unsqueeze(1)
    return (s * completion_mask).sum() / completion_mask.sum().clamp(min=1)

# %% forgot_clip
# truth: nothing is clipped
def policy_loss(log_probs, old_log_probs, advantages, completion_mask, epsilon=0.2):
    r = torch.exp(log_probs - old_log_probs.detach())
    s = -r * advantages.unsqueeze(1)
    return (s * completion_mask).sum() / completion_mask.sum().clamp(min=1)

# %% max_of_both
# truth: the larger of both terms in place of the smaller one
def policy_loss(log_probs, old_log_probs, advantages, completion_mask, epsilon=0.2):
    r = torch.exp(log_probs - old_log_probs.detach())
    adv = advantages.unsqueeze(1)
    s = -torch.max(r * adv, torch.clamp(r, 1 - epsilon, 1 + epsilon) * adv)
    return (s * completion_mask).sum() / completion_mask.sum().clamp(min=1)

# %% minus_inside_min
# truth: the minus sign stands inside the minimum, so the larger surrogate is taken
def policy_loss(log_probs, old_log_probs, advantages, completion_mask, epsilon=0.2):
    r = torch.exp(log_probs - old_log_probs.detach())
    adv = advantages.unsqueeze(1)
    s = torch.min(-r * adv, -torch.clamp(r, 1 - epsilon, 1 + epsilon) * adv)
    return (s * completion_mask).sum() / completion_mask.sum().clamp(min=1)

# %% ratio_inverted
# truth: the ratio is old over new
def policy_loss(log_probs, old_log_probs, advantages, completion_mask, epsilon=0.2):
    r = torch.exp(old_log_probs.detach() - log_probs)
    adv = advantages.unsqueeze(1)
    s = -torch.min(r * adv, torch.clamp(r, 1 - epsilon, 1 + epsilon) * adv)
    return (s * completion_mask).sum() / completion_mask.sum().clamp(min=1)

# %% ratio_divided
# truth: log-probabilities are divided in place of probabilities
def policy_loss(log_probs, old_log_probs, advantages, completion_mask, epsilon=0.2):
    r = log_probs / (old_log_probs.detach() - 1e-6)
    adv = advantages.unsqueeze(1)
    s = -torch.min(r * adv, torch.clamp(r, 1 - epsilon, 1 + epsilon) * adv)
    return (s * completion_mask).sum() / completion_mask.sum().clamp(min=1)

# %% no_exp
# truth: the difference of the logarithms stands for the ratio: exp is missing
def policy_loss(log_probs, old_log_probs, advantages, completion_mask, epsilon=0.2):
    r = log_probs - old_log_probs.detach()
    adv = advantages.unsqueeze(1)
    s = -torch.min(r * adv, torch.clamp(r, 1 - epsilon, 1 + epsilon) * adv)
    return (s * completion_mask).sum() / completion_mask.sum().clamp(min=1)

# %% clip_between_minus_and_plus_epsilon
# truth: the ratio is clipped to ± epsilon, not to 1 ± epsilon
def policy_loss(log_probs, old_log_probs, advantages, completion_mask, epsilon=0.2):
    r = torch.exp(log_probs - old_log_probs.detach())
    adv = advantages.unsqueeze(1)
    s = -torch.min(r * adv, torch.clamp(r, -epsilon, epsilon) * adv)
    return (s * completion_mask).sum() / completion_mask.sum().clamp(min=1)

# %% clip_one_over
# truth: the lower bound is 1 / (1 + epsilon), not 1 - epsilon
def policy_loss(log_probs, old_log_probs, advantages, completion_mask, epsilon=0.2):
    r = torch.exp(log_probs - old_log_probs.detach())
    adv = advantages.unsqueeze(1)
    s = -torch.min(r * adv, torch.clamp(r, 1 / (1 + epsilon), 1 + epsilon) * adv)
    return (s * completion_mask).sum() / completion_mask.sum().clamp(min=1)

# %% fixed_epsilon
# truth: the argument epsilon is ignored
def policy_loss(log_probs, old_log_probs, advantages, completion_mask, epsilon=0.2):
    r = torch.exp(log_probs - old_log_probs.detach())
    adv = advantages.unsqueeze(1)
    s = -torch.min(r * adv, torch.clamp(r, 0.8, 1.2) * adv)
    return (s * completion_mask).sum() / completion_mask.sum().clamp(min=1)

# %% item_at_the_end
# truth: .item() turns the loss into a plain number
def policy_loss(log_probs, old_log_probs, advantages, completion_mask, epsilon=0.2):
    r = torch.exp(log_probs - old_log_probs.detach())
    adv = advantages.unsqueeze(1)
    s = -torch.min(r * adv, torch.clamp(r, 1 - epsilon, 1 + epsilon) * adv)
    return ((s * completion_mask).sum() / completion_mask.sum().clamp(min=1)).item()

# %% detach_the_wrong_one
# truth: log_probs is detached in place of old_log_probs
def policy_loss(log_probs, old_log_probs, advantages, completion_mask, epsilon=0.2):
    r = torch.exp(log_probs.detach() - old_log_probs)
    adv = advantages.unsqueeze(1)
    s = -torch.min(r * adv, torch.clamp(r, 1 - epsilon, 1 + epsilon) * adv)
    return (s * completion_mask).sum() / completion_mask.sum().clamp(min=1)

# %% no_detach
# truth: a gradient flows into old_log_probs
def policy_loss(log_probs, old_log_probs, advantages, completion_mask, epsilon=0.2):
    r = torch.exp(log_probs - old_log_probs)
    adv = advantages.unsqueeze(1)
    s = -torch.min(r * adv, torch.clamp(r, 1 - epsilon, 1 + epsilon) * adv)
    return (s * completion_mask).sum() / completion_mask.sum().clamp(min=1)

# %% no_clamp_of_count
# truth: 0 / 0 where no token counts
def policy_loss(log_probs, old_log_probs, advantages, completion_mask, epsilon=0.2):
    r = torch.exp(log_probs - old_log_probs.detach())
    adv = advantages.unsqueeze(1)
    s = -torch.min(r * adv, torch.clamp(r, 1 - epsilon, 1 + epsilon) * adv)
    return (s * completion_mask).sum() / completion_mask.sum()

# %% shifted_as_in_3a
# truth: entry t is taken for token t + 1, as in exercise 3a
def policy_loss(log_probs, old_log_probs, advantages, completion_mask, epsilon=0.2):
    r = torch.exp(log_probs - old_log_probs.detach())[:, :-1]
    adv, mask = advantages.unsqueeze(1), completion_mask[:, 1:]
    s = -torch.min(r * adv, torch.clamp(r, 1 - epsilon, 1 + epsilon) * adv)
    return (s * mask).sum() / mask.sum().clamp(min=1)

# %% normalised_again
# truth: the advantages are centred and scaled once more
def policy_loss(log_probs, old_log_probs, advantages, completion_mask, epsilon=0.2):
    r = torch.exp(log_probs - old_log_probs.detach())
    a = (advantages - advantages.mean()) / (advantages.std(unbiased=False) + 1e-4)
    adv = a.unsqueeze(1)
    s = -torch.min(r * adv, torch.clamp(r, 1 - epsilon, 1 + epsilon) * adv)
    return (s * completion_mask).sum() / completion_mask.sum().clamp(min=1)

# %% sequence_ratio
# truth: one ratio for each completion, the exponential of the summed difference
def policy_loss(log_probs, old_log_probs, advantages, completion_mask, epsilon=0.2):
    r = torch.exp(((log_probs - old_log_probs.detach()) * completion_mask).sum(1, keepdim=True))
    adv = advantages.unsqueeze(1)
    s = -torch.min(r * adv, torch.clamp(r, 1 - epsilon, 1 + epsilon) * adv)
    return (s * completion_mask).sum() / completion_mask.sum().clamp(min=1)

# %% with_entropy
# truth: a bonus for entropy is added that nobody asked for
def policy_loss(log_probs, old_log_probs, advantages, completion_mask, epsilon=0.2):
    r = torch.exp(log_probs - old_log_probs.detach())
    adv = advantages.unsqueeze(1)
    s = -torch.min(r * adv, torch.clamp(r, 1 - epsilon, 1 + epsilon) * adv) + 0.01 * log_probs
    return (s * completion_mask).sum() / completion_mask.sum().clamp(min=1)
