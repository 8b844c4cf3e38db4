"""Exercise 3b: the bonus for text that the reference finds probable (`--kl_type forward`)."""

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
            "the sign is wrong: probable text must earn more than improbable text": lambda: (
                -expected
            ),
            "it looks as if the coefficient is not used": lambda: log_probs,
            "it looks as if the coefficient divides instead of multiplies": lambda: (
                oracles.forward_kl(log_probs, 1 / kl_coef)
            ),
            "it looks as if the coefficient is fixed at its default": lambda: oracles.forward_kl(
                log_probs
            ),
            "it looks as if the coefficient is added, not multiplied": lambda: log_probs + kl_coef,
            "it looks as if the logarithm was undone: the log-probability itself is wanted": lambda: (
                kl_coef * np.exp(log_probs)
            ),
            "it looks as if a logarithm was taken of what is a log-probability already": lambda: (
                kl_coef * np.log(-log_probs)
            ),
        },
    )


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
@example(log_probs=np.linspace(-20, 0, 100, dtype=np.float32), kl_coef=30.0)
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
