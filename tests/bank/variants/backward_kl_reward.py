# ruff: noqa
# fmt: off
"""Right work on exercise 3c in many styles."""

# %% reciprocal
# right: divides by the probability
def backward_kl_reward(ref_log_probs, kl_coef=0.1):
    return -kl_coef / torch.exp(ref_log_probs)

# %% numpy
# right: NumPy
import numpy

def backward_kl_reward(ref_log_probs, kl_coef=0.1):
    return -kl_coef * numpy.exp(-ref_log_probs.numpy())

# %% power_of_e
# right: math.e to the power of
import math

def backward_kl_reward(ref_log_probs, kl_coef=0.1):
    perplexity = [math.e ** -float(value) for value in ref_log_probs]
    return torch.tensor([-kl_coef * value for value in perplexity], dtype=torch.float64)

# %% subtracted
# right: subtracts from zero
def backward_kl_reward(ref_log_probs: "torch.Tensor", kl_coef: float = 0.1) -> "torch.Tensor":
    π = ref_log_probs.exp()
    penalty = torch.zeros_like(π)
    penalty -= kl_coef * π.reciprocal()
    return penalty

# %% vectorised_lambda
# right: numpy.vectorize
import math
import numpy as np

def backward_kl_reward(ref_log_probs, kl_coef=0.1):
    return np.vectorize(lambda value: -kl_coef * math.exp(-value))(ref_log_probs)

# %% cached_by_argument
# right: functools.cache on the values, as a tuple
import functools
import math

@functools.cache
def penalties(log_probs, kl_coef):
    return [-kl_coef * math.exp(-x) for x in log_probs]

def backward_kl_reward(ref_log_probs, kl_coef=0.1):
    return penalties(tuple(ref_log_probs.tolist()), kl_coef)
