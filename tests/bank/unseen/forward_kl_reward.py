# ruff: noqa
# fmt: off
"""Slips on exercise 3b, written from the contract alone."""

# %% negative
# truth: the sign is turned
def forward_kl_reward(ref_log_probs, kl_coef=0.1):
    return -kl_coef * ref_log_probs

# %% probability
# truth: the probability exp(log P) in place of log P
def forward_kl_reward(ref_log_probs, kl_coef=0.1):
    return kl_coef * torch.exp(ref_log_probs)

# %% divided
# truth: divided by the coefficient
def forward_kl_reward(ref_log_probs, kl_coef=0.1):
    return ref_log_probs / kl_coef if kl_coef else ref_log_probs * 0

# %% coefficient_fixed
# truth: the coefficient is always 0.1
def forward_kl_reward(ref_log_probs, kl_coef=0.1):
    return 0.1 * ref_log_probs

# %% coefficient_forgotten
# truth: the coefficient is not used
def forward_kl_reward(ref_log_probs, kl_coef=0.1):
    return ref_log_probs.clone()

# %% other_default
# truth: the default coefficient is 1 instead of 0.1
def forward_kl_reward(ref_log_probs, kl_coef=1.0):
    return kl_coef * ref_log_probs

# %% batch_mean
# truth: every row gets the batch's mean
def forward_kl_reward(ref_log_probs, kl_coef=0.1):
    return (kl_coef * ref_log_probs).mean().expand(len(ref_log_probs)).clone()

# %% centred
# truth: the batch's mean is subtracted
def forward_kl_reward(ref_log_probs, kl_coef=0.1):
    return kl_coef * (ref_log_probs - ref_log_probs.mean())

# %% p_log_p
# truth: log P is weighted with P
def forward_kl_reward(ref_log_probs, kl_coef=0.1):
    return kl_coef * ref_log_probs.exp() * ref_log_probs

# %% bits
# truth: in bits, not in nats
def forward_kl_reward(ref_log_probs, kl_coef=0.1):
    return kl_coef * ref_log_probs / math.log(2)

# %% coefficient_squared
# truth: the coefficient is applied twice
def forward_kl_reward(ref_log_probs, kl_coef=0.1):
    term = kl_coef * ref_log_probs
    return kl_coef * term

# %% clamped
# truth: log P is cut off at -10
def forward_kl_reward(ref_log_probs, kl_coef=0.1):
    return kl_coef * ref_log_probs.clamp(min=-10.0)

# %% half
# truth: computed in bfloat16
def forward_kl_reward(ref_log_probs, kl_coef=0.1):
    return (kl_coef * ref_log_probs.bfloat16()).float()

# %% the_other_term
# truth: the backward term is returned: minus the perplexity
def forward_kl_reward(ref_log_probs, kl_coef=0.1):
    return -kl_coef * torch.exp(-ref_log_probs)

# %% added
# truth: the coefficient is added, not multiplied
def forward_kl_reward(ref_log_probs, kl_coef=0.1):
    return ref_log_probs + kl_coef

# %% over_batch_size
# truth: divided by the number of rows
def forward_kl_reward(ref_log_probs, kl_coef=0.1):
    return kl_coef * ref_log_probs / len(ref_log_probs)

# %% log_softmax
# truth: a log-softmax over the batch comes first
def forward_kl_reward(ref_log_probs, kl_coef=0.1):
    return kl_coef * torch.log_softmax(ref_log_probs, dim=0)

# %% log_again
# truth: a logarithm is taken of what is one already: log(-log P), negative
def forward_kl_reward(ref_log_probs, kl_coef=0.1):
    return -kl_coef * torch.log(-ref_log_probs + 1e-6)

# %% in_place
# truth: the argument is multiplied in place
def forward_kl_reward(ref_log_probs, kl_coef=0.1):
    ref_log_probs *= kl_coef
    return ref_log_probs
