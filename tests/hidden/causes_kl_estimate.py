"""Typical mistakes of exercise 4b, and what each gives: words → result."""

import numpy as np
import oracles
from causes import averaging, nearest, one_more

CAPS = 1.0, 2.0, 3.0, 5.0, 10.0, 20.0, 50.0, 100.0  # of q, or of the estimate


def likely(call, got, expected):
    """All of them, and the vague ones."""
    policy, ref, mask = call.args
    policy, ref = policy.astype(np.float64), ref.astype(np.float64)
    causes = (
        averaging(k3(ref - policy), mask, got, expected)
        | misplaced(policy, ref, mask, got)
        | other_estimators(ref - policy, mask, got, expected)
        | capped(ref - policy, mask, got)
        | weighted(policy, ref, mask, got)
    )
    return causes, one_more(mask.sum(1), expected)


def k3(q):
    return np.expm1(q) - q


def misplaced(policy, ref, mask, got):
    """Arguments or mask of another place, or the estimator of another number."""
    q, mean = ref - policy, oracles.masked_mean
    return {
        "it looks as if policy and reference are swapped": lambda: mean(k3(-q), mask),
        "it looks as if position 0 is left out: here entry t belongs to token t": lambda: mean(
            k3(q)[:, 1:], mask[:, 1:]
        ),
        "it looks as if the mask is shifted by one against the tokens": lambda: nearest(
            got, mean(k3(q)[:, :-1], mask[:, 1:]), mean(k3(q)[:, 1:], mask[:, :-1])
        ),
        "it looks as if the estimator was applied to the mean difference, not to each token": lambda: (
            k3(mean(q, mask))
        ),
        "it looks as if the estimator was applied to the summed difference, not to each token": lambda: (
            k3(mean(q, mask) * mask.sum(1))
        ),
        "it looks as if q is a difference of probabilities, not of their logarithms": lambda: mean(
            k3(np.exp(ref) - np.exp(policy)), mask
        ),
        "it looks as if one log-probability is divided by the other: q is their difference": lambda: (
            nearest(got, mean(k3(ref / policy), mask), mean(k3(np.log(ref / policy)), mask))
        ),
    }


def other_estimators(q, mask, got, expected):
    """Other functions of q, and slips in this one."""
    count, terms = mask.sum(1), [q**2 / 2, q**3 / 6, q**4 / 24, q**5 / 120, q**6 / 720]

    def mean(values):
        return oracles.masked_mean(values, mask)

    return {
        "it looks like the k1 estimator (the plain difference)": lambda: mean(-q),
        "it looks like the k1 estimator with the wrong sign": lambda: mean(q),
        "it looks like the absolute difference |q|": lambda: mean(np.abs(q)),
        "it looks like the k2 estimator (half the squared difference)": lambda: mean(q**2 / 2),
        "it looks like the squared difference": lambda: mean(q**2),
        "it looks as if the ratio of the probabilities is averaged: two terms are missing": lambda: (
            mean(np.exp(q))
        ),
        "it looks as if the `- 1` is missing": lambda: expected + (count > 0),
        "it looks as if the `- 1` is taken once a row, not once a token": lambda: nearest(
            got, expected + 1 - 1 / count, expected * count + count - 1
        ),
        "it looks as if the `- 1` counts at masked positions, too": lambda: (
            expected + 1 - mask.shape[1] / count
        ),
        "it looks as if masked positions count in a part of the sum": lambda: nearest(
            got,
            *(
                (np.exp(q) * mask - q * mask**n - mask**m).sum(1) / count
                for n, m in ((0, 1), (0, 0))
            ),
        ),
        "it looks as if the linear term is missing": lambda: mean(np.expm1(q)),
        "it looks as if the linear term has the wrong sign": lambda: mean(np.expm1(q) + q),
        "it looks as if the exponential has the wrong sign of q": lambda: mean(np.expm1(-q) - q),
        "the sign is wrong: the estimate is never negative": -expected,
        "it looks as if 1 is added instead of subtracted": lambda: expected + 2 * (count > 0),
        "it looks as if the estimate is halved": expected / 2,
        "it looks as if the estimate is doubled": expected * 2,
        "it looks as if the exponential is replaced by a few terms of its series": lambda: nearest(
            got, *(mean(sum(terms[:n])) for n in (2, 3, 4, 5))
        ),
        "it looks as if the exponential has the base 2": lambda: mean(2.0**q - q - 1),
        "it looks as if the square root is taken": lambda: np.sqrt(expected),
        "it looks as if the logarithm of a mean ratio is taken": lambda: nearest(
            got, np.log(mean(np.exp(q))), -np.log(mean(np.exp(q)))
        ),
    }


def capped(q, mask, got):
    """Cut off at a bound, as other projects do."""
    mean = oracles.masked_mean
    return {
        "it looks as if the estimate is cut off at a bound: none is asked for": lambda: nearest(
            got, *(mean(np.minimum(k3(q), cap), mask) for cap in CAPS)
        ),
        "it looks as if the difference q is cut off at a bound: none is asked for": lambda: nearest(
            got, *(mean(k3(np.clip(q, -cap, cap)), mask) for cap in CAPS)
        ),
        "it looks as if negative differences are cut off": lambda: nearest(
            got,
            mean(np.maximum(q, 0), mask),
            mean(np.maximum(-q, 0), mask),
            mean(k3(np.maximum(q, 0)), mask),
        ),
    }


def weighted(policy, ref, mask, got):
    """Weighted by a probability: for samples of the policy that is done already by drawing them."""
    q, p = ref - policy, np.exp(policy)

    def mean(values):
        return oracles.masked_mean(values, mask)

    return {
        "it looks like `kl_div` (each term weighted by a probability): equation (8) has no weights": lambda: (
            nearest(got, mean(np.exp(ref) * q), mean(-p * q), mean(p * q), mean(-np.exp(ref) * q))
        ),
        "it looks as if the estimate is weighted by a probability: equation (8) has no weights": lambda: (
            nearest(got, mean(p * k3(q)), mean(np.exp(ref) * k3(q)))
        ),
        "it looks as if the difference is weighted by the ratio of the probabilities": lambda: (
            nearest(got, mean(np.exp(q) * q), mean(-np.exp(q) * q), mean(-np.exp(-q) * q))
        ),
        "it looks like the estimator for the other direction, weighted by the ratio": lambda: mean(
            np.exp(q) * q - np.expm1(q)
        ),
    }
