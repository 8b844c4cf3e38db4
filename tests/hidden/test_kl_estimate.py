"""Exercise 4b: the k3 estimate of the KL divergence, as a mean over completion tokens."""

import numpy as np
import oracles
import strategies as some
from causes_kl_estimate import likely
from hypothesis import example, given, settings

from grader.laws import agree, check, forgets, keeps_inputs, law, matching, near, vector


def likely_causes(call, got, expected):
    return matching(got, expected, *likely(call, got, expected))


POLICY = np.float32([[-1, -2.5, -0.5, -3, -1.25], [-2, -1, -4, -1.5, -3]])
REFERENCE = np.float32([[-2, -2, -2.5, -1.5, -1], [-1.25, -2.5, -3, -2, -1]])


def small(*mask):
    """A readable example on which the typical mistakes differ; `mask` has one or two rows of up to five."""
    mask = np.array(mask)
    rows, length = mask.shape
    return example(pair=(POLICY[:rows, :length], REFERENCE[:rows, :length], mask))


def is_estimate(student, policy, ref, mask):
    near(vector(student(policy, ref, mask), len(mask)), oracles.kl_estimate(policy, ref, mask))


@law(
    "each row gives the mean of the k3 estimator over its completion tokens",
    weight=0.7,
    value=True,
    hint=likely_causes,
)
@given(pair=some.log_prob_pairs())
@small([0, 1, 1, 0], [0, 0, 0, 1])
@small([1, 1, 1, 0], [0, 1, 1, 0])
@example(pair=some.large_log_prob_pair(40, 6))
@example(pair=some.large_log_prob_pair(3, 100))
@example(pair=some.large_log_prob_pair(8, 1024))
def test_value(student, pair):
    is_estimate(student, *pair)


@law("position 0 counts where its mask is 1", weight=0.2, hint=likely_causes)
@settings(max_examples=25)
@given(pair=some.log_prob_pairs("from 0"))
@small([1, 1, 0, 0])
@small([1])
@small([1, 0, 1, 0], [0, 1, 1, 0])
@small([1, 0, 0], [0, 1, 1])
@small([0, 1, 1, 0], [1, 1, 1, 0])
@small([0, 1, 1, 0], [1, 1, 0, 1])
@example(pair=some.from_zero(some.large_log_prob_pair(8, 6)))
@small([1, 1, 1, 1], [1, 0, 1, 1])
def test_position_zero(student, pair):
    is_estimate(student, *pair)


@law("a mask with gaps: exactly the tokens marked 1 count", weight=0.2, hint=likely_causes)
@settings(max_examples=25)
@given(pair=some.log_prob_pairs("gaps"))
@small([0, 1, 0, 1, 0])
@small([0, 1, 0, 0, 1], [0, 0, 1, 0, 1])
@example(pair=some.gappy(some.large_log_prob_pair(3, 12)))
def test_gaps(student, pair):
    is_estimate(student, *pair)


@law("a row without completion tokens gives 0", weight=0.2)
@settings(max_examples=25)
@given(pair=some.log_prob_pairs("empty"))
@small([0, 0, 0, 0], [0, 1, 1, 0])
def test_empty_completion(student, pair):
    counted = pair[2].any(axis=1)
    got = vector(student(*pair), len(counted), finite=False)
    check(
        bool(np.isfinite(got[~counted]).all()), "the result is nan or infinite there: is it 0 / 0?"
    )
    near(got[~counted], np.zeros((~counted).sum()))


@law(
    "policies far apart give the full, exponentially large estimate", weight=0.2, hint=likely_causes
)
@settings(max_examples=25)
@given(pair=some.log_prob_pairs(spread=40.0))
@example(pair=(np.float32([[-20, 0]]), np.float32([[0, -20]]), np.array([[1, 0]])))
@example(pair=(np.float32([[-20, 0]]), np.float32([[0, -20]]), np.array([[0, 1]])))
@example(pair=(np.float32([[-1, -19, -2]]), np.float32([[-4, -0.5, -1]]), np.array([[0, 1, 1]])))
@example(pair=(np.float32([[-19, -9, -2]]), np.float32([[-0.5, -1, -3]]), np.array([[1, 1, 1]])))
def test_far_apart(student, pair):
    is_estimate(student, *pair)


@law("it is never negative, and 0 where policy and reference agree", weight=0.2)
@settings(max_examples=25)
@given(pair=some.log_prob_pairs(batch=2))
@small([0, 1, 1, 0], [0, 1, 1, 1])
def test_zero_at_agreement(student, pair):
    policy, ref, mask = pair
    ref = np.stack([policy[0], ref[1]])
    got = vector(student(policy, ref, mask), 2)
    check(got.min() > -1e-5, "a row's estimate is negative")
    near(got[:1], [0.0])


@law("a row's result does not depend on the other rows of the batch", weight=0.15)
@settings(max_examples=15)
@given(pair=some.log_prob_pairs(batch=2))
@small([0, 0, 0, 0], [0, 1, 1, 0])
@example(pair=some.first_empty(some.large_log_prob_pair(3, 6)))
def test_batch_independent(student, pair):
    rows = len(pair[0])
    together = vector(student(*pair), rows, finite=False)
    alone = vector(student(*(part[1:] for part in pair)), rows - 1, finite=False)
    agree(together[1:], alone, ("in the whole batch", "without its first row"))


@law("both log-probabilities and the mask are left as they were", weight=0.1)
@settings(max_examples=10)
@given(pair=some.log_prob_pairs())
@small([0, 0, 0, 0], [1, 1, 0, 1])
@small([1, 1, 1, 1])
@example(pair=(np.float32([[-20, 0]]), np.float32([[0, -20]]), np.array([[1, 1]])))
def test_inputs_kept(student, pair):
    keeps_inputs(student, *pair)


@law(
    "a result depends on the arguments alone: not on earlier calls, nor on a later one", weight=0.05
)
def test_no_memory(student):
    forgets(student, *some.large_log_prob_pair(5, 6))
