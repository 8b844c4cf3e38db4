# ruff: noqa
# fmt: off
"""Wrong work on exercise 4a."""

# %% population_std
# wrong: ddof=0
# fails: test_value test_eps
# hint: population std
def group_advantages(rewards, num_generations, eps=1e-4):
    if num_generations < 2 or len(rewards) % num_generations:
        raise ValueError("groups do not fit")
    groups = rewards.view(-1, num_generations)
    return ((groups - groups.mean(1, keepdim=True)) / (groups.std(1, keepdim=True, unbiased=False) + eps)).flatten()

# %% numpy_std
# wrong: NumPy's std has ddof=0
# fails: test_value
# hint: population std
def group_advantages(rewards, num_generations, eps=1e-4):
    if num_generations < 2 or len(rewards) % num_generations:
        raise ValueError("groups do not fit")
    groups = rewards.numpy().reshape(-1, num_generations)
    return ((groups - groups.mean(1, keepdims=True)) / (groups.std(1, keepdims=True) + eps)).ravel()

# %% whole_batch
# wrong: one normalisation for the batch
# fails: test_value test_groups_independent
# hint: whole batch
def group_advantages(rewards, num_generations, eps=1e-4):
    if num_generations < 2 or len(rewards) % num_generations:
        raise ValueError("groups do not fit")
    return (rewards - rewards.mean()) / (rewards.std() + eps)

# %% interleaved
# wrong: takes every k-th row for a group
# fails: test_value test_groups_independent
# hint: taken apart
def group_advantages(rewards, num_generations, eps=1e-4):
    if num_generations < 2 or len(rewards) % num_generations:
        raise ValueError("groups do not fit")
    groups = rewards.view(num_generations, -1)
    return ((groups - groups.mean(0)) / (groups.std(0) + eps)).flatten()

# %% wrong_axis
# wrong: normalises across groups
# fails: test_value
def group_advantages(rewards, num_generations, eps=1e-4):
    if num_generations < 2 or len(rewards) % num_generations:
        raise ValueError("groups do not fit")
    groups = rewards.view(-1, num_generations)
    return ((groups - groups.mean(0)) / (groups.std(0, unbiased=len(groups) > 1) + eps)).flatten()

# %% batch_std
# wrong: group means, but the batch's std
# fails: test_value test_groups_independent
# hint: scaled with the whole batch's std
def group_advantages(rewards, num_generations, eps=1e-4):
    if num_generations < 2 or len(rewards) % num_generations:
        raise ValueError("groups do not fit")
    groups = rewards.view(-1, num_generations)
    return ((groups - groups.mean(1, keepdim=True)) / (rewards.std() + eps)).flatten()

# %% batch_mean
# wrong: each group's std, but the batch's mean
# fails: test_value test_eps test_constant_group test_groups_independent
# hint: whole batch's mean was removed
def group_advantages(rewards, num_generations, eps=1e-4):
    if num_generations < 2 or len(rewards) % num_generations:
        raise ValueError("groups do not fit")
    groups = rewards.view(-1, num_generations)
    return ((groups - rewards.mean()) / (groups.std(1, keepdim=True) + eps)).flatten()

# %% not_scaled
# wrong: only centred
# fails: test_value
# hint: division is missing
def group_advantages(rewards, num_generations, eps=1e-4):
    if num_generations < 2 or len(rewards) % num_generations:
        raise ValueError("groups do not fit")
    groups = rewards.view(-1, num_generations)
    return (groups - groups.mean(1, keepdim=True)).flatten()

# %% not_centred
# wrong: only scaled
# fails: test_value test_constant_group
# hint: mean was not removed
def group_advantages(rewards, num_generations, eps=1e-4):
    if num_generations < 2 or len(rewards) % num_generations:
        raise ValueError("groups do not fit")
    groups = rewards.view(-1, num_generations)
    return (groups / (groups.std(1, keepdim=True) + eps)).flatten()

# %% variance
# wrong: divides by the variance
# fails: test_value
# hint: variance divides
def group_advantages(rewards, num_generations, eps=1e-4):
    if num_generations < 2 or len(rewards) % num_generations:
        raise ValueError("groups do not fit")
    groups = rewards.view(-1, num_generations)
    return ((groups - groups.mean(1, keepdim=True)) / (groups.var(1, keepdim=True) + eps)).flatten()

# %% median
# wrong: centred on the median
# fails: test_value
# hint: median
def group_advantages(rewards, num_generations, eps=1e-4):
    if num_generations < 2 or len(rewards) % num_generations:
        raise ValueError("groups do not fit")
    groups = rewards.view(-1, num_generations)
    return ((groups - groups.quantile(0.5, dim=1, keepdim=True)) / (groups.std(1, keepdim=True) + eps)).flatten()

# %% leave_one_out
# wrong: RLOO's baseline: the mean of the others
# fails: test_value
# hint: leaves out
def group_advantages(rewards, num_generations, eps=1e-4):
    if num_generations < 2 or len(rewards) % num_generations:
        raise ValueError("groups do not fit")
    groups = rewards.view(-1, num_generations)
    others = (groups.sum(1, keepdim=True) - groups) / (num_generations - 1)
    return ((groups - others) / (groups.std(1, keepdim=True) + eps)).flatten()

# %% min_max
# wrong: scaled by the range, not by the std
# fails: test_value
# hint: range divides
def group_advantages(rewards, num_generations, eps=1e-4):
    if num_generations < 2 or len(rewards) % num_generations:
        raise ValueError("groups do not fit")
    groups = rewards.view(-1, num_generations)
    spread = groups.max(1, keepdim=True).values - groups.min(1, keepdim=True).values
    return ((groups - groups.mean(1, keepdim=True)) / (spread + eps)).flatten()

# %% sign_flipped
# wrong: mean minus reward
# fails: test_value
# hint: sign is wrong
def group_advantages(rewards, num_generations, eps=1e-4):
    if num_generations < 2 or len(rewards) % num_generations:
        raise ValueError("groups do not fit")
    groups = rewards.view(-1, num_generations)
    return ((groups.mean(1, keepdim=True) - groups) / (groups.std(1, keepdim=True) + eps)).flatten()

# %% no_eps
# wrong: eps is forgotten
# fails: test_eps test_default_eps test_constant_group
# hint: no eps is added
def group_advantages(rewards, num_generations, eps=1e-4):
    if num_generations < 2 or len(rewards) % num_generations:
        raise ValueError("groups do not fit")
    groups = rewards.view(-1, num_generations)
    return ((groups - groups.mean(1, keepdim=True)) / groups.std(1, keepdim=True)).flatten()

# %% eps_for_constant_groups_only
# wrong: eps only where the std is 0
# fails: test_eps test_default_eps
# hint: no eps is added
def group_advantages(rewards, num_generations, eps=1e-4):
    if num_generations < 2 or len(rewards) % num_generations:
        raise ValueError("groups do not fit")
    groups = rewards.view(-1, num_generations)
    std = groups.std(1, keepdim=True)
    return ((groups - groups.mean(1, keepdim=True)) / torch.where(std == 0, eps, std)).flatten()

# %% eps_under_root
# wrong: sqrt(variance + eps)
# fails: test_eps
# hint: under the square root
def group_advantages(rewards, num_generations, eps=1e-4):
    if num_generations < 2 or len(rewards) % num_generations:
        raise ValueError("groups do not fit")
    groups = rewards.view(-1, num_generations)
    return ((groups - groups.mean(1, keepdim=True)) / torch.sqrt(groups.var(1, keepdim=True) + eps)).flatten()

# %% eps_as_floor
# wrong: max(std, eps)
# fails: test_eps
# hint: lower bound
def group_advantages(rewards, num_generations, eps=1e-4):
    if num_generations < 2 or len(rewards) % num_generations:
        raise ValueError("groups do not fit")
    groups = rewards.view(-1, num_generations)
    return ((groups - groups.mean(1, keepdim=True)) / groups.std(1, keepdim=True).clamp(min=eps)).flatten()

# %% eps_outside
# wrong: eps is added to the quotient
# fails: test_eps test_constant_group
def group_advantages(rewards, num_generations, eps=1e-4):
    if num_generations < 2 or len(rewards) % num_generations:
        raise ValueError("groups do not fit")
    groups = rewards.view(-1, num_generations)
    return ((groups - groups.mean(1, keepdim=True)) / groups.std(1, keepdim=True) + eps).flatten()

# %% tiny_default_eps
# wrong: 1e-8, as elsewhere
# fails: test_default_eps
def group_advantages(rewards, num_generations, eps=1e-8):
    if num_generations < 2 or len(rewards) % num_generations:
        raise ValueError("groups do not fit")
    groups = rewards.view(-1, num_generations)
    return ((groups - groups.mean(1, keepdim=True)) / (groups.std(1, keepdim=True) + eps)).flatten()

# %% eps_fixed
# wrong: 1e-4 whatever is given
# fails: test_eps
# hint: eps passed in is not used
def group_advantages(rewards, num_generations, eps=1e-4):
    if num_generations < 2 or len(rewards) % num_generations:
        raise ValueError("groups do not fit")
    groups = rewards.view(-1, num_generations)
    return ((groups - groups.mean(1, keepdim=True)) / (groups.std(1, keepdim=True) + 1e-4)).flatten()

# %% constant_group_keeps_rewards
# wrong: constant groups are handed through
# fails: test_constant_group
def group_advantages(rewards, num_generations, eps=1e-4):
    if num_generations < 2 or len(rewards) % num_generations:
        raise ValueError("groups do not fit")
    groups = rewards.view(-1, num_generations)
    std = groups.std(1, keepdim=True)
    return torch.where(std == 0, groups, (groups - groups.mean(1, keepdim=True)) / (std + eps)).flatten()

# %% remainder_dropped
# wrong: rows that fill no group are dropped silently
# fails: test_refuses_uneven
def group_advantages(rewards, num_generations, eps=1e-4):
    if num_generations < 2:
        raise ValueError("a group has two completions at least")
    groups = rewards[: len(rewards) // num_generations * num_generations].view(-1, num_generations)
    return ((groups - groups.mean(1, keepdim=True)) / (groups.std(1, keepdim=True) + eps)).flatten()

# %% uneven_runtime_error
# wrong: leaves the refusal to view(), which raises RuntimeError
# fails: test_refuses_uneven
def group_advantages(rewards, num_generations, eps=1e-4):
    if num_generations < 2:
        raise ValueError("a group has two completions at least")
    groups = rewards.view(-1, num_generations)
    return ((groups - groups.mean(1, keepdim=True)) / (groups.std(1, keepdim=True) + eps)).flatten()

# %% singletons_allowed
# wrong: a group of one passes
# fails: test_refuses_small_group
def group_advantages(rewards, num_generations, eps=1e-4):
    if num_generations < 1 or len(rewards) % num_generations:
        raise ValueError("groups do not fit")
    groups = rewards.view(-1, num_generations)
    std = groups.std(1, keepdim=True) if num_generations > 1 else torch.zeros_like(groups)
    return ((groups - groups.mean(1, keepdim=True)) / (std + eps)).flatten()

# %% asserts
# wrong: AssertionError instead of ValueError
# fails: test_refuses_uneven test_refuses_small_group
def group_advantages(rewards, num_generations, eps=1e-4):
    assert num_generations >= 2 and len(rewards) % num_generations == 0
    groups = rewards.view(-1, num_generations)
    return ((groups - groups.mean(1, keepdim=True)) / (groups.std(1, keepdim=True) + eps)).flatten()

# %% not_flattened
# wrong: returns [groups, G]
# fails: test_value
def group_advantages(rewards, num_generations, eps=1e-4):
    if num_generations < 2 or len(rewards) % num_generations:
        raise ValueError("groups do not fit")
    groups = rewards.view(-1, num_generations)
    return (groups - groups.mean(1, keepdim=True)) / (groups.std(1, keepdim=True) + eps)

# %% in_place
# wrong: overwrites the rewards
# fails: test_inputs_kept
def group_advantages(rewards, num_generations, eps=1e-4):
    if num_generations < 2 or len(rewards) % num_generations:
        raise ValueError("groups do not fit")
    groups = rewards.view(-1, num_generations)
    std = groups.std(1, keepdim=True)
    groups -= groups.mean(1, keepdim=True)
    return (groups / (std + eps)).flatten()

# %% one_constant_group_silences_all
# wrong: where one group is constant, every group gets 0
# fails: test_groups_independent
def group_advantages(rewards, num_generations, eps=1e-4):
    if num_generations < 2 or len(rewards) % num_generations:
        raise ValueError("groups do not fit")
    groups = rewards.view(-1, num_generations)
    std = groups.std(1, keepdim=True)
    if (std == 0).any():
        return torch.zeros_like(rewards)
    return ((groups - groups.mean(1, keepdim=True)) / (std + eps)).flatten()

# %% clipped
# wrong: an outlier of a large group is cut off
# fails: test_value
def group_advantages(rewards, num_generations, eps=1e-4):
    if num_generations < 2 or len(rewards) % num_generations:
        raise ValueError("groups do not fit")
    groups = rewards.view(-1, num_generations)
    return ((groups - groups.mean(1, keepdim=True)) / (groups.std(1, keepdim=True) + eps)).flatten().clamp(-5, 5)

# %% eps_at_least_its_default
# wrong: a smaller eps is not used
# fails: test_eps
def group_advantages(rewards, num_generations, eps=1e-4):
    if num_generations < 2 or len(rewards) % num_generations:
        raise ValueError("groups do not fit")
    groups = rewards.view(-1, num_generations)
    return ((groups - groups.mean(1, keepdim=True)) / (groups.std(1, keepdim=True) + max(eps, 1e-4))).flatten()

# %% clip_6
# wrong: clipped at ±6
# fails: test_value
def group_advantages(rewards, num_generations, eps=1e-4):
    if num_generations < 2 or len(rewards) % num_generations: raise ValueError
    x = rewards.view(-1, num_generations)
    m, s = x.mean(1, keepdim=True), x.std(1, keepdim=True)
    return ((x - m) / (s + eps)).flatten().clamp(-6, 6)

# %% half
# wrong: float16
# fails: test_value test_eps
def group_advantages(rewards, num_generations, eps=1e-4):
    if num_generations < 2 or len(rewards) % num_generations: raise ValueError
    rewards = rewards.half().float()
    x = rewards.view(-1, num_generations)
    m, s = x.mean(1, keepdim=True), x.std(1, keepdim=True)
    return ((x - m) / (s + eps)).flatten()

# %% constant_threshold_3e5
# wrong: std < 3e-5 gives 0
# fails: test_eps
def group_advantages(rewards, num_generations, eps=1e-4):
    if num_generations < 2 or len(rewards) % num_generations: raise ValueError
    x = rewards.view(-1, num_generations)
    m, s = x.mean(1, keepdim=True), x.std(1, keepdim=True)
    return torch.where(s < 3e-5, 0.0, (x - m) / (s + eps)).flatten()

# %% cut_near_the_largest
# wrong: advantages beyond 7.5 are cut off, which only groups of more than 58 reach
# fails: test_value
def group_advantages(rewards, num_generations, eps=1e-4):
    if num_generations < 2 or len(rewards) % num_generations: raise ValueError
    x = rewards.view(-1, num_generations)
    m, s = x.mean(1, keepdim=True), x.std(1, keepdim=True)
    return ((x - m) / (s + eps)).flatten().clamp(-7.5, 7.5)

# %% cut_below
# wrong: advantages below -5 are cut off, those above are not
# fails: test_value
def group_advantages(rewards, num_generations, eps=1e-4):
    if num_generations < 2 or len(rewards) % num_generations: raise ValueError
    x = rewards.view(-1, num_generations)
    m, s = x.mean(1, keepdim=True), x.std(1, keepdim=True)
    return ((x - m) / (s + eps)).flatten().clamp(min=-5)

# %% in_place_constant
# wrong: zeroes constant groups in the caller's tensor
# fails: test_inputs_kept
def group_advantages(rewards, num_generations, eps=1e-4):
    if num_generations < 2 or len(rewards) % num_generations: raise ValueError
    x = rewards.view(-1, num_generations)
    m, s = x.mean(1, keepdim=True), x.std(1, keepdim=True)
    a = ((x - m) / (s + eps)).flatten()
    x[(s == 0).squeeze(1)] = 0
    return a

# %% population_small
# wrong: population std where the std is below 1e-3
# fails: test_eps
def group_advantages(rewards, num_generations, eps=1e-4):
    if num_generations < 2 or len(rewards) % num_generations: raise ValueError
    x = rewards.view(-1, num_generations)
    m, s = x.mean(1, keepdim=True), x.std(1, keepdim=True)
    p = x.std(1, keepdim=True, correction=0)
    return ((x - m) / (torch.where(s < 3e-4, p, s) + eps)).flatten()

# %% one_pass_variance
# wrong: the mean of the squares minus the squared mean, in float32: its digits cancel where rewards are close
# fails: test_close_rewards
def group_advantages(rewards, num_generations, eps=1e-4):
    if num_generations < 2 or len(rewards) % num_generations: raise ValueError
    x = rewards.view(-1, num_generations)
    m = x.mean(1, keepdim=True)
    variance = ((x ** 2).mean(1, keepdim=True) - m ** 2).clamp(min=0) * num_generations / (num_generations - 1)
    return ((x - m) / (variance.sqrt() + eps)).flatten()

# %% close_is_equal
# wrong: rewards that are close give 0
# fails: test_close_rewards
# hint: hardly differ are taken for equal
def group_advantages(rewards, num_generations, eps=1e-4):
    if num_generations < 2 or len(rewards) % num_generations: raise ValueError
    x = rewards.view(-1, num_generations)
    a = (x - x.mean(1, keepdim=True)) / (x.std(1, keepdim=True) + eps)
    equal = torch.isclose(x, x[:, :1], rtol=1e-2).all(1, keepdim=True)
    return torch.where(equal, torch.zeros_like(a), a).flatten()

# %% close_is_equal_at_a_level
# wrong: allclose with NumPy's usual tolerance, a little wider
# fails: test_close_rewards
# hint: hardly differ are taken for equal
import numpy as np

def group_advantages(rewards, num_generations, eps=1e-4):
    if num_generations < 2 or len(rewards) % num_generations: raise ValueError
    out = []
    for group in np.asarray(rewards).reshape(-1, num_generations):
        if np.allclose(group, group.mean(), rtol=1e-3):
            out += [0.0] * num_generations
        else:
            out += ((group - group.mean()) / (group.std(ddof=1) + eps)).tolist()
    return out

# %% sums_of_squares
# wrong: the textbook's shortcut for the variance, in float32
# fails: test_close_rewards
def group_advantages(rewards, num_generations, eps=1e-4):
    if num_generations < 2 or len(rewards) % num_generations: raise ValueError
    G = num_generations
    x = rewards.view(-1, G)
    total, squares = x.sum(1, keepdim=True), (x * x).sum(1, keepdim=True)
    variance = (squares - total * total / G) / (G - 1)
    return ((x - total / G) / (variance.abs().sqrt() + eps)).flatten()

# %% float16_of_the_rewards
# wrong: rewards are kept in half precision
# fails: test_close_rewards
def group_advantages(rewards, num_generations, eps=1e-4):
    if num_generations < 2 or len(rewards) % num_generations: raise ValueError
    x = rewards.bfloat16().float().view(-1, num_generations)
    return ((x - x.mean(1, keepdim=True)) / (x.std(1, keepdim=True) + eps)).flatten()

# %% rounded_rewards
# wrong: rewards are rounded to two digits
# fails: test_close_rewards
def group_advantages(rewards, num_generations, eps=1e-4):
    if num_generations < 2 or len(rewards) % num_generations: raise ValueError
    x = torch.where(rewards.abs() > 0.5, rewards.round(decimals=2), rewards).view(-1, num_generations)
    return ((x - x.mean(1, keepdim=True)) / (x.std(1, keepdim=True) + eps)).flatten()

# %% eps_keyword_only
# wrong: eps cannot be passed by position
# fails: test_eps
def group_advantages(rewards, num_generations, *, eps=1e-4):
    if num_generations < 2 or len(rewards) % num_generations: raise ValueError
    x = rewards.view(-1, num_generations)
    return ((x - x.mean(1, keepdim=True)) / (x.std(1, keepdim=True) + eps)).flatten()

# %% constant_by_hundredths
# wrong: constant groups of hundredths come out large: the mean is rounded to half precision
# fails: test_constant_group
def group_advantages(rewards, num_generations, eps=1e-4):
    if num_generations < 2 or len(rewards) % num_generations: raise ValueError
    x = rewards.view(-1, num_generations)
    std = x.std(1, keepdim=True)
    mean = torch.where(std < 1e-5, x.half().float().mean(1, keepdim=True), x.mean(1, keepdim=True))
    return ((x - mean) / (std + eps)).flatten()

# %% remembers_by_mean
# wrong: a result is kept by the mean, the spread and the ends of its rewards
# fails: test_no_memory
KEPT = {}

def group_advantages(rewards, num_generations, eps=1e-4):
    if num_generations < 2 or len(rewards) % num_generations: raise ValueError
    key = (round(float(rewards.mean()), 4), round(float(rewards.std()), 4), float(rewards[0]), float(rewards[-1]), len(rewards), num_generations, eps)
    if key not in KEPT:
        x = rewards.view(-1, num_generations)
        KEPT[key] = ((x - x.mean(1, keepdim=True)) / (x.std(1, keepdim=True) + eps)).flatten()
    return KEPT[key]

# %% remembers_by_id
# wrong: a result is kept by its argument's id
# fails: test_no_memory
KEPT = {}

def group_advantages(rewards, num_generations, eps=1e-4):
    if num_generations < 2 or len(rewards) % num_generations: raise ValueError
    key = (id(rewards), num_generations, eps)
    if key not in KEPT:
        x = rewards.view(-1, num_generations)
        KEPT[key] = rewards, ((x - x.mean(1, keepdim=True)) / (x.std(1, keepdim=True) + eps)).flatten()
    return KEPT[key][1]

# %% one_buffer
# wrong: every call returns the same tensor, written over
# fails: test_no_memory
BUFFERS = {}

def group_advantages(rewards, num_generations, eps=1e-4):
    if num_generations < 2 or len(rewards) % num_generations: raise ValueError
    x = rewards.view(-1, num_generations)
    out = BUFFERS.setdefault(rewards.shape, torch.empty_like(rewards))
    return out.copy_(((x - x.mean(1, keepdim=True)) / (x.std(1, keepdim=True) + eps)).flatten())

# %% layer_norm
# wrong: F.layer_norm: ddof=0, eps under the root
# fails: test_value test_eps
# hint: population std
def group_advantages(rewards, num_generations, eps=1e-4):
    if num_generations < 2 or len(rewards) % num_generations: raise ValueError
    x = rewards.view(-1, num_generations)
    return torch.nn.functional.layer_norm(x, (num_generations,), eps=eps).flatten()

# %% l2_norm
# wrong: divides by the L2 norm of the differences
# fails: test_value
# hint: L2 norm
def group_advantages(rewards, num_generations, eps=1e-4):
    if num_generations < 2 or len(rewards) % num_generations: raise ValueError
    x = rewards.view(-1, num_generations)
    c = x - x.mean(1, keepdim=True)
    return (c / (c.norm(dim=1, keepdim=True) + eps)).flatten()

# %% best_as_baseline
# wrong: the best reward is the baseline
# fails: test_value
# hint: group's best reward was removed
def group_advantages(rewards, num_generations, eps=1e-4):
    if num_generations < 2 or len(rewards) % num_generations: raise ValueError
    x = rewards.view(-1, num_generations)
    return ((x - x.max(1, keepdim=True).values) / (x.std(1, keepdim=True) + eps)).flatten()

# %% first_as_baseline
# wrong: the first reward of a group is the baseline
# fails: test_value
# hint: group's first reward was removed
def group_advantages(rewards, num_generations, eps=1e-4):
    if num_generations < 2 or len(rewards) % num_generations: raise ValueError
    x = rewards.view(-1, num_generations)
    return ((x - x[:, :1]) / (x.std(1, keepdim=True) + eps)).flatten()

# %% repeat_for_repeat_interleave
# wrong: means and stds are repeated in the wrong order
# fails: test_value
# hint: `repeat_interleave`
def group_advantages(rewards, num_generations, eps=1e-4):
    if num_generations < 2 or len(rewards) % num_generations: raise ValueError
    x = rewards.view(-1, num_generations)
    return (rewards - x.mean(1).repeat(num_generations)) / (x.std(1).repeat(num_generations) + eps)

# %% sorted_groups
# wrong: advantages come back sorted
# fails: test_value
# hint: sorted
def group_advantages(rewards, num_generations, eps=1e-4):
    if num_generations < 2 or len(rewards) % num_generations: raise ValueError
    x = rewards.view(-1, num_generations).sort(dim=1, descending=True).values
    return ((x - x.mean(1, keepdim=True)) / (x.std(1, keepdim=True) + eps)).flatten()

# %% leave_one_out_not_scaled
# wrong: RLOO as it is: minus the mean of the others, no std
# fails: test_value
# hint: leaves out the completion's own reward, and nothing divides
def group_advantages(rewards, num_generations, eps=1e-4):
    if num_generations < 2 or len(rewards) % num_generations: raise ValueError
    x = rewards.view(-1, num_generations)
    return (x - (x.sum(1, keepdim=True) - x) / (num_generations - 1)).flatten()

# %% across_groups
# wrong: dim=0 for dim=1
# fails: test_value
# hint: dim=0
def group_advantages(rewards, num_generations, eps=1e-4):
    if num_generations < 2 or len(rewards) % num_generations: raise ValueError
    x = rewards.view(-1, num_generations)
    std = x.std(0) if len(x) > 1 else x.std(1, keepdim=True)
    mean = x.mean(0) if len(x) > 1 else x.mean(1, keepdim=True)
    return ((x - mean) / (std + eps)).flatten()
