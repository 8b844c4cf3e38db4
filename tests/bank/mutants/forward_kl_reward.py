# ruff: noqa
# fmt: off
"""Wrong work on exercise 3b."""

# %% sign_flipped
# wrong: punishes probable text
# fails: test_value
# hint: sign is wrong
def forward_kl_reward(ref_log_probs, kl_coef=0.1):
    return -kl_coef * ref_log_probs

# %% no_coefficient
# wrong: the coefficient is forgotten
# fails: test_value test_default_coefficient
# hint: coefficient is not used
def forward_kl_reward(ref_log_probs, kl_coef=0.1):
    return ref_log_probs + 0

# %% divided
# wrong: divides by the coefficient
# fails: test_value
# hint: coefficient divides
def forward_kl_reward(ref_log_probs, kl_coef=0.1):
    return ref_log_probs / kl_coef

# %% added
# wrong: adds the coefficient
# fails: test_value
# hint: coefficient is added
def forward_kl_reward(ref_log_probs, kl_coef=0.1):
    return ref_log_probs + kl_coef

# %% coefficient_fixed
# wrong: 0.1 whatever is given
# fails: test_value
# hint: fixed at its default
def forward_kl_reward(ref_log_probs, kl_coef=0.1):
    return 0.1 * ref_log_probs

# %% zero_means_default
# wrong: a coefficient of 0 becomes 0.1
# fails: test_value
def forward_kl_reward(ref_log_probs, kl_coef=None):
    return (kl_coef or 0.1) * ref_log_probs

# %% another_default
# wrong: the default is 0.01
# fails: test_default_coefficient
def forward_kl_reward(ref_log_probs, kl_coef=0.01):
    return kl_coef * ref_log_probs

# %% probability
# wrong: uses the probability, not its logarithm
# fails: test_value
# hint: logarithm was undone
def forward_kl_reward(ref_log_probs, kl_coef=0.1):
    return kl_coef * torch.exp(ref_log_probs)

# %% log_of_log
# wrong: takes the logarithm once more
# fails: test_value
def forward_kl_reward(ref_log_probs, kl_coef=0.1):
    return kl_coef * torch.log(ref_log_probs)

# %% clipped
# wrong: log-probabilities below -10 are cut off
# fails: test_value
def forward_kl_reward(ref_log_probs, kl_coef=0.1):
    return kl_coef * ref_log_probs.clamp(min=-10)

# %% batch_mean
# wrong: one number for the batch
# fails: test_value
def forward_kl_reward(ref_log_probs, kl_coef=0.1):
    return kl_coef * ref_log_probs.mean()

# %% in_place
# wrong: overwrites its input
# fails: test_inputs_kept
def forward_kl_reward(ref_log_probs, kl_coef=0.1):
    ref_log_probs *= kl_coef
    return ref_log_probs

# %% capped_coefficient
# wrong: a coefficient above 3 counts as 3
# fails: test_value
def forward_kl_reward(ref_log_probs, kl_coef=0.1):
    return min(kl_coef, 3) * ref_log_probs

# %% coef_min_001
# wrong: 0 < coef < 0.01 counts as 0.01
# fails: test_value
def forward_kl_reward(ref_log_probs, kl_coef=0.1):
    return (max(kl_coef, 0.01) if kl_coef else 0.0) * ref_log_probs

# %% round5
# wrong: 5 places
# fails: test_value
def forward_kl_reward(ref_log_probs, kl_coef=0.1):
    return (kl_coef * ref_log_probs).round(decimals=5)

# %% remembers_by_id
# wrong: a result is kept by its argument's id
# fails: test_no_memory
KEPT = {}

def forward_kl_reward(ref_log_probs, kl_coef=0.1):
    key = (id(ref_log_probs), kl_coef)
    if key not in KEPT:
        KEPT[key] = ref_log_probs, kl_coef * ref_log_probs
    return KEPT[key][1]

# %% remembers_by_place
# wrong: a result is kept by where its argument lies in memory
# fails: test_no_memory
KEPT = {}

def forward_kl_reward(ref_log_probs, kl_coef=0.1):
    key = (ref_log_probs.data_ptr(), len(ref_log_probs), kl_coef)
    if key not in KEPT:
        KEPT[key] = ref_log_probs, kl_coef * ref_log_probs
    return KEPT[key][1]

# %% remembers_by_mean
# wrong: a result is kept by the mean and the ends of its argument
# fails: test_no_memory
KEPT = {}

def forward_kl_reward(ref_log_probs, kl_coef=0.1):
    key = (round(float(ref_log_probs.mean()), 3), float(ref_log_probs[0]), float(ref_log_probs[-1]), len(ref_log_probs), kl_coef)
    if key not in KEPT:
        KEPT[key] = kl_coef * ref_log_probs
    return KEPT[key]

# %% one_buffer
# wrong: every call returns the same tensor, written over
# fails: test_no_memory
BUFFERS = {}

def forward_kl_reward(ref_log_probs, kl_coef=0.1):
    out = BUFFERS.setdefault(ref_log_probs.shape, torch.empty_like(ref_log_probs))
    return out.copy_(kl_coef * ref_log_probs)

# %% divided_by_batch
# wrong: a mean over the batch was begun
# fails: test_value
# hint: divided by the size of the batch
def forward_kl_reward(ref_log_probs, kl_coef=0.1):
    return kl_coef * ref_log_probs / len(ref_log_probs)

# %% minus_best
# wrong: the batch's best is subtracted
# fails: test_value
# hint: largest result was subtracted
def forward_kl_reward(ref_log_probs, kl_coef=0.1):
    return kl_coef * (ref_log_probs - ref_log_probs.max())

# %% first_256
# wrong: rows beyond 256 are left at 0
# fails: test_value
# hint: some results are 0
def forward_kl_reward(ref_log_probs, kl_coef=0.1):
    out = torch.zeros_like(ref_log_probs)
    out[:256] = kl_coef * ref_log_probs[:256]
    return out

# %% large_coefficient_halved
# wrong: coefficients above 5 count half
# fails: test_value
def forward_kl_reward(ref_log_probs, kl_coef=0.1):
    return (kl_coef / 2 if kl_coef > 5 else kl_coef) * ref_log_probs

# %% backward_term
# wrong: the other exercise
# fails: test_value
# hint: backward
def forward_kl_reward(ref_log_probs, kl_coef=0.1):
    return -kl_coef * torch.exp(-ref_log_probs)
