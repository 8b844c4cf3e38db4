"""Exercise 3c: the penalty that explodes on text that the reference finds improbable (`--kl_type backward`)."""

import math

import numpy as np
import oracles
import strategies as some
from hypothesis import example, given, settings

from grader.laws import forgets, is_default, keeps_inputs, law, matching, near, vector


def likely_causes(call, got, expected):
    log_probs, kl_coef = call.args[0].astype(np.float64), call.kwargs.get("kl_coef", 0.1)
    probabilities, perplexities = np.exp(log_probs), np.exp(-log_probs)
    used = got / -perplexities
    return matching(
        got,
        expected,
        {
            "the sign is wrong: a penalty is never positive": -expected,
            "it looks as if the sign inside the exponential is wrong: improbable text must be penalised most": (
                -kl_coef * probabilities
            ),
            "it looks as if both signs are wrong: this rewards probable text instead of penalising improbable text": (
                kl_coef * probabilities
            ),
            "it looks as if the coefficient is not used": -perplexities,
            "it looks as if the coefficient is not used and the sign is wrong": perplexities,
            "it looks as if the coefficient divides instead of multiplies": lambda: (
                -perplexities / kl_coef
            ),
            "it looks as if the coefficient is squared": -(kl_coef**2) * perplexities,
            "it looks as if the coefficient is added, not multiplied": kl_coef - perplexities,
            "it looks as if the coefficient is subtracted, not multiplied": -perplexities - kl_coef,
            "it looks as if the coefficient is fixed at its default": lambda: oracles.backward_kl(
                log_probs
            ),
            "it looks as if the coefficient stands inside the exponential": (
                -np.exp(-kl_coef * log_probs)
            ),
            "it looks as if the coefficient stands inside the exponential and the sign is wrong": (
                np.exp(-kl_coef * log_probs)
            ),
            "it looks as if the coefficient stands inside the exponential with the wrong sign": (
                -np.exp(kl_coef * log_probs)
            ),
            "it looks as if the exponential is missing": kl_coef * log_probs,
            "it looks as if the exponential is missing and the sign is wrong": -kl_coef * log_probs,
            "it looks like 1 / log-probability": lambda: kl_coef / log_probs,
            "it looks as if the exponential is squared": -kl_coef * perplexities**2,
            "it looks like the square root of the perplexity": -kl_coef * perplexities**0.5,
            "it looks like the square of the log-probability": -kl_coef * log_probs**2,
            "it looks as if the base is 2 instead of e": -kl_coef * np.exp2(-log_probs),
            "it looks as if the base is 10 instead of e": -kl_coef * 10**-log_probs,
            "it looks as if 1 was subtracted from the exponential": expected + kl_coef,
            "it looks as if 1 was added to the exponential": expected - kl_coef,
            "it looks like 1 - probability": -kl_coef * (1 - probabilities),
            "it looks like log-probability times perplexity": kl_coef * log_probs * perplexities,
            "it looks like log-probability times perplexity, with a minus": (
                -kl_coef * log_probs * perplexities
            ),
            "it looks as if the coefficient is added inside the exponential": (
                -np.exp(kl_coef - log_probs)
            ),
            "it looks as if the coefficient is subtracted inside the exponential": (
                -np.exp(-kl_coef - log_probs)
            ),
            "it looks as if the log-probabilities were rounded": lambda: (
                -kl_coef * np.exp(-np.round(log_probs))
            ),
            "it looks like log-probability times probability": kl_coef * log_probs * probabilities,
            "it looks as if the batch's mean log-probability was subtracted first": lambda: (
                -kl_coef * np.exp(log_probs.mean() - log_probs)
            ),
            "it looks as if the batch's lowest log-probability was subtracted first": lambda: (
                -kl_coef * np.exp(log_probs.min() - log_probs)
            ),
            "it looks as if the batch's highest log-probability was subtracted first": lambda: (
                -kl_coef * np.exp(log_probs.max() - log_probs)
            ),
            "it looks like the batch's mean log-probability, turned into one perplexity": lambda: (
                np.full(len(got), -kl_coef * np.exp(-log_probs.mean()))
            ),
            "it looks like a softmax over the batch": lambda: (
                -kl_coef * perplexities / perplexities.sum()
            ),
            "it looks like log(1 + perplexity)": -kl_coef * np.log1p(perplexities),
            **{
                f"it looks as if 1e-{n} was added to the probability": (
                    -kl_coef / (probabilities + 10.0**-n)
                )
                for n in range(1, 13)
            },
            **{
                f"it looks as if the exponential was replaced by its series up to the power {n}": (
                    -kl_coef * sum((-log_probs) ** k / math.factorial(k) for k in range(n + 1))
                )
                for n in range(1, 13)
            },
        },
        {
            f"it looks as if the coefficient used is {used[0]:.3g}, not the one passed": (
                used[0] * -perplexities
            ),
            f"it looks as if the base is {base(log_probs, got, kl_coef):.4g} instead of e": lambda: (
                -kl_coef * base(log_probs, got, kl_coef) ** -log_probs
            ),
            "it looks as if large penalties are cut off": lambda: (
                np.maximum(expected, got.min())
                if (expected < 2 * got.min()).any() and (got > got.min()).any()
                else np.nan
            ),
            f"it looks as if log-probabilities below {floor(log_probs, got, kl_coef):.4g} are cut off": (
                -kl_coef * np.exp(-np.maximum(log_probs, floor(log_probs, got, kl_coef)))
            ),
        },
    )


def base(log_probs, got, kl_coef):
    """What seems to be raised to minus the log-probability, where that is the lowest; nan if nothing is."""
    lowest = np.argmin(log_probs)
    scaled = got[lowest] / -kl_coef if kl_coef and log_probs[lowest] else -1
    return scaled ** (-1 / log_probs[lowest]) if scaled > 0 else np.nan


def floor(log_probs, got, kl_coef):
    """The lowest log-probability that seems to count; nan if that is the lowest there is."""
    lowest = -np.log(-got.min() / kl_coef) if kl_coef and got.min() < 0 else np.nan
    return lowest if lowest > log_probs.min() + 1e-3 else np.nan


@law(
    "the penalty is the reference's perplexity of the completion, scaled and negative",
    weight=0.5,
    value=True,
    hint=likely_causes,
)
@given(log_probs=some.mean_log_probs(), kl_coef=some.coefficients())
@example(log_probs=np.float32([-0.5, -4.0]), kl_coef=0.3)
@example(log_probs=np.linspace(-6, 0, 20, dtype=np.float32), kl_coef=10.0)
@example(log_probs=np.float32([-0.3, -1.1]), kl_coef=0.003)
@example(log_probs=np.linspace(-10, 0, 100, dtype=np.float32), kl_coef=0.3)
@example(log_probs=some.many(-10, 0), kl_coef=0.7)
def test_value(student, log_probs, kl_coef):
    near(
        vector(student(log_probs, kl_coef=kl_coef), len(log_probs)),
        oracles.backward_kl(log_probs, kl_coef),
    )


@law(
    "the penalty is never cut off, down to a log-probability of -20", weight=0.2, hint=likely_causes
)
@settings(max_examples=15)
@given(log_probs=some.mean_log_probs(low=-20.0, high=-10.0), kl_coef=some.coefficients())
@example(log_probs=np.float32([-12, -20]), kl_coef=0.3)
@example(log_probs=np.float32([-10, -11, -17]), kl_coef=1.7)
@example(log_probs=np.float32([-20, -19.5, -18]), kl_coef=10.0)
@example(log_probs=some.many(-20, -10), kl_coef=10.0)
def test_improbable(student, log_probs, kl_coef):
    near(
        vector(student(log_probs, kl_coef=kl_coef), len(log_probs)),
        oracles.backward_kl(log_probs, kl_coef),
    )


@law("the coefficient is 0.1 unless it is given", weight=0.15)
@settings(max_examples=15)
@given(log_probs=some.mean_log_probs())
@example(log_probs=np.float32([-0.5, -4.0]))
def test_default_coefficient(student, log_probs):
    is_default(student, [np.append(log_probs, np.float32(-2))], "kl_coef", 0.1, other=0.5)


@law("the log-probabilities passed in are left as they were", weight=0.1)
@settings(max_examples=10)
@given(log_probs=some.mean_log_probs(), kl_coef=some.coefficients())
@example(log_probs=np.float32([-20, -12, 0]), kl_coef=0.5)
@example(log_probs=np.float32([-20, -12, 0]), kl_coef=10.0)
def test_inputs_kept(student, log_probs, kl_coef):
    keeps_inputs(student, log_probs, kl_coef)


@law(
    "a result depends on the arguments alone: not on earlier calls, nor on a later one", weight=0.05
)
def test_no_memory(student):
    forgets(student, np.float32([-0.5, -3, -1.25, -2, -4, -0.25]), 0.3)
