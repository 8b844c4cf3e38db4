"""Exercise 3b: the bonus for text that the reference finds probable (`--kl_type forward`)."""

import numpy as np
import oracles
import strategies as some
from hypothesis import example, given, settings

from grader.laws import forgets, is_default, keeps_inputs, law, matching, near, vector


def likely_causes(call, got, expected):
    log_probs, kl_coef = call.args[0].astype(np.float64), call.kwargs.get("kl_coef", 0.1)
    used = got[log_probs < 0] / log_probs[log_probs < 0]
    return matching(
        got,
        expected,
        {
            "the sign is wrong: probable text must earn more than improbable text": -expected,
            "it looks as if the coefficient is not used": log_probs,
            "it looks as if the coefficient is not used and the sign is wrong": -log_probs,
            "it looks as if the coefficient divides instead of multiplies": lambda: (
                log_probs / kl_coef
            ),
            "it looks as if the coefficient is squared": kl_coef**2 * log_probs,
            "it looks as if 1 - coefficient multiplies": (1 - kl_coef) * log_probs,
            "it looks as if 1 was added to the coefficient": (1 + kl_coef) * log_probs,
            "it looks as if the coefficient is fixed at its default": lambda: oracles.forward_kl(
                log_probs
            ),
            "it looks as if the coefficient is added, not multiplied": log_probs + kl_coef,
            "it looks as if the coefficient is subtracted, not multiplied": log_probs - kl_coef,
            "it looks as if the logarithm was undone: the log-probability itself is wanted": (
                kl_coef * np.exp(log_probs)
            ),
            "it looks like minus the probability: the log-probability itself is wanted": (
                -kl_coef * np.exp(log_probs)
            ),
            "it looks like the perplexity: the log-probability itself is wanted": (
                kl_coef * np.exp(-log_probs)
            ),
            "it looks like the backward term, the negative perplexity": (
                -kl_coef * np.exp(-log_probs)
            ),
            "it looks as if a logarithm was taken of what is a log-probability already": lambda: (
                kl_coef * np.log(-log_probs)
            ),
            "it looks as if log(1 + x) was taken of the probability": (
                kl_coef * np.log1p(np.exp(log_probs))
            ),
            "it looks like probability times log-probability": expected * np.exp(log_probs),
            "it looks as if the log-probability was squared": kl_coef * log_probs**2,
            "it looks as if the log-probability was squared, with a minus": -kl_coef * log_probs**2,
            "it looks as if 1 was added to the log-probability": kl_coef * (log_probs + 1),
            "it looks as if 1 was subtracted from the probability": kl_coef * np.expm1(log_probs),
            "it looks as if the log-probabilities went through tanh": kl_coef * np.tanh(log_probs),
            "it looks as if the log-probabilities went through a sigmoid": lambda: (
                kl_coef / (1 + np.exp(-log_probs))
            ),
            "it looks as if the log-probabilities were rounded": kl_coef * np.round(log_probs),
            "it looks as if the log-probabilities were divided by the batch's sum": lambda: (
                kl_coef * log_probs / log_probs.sum()
            ),
            "it looks as if the log-probability was divided by the batch's lowest": lambda: (
                kl_coef * log_probs / log_probs.min()
            ),
            "it looks as if the log-probabilities were standardised over the batch": lambda: (
                kl_coef * (log_probs - log_probs.mean()) / log_probs.std(ddof=len(got) > 1)
            ),
            "it looks like a log-softmax over the batch": (
                kl_coef * (log_probs - np.log(np.exp(log_probs).sum()))
            ),
            "it looks like a softmax over the batch": (
                kl_coef * np.exp(log_probs) / np.exp(log_probs).sum()
            ),
            "it looks like a logarithm to base 2: use nats": expected / np.log(2),
            "it looks like a logarithm to base 10: use nats": expected / np.log(10),
        },
        {
            f"it looks as if the coefficient used is {used[0]:.3g}, not the one passed": (
                used[0] * log_probs
            ),
            f"it looks as if log-probabilities below {used_floor(log_probs, got, kl_coef):.4g} are cut off": (
                kl_coef * np.maximum(log_probs, used_floor(log_probs, got, kl_coef))
            ),
        }
        if len(used)
        else {},
    )


def used_floor(log_probs, got, kl_coef):
    """The lowest log-probability that seems to count; nan if that is the lowest there is."""
    floor = got.min() / kl_coef if kl_coef else np.nan
    return floor if floor > log_probs.min() + 1e-3 else np.nan


@law(
    "the bonus grows in proportion to the reference's log-probability",
    weight=0.6,
    value=True,
    hint=likely_causes,
)
@given(log_probs=some.mean_log_probs(low=-20.0), kl_coef=some.coefficients())
@example(log_probs=np.float32([-0.5, -4.0]), kl_coef=0.25)
@example(log_probs=np.linspace(-6, 0, 20, dtype=np.float32), kl_coef=10.0)
@example(log_probs=np.float32([-0.333, -1.111]), kl_coef=0.003)
@example(log_probs=np.linspace(-20, 0, 100, dtype=np.float32), kl_coef=10.0)
@example(log_probs=some.many(-20, 0), kl_coef=0.7)
def test_value(student, log_probs, kl_coef):
    near(
        vector(student(log_probs, kl_coef=kl_coef), len(log_probs)),
        oracles.forward_kl(log_probs, kl_coef),
    )


@law("the coefficient is 0.1 unless it is given", weight=0.2)
@settings(max_examples=15)
@given(log_probs=some.mean_log_probs())
@example(log_probs=np.float32([-0.5, -4.0]))
def test_default_coefficient(student, log_probs):
    is_default(student, [np.append(log_probs, np.float32(-2))], "kl_coef", 0.1, other=0.5)


@law("the log-probabilities passed in are left as they were", weight=0.1)
@settings(max_examples=10)
@given(log_probs=some.mean_log_probs(), kl_coef=some.coefficients())
def test_inputs_kept(student, log_probs, kl_coef):
    keeps_inputs(student, log_probs, kl_coef)


@law(
    "a result depends on the arguments alone: not on earlier calls, nor on a later one", weight=0.1
)
def test_no_memory(student):
    forgets(student, np.float32([-0.5, -3, -1.25, -2, -4, -0.25]), 0.3)
