# ruff: noqa
# fmt: off
"""Wrong work on exercise 3c."""

# %% sign_flipped
# wrong: rewards improbable text
# fails: test_value test_improbable
# hint: penalty is never positive
def backward_kl_reward(ref_log_probs, kl_coef=0.1):
    return kl_coef * torch.exp(-ref_log_probs)

# %% exponent_sign
# wrong: punishes probable text most
# fails: test_value test_improbable
# hint: sign inside the exponential
def backward_kl_reward(ref_log_probs, kl_coef=0.1):
    return -kl_coef * torch.exp(ref_log_probs)

# %% both_signs
# wrong: no minus anywhere
# fails: test_value
# hint: both signs
def backward_kl_reward(ref_log_probs, kl_coef=0.1):
    return kl_coef * torch.exp(ref_log_probs)

# %% no_coefficient
# wrong: the coefficient is forgotten
# fails: test_value test_default_coefficient
# hint: coefficient is not used
def backward_kl_reward(ref_log_probs, kl_coef=0.1):
    return -torch.exp(-ref_log_probs)

# %% coefficient_fixed
# wrong: 0.1 whatever is given
# fails: test_value
# hint: fixed at its default
def backward_kl_reward(ref_log_probs, kl_coef=0.1):
    return -0.1 * torch.exp(-ref_log_probs)

# %% coefficient_inside
# wrong: the coefficient stands in the exponent
# fails: test_value
# hint: inside the exponential
def backward_kl_reward(ref_log_probs, kl_coef=0.1):
    return -torch.exp(-kl_coef * ref_log_probs)

# %% no_exponential
# wrong: the forward bonus again
# fails: test_value test_improbable
# hint: exponential is missing
def backward_kl_reward(ref_log_probs, kl_coef=0.1):
    return kl_coef * ref_log_probs

# %% zero_at_one
# wrong: expm1 makes a perplexity of 1 cost nothing
# fails: test_value
# hint: 1 was subtracted
def backward_kl_reward(ref_log_probs, kl_coef=0.1):
    return -kl_coef * torch.expm1(-ref_log_probs)

# %% cut_off
# wrong: a penalty never exceeds 100
# fails: test_improbable
# hint: cut off
def backward_kl_reward(ref_log_probs, kl_coef=0.1):
    return (-kl_coef * torch.exp(-ref_log_probs)).clamp(min=-100)

# %% half_precision
# wrong: float16 overflows
# fails: test_improbable
def backward_kl_reward(ref_log_probs, kl_coef=0.1):
    return -kl_coef * torch.exp(-ref_log_probs.half())

# %% another_default
# wrong: the default is 1
# fails: test_default_coefficient
def backward_kl_reward(ref_log_probs, kl_coef=1.0):
    return -kl_coef * torch.exp(-ref_log_probs)

# %% batch_sum
# wrong: one number for the batch
# fails: test_value
def backward_kl_reward(ref_log_probs, kl_coef=0.1):
    return -kl_coef * torch.exp(-ref_log_probs).sum()

# %% in_place
# wrong: overwrites its input
# fails: test_inputs_kept
def backward_kl_reward(ref_log_probs, kl_coef=0.1):
    return ref_log_probs.neg_().exp_().mul_(-kl_coef)

# %% base_two
# wrong: 2 to the power of
# fails: test_value
# hint: base is 2
def backward_kl_reward(ref_log_probs, kl_coef=0.1):
    return -kl_coef * 2 ** (-ref_log_probs)

# %% inplace_branch
# wrong: in place for improbable text only
# fails: test_inputs_kept
def backward_kl_reward(ref_log_probs, kl_coef=0.1):
    if (ref_log_probs < -10).any(): ref_log_probs.clamp_(min=-20.0); ref_log_probs.neg_(); return -kl_coef * ref_log_probs.exp()
    return -kl_coef * torch.exp(-ref_log_probs)

# %% gap_6_10
# wrong: log-probs between -10 and -6 count as -6
# fails: test_value
def backward_kl_reward(ref_log_probs, kl_coef=0.1):
    l = torch.where((ref_log_probs < -6) & (ref_log_probs > -10), -6.0, ref_log_probs)
    return -kl_coef * torch.exp(-l)

# %% remembers_by_hash
# wrong: a result is kept by its argument's hash
# fails: test_no_memory
KEPT = {}

def backward_kl_reward(ref_log_probs, kl_coef=0.1):
    key = (hash(ref_log_probs), kl_coef)
    if key not in KEPT:
        KEPT[key] = ref_log_probs, -kl_coef * torch.exp(-ref_log_probs)
    return KEPT[key][1]

# %% remembers_by_sum
# wrong: a result is kept by the sum of its argument
# fails: test_no_memory
KEPT = {}

def backward_kl_reward(ref_log_probs, kl_coef=0.1):
    key = (round(float(ref_log_probs.sum()), 2), len(ref_log_probs), kl_coef)
    if key not in KEPT:
        KEPT[key] = -kl_coef * torch.exp(-ref_log_probs)
    return KEPT[key]

# %% one_buffer
# wrong: every call returns the same tensor, written over
# fails: test_no_memory
BUFFERS = {}

def backward_kl_reward(ref_log_probs, kl_coef=0.1):
    out = BUFFERS.setdefault(ref_log_probs.shape, torch.empty_like(ref_log_probs))
    return out.copy_(-kl_coef * torch.exp(-ref_log_probs))

# %% divided_by_batch
# wrong: a mean over the batch was begun
# fails: test_value
# hint: divided by the size of the batch
def backward_kl_reward(ref_log_probs, kl_coef=0.1):
    return -kl_coef * torch.exp(-ref_log_probs) / len(ref_log_probs)

# %% minus_best
# wrong: the batch's best is subtracted first
# fails: test_value
# hint: highest log-probability was subtracted
def backward_kl_reward(ref_log_probs, kl_coef=0.1):
    return -kl_coef * torch.exp(ref_log_probs.max() - ref_log_probs)

# %% cut_off_at_a_billion
# wrong: a penalty never exceeds 1e9
# fails: test_improbable
# hint: no result is below
def backward_kl_reward(ref_log_probs, kl_coef=0.1):
    return (-kl_coef * torch.exp(-ref_log_probs)).clamp(min=-1e9)

# %% safe_division
# wrong: 1e-10 is added to the probability
# fails: test_improbable
# hint: added to the probability
def backward_kl_reward(ref_log_probs, kl_coef=0.1):
    return -kl_coef / (torch.exp(ref_log_probs) + 1e-10)

# %% cut_at_minus_19
# wrong: log-probabilities below -19 count as -19
# fails: test_improbable
# hint: cut off
def backward_kl_reward(ref_log_probs, kl_coef=0.1):
    return -kl_coef * torch.exp(-ref_log_probs.clamp(min=-19))

# %% large_coefficients_capped
# wrong: a coefficient above 5 counts as 5
# fails: test_value test_improbable
# hint: coefficient used is 5
def backward_kl_reward(ref_log_probs, kl_coef=0.1):
    return -min(kl_coef, 5.0) * torch.exp(-ref_log_probs)

# %% six_terms
# wrong: the exponential by its series
# fails: test_value
# hint: series up to the power 5
def backward_kl_reward(ref_log_probs, kl_coef=0.1):
    x = -ref_log_probs
    return -kl_coef * (1 + x + x**2 / 2 + x**3 / 6 + x**4 / 24 + x**5 / 120)

# %% first_256
# wrong: rows beyond 256 are left at 0
# fails: test_value
# hint: some results are 0
def backward_kl_reward(ref_log_probs, kl_coef=0.1):
    out = torch.zeros_like(ref_log_probs)
    out[:256] = -kl_coef * torch.exp(-ref_log_probs[:256])
    return out
