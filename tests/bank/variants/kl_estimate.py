# ruff: noqa
# fmt: off
"""Right work on exercise 4b in many styles."""

# %% expm1
# right: torch.expm1
def kl_estimate(log_probs, ref_log_probs, completion_mask):
    q = ref_log_probs - log_probs
    return ((torch.expm1(q) - q) * completion_mask).sum(1) / completion_mask.sum(1).clamp(min=1)

# %% ratio
# right: by the ratio of probabilities, as the paper writes it
def kl_estimate(log_probs, ref_log_probs, completion_mask):
    log_ratio = log_probs - ref_log_probs
    k3 = torch.exp(-log_ratio) - 1 + log_ratio
    count = completion_mask.sum(1)
    return torch.where(count > 0, (k3 * completion_mask).sum(1) / count, torch.tensor(0.0))

# %% loops
# right: plain Python
import math

def kl_estimate(log_probs, ref_log_probs, completion_mask):
    means = []
    for policy, ref, mask in zip(log_probs.tolist(), ref_log_probs.tolist(), completion_mask.tolist()):
        values = [math.exp(r - p) - (r - p) - 1 for p, r, m in zip(policy, ref, mask) if m]
        means.append(sum(values) / len(values) if values else 0.0)
    return means

# %% numpy_average
# right: np.average row by row
import numpy as np

def kl_estimate(log_probs, ref_log_probs, completion_mask):
    p, r, m = (np.asarray(x, dtype="float64") for x in (log_probs, ref_log_probs, completion_mask))
    k3 = np.exp(r - p) - (r - p) - 1
    return np.array([np.average(row, weights=w) if w.any() else 0 for row, w in zip(k3, m)])

# %% boolean_rows
# right: boolean indexing, 0-d tensors in a list
def kl_estimate(log_probs, ref_log_probs, completion_mask):
    q = ref_log_probs - log_probs
    k3 = q.exp() - q - 1
    return [row[m].mean() if m.any() else torch.zeros(()) for row, m in zip(k3, completion_mask == 1)]

# %% nanmean
# right: masked positions become nan, and nanmean leaves them out
def kl_estimate(log_probs, ref_log_probs, completion_mask):
    q = (ref_log_probs - log_probs).double()
    k3 = torch.where(completion_mask.bool(), q.exp() - q - 1, torch.nan)
    return k3.nanmean(dim=1).nan_to_num(0.0)

# %% shares_a_masked_mean
# right: a masked mean defined below its use
def kl_estimate(log_probs, ref_log_probs, completion_mask):
    q = ref_log_probs - log_probs
    return masked_mean(q.exp() - q - 1, completion_mask)

def masked_mean(values, mask):
    mask = mask.to(values.dtype)
    return (values * mask).sum(-1) / mask.sum(-1).clamp(min=1)

# %% counts_its_calls
# right: a global that is only added to
calls = 0

def kl_estimate(log_probs, ref_log_probs, completion_mask):
    global calls
    calls += 1
    q = ref_log_probs - log_probs
    return ((torch.expm1(q) - q) * completion_mask).sum(1) / completion_mask.sum(1).clamp(min=1)

# %% method_on_tensor
# right: a method of one's own on torch.Tensor
def masked_mean(values, mask):
    return (values * mask).sum(1) / mask.sum(1).clamp(min=1)

torch.Tensor.masked_mean = masked_mean

def kl_estimate(log_probs, ref_log_probs, completion_mask):
    q = ref_log_probs - log_probs
    return (torch.expm1(q) - q).masked_mean(completion_mask)

# %% timed_inside
# right: a line that %time runs
def kl_estimate(log_probs, ref_log_probs, completion_mask):
# raw:     %time q = ref_log_probs - log_probs
    k3, mask = torch.exp(q) - q - 1, completion_mask.float()
    return (k3 * mask).sum(1) / mask.sum(1).clamp(min=1)

# %% import_inside
# right: a large import inside the function
def kl_estimate(log_probs, ref_log_probs, completion_mask):
    import scipy.stats
    import pandas
    q = ref_log_probs - log_probs
    k3, mask = torch.exp(q) - q - 1, completion_mask.float()
    return (k3 * mask).sum(1) / mask.sum(1).clamp(min=1)

# %% masked_difference
# right: q is 0 at masked positions, and so is the estimator
def kl_estimate(log_probs, ref_log_probs, completion_mask):
    q = (ref_log_probs - log_probs) * completion_mask
    return (q.exp() - q - 1).sum(1) / completion_mask.sum(1).clamp(min=1)
