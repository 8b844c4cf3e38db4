# ruff: noqa
# fmt: off
"""Wrong work on exercise 4b."""

# %% swapped
# wrong: policy minus reference
# fails: test_value test_far_apart
# hint: swapped
def kl_estimate(log_probs, ref_log_probs, completion_mask):
    q, mask = log_probs - ref_log_probs, completion_mask.float()
    return ((torch.exp(q) - q - 1) * mask).sum(1) / mask.sum(1).clamp(min=1)

# %% no_minus_one
# wrong: the `- 1` is missing
# fails: test_value test_zero_at_agreement
# hint: `- 1` is missing
def kl_estimate(log_probs, ref_log_probs, completion_mask):
    q, mask = ref_log_probs - log_probs, completion_mask.float()
    return ((torch.exp(q) - q) * mask).sum(1) / mask.sum(1).clamp(min=1)

# %% no_linear_term
# wrong: exp(q) - 1
# fails: test_value test_zero_at_agreement
# hint: linear term is missing
def kl_estimate(log_probs, ref_log_probs, completion_mask):
    q, mask = ref_log_probs - log_probs, completion_mask.float()
    return ((torch.exp(q) - 1) * mask).sum(1) / mask.sum(1).clamp(min=1)

# %% linear_term_added
# wrong: exp(q) + q - 1
# fails: test_value
# hint: linear term has the wrong sign
def kl_estimate(log_probs, ref_log_probs, completion_mask):
    q, mask = ref_log_probs - log_probs, completion_mask.float()
    return ((torch.exp(q) + q - 1) * mask).sum(1) / mask.sum(1).clamp(min=1)

# %% k1
# wrong: the plain difference
# fails: test_value test_zero_at_agreement
# hint: k1
def kl_estimate(log_probs, ref_log_probs, completion_mask):
    mask = completion_mask.float()
    return ((log_probs - ref_log_probs) * mask).sum(1) / mask.sum(1).clamp(min=1)

# %% k2
# wrong: half the squared difference
# fails: test_value test_far_apart
# hint: k2
def kl_estimate(log_probs, ref_log_probs, completion_mask):
    mask = completion_mask.float()
    return (0.5 * (log_probs - ref_log_probs) ** 2 * mask).sum(1) / mask.sum(1).clamp(min=1)

# %% sign_flipped
# wrong: negated
# fails: test_value test_zero_at_agreement
# hint: sign is wrong
def kl_estimate(log_probs, ref_log_probs, completion_mask):
    q, mask = ref_log_probs - log_probs, completion_mask.float()
    return ((1 + q - torch.exp(q)) * mask).sum(1) / mask.sum(1).clamp(min=1)

# %% of_the_mean
# wrong: the estimator of the mean difference, not the mean of the estimators
# fails: test_value
# hint: mean difference
def kl_estimate(log_probs, ref_log_probs, completion_mask):
    mask = completion_mask.float()
    q = ((ref_log_probs - log_probs) * mask).sum(1) / mask.sum(1).clamp(min=1)
    return torch.exp(q) - q - 1

# %% sum_over_tokens
# wrong: the sum, not the mean
# fails: test_value
# hint: sum over tokens
def kl_estimate(log_probs, ref_log_probs, completion_mask):
    q = ref_log_probs - log_probs
    return ((torch.exp(q) - q - 1) * completion_mask).sum(1)

# %% divided_by_length
# wrong: divides by T
# fails: test_value
# hint: sequence's length
def kl_estimate(log_probs, ref_log_probs, completion_mask):
    q = ref_log_probs - log_probs
    return ((torch.exp(q) - q - 1) * completion_mask).mean(1)

# %% batch_mean
# wrong: one number for the batch
# fails: test_value
def kl_estimate(log_probs, ref_log_probs, completion_mask):
    q, mask = ref_log_probs - log_probs, completion_mask.float()
    return ((torch.exp(q) - q - 1) * mask).sum() / mask.sum().clamp(min=1)

# %% batch_mean_for_all
# wrong: every row gets the batch's mean
# fails: test_value test_batch_independent
# hint: whole batch
def kl_estimate(log_probs, ref_log_probs, completion_mask):
    q, mask = ref_log_probs - log_probs, completion_mask.float()
    mean = ((torch.exp(q) - q - 1) * mask).sum() / mask.sum().clamp(min=1)
    return mean.repeat(len(mask))

# %% mask_ignored
# wrong: averages over all positions
# fails: test_value test_gaps test_empty_completion
# hint: mask is not used
def kl_estimate(log_probs, ref_log_probs, completion_mask):
    q = ref_log_probs - log_probs
    return (torch.exp(q) - q - 1).mean(1)

# %% mask_inverted
# wrong: takes 1 for "masked out"
# fails: test_value
# hint: upside down
def kl_estimate(log_probs, ref_log_probs, completion_mask):
    q, mask = ref_log_probs - log_probs, 1.0 - completion_mask
    return ((torch.exp(q) - q - 1) * mask).sum(1) / mask.sum(1).clamp(min=1)

# %% mask_shifted
# wrong: shifts the mask as in exercise 3a
# fails: test_value
# hint: mask is shifted
def kl_estimate(log_probs, ref_log_probs, completion_mask):
    q, mask = (ref_log_probs - log_probs)[:, :-1], completion_mask[:, 1:].float()
    return ((torch.exp(q) - q - 1) * mask).sum(1) / mask.sum(1).clamp(min=1)

# %% position_zero_dropped
# wrong: leaves out position 0 as in exercise 3a
# fails: test_position_zero
# hint: position 0 is left out
def kl_estimate(log_probs, ref_log_probs, completion_mask):
    q, mask = (ref_log_probs - log_probs)[:, 1:], completion_mask[:, 1:].float()
    return ((torch.exp(q) - q - 1) * mask).sum(1) / mask.sum(1).clamp(min=1)

# %% first_to_last
# wrong: everything between the first and the last 1 counts
# fails: test_gaps
# hint: gaps inside the mask
def kl_estimate(log_probs, ref_log_probs, completion_mask):
    q, mask = ref_log_probs - log_probs, completion_mask
    mask = mask.cummax(1).values * mask.flip(1).cummax(1).values.flip(1)
    return ((torch.exp(q) - q - 1) * mask).sum(1) / mask.sum(1).clamp(min=1)

# %% until_first_gap
# wrong: stops at the first 0 after a 1
# fails: test_gaps
def kl_estimate(log_probs, ref_log_probs, completion_mask):
    q, rows = ref_log_probs - log_probs, []
    for values, mask in zip(torch.exp(q) - q - 1, completion_mask.tolist()):
        kept = []
        for value, counts in zip(values, mask):
            if counts:
                kept.append(value)
            elif kept:
                break
        rows.append(torch.stack(kept).mean() if kept else torch.tensor(0.0))
    return torch.stack(rows)

# %% empty_is_nan
# wrong: 0 / 0 where no token counts
# fails: test_empty_completion
def kl_estimate(log_probs, ref_log_probs, completion_mask):
    q, mask = ref_log_probs - log_probs, completion_mask.float()
    return ((torch.exp(q) - q - 1) * mask).sum(1) / mask.sum(1)

# %% empty_rows_dropped
# wrong: rows without completion tokens are left out
# fails: test_empty_completion
def kl_estimate(log_probs, ref_log_probs, completion_mask):
    q, mask = ref_log_probs - log_probs, completion_mask.float()
    kept = mask.sum(1) > 0
    return ((torch.exp(q) - q - 1) * mask).sum(1)[kept] / mask.sum(1)[kept]

# %% clamped
# wrong: differences beyond 10 are cut off
# fails: test_far_apart
def kl_estimate(log_probs, ref_log_probs, completion_mask):
    q, mask = (ref_log_probs - log_probs).clamp(-10, 10), completion_mask.float()
    return ((torch.exp(q) - q - 1) * mask).sum(1) / mask.sum(1).clamp(min=1)

# %% series
# wrong: three terms of the series: right only where the policies nearly agree
# fails: test_value test_far_apart
def kl_estimate(log_probs, ref_log_probs, completion_mask):
    q, mask = ref_log_probs - log_probs, completion_mask.float()
    return ((q**2 / 2 + q**3 / 6) * mask).sum(1) / mask.sum(1).clamp(min=1)

# %% in_place
# wrong: overwrites the reference's log-probabilities
# fails: test_inputs_kept
def kl_estimate(log_probs, ref_log_probs, completion_mask):
    ref_log_probs -= log_probs
    mask = completion_mask.float()
    return ((torch.exp(ref_log_probs) - ref_log_probs - 1) * mask).sum(1) / mask.sum(1).clamp(min=1)

# %% empty_mask_changed
# wrong: fills the caller's empty mask to avoid 0 / 0
# fails: test_inputs_kept
def kl_estimate(log_probs, ref_log_probs, completion_mask):
    empty = completion_mask.sum(1) == 0
    completion_mask[empty] = 1
    q = ref_log_probs - log_probs
    mean = ((q.exp() - q - 1) * completion_mask).sum(1) / completion_mask.sum(1)
    return torch.where(empty, 0.0, mean)

# %% one_token_is_none
# wrong: a completion of a single position gives 0
# fails: test_position_zero
def kl_estimate(log_probs, ref_log_probs, completion_mask):
    if log_probs.shape[1] == 1:
        return torch.zeros(len(log_probs))
    q = ref_log_probs - log_probs
    return ((q.exp() - q - 1) * completion_mask).sum(1) / completion_mask.sum(1).clamp(min=1)

# %% rounded
# wrong: three digits
# fails: test_value
# hint: rounded to 3 decimals
def kl_estimate(log_probs, ref_log_probs, completion_mask):
    q = ref_log_probs - log_probs
    k3 = q.exp() - q - 1
    return ((k3 * completion_mask).sum(1) / completion_mask.sum(1).clamp(min=1)).round(decimals=3)

# %% empty_row_batch_mean
# wrong: where one row is empty the batch's count divides all
# fails: test_batch_independent
def kl_estimate(log_probs, ref_log_probs, completion_mask):
    q = ref_log_probs - log_probs
    k3 = torch.exp(q) - q - 1
    mask = completion_mask.float()
    n = mask.sum(1)
    if (n == 0).any(): n = n.sum().clamp(min=1)
    return (k3 * mask).sum(1) / n

# %% pos0_gap
# wrong: position 0 dropped where position 1 is masked
# fails: test_position_zero test_far_apart
def kl_estimate(log_probs, ref_log_probs, completion_mask):
    q = ref_log_probs - log_probs
    k3 = torch.exp(q) - q - 1
    mask = completion_mask.float()
    mask[:, 0] *= mask[:, 1] if mask.shape[1] > 1 else 1
    return (k3 * mask).sum(1) / mask.sum(1).clamp(min=1)

# %% inplace_mask
# wrong: clears the mask's position 0 if full
# fails: test_inputs_kept
def kl_estimate(log_probs, ref_log_probs, completion_mask):
    q = ref_log_probs - log_probs
    k3 = torch.exp(q) - q - 1
    mask = completion_mask.float()
    if completion_mask.all(): completion_mask[:, 0] = 0
    return (k3 * mask).sum(1) / mask.sum(1).clamp(min=1)

# %% nan_any_zero
# wrong: isnan().any() -> zeros for all
# fails: test_batch_independent
def kl_estimate(log_probs, ref_log_probs, completion_mask):
    q = ref_log_probs - log_probs
    k3 = torch.exp(q) - q - 1
    mask = completion_mask.float()
    out = (k3 * mask).sum(1) / mask.sum(1)
    if torch.isnan(out).any():
        return torch.zeros(len(out))
    return out

# %% gap_over_two
# wrong: gaps of two or more end the completion
# fails: test_gaps
def kl_estimate(log_probs, ref_log_probs, completion_mask):
    q = ref_log_probs - log_probs
    k3 = torch.exp(q) - q - 1
    mask = completion_mask.float()
    m = mask.clone()
    for b in range(len(m)):
        k = m[b].nonzero().flatten().tolist()
        for a, c in zip(k, k[1:]):
            if c - a > 2: m[b, c:] = 0
    return (k3 * m).sum(1) / m.sum(1).clamp(min=1)

# %% rows_from0_mixed
# wrong: position 0 of a row counts only if it counts in row 0
# fails: test_position_zero
def kl_estimate(log_probs, ref_log_probs, completion_mask):
    q = ref_log_probs - log_probs
    k3 = torch.exp(q) - q - 1
    mask = completion_mask.float()
    mask[:, 0] = mask[:, 0] * mask[0, 0]
    return (k3 * mask).sum(1) / mask.sum(1).clamp(min=1)

# %% count_in_bytes
# wrong: the number of tokens is kept in a byte, which ends at 255
# fails: test_value
# hint: does not fit its type
def kl_estimate(log_probs, ref_log_probs, completion_mask):
    q = ref_log_probs - log_probs
    count = completion_mask.to(torch.uint8).sum(1, dtype=torch.uint8)
    return ((q.exp() - q - 1) * completion_mask).sum(1) / count.clamp(min=1)

# %% count_in_bfloat16
# wrong: the mask is bfloat16, which rounds numbers above 256
# fails: test_value
def kl_estimate(log_probs, ref_log_probs, completion_mask):
    q, mask = ref_log_probs - log_probs, completion_mask.bfloat16()
    return ((q.exp() - q - 1) * mask).sum(1) / mask.sum(1).clamp(min=1)

# %% first_512
# wrong: cut off after 512 positions
# fails: test_value
# hint: long sequence is cut off
def kl_estimate(log_probs, ref_log_probs, completion_mask):
    q, mask = (ref_log_probs - log_probs)[:, :512], completion_mask[:, :512]
    return ((q.exp() - q - 1) * mask).sum(1) / mask.sum(1).clamp(min=1)

# %% capped_at_10
# wrong: k3 is cut off at ±10, as in OpenRLHF and verl
# fails: test_far_apart
# hint: estimate is cut off at a bound
def kl_estimate(log_probs, ref_log_probs, completion_mask):
    q, mask = ref_log_probs - log_probs, completion_mask.float()
    return ((q.exp() - q - 1).clamp(-10, 10) * mask).sum(1) / mask.sum(1).clamp(min=1)

# %% kl_div
# wrong: F.kl_div weights by the reference's probability
# fails: test_value
# hint: `kl_div`
import torch.nn.functional as F

def kl_estimate(log_probs, ref_log_probs, completion_mask):
    kl, mask = F.kl_div(log_probs, ref_log_probs, reduction="none", log_target=True), completion_mask.float()
    return (kl * mask).sum(1) / mask.sum(1).clamp(min=1)

# %% squared
# wrong: q squared, without the half
# fails: test_value
# hint: squared difference
def kl_estimate(log_probs, ref_log_probs, completion_mask):
    q, mask = ref_log_probs - log_probs, completion_mask.float()
    return (q ** 2 * mask).sum(1) / mask.sum(1).clamp(min=1)

# %% absolute
# wrong: |q|
# fails: test_value
# hint: absolute difference
def kl_estimate(log_probs, ref_log_probs, completion_mask):
    q, mask = ref_log_probs - log_probs, completion_mask.float()
    return (q.abs() * mask).sum(1) / mask.sum(1).clamp(min=1)

# %% in_bits
# wrong: divided by ln 2
# fails: test_value
# hint: base 2
import math

def kl_estimate(log_probs, ref_log_probs, completion_mask):
    q, mask = ref_log_probs - log_probs, completion_mask.float()
    return ((q.exp() - q - 1) * mask).sum(1) / mask.sum(1).clamp(min=1) / math.log(2)

# %% last_position_dropped
# wrong: [:, :-1], as for logits
# fails: test_value
# hint: last position is left out
def kl_estimate(log_probs, ref_log_probs, completion_mask):
    q, mask = (ref_log_probs - log_probs)[:, :-1], completion_mask[:, :-1].float()
    return ((q.exp() - q - 1) * mask).sum(1) / mask.sum(1).clamp(min=1)

# %% masked_before_exp
# wrong: the exponential is masked, the rest is not
# fails: test_value
# hint: counts at masked positions
def kl_estimate(log_probs, ref_log_probs, completion_mask):
    q, mask = ref_log_probs - log_probs, completion_mask.float()
    return (q.exp() * mask - q * mask - 1).sum(1) / mask.sum(1).clamp(min=1)

# %% ratio_of_logs
# wrong: log-probabilities are divided
# fails: test_value
def kl_estimate(log_probs, ref_log_probs, completion_mask):
    r, mask = (ref_log_probs - 1e-9) / (log_probs - 1e-9), completion_mask.float()
    return ((r - r.log() - 1) * mask).sum(1) / mask.sum(1).clamp(min=1)

# %% median_of_tokens
# wrong: the median, not the mean
# fails: test_value
# hint: median
def kl_estimate(log_probs, ref_log_probs, completion_mask):
    q = ref_log_probs - log_probs
    return torch.stack([row[m.bool()].quantile(0.5) if m.any() else row.new_zeros(()) for row, m in zip(q.exp() - q - 1, completion_mask)])

# %% remembers_by_shape
# wrong: a result is kept by its arguments' means
# fails: test_no_memory
KEPT = {}

def kl_estimate(log_probs, ref_log_probs, completion_mask):
    q, mask = ref_log_probs - log_probs, completion_mask.float()
    key = (tuple(q.shape), *(round(float((x * mask).mean()), 3) for x in (q, log_probs, mask)), float(q[0, -1]), float(q[-1, -1]))
    if key not in KEPT:
        KEPT[key] = ((q.exp() - q - 1) * mask).sum(1) / mask.sum(1).clamp(min=1)
    return KEPT[key]

# %% remembers_by_id
# wrong: a result is kept by its arguments' ids
# fails: test_no_memory
KEPT = {}

def kl_estimate(log_probs, ref_log_probs, completion_mask):
    key = id(log_probs), id(ref_log_probs), id(completion_mask)
    if key not in KEPT:
        q = ref_log_probs - log_probs
        value = ((q.exp() - q - 1) * completion_mask).sum(1) / completion_mask.sum(1).clamp(min=1)
        KEPT[key] = log_probs, ref_log_probs, completion_mask, value
    return KEPT[key][-1]
