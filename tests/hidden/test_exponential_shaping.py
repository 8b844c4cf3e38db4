"""Exercise 2: exponential reward shaping."""

import math

import numpy as np
import oracles
import strategies as some
from hypothesis import example, given, settings
from hypothesis import strategies as st

from grader.laws import (
    agree,
    forgets,
    is_default,
    keeps_inputs,
    law,
    matching,
    near,
    raises,
    vector,
)


def likely_causes(call, got, expected):
    scores = call.args[0].astype(np.float64)
    temperature = call.args[1] if len(call.args) > 1 else call.kwargs.get("temperature", 1.0)
    exponents = scores / temperature
    powers = np.exp(exponents)
    return matching(
        got,
        expected,
        {
            "it looks as if the `- 1` is missing": powers,
            "it looks as if `//` divides, which cuts to whole numbers: use `/`": lambda: (
                oracles.shaping(scores // temperature)
            ),
            "it looks as if the temperature is not used": lambda: oracles.shaping(scores),
            "it looks as if the temperature multiplies instead of divides": lambda: oracles.shaping(
                scores, 1 / temperature
            ),
            "it looks as if the temperature multiplies instead of divides, and the `- 1` is missing": (
                lambda: np.exp(scores * temperature)
            ),
            "it looks as if the temperature is not used, and the `- 1` is missing": np.exp(scores),
            "it looks as if the temperature is squared": lambda: oracles.shaping(
                scores, temperature**2
            ),
            "it looks as if the temperature's square root divides": lambda: oracles.shaping(
                scores, temperature**0.5
            ),
            "it looks as if 1 was added to the temperature": lambda: oracles.shaping(
                scores, temperature + 1
            ),
            "it looks as if the temperature was halved": lambda: oracles.shaping(
                scores, temperature / 2
            ),
            "it looks as if the temperature was doubled": lambda: oracles.shaping(
                scores, 2 * temperature
            ),
            "it looks as if the 1 is subtracted inside the exponential": lambda: np.exp(
                (scores - 1) / temperature
            ),
            "it looks as if the 1 is subtracted inside the exponential, after the division": lambda: (
                np.exp(exponents - 1)
            ),
            "it looks as if 1 is added instead of subtracted": powers + 1,
            "it looks as if the exponent has the wrong sign": lambda: oracles.shaping(
                -scores, temperature
            ),
            "it looks as if the exponent has the wrong sign, and the `- 1` is missing": 1 / powers,
            "it looks as if the exponent has the wrong sign, and the result, too": 1 - 1 / powers,
            "it looks as if 1 - score was shaped": lambda: oracles.shaping(1 - scores, temperature),
            "it looks as if the scores were centred on 0.5 first": lambda: oracles.shaping(
                scores - 0.5, temperature
            ),
            "it looks as if the scores were rescaled to run from -1 to 1 first": lambda: (
                oracles.shaping(2 * scores - 1, temperature)
            ),
            "it looks as if the batch's mean score was subtracted first": lambda: oracles.shaping(
                scores - scores.mean(), temperature
            ),
            "it looks as if the batch's best score was subtracted first": lambda: oracles.shaping(
                scores - scores.max(), temperature
            ),
            "it looks as if the base is 2 instead of e": np.exp2(exponents) - 1,
            "it looks as if the base is 10 instead of e": 10**exponents - 1,
            "it looks as if the temperature divides the exponential, not the score": lambda: (
                oracles.shaping(scores) / temperature
            ),
            "it looks as if the temperature divides the result once more": expected / temperature,
            "it looks as if the result is multiplied by the temperature": expected * temperature,
            "it looks as if the exponential is multiplied by the temperature before the `- 1`": (
                temperature * powers - 1
            ),
            "it looks as if the temperature divides the exponential before the `- 1`": lambda: (
                np.exp(scores) / temperature - 1
            ),
            "it looks as if 1 / temperature is subtracted, not 1": powers - 1 / temperature,
            "it looks as if the temperature is subtracted, not 1": powers - temperature,
            "it looks as if the result is scaled so that a score of 1 gives 1": lambda: (
                expected / np.expm1(1 / temperature)
            ),
            "it looks as if the result is divided by the exponential of 1 / temperature": lambda: (
                np.exp((scores - 1) / temperature) - np.exp(-1 / temperature)
            ),
            "it looks like the score divided by the temperature, without the exponential": (
                exponents
            ),
            "it looks like the score divided by the temperature, minus 1, without the exponential": (
                exponents - 1
            ),
            "it looks like a power of the score: score ** (1 / temperature)": lambda: (
                scores ** (1 / temperature)
            ),
            "it looks like a power of the score: score ** temperature": lambda: scores**temperature,
            "it looks like a logarithm, not an exponential": np.log1p(exponents),
            "it looks like the square of score / temperature": exponents**2,
            "it looks like tanh of score / temperature": np.tanh(exponents),
            "it looks like a sigmoid of score / temperature": 1 / (1 + 1 / powers),
            "it looks as if the score is multiplied by the exponential": scores * powers,
            "it looks as if the score is multiplied by the exponential before the `- 1`": (
                scores * powers - 1
            ),
            "it looks as if the score is subtracted, not 1": powers - scores,
            "it looks as if 0.1 was added to the temperature": lambda: oracles.shaping(
                scores, temperature + 0.1
            ),
            "it looks as if the batch's lowest score was subtracted first": lambda: oracles.shaping(
                scores - scores.min(), temperature
            ),
            **{
                f"it looks as if the exponential was replaced by its series up to the power {n}": (
                    sum(exponents**k / math.factorial(k) for k in range(1, n + 1))
                )
                for n in range(2, 13)
            },
        },
        {
            "it looks as if the rewards were normalised over the batch": lambda: (
                expected / expected.sum()
            ),
            "it looks like a softmax over the batch": lambda: powers / powers.sum(),
            "it looks as if the batch's best score gives 0: an exponential of what it leads by": (
                lambda: powers / powers.max()
            ),
            **other_temperature(scores, got, temperature),
        },
    )


def other_temperature(scores, got, given):
    """The one temperature that explains the results, if there is one, as a cause."""
    used = scores[scores > 0] / np.log1p(got[scores > 0])
    if not len(used) or np.isnan(used[0]) or not np.allclose(used, used[0], rtol=1e-3):
        return {}
    return {
        f"it looks as if the temperature used is {used[0]:.3g}, not the one passed": (
            oracles.shaping(scores, used[0])
        )
    }


@law(
    "each reward is the exponentially shaped score, at any temperature",
    weight=1.3,
    value=True,
    hint=likely_causes,
)
@given(scores=some.scores(), temperature=some.temperatures())
@example(scores=np.float32([0.0, 0.25, 1.0]), temperature=0.7)
@example(scores=np.linspace(0, 1, 20, dtype=np.float32), temperature=50.0)
@example(scores=np.float32([0.002, 0.004, 0.99, 0.998]), temperature=0.7)
@example(scores=np.linspace(0, 1, 100, dtype=np.float32), temperature=20.0)
@example(scores=np.float32([0.5, 1]), temperature=0.27)
@example(scores=np.float32([0.5, 1]), temperature=150.0)
@example(scores=some.many(0, 1), temperature=0.5)
@example(scores=np.float32([1e-5, 1e-4, 1 - 1e-5]), temperature=0.3)
def test_value(student, scores, temperature):
    near(
        vector(student(scores, temperature=temperature), len(scores)),
        oracles.shaping(scores, temperature),
    )


@law("it stays right at sharp temperatures, down to 0.05", weight=0.25, hint=likely_causes)
@settings(max_examples=25)
@given(scores=some.scores(), temperature=some.temperatures(0.05, 0.25))
@example(scores=np.float32([1.0, 0.9]), temperature=0.05)
@example(scores=np.float32([0.25, 0.75, 0.5]), temperature=0.15)
@example(scores=some.many(0.9, 1), temperature=0.05)
@example(scores=np.float32([0.5, 0.7, 0.9]), temperature=0.28)
def test_sharp_temperature(student, scores, temperature):
    near(vector(student(scores, temperature), len(scores)), oracles.shaping(scores, temperature))


@law("a score of zero becomes a reward of zero", weight=0.25)
@settings(max_examples=15)
@given(temperature=some.temperatures())
@example(temperature=2.0)
def test_zero_score(student, temperature):
    near(vector(student(np.float32([0.0, 0.75]), temperature), 2)[:1], [0.0])


@law("the temperature is 1 unless it is given", weight=0.3)
@settings(max_examples=15)
@given(scores=some.scores())
@example(scores=np.float32([0.25, 1.0]))
def test_default_temperature(student, scores):
    is_default(student, [np.append(scores, np.float32(0.75))], "temperature", 1.0, other=0.5)


@law("a score's reward does not depend on the other scores of the batch", weight=0.2)
@settings(max_examples=15)
@given(scores=some.scores(), temperature=some.temperatures())
@example(scores=np.float32([0.125, 0.75]), temperature=1.5)
def test_batch_independent(student, scores, temperature):
    together = vector(student(scores, temperature), len(scores), finite=False)
    alone = vector(student(scores[:1], temperature), 1, finite=False)
    agree(together[:1], alone, ("in the whole batch", "alone"))


@law("a temperature of zero is refused with ValueError", weight=0.25)
def test_refuses_zero(student):
    raises(ValueError, student, np.float32([0.5]), temperature=0.0)


@law("a negative temperature is refused with ValueError", weight=0.25)
@settings(max_examples=10)
@given(temperature=st.floats(-5, -1e-3))
@example(temperature=-1.0)
@example(temperature=-1e-6)
def test_refuses_negative(student, temperature):
    raises(ValueError, student, np.float32([0.5]), temperature=temperature)


@law("the scores passed in are left as they were", weight=0.1)
@settings(max_examples=10)
@given(scores=some.scores(), temperature=some.temperatures())
@example(scores=np.float32([0.25, 0.75]), temperature=1.0)
@example(scores=np.float32([0, 0.002, 1]), temperature=0.05)
def test_inputs_kept(student, scores, temperature):
    keeps_inputs(student, scores, temperature)


@law(
    "a result depends on the arguments alone: not on earlier calls, nor on a later one", weight=0.1
)
def test_no_memory(student):
    forgets(student, np.float32([0.25, 0.75, 0, 0.5, 1, 0.125]), 0.7)
