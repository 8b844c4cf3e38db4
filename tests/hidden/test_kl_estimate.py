"""Exercise 4b: the k3 estimate of the KL divergence, as a mean over completion tokens."""

import numpy as np
import oracles
import strategies as some
from hypothesis import example, given, settings

from grader.laws import agree, check, keeps_inputs, law, matching, near, vector


def likely_causes(call, got, expected):
    policy, ref, mask = call.args
    gap, count = ref.astype(np.float64) - policy, mask.sum(1)
    tokens, everywhere = oracles.k3(policy, ref), np.ones_like(mask)
    return matching(
        got,
        expected,
        {
            "it looks as if policy and reference are swapped": lambda: oracles.kl_estimate(
                ref, policy, mask
            ),
            "it looks like the sum over tokens: divide by the number of completion tokens": lambda: (
                expected * count
            ),
            "it looks as if the sum is divided by the sequence's length, not by the number of completion tokens": lambda: (
                expected * count / mask.shape[1]
            ),
            "it looks as if position 0 is left out: here entry t belongs to token t": lambda: (
                oracles.masked_mean(tokens[:, 1:], mask[:, 1:])
            ),
            "it looks as if the mask is shifted by one against the tokens": lambda: (
                oracles.masked_mean(tokens[:, :-1], mask[:, 1:])
            ),
            "it looks as if the mask is not used": lambda: oracles.masked_mean(tokens, everywhere),
            "it looks as if the mask is used upside down: 1 means the token counts": lambda: (
                oracles.masked_mean(tokens, 1 - mask)
            ),
            "it looks like the k1 estimator (the plain difference)": lambda: oracles.masked_mean(
                -gap, mask
            ),
            "it looks like the k1 estimator with the wrong sign": lambda: oracles.masked_mean(
                gap, mask
            ),
            "it looks like the k2 estimator (half the squared difference)": lambda: (
                oracles.masked_mean(gap**2 / 2, mask)
            ),
            "it looks as if the `- 1` is missing": lambda: expected + (count > 0),
            "it looks as if the linear term is missing": lambda: oracles.masked_mean(
                np.expm1(gap), mask
            ),
            "it looks as if the linear term has the wrong sign": lambda: oracles.masked_mean(
                np.expm1(gap) + gap, mask
            ),
            "the sign is wrong: the estimate is never negative": lambda: -expected,
            "it looks as if 1 is added instead of subtracted": lambda: expected + 2 * (count > 0),
            "it looks as if the gaps inside the mask were counted": lambda: oracles.masked_mean(
                tokens, filled(mask)
            ),
            "it looks as if the estimator was applied to the mean difference, not to each token": lambda: (
                (lambda m: np.expm1(m) - m)(oracles.masked_mean(gap, mask))
            ),
            "it looks like one mean over the whole batch: each row has its own": lambda: np.full(
                len(got), np.sum(expected * count) / count.sum()
            ),
        },
    )


POLICY = np.float32([[-1, -2.5, -0.5, -3, -1.25], [-2, -1, -4, -1.5, -3]])
REFERENCE = np.float32([[-2, -2, -2.5, -1.5, -1], [-1.25, -2.5, -3, -2, -1]])


def small(*mask):
    """A readable example on which the typical mistakes differ; `mask` has one or two rows of up to five."""
    mask = np.array(mask)
    rows, length = mask.shape
    return example(pair=(POLICY[:rows, :length], REFERENCE[:rows, :length], mask))


def filled(mask):
    """Ones from each row's first to its last one."""
    return np.maximum.accumulate(mask, 1) * np.maximum.accumulate(mask[:, ::-1], 1)[:, ::-1]


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
    near(vector(student(*pair), len(counted))[~counted], np.zeros((~counted).sum()))


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
    together = vector(student(*pair), rows)
    alone = vector(student(*(part[1:] for part in pair)), rows - 1)
    agree(together[1:], alone, ("in the whole batch", "without its first row"))


@law("both log-probabilities and the mask are left as they were", weight=0.15)
@settings(max_examples=10)
@given(pair=some.log_prob_pairs())
@small([0, 0, 0, 0], [1, 1, 0, 1])
@small([1, 1, 1, 1])
@example(pair=(np.float32([[-20, 0]]), np.float32([[0, -20]]), np.array([[1, 1]])))
def test_inputs_kept(student, pair):
    keeps_inputs(student, *pair)
