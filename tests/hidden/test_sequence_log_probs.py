"""Exercise 3a: mean log-probability of the completion tokens."""

import numpy as np
import oracles
import strategies as some
from causes_sequence_log_probs import likely
from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st

from grader.laws import agree, check, forgets, keeps_inputs, law, matching, near, vector


def likely_causes(call, got, expected):
    return matching(got, expected, *likely(call, got, expected))


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


def is_mean_log_prob(student, logits, token_ids, mask):
    near(
        vector(student(logits, token_ids, mask), len(mask)),
        oracles.sequence_log_probs(logits, token_ids, mask),
    )


@law(
    "each row gives the mean log-probability of its completion tokens, padded on either side or not",
    weight=1.1,
    value=True,
    hint=likely_causes,
)
@given(sequence=some.sequences())
@small([0, 1, 1, 0], [0, 0, 0, 1])
@small([0, 1, 1, 1], [0, 1, 1, 0])
@example(sequence=some.large_sequences(40, 6, 5))
@example(sequence=some.large_sequences(3, 100, 5))
@example(sequence=some.large_sequences(3, 6, 120))
@example(sequence=some.large_sequences(4, 1024, 3))
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
@example(sequence=some.from_zero(some.large_sequences(8, 9, 5)))
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


@law("a row without completion tokens gives 0", weight=0.2)
@settings(max_examples=25)
@given(sequence=some.sequences("empty"))
@small([0, 0, 0, 0], [0, 1, 1, 0])
@small([1, 0, 0, 0], [0, 1, 1, 0])
@small([1], [0])
def test_empty_completion(student, sequence):
    scored = sequence[2][:, 1:].any(axis=1)
    got = vector(student(*sequence), len(scored), finite=False)
    check(
        bool(np.isfinite(got[~scored]).all()), "the result is nan or infinite there: is it 0 / 0?"
    )
    near(got[~scored], np.zeros((~scored).sum()))


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


@law(
    "a vocabulary of real size: every column counts, and every token whatever its id (0, 50256, the last …)",
    weight=0.2,
)
@settings(phases=[Phase.explicit])
@given(vocabulary=st.sampled_from(sorted(some.REAL)))
@example(vocabulary=50_257)
@example(vocabulary=151_936)
def test_real_vocabulary(student, vocabulary):
    is_mean_log_prob(student, *some.real_sequence(vocabulary))


@law("a row's result does not depend on the other rows of the batch", weight=0.2)
@settings(max_examples=15)
@given(sequence=some.sequences(batch=2))
@small([0, 0, 0, 0], [0, 1, 1, 0])
@small([1, 0, 0, 0], [0, 1, 1, 1])
@example(sequence=some.first_empty(some.large_sequences(3, 6, 5)))
def test_batch_independent(student, sequence):
    rows = len(sequence[0])
    together = vector(student(*sequence), rows, finite=False)
    alone = vector(student(*(part[1:] for part in sequence)), rows - 1, finite=False)
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
    before = vector(student(logits, token_ids, mask), len(mask), finite=False)
    after = vector(student(other_logits, other_ids, mask), len(mask), finite=False)
    agree(before, after, ("before what is not used was changed", "after"))


@law("logits, ids and mask are left as they were", weight=0.1)
@settings(max_examples=10)
@given(sequence=some.sequences())
@small([1, 0, 0, 0], [1, 1, 0, 1])
@small([0, 0, 0, 0], [1, 1, 1, 1])
@example(sequence=EXTREME)
def test_inputs_kept(student, sequence):
    keeps_inputs(student, *sequence)


@law(
    "a result depends on the arguments alone: not on earlier calls, nor on a later one", weight=0.1
)
def test_no_memory(student):
    forgets(student, *some.large_sequences(5, 6, 5))
