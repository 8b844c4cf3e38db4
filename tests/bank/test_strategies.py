"""What the laws send stays in the input domain that the exercises promise, reaches its edges, and tells the typical mistakes apart."""

import numpy as np
import pytest
from hypothesis import Phase, find, given, settings

from tests.hidden import oracles
from tests.hidden import strategies as some

MASKS = ["block", "from 0", "gaps", "empty"]
quick = settings(max_examples=60, derandomize=True, database=None, deadline=None)


def reaches(strategy, condition):
    find(
        strategy,
        condition,
        settings=settings(
            max_examples=2000, derandomize=True, database=None, phases=[Phase.generate]
        ),
    )


@pytest.mark.parametrize("kind", MASKS)
def test_sequences_are_in_the_domain(kind):
    @quick
    @given(some.sequences(kind))
    def holds(sequence):
        logits, ids, mask = sequence
        assert (logits.dtype, ids.dtype, mask.dtype) == (np.float32, np.int64, np.int64)
        assert logits.shape[:2] == ids.shape == mask.shape
        assert ids.min() >= 0 and ids.max() < logits.shape[2] and logits.shape[2] >= 2
        assert np.abs(logits).max() <= 1e4 and set(np.unique(mask)) <= {0, 1}
        assert (mask[:, 1:].sum(1) > 0).all() or kind == "empty"

    holds()


@quick
@given(some.extreme_sequences())
def test_extreme_logits_are_exact_in_float32(sequence):
    logits, ids, _ = sequence
    assert np.abs(logits).max() <= 1e4
    shifted = logits - logits.max(-1, keepdims=True)
    in_float32 = shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))
    assert np.allclose(
        in_float32,
        [[oracles.log_softmax(v.tolist()) for v in row] for row in logits],
        rtol=1e-6,
        atol=0,
    )


@pytest.mark.parametrize(("kind", "spread"), [(kind, 4.0) for kind in MASKS] + [("block", 40.0)])
def test_log_prob_pairs_are_in_the_domain(kind, spread):
    @quick
    @given(some.log_prob_pairs(kind, spread=spread))
    def holds(pair):
        policy, ref, mask = pair
        assert policy.dtype == ref.dtype == np.float32 and policy.shape == ref.shape == mask.shape
        assert min(policy.min(), ref.min()) >= -20 and max(policy.max(), ref.max()) <= 0
        assert np.abs(policy - ref).max() <= 20

    holds()


@pytest.mark.parametrize("scale", [1e-4, 1e-3, 1.0, 20.0])
def test_rewards_have_the_spread_that_is_promised(scale):
    @quick
    @given(some.rewards(scale=scale))
    def holds(batch):
        rewards, size = batch
        assert rewards.dtype == np.float32 and len(rewards) % size == 0 and size >= 2
        assert rewards.reshape(-1, size).std(1, ddof=1).min() >= scale / 8 >= 1e-5
        assert np.abs(rewards).max() <= 2.01 * scale

    holds()


@quick
@given(some.constant_groups())
def test_constant_groups_are_exact(batch):
    rewards, size = batch
    groups = rewards.reshape(-1, size)
    assert (groups == groups[:, :1]).all() and (groups.sum(1) / size == groups[:, 0]).all()


@quick
@given(some.uneven_batches())
def test_uneven_batches_are_uneven(batch):
    rewards, size = batch
    assert size >= 2 and len(rewards) % size


def test_edges_are_reached():
    reaches(some.scores(), lambda s: len(s) == 1 and s[0] == 1)
    reaches(some.scores(), lambda s: len(s) == 8 and len(set(s.tolist())) > 4)
    reaches(some.completions(), lambda texts: len(texts) == 1)
    reaches(
        some.completions(unique=False), lambda texts: len(set(texts)) < len(texts) and "" in texts
    )
    reaches(some.sequences(), lambda s: s[0].shape[0] == 1 and s[0].shape[2] == 2)
    reaches(
        some.sequences(), lambda s: (s[2][:, 1:].argmin(1) == 0).any() and (s[2][:, -1] == 0).all()
    )
    reaches(
        some.sequences("empty"), lambda s: len(s[2]) > 1 and s[2][0].any() and not s[2][-1].any()
    )
    reaches(some.rewards(), lambda b: len(b[0]) == b[1])
    reaches(some.rewards(), lambda b: len(b[0]) == 4 * b[1])
    reaches(some.uneven_batches(), lambda b: len(b[0]) < b[1])
    reaches(some.log_prob_pairs(spread=40.0), lambda p: (p[1] - p[0]).max() > 15)
    reaches(some.coefficients(), lambda c: c == 0)
