"""Exercise 4c: the clipped surrogate of GRPO as a loss, its value and its gradient."""

import numpy as np
import oracles
import strategies as some
from causes_policy_loss import likely, likely_slopes
from hypothesis import example, given, settings
from hypothesis import strategies as st

from grader.laws import (
    check,
    forgets,
    gradients,
    is_default,
    keeps_inputs,
    law,
    matching,
    near,
    scalar,
)


def likely_causes(call, got, expected):
    return matching(got, expected, *likely(call, got, expected))


def likely_causes_of_slopes(call, got, expected):
    """Compared as if each token stood alone: in a large batch every slope is small."""
    count = max(int(call.args[3].sum()), 1)
    got, expected = got.ravel() * count, expected.ravel() * count
    return matching(got, expected, *likely_slopes(call, got, expected))


OLD = np.float32([[-1, -2.5, -0.5, -3, -1.25], [-2, -1, -4, -1.5, -3]])
RATIO = np.array([[1.5, 0.5, 1.1, 1.0, 0.7], [0.6, 1.4, 0.9, 1.6, 1.0]])
NEW = (OLD + np.log(RATIO)).astype(np.float32)
GOOD_AND_BAD = np.float32([1, -0.5])


def small(*mask):
    """A readable example on which the typical mistakes differ; `mask` has one or two rows of up to five."""
    mask = np.array(mask)
    rows, length = mask.shape
    return example(batch=(NEW[:rows, :length], OLD[:rows, :length], GOOD_AND_BAD[:rows], mask))


def is_loss(student, batch, *epsilon, **named):
    loss, _ = oracles.policy_loss(*batch, *epsilon, **named)
    got = scalar(student(*batch, *epsilon, **named))
    near(got, loss, atol=oracles.loss_rounding(*batch, *epsilon, **named))


def is_slope(student, batch, *epsilon):
    """Compare the gradient in log_probs, and give it."""
    _, slope = oracles.policy_loss(*batch, *epsilon)
    [got] = gradients(student, *batch, *epsilon, of=[0])
    atol = 1e-5 / max(int(batch[3].sum()), 1)
    near(got, slope, atol=atol, what="gradient")
    return got


@law(
    "the loss is minus the clipped surrogate, averaged over all completion tokens of the batch",
    weight=1.2,
    value=True,
    hint=likely_causes,
)
@given(batch=some.loss_batches())
@small([0, 1, 1, 0], [0, 0, 0, 1])
@small([0, 1, 1, 1], [0, 1, 1, 0])
@example(batch=some.large_loss_batch(40, 6))
@example(batch=some.large_loss_batch(3, 100))
@example(batch=some.large_loss_batch(8, 1024))
def test_value(student, batch):
    is_loss(student, batch)


@law(
    "its gradient in log_probs: minus advantage times ratio of each token, over the number of tokens",
    weight=1.1,
    hint=likely_causes_of_slopes,
)
@settings(max_examples=40)
@given(batch=some.loss_batches(spread=0.17))
@example(batch=(OLD - 0.125, OLD, GOOD_AND_BAD, np.array([[0, 1, 1, 1, 0], [0, 1, 0, 0, 0]])))
@example(batch=some.large_loss_batch(12, 6, spread=0.05))
@example(batch=some.large_loss_batch(8, 1024, spread=0.05))
def test_gradient(student, batch):
    is_slope(student, batch)


@law(
    "where clipping gains nothing more the gradient is exactly 0, and nowhere else",
    weight=0.5,
    hint=likely_causes_of_slopes,
)
@settings(max_examples=40)
@given(batch=some.loss_batches(spread=1.6))
@small([0, 1, 1, 1], [0, 1, 1, 1])
@example(batch=some.large_loss_batch(12, 6))
def test_clipped(student, batch):
    got = is_slope(student, batch)
    value, slope = oracles.surrogate(*batch[:3])
    idle = (slope == 0) & (batch[3] == 1) & (value != 0)
    check(bool((got[idle] == 0).all()), "a token that is clipped still has a gradient")


@law(
    "where both policies agree the ratio is 1, but its gradient is not that of a constant",
    weight=0.4,
    hint=likely_causes_of_slopes,
)
@settings(max_examples=25)
@given(batch=some.on_policy())
@example(batch=(OLD, GOOD_AND_BAD, np.array([[0, 1, 1, 1, 1], [0, 0, 1, 1, 0]])))
def test_on_policy(student, batch):
    log_probs, advantages, mask = batch
    is_slope(student, (log_probs, log_probs.copy(), advantages, mask))


@law("old_log_probs is data: no gradient reaches it", weight=0.3)
@settings(max_examples=15)
@given(batch=some.loss_batches())
@small([0, 1, 1, 1], [0, 1, 1, 0])
@small([1, 1, 0, 1, 1])
def test_old_is_data(student, batch):
    _, slope = gradients(student, *batch, of=[0, 1])
    check(not slope.any(), "a gradient reaches old_log_probs: .detach() it", cause="old")


@law(
    "exactly the tokens marked 1 count, position 0 and tokens behind a gap among them",
    weight=0.3,
    hint=likely_causes,
)
@settings(max_examples=25)
@given(batch=some.loss_batches("gaps") | some.loss_batches("from 0"))
@small([1, 1, 0, 0])
@small([1])
@small([0, 1, 0, 1, 0], [1, 0, 0, 1, 1])
@example(batch=some.gappy(some.large_loss_batch(3, 12)))
@example(batch=some.from_zero(some.large_loss_batch(8, 6)))
def test_mask(student, batch):
    is_loss(student, batch)


@law("a row without tokens adds nothing, and a batch without any gives 0", weight=0.25)
@settings(max_examples=25)
@given(batch=some.loss_batches("empty"))
@small([0, 0, 0, 0], [0, 1, 1, 0])
@small([0, 0, 0, 0], [0, 0, 0, 0])
@example(batch=some.first_empty(some.large_loss_batch(3, 6)))
def test_empty(student, batch):
    is_loss(student, batch)


@law("epsilon bounds the ratio from both sides, whatever its value", weight=0.3)
@settings(max_examples=25)
@given(data=st.data(), epsilon=st.sampled_from([0.05, 0.1, 0.3, 0.5]))
def test_epsilon(student, data, epsilon):
    batch = data.draw(some.loss_batches(epsilon=epsilon))
    is_loss(student, batch, epsilon=epsilon)
    is_loss(student, batch, epsilon)


@law("epsilon is 0.2 unless it is given", weight=0.15)
def test_default_epsilon(student):
    for rows in (1, 2):
        batch = NEW[:rows], OLD[:rows], GOOD_AND_BAD[:rows], np.ones((rows, 5), np.int64)
        is_default(student, batch, "epsilon", 0.2, other=0.4, one=True)


@law(
    "policies far apart: a bad token that became likely costs all of its large ratio",
    weight=0.3,
    hint=likely_causes,
)
@settings(max_examples=25)
@given(batch=some.loss_batches(spread=20.0))
@example(
    batch=(np.float32([[0, -20]]), np.float32([[-20, 0]]), np.float32([-1]), np.array([[1, 1]]))
)
@example(
    batch=(np.float32([[-0.5, -9]]), np.float32([[-9.5, -1]]), np.float32([-2]), np.array([[1, 1]]))
)
@example(
    batch=(np.float32([[-1, -16]]), np.float32([[-6, -2]]), np.float32([3]), np.array([[1, 1]]))
)
def test_far_apart(student, batch):
    is_loss(student, batch)


@law("log-probabilities, advantages and mask are left as they were", weight=0.1)
@settings(max_examples=10)
@given(batch=some.loss_batches())
@small([0, 0, 0, 0], [1, 1, 0, 1])
@small([1, 1, 1, 1])
def test_inputs_kept(student, batch):
    keeps_inputs(student, *batch)


@law(
    "a result depends on the arguments alone: not on earlier calls, nor on a later one", weight=0.1
)
def test_no_memory(student):
    new, old, advantages, mask = some.large_loss_batch(5, 6)
    forgets(
        student, new, old, advantages, mask, other=(old, new, -advantages, *some.gappy((mask,)))
    )
