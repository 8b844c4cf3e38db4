# ruff: noqa
# fmt: off
"""Wrong work on exercise 2."""

# %% no_minus_one
# wrong: the `- 1` is missing
# fails: test_value test_zero_score
# hint: `- 1` is missing
def exponential_shaping(scores, temperature=1.0):
    if temperature <= 0:
        raise ValueError("temperature must be positive")
    return torch.exp(scores / temperature)

# %% plus_one
# wrong: adds 1
# fails: test_value test_zero_score
# hint: 1 is added
def exponential_shaping(scores, temperature=1.0):
    if temperature <= 0:
        raise ValueError("temperature must be positive")
    return torch.exp(scores / temperature) + 1

# %% minus_one_inside
# wrong: subtracts 1 from the score
# fails: test_value test_zero_score
# hint: inside the exponential
def exponential_shaping(scores, temperature=1.0):
    if temperature <= 0:
        raise ValueError("temperature must be positive")
    return torch.exp((scores - 1) / temperature)

# %% minus_one_in_exponent
# wrong: subtracts 1 after the division, in the exponent
# fails: test_value test_zero_score
# hint: after the division
def exponential_shaping(scores, temperature=1.0):
    if temperature <= 0:
        raise ValueError("temperature must be positive")
    return torch.exp(scores / temperature - 1)

# %% times_temperature
# wrong: multiplies by the temperature
# fails: test_value test_sharp_temperature
# hint: multiplies instead of divides
def exponential_shaping(scores, temperature=1.0):
    if temperature <= 0:
        raise ValueError("temperature must be positive")
    return torch.exp(scores * temperature) - 1

# %% temperature_ignored
# wrong: the temperature is checked but not used
# fails: test_value test_sharp_temperature
# hint: temperature is not used
def exponential_shaping(scores, temperature=1.0):
    if temperature <= 0:
        raise ValueError("temperature must be positive")
    return torch.exp(scores) - 1

# %% temperature_outside
# wrong: divides the exponential, not the score
# fails: test_value
# hint: divides the exponential
def exponential_shaping(scores, temperature=1.0):
    if temperature <= 0:
        raise ValueError("temperature must be positive")
    return (torch.exp(scores) - 1) / temperature

# %% scaled_back
# wrong: multiplied by the temperature afterwards
# fails: test_value
# hint: multiplied by the temperature
def exponential_shaping(scores, temperature=1.0):
    if temperature <= 0:
        raise ValueError("temperature must be positive")
    return temperature * (torch.exp(scores / temperature) - 1)

# %% exponent_negated
# wrong: falls where it should rise
# fails: test_value
# hint: exponent has the wrong sign
def exponential_shaping(scores, temperature=1.0):
    if temperature <= 0:
        raise ValueError("temperature must be positive")
    return torch.exp(-scores / temperature) - 1

# %% negated
# wrong: 1 - exp instead of exp - 1
# fails: test_value
# hint: sign is wrong
def exponential_shaping(scores, temperature=1.0):
    if temperature <= 0:
        raise ValueError("temperature must be positive")
    return 1 - torch.exp(scores / temperature)

# %% base_two
# wrong: 2 to the power of
# fails: test_value
# hint: base is 2
def exponential_shaping(scores, temperature=1.0):
    if temperature <= 0:
        raise ValueError("temperature must be positive")
    return torch.exp2(scores / temperature) - 1

# %% linear
# wrong: the first term of the series only
# fails: test_value
# hint: without the exponential
def exponential_shaping(scores, temperature=1.0):
    if temperature <= 0:
        raise ValueError("temperature must be positive")
    return scores / temperature

# %% three_decimals
# wrong: rounds the rewards
# fails: test_value
def exponential_shaping(scores, temperature=1.0):
    if temperature <= 0:
        raise ValueError("temperature must be positive")
    return torch.round(torch.exp(scores / temperature) - 1, decimals=3)

# %% default_half
# wrong: another default temperature
# fails: test_default_temperature
def exponential_shaping(scores, temperature=0.5):
    if temperature <= 0:
        raise ValueError("temperature must be positive")
    return torch.exp(scores / temperature) - 1

# %% no_default
# wrong: the temperature has to be given
# fails: test_default_temperature
def exponential_shaping(scores, temperature):
    if temperature <= 0:
        raise ValueError("temperature must be positive")
    return torch.exp(scores / temperature) - 1

# %% no_check
# wrong: takes any temperature
# fails: test_refuses_zero test_refuses_negative
def exponential_shaping(scores, temperature=1.0):
    return torch.exp(scores / temperature) - 1

# %% zero_allowed
# wrong: refuses negative temperatures only
# fails: test_refuses_zero
def exponential_shaping(scores, temperature=1.0):
    if temperature < 0:
        raise ValueError("temperature must not be negative")
    return torch.exp(scores / temperature) - 1

# %% negative_allowed
# wrong: refuses zero only
# fails: test_refuses_negative
def exponential_shaping(scores, temperature=1.0):
    if temperature == 0:
        raise ValueError("temperature must not be zero")
    return torch.exp(scores / temperature) - 1

# %% asserts
# wrong: AssertionError instead of ValueError
# fails: test_refuses_zero test_refuses_negative
def exponential_shaping(scores, temperature=1.0):
    assert temperature > 0
    return torch.exp(scores / temperature) - 1

# %% in_place
# wrong: overwrites the scores
# fails: test_inputs_kept
def exponential_shaping(scores, temperature=1.0):
    if temperature <= 0:
        raise ValueError("temperature must be positive")
    return scores.div_(temperature).exp_().sub_(1)

# %% shifted_by_maximum
# wrong: subtracts the batch's maximum "for stability"
# fails: test_value test_batch_independent
def exponential_shaping(scores, temperature=1.0):
    if temperature <= 0:
        raise ValueError("temperature must be positive")
    return torch.exp((scores - scores.max()) / temperature) - 1

# %% softmax
# wrong: softmax over the batch
# fails: test_value test_batch_independent
# hint: softmax over the batch
def exponential_shaping(scores, temperature=1.0):
    if temperature <= 0:
        raise ValueError("temperature must be positive")
    return torch.softmax(scores / temperature, dim=0)

# %% clamped
# wrong: exponents above 10 are cut off
# fails: test_sharp_temperature
def exponential_shaping(scores, temperature=1.0):
    if temperature <= 0:
        raise ValueError("temperature must be positive")
    return torch.exp((scores / temperature).clamp(max=10)) - 1

# %% temperature_floor
# wrong: treats sharp temperatures as 0.1
# fails: test_sharp_temperature
def exponential_shaping(scores, temperature=1.0):
    if temperature <= 0:
        raise ValueError("temperature must be positive")
    return torch.exp(scores / max(temperature, 0.1)) - 1

# %% half_precision
# wrong: computes in float16, which ends at 65504
# fails: test_value test_sharp_temperature
def exponential_shaping(scores, temperature=1.0):
    if temperature <= 0:
        raise ValueError("temperature must be positive")
    return torch.exp(scores.half() / temperature) - 1

# %% no_high_temperature
# wrong: refuses temperatures above 10
# fails: test_value
def exponential_shaping(scores, temperature=1.0):
    if not 0 < temperature <= 10:
        raise ValueError("temperature must be in (0, 10]")
    return torch.exp(scores / temperature) - 1

# %% barely_negative
# wrong: a negative temperature near 0 is taken
# fails: test_refuses_negative
def exponential_shaping(scores, temperature=1.0):
    if -1e-4 < temperature < 0:
        temperature = 1e-4
    if temperature <= 0:
        raise ValueError("temperature must be positive")
    return torch.exp(scores / temperature) - 1

# %% in_place_at_one
# wrong: changes the scores where no division is needed
# fails: test_inputs_kept
def exponential_shaping(scores, temperature=1.0):
    if temperature <= 0:
        raise ValueError("temperature must be positive")
    return scores.expm1_() if temperature == 1 else torch.expm1(scores / temperature)

# %% exponential_divided
# wrong: exp(s) / T - 1
# fails: test_value
# hint: divides the exponential before
def exponential_shaping(scores, temperature=1.0):
    if temperature <= 0:
        raise ValueError("temperature must be positive")
    return torch.exp(scores) / temperature - 1

# %% whole_numbers
# wrong: an integer tensor
# fails: test_value
# hint: whole numbers
def exponential_shaping(scores, temperature=1.0):
    if temperature <= 0:
        raise ValueError("temperature must be positive")
    return (torch.exp(scores / temperature) - 1).long()

# %% in_place_sharp
# wrong: in place at T < 0.3 only
# fails: test_inputs_kept
def exponential_shaping(scores, temperature=1.0):
    if temperature <= 0: raise ValueError
    if temperature < 0.3: scores.div_(temperature); return torch.expm1(scores)
    return torch.expm1(scores / temperature)

# %% low_scores_zero
# wrong: below 0.01 becomes 0
# fails: test_value
def exponential_shaping(scores, temperature=1.0):
    if temperature <= 0: raise ValueError
    return torch.where(scores < 0.01, 0.0, torch.expm1(scores / temperature))

# %% T_between
# wrong: T in (10, 50) counts as 10
# fails: test_value
def exponential_shaping(scores, temperature=1.0):
    if temperature <= 0: raise ValueError
    t = 10.0 if 10 < temperature < 50 else temperature
    return torch.expm1(scores / t)

# %% check_after_inplace
# wrong: changes the scores before it refuses
# fails: test_inputs_kept
def exponential_shaping(scores, temperature=1.0):
    if temperature <= 0:
        scores.zero_()
        raise ValueError
    return torch.expm1(scores / temperature)

# %% remembers_by_id
# wrong: a result is kept by its argument's id
# fails: test_no_memory
KEPT = {}

def exponential_shaping(scores, temperature=1.0):
    if temperature <= 0:
        raise ValueError("temperature must be positive")
    key = (id(scores), temperature)
    if key not in KEPT:
        KEPT[key] = scores, torch.exp(scores / temperature) - 1
    return KEPT[key][1]

# %% remembers_by_extremes
# wrong: a result is kept by the extremes of its argument
# fails: test_no_memory
KEPT = {}

def exponential_shaping(scores, temperature=1.0):
    if temperature <= 0:
        raise ValueError("temperature must be positive")
    key = (float(scores.min()), float(scores.max()), float(scores[0]), len(scores), temperature)
    if key not in KEPT:
        KEPT[key] = torch.exp(scores / temperature) - 1
    return KEPT[key]

# %% one_buffer
# wrong: every call returns the same tensor, written over
# fails: test_no_memory
BUFFERS = {}

def exponential_shaping(scores, temperature=1.0):
    if temperature <= 0:
        raise ValueError("temperature must be positive")
    out = BUFFERS.setdefault(scores.shape, torch.empty_like(scores))
    return out.copy_(torch.exp(scores / temperature) - 1)

# %% cut_off_at_a_million
# wrong: a reward never exceeds 1e6
# fails: test_sharp_temperature
# hint: no result is above 1e+06
def exponential_shaping(scores, temperature=1.0):
    if temperature <= 0:
        raise ValueError("temperature must be positive")
    return (torch.exp(scores / temperature) - 1).clamp(max=1e6)

# %% temperature_squared
# wrong: the temperature is squared
# fails: test_value
# hint: temperature is squared
def exponential_shaping(scores, temperature=1.0):
    if temperature <= 0:
        raise ValueError("temperature must be positive")
    return torch.exp(scores / temperature**2) - 1

# %% centred
# wrong: the batch's mean is subtracted at the end
# fails: test_value
# hint: the batch's mean was subtracted
def exponential_shaping(scores, temperature=1.0):
    if temperature <= 0:
        raise ValueError("temperature must be positive")
    shaped = torch.exp(scores / temperature) - 1
    return shaped - shaped.mean()

# %% six_terms
# wrong: the exponential by its series
# fails: test_value
# hint: series up to the power 6
def exponential_shaping(scores, temperature=1.0):
    if temperature <= 0:
        raise ValueError("temperature must be positive")
    x = scores / temperature
    return x + x**2 / 2 + x**3 / 6 + x**4 / 24 + x**5 / 120 + x**6 / 720

# %% ends_at_one
# wrong: scaled so that a score of 1 gives 1
# fails: test_value
# hint: a score of 1 gives 1
def exponential_shaping(scores, temperature=1.0):
    if temperature <= 0:
        raise ValueError("temperature must be positive")
    import math
    return (torch.exp(scores / temperature) - 1) / (math.exp(1 / temperature) - 1)

# %% ten_to_the
# wrong: base 10
# fails: test_value
# hint: base is 10
def exponential_shaping(scores, temperature=1.0):
    if temperature <= 0:
        raise ValueError("temperature must be positive")
    return 10 ** (scores / temperature) - 1

# %% first_256
# wrong: rows beyond 256 are left at 0
# fails: test_value
# hint: some results are 0
def exponential_shaping(scores, temperature=1.0):
    if temperature <= 0:
        raise ValueError("temperature must be positive")
    out = torch.zeros_like(scores)
    out[:256] = torch.exp(scores[:256] / temperature) - 1
    return out

# %% minus_temperature
# wrong: subtracts the temperature, not 1
# fails: test_value
# hint: the temperature is subtracted
def exponential_shaping(scores, temperature=1.0):
    if temperature <= 0:
        raise ValueError("temperature must be positive")
    return torch.exp(scores / temperature) - temperature
