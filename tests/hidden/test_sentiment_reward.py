"""Exercise 1: P(positive) of each completion as it stands."""

import numpy as np
import strategies as some
from course import SCORER, get_sentiment_scores
from hypothesis import example, given, settings

from grader.laws import check, forgets, keeps_inputs, law, matching, near, vector


def scored(texts):
    return np.array(get_sentiment_scores(list(texts)))


def scorer_calls(student, completions):
    """How often the last call asked the scorer: 0 or 1, or the law fails."""
    calls = sum(call.name == SCORER for call in student.last.callbacks)
    words = f"get_sentiment_scores was called {calls} times for {len(completions)} completions"
    check(calls <= 1, words)
    return calls


def likely_causes(call, got, expected):
    texts = call.args[0] if call.args else call.kwargs["completions"]
    prompts = call.kwargs.get("prompts", texts)
    return matching(
        got,
        expected,
        {
            "it looks like the probability of negative sentiment": lambda: 1 - expected,
            "it looks as if the scores were rescaled to run from -1 to 1": lambda: 2 * expected - 1,
            "it looks as if the scores were turned into labels 0 and 1": lambda: expected > 0.5,
            "it looks as if the scores were centred on their mean": lambda: (
                expected - expected.mean()
            ),
            "it looks like the logarithm of the scores": lambda: np.log(expected),
            "it looks as if white space was stripped from the texts": lambda: scored(
                text.strip() for text in texts
            ),
            "it looks as if the texts were lower-cased": lambda: scored(
                text.lower() for text in texts
            ),
            "it looks as if the prompts were put before the completions": lambda: scored(
                map(str.__add__, prompts, texts)
            ),
            "it looks as if the prompts were scored, not the completions": lambda: scored(prompts),
        },
        {
            "it looks as if the scores came back in another order": lambda: (
                got if np.allclose(np.sort(got), np.sort(expected)) else None
            ),
            "it looks as if long texts were cut": lambda: np.where(
                [len(text) > 500 for text in texts], got, expected
            ),
        },
    )


@law(
    "each completion gets the scorer's P(positive) of exactly its own text, in the order given",
    weight=0.7,
    value=True,
    hint=likely_causes,
)
@given(completions=some.completions())
@example(completions=["I LOVED it.", " The plot made no sense.\n"])
@example(completions=['"Great," he said.', "A ﬁlm…\u00a0½ good"])
@example(
    completions=[
        "see https://t.co/x @bob #1 <br />\r\n\tA&amp;B cafe\u0301 \U0001f600 \u201cno\u201d don\u2019t",
        "y" * 20000,
        "good",
        "Good",
    ]
)
@example(completions=["Superb.", "Dire."])
@example(completions=[f"Film number {n}." for n in range(100)])
def test_value(student, completions):
    near(vector(student(completions), len(completions)), scored(completions))


@law(
    "repeated, blank and empty completions each get their own score",
    weight=0.2,
    hint=likely_causes,
)
@settings(max_examples=25)
@given(completions=some.completions(unique=False))
@example(completions=["good", "", "good", " "])
def test_repeated_and_empty(student, completions):
    near(vector(student(completions), len(completions)), scored(completions))


@law("an empty batch gives an empty result", weight=0.15)
def test_empty_batch(student):
    vector(student([]), 0)


@law("the scorer is called at most once, with the whole batch", weight=0.3)
@settings(max_examples=15)
@given(completions=some.completions(min_size=2))
@example(completions=["I LOVED it.", "The plot made no sense."])
@example(completions=[f"Film number {n}." for n in range(300)])
@example(completions=["good", "", "good", " "])
def test_one_batched_call(student, completions):
    got = student(completions)
    if scorer_calls(student, completions) == 0:  # remembered scores are fine, invented ones are not
        near(vector(got, len(completions)), scored(completions))


@law(
    "called as TRL calls it, by keyword and with further keywords, it gives the same scores",
    weight=0.5,
    hint=likely_causes,
)
@settings(max_examples=15)
@given(completions=some.completions())
@example(completions=["I LOVED it.", "The plot made no sense."])
@example(completions=["Prompt 0: I LOVED it.", "The plot made no sense."])
def test_trl_keywords(student, completions):
    prompts = [f"Prompt {number}: " for number, _ in enumerate(completions)]
    columns = {
        "completion_ids": [[50256, number] for number, _ in enumerate(completions)],
        "trainer_state": None,
        "source": prompts,
    }
    got = student(
        prompts=prompts, completions=completions, log_extra=None, log_metric=None, **columns
    )
    near(vector(got, len(completions)), scored(completions))
    scorer_calls(student, completions)


@law("the list of completions is left as it was", weight=0.1)
@settings(max_examples=15)
@given(completions=some.completions(min_size=2))
@example(completions=["good", "", "good", " "])
def test_inputs_kept(student, completions):
    keeps_inputs(student, completions)


@law(
    "a result depends on the arguments alone: not on earlier calls, nor on a later one", weight=0.05
)
def test_no_memory(student):
    forgets(student, ["good", "A bore.", "Great fun!", "Why?", "I left.", "fine"])
