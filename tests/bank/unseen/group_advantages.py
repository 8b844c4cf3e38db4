# ruff: noqa
# fmt: off
"""Slips on exercise 4a, written from the contract alone."""

# %% population_std
# truth: population standard deviation (ddof 0)
def group_advantages(rewards, num_generations, eps=1e-4):
    if num_generations < 2 or len(rewards) % num_generations != 0:
        raise ValueError("no whole groups")
    g = rewards.view(-1, num_generations)
    a = (g - g.mean(1, keepdim=True)) / (g.std(1, keepdim=True, unbiased=False) + eps)
    return a.view(-1)

# %% numpy_std
# truth: numpy's std, which is the population's
def group_advantages(rewards, num_generations, eps=1e-4):
    if num_generations < 2 or len(rewards) % num_generations != 0:
        raise ValueError("no whole groups")
    g = rewards.numpy().astype(np.float64).reshape(-1, num_generations)
    return torch.from_numpy(((g - g.mean(1, keepdims=True)) / (g.std(1, keepdims=True) + eps)).ravel())

# %% eps_forgotten
# truth: eps is not used; a constant group gives 0 by a where
def group_advantages(rewards, num_generations, eps=1e-4):
    if num_generations < 2 or len(rewards) % num_generations != 0:
        raise ValueError("no whole groups")
    g = rewards.view(-1, num_generations)
    c = g - g.mean(1, keepdim=True)
    s = g.std(1, keepdim=True)
    return torch.where(s > 1e-6, c / s, torch.zeros_like(c)).view(-1)

# %% eps_under_root
# truth: eps is added to the variance, under the root
def group_advantages(rewards, num_generations, eps=1e-4):
    if num_generations < 2 or len(rewards) % num_generations != 0:
        raise ValueError("no whole groups")
    g = rewards.view(-1, num_generations)
    c = g - g.mean(1, keepdim=True)
    return (c / torch.sqrt(g.var(1, keepdim=True) + eps)).view(-1)

# %% eps_as_floor
# truth: eps is a lower bound of the standard deviation, not added
def group_advantages(rewards, num_generations, eps=1e-4):
    if num_generations < 2 or len(rewards) % num_generations != 0:
        raise ValueError("no whole groups")
    g = rewards.view(-1, num_generations)
    return ((g - g.mean(1, keepdim=True)) / g.std(1, keepdim=True).clamp(min=eps)).view(-1)

# %% eps_default
# truth: the default of eps is 1e-8
def group_advantages(rewards, num_generations, eps=1e-8):
    if num_generations < 2 or len(rewards) % num_generations != 0:
        raise ValueError("no whole groups")
    g = rewards.view(-1, num_generations)
    return ((g - g.mean(1, keepdim=True)) / (g.std(1, keepdim=True) + eps)).view(-1)

# %% eps_twice
# truth: eps is also added to the numerator
def group_advantages(rewards, num_generations, eps=1e-4):
    if num_generations < 2 or len(rewards) % num_generations != 0:
        raise ValueError("no whole groups")
    g = rewards.view(-1, num_generations)
    return ((g - g.mean(1, keepdim=True) + eps) / (g.std(1, keepdim=True) + eps)).view(-1)

# %% whole_batch
# truth: mean and standard deviation of the whole batch, no groups
def group_advantages(rewards, num_generations, eps=1e-4):
    if num_generations < 2 or len(rewards) % num_generations != 0:
        raise ValueError("no whole groups")
    return (rewards - rewards.mean()) / (rewards.std() + eps)

# %% batch_std
# truth: the group's mean, but the whole batch's standard deviation
def group_advantages(rewards, num_generations, eps=1e-4):
    if num_generations < 2 or len(rewards) % num_generations != 0:
        raise ValueError("no whole groups")
    g = rewards.view(-1, num_generations)
    return ((g - g.mean(1, keepdim=True)) / (rewards.std() + eps)).view(-1)

# %% batch_mean
# truth: the whole batch's mean, but the group's standard deviation
def group_advantages(rewards, num_generations, eps=1e-4):
    if num_generations < 2 or len(rewards) % num_generations != 0:
        raise ValueError("no whole groups")
    g = rewards.view(-1, num_generations)
    return ((g - rewards.mean()) / (g.std(1, keepdim=True) + eps)).view(-1)

# %% centred_only
# truth: no division by the standard deviation
def group_advantages(rewards, num_generations, eps=1e-4):
    if num_generations < 2 or len(rewards) % num_generations != 0:
        raise ValueError("no whole groups")
    g = rewards.view(-1, num_generations)
    return (g - g.mean(1, keepdim=True)).view(-1)

# %% scaled_only
# truth: the mean is not subtracted
def group_advantages(rewards, num_generations, eps=1e-4):
    if num_generations < 2 or len(rewards) % num_generations != 0:
        raise ValueError("no whole groups")
    g = rewards.view(-1, num_generations)
    out = g / (g.std(1, keepdim=True) + eps)
    return torch.where(g.std(1, keepdim=True) == 0, torch.zeros_like(g), out).view(-1)

# %% variance
# truth: divided by the variance
def group_advantages(rewards, num_generations, eps=1e-4):
    if num_generations < 2 or len(rewards) % num_generations != 0:
        raise ValueError("no whole groups")
    g = rewards.view(-1, num_generations)
    return ((g - g.mean(1, keepdim=True)) / (g.var(1, keepdim=True) + eps)).view(-1)

# %% strided_groups
# truth: the groups are taken as strided, not adjacent rows (reshaped to [G, -1] and reduced over the first axis)
def group_advantages(rewards, num_generations, eps=1e-4):
    if num_generations < 2 or len(rewards) % num_generations != 0:
        raise ValueError("no whole groups")
    g = rewards.view(num_generations, -1)
    return ((g - g.mean(0, keepdim=True)) / (g.std(0, keepdim=True) + eps)).view(-1)

# %% wrong_axis
# truth: reduced over the prompts, not within the group (the wrong axis)
def group_advantages(rewards, num_generations, eps=1e-4):
    if num_generations < 2 or len(rewards) % num_generations != 0:
        raise ValueError("no whole groups")
    g = rewards.view(-1, num_generations)
    return torch.nan_to_num((g - g.mean(0)) / (g.std(0) + eps)).view(-1)

# %% repeat
# truth: repeat in place of repeat_interleave: rows get another group's mean and std
def group_advantages(rewards, num_generations, eps=1e-4):
    if num_generations < 2 or len(rewards) % num_generations != 0:
        raise ValueError("no whole groups")
    g = rewards.view(-1, num_generations)
    mean, std = g.mean(1).repeat(num_generations), g.std(1).repeat(num_generations)
    return (rewards - mean) / (std + eps)

# %% leave_one_out
# truth: the baseline is the mean of the others, and nothing is divided (RLOO)
def group_advantages(rewards, num_generations, eps=1e-4):
    if num_generations < 2 or len(rewards) % num_generations != 0:
        raise ValueError("no whole groups")
    g = rewards.view(-1, num_generations)
    others = (g.sum(1, keepdim=True) - g) / (num_generations - 1)
    return (g - others).view(-1)

# %% leave_one_out_scaled
# truth: the baseline is the mean of the others (leave one out), then divided by the standard deviation
def group_advantages(rewards, num_generations, eps=1e-4):
    if num_generations < 2 or len(rewards) % num_generations != 0:
        raise ValueError("no whole groups")
    g = rewards.view(-1, num_generations)
    others = (g.sum(1, keepdim=True) - g) / (num_generations - 1)
    return ((g - others) / (g.std(1, keepdim=True) + eps)).view(-1)

# %% median
# truth: the median in place of the mean
def group_advantages(rewards, num_generations, eps=1e-4):
    if num_generations < 2 or len(rewards) % num_generations != 0:
        raise ValueError("no whole groups")
    g = rewards.view(-1, num_generations)
    return ((g - g.median(1, keepdim=True).values) / (g.std(1, keepdim=True) + eps)).view(-1)

# %% best_as_baseline
# truth: the group's best reward is the baseline in place of its mean
def group_advantages(rewards, num_generations, eps=1e-4):
    if num_generations < 2 or len(rewards) % num_generations != 0:
        raise ValueError("no whole groups")
    g = rewards.view(-1, num_generations)
    return ((g - g.amax(1, keepdim=True)) / (g.std(1, keepdim=True) + eps)).view(-1)

# %% first_as_baseline
# truth: the group's first reward is the baseline in place of its mean
def group_advantages(rewards, num_generations, eps=1e-4):
    if num_generations < 2 or len(rewards) % num_generations != 0:
        raise ValueError("no whole groups")
    g = rewards.view(-1, num_generations)
    return ((g - g[:, :1]) / (g.std(1, keepdim=True) + eps)).view(-1)

# %% min_max
# truth: scaled to [0, 1] between the group's smallest and largest
def group_advantages(rewards, num_generations, eps=1e-4):
    if num_generations < 2 or len(rewards) % num_generations != 0:
        raise ValueError("no whole groups")
    g = rewards.view(-1, num_generations)
    low, high = g.amin(1, keepdim=True), g.amax(1, keepdim=True)
    return ((g - low) / (high - low + eps)).view(-1)

# %% range_for_std
# truth: centred, but divided by the range (largest minus smallest) in place of the standard deviation
def group_advantages(rewards, num_generations, eps=1e-4):
    if num_generations < 2 or len(rewards) % num_generations != 0:
        raise ValueError("no whole groups")
    g = rewards.view(-1, num_generations)
    spread = g.amax(1, keepdim=True) - g.amin(1, keepdim=True)
    return ((g - g.mean(1, keepdim=True)) / (spread + eps)).view(-1)

# %% softmax
# truth: a softmax within the group in place of centring and scaling
def group_advantages(rewards, num_generations, eps=1e-4):
    if num_generations < 2 or len(rewards) % num_generations != 0:
        raise ValueError("no whole groups")
    g = rewards.view(-1, num_generations)
    return (torch.softmax(g, dim=1) - 1 / num_generations).view(-1)

# %% ranks
# truth: the ranks within the group are used in place of the rewards
def group_advantages(rewards, num_generations, eps=1e-4):
    if num_generations < 2 or len(rewards) % num_generations != 0:
        raise ValueError("no whole groups")
    g = rewards.view(-1, num_generations).argsort(1).argsort(1).float()
    return ((g - g.mean(1, keepdim=True)) / (g.std(1, keepdim=True) + eps)).view(-1)

# %% layer_norm
# truth: layer_norm: population variance with eps under the root
def group_advantages(rewards, num_generations, eps=1e-4):
    if num_generations < 2 or len(rewards) % num_generations != 0:
        raise ValueError("no whole groups")
    g = rewards.view(-1, num_generations)
    return torch.nn.functional.layer_norm(g, (num_generations,), eps=eps).view(-1)

# %% unit_length
# truth: divided by the Euclidean length of the centred group
def group_advantages(rewards, num_generations, eps=1e-4):
    if num_generations < 2 or len(rewards) % num_generations != 0:
        raise ValueError("no whole groups")
    g = rewards.view(-1, num_generations)
    return torch.nn.functional.normalize(g - g.mean(1, keepdim=True), dim=1, eps=eps).view(-1)

# %% mean_deviation
# truth: divided by the mean absolute deviation
def group_advantages(rewards, num_generations, eps=1e-4):
    if num_generations < 2 or len(rewards) % num_generations != 0:
        raise ValueError("no whole groups")
    g = rewards.view(-1, num_generations)
    c = g - g.mean(1, keepdim=True)
    return (c / (c.abs().mean(1, keepdim=True) + eps)).view(-1)

# %% mean_minus_reward
# truth: the sign is turned: mean minus reward
def group_advantages(rewards, num_generations, eps=1e-4):
    if num_generations < 2 or len(rewards) % num_generations != 0:
        raise ValueError("no whole groups")
    g = rewards.view(-1, num_generations)
    return ((g.mean(1, keepdim=True) - g) / (g.std(1, keepdim=True) + eps)).view(-1)

# %% rest_cut_off
# truth: rows that fill no group are dropped without a ValueError
def group_advantages(rewards, num_generations, eps=1e-4):
    if num_generations < 2:
        raise ValueError("a group needs two")
    whole = len(rewards) // num_generations * num_generations
    g = rewards[:whole].view(-1, num_generations)
    return ((g - g.mean(1, keepdim=True)) / (g.std(1, keepdim=True) + eps)).view(-1)

# %% groups_of_one
# truth: no ValueError for groups of one
def group_advantages(rewards, num_generations, eps=1e-4):
    if num_generations < 1 or len(rewards) % num_generations != 0:
        raise ValueError("no whole groups")
    if num_generations == 1:
        return torch.zeros_like(rewards)
    g = rewards.view(-1, num_generations)
    return ((g - g.mean(1, keepdim=True)) / (g.std(1, keepdim=True) + eps)).view(-1)

# %% rounded
# truth: rounded to two decimals
def group_advantages(rewards, num_generations, eps=1e-4):
    if num_generations < 2 or len(rewards) % num_generations != 0:
        raise ValueError("no whole groups")
    g = rewards.view(-1, num_generations)
    a = (g - g.mean(1, keepdim=True)) / (g.std(1, keepdim=True) + eps)
    return torch.round(a.view(-1), decimals=2)

# %% clipped
# truth: cut off at -1 and 1
def group_advantages(rewards, num_generations, eps=1e-4):
    if num_generations < 2 or len(rewards) % num_generations != 0:
        raise ValueError("no whole groups")
    g = rewards.view(-1, num_generations)
    a = (g - g.mean(1, keepdim=True)) / (g.std(1, keepdim=True) + eps)
    return a.view(-1).clamp(-1, 1)

# %% outliers_clipped
# truth: cut off at -3 and 3
def group_advantages(rewards, num_generations, eps=1e-4):
    if num_generations < 2 or len(rewards) % num_generations != 0:
        raise ValueError("no whole groups")
    g = rewards.view(-1, num_generations)
    a = (g - g.mean(1, keepdim=True)) / (g.std(1, keepdim=True) + eps)
    return a.view(-1).clamp(-3, 3)

# %% close_groups_silenced
# truth: a group whose spread is below 0.01 gives 0
def group_advantages(rewards, num_generations, eps=1e-4):
    if num_generations < 2 or len(rewards) % num_generations != 0:
        raise ValueError("no whole groups")
    g = rewards.view(-1, num_generations)
    std = g.std(1, keepdim=True)
    a = (g - g.mean(1, keepdim=True)) / (std + eps)
    return torch.where(std < 0.01, torch.zeros_like(a), a).view(-1)

# %% one_pass_variance
# truth: the variance as the mean of squares minus the squared mean, in float32: inexact far from 0
def group_advantages(rewards, num_generations, eps=1e-4):
    if num_generations < 2 or len(rewards) % num_generations != 0:
        raise ValueError("no whole groups")
    g = rewards.view(-1, num_generations)
    n, mean = num_generations, g.mean(1, keepdim=True)
    var = ((g * g).mean(1, keepdim=True) - mean**2).clamp(min=0) * n / (n - 1)
    return ((g - mean) / (var.sqrt() + eps)).view(-1)

# %% divided_then_centred
# truth: the reward is divided by the standard deviation before the (unscaled) mean is subtracted
def group_advantages(rewards, num_generations, eps=1e-4):
    if num_generations < 2 or len(rewards) % num_generations != 0:
        raise ValueError("no whole groups")
    g = rewards.view(-1, num_generations)
    return (g / (g.std(1, keepdim=True) + eps) - g.mean(1, keepdim=True)).view(-1)
