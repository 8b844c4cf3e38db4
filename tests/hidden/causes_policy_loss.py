"""Typical mistakes of exercise 4c, and what each gives: words → loss, and words → slope of each token."""

import numpy as np
import oracles
from causes import filled, from_start, nearest, until_end

EPSILONS = 0.1, 0.2, 0.3  # that code may hold on to
CAPS = 2.0, 3.0, 4.0, 5.0, 10.0, 20.0, 100.0, np.exp(5), np.exp(10)  # of the ratio


class Batch:
    """The arguments of a call, and what each token has."""

    def __init__(self, call):
        new, old, advantages, mask, *rest = (*call.args, *call.kwargs.values())
        self.new, self.old = new.astype(np.float64), old.astype(np.float64)
        self.advantages, self.mask = advantages.astype(np.float64)[:, None], mask
        self.epsilon = rest[0] if rest else 0.2
        self.ratio = np.exp(self.new - self.old)
        self.full = self.ratio * self.advantages
        self.clipped = self.clip(self.ratio) * self.advantages
        self.token = np.minimum(self.full, self.clipped)
        self.count = max(int(mask.sum()), 1)

    def clip(self, ratio, epsilon=None):
        epsilon = self.epsilon if epsilon is None else epsilon
        return np.clip(ratio, 1 - epsilon, 1 + epsilon)

    def mean(self, token, mask=None):
        """Minus the mean over the tokens that count."""
        mask = self.mask if mask is None else mask
        return -(token * mask).sum() / max(int(mask.sum()), 1)

    def rows(self, token):
        """Minus each row's mean, 0 without tokens."""
        return -(token * self.mask).sum(1) / np.maximum(self.mask.sum(1), 1)


def likely(call, got, expected):
    """Of the loss: all of them, and the vague ones."""
    b = Batch(call)
    return counted(b, got) | other_surrogates(b, got), {}


def counted(b, got):
    """The right surrogate, averaged in a wrong way."""
    token, mask = b.token, b.mask
    total, filled_rows = -(token * mask).sum(), max(int((mask.sum(1) > 0).sum()), 1)
    rows = b.rows(token)
    return {
        "it looks like the mean of each completion's mean (TRL's `grpo`): here every token of the batch weighs the same": nearest(
            np.asarray(got), rows.mean(), rows.sum() / filled_rows
        ),
        "it looks like the sum over tokens: divide by the number of completion tokens": total,
        "it looks as if the mask is not used": lambda: b.mean(token, np.ones_like(mask)),
        "it looks as if the sum is divided by all positions, masked ones too": lambda: (
            total / mask.size
        ),
        "it looks as if the mask is used upside down: 1 means the token counts": lambda: b.mean(
            token, 1 - mask
        ),
        "it looks as if the number of completions divides, not the number of tokens": lambda: (
            total / len(mask)
        ),
        "it looks as if the gaps inside the mask were counted": lambda: b.mean(token, filled(mask)),
        "it looks as if everything after the first completion token counts, masked or not": lambda: (
            b.mean(token, until_end(mask))
        ),
        "it looks as if everything up to the last completion token counts, masked or not": lambda: (
            b.mean(token, from_start(mask))
        ),
        "it looks as if position 0 is left out: here entry t belongs to token t": lambda: b.mean(
            token[:, 1:], mask[:, 1:]
        ),
        "it looks as if the last position is left out": lambda: b.mean(token[:, :-1], mask[:, :-1]),
        "it looks as if the mask is shifted by one against the tokens": lambda: nearest(
            np.asarray(got),
            b.mean(token[:, :-1], mask[:, 1:]),
            b.mean(token[:, 1:], mask[:, :-1]),
        ),
        "it looks as if the first row's mask is used for every row": lambda: b.mean(
            token, np.broadcast_to(mask[:1], mask.shape)
        ),
        "it looks as if the last completion's loss is returned": lambda: rows[-1],
        "it looks as if the first completion's loss is returned": lambda: rows[0],
        "it looks like the sum of the completions' means": lambda: rows.sum(),
    }


def other_surrogates(b, got):
    """The right average of something else."""
    new, old, ratio, advantages = b.new, b.old, b.ratio, b.advantages
    inverse = np.exp(old - new)
    one = (ratio * b.mask).sum(1, keepdims=True) / np.maximum(b.mask.sum(1, keepdims=True), 1)
    gap = ((new - old) * b.mask).sum(1, keepdims=True) / np.maximum(b.mask.sum(1, keepdims=True), 1)
    return {
        "the sign is wrong: a loss is minimised, the surrogate is to grow": -b.mean(b.token),
        "it looks as if nothing is clipped": lambda: b.mean(b.full),
        "it looks as if only the clipped term is there: take the smaller of both": lambda: b.mean(
            b.clipped
        ),
        "it looks as if the larger of both terms is taken: the smaller one counts": lambda: b.mean(
            np.maximum(b.full, b.clipped)
        ),
        "it looks as if the minimum is taken of the ratios, before the advantage: its sign decides which is smaller": lambda: (
            b.mean(np.minimum(ratio, b.clip(ratio)) * advantages)
        ),
        "it looks as if only 1 + epsilon bounds the ratio: 1 - epsilon does, too": lambda: b.mean(
            np.minimum(b.full, np.minimum(ratio, 1 + b.epsilon) * advantages)
        ),
        "it looks as if only 1 - epsilon bounds the ratio: 1 + epsilon does, too": lambda: b.mean(
            np.minimum(b.full, np.maximum(ratio, 1 - b.epsilon) * advantages)
        ),
        "it looks as if the ratio is upside down: new over old policy": lambda: b.mean(
            np.minimum(inverse * advantages, b.clip(inverse) * advantages)
        ),
        "it looks as if the logarithm of the ratio stands in its place: exp is missing": lambda: (
            nearest(
                np.asarray(got),
                b.mean(np.minimum((new - old) * advantages, b.clip(new - old) * advantages)),
                b.mean((new - old) * advantages),
            )
        ),
        "it looks as if one log-probability is divided by the other: the ratio is exp of their difference": lambda: (
            b.mean(np.minimum(new / old * advantages, b.clip(new / old) * advantages))
        ),
        "it looks as if the probability stands in the ratio's place: the old policy is missing": lambda: (
            nearest(
                np.asarray(got),
                b.mean(np.minimum(np.exp(new) * advantages, b.clip(np.exp(new)) * advantages)),
                b.mean(np.exp(new) * advantages),
            )
        ),
        "it looks like advantage times log-probability, as in REINFORCE: the ratio is missing": lambda: (
            b.mean(new * advantages)
        ),
        "it looks as if the ratio's value is 1 whatever it is given": lambda: b.mean(
            np.broadcast_to(advantages, ratio.shape)
        ),
        "it looks as if the clipping is of the difference of log-probabilities, not of the ratio": lambda: (
            b.mean(
                np.minimum(b.full, np.exp(np.clip(new - old, -b.epsilon, b.epsilon)) * advantages)
            )
        ),
        "it looks as if there is one ratio for each completion, of its mean log-probability (GSPO): here each token has its own": lambda: (
            nearest(
                np.asarray(got),
                b.mean(
                    np.minimum(np.exp(gap) * advantages, b.clip(np.exp(gap)) * advantages)
                    + 0 * ratio
                ),
                b.mean(np.minimum(one * advantages, b.clip(one) * advantages) + 0 * ratio),
            )
        ),
        "it looks as if the advantages are not used": lambda: nearest(
            np.asarray(got), b.mean(np.minimum(ratio, b.clip(ratio))), b.mean(ratio)
        ),
        "it looks as if the sign of the advantages is dropped": lambda: b.mean(
            np.minimum(ratio * np.abs(advantages), b.clip(ratio) * np.abs(advantages))
        ),
        "it looks as if the first completion's advantage is used for all": lambda: b.mean(
            np.minimum(ratio * advantages[0], b.clip(ratio) * advantages[0])
        ),
        "it looks as if completions with a negative advantage are left out": lambda: b.mean(
            b.token * (advantages > 0)
        ),
        "it looks as if epsilon is fixed: it is an argument": lambda: nearest(
            np.asarray(got),
            *(
                b.mean(np.minimum(b.full, b.clip(ratio, e) * advantages))
                for e in EPSILONS
                if e != b.epsilon
            ),
        ),
        "it looks as if the ratio is cut off at a bound: none is asked for where the advantage is negative": lambda: (
            nearest(
                np.asarray(got),
                *(
                    b.mean(np.minimum(np.minimum(ratio, cap) * advantages, b.clipped))
                    for cap in CAPS
                ),
                *(
                    b.mean(np.minimum(np.clip(ratio, 1 / cap, cap) * advantages, b.clipped))
                    for cap in CAPS
                ),
            )
        ),
    }


def likely_slopes(call, got, expected):
    """Of the gradient, each token's times the number of tokens, [B·T]: all of them, and the vague ones."""
    b = Batch(call)
    mask, ratio, advantages = b.mask, b.ratio, b.advantages
    _, slope = oracles.surrogate(*call.args[:3], b.epsilon)
    lengths = np.maximum(mask.sum(1, keepdims=True), 1)
    inside = (ratio >= 1 - b.epsilon) & (ratio <= 1 + b.epsilon)

    def flat(token):
        return (-token * mask).ravel()

    return {
        "the sign is wrong: a good token's log-probability is to rise, so its gradient is negative": (
            -flat(slope)
        ),
        "there is no gradient at all: is the ratio detached?": np.zeros(mask.size),
        "it looks like the gradient of each completion's mean (TRL's `grpo`): here every token of the batch weighs the same": flat(
            slope * b.count / (len(mask) * lengths)
        ),
        "it looks like the gradient of the sum: divide by the number of completion tokens": flat(
            slope * b.count
        ),
        "it looks as if the number of completions divides, not the number of tokens": flat(
            slope * b.count / len(mask)
        ),
        "it looks as if all positions divide, masked ones too": flat(slope * b.count / mask.size),
        "it looks as if masked tokens have a gradient, too": (-slope * b.count / mask.size).ravel(),
        "it looks as if a clipped token keeps its gradient": flat(b.full),
        "it looks as if the gradient is 0 wherever the ratio lies outside, whatever the advantage: take the smaller of both terms": flat(
            b.full * inside
        ),
        "it looks as if the larger of both terms is taken: the smaller one counts": flat(
            b.full * (inside | (slope == 0))
        ),
        "it looks as if the ratio is missing from the gradient: that of the ratio is the ratio": (
            flat(advantages * (slope != 0))
        ),
        "it looks like the gradient of advantage times log-probability (REINFORCE): nothing is clipped there": flat(
            advantages + 0 * ratio
        ),
        "it looks as if the ratio is upside down: new over old policy": flat(-advantages / ratio),
        "it looks as if each slope is twice as large as it should be": flat(2 * slope),
        "it looks as if each slope is half as large as it should be": flat(slope / 2),
    }, {}
