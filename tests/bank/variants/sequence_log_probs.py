# ruff: noqa
# fmt: off
"""Right work on exercise 3a in many styles."""

# %% cross_entropy
# right: F.cross_entropy without reduction
import torch.nn.functional as F

def sequence_log_probs(logits, token_ids, completion_mask):
    nll = F.cross_entropy(logits[:, :-1].transpose(1, 2), token_ids[:, 1:], reduction="none")
    mask = completion_mask[:, 1:]
    return -(nll * mask).sum(-1) / mask.sum(-1).clamp_min(1)

# %% cross_entropy_flat
# right: flattened, with masked labels set to -100
from torch.nn.functional import cross_entropy

def sequence_log_probs(logits, token_ids, completion_mask):
    B, T, V = logits.shape
    labels = token_ids[:, 1:].masked_fill(completion_mask[:, 1:] == 0, -100)
    loss = cross_entropy(logits[:, :-1].reshape(-1, V), labels.reshape(-1), ignore_index=-100, reduction="none")
    count = (labels != -100).sum(dim=1)
    return torch.where(count > 0, -loss.view(B, T - 1).sum(1) / count.clamp(min=1), torch.zeros(B))

# %% logsumexp
# right: logit minus logsumexp
def sequence_log_probs(logits, token_ids, completion_mask):
    logits = logits[:, :-1, :]
    chosen = torch.gather(logits, 2, token_ids[:, 1:].unsqueeze(2)).squeeze(2)
    logp = chosen - torch.logsumexp(logits, dim=-1)
    mask = completion_mask[:, 1:].to(logp)
    return (logp * mask).sum(1) / torch.clamp(mask.sum(1), min=1.0)

# %% logsumexp_by_hand
# right: the maximum subtracted by hand
def sequence_log_probs(logits, token_ids, completion_mask):
    shifted = logits - logits.max(dim=-1, keepdim=True).values
    logp = shifted - torch.log(torch.exp(shifted).sum(dim=-1, keepdim=True))
    picked = logp[:, :-1].gather(2, token_ids[:, 1:, None])[..., 0]
    mask = completion_mask[:, 1:].bool()
    total = torch.where(mask, picked, 0.0).sum(1)
    return total / mask.sum(1).clamp(min=1)

# %% loops
# right: loops over rows and positions, a list of floats
def sequence_log_probs(logits, token_ids, completion_mask):
    results = []
    for b in range(logits.shape[0]):
        total, count = 0.0, 0
        for t in range(1, logits.shape[1]):
            if completion_mask[b, t]:
                total += torch.log_softmax(logits[b, t - 1], dim=0)[token_ids[b, t]].item()
                count += 1
        results.append(total / count if count else 0.0)
    return results

# %% numpy_double
# right: NumPy in float64
import numpy as np

def sequence_log_probs(logits, token_ids, completion_mask):
    x = logits.numpy().astype(np.float64)[:, :-1]
    x = x - x.max(-1, keepdims=True)
    logp = x - np.log(np.exp(x).sum(-1, keepdims=True))
    picked = np.take_along_axis(logp, token_ids.numpy()[:, 1:, None], -1)[..., 0]
    mask = completion_mask.numpy()[:, 1:]
    return (picked * mask).sum(1) / np.maximum(mask.sum(1), 1)

# %% one_hot
# right: one-hot vectors and einsum
def sequence_log_probs(logits, token_ids, completion_mask):
    logp = torch.nn.functional.log_softmax(logits[:, :-1], dim=-1)
    chosen = torch.nn.functional.one_hot(token_ids[:, 1:], logits.shape[-1]).to(logp.dtype)
    mask = completion_mask[:, 1:].to(logp.dtype)
    return torch.einsum("btv,btv,bt->b", logp, chosen, mask) / mask.sum(1).clamp(min=1)

# %% fancy_indexing
# right: advanced indexing
def sequence_log_probs(logits, token_ids, completion_mask):
    batch, length = token_ids.shape
    rows, steps = torch.arange(batch)[:, None], torch.arange(length - 1)
    logp = logits.log_softmax(-1)[rows, steps, token_ids[:, 1:]]
    mask = completion_mask[:, 1:]
    return (logp * mask).sum(1) / (mask.sum(1) + (mask.sum(1) == 0))

# %% distribution
# right: torch.distributions, which wants at least one position
from torch.distributions import Categorical

def sequence_log_probs(logits, token_ids, completion_mask):
    if logits.shape[1] == 1:
        return torch.zeros(len(logits))
    logp = Categorical(logits=logits[:, :-1]).log_prob(token_ids[:, 1:])
    means = [row[kept].mean() if kept.any() else row.new_zeros(()) for row, kept in zip(logp, completion_mask[:, 1:].bool())]
    return torch.stack(means)

# %% padded_back
# right: keeps T columns and clears position 0 in a copy of the mask
def sequence_log_probs(logits, token_ids, completion_mask):
    mask = completion_mask.clone().float()
    mask[:, 0] = 0
    logp = torch.zeros_like(mask)
    logp[:, 1:] = logits.log_softmax(-1)[:, :-1].gather(-1, token_ids[:, 1:, None]).squeeze(-1)
    return torch.nan_to_num((logp * mask).sum(1) / mask.sum(1), nan=0.0)

# %% tiny_guard
# right: a guard too small to show
def sequence_log_probs(logits, token_ids, completion_mask):
    logp = torch.log_softmax(logits[:, :-1].double(), -1).gather(-1, token_ids[:, 1:, None]).squeeze(-1)
    mask = completion_mask[:, 1:]
    return (logp * mask).sum(1) / (mask.sum(1) + 1e-9)

# %% threads
# right: a thread for each row
from concurrent.futures import ThreadPoolExecutor

def of_row(row):
    logits, ids, mask = row
    logp = torch.log_softmax(logits[:-1], -1)[torch.arange(len(ids) - 1), ids[1:]]
    return (logp * mask[1:]).sum() / mask[1:].sum().clamp(min=1)

def sequence_log_probs(logits, token_ids, completion_mask):
    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(of_row, zip(logits, token_ids, completion_mask)))

# %% compiled
# right: torch.compile, whose first call takes long
@torch.compile
def sequence_log_probs(logits, token_ids, completion_mask):
    logp = torch.log_softmax(logits[:, :-1], -1).gather(-1, token_ids[:, 1:, None]).squeeze(-1)
    mask = completion_mask[:, 1:].float()
    return (logp * mask).sum(1) / mask.sum(1).clamp(min=1)

# %% chunks_of_the_vocabulary
# right: the log of the sum in chunks of the vocabulary, as for a small memory
def sequence_log_probs(logits, token_ids, completion_mask):
    parts = [part.logsumexp(-1) for part in logits[:, :-1].split(8192, dim=-1)]
    log_sum = torch.stack(parts, -1).logsumexp(-1)
    logp = logits[:, :-1].gather(-1, token_ids[:, 1:, None]).squeeze(-1) - log_sum
    mask = completion_mask[:, 1:].to(logp.dtype)
    return (logp * mask).sum(1) / mask.sum(1).clamp(min=1)

# %% half_counts
# right: the count in half precision, which is exact up to 2,048
def sequence_log_probs(logits, token_ids, completion_mask):
    logp = torch.log_softmax(logits[:, :-1], -1).gather(-1, token_ids[:, 1:, None]).squeeze(-1)
    mask = completion_mask[:, 1:]
    return (logp * mask).sum(1) / mask.half().sum(1).clamp(min=1).float()

# %% selected_rows
# right: only the positions that count are normalised
def sequence_log_probs(logits, token_ids, completion_mask):
    mask = completion_mask[:, 1:].bool()
    logp = torch.zeros(mask.shape)
    chosen = torch.log_softmax(logits[:, :-1][mask], dim=-1)
    logp[mask] = chosen.gather(-1, token_ids[:, 1:][mask][:, None]).squeeze(-1)
    return logp.sum(1) / mask.sum(1).clamp(min=1)
