# ruff: noqa
# fmt: off
"""Slips on exercise 2, written from the contract alone."""

# %% times_temperature
# truth: the score is multiplied by the temperature, not divided
def exponential_shaping(scores, temperature=1.0):
    if temperature <= 0:
        raise ValueError("temperature must be positive")
    return torch.exp(scores * temperature) - 1

# %% minus_one_forgotten
# truth: the - 1 is missing
def exponential_shaping(scores, temperature=1.0):
    if temperature <= 0:
        raise ValueError("temperature must be positive")
    return torch.exp(scores / temperature)

# %% plus_one
# truth: + 1 in place of - 1
def exponential_shaping(scores, temperature=1.0):
    if temperature <= 0:
        raise ValueError("bad temperature")
    return torch.exp(scores / temperature) + 1

# %% base_two
# truth: powers of 2 in place of e
def exponential_shaping(scores, temperature=1.0):
    if temperature <= 0:
        raise ValueError("bad temperature")
    return 2 ** (scores / temperature) - 1

# %% base_ten
# truth: powers of 10 in place of e
def exponential_shaping(scores, temperature=1.0):
    if temperature <= 0:
        raise ValueError("bad temperature")
    return torch.pow(10.0, scores / temperature) - 1

# %% divided_outside
# truth: the temperature divides the exponential, not the score
def exponential_shaping(scores, temperature=1.0):
    if temperature <= 0:
        raise ValueError("bad temperature")
    return torch.exp(scores) / temperature - 1

# %% whole_divided
# truth: the temperature divides exp(score) - 1 as a whole
def exponential_shaping(scores, temperature=1.0):
    if temperature <= 0:
        raise ValueError("bad temperature")
    return (torch.exp(scores) - 1) / temperature

# %% one_inside
# truth: the 1 is subtracted inside the exponential
def exponential_shaping(scores, temperature=1.0):
    if temperature <= 0:
        raise ValueError("bad temperature")
    return torch.exp(scores / temperature - 1)

# %% score_minus_one
# truth: 1 is subtracted from the score before it is divided, inside the exponential
def exponential_shaping(scores, temperature=1.0):
    if temperature <= 0:
        raise ValueError("bad temperature")
    return torch.exp((scores - 1) / temperature)

# %% scaled_to_one
# truth: scaled so that the curve ends at 1, as in the figure
def exponential_shaping(scores, temperature=1.0):
    if temperature <= 0:
        raise ValueError("bad temperature")
    return torch.expm1(scores / temperature) / math.expm1(1 / temperature)

# %% temperature_squared
# truth: the score is divided by the temperature squared
def exponential_shaping(scores, temperature=1.0):
    if temperature <= 0:
        raise ValueError("bad temperature")
    return torch.exp(scores / temperature**2) - 1

# %% saturating
# truth: 1 - exp(-score / T): the exponent's sign and the whole's sign are turned
def exponential_shaping(scores, temperature=1.0):
    if temperature <= 0:
        raise ValueError("bad temperature")
    return 1 - torch.exp(-scores / temperature)

# %% one_minus
# truth: the whole has the opposite sign: 1 - exp
def exponential_shaping(scores, temperature=1.0):
    if temperature <= 0:
        raise ValueError("bad temperature")
    return 1 - torch.exp(scores / temperature)

# %% negative_exponent
# truth: the exponent's sign is turned: exp(-score / T) - 1
def exponential_shaping(scores, temperature=1.0):
    if temperature <= 0:
        raise ValueError("bad temperature")
    return torch.exp(-scores / temperature) - 1

# %% second_order
# truth: the exponential is cut after the second order of its series
def exponential_shaping(scores, temperature=1.0):
    if temperature <= 0:
        raise ValueError("bad temperature")
    x = scores / temperature
    return x + x**2 / 2

# %% temperature_ignored
# truth: the temperature is not used
def exponential_shaping(scores, temperature=1.0):
    if temperature <= 0:
        raise ValueError("bad temperature")
    return torch.exp(scores) - 1

# %% nothing_raised
# truth: no ValueError for a temperature that is not positive
def exponential_shaping(scores, temperature=1.0):
    return torch.exp(scores / temperature) - 1

# %% zero_let_through
# truth: temperature 0 raises no ValueError, only negative ones do
def exponential_shaping(scores, temperature=1.0):
    if temperature < 0:
        raise ValueError("negative temperature")
    return torch.exp(scores / temperature) - 1

# %% assertion
# truth: an AssertionError in place of a ValueError
def exponential_shaping(scores, temperature=1.0):
    assert temperature > 0, "temperature must be positive"
    return torch.exp(scores / temperature) - 1

# %% exponent_capped
# truth: the exponent is cut off at 10
def exponential_shaping(scores, temperature=1.0):
    if temperature <= 0:
        raise ValueError("bad temperature")
    return torch.exp((scores / temperature).clamp(max=10)) - 1

# %% half
# truth: computed in half precision
def exponential_shaping(scores, temperature=1.0):
    if temperature <= 0:
        raise ValueError("bad temperature")
    return (torch.exp((scores / temperature).bfloat16()) - 1).float()

# %% maximum_taken_off
# truth: the batch's largest score is subtracted before the exponential, as in a stable softmax
def exponential_shaping(scores, temperature=1.0):
    if temperature <= 0:
        raise ValueError("bad temperature")
    x = scores / temperature
    return torch.exp(x - x.max()) - 1

# %% softmax
# truth: a softmax over the batch in place of the exponential
def exponential_shaping(scores, temperature=1.0):
    if temperature <= 0:
        raise ValueError("bad temperature")
    return torch.softmax(scores / temperature, dim=0)

# %% power
# truth: the score to the power 1 / T, no exponential
def exponential_shaping(scores, temperature=1.0):
    if temperature <= 0:
        raise ValueError("bad temperature")
    return scores ** (1 / temperature)

# %% floor_of_temperature
# truth: temperatures below 0.1 are replaced by 0.1
def exponential_shaping(scores, temperature=1.0):
    if temperature <= 0:
        raise ValueError("bad temperature")
    return torch.exp(scores / max(temperature, 0.1)) - 1

# %% in_place
# truth: the scores are divided in place
def exponential_shaping(scores, temperature=1.0):
    if temperature <= 0:
        raise ValueError("bad temperature")
    return scores.div_(temperature).exp() - 1

# %% default_two
# truth: the default temperature is 0.5, not 1
def exponential_shaping(scores, temperature=0.5):
    if temperature <= 0:
        raise ValueError("bad temperature")
    return torch.exp(scores / temperature) - 1
