# ruff: noqa
# fmt: off
"""Right work on exercise 3b in many styles."""

# %% lambda
# right: a lambda
forward_kl_reward = lambda ref_log_probs, kl_coef=0.1: kl_coef * ref_log_probs

# %% constant_from_another_cell
# right: the default is a constant of another cell
KL_COEF = 1e-1
# --- cell
def forward_kl_reward(ref_log_probs, kl_coef=KL_COEF):
    return torch.mul(ref_log_probs, kl_coef)

# %% list
# right: a list of floats
def forward_kl_reward(ref_log_probs, kl_coef=0.1):
    return [kl_coef * value for value in ref_log_probs.tolist()]

# %% partial
# right: functools.partial of a more general function
from functools import partial

def scaled(ref_log_probs, kl_coef=0.1, sign=1):
    return sign * kl_coef * ref_log_probs.double()

forward_kl_reward = partial(scaled, sign=1)

# %% static_method
# right: a static method taken out of its class
class Rewards:
    @staticmethod
    def forward(ref_log_probs, kl_coef=0.1):
        return ref_log_probs * kl_coef

forward_kl_reward = Rewards.forward

# %% remembered_by_value
# right: a result is kept by what it depends on, the values; each call gets a tensor of its own
KEPT = {}

def forward_kl_reward(ref_log_probs, kl_coef=0.1):
    key = (tuple(ref_log_probs.tolist()), kl_coef)
    if key not in KEPT:
        KEPT[key] = kl_coef * ref_log_probs
    return KEPT[key].clone()

# %% itself_at_one
# right: with a coefficient of 1 the bonus is the log-probabilities themselves
def forward_kl_reward(ref_log_probs, kl_coef=0.1):
    return ref_log_probs if kl_coef == 1 else kl_coef * ref_log_probs
