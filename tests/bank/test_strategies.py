"""What the laws send stays in the input domain that the exercises promise, reaches its edges, and tells the typical mistakes apart."""

import importlib
import json
import re

import numpy as np
import pytest
from hypothesis import Phase, find, given, settings

from gate.submissions import HIDDEN
from grader.assignment import activate
from grader.wall.inside.wire import MAX_BUFFERS
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


@pytest.mark.parametrize("scale", [1e-4, 1e-3, 1.0, 10.0])
def test_rewards_have_the_spread_that_is_promised(scale):
    @quick
    @given(some.rewards(scale=scale))
    def holds(batch):
        rewards, size = batch
        assert rewards.dtype == np.float32 and len(rewards) % size == 0 and size >= 2
        assert rewards.reshape(-1, size).std(1, ddof=1).min() >= scale / 8 >= 1e-5
        assert np.abs(rewards).max() <= 1.01 * scale

    holds()


@quick
@given(some.constant_groups())
def test_constant_groups_are_exact_or_small(batch):
    rewards, size = batch
    groups = rewards.reshape(-1, size)
    assert (groups == groups[:, :1]).all() and np.abs(rewards).max() <= 10 and size <= 16
    assert (groups.sum(1) / size == groups[:, 0]).all() or np.abs(rewards).max() <= 3


@quick
@given(some.uneven_batches())
def test_uneven_batches_are_uneven(batch):
    rewards, size = batch
    assert size >= 2 and len(rewards) % size


def law(stem, name):
    activate(HIDDEN)
    return getattr(importlib.import_module(f"test_{stem}"), name)


def worked(stem, argument):
    """What the exercise's worked examples hand over as this argument."""
    activate(HIDDEN)
    module = importlib.import_module(f"test_{stem}")
    tests = [value for name, value in vars(module).items() if name.startswith("test_")]
    examples = [e for test in tests for e in getattr(test, "hypothesis_explicit_examples", ())]
    return [example.kwargs[argument] for example in examples if argument in example.kwargs]


def holds_everywhere(strategy, condition):
    @quick
    @given(strategy)
    def holds(value):
        assert condition(value)

    holds()


@pytest.mark.parametrize(
    ("stem", "argument", "low", "high"),
    [
        ("exponential_shaping", "scores", 0, 1),
        ("forward_kl_reward", "log_probs", -20, 0),
        ("backward_kl_reward", "log_probs", -20, 0),
    ],
)
def test_vectors_fill_their_domain(stem, argument, low, high):
    vectors = worked(stem, argument)
    assert {vector.dtype for vector in vectors} == {np.dtype(np.float32)}
    assert min(vector.min() for vector in vectors) == low
    assert max(vector.max() for vector in vectors) == high
    assert max(map(len, vectors)) >= 300  # rows of a large batch


@pytest.mark.parametrize("stem", ["forward_kl_reward", "backward_kl_reward"])
def test_coefficients_fill_their_domain(stem):
    assert all(0 <= c <= 10 for c in worked(stem, "kl_coef"))
    assert max(worked(stem, "kl_coef")) == 10
    holds_everywhere(some.coefficients(), lambda c: 0 <= c <= 10)
    for edge in (0, 10):
        reaches(some.coefficients(), lambda c, edge=edge: c == edge)


def test_the_largest_penalty_is_asked_for():
    """A coefficient of 10 at a log-probability of -20."""
    examples = law("backward_kl_reward", "test_improbable").hypothesis_explicit_examples
    assert any(e.kwargs["kl_coef"] == 10 and e.kwargs["log_probs"].min() == -20 for e in examples)


def test_temperatures_fill_their_domain():
    positive = [t for t in worked("exponential_shaping", "temperature") if t > 0]
    assert min(positive) == 0.05 and max(positive) > 100
    examples = law("exponential_shaping", "test_sharp_temperature").hypothesis_explicit_examples
    assert any(e.kwargs["temperature"] == 0.05 and e.kwargs["scores"].max() == 1 for e in examples)


def test_vectors_are_in_the_domain():
    holds_everywhere(
        some.scores(), lambda s: s.dtype == np.float32 and 0 <= s.min() <= s.max() <= 1
    )
    holds_everywhere(some.mean_log_probs(low=-20), lambda v: -20 <= v.min() <= v.max() <= 0)
    reaches(some.mean_log_probs(low=-20), lambda v: v.min() == -20)
    reaches(some.mean_log_probs(low=-20), lambda v: v.max() == 0)


@pytest.mark.parametrize(
    "kind",
    [
        "[\u200b-\u200d\u2060]",
        "^\ufeff",
        "\ufffd",
        "[\u0300-\u036f]",
        "\u00e9",
        "[\u0590-\u06ff]",
        "[\u200f\u202e]",
        "[\ud800-\udfff]",
        "^[\t\n]",
        "\n$",
        "\r(?!\n)",
        "\x00",
        "\U0001f600",
        r"<\|endoftext\|>",
    ],
    ids=ascii,
)
def test_texts_hold_whatever_unicode_holds(kind):
    texts = [text for batch in worked("sentiment_reward", "completions") for text in batch]
    assert any(re.search(kind, text) for text in texts)


def test_texts_are_as_long_as_they_come():
    texts = [text for batch in worked("sentiment_reward", "completions") for text in batch]
    assert sum(len(text) > 50_000 for text in texts) >= 3


def test_texts_come_through_as_they_are():
    """Two halves of a pair side by side are one character in JSON: no law sends them."""
    texts = [text for batch in worked("sentiment_reward", "completions") for text in batch]
    for text in [*texts, *some.PHRASES, some.ANY]:
        assert json.loads(json.dumps(text)) == text


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


# --- exercises 3a, 4a, 4b


@quick
@given(some.close_rewards())
def test_close_rewards_are_as_training_yields_them(batch):
    rewards, size = batch
    assert rewards.dtype == np.float32 and np.abs(rewards).max() <= 10 and 2 <= size <= 16
    assert rewards.reshape(-1, size).astype(float).std(1, ddof=1).min() >= 1e-3


def two_pass(rewards, size, mean):
    """4a in float32 alone, with a mean of one's own; the std by hand."""
    groups = rewards.reshape(-1, size)
    centred = groups - mean(groups)
    std = np.sqrt((centred**2).sum(1, keepdims=True) / np.float32(size - 1))
    return (centred / (std + np.float32(1e-4))).ravel()


def one_after_another(groups):
    total = np.zeros((len(groups), 1), np.float32)
    for column in groups.T:
        total = total + column[:, None]
    return total / np.float32(groups.shape[1])


MEANS = {
    "NumPy's": lambda groups: groups.mean(1, keepdims=True),
    "one after another": one_after_another,
    "by a product": lambda groups: (
        groups @ np.full((groups.shape[1], 1), 1 / groups.shape[1], np.float32)
    ),
}


@pytest.mark.parametrize("mean", MEANS)
@pytest.mark.parametrize("batches", [some.rewards, some.close_rewards, some.constant_groups])
def test_every_float32_formula_that_centres_first_is_right(batches, mean):
    @settings(quick, max_examples=500)
    @given(batches())
    def holds(batch):
        off = np.abs(two_pass(*batch, MEANS[mean]) - oracles.advantages(*batch))
        assert (off <= 0.9 * (oracles.advantage_tolerance(*batch) + 1e-5)).all()

    holds()


@pytest.mark.parametrize("vocabulary", sorted(some.REAL))
def test_real_vocabularies_fit_the_wire_and_hold_special_ids(vocabulary):
    logits, ids, mask = some.real_sequence(vocabulary)
    assert logits.dtype == np.float32 and logits.nbytes < MAX_BUFFERS // 2
    assert logits.shape == (*ids.shape, vocabulary) and ids.shape == mask.shape
    assert {0, 50_256, vocabulary - 1} <= set(ids[mask == 1].tolist())


def test_the_edges_of_lengths_rewards_and_groups_are_reached():
    for strategy in (some.sequences("empty"), some.log_prob_pairs("empty")):
        reaches(strategy, lambda drawn: drawn[-1].shape[1] == 1)
    reaches(some.log_prob_pairs(spread=40.0), lambda p: (p[0] - p[1]).max() > 15)
    reaches(some.log_prob_pairs(), lambda p: p[0].min() == -20)
    reaches(some.log_prob_pairs(), lambda p: p[0].max() == 0)
    reaches(some.extreme_sequences(), lambda s: s[0].max() == 1e4 and s[0].min() == -1e4)
    reaches(some.rewards(), lambda b: b[0].max() > 9 and b[0].min() < -9)
    reaches(some.close_rewards(), lambda b: np.abs(b[0]).min() > 5 and b[1] == 16)
    reaches(some.constant_groups(), lambda b: len(set(b[0].tolist())) > 1 and (b[0] % 0.25).any())


# --- exercise 4c


@pytest.mark.parametrize(
    ("kind", "spread", "epsilon"),
    [*((kind, 0.8, 0.2) for kind in MASKS), ("block", 20.0, 0.2), ("block", 1.6, 0.2), ("block", 0.17, 0.2)]
    + [("block", 0.8, epsilon) for epsilon in (0.05, 0.1, 0.3, 0.5)],
)  # fmt: skip
def test_loss_batches_are_in_the_domain_and_clear_of_the_bounds(kind, spread, epsilon):
    @quick
    @given(some.loss_batches(kind, spread=spread, epsilon=epsilon))
    def holds(batch):
        new, old, advantages, mask = batch
        assert {part.dtype for part in batch[:3]} == {np.dtype(np.float32)}
        assert new.shape == old.shape == mask.shape and advantages.shape == (len(mask),)
        assert min(new.min(), old.min()) >= -20 and max(new.max(), old.max()) <= 0
        assert np.abs(advantages).max() <= 8
        gap = new.astype(float) - old
        assert np.abs(gap).max() <= 20
        for bound in (1 - epsilon, 1 + epsilon):  # 0.005: thousands of times float32's rounding
            assert np.abs(np.exp(gap) - bound).min() > 0.005

    holds()


def test_the_edges_of_losses_are_reached():
    far = some.loss_batches(spread=20.0)
    reaches(far, lambda b: (b[0] - b[1]).max() > 19)
    reaches(far, lambda b: (b[0] - b[1]).min() < -19)
    reaches(some.loss_batches("empty"), lambda b: not b[3].any())
    for side in (1, -1):
        reaches(some.loss_batches(), lambda b, side=side: (side * b[2]).max() > 7.5)
    for outside in (lambda r: r > 1.2, lambda r: r < 0.8):
        reaches(some.loss_batches(), lambda b, outside=outside: outside(np.exp(b[0] - b[1])).any())


def literal(new, old, advantages, mask):
    """4c in float32 alone, by NumPy."""
    ratio, a = np.exp(new - old), advantages[:, None]
    token = np.minimum(ratio * a, np.clip(ratio, np.float32(0.8), np.float32(1.2)) * a)
    return -(token * mask.astype(np.float32)).sum() / np.float32(max(mask.sum(), 1))


@pytest.mark.parametrize("spread", [0.8, 20.0])
def test_the_literal_float32_formula_is_well_within_the_tolerance(spread):
    @settings(quick, max_examples=300)
    @given(some.loss_batches(spread=spread))
    def holds(batch):
        loss, _ = oracles.policy_loss(*batch)
        allowed = oracles.loss_rounding(*batch) + 1e-4 * abs(loss)
        assert abs(literal(*batch) - loss) <= 0.3 * allowed

    holds()
