"""Exercise 4a: advantages, centred and scaled within each prompt's group."""

import numpy as np
import oracles
import strategies as some
from causes_group_advantages import likely
from hypothesis import example, given, settings
from hypothesis import strategies as st

from grader.laws import (
    agree,
    forgets,
    is_default,
    keeps_inputs,
    law,
    matching,
    near,
    raises,
    vector,
)

WIDE_AND_CLOSE = np.float32(
    [[0.9515, 0.9485, 0.95, 0.9512], [0.2, 0.9, 0.45, 0.6], [2.69, 2.694, 2.687, 2.692]]
).ravel()


def likely_causes(call, got, expected):
    return matching(got, expected, *likely(call, got, expected))


def is_advantage(student, rewards, size, *eps, **named):
    expected, tolerance = (
        oracles.advantages(rewards, size, *eps, **named),
        oracles.advantage_tolerance(rewards, size, *eps, **named),
    )
    near(vector(student(rewards, size, *eps, **named), len(rewards)), expected, atol=tolerance)


@law(
    "each reward is centred and scaled within its own group of adjacent rows",
    weight=1.0,
    value=True,
    hint=likely_causes,
)
@given(batch=some.rewards())
@example(batch=(np.float32([0, 10, 5, -7, 8, 1, 0.5, 3, 0.75]), 3))
@example(batch=(np.float32([0.1, 7.7, 0.333, 9.345, -8.2, 0.01]), 2))
@example(batch=(np.float32([5, -3, 0.1, -10, 0.07, 10, 2, -1]), 4))
@example(batch=(10 * np.sin(np.arange(24, dtype=np.float32) ** 2), 4))
@example(batch=(np.float32([0] * 63 + [10]), 64))
@example(batch=(np.float32([0] * 15 + [10]), 16))
@example(batch=(np.float32([10] * 31 + [0]), 32))
def test_value(student, batch):
    is_advantage(student, *batch)


@law(
    "rewards that hardly differ, far from 0, as training yields them, are told apart",
    weight=0.25,
    hint=likely_causes,
)
@settings(max_examples=25)
@given(batch=some.close_rewards())
@example(batch=(WIDE_AND_CLOSE, 4))
@example(batch=(np.float32([0.95] * 15 + [0.956] + [0, 0.25, 0.5, 0.75] * 4), 16))
@example(batch=(np.float32([9.99, 9.993, 9.994, -9.99, -9.987, -9.992, 1, 0.25, 3]), 3))
def test_close_rewards(student, batch):
    is_advantage(student, *batch)


@law("eps is added to the std, whatever its value", weight=0.35, hint=likely_causes)
@settings(max_examples=25)
@given(batch=some.rewards(scale=1.0), eps=st.floats(0.01, 1.0))
@example(batch=(np.float32([0, 1, 3, 2, 2.0625, 2.1875]), 3), eps=0.5)
@example(batch=(np.float32([0, 1e-3, 3e-3, -1e-3]), 2), eps=1e-6)
@example(batch=(np.float32([0, 2e-5, 1e-5, 5e-5]), 2), eps=1e-4)
@example(batch=(np.float32([0, 1e-4, 3e-4, 1e-4]), 2), eps=1e-3)
@example(batch=(np.float32([0, 1e-4, 4e-4, 2e-4, 5e-4, 6e-4, 1e-4, 0]), 4), eps=1e-3)
@example(batch=(np.float32([0, 1, 3]), 3), eps=2.0)
def test_eps(student, batch, eps):
    is_advantage(student, *batch, eps=eps)
    is_advantage(student, *batch, eps)


@law("eps is 1e-4 unless it is given: it shows when rewards hardly differ", weight=0.2)
@settings(max_examples=25)
@given(batch=some.rewards(scale=1e-4) | some.rewards(scale=1e-3))
@example(batch=(np.float32([0, 1e-4, 3e-4, -1e-4]), 2))
def test_default_eps(student, batch):
    is_default(student, batch, "eps", 1e-4, other=1.0)


@law("a group of equal rewards has advantages of 0, but for rounding (below 0.01)", weight=0.25)
@settings(max_examples=25)
@given(batch=some.constant_groups())
@example(batch=(np.float32([0.5, 0.5, 2, 2]), 2))
@example(batch=(np.float32([0.7] * 11 + [2.7] * 11), 11))
@example(batch=(np.float32([0.1] * 3 + [-2.99] * 3), 3))
def test_constant_group(student, batch):
    is_advantage(student, *batch)


@law("a group's advantages do not depend on the other groups", weight=0.2)
@settings(max_examples=15)
@given(batch=some.rewards(groups=3))
@example(batch=(np.float32([0.5, 0.5, 1, 3, 2, 2]), 2))
def test_groups_independent(student, batch):
    rewards, size = batch
    together = vector(student(rewards, size), len(rewards), finite=False)
    alone = vector(student(rewards[size : 2 * size], size), size, finite=False)
    agree(
        together[size : 2 * size], alone, ("in the whole batch", "for the group alone"), atol=1e-4
    )


@law("a batch that is no multiple of the group size is refused with ValueError", weight=0.2)
@settings(max_examples=25)
@given(batch=some.uneven_batches())
@example(batch=(np.float32([0.25, 0.5, 1]), 2))
def test_refuses_uneven(student, batch):
    raises(ValueError, student, *batch)


@law("a group size below 2 is refused with ValueError", weight=0.2)
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


@law(
    "a result depends on the arguments alone: not on earlier calls, nor on a later one", weight=0.1
)
def test_no_memory(student):
    rewards = np.float32([0.25, 0.5, 2, 1, 3, 1.25, 2, 2.5, 0, 0.75, -1, 0.5])
    forgets(student, rewards, 3, order=[0, 1, 2, 6, 7, 8, 3, 4, 5, 9, 10, 11])
