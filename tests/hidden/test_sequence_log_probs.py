"""Exercise 3a: mean log-probability of the completion tokens."""

import numpy as np
import oracles
import strategies as some
from hypothesis import example, given, settings

from grader.laws import agree, keeps_inputs, law, matching, near, vector


def likely_causes(call, got, expected):
    logits, token_ids, mask = call.args
    scored = mask[:, 1:].sum(1)
    tokens = oracles.token_log_probs(logits, token_ids)
    raw = np.take_along_axis(logits, np.roll(token_ids, -1, 1)[..., None], -1)[..., 0]
    return matching(
        got,
        expected,
        {
            "it looks as if position 0 is counted: no logits predict it": lambda: (
                expected * scored / mask.sum(1)
            ),
            "it looks like the sum over tokens: divide by the number of completion tokens": lambda: (
                expected * scored
            ),
            "it looks as if the sum is divided by the sequence's length, not by the number of completion tokens": lambda: (
                expected * scored / mask.shape[1]
            ),
            "it looks as if the sum is divided by the number of all scored positions, not of completion tokens": lambda: (
                expected * scored / (mask.shape[1] - 1)
            ),
            "it looks as if the mask is shifted by one against the tokens": lambda: (
                oracles.masked_mean(tokens[:, 1:], mask[:, :-1])
            ),
            "it looks as if token t is scored with logits t: they predict token t + 1": lambda: (
                oracles.sequence_log_probs(logits, token_ids, mask, offset=0)
            ),
            "it looks as if the logits are shifted the wrong way": lambda: (
                oracles.sequence_log_probs(logits, token_ids, mask, offset=-1)
            ),
            "it looks as if the token ids are not shifted with the logits": lambda: (
                oracles.masked_mean(
                    oracles.token_log_probs(logits, token_ids, offset=0)[:, :-1], mask[:, 1:]
                )
            ),
            "it looks as if the most probable token is scored, not the one that was sampled": lambda: (
                oracles.masked_mean(most_probable(logits)[:, :-1], mask[:, 1:])
            ),
            "it looks as if the softmax runs over the positions, not over the vocabulary": lambda: (
                oracles.masked_mean(
                    oracles.token_log_probs(over_positions(logits), token_ids, normalised=True),
                    mask,
                )
            ),
            "it looks as if the mask is not used": lambda: oracles.masked_mean(
                tokens, np.ones_like(mask)
            ),
            "it looks as if the mask is used upside down: 1 means the token counts": lambda: (
                oracles.masked_mean(tokens, 1 - mask)
            ),
            "the sign is wrong: log-probabilities are never positive": lambda: -expected,
            "it looks like a probability, not its logarithm": lambda: np.exp(expected),
            "it looks like a logarithm to base 2: use nats": lambda: expected / np.log(2),
            "it looks like a logarithm to base 10: use nats": lambda: expected / np.log(10),
            "it looks as if raw logits were averaged: they are not log-probabilities yet": lambda: (
                oracles.masked_mean(raw[:, :-1], mask[:, 1:])
            ),
            "it looks as if the gaps inside the mask were counted": lambda: oracles.masked_mean(
                tokens, filled(mask)
            ),
            "it looks like one mean over the whole batch: each row has its own": lambda: np.full(
                len(got), np.sum(expected * scored) / scored.sum()
            ),
        },
        {
            "it looks as if 1 is added to every row's number of tokens": lambda: (
                expected * scored / (scored + 1)
            ),
        },
    )


LOGITS = np.float32(
    [
        [[0.5, 1.25, -1], [2, -0.5, 0.75], [-1.5, 0.25, 3], [1, 2.25, 0], [0.75, -2, 1.5]],
        [[-0.75, 1.5, 0.25], [0, 2.5, -1.25], [3, 0.5, 1.75], [-2, 0.75, 1], [1.25, 0, -0.5]],
    ]
)
TOKEN_IDS = np.array([[0, 2, 1, 0, 2], [2, 0, 2, 1, 0]])
EXTREME = (
    np.float32([[[1e4, 0, -1e4], [-1e4, -7500, -5e3], [0, 1e4, 5e3], [0, 0, 0], [0, 0, 0]]]),
    np.array([[0, 1, 2, 1, 2]]),
    np.array([[0, 1, 1, 0, 0]]),
)
LONGER_EXTREME = (
    np.float32([[[-1e4, 0, 1e4], [5e3, -7500, -1e4], [1e4, -5e3, 0], [0, 1e4, -7500], [1, 0, 0]]]),
    np.array([[1, 0, 2, 1, 0]]),
    np.array([[0, 1, 1, 1, 0]]),
)


def small(*mask):
    """A readable example on which the typical mistakes differ; `mask` has one or two rows of up to five."""
    mask = np.array(mask)
    rows, length = mask.shape
    return example(sequence=(LOGITS[:rows, :length], TOKEN_IDS[:rows, :length], mask))


def most_probable(logits):
    return np.array([[max(oracles.log_softmax(step)) for step in row] for row in logits.tolist()])


def over_positions(logits):
    """A log-softmax along the wrong axis, over all positions but the last."""
    used = logits[:, :-1].transpose(0, 2, 1).tolist()
    scored = np.array([[oracles.log_softmax(steps) for steps in row] for row in used]).transpose(
        0, 2, 1
    )
    return np.concatenate([scored, logits[:, -1:]], axis=1)


def filled(mask):
    """Ones from each row's first to its last one."""
    return np.maximum.accumulate(mask, 1) * np.maximum.accumulate(mask[:, ::-1], 1)[:, ::-1]


def is_mean_log_prob(student, logits, token_ids, mask):
    near(
        vector(student(logits, token_ids, mask), len(mask)),
        oracles.sequence_log_probs(logits, token_ids, mask),
    )


@law(
    "each row gives the mean log-probability of its completion tokens, padded on either side or not",
    weight=1.2,
    value=True,
    hint=likely_causes,
)
@given(sequence=some.sequences())
@small([0, 1, 1, 0], [0, 0, 0, 1])
@small([0, 1, 1, 1], [0, 1, 1, 0])
@example(sequence=some.large_sequences(40, 6, 5))
@example(sequence=some.large_sequences(3, 100, 5))
@example(sequence=some.large_sequences(3, 6, 120))
def test_value(student, sequence):
    is_mean_log_prob(student, *sequence)


@law(
    "position 0 is neither scored nor counted, even where its mask is 1",
    weight=0.3,
    hint=likely_causes,
)
@settings(max_examples=25)
@given(sequence=some.sequences("from 0"))
@small([1, 1, 1, 0], [0, 1, 0, 0])
@small([1, 0, 1, 1, 0], [0, 1, 1, 1, 0])
def test_position_zero(student, sequence):
    is_mean_log_prob(student, *sequence)


@law("a mask with gaps: exactly the tokens marked 1 count", weight=0.3, hint=likely_causes)
@settings(max_examples=25)
@given(sequence=some.sequences("gaps"))
@small([0, 1, 0, 1, 0])
@small([0, 1, 0, 0, 1], [0, 0, 1, 0, 1])
@example(sequence=some.gappy(some.large_sequences(3, 12, 5)))
def test_gaps(student, sequence):
    is_mean_log_prob(student, *sequence)


@law("a row without completion tokens gives 0", weight=0.3)
@settings(max_examples=25)
@given(sequence=some.sequences("empty"))
@small([0, 0, 0, 0], [0, 1, 1, 0])
@small([1, 0, 0, 0], [0, 1, 1, 0])
def test_empty_completion(student, sequence):
    scored = sequence[2][:, 1:].any(axis=1)
    near(vector(student(*sequence), len(scored))[~scored], np.zeros((~scored).sum()))


@law(
    "logits as large as 10,000 neither overflow nor lose the improbable tokens",
    weight=0.3,
    hint=likely_causes,
)
@settings(max_examples=25)
@given(sequence=some.extreme_sequences())
@example(sequence=EXTREME)
@example(sequence=LONGER_EXTREME)
def test_extreme_logits(student, sequence):
    is_mean_log_prob(student, *sequence)


@law("a row's result does not depend on the other rows of the batch", weight=0.2)
@settings(max_examples=15)
@given(sequence=some.sequences(batch=2))
@small([0, 0, 0, 0], [0, 1, 1, 0])
@small([1, 0, 0, 0], [0, 1, 1, 1])
@example(sequence=some.first_empty(some.large_sequences(3, 6, 5)))
def test_batch_independent(student, sequence):
    rows = len(sequence[0])
    together = vector(student(*sequence), rows)
    alone = vector(student(*(part[1:] for part in sequence)), rows - 1)
    agree(together[1:], alone, ("in the whole batch", "without its first row"))


@law("what stands at masked positions, and the last logits, change nothing", weight=0.2)
@settings(max_examples=15)
@given(sequence=some.sequences())
@example(
    sequence=(np.float32([[[0, 1], [2, 0], [0, 3]]]), np.array([[0, 1, 1]]), np.array([[0, 1, 0]]))
)
def test_unused_positions(student, sequence):
    logits, token_ids, mask = sequence
    unused = np.append(mask[:, 1:], np.zeros((len(mask), 1), int), axis=1) == 0
    vocabulary = logits.shape[-1]
    other_logits = np.where(unused[..., None], np.arange(vocabulary) - logits / 2, logits).astype(
        np.float32
    )
    other_ids = np.where(mask == 0, (token_ids + 1) % vocabulary, token_ids)
    before = vector(student(logits, token_ids, mask), len(mask))
    after = vector(student(other_logits, other_ids, mask), len(mask))
    agree(before, after, ("before what is not used was changed", "after"))


@law("logits, ids and mask are left as they were", weight=0.2)
@settings(max_examples=10)
@given(sequence=some.sequences())
@small([1, 0, 0, 0], [1, 1, 0, 1])
@small([0, 0, 0, 0], [1, 1, 1, 1])
@example(sequence=EXTREME)
def test_inputs_kept(student, sequence):
    keeps_inputs(student, *sequence)
