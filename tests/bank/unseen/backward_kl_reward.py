# ruff: noqa
# fmt: off
"""Slips on exercise 3c, written from the contract alone."""

# %% positive
# truth: the minus in front is missing
def backward_kl_reward(ref_log_probs, kl_coef=0.1):
    return kl_coef * torch.exp(-ref_log_probs)

# %% probability
# truth: exp(log P) in place of exp(-log P)
def backward_kl_reward(ref_log_probs, kl_coef=0.1):
    return -kl_coef * torch.exp(ref_log_probs)

# %% both_signs
# truth: the minus in front and the one in the exponent are both missing
def backward_kl_reward(ref_log_probs, kl_coef=0.1):
    return kl_coef * ref_log_probs.exp()

# %% the_other_term
# truth: the forward term, coefficient times log P
def backward_kl_reward(ref_log_probs, kl_coef=0.1):
    return kl_coef * ref_log_probs

# %% minus_log
# truth: -coefficient times log P, no exponential
def backward_kl_reward(ref_log_probs, kl_coef=0.1):
    return -kl_coef * ref_log_probs

# %% coefficient_in_exponent
# truth: the coefficient stands in the exponent
def backward_kl_reward(ref_log_probs, kl_coef=0.1):
    return -torch.exp(-kl_coef * ref_log_probs)

# %% coefficient_forgotten
# truth: the coefficient is not used
def backward_kl_reward(ref_log_probs, kl_coef=0.1):
    return -torch.exp(-ref_log_probs)

# %% other_default
# truth: the default coefficient is 0.01 instead of 0.1
def backward_kl_reward(ref_log_probs, kl_coef=0.01):
    return -kl_coef * torch.exp(-ref_log_probs)

# %% power_of_two
# truth: powers of 2 in place of e
def backward_kl_reward(ref_log_probs, kl_coef=0.1):
    return -kl_coef * torch.exp2(-ref_log_probs)

# %% minus_one
# truth: 1 is subtracted from the perplexity
def backward_kl_reward(ref_log_probs, kl_coef=0.1):
    return -kl_coef * (torch.exp(-ref_log_probs) - 1)

# %% exponent_capped
# truth: the exponent is cut off at 10
def backward_kl_reward(ref_log_probs, kl_coef=0.1):
    return -kl_coef * torch.exp((-ref_log_probs).clamp(max=10))

# %% result_capped
# truth: the result is cut off at -100
def backward_kl_reward(ref_log_probs, kl_coef=0.1):
    return (-kl_coef * torch.exp(-ref_log_probs)).clamp(min=-100.0)

# %% half
# truth: computed in bfloat16
def backward_kl_reward(ref_log_probs, kl_coef=0.1):
    return (-kl_coef * torch.exp(-ref_log_probs.bfloat16())).float()

# %% batch_mean
# truth: every row gets the batch's mean
def backward_kl_reward(ref_log_probs, kl_coef=0.1):
    term = -kl_coef * torch.exp(-ref_log_probs)
    return torch.full_like(term, term.mean().item())

# %% weighted_log
# truth: log P is multiplied by the perplexity
def backward_kl_reward(ref_log_probs, kl_coef=0.1):
    return kl_coef * ref_log_probs * torch.exp(-ref_log_probs)

# %% small_number
# truth: 1e-3 is added to the probability before dividing by it
def backward_kl_reward(ref_log_probs, kl_coef=0.1):
    return -kl_coef / (torch.exp(ref_log_probs) + 1e-3)

# %% k3_of_reference
# truth: the k3 form exp(-l) + l - 1 in place of exp(-l)
def backward_kl_reward(ref_log_probs, kl_coef=0.1):
    return -kl_coef * (torch.exp(-ref_log_probs) + ref_log_probs - 1)

# %% series
# truth: the exponential is cut after the second order of its series
def backward_kl_reward(ref_log_probs, kl_coef=0.1):
    x = -ref_log_probs
    return -kl_coef * (1 + x + x * x / 2)

# %% softmax
# truth: a softmax over the batch in place of the exponential
def backward_kl_reward(ref_log_probs, kl_coef=0.1):
    return -kl_coef * torch.softmax(-ref_log_probs, dim=0)

# %% one_minus_p
# truth: 1 - P in place of 1 / P
def backward_kl_reward(ref_log_probs, kl_coef=0.1):
    return -kl_coef * (1 - ref_log_probs.exp())

# %% batch_perplexity
# truth: the perplexity of the batch's mean log P for every row
def backward_kl_reward(ref_log_probs, kl_coef=0.1):
    return -kl_coef * torch.exp(-ref_log_probs.mean()) * torch.ones_like(ref_log_probs)
