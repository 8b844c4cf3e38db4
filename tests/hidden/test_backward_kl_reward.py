"""Exercise 3c: the penalty that explodes on text that the reference finds improbable (`--kl_type backward`)."""

import numpy as np
import oracles
import strategies as some
from hypothesis import example, given, settings

from grader.laws import forgets, is_default, keeps_inputs, law, matching, near, vector


def likely_causes(call, got, expected):
    log_probs, kl_coef = call.args[0].astype(np.float64), call.kwargs.get("kl_coef", 0.1)
    return matching(
        got,
        expected,
        {
            "the sign is wrong: a penalty is never positive": lambda: -expected,
            "it looks as if the sign inside the exponential is wrong: improbable text must be penalised most": lambda: (
                -kl_coef * np.exp(log_probs)
            ),
            "it looks as if both signs are wrong: this rewards probable text instead of penalising improbable text": lambda: (
                kl_coef * np.exp(log_probs)
            ),
            "it looks as if the coefficient is not used": lambda: -np.exp(-log_probs),
            "it looks as if the coefficient is fixed at its default": lambda: oracles.backward_kl(
                log_probs
            ),
            "it looks as if the coefficient stands inside the exponential": lambda: (
                -np.exp(-kl_coef * log_probs)
            ),
            "it looks as if the exponential is missing": lambda: kl_coef * log_probs,
            "it looks as if the exponential is missing and the sign is wrong": lambda: (
                -kl_coef * log_probs
            ),
            "it looks as if the base is 2 instead of e": lambda: -kl_coef * np.exp2(-log_probs),
            "it looks as if 1 was subtracted from the exponential": lambda: expected + kl_coef,
        },
        {
            "it looks as if large penalties are cut off": lambda: (
                np.maximum(expected, got.min())
                if (expected < 2 * got.min()).any() and (got > got.min()).any()
                else np.nan
            ),
        },
    )


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
def test_inputs_kept(student, log_probs, kl_coef):
    keeps_inputs(student, log_probs, kl_coef)


@law(
    "a result depends on the arguments alone: not on earlier calls, nor on a later one", weight=0.05
)
def test_no_memory(student):
    forgets(student, np.float32([-0.5, -3, -1.25, -2, -4, -0.25]), 0.3)
