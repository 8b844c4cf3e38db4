"""What the laws send: the input domain that the exercises promise, to its edges, and nothing outside it.

One draw of bytes fills an array: many times faster than drawing numbers, and it shrinks towards zeros.
"""

import numpy as np
from hypothesis import strategies as st

PHRASES = (
    "This movie was absolutely wonderful!",
    " The plot made no sense.  ",
    "\n\nA disaster, from start to finish.\n",
    "I LOVED it. Then i hated it",
    "",
    " ",
    "great great great great",
    "Ça m'a plu — 5/5 ★",
    "bad<|endoftext|>good",
    "The film opens slowly. " * 150,
    "\ufeffA byte order mark\u200b and\u2060 zero width\u200d",
    "\tcafe\u0301 or caf\u00e9 \ufffd\r\n",
    "\u05e1\u05e8\u05d8 \u202eright to left\u202c",
    "half of a pair \ud83d",
)
ANY = "abcd EF.!\u00e9\t\n\r\x00\u00a0\u0301\u05d0\u200b\u200f\u202e\u3042\ufeff\ufffd\U0001f600\udc80"


def _bytes(draw, *shape):
    size = int(np.prod(shape))
    return (
        np.frombuffer(draw(st.binary(min_size=size, max_size=size)), np.uint8)
        .reshape(shape)
        .astype(np.int64)
    )


def _signed(values):
    """0, 1, 2, 3, 4 … → 0, -1, 1, -2, 2 …: the simplest byte is the simplest number."""
    return np.where(values % 2, -(values + 1) // 2, values // 2)


# --- exercise 1


def texts():
    return st.sampled_from(PHRASES) | st.text(ANY, max_size=12)


def completions(min_size=1, unique=True):
    """Unique and not blank, or else anything: repeated, empty, blank."""
    kept = texts().filter(str.strip) if unique else texts()
    return st.lists(kept, min_size=min_size, max_size=6, unique=unique)


# --- exercises 2, 3b, 3c: vectors


@st.composite
def scores(draw):
    """P(positive) in [0, 1], both ends included."""
    return (_bytes(draw, draw(st.integers(1, 8))) / 255).astype(np.float32)


def many(low, high, size=300):
    """As many different numbers as a large batch of training has rows, in no order."""
    return np.random.default_rng(0).permutation(np.linspace(low, high, size, dtype=np.float32))


def temperatures(low=0.3, high=10.0):
    """Shaping temperatures; 0.05 is the least that may come."""
    return st.floats(low, high)


@st.composite
def mean_log_probs(draw, low=-6.0, high=0.0):
    """log P_ref of completions: nats a token."""
    return (high + (low - high) * _bytes(draw, draw(st.integers(1, 8))) / 255).astype(np.float32)


def coefficients():
    """In [0, 10], both ends included."""
    return st.floats(0.01, 3.0) | st.sampled_from([0.0, 10.0]) | st.floats(0, 10)


# --- exercises 3a, 4b: masks. Every kind has at least one counted token in each row unless it says otherwise


@st.composite
def masks(draw, kind, batch=None):
    """Masks [B, T], int64; position 0 counts in "from 0" alone, T may be 1 in "empty"."""
    batch = batch or draw(st.integers(1, 4))
    shortest = {"gaps": 4, "empty": 1}.get(kind, 2)
    length = draw(st.integers(shortest, 6))
    mask = np.zeros((batch, length), np.int64)
    if kind == "gaps":
        mask[:, 1:] = _bytes(draw, batch, length - 1) % 2
        start = draw(st.integers(1, length - 3))
        mask[:, start : start + 3] = 1, 0, 1
    if kind == "empty":  # some rows full, at least one row with nothing
        mask[: draw(st.integers(0, batch - 1)), 1:] = 1
    for row in mask:
        # one run of ones, with padding on the left, on the right, on both sides or none
        if kind == "block":
            start = draw(st.integers(1, length - 1))
            row[start : draw(st.integers(start + 1, length))] = 1
        elif kind == "from 0":
            row[: draw(st.integers(2, length))] = 1
    return mask


def large_mask(rng, rows, length):
    """Blocks, as in kind "block", in more rows or tokens than hypothesis would draw."""
    start = rng.integers(1, 2 + length // 3, (rows, 1))
    end = rng.integers(1 + length - length // 3, length + 1, (rows, 1))
    return ((start <= np.arange(length)) & (np.arange(length) < end)).astype(np.int64)


def gappy(batch):
    """The same, `mask` last, with every second token of each block left out."""
    mask = batch[-1] * (np.arange(batch[-1].shape[1]) % 2 == np.arange(len(batch[-1]))[:, None] % 2)
    return *batch[:-1], mask


def from_zero(batch):
    """The same, `mask` last, with position 0 marked in all rows but the first."""
    mask = batch[-1].copy()
    mask[1:, 0] = 1
    return *batch[:-1], mask


def first_empty(batch):
    """The same, `mask` last, with no token in the first row."""
    mask = batch[-1] * (np.arange(len(batch[-1])) > 0)[:, None]
    return *batch[:-1], mask


# --- exercise 3a


def _token_ids(draw, mask, vocabulary):
    return _bytes(draw, *mask.shape) % vocabulary


@st.composite
def sequences(draw, kind="block", batch=None):
    """logits [B, T, V], token_ids [B, T], completion_mask [B, T]."""
    mask, vocabulary = draw(masks(kind, batch)), draw(st.integers(2, 5))
    logits = _signed(_bytes(draw, *mask.shape, vocabulary)) / 16
    return logits.astype(np.float32), _token_ids(draw, mask, vocabulary), mask


def large_sequences(rows, length, vocabulary):
    """As many rows, tokens or vocabulary entries as would be tedious to write down."""
    rng = np.random.default_rng(0)
    logits = 3 * rng.normal(size=(rows, length, vocabulary)).astype(np.float32)
    return logits, rng.integers(0, vocabulary, (rows, length)), large_mask(rng, rows, length)


REAL = {  # vocabularies of GPT-2 and Qwen 2.5, and ids that stand for padding or the end in one of them
    50_257: (11, 50_256, 0, 1, 50_255, 2, 198),
    151_936: (0, 151_643, 50_256, 151_645, 151_935),
}


def real_sequence(vocabulary):
    """One row over a vocabulary of real size; its last columns hold a good part of the probability."""
    rng, ids = np.random.default_rng(0), REAL[vocabulary]
    logits = rng.standard_normal((1, 1 + len(ids), vocabulary), np.float32)
    logits[..., -300:] += 5
    mask = np.ones((1, 1 + len(ids)), np.int64)
    mask[:, 0] = 0
    return logits, np.array([[464, *ids]]), mask


@st.composite
def extreme_sequences(draw):
    """Logits out to ±1e4, far apart: there the float32 formula is exact, and `exp` overflows if it is taken naively."""
    mask, vocabulary = draw(masks("block")), draw(st.integers(2, 5))
    ranks = _bytes(draw, *mask.shape, vocabulary).argsort(-1, kind="stable")
    scale = draw(st.sampled_from([1e4, 5e3, 500.0]))
    # of one position, against the others
    level = (_bytes(draw, *mask.shape, 1) % 3 - 1) * (1e4 - scale)
    logits = (2 * ranks / (vocabulary - 1) - 1) * scale + level
    return logits.astype(np.float32), _token_ids(draw, mask, vocabulary), mask


# --- exercise 4a


@st.composite
def rewards(draw, scale=10.0, groups=None, largest=8):
    """(rewards [B] within ±scale, group size): a group spans scale / 2 or more."""
    size, groups = draw(st.integers(2, largest)), groups or draw(st.integers(1, 4))
    table = _signed(_bytes(draw, groups, size)) / 128 * scale
    narrow, first = np.ptp(table, axis=1) < scale / 2, table[:, 0]
    table[:, 0] += narrow * np.where(first > 0, -scale, scale)
    return table.ravel().astype(np.float32), size


@st.composite
def close_rewards(draw):
    """(rewards [B], group size) as training yields them: every group at a level of its own in [-10, 10], its sample std 1e-3 or more.

    In groups of up to 16 every float32 formula that removes the mean before it squares stays within the tolerance.
    """
    scale = draw(st.sampled_from([0.015, 0.05, 0.3]))
    rewards_, size = draw(rewards(scale, largest=16))
    levels = np.round(_signed(_bytes(draw, len(rewards_) // size)) / 128 * 9.6, 2)
    return (rewards_ + np.repeat(levels, size)).astype(np.float32), size


@st.composite
def constant_groups(draw):
    """Every group is one value: hundredths within ±3, or 64ths within ±2, which float32 holds and sums exactly."""
    size, groups = draw(st.integers(2, 16)), draw(st.integers(1, 4))
    values = _signed(_bytes(draw, groups))
    values = draw(st.sampled_from([values / 64, np.round(values / 128 * 3, 2)]))
    return np.repeat(values, size).astype(np.float32), size


@st.composite
def uneven_batches(draw):
    """(rewards [B], group size) with B no multiple of the group size; B may be smaller than one group."""
    size = draw(st.integers(2, 8))
    batch = draw(st.integers(1, 24).filter(lambda n: n % size))
    return (_signed(_bytes(draw, batch)) / 16).astype(np.float32), size


# --- exercise 4b


def large_log_prob_pair(rows, length):
    rng = np.random.default_rng(0)
    policy = -rng.gamma(2, 2, (rows, length)).clip(0, 18)
    ref = (policy + rng.normal(size=policy.shape)).clip(-20, 0)
    return policy.astype(np.float32), ref.astype(np.float32), large_mask(rng, rows, length)


@st.composite
def log_prob_pairs(draw, kind="block", batch=None, spread=4.0):
    """log_probs, ref_log_probs, completion_mask, all [B, T]; log-probabilities in [-20, 0], |ref - policy| ≤ spread."""
    mask = draw(masks(kind, batch))
    policy = -20 * _bytes(draw, *mask.shape) / 255
    ref = np.clip(policy + spread * _signed(_bytes(draw, *mask.shape)) / 128, -20, 0)
    return policy.astype(np.float32), ref.astype(np.float32), mask


# --- exercise 4c

EPSILON = 0.2  # unless it is given
MARGIN = 0.01  # of the ratio: so far from the bounds no rounding decides on which side it is
LARGEST = 8.0  # advantage: the best of 64 completions has 63 / 8


def _clear(old, gap, epsilon):
    """[B, T] each, float32: old and new log-probabilities about `gap` apart, in [-20, 0], their ratio not near 1 ± epsilon."""
    old = old.astype(np.float32)
    for bound in (1 - epsilon, 1 + epsilon):
        near = np.abs(np.exp(gap) - bound) < MARGIN
        gap = np.where(near, np.log(bound + 2 * MARGIN), gap)
    new = old + gap
    # a pair that would leave the range keeps its gap, and moves
    shift = np.minimum(-np.maximum(new, old), 0) + np.maximum(-20 - np.minimum(new, old), 0)
    return (new + shift).astype(np.float32), (old + shift).astype(np.float32)


def _advantages(draw, rows):
    """[rows], float32: 0 and either sign, out to ±8."""
    return (LARGEST * _signed(_bytes(draw, rows)) / 128).astype(np.float32)


@st.composite
def loss_batches(draw, kind="block", batch=None, spread=0.8, epsilon=EPSILON):
    """log_probs, old_log_probs [B, T], advantages [B], completion_mask [B, T]; |log ratio| ≤ spread."""
    mask = draw(masks(kind, batch))
    old = -20 * _bytes(draw, *mask.shape) / 255
    gap = spread * _signed(_bytes(draw, *mask.shape)) / 128
    return *_clear(old, gap, epsilon), _advantages(draw, len(mask)), mask


@st.composite
def on_policy(draw):
    """The same where both policies are one: log_probs, advantages, completion_mask."""
    new, _, advantages, mask = draw(loss_batches())
    return new, advantages, mask


def large_loss_batch(rows, length, spread=0.5):
    """As many rows or tokens as would be tedious to write down; advantages as of groups of four."""
    rng = np.random.default_rng(0)
    old = -rng.gamma(2, 2, (rows, length)).clip(0, 18)
    new, old = _clear(old, spread * rng.normal(size=old.shape).clip(-3, 3), EPSILON)
    advantages = rng.normal(size=rows).astype(np.float32)
    return new, old, advantages, large_mask(rng, rows, length)
