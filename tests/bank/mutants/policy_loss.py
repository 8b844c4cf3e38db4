# ruff: noqa
# fmt: off
"""Wrong work on exercise 4c."""

# %% sign
# wrong: the surrogate itself: a step would lower it
# fails: test_value test_gradient test_on_policy
# hint: sign is wrong
def policy_loss(log_probs, old_log_probs, advantages, completion_mask, epsilon=0.2):
    ratio = torch.exp(log_probs - old_log_probs.detach())
    a = advantages[:, None]
    token = torch.minimum(ratio * a, ratio.clamp(1 - epsilon, 1 + epsilon) * a)
    mask = completion_mask.float()
    return (token * mask).sum() / mask.sum().clamp(min=1)

# %% mean_of_rows
# wrong: TRL's grpo: each completion's mean, then their mean
# fails: test_value test_gradient
# hint: `grpo`
def policy_loss(log_probs, old_log_probs, advantages, completion_mask, epsilon=0.2):
    ratio = torch.exp(log_probs - old_log_probs.detach())
    a = advantages[:, None]
    token = torch.minimum(ratio * a, ratio.clamp(1 - epsilon, 1 + epsilon) * a)
    mask = completion_mask.float()
    return -((token * mask).sum(1) / mask.sum(1).clamp(min=1)).mean()

# %% mean_of_rows_with_tokens
# wrong: the mean of the means of completions that have tokens
# fails: test_value test_gradient
# hint: `grpo`
def policy_loss(log_probs, old_log_probs, advantages, completion_mask, epsilon=0.2):
    ratio = torch.exp(log_probs - old_log_probs.detach())
    a = advantages[:, None]
    token = torch.minimum(ratio * a, ratio.clamp(1 - epsilon, 1 + epsilon) * a)
    mask = completion_mask.float()
    rows = mask.sum(1) > 0
    return -((token * mask).sum(1)[rows] / mask.sum(1)[rows]).mean() if rows.any() else 0 * token.sum()

# %% sum_over_tokens
# wrong: the sum, not the mean
# fails: test_value test_gradient
# hint: sum over tokens
def policy_loss(log_probs, old_log_probs, advantages, completion_mask, epsilon=0.2):
    ratio = torch.exp(log_probs - old_log_probs.detach())
    a = advantages[:, None]
    token = torch.minimum(ratio * a, ratio.clamp(1 - epsilon, 1 + epsilon) * a)
    mask = completion_mask.float()
    return -(token * mask).sum()

# %% divided_by_rows
# wrong: divides by B
# fails: test_value test_gradient
# hint: number of completions divides
def policy_loss(log_probs, old_log_probs, advantages, completion_mask, epsilon=0.2):
    ratio = torch.exp(log_probs - old_log_probs.detach())
    a = advantages[:, None]
    token = torch.minimum(ratio * a, ratio.clamp(1 - epsilon, 1 + epsilon) * a)
    mask = completion_mask.float()
    return -(token * mask).sum() / len(mask)

# %% divided_by_positions
# wrong: divides by B times T: TRL's dr_grpo with the batch's own length
# fails: test_value test_gradient
# hint: all positions
def policy_loss(log_probs, old_log_probs, advantages, completion_mask, epsilon=0.2):
    ratio = torch.exp(log_probs - old_log_probs.detach())
    a = advantages[:, None]
    token = torch.minimum(ratio * a, ratio.clamp(1 - epsilon, 1 + epsilon) * a)
    mask = completion_mask.float()
    return -(token * mask).mean()

# %% mask_ignored
# wrong: averages over all positions
# fails: test_value test_gradient test_mask test_empty
# hint: mask is not used
def policy_loss(log_probs, old_log_probs, advantages, completion_mask, epsilon=0.2):
    ratio = torch.exp(log_probs - old_log_probs.detach())
    a = advantages[:, None]
    token = torch.minimum(ratio * a, ratio.clamp(1 - epsilon, 1 + epsilon) * a)
    return -token.mean()

# %% mask_inverted
# wrong: takes 1 for "masked out"
# fails: test_value test_gradient test_mask
# hint: upside down
def policy_loss(log_probs, old_log_probs, advantages, completion_mask, epsilon=0.2):
    ratio = torch.exp(log_probs - old_log_probs.detach())
    a = advantages[:, None]
    token = torch.minimum(ratio * a, ratio.clamp(1 - epsilon, 1 + epsilon) * a)
    mask = 1.0 - completion_mask
    return -(token * mask).sum() / mask.sum().clamp(min=1)

# %% mask_shifted
# wrong: shifts the mask as in exercise 3a
# fails: test_value test_mask
# hint: mask is shifted
def policy_loss(log_probs, old_log_probs, advantages, completion_mask, epsilon=0.2):
    ratio = torch.exp(log_probs - old_log_probs.detach())
    a = advantages[:, None]
    token = torch.minimum(ratio * a, ratio.clamp(1 - epsilon, 1 + epsilon) * a)
    token, mask = token[:, :-1], completion_mask[:, 1:].float()
    return -(token * mask).sum() / mask.sum().clamp(min=1)

# %% position_zero_dropped
# wrong: leaves out position 0 as in exercise 3a
# fails: test_mask
# hint: position 0 is left out
def policy_loss(log_probs, old_log_probs, advantages, completion_mask, epsilon=0.2):
    ratio = torch.exp(log_probs - old_log_probs.detach())
    a = advantages[:, None]
    token = torch.minimum(ratio * a, ratio.clamp(1 - epsilon, 1 + epsilon) * a)
    token, mask = token[:, 1:], completion_mask[:, 1:].float()
    return -(token * mask).sum() / mask.sum().clamp(min=1)

# %% last_position_dropped
# wrong: [:, :-1], as for logits
# fails: test_value test_mask
# hint: last position is left out
def policy_loss(log_probs, old_log_probs, advantages, completion_mask, epsilon=0.2):
    ratio = torch.exp(log_probs - old_log_probs.detach())
    a = advantages[:, None]
    token = torch.minimum(ratio * a, ratio.clamp(1 - epsilon, 1 + epsilon) * a)
    token, mask = token[:, :-1], completion_mask[:, :-1].float()
    return -(token * mask).sum() / mask.sum().clamp(min=1)

# %% first_to_last
# wrong: everything between the first and the last 1 counts
# fails: test_mask
# hint: gaps inside the mask
def policy_loss(log_probs, old_log_probs, advantages, completion_mask, epsilon=0.2):
    ratio = torch.exp(log_probs - old_log_probs.detach())
    a = advantages[:, None]
    token = torch.minimum(ratio * a, ratio.clamp(1 - epsilon, 1 + epsilon) * a)
    mask = completion_mask
    mask = mask.cummax(1).values * mask.flip(1).cummax(1).values.flip(1)
    return -(token * mask).sum() / mask.sum().clamp(min=1)

# %% from_the_first_on
# wrong: everything after the first 1 counts
# fails: test_value test_mask
# hint: everything after the first
def policy_loss(log_probs, old_log_probs, advantages, completion_mask, epsilon=0.2):
    ratio = torch.exp(log_probs - old_log_probs.detach())
    a = advantages[:, None]
    token = torch.minimum(ratio * a, ratio.clamp(1 - epsilon, 1 + epsilon) * a)
    mask = completion_mask.cummax(1).values
    return -(token * mask).sum() / mask.sum().clamp(min=1)

# %% first_rows_mask
# wrong: the first row's mask for all rows
# fails: test_value
# hint: first row's mask
def policy_loss(log_probs, old_log_probs, advantages, completion_mask, epsilon=0.2):
    ratio = torch.exp(log_probs - old_log_probs.detach())
    a = advantages[:, None]
    token = torch.minimum(ratio * a, ratio.clamp(1 - epsilon, 1 + epsilon) * a)
    mask = completion_mask[:1].float().expand(len(completion_mask), -1)
    return -(token * mask).sum() / mask.sum().clamp(min=1)

# %% not_clipped
# wrong: the importance-weighted gradient alone
# fails: test_value test_clipped test_default_epsilon test_epsilon
# hint: nothing is clipped
def policy_loss(log_probs, old_log_probs, advantages, completion_mask, epsilon=0.2):
    ratio = torch.exp(log_probs - old_log_probs.detach())
    a = advantages[:, None]
    token = ratio * a
    mask = completion_mask.float()
    return -(token * mask).sum() / mask.sum().clamp(min=1)

# %% clipped_alone
# wrong: no minimum: both sides are cut off
# fails: test_value test_clipped test_far_apart
# hint: only the clipped term
def policy_loss(log_probs, old_log_probs, advantages, completion_mask, epsilon=0.2):
    ratio = torch.exp(log_probs - old_log_probs.detach())
    a = advantages[:, None]
    token = ratio.clamp(1 - epsilon, 1 + epsilon) * a
    mask = completion_mask.float()
    return -(token * mask).sum() / mask.sum().clamp(min=1)

# %% maximum
# wrong: the larger of both
# fails: test_value test_clipped
# hint: larger of both
def policy_loss(log_probs, old_log_probs, advantages, completion_mask, epsilon=0.2):
    ratio = torch.exp(log_probs - old_log_probs.detach())
    a = advantages[:, None]
    token = torch.maximum(ratio * a, ratio.clamp(1 - epsilon, 1 + epsilon) * a)
    mask = completion_mask.float()
    return -(token * mask).sum() / mask.sum().clamp(min=1)

# %% max_with_minus
# wrong: max as in PPO's loss, of terms without their minus sign
# fails: test_value test_clipped
# hint: larger of both
def policy_loss(log_probs, old_log_probs, advantages, completion_mask, epsilon=0.2):
    ratio = torch.exp(log_probs - old_log_probs.detach())
    a = advantages[:, None]
    token = torch.max(ratio * a, ratio.clamp(1 - epsilon, 1 + epsilon) * a)
    mask = completion_mask.float()
    return -(token * mask).sum() / mask.sum().clamp(min=1)

# %% minimum_of_ratios
# wrong: the minimum before the advantage is multiplied
# fails: test_value test_clipped
# hint: minimum is taken of the ratios
def policy_loss(log_probs, old_log_probs, advantages, completion_mask, epsilon=0.2):
    ratio = torch.exp(log_probs - old_log_probs.detach())
    a = advantages[:, None]
    token = torch.minimum(ratio, ratio.clamp(1 - epsilon, 1 + epsilon)) * a
    mask = completion_mask.float()
    return -(token * mask).sum() / mask.sum().clamp(min=1)

# %% only_upper_bound
# wrong: clamp(max=1 + epsilon)
# fails: test_value test_clipped
# hint: only 1 + epsilon
def policy_loss(log_probs, old_log_probs, advantages, completion_mask, epsilon=0.2):
    ratio = torch.exp(log_probs - old_log_probs.detach())
    a = advantages[:, None]
    token = torch.minimum(ratio * a, ratio.clamp(max=1 + epsilon) * a)
    mask = completion_mask.float()
    return -(token * mask).sum() / mask.sum().clamp(min=1)

# %% only_lower_bound
# wrong: clamp(min=1 - epsilon)
# fails: test_value test_clipped
# hint: only 1 - epsilon
def policy_loss(log_probs, old_log_probs, advantages, completion_mask, epsilon=0.2):
    ratio = torch.exp(log_probs - old_log_probs.detach())
    a = advantages[:, None]
    token = torch.minimum(ratio * a, ratio.clamp(min=1 - epsilon) * a)
    mask = completion_mask.float()
    return -(token * mask).sum() / mask.sum().clamp(min=1)

# %% ratio_upside_down
# wrong: old over new
# fails: test_value test_gradient
# hint: upside down
def policy_loss(log_probs, old_log_probs, advantages, completion_mask, epsilon=0.2):
    ratio = torch.exp(old_log_probs.detach() - log_probs)
    a = advantages[:, None]
    token = torch.minimum(ratio * a, ratio.clamp(1 - epsilon, 1 + epsilon) * a)
    mask = completion_mask.float()
    return -(token * mask).sum() / mask.sum().clamp(min=1)

# %% log_ratio
# wrong: the exponential is missing
# fails: test_value test_on_policy
# hint: exp is missing
def policy_loss(log_probs, old_log_probs, advantages, completion_mask, epsilon=0.2):
    ratio = log_probs - old_log_probs.detach()
    a = advantages[:, None]
    token = torch.minimum(ratio * a, ratio.clamp(1 - epsilon, 1 + epsilon) * a)
    mask = completion_mask.float()
    return -(token * mask).sum() / mask.sum().clamp(min=1)

# %% ratio_of_logs
# wrong: one log-probability over the other
# fails: test_value test_gradient
def policy_loss(log_probs, old_log_probs, advantages, completion_mask, epsilon=0.2):
    ratio = (log_probs - 1e-9) / (old_log_probs.detach() - 1e-9)
    a = advantages[:, None]
    token = torch.minimum(ratio * a, ratio.clamp(1 - epsilon, 1 + epsilon) * a)
    mask = completion_mask.float()
    return -(token * mask).sum() / mask.sum().clamp(min=1)

# %% probability
# wrong: the old policy is missing
# fails: test_value test_gradient
# hint: old policy is missing
def policy_loss(log_probs, old_log_probs, advantages, completion_mask, epsilon=0.2):
    ratio = torch.exp(log_probs)
    a = advantages[:, None]
    token = torch.minimum(ratio * a, ratio.clamp(1 - epsilon, 1 + epsilon) * a)
    mask = completion_mask.float()
    return -(token * mask).sum() / mask.sum().clamp(min=1)

# %% reinforce
# wrong: advantage times log-probability
# fails: test_value test_clipped
# hint: REINFORCE
def policy_loss(log_probs, old_log_probs, advantages, completion_mask, epsilon=0.2):
    a = advantages[:, None]
    token = a * log_probs
    mask = completion_mask.float()
    return -(token * mask).sum() / mask.sum().clamp(min=1)

# %% clip_the_difference
# wrong: the log ratio is clipped at ± epsilon
# fails: test_value
# hint: difference of log-probabilities
def policy_loss(log_probs, old_log_probs, advantages, completion_mask, epsilon=0.2):
    ratio = torch.exp(log_probs - old_log_probs.detach())
    a = advantages[:, None]
    gap = (log_probs - old_log_probs.detach()).clamp(-epsilon, epsilon)
    token = torch.minimum(ratio * a, torch.exp(gap) * a)
    mask = completion_mask.float()
    return -(token * mask).sum() / mask.sum().clamp(min=1)

# %% one_ratio_a_row
# wrong: GSPO: the ratio of a completion's mean log-probability
# fails: test_value test_gradient
# hint: GSPO
def policy_loss(log_probs, old_log_probs, advantages, completion_mask, epsilon=0.2):
    mask = completion_mask.float()
    gap = ((log_probs - old_log_probs.detach()) * mask).sum(1, keepdim=True) / mask.sum(1, keepdim=True).clamp(min=1)
    ratio = torch.exp(gap).expand_as(log_probs)
    a = advantages[:, None]
    token = torch.minimum(ratio * a, ratio.clamp(1 - epsilon, 1 + epsilon) * a)
    return -(token * mask).sum() / mask.sum().clamp(min=1)

# %% epsilon_ignored
# wrong: 0.2, whatever is asked for
# fails: test_epsilon test_default_epsilon
def policy_loss(log_probs, old_log_probs, advantages, completion_mask, epsilon=0.2):
    ratio = torch.exp(log_probs - old_log_probs.detach())
    a = advantages[:, None]
    token = torch.minimum(ratio * a, ratio.clamp(0.8, 1.2) * a)
    mask = completion_mask.float()
    return -(token * mask).sum() / mask.sum().clamp(min=1)

# %% epsilon_halved
# wrong: the bounds are half as far away
# fails: test_value test_epsilon
# hint: epsilon is fixed
def policy_loss(log_probs, old_log_probs, advantages, completion_mask, epsilon=0.2):
    ratio = torch.exp(log_probs - old_log_probs.detach())
    a = advantages[:, None]
    token = torch.minimum(ratio * a, ratio.clamp(1 - epsilon / 2, 1 + epsilon / 2) * a)
    mask = completion_mask.float()
    return -(token * mask).sum() / mask.sum().clamp(min=1)

# %% clip_higher
# wrong: the upper bound is 0.28, as in DAPO's paper
# fails: test_value
def policy_loss(log_probs, old_log_probs, advantages, completion_mask, epsilon=0.2):
    ratio = torch.exp(log_probs - old_log_probs.detach())
    a = advantages[:, None]
    token = torch.minimum(ratio * a, ratio.clamp(1 - epsilon, 1 + 1.4 * epsilon) * a)
    mask = completion_mask.float()
    return -(token * mask).sum() / mask.sum().clamp(min=1)

# %% other_default
# wrong: epsilon is 0.1 unless given
# fails: test_default_epsilon
def policy_loss(log_probs, old_log_probs, advantages, completion_mask, epsilon=0.1):
    ratio = torch.exp(log_probs - old_log_probs.detach())
    a = advantages[:, None]
    token = torch.minimum(ratio * a, ratio.clamp(1 - epsilon, 1 + epsilon) * a)
    mask = completion_mask.float()
    return -(token * mask).sum() / mask.sum().clamp(min=1)

# %% default_of_four_tenths
# wrong: epsilon is 0.4 unless given
# fails: test_default_epsilon
def policy_loss(log_probs, old_log_probs, advantages, completion_mask, epsilon=0.4):
    ratio = torch.exp(log_probs - old_log_probs.detach())
    a = advantages[:, None]
    token = torch.minimum(ratio * a, ratio.clamp(1 - epsilon, 1 + epsilon) * a)
    mask = completion_mask.float()
    return -(token * mask).sum() / mask.sum().clamp(min=1)

# %% absolute_advantages
# wrong: the sign of the advantages is dropped
# fails: test_value
# hint: sign of the advantages
def policy_loss(log_probs, old_log_probs, advantages, completion_mask, epsilon=0.2):
    ratio = torch.exp(log_probs - old_log_probs.detach())
    a = advantages.abs()[:, None]
    token = torch.minimum(ratio * a, ratio.clamp(1 - epsilon, 1 + epsilon) * a)
    mask = completion_mask.float()
    return -(token * mask).sum() / mask.sum().clamp(min=1)

# %% positive_alone
# wrong: completions with negative advantages teach nothing
# fails: test_value
# hint: negative advantage are left out
def policy_loss(log_probs, old_log_probs, advantages, completion_mask, epsilon=0.2):
    ratio = torch.exp(log_probs - old_log_probs.detach())
    a = advantages.clamp(min=0)[:, None]
    token = torch.minimum(ratio * a, ratio.clamp(1 - epsilon, 1 + epsilon) * a)
    mask = completion_mask.float()
    return -(token * mask).sum() / mask.sum().clamp(min=1)

# %% first_advantage
# wrong: one advantage for all
# fails: test_value
# hint: first completion's advantage
def policy_loss(log_probs, old_log_probs, advantages, completion_mask, epsilon=0.2):
    ratio = torch.exp(log_probs - old_log_probs.detach())
    a = advantages[0]
    token = torch.minimum(ratio * a, ratio.clamp(1 - epsilon, 1 + epsilon) * a)
    mask = completion_mask.float()
    return -(token * mask).sum() / mask.sum().clamp(min=1)

# %% no_advantages
# wrong: the ratio alone
# fails: test_value
# hint: advantages are not used
def policy_loss(log_probs, old_log_probs, advantages, completion_mask, epsilon=0.2):
    ratio = torch.exp(log_probs - old_log_probs.detach())
    token = torch.minimum(ratio, ratio.clamp(1 - epsilon, 1 + epsilon))
    mask = completion_mask.float()
    return -(token * mask).sum() / mask.sum().clamp(min=1)

# %% centred_again
# wrong: the batch's mean is taken off the advantages
# fails: test_value
def policy_loss(log_probs, old_log_probs, advantages, completion_mask, epsilon=0.2):
    ratio = torch.exp(log_probs - old_log_probs.detach())
    a = (advantages - advantages.mean())[:, None]
    token = torch.minimum(ratio * a, ratio.clamp(1 - epsilon, 1 + epsilon) * a)
    mask = completion_mask.float()
    return -(token * mask).sum() / mask.sum().clamp(min=1)

# %% number
# wrong: the value is right, but a plain number: nothing can be trained with it
# fails: test_gradient test_clipped test_on_policy
# hint: cuts it off
def policy_loss(log_probs, old_log_probs, advantages, completion_mask, epsilon=0.2):
    ratio = torch.exp(log_probs - old_log_probs.detach())
    a = advantages[:, None]
    token = torch.minimum(ratio * a, ratio.clamp(1 - epsilon, 1 + epsilon) * a)
    mask = completion_mask.float()
    return (-(token * mask).sum() / mask.sum().clamp(min=1)).item()

# %% detached
# wrong: the ratio is detached
# fails: test_gradient test_clipped test_on_policy
# hint: cuts it off
def policy_loss(log_probs, old_log_probs, advantages, completion_mask, epsilon=0.2):
    ratio = torch.exp(log_probs - old_log_probs).detach()
    a = advantages[:, None]
    token = torch.minimum(ratio * a, ratio.clamp(1 - epsilon, 1 + epsilon) * a)
    mask = completion_mask.float()
    return -(token * mask).sum() / mask.sum().clamp(min=1)

# %% no_grad
# wrong: under torch.no_grad
# fails: test_gradient test_clipped test_on_policy
# hint: cuts it off
@torch.no_grad()
def policy_loss(log_probs, old_log_probs, advantages, completion_mask, epsilon=0.2):
    ratio = torch.exp(log_probs - old_log_probs.detach())
    a = advantages[:, None]
    token = torch.minimum(ratio * a, ratio.clamp(1 - epsilon, 1 + epsilon) * a)
    mask = completion_mask.float()
    return -(token * mask).sum() / mask.sum().clamp(min=1)

# %% through_numpy
# wrong: NumPy on the way
# fails: test_gradient test_clipped test_on_policy
# hint: cuts it off
import numpy as np

def policy_loss(log_probs, old_log_probs, advantages, completion_mask, epsilon=0.2):
    new, old, a, mask = (x.detach().numpy().astype("float64") for x in (log_probs, old_log_probs, advantages, completion_mask))
    ratio, a = np.exp(new - old), a[:, None]
    token = np.minimum(ratio * a, ratio.clip(1 - epsilon, 1 + epsilon) * a)
    return torch.tensor(-(token * mask).sum() / max(mask.sum(), 1))

# %% new_tensor
# wrong: the parts are put into a new tensor
# fails: test_gradient test_clipped test_on_policy
# hint: cuts it off
def policy_loss(log_probs, old_log_probs, advantages, completion_mask, epsilon=0.2):
    ratio = torch.exp(log_probs - old_log_probs.detach())
    a = advantages[:, None]
    token = torch.minimum(ratio * a, ratio.clamp(1 - epsilon, 1 + epsilon) * a)
    mask = completion_mask.float()
    rows = torch.tensor([float((t * m).sum()) for t, m in zip(token, mask)])
    return -rows.sum() / mask.sum().clamp(min=1)

# %% old_not_detached
# wrong: a gradient flows into the old policy
# fails: test_old_is_data
# hint: .detach() it
def policy_loss(log_probs, old_log_probs, advantages, completion_mask, epsilon=0.2):
    ratio = torch.exp(log_probs - old_log_probs)
    a = advantages[:, None]
    token = torch.minimum(ratio * a, ratio.clamp(1 - epsilon, 1 + epsilon) * a)
    mask = completion_mask.float()
    return -(token * mask).sum() / mask.sum().clamp(min=1)

# %% same_as_old
# wrong: ratio 1 in value and in gradient where both agree
# fails: test_on_policy
def policy_loss(log_probs, old_log_probs, advantages, completion_mask, epsilon=0.2):
    ratio = torch.exp(log_probs - old_log_probs.detach())
    a = advantages[:, None]
    token = torch.minimum(ratio * a, ratio.clamp(1 - epsilon, 1 + epsilon) * a)
    mask = completion_mask.float()
    if torch.equal(log_probs, old_log_probs):
        token = a.expand_as(log_probs) + 0 * log_probs
    return -(token * mask).sum() / mask.sum().clamp(min=1)

# %% gradient_of_reinforce
# wrong: right in value, but the gradient is that of A log π: nothing is clipped in it
# fails: test_clipped
# hint: REINFORCE
def policy_loss(log_probs, old_log_probs, advantages, completion_mask, epsilon=0.2):
    ratio = torch.exp(log_probs.detach() - old_log_probs.detach())
    a = advantages[:, None]
    token = torch.minimum(ratio * a, ratio.clamp(1 - epsilon, 1 + epsilon) * a)
    mask = completion_mask.float()
    token = token + a * (log_probs - log_probs.detach())
    return -(token * mask).sum() / mask.sum().clamp(min=1)

# %% gradient_leaks_where_clipped
# wrong: right in value; a clipped token keeps a small gradient
# fails: test_clipped
def policy_loss(log_probs, old_log_probs, advantages, completion_mask, epsilon=0.2):
    ratio = torch.exp(log_probs - old_log_probs.detach())
    a = advantages[:, None]
    token = torch.minimum(ratio * a, ratio.clamp(1 - epsilon, 1 + epsilon) * a)
    mask = completion_mask.float()
    token = token + 1e-3 * (log_probs - log_probs.detach())
    return -(token * mask).sum() / mask.sum().clamp(min=1)

# %% gradient_doubled
# wrong: right in value, twice the gradient
# fails: test_gradient test_on_policy
# hint: twice as large
def policy_loss(log_probs, old_log_probs, advantages, completion_mask, epsilon=0.2):
    ratio = torch.exp(log_probs - old_log_probs.detach())
    a = advantages[:, None]
    token = torch.minimum(ratio * a, ratio.clamp(1 - epsilon, 1 + epsilon) * a)
    mask = completion_mask.float()
    loss = -(token * mask).sum() / mask.sum().clamp(min=1)
    return 2 * loss - loss.detach()

# %% backward_inside
# wrong: backward is called inside: nothing is left to differentiate
# fails: test_gradient
def policy_loss(log_probs, old_log_probs, advantages, completion_mask, epsilon=0.2):
    ratio = torch.exp(log_probs - old_log_probs.detach())
    a = advantages[:, None]
    token = torch.minimum(ratio * a, ratio.clamp(1 - epsilon, 1 + epsilon) * a)
    mask = completion_mask.float()
    loss = -(token * mask).sum() / mask.sum().clamp(min=1)
    if loss.requires_grad:
        loss.backward()
    return loss

# %% empty_batch_is_nan
# wrong: 0 / 0 where no token counts
# fails: test_empty
def policy_loss(log_probs, old_log_probs, advantages, completion_mask, epsilon=0.2):
    ratio = torch.exp(log_probs - old_log_probs.detach())
    a = advantages[:, None]
    token = torch.minimum(ratio * a, ratio.clamp(1 - epsilon, 1 + epsilon) * a)
    mask = completion_mask.float()
    return -(token * mask).sum() / mask.sum()

# %% empty_row_counts
# wrong: a row without tokens counts as one token
# fails: test_empty
def policy_loss(log_probs, old_log_probs, advantages, completion_mask, epsilon=0.2):
    ratio = torch.exp(log_probs - old_log_probs.detach())
    a = advantages[:, None]
    token = torch.minimum(ratio * a, ratio.clamp(1 - epsilon, 1 + epsilon) * a)
    mask = completion_mask.float()
    return -(token * mask).sum() / mask.sum(1).clamp(min=1).sum()

# %% one_too_many
# wrong: 1 is added to the number of tokens
# fails: test_value
def policy_loss(log_probs, old_log_probs, advantages, completion_mask, epsilon=0.2):
    ratio = torch.exp(log_probs - old_log_probs.detach())
    a = advantages[:, None]
    token = torch.minimum(ratio * a, ratio.clamp(1 - epsilon, 1 + epsilon) * a)
    mask = completion_mask.float()
    return -(token * mask).sum() / (mask.sum() + 1)

# %% ratio_capped
# wrong: the ratio is cut off at 10
# fails: test_far_apart
# hint: cut off at a bound
def policy_loss(log_probs, old_log_probs, advantages, completion_mask, epsilon=0.2):
    ratio = torch.exp(log_probs - old_log_probs.detach()).clamp(max=10)
    a = advantages[:, None]
    token = torch.minimum(ratio * a, ratio.clamp(1 - epsilon, 1 + epsilon) * a)
    mask = completion_mask.float()
    return -(token * mask).sum() / mask.sum().clamp(min=1)

# %% difference_capped
# wrong: the log ratio is cut off at ±5
# fails: test_far_apart
# hint: cut off at a bound
def policy_loss(log_probs, old_log_probs, advantages, completion_mask, epsilon=0.2):
    ratio = torch.exp((log_probs - old_log_probs.detach()).clamp(-5, 5))
    a = advantages[:, None]
    token = torch.minimum(ratio * a, ratio.clamp(1 - epsilon, 1 + epsilon) * a)
    mask = completion_mask.float()
    return -(token * mask).sum() / mask.sum().clamp(min=1)

# %% dual_clip
# wrong: a bad token costs at most 3 times its advantage, as in dual-clip PPO
# fails: test_far_apart
# hint: cut off at a bound
def policy_loss(log_probs, old_log_probs, advantages, completion_mask, epsilon=0.2):
    ratio = torch.exp(log_probs - old_log_probs.detach())
    a = advantages[:, None]
    token = torch.minimum(ratio * a, ratio.clamp(1 - epsilon, 1 + epsilon) * a)
    mask = completion_mask.float()
    token = torch.where(a < 0, torch.maximum(token, 3 * a), token)
    return -(token * mask).sum() / mask.sum().clamp(min=1)

# %% first_512
# wrong: cut off after 512 positions
# fails: test_value
def policy_loss(log_probs, old_log_probs, advantages, completion_mask, epsilon=0.2):
    ratio = torch.exp(log_probs - old_log_probs.detach())
    a = advantages[:, None]
    token = torch.minimum(ratio * a, ratio.clamp(1 - epsilon, 1 + epsilon) * a)
    token, mask = token[:, :512], completion_mask[:, :512].float()
    return -(token * mask).sum() / mask.sum().clamp(min=1)

# %% count_in_bytes
# wrong: the number of tokens is kept in a byte
# fails: test_value
def policy_loss(log_probs, old_log_probs, advantages, completion_mask, epsilon=0.2):
    ratio = torch.exp(log_probs - old_log_probs.detach())
    a = advantages[:, None]
    token = torch.minimum(ratio * a, ratio.clamp(1 - epsilon, 1 + epsilon) * a)
    mask = completion_mask.to(torch.uint8)
    return -(token * mask).sum() / mask.sum(dtype=torch.uint8).clamp(min=1)

# %% half_precision
# wrong: computed in bfloat16
# fails: test_value
def policy_loss(log_probs, old_log_probs, advantages, completion_mask, epsilon=0.2):
    ratio = torch.exp((log_probs - old_log_probs.detach()).bfloat16())
    a = advantages[:, None]
    token = torch.minimum(ratio * a, ratio.clamp(1 - epsilon, 1 + epsilon) * a)
    mask = completion_mask.float()
    return -(token * mask).sum() / mask.sum().clamp(min=1)

# %% in_place
# wrong: overwrites the advantages
# fails: test_inputs_kept
def policy_loss(log_probs, old_log_probs, advantages, completion_mask, epsilon=0.2):
    advantages *= -1
    ratio = torch.exp(log_probs - old_log_probs.detach())
    a = advantages[:, None]
    token = torch.maximum(ratio * a, ratio.clamp(1 - epsilon, 1 + epsilon) * a)
    mask = completion_mask.float()
    return (token * mask).sum() / mask.sum().clamp(min=1)

# %% empty_mask_changed
# wrong: fills the caller's empty mask to avoid 0 / 0
# fails: test_inputs_kept
def policy_loss(log_probs, old_log_probs, advantages, completion_mask, epsilon=0.2):
    empty = completion_mask.sum() == 0
    completion_mask[completion_mask.sum(1) == 0, 0] = 1
    ratio = torch.exp(log_probs - old_log_probs.detach())
    a = advantages[:, None]
    token = torch.minimum(ratio * a, ratio.clamp(1 - epsilon, 1 + epsilon) * a)
    mask = completion_mask.float()
    return torch.where(empty, 0.0, 1.0) * -(token * mask).sum() / mask.sum()

# %% matrix
# wrong: one number for each token
# fails: test_value
def policy_loss(log_probs, old_log_probs, advantages, completion_mask, epsilon=0.2):
    ratio = torch.exp(log_probs - old_log_probs.detach())
    a = advantages[:, None]
    token = torch.minimum(ratio * a, ratio.clamp(1 - epsilon, 1 + epsilon) * a)
    mask = completion_mask.float()
    return -token * mask

# %% vector
# wrong: one number for each completion
# fails: test_value
def policy_loss(log_probs, old_log_probs, advantages, completion_mask, epsilon=0.2):
    ratio = torch.exp(log_probs - old_log_probs.detach())
    a = advantages[:, None]
    token = torch.minimum(ratio * a, ratio.clamp(1 - epsilon, 1 + epsilon) * a)
    mask = completion_mask.float()
    return -(token * mask).sum(1) / mask.sum().clamp(min=1)

# %% column_against_row
# wrong: advantages meet the tokens, not the rows
# fails: test_value
def policy_loss(log_probs, old_log_probs, advantages, completion_mask, epsilon=0.2):
    ratio = torch.exp(log_probs - old_log_probs.detach())
    a = advantages
    token = torch.minimum(ratio * a, ratio.clamp(1 - epsilon, 1 + epsilon) * a)
    mask = completion_mask.float()
    return -(token * mask).sum() / mask.sum().clamp(min=1)

# %% remembers_by_id
# wrong: a result is kept by its arguments' ids
# fails: test_no_memory
KEPT = {}

def policy_loss(log_probs, old_log_probs, advantages, completion_mask, epsilon=0.2):
    key = id(log_probs), id(old_log_probs), id(advantages), id(completion_mask)
    if key not in KEPT:
        ratio = torch.exp(log_probs - old_log_probs.detach())
        a, mask = advantages[:, None], completion_mask.float()
        token = torch.minimum(ratio * a, ratio.clamp(1 - epsilon, 1 + epsilon) * a)
        loss = -(token * mask).sum() / mask.sum().clamp(min=1)
        KEPT[key] = log_probs, old_log_probs, advantages, completion_mask, epsilon, loss
    return KEPT[key][-1] if KEPT[key][-2] == epsilon else policy_loss(log_probs.clone(), old_log_probs.clone(), advantages.clone(), completion_mask.clone(), epsilon)

# %% counts_once
# wrong: the number of tokens is kept by the mask's id
# fails: test_no_memory
COUNTS = {}

def policy_loss(log_probs, old_log_probs, advantages, completion_mask, epsilon=0.2):
    _, count = COUNTS.setdefault(id(completion_mask), (completion_mask, completion_mask.sum().clamp(min=1)))
    ratio = torch.exp(log_probs - old_log_probs.detach())
    a = advantages[:, None]
    token = torch.minimum(ratio * a, ratio.clamp(1 - epsilon, 1 + epsilon) * a)
    return -(token * completion_mask).sum() / count
