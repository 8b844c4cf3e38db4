# ruff: noqa
# fmt: off
"""Right work on exercise 4a in many styles."""

# %% as_trl
# right: means and stds repeated for each row, as in TRL
def group_advantages(rewards, num_generations, eps=1e-4):
    if num_generations < 2 or rewards.numel() % num_generations != 0:
        raise ValueError("groups do not fit")
    mean = rewards.view(-1, num_generations).mean(dim=1).repeat_interleave(num_generations, dim=0)
    std = rewards.view(-1, num_generations).std(dim=1).repeat_interleave(num_generations, dim=0)
    return (rewards - mean) / (std + eps)

# %% numpy
# right: NumPy with ddof=1, in float64
import numpy as np

def group_advantages(rewards, num_generations, eps=1e-4):
    if num_generations < 2:
        raise ValueError("a group needs two completions at least")
    if len(rewards) % num_generations:
        raise ValueError("incomplete group")
    table = np.asarray(rewards, dtype=np.float64).reshape(-1, num_generations)
    return ((table - table.mean(1, keepdims=True)) / (table.std(1, ddof=1, keepdims=True) + eps)).reshape(-1)

# %% statistics
# right: the standard library, a list of floats
import statistics

def group_advantages(rewards, num_generations, eps=1e-4):
    if num_generations < 2 or len(rewards) % num_generations:
        raise ValueError("groups do not fit")
    rewards, result = rewards.tolist(), []
    for start in range(0, len(rewards), num_generations):
        group = rewards[start : start + num_generations]
        mean, std = statistics.fmean(group), statistics.stdev(group)
        result.extend((reward - mean) / (std + eps) for reward in group)
    return result

# %% split
# right: torch.split and cat, constant groups treated apart
def normalised(group, eps):
    if (group == group[0]).all():
        return torch.zeros_like(group)
    return (group - group.mean()) / (group.std() + eps)
# --- cell
def group_advantages(rewards, num_generations, eps=1e-4):
    if num_generations < 2:
        raise ValueError("num_generations")
    if rewards.shape[0] % num_generations:
        raise ValueError("rewards")
    return torch.cat([normalised(group, eps) for group in torch.split(rewards, num_generations)])

# %% std_mean
# right: torch.std_mean and unflatten
def group_advantages(rewards, num_generations, eps=1e-4):
    if num_generations < 2 or len(rewards) % num_generations:
        raise ValueError("groups do not fit")
    groups = rewards.unflatten(0, (-1, num_generations))
    std, mean = torch.std_mean(groups, dim=1, keepdim=True)
    return ((groups - mean) / (std + eps)).flatten()

# %% by_hand
# right: the variance written out
def group_advantages(rewards, num_generations, eps=1e-4):
    G = num_generations
    if G < 2 or len(rewards) % G != 0:
        raise ValueError(f"{len(rewards)} rewards do not make groups of {G}")
    x = rewards.reshape(-1, G)
    centred = x - x.sum(1, keepdim=True) / G
    std = torch.sqrt((centred ** 2).sum(1, keepdim=True) / (G - 1))
    return (centred / (std + eps)).reshape(len(rewards))

# %% refused_by_helper
# right: the error is raised somewhere else and passed on
def into_groups(rewards, size):
    try:
        assert size >= 2
        return rewards.reshape(-1, size)
    except (AssertionError, RuntimeError, ZeroDivisionError) as error:
        raise ValueError(f"no groups of {size}") from error
# --- cell
def group_advantages(rewards, num_generations, eps=1e-4):
    groups = into_groups(rewards, num_generations).double()
    return ((groups - groups.mean(1, True)) / (groups.std(1, keepdim=True) + eps)).flatten().float()

# %% percent_message_magic
# right: an error message formatted with % under a magic
# raw: %config InlineBackend.figure_format = "retina"
def group_advantages(rewards, num_generations, eps=1e-4):
    if num_generations < 2 or (
        len(rewards)
        % num_generations
        != 0
    ):
        raise ValueError("groups do not fit")
    x = rewards.view(-1, num_generations)
    return ((x - x.mean(1, keepdim=True)) / (x.std(1, keepdim=True) + eps)).view(-1)

# %% welford
# right: Welford's running mean and variance, in float32
def group_advantages(rewards, num_generations, eps=1e-4):
    if num_generations < 2 or len(rewards) % num_generations:
        raise ValueError("groups do not fit")
    out = torch.empty_like(rewards)
    for start in range(0, len(rewards), num_generations):
        group = rewards[start : start + num_generations]
        mean, squares = torch.zeros(()), torch.zeros(())
        for k, reward in enumerate(group, 1):
            delta = reward - mean
            mean = mean + delta / k
            squares = squares + delta * (reward - mean)
        std = (squares / (num_generations - 1)).sqrt()
        out[start : start + num_generations] = (group - mean) / (std + eps)
    return out

# %% numpy_float32
# right: NumPy in float32, group by group
import numpy as np

def group_advantages(rewards, num_generations, eps=1e-4):
    if num_generations < 2 or len(rewards) % num_generations:
        raise ValueError("groups do not fit")
    groups = np.split(np.asarray(rewards), len(rewards) // num_generations)
    return np.concatenate([(g - np.mean(g)) / (np.std(g, ddof=1) + np.float32(eps)) for g in groups])

# %% population_std_corrected
# right: the population std, corrected for the sample
import math

def group_advantages(rewards, num_generations, eps=1e-4):
    G = num_generations
    if G < 2 or len(rewards) % G:
        raise ValueError("groups do not fit")
    x = rewards.view(-1, G)
    std = x.std(1, keepdim=True, correction=0) * math.sqrt(G / (G - 1))
    return ((x - x.mean(1, keepdim=True)) / (std + eps)).flatten()

# %% standardised_apart
# right: the quotient is taken apart, x / s - m / s
def group_advantages(rewards, num_generations, eps=1e-4):
    if num_generations < 2 or len(rewards) % num_generations:
        raise ValueError("groups do not fit")
    x = rewards.view(-1, num_generations)
    scale = x.std(1, keepdim=True) + eps
    return (x / scale - x.mean(1, keepdim=True) / scale).flatten()

# %% mean_by_matmul
# right: the mean as a product with 1 / G, the std as a norm
def group_advantages(rewards, num_generations, eps=1e-4):
    G = num_generations
    if G < 2 or len(rewards) % G:
        raise ValueError("groups do not fit")
    x = rewards.view(-1, G)
    centred = x - x @ torch.full((G, 1), 1 / G)
    return (centred / (centred.norm(dim=1, keepdim=True) / (G - 1) ** 0.5 + eps)).flatten()

# %% keeps_float64_results
# right: a cache that looks at every number of its arguments
from functools import lru_cache

@lru_cache(maxsize=None)
def of(rewards, size, eps):
    x = torch.tensor(rewards, dtype=torch.float64).view(-1, size)
    return ((x - x.mean(1, keepdim=True)) / (x.std(1, keepdim=True) + eps)).flatten()
# --- cell
def group_advantages(rewards, num_generations, eps=1e-4):
    if num_generations < 2 or len(rewards) % num_generations:
        raise ValueError("groups do not fit")
    return of(tuple(rewards.tolist()), num_generations, eps).clone()
