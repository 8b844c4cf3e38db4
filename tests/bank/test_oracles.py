"""The oracles against what they do not use: 50-digit arithmetic, closed forms and enumeration."""

import itertools

import mpmath
import numpy as np
import pytest

from tests.hidden import oracles
from tests.hidden import strategies as some

mpmath.mp.dps = 50
RNG = np.random.default_rng(7)


def exact(values, function):
    return [float(function(mpmath.mpf(float(value)))) for value in values]


@pytest.mark.parametrize("temperature", [0.05, 0.3, 1.0, 2.5, 10.0])
def test_shaping_agrees_with_50_digits(temperature):
    scores = np.float32([0, 1e-6, 0.003, 0.25, 0.5, 0.9, 1])
    expected = exact(scores, lambda s: mpmath.exp(s / mpmath.mpf(temperature)) - 1)
    assert oracles.shaping(scores, temperature) == pytest.approx(expected, rel=1e-12, abs=1e-15)


def test_kl_rewards_agree_with_50_digits():
    log_probs = np.float32([0, -0.5, -4, -20])
    assert oracles.forward_kl(log_probs, 0.25) == pytest.approx(
        exact(log_probs, lambda x: x / 4), rel=1e-14
    )
    assert oracles.backward_kl(log_probs, 0.25) == pytest.approx(
        exact(log_probs, lambda x: -mpmath.exp(-x) / 4), rel=1e-14
    )


def test_uniform_logits_score_minus_log_v():
    logits, ids, mask = (
        np.zeros((2, 4, 5), np.float32),
        np.zeros((2, 4), int),
        np.array([[0, 1, 1, 1], [0, 0, 1, 0]]),
    )
    assert oracles.sequence_log_probs(logits, ids, mask) == pytest.approx([-np.log(5)] * 2)


def test_the_probabilities_of_all_completions_sum_to_one():
    """3 tokens after a prompt token, V = 3: 27 completions share the probability. Their logits do not depend on them here."""
    logits, mask = RNG.normal(size=(1, 4, 3)) * 3, np.array([[0, 1, 1, 1]])
    completions = [np.array([[0, *ids]]) for ids in itertools.product(range(3), repeat=3)]
    total = sum(np.exp(3 * oracles.sequence_log_probs(logits, ids, mask)[0]) for ids in completions)
    assert total == pytest.approx(1, rel=1e-12)


def test_position_zero_gaps_and_empty_rows():
    logits = np.log(np.array([[[0.9, 0.1], [0.2, 0.8], [0.4, 0.6], [0.5, 0.5]]] * 3))
    ids = np.array([[0, 1, 0, 1]] * 3)
    mask = np.array([[1, 1, 0, 1], [1, 0, 0, 0], [0, 0, 1, 0]])
    expected = [(np.log(0.1) + np.log(0.6)) / 2, 0, np.log(0.2)]
    assert oracles.sequence_log_probs(logits, ids, mask) == pytest.approx(expected)


def test_extreme_logits_do_not_overflow():
    assert oracles.log_softmax([1e4, -1e4, 0.0]) == pytest.approx([0, -2e4, -1e4])


def test_advantages_are_the_sample_z_scores_of_each_group():
    rewards, size, eps = RNG.normal(size=12) * 3, 4, 0.3
    groups = rewards.reshape(3, 4)
    expected = (groups - groups.mean(1, keepdims=True)) / (
        groups.std(1, ddof=1, keepdims=True) + eps
    )
    assert oracles.advantages(rewards, size, eps) == pytest.approx(expected.ravel())
    assert oracles.advantages([0.5, 0.5, 1, 3], 2, eps) == pytest.approx(
        [0, 0, -1 / (np.sqrt(2) + eps), 1 / (np.sqrt(2) + eps)]
    )


def test_k3_agrees_with_50_digits():
    policy, ref = np.float32([[-20, -1, -3, 0, -2]]), np.float32([[0, -1.001, -3, -20, -2.5]])
    gaps = [
        mpmath.mpf(float(r)) - mpmath.mpf(float(p)) for p, r in zip(policy[0], ref[0], strict=True)
    ]
    expected = [float(mpmath.exp(gap) - gap - 1) for gap in gaps]
    assert oracles.k3(policy, ref)[0] == pytest.approx(expected, rel=1e-9, abs=1e-15)


def test_k3_is_the_kl_divergence_on_average_over_the_policy():
    policy, ref = RNG.dirichlet(np.ones(6)), RNG.dirichlet(np.ones(6))
    divergence = np.sum(policy * np.log(policy / ref))
    assert policy @ oracles.k3(np.log(policy), np.log(ref)) == pytest.approx(divergence)


def test_masked_mean_of_nothing_is_zero():
    assert oracles.masked_mean(
        np.array([[1.0, np.nan], [3.0, 5.0]]), np.array([[0, 1], [1, 1]])
    ) == pytest.approx([0, 4])


def losses(batch, epsilon=0.2):
    """The loss with 50 digits, as a function of the log-probabilities."""
    _, old, advantages, mask = batch

    def loss(new):
        total = mpmath.mpf(0)
        for b, t in zip(*np.nonzero(mask), strict=True):
            ratio = mpmath.exp(mpmath.mpf(float(new[b][t])) - mpmath.mpf(float(old[b, t])))
            clipped = min(max(ratio, mpmath.mpf(1 - epsilon)), mpmath.mpf(1 + epsilon))
            advantage = mpmath.mpf(float(advantages[b]))
            total -= min(ratio * advantage, clipped * advantage)
        return total / max(int(mask.sum()), 1)

    return loss


@pytest.mark.parametrize("spread", [0.5, 5.0])
def test_the_loss_agrees_with_50_digits_and_its_slope_with_differences(spread):
    batch = some.large_loss_batch(3, 5, spread)
    loss, (value, slope) = losses(batch), oracles.policy_loss(*batch)
    new = batch[0].astype(float)
    assert value == pytest.approx(float(loss(new)), rel=1e-12)
    for b, t in np.ndindex(new.shape):
        step = np.zeros_like(new)
        step[b, t] = 1e-6
        difference = (loss(new + step) - loss(new - step)) / 2e-6
        assert slope[b, t] == pytest.approx(float(difference), rel=1e-6, abs=1e-9)


def test_the_loss_of_nothing_is_zero_and_at_ratio_1_that_of_the_advantages():
    new, _, advantages, mask = some.large_loss_batch(4, 6)
    value, slope = oracles.policy_loss(new, new, advantages, mask)
    weights = mask.sum(1) / mask.sum()
    assert value == pytest.approx(-weights @ advantages)
    assert slope == pytest.approx(-advantages[:, None] * mask / mask.sum())
    value, slope = oracles.policy_loss(new, new, advantages, 0 * mask)
    assert value == 0 and not slope.any()
