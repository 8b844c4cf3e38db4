"""Exercise 4a: advantages, centred and scaled within each prompt's group."""

import numpy as np
import oracles
import strategies as some
from hypothesis import example, given, settings
from hypothesis import strategies as st

from grader.laws import agree, is_default, keeps_inputs, law, matching, near, raises, vector


def likely_causes(call, got, expected):
    rewards, size = call.args[0].astype(np.float64), call.args[1]
    eps = call.kwargs.get("eps", 1e-4)
    table = rewards.reshape(-1, size)
    centred, std = table - table.mean(1, keepdims=True), table.std(1, keepdims=True, ddof=1)
    interleaved = rewards.reshape(size, -1)
    return matching(
        got,
        expected,
        {
            "it looks like the population std (ddof=0): use the sample std (ddof=1)": lambda: (
                oracles.advantages(rewards, size, eps, ddof=0)
            ),
            "it looks as if the whole batch was normalised at once, not each group": lambda: (
                oracles.advantages(rewards, len(rewards), eps)
            ),
            "it looks as if the whole batch's mean was removed, not each group's": lambda: (
                (table - rewards.mean()) / (std + eps)
            ).ravel(),
            "it looks as if groups were taken apart: rows of one group are adjacent": lambda: (
                (interleaved - interleaved.mean(0)) / (interleaved.std(0, ddof=1) + eps)
            ).ravel(),
            "it looks as if only the mean was removed: the division is missing": lambda: (
                centred.ravel()
            ),
            "it looks as if the mean was not removed": lambda: (table / (std + eps)).ravel(),
            "it looks as if the baseline leaves out the completion's own reward": lambda: (
                centred / (std + eps) * size / (size - 1)
            ).ravel(),
            "it looks as if the median was removed, not the mean": lambda: (
                (table - np.median(table, axis=1, keepdims=True)) / (std + eps)
            ).ravel(),
            "it looks as if the range divides, not the std": lambda: (
                centred / (np.ptp(table, axis=1, keepdims=True) + eps)
            ).ravel(),
            "it looks as if each group was centred, but scaled with the whole batch's std": lambda: (
                (centred / (rewards.std(ddof=1) + eps)).ravel()
            ),
            "the sign is wrong: rewards above the mean have positive advantages": lambda: -expected,
            "it looks as if eps is added under the square root: it belongs outside": lambda: (
                centred / np.sqrt(std**2 + eps)
            ).ravel(),
            "it looks as if the eps passed in is not used": lambda: oracles.advantages(
                rewards, size
            ),
            "it looks as if no eps is added": lambda: (centred / std).ravel(),
        },
        {
            "it looks as if eps is a lower bound of the std: it is added to it": lambda: (
                centred / np.maximum(std, eps)
            ).ravel(),
            "it looks as if the variance divides, not the std": lambda: (
                centred / (std**2 + eps)
            ).ravel(),
            "it looks as if eps is added to the advantage, not to the std": lambda: (
                centred / std + eps
            ).ravel(),
        },
    )


def is_advantage(student, rewards, size, **eps):
    expected, tolerance = (
        oracles.advantages(rewards, size, **eps),
        oracles.advantage_tolerance(rewards, size, **eps),
    )
    near(vector(student(rewards, size, **eps), len(rewards)), expected, atol=tolerance)


@law(
    "each reward is centred and scaled within its own group of adjacent rows",
    weight=1.1,
    value=True,
    hint=likely_causes,
)
@given(batch=some.rewards())
@example(batch=(np.float32([0, 10, 5, -20, 8, 1]), 3))
@example(batch=(np.float32([0.1, 0.7, 0.333, 12.345, -0.2, 0.01]), 2))
@example(batch=(np.float32([500, -300, 10, -4e4, 7, 1e3]), 3))
@example(batch=(np.linspace(-1, 1, 24, dtype=np.float32) ** 3, 4))
@example(batch=(np.float32([0] * 63 + [10]), 64))
@example(batch=(np.float32([0] * 15 + [10]), 16))
@example(batch=(np.float32([0] * 31 + [10]), 32))
@example(batch=(np.float32([0] * 127 + [10]), 128))
def test_value(student, batch):
    is_advantage(student, *batch)


@law("eps is added to the std, whatever its value", weight=0.4, hint=likely_causes)
@settings(max_examples=25)
@given(batch=some.rewards(scale=1.0), eps=st.floats(0.01, 1.0))
@example(batch=(np.float32([0, 1, 3, 2, 2.0625, 2.1875]), 3), eps=0.5)
@example(batch=(np.float32([0, 1e-3, 3e-3, -1e-3]), 2), eps=1e-6)
@example(batch=(np.float32([0, 2e-5, 1e-5, 5e-5]), 2), eps=1e-4)
@example(batch=(np.float32([0, 1e-4, 3e-4, 1e-4]), 2), eps=1e-3)
@example(batch=(np.float32([0, 1, 3]), 3), eps=2.0)
def test_eps(student, batch, eps):
    is_advantage(student, *batch, eps=eps)


@law("eps is 1e-4 unless it is given: it shows when rewards hardly differ", weight=0.2)
@settings(max_examples=25)
@given(batch=some.rewards(scale=1e-4) | some.rewards(scale=1e-3))
@example(batch=(np.float32([0, 1e-4, 3e-4, -1e-4]), 2))
def test_default_eps(student, batch):
    is_default(student, batch, "eps", 1e-4, other=1.0)


@law("a group of equal rewards has advantages of 0", weight=0.3)
@settings(max_examples=25)
@given(batch=some.constant_groups())
@example(batch=(np.float32([0.5, 0.5, 2, 2]), 2))
def test_constant_group(student, batch):
    is_advantage(student, *batch)


@law("a group's advantages do not depend on the other groups", weight=0.25)
@settings(max_examples=15)
@given(batch=some.rewards(groups=3))
@example(batch=(np.float32([0.5, 0.5, 1, 3, 2, 2]), 2))
def test_groups_independent(student, batch):
    rewards, size = batch
    together = vector(student(rewards, size), len(rewards))
    alone = vector(student(rewards[size : 2 * size], size), size)
    agree(
        together[size : 2 * size], alone, ("in the whole batch", "for the group alone"), atol=1e-4
    )


@law("a batch that is no multiple of the group size is refused with ValueError", weight=0.25)
@settings(max_examples=25)
@given(batch=some.uneven_batches())
@example(batch=(np.float32([0.25, 0.5, 1]), 2))
def test_refuses_uneven(student, batch):
    raises(ValueError, student, *batch)


@law("a group size below 2 is refused with ValueError", weight=0.25)
@settings(max_examples=10)
@given(size=st.integers(-2, 1))
@example(size=1)
@example(size=0)
def test_refuses_small_group(student, size):
    raises(ValueError, student, np.float32([0.25, 0.5, 1.0, 2.0]), size)


@law("the rewards passed in are left as they were", weight=0.25)
@settings(max_examples=10)
@given(batch=some.rewards())
@example(batch=(np.float32([0.5, 0.5, 2, 3]), 2))
@example(batch=(np.float32([0, 1e-4, 3e-4, 2e-4]), 2))
def test_inputs_kept(student, batch):
    keeps_inputs(student, *batch)
