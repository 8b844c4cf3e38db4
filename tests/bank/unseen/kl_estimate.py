# ruff: noqa
# fmt: off
"""Slips on exercise 4b, written from the contract alone."""

# %% k1
# truth: the plain k1 = -q
def kl_estimate(log_probs, ref_log_probs, completion_mask):
    q = ref_log_probs - log_probs
    k = -q
    m = completion_mask.float()
    return (k * m).sum(1) / m.sum(1).clamp(min=1)

# %% k2
# truth: k2 = q²/2 in place of k3
def kl_estimate(log_probs, ref_log_probs, completion_mask):
    q = ref_log_probs - log_probs
    k = q**2 / 2
    m = completion_mask.float()
    return (k * m).sum(1) / m.sum(1).clamp(min=1)

# %% square
# truth: q² in place of k3
def kl_estimate(log_probs, ref_log_probs, completion_mask):
    q = ref_log_probs - log_probs
    k = q.pow(2)
    m = completion_mask.float()
    return (k * m).sum(1) / m.sum(1).clamp(min=1)

# %% swapped
# truth: q has the wrong sign: policy minus reference
def kl_estimate(log_probs, ref_log_probs, completion_mask):
    q = log_probs - ref_log_probs
    k = torch.exp(q) - q - 1
    m = completion_mask.float()
    return (k * m).sum(1) / m.sum(1).clamp(min=1)

# %% only_q
# truth: q itself, the k1 estimator with its sign turned
def kl_estimate(log_probs, ref_log_probs, completion_mask):
    q = ref_log_probs - log_probs
    k = q
    m = completion_mask.float()
    return (k * m).sum(1) / m.sum(1).clamp(min=1)

# %% no_minus_q
# truth: the - q is missing: exp(q) - 1
def kl_estimate(log_probs, ref_log_probs, completion_mask):
    q = ref_log_probs - log_probs
    k = torch.exp(q) - 1
    m = completion_mask.float()
    return (k * m).sum(1) / m.sum(1).clamp(min=1)

# %% plus_q
# truth: + q in place of - q
def kl_estimate(log_probs, ref_log_probs, completion_mask):
    q = ref_log_probs - log_probs
    k = torch.exp(q) + q - 1
    m = completion_mask.float()
    return (k * m).sum(1) / m.sum(1).clamp(min=1)

# %% no_minus_one
# truth: the - 1 is missing
def kl_estimate(log_probs, ref_log_probs, completion_mask):
    q = ref_log_probs - log_probs
    k = torch.exp(q) - q
    m = completion_mask.float()
    return (k * m).sum(1) / m.sum(1).clamp(min=1)

# %% plus_one
# truth: + 1 in place of - 1
def kl_estimate(log_probs, ref_log_probs, completion_mask):
    q = ref_log_probs - log_probs
    k = torch.exp(q) - q + 1
    m = completion_mask.float()
    return (k * m).sum(1) / m.sum(1).clamp(min=1)

# %% ratio_only
# truth: the ratio exp(q) alone
def kl_estimate(log_probs, ref_log_probs, completion_mask):
    q = ref_log_probs - log_probs
    k = torch.exp(q)
    m = completion_mask.float()
    return (k * m).sum(1) / m.sum(1).clamp(min=1)

# %% negative_exponent
# truth: the exponent's sign is turned, the other q is right: exp(-q) - q - 1
def kl_estimate(log_probs, ref_log_probs, completion_mask):
    q = ref_log_probs - log_probs
    k = torch.exp(-q) - q - 1
    m = completion_mask.float()
    return (k * m).sum(1) / m.sum(1).clamp(min=1)

# %% absolute
# truth: |q| in place of k3
def kl_estimate(log_probs, ref_log_probs, completion_mask):
    q = ref_log_probs - log_probs
    k = q.abs()
    m = completion_mask.float()
    return (k * m).sum(1) / m.sum(1).clamp(min=1)

# %% absolute_inside
# truth: |q| is put in for q
def kl_estimate(log_probs, ref_log_probs, completion_mask):
    q = ref_log_probs - log_probs
    q = q.abs()
    k = torch.exp(q) - q - 1
    m = completion_mask.float()
    return (k * m).sum(1) / m.sum(1).clamp(min=1)

# %% kl_div
# truth: F.kl_div with log targets: P_ref times q
def kl_estimate(log_probs, ref_log_probs, completion_mask):
    k = torch.nn.functional.kl_div(log_probs, ref_log_probs, reduction="none", log_target=True)
    m = completion_mask.float()
    return (k * m).sum(1) / m.sum(1).clamp(min=1)

# %% weighted_k1
# truth: -q weighted with the policy's probability, as in the exact sum
def kl_estimate(log_probs, ref_log_probs, completion_mask):
    k = log_probs.exp() * (log_probs - ref_log_probs)
    m = completion_mask.float()
    return (k * m).sum(1) / m.sum(1).clamp(min=1)

# %% weighted_k3
# truth: k3 is weighted with the policy's probability once more
def kl_estimate(log_probs, ref_log_probs, completion_mask):
    q = ref_log_probs - log_probs
    k = torch.exp(q) - q - 1
    k = k * log_probs.exp()
    m = completion_mask.float()
    return (k * m).sum(1) / m.sum(1).clamp(min=1)

# %% sum
# truth: the sum over the tokens, not the mean
def kl_estimate(log_probs, ref_log_probs, completion_mask):
    q = ref_log_probs - log_probs
    k = torch.exp(q) - q - 1
    return (k * completion_mask).sum(1)

# %% over_length
# truth: divided by T, not by the number of completion tokens
def kl_estimate(log_probs, ref_log_probs, completion_mask):
    q = ref_log_probs - log_probs
    k = torch.exp(q) - q - 1
    return (k * completion_mask).mean(1)

# %% mask_ignored
# truth: the mask is ignored
def kl_estimate(log_probs, ref_log_probs, completion_mask):
    q = ref_log_probs - log_probs
    k = torch.exp(q) - q - 1
    return k.mean(1)

# %% mask_turned
# truth: the mask is turned round
def kl_estimate(log_probs, ref_log_probs, completion_mask):
    q = ref_log_probs - log_probs
    k = torch.exp(q) - q - 1
    m = 1 - completion_mask.float()
    return (k * m).sum(1) / m.sum(1).clamp(min=1)

# %% first_dropped
# truth: position 0 is left out
def kl_estimate(log_probs, ref_log_probs, completion_mask):
    q = ref_log_probs - log_probs
    k = torch.exp(q) - q - 1
    k, m = k[:, 1:], completion_mask[:, 1:].float()
    return (k * m).sum(1) / m.sum(1).clamp(min=1)

# %% last_dropped
# truth: the last position is left out
def kl_estimate(log_probs, ref_log_probs, completion_mask):
    q = ref_log_probs - log_probs
    k = torch.exp(q) - q - 1
    k, m = k[:, :-1], completion_mask[:, :-1].float()
    return (k * m).sum(1) / m.sum(1).clamp(min=1)

# %% mask_shifted
# truth: the mask is shifted by one against the tokens, as in 3a
def kl_estimate(log_probs, ref_log_probs, completion_mask):
    q = ref_log_probs - log_probs
    k = torch.exp(q) - q - 1
    k, m = k[:, :-1], completion_mask[:, 1:].float()
    return (k * m).sum(1) / m.sum(1).clamp(min=1)

# %% empty_row_nan
# truth: a row without tokens divides by zero
def kl_estimate(log_probs, ref_log_probs, completion_mask):
    q = ref_log_probs - log_probs
    k = torch.exp(q) - q - 1
    m = completion_mask.float()
    return (k * m).sum(1) / m.sum(1)

# %% bits
# truth: in bits, not in nats
def kl_estimate(log_probs, ref_log_probs, completion_mask):
    q = ref_log_probs - log_probs
    k = torch.exp(q) - q - 1
    k = k / math.log(2)
    m = completion_mask.float()
    return (k * m).sum(1) / m.sum(1).clamp(min=1)

# %% batch_mean
# truth: the mean over all tokens of the batch, for every row
def kl_estimate(log_probs, ref_log_probs, completion_mask):
    q = ref_log_probs - log_probs
    k = torch.exp(q) - q - 1
    m = completion_mask.float()
    return torch.full((len(k),), ((k * m).sum() / m.sum().clamp(min=1)).item())

# %% of_the_mean
# truth: k3 of the mean q, not the mean of k3
def kl_estimate(log_probs, ref_log_probs, completion_mask):
    q = ref_log_probs - log_probs
    m = completion_mask.float()
    q = (q * m).sum(1) / m.sum(1).clamp(min=1)
    return torch.exp(q) - q - 1

# %% of_the_sum
# truth: k3 of the summed q: a ratio of whole sequences
def kl_estimate(log_probs, ref_log_probs, completion_mask):
    q = ref_log_probs - log_probs
    q = (q * completion_mask).sum(1)
    return torch.exp(q) - q - 1

# %% half
# truth: computed in bfloat16
def kl_estimate(log_probs, ref_log_probs, completion_mask):
    q = ref_log_probs.bfloat16() - log_probs.bfloat16()
    k = (torch.exp(q) - q - 1).float()
    m = completion_mask.float()
    return (k * m).sum(1) / m.sum(1).clamp(min=1)

# %% third_order
# truth: the exponential is cut after the third order of its series
def kl_estimate(log_probs, ref_log_probs, completion_mask):
    q = ref_log_probs - log_probs
    k = q**2 / 2 + q**3 / 6
    m = completion_mask.float()
    return (k * m).sum(1) / m.sum(1).clamp(min=1)

# %% negative
# truth: the sign of the whole is turned
def kl_estimate(log_probs, ref_log_probs, completion_mask):
    q = ref_log_probs - log_probs
    k = q + 1 - torch.exp(q)
    m = completion_mask.float()
    return (k * m).sum(1) / m.sum(1).clamp(min=1)

# %% count_plus_one
# truth: divided by the number of tokens plus one
def kl_estimate(log_probs, ref_log_probs, completion_mask):
    q = ref_log_probs - log_probs
    k = torch.exp(q) - q - 1
    m = completion_mask.float()
    return (k * m).sum(1) / (m.sum(1) + 1)

# %% probabilities
# truth: q is the difference of the probabilities, not of their logarithms
def kl_estimate(log_probs, ref_log_probs, completion_mask):
    q = ref_log_probs.exp() - log_probs.exp()
    k = torch.exp(q) - q - 1
    m = completion_mask.float()
    return (k * m).sum(1) / m.sum(1).clamp(min=1)

# %% q_capped
# truth: q is cut off at -5 and 5
def kl_estimate(log_probs, ref_log_probs, completion_mask):
    q = ref_log_probs - log_probs
    q = q.clamp(-5, 5)
    k = torch.exp(q) - q - 1
    m = completion_mask.float()
    return (k * m).sum(1) / m.sum(1).clamp(min=1)

# %% k3_capped
# truth: k3 is cut off at 10
def kl_estimate(log_probs, ref_log_probs, completion_mask):
    q = ref_log_probs - log_probs
    k = torch.exp(q) - q - 1
    k = k.clamp(max=10)
    m = completion_mask.float()
    return (k * m).sum(1) / m.sum(1).clamp(min=1)

# %% last_token
# truth: only the last position's k3
def kl_estimate(log_probs, ref_log_probs, completion_mask):
    q = ref_log_probs - log_probs
    k = torch.exp(q) - q - 1
    return k[:, -1] * completion_mask[:, -1]

# %% largest
# truth: the largest k3 of the row, not the mean
def kl_estimate(log_probs, ref_log_probs, completion_mask):
    q = ref_log_probs - log_probs
    k = torch.exp(q) - q - 1
    return (k * completion_mask).amax(1)

# %% over_batch
# truth: summed over the batch, not over the tokens: the wrong axis
def kl_estimate(log_probs, ref_log_probs, completion_mask):
    q = ref_log_probs - log_probs
    k = torch.exp(q) - q - 1
    m = completion_mask.float()
    return (k * m).sum(0) / m.sum(0).clamp(min=1)

# %% gaps_filled
# truth: everything from the first to the last masked token counts, gaps too
def kl_estimate(log_probs, ref_log_probs, completion_mask):
    q = ref_log_probs - log_probs
    k = torch.exp(q) - q - 1
    m = completion_mask.float()
    m = ((m.cumsum(1) > 0) & (m.flip(1).cumsum(1).flip(1) > 0)).float()
    return (k * m).sum(1) / m.sum(1).clamp(min=1)

# %% masked_before
# truth: the masked q is put in without the mask on the mean: divided by T
def kl_estimate(log_probs, ref_log_probs, completion_mask):
    q = ref_log_probs - log_probs
    q = q * completion_mask
    return (torch.exp(q) - q - 1).mean(1)
