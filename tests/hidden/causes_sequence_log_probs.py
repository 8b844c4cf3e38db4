"""Typical mistakes of exercise 3a, and what each gives: words → result."""

import numpy as np
import oracles
from causes import averaging, nearest, of_each_row, one_more

TEMPERATURES = 0.1, 0.2, 0.5, 0.6, 0.7, 0.8, 0.9, 1.1, 1.2, 1.5, 2.0
BEST = 2, 3, 5, 10, 20, 40, 50, 64, 100, 128, 200, 256, 500, 512, 1000, 1024, 2000, 5000
COLUMNS = 32_000, 32_768, 50_000, 50_256, 50_257, 65_535, 65_536, 100_000, 128_000, 151_643
SPECIAL = 0, 1, 2, 50_256, 151_643, 151_645  # padding or the end, for some tokenizer


def likely(call, got, expected):
    """All of them, and the vague ones."""
    logits, token_ids, mask = call.args
    tokens = oracles.token_log_probs(logits, token_ids)
    causes = (
        averaging(tokens, mask, got, expected)
        | misplaced(tokens, logits, token_ids, mask, expected)
        | other_scores(logits.astype(np.float64), token_ids, mask, got, expected)
        | other_functions(tokens, mask, expected)
        | of_vocabulary(tokens, logits, token_ids, mask, got)
    )
    return causes, one_more(mask[:, 1:].sum(1), expected)


def misplaced(tokens, logits, token_ids, mask, expected):
    """Logits, ids or mask of another position."""
    mean = oracles.masked_mean
    total = expected * mask[:, 1:].sum(1)
    return {
        "it looks as if position 0 is counted: no logits predict it": lambda: total / mask.sum(1),
        "it looks as if the sum is divided by the number of all scored positions, not of completion tokens": lambda: (
            total / (mask.shape[1] - 1)
        ),
        "it looks as if the mask is shifted by one against the tokens": lambda: mean(
            tokens[:, 1:], mask[:, :-1]
        ),
        "it looks as if token t is scored with logits t: they predict token t + 1": lambda: (
            oracles.sequence_log_probs(logits, token_ids, mask, offset=0)
        ),
        "it looks as if the logits are shifted the wrong way": lambda: oracles.sequence_log_probs(
            logits, token_ids, mask, offset=-1
        ),
        "it looks as if the token ids are not shifted with the logits": lambda: mean(
            oracles.token_log_probs(logits, token_ids, offset=0)[:, :-1], mask[:, 1:]
        ),
    }


def log_softmax(logits, axis=-1):
    shifted = logits - logits.max(axis, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis, keepdims=True))


def chosen(scores, token_ids):
    """[B, T], nan at position 0: the entry of token t in `scores` [B, T or T - 1, V] at t - 1."""
    values = np.take_along_axis(scores[:, : token_ids.shape[1] - 1], token_ids[:, 1:, None], -1)[
        ..., 0
    ]
    return np.concatenate([np.full((len(values), 1), np.nan), values], axis=1)


def other_scores(logits, token_ids, mask, got, expected):
    """Something else than the log-softmax over the vocabulary."""
    scores = log_softmax(logits)

    def mean(values):
        return oracles.masked_mean(chosen(values, token_ids), mask)

    return of_any_token(scores, mean) | {
        "it looks as if raw logits were averaged: they are not log-probabilities yet": lambda: mean(
            logits
        ),
        "it looks as if raw logits were averaged, with the wrong sign": lambda: -mean(logits),
        "it looks like the log of a sigmoid: the softmax runs over the vocabulary": lambda: mean(
            -np.logaddexp(0, -logits)
        ),
        "it looks as if the softmax is taken twice": lambda: mean(log_softmax(np.exp(scores))),
        "it looks as if the softmax runs over the positions, not over the vocabulary": lambda: (
            nearest(got, mean(log_softmax(logits[:, :-1], 1)), mean(log_softmax(logits, 1)))
        ),
        "it looks as if the softmax runs over the rows, not over the vocabulary": lambda: mean(
            log_softmax(logits, 0)
        ),
        "it looks as if the largest logit is subtracted, but not the log of the sum": lambda: mean(
            logits - logits.max(-1, keepdims=True)
        ),
        "it looks as if the mean logit is subtracted: that is no softmax": lambda: mean(
            logits - logits.mean(-1, keepdims=True)
        ),
        "it looks as if the sum of the exponentials is used without its logarithm": lambda: mean(
            logits - np.exp(logits).sum(-1, keepdims=True)
        ),
        "it looks as if log V is added: the log-probability itself is asked for": lambda: (
            expected + np.log(logits.shape[-1]) * mask[:, 1:].any(1)
        ),
        "it looks like the log of the odds p / (1 - p), not of p": lambda: mean(
            scores - np.log1p(-np.exp(scores))
        ),
        "it looks like label smoothing: the sampled token alone is asked for": lambda: nearest(
            got,
            *(
                mean((1 - share) * scores + share * scores.mean(-1, keepdims=True))
                for share in (0.01, 0.05, 0.1, 0.2)
            ),
        ),
        "it looks as if a temperature divides the logits: log P at temperature 1 is asked for": lambda: (
            nearest(got, *(mean(log_softmax(logits / t)) for t in TEMPERATURES))
        ),
    }


def of_any_token(scores, mean):
    """One number for each row of logits, whatever token was sampled."""

    def everywhere(values):
        return mean(np.broadcast_to(values[..., None], scores.shape))

    return {
        "it looks as if the most probable token is scored, not the one that was sampled": lambda: (
            everywhere(scores.max(-1))
        ),
        "it looks like an entropy: the token that was sampled plays no part": lambda: everywhere(
            -(np.exp(scores) * scores).sum(-1)
        ),
        "it looks like a negative entropy: the token that was sampled plays no part": lambda: (
            everywhere((np.exp(scores) * scores).sum(-1))
        ),
        "it looks as if the log-probabilities of the whole vocabulary were averaged": lambda: (
            everywhere(scores.mean(-1))
        ),
    }


def other_functions(tokens, mask, expected):
    """The right log-probabilities, but something else is made of them."""
    mean, count = oracles.masked_mean, mask[:, 1:].sum(1)
    return {
        "the sign is wrong: log-probabilities are never positive": -expected,
        "it looks like a probability, not its logarithm": lambda: np.exp(expected),
        "it looks like the perplexity: the mean log-probability itself is asked for": lambda: (
            np.exp(-expected)
        ),
        "it looks like the probability of the whole completion, not a mean logarithm": lambda: (
            np.exp(expected * count)
        ),
        "it looks like a mean of probabilities, not of their logarithms": lambda: mean(
            np.exp(tokens), mask
        ),
        "it looks like the logarithm of a mean probability: the mean of the logarithms is asked for": lambda: (
            np.log(mean(np.exp(tokens), mask))
        ),
        "it looks like the logarithm of a sum of probabilities: the mean of the logarithms is asked for": lambda: (
            np.log(of_each_row(np.sum, np.exp(tokens), mask))
        ),
        "it looks like a mean of single tokens' perplexities": lambda: mean(np.exp(-tokens), mask),
    }


def of_vocabulary(tokens, logits, token_ids, mask, got):
    """What a real vocabulary shows: ids taken for special, and parts of it left out of the sum."""
    size = logits.shape[-1]

    def without(number):
        return lambda: oracles.masked_mean(tokens, mask * (token_ids != number))

    def normalised(log_sum):
        """With another logarithm of the sum, [B, T], in place of that over the whole vocabulary."""
        return oracles.masked_mean(chosen(logits - log_sum[..., None], token_ids), mask)

    words = "it looks as if tokens with id {} are left out: where the mask is 1 every id counts"
    return {words.format(number): without(number) for number in SPECIAL if number < size} | {
        words.format("V - 1"): without(size - 1),
        "it looks as if only the most probable tokens share the probability: the softmax runs over all": lambda: (
            nearest(
                got, *(normalised(log_sum(best(logits, k))) for k in (*BEST, size) if k <= size)
            )
        ),
        "it looks as if columns of the vocabulary are left out: the softmax runs over all": lambda: (
            nearest(got, *(normalised(log_sum(logits[..., :k])) for k in (*COLUMNS, size)))
        ),
    }


def best(logits, k):
    return np.partition(logits, -k, axis=-1)[..., -k:]


def log_sum(logits):
    """[B, T]: log of the summed exponentials over the last axis."""
    peak = logits.max(-1, keepdims=True)
    return np.log(np.exp(logits - peak, dtype=np.float64).sum(-1)) + peak[..., 0]
