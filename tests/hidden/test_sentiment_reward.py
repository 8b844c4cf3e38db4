"""Exercise 1: P(positive) of each completion as it stands."""

import functools
import html
import re
import string
import unicodedata

import numpy as np
import strategies as some
from assignment import SCORER, get_sentiment_scores
from hypothesis import example, given, settings

from grader.laws import check, forgets, keeps_inputs, law, matching, near, vector

EOS = "<|endoftext|>"


def scored(texts):
    return np.array(get_sentiment_scores(list(texts)))


def scorer_calls(student, completions):
    """How often the last call asked the scorer: 0 or 1, or the law fails."""
    calls = sum(call.name == SCORER for call in student.last.callbacks)
    words = f"get_sentiment_scores was called {calls} times for {len(completions)} completions"
    check(calls <= 1, words)
    return calls


def as_trl_calls(completions):
    """The keywords with which TRL calls a reward function, other columns of the data among them."""
    prompts = [f"Prompt {number}: " for number, _ in enumerate(completions)]
    return {
        "prompts": prompts,
        "completions": completions,
        "log_extra": None,
        "log_metric": None,
        "completion_ids": [[50256, number] for number, _ in enumerate(completions)],
        "trainer_state": None,
        "source": prompts,
    }


def likely_causes(call, got, expected):
    texts = call.args[0] if call.args else call.kwargs["completions"]
    prompts = call.kwargs.get("prompts", texts)
    return matching(
        got,
        expected,
        {
            "it looks like the probability of negative sentiment": lambda: 1 - expected,
            "it looks as if the scores were rescaled to run from -1 to 1": lambda: 2 * expected - 1,
            "it looks as if the scores were centred on 0.5": lambda: expected - 0.5,
            "it looks as if the scores were turned into labels 0 and 1": lambda: expected > 0.5,
            "it looks as if the scores were turned into labels -1 and 1": lambda: np.where(
                expected > 0.5, 1, -1
            ),
            "it looks as if the scores were turned into stars from 1 to 5": lambda: (
                1 + 4 * expected
            ),
            "it looks as if the scores were centred on their mean": lambda: (
                expected - expected.mean()
            ),
            "it looks like the logarithm of the scores": lambda: np.log(expected),
            "it looks as if the prompts were put before the completions": lambda: scored(
                map(str.__add__, prompts, texts)
            ),
            "it looks as if the prompts were put before the completions, with a space": lambda: (
                scored(map("{} {}".format, prompts, texts))
            ),
            "it looks as if the prompts were cut off the completions": lambda: scored(
                map(str.removeprefix, texts, prompts)
            ),
            "it looks as if the prompts were scored, not the completions": lambda: scored(prompts),
            **{words: changed(texts, change) for words, change in CHANGES.items()},
            **{
                f"it looks as if texts were cut after {most} characters": changed(
                    texts, lambda text, most=most: text[:most]
                )
                for most in LENGTHS
            },
            **{
                f"it looks as if texts were cut after {most} words": changed(
                    texts, lambda text, most=most: " ".join(text.split()[:most])
                )
                for most in LENGTHS
            },
        },
        {
            "it looks as if the scores came back in another order": lambda: (
                got if np.allclose(np.sort(got), np.sort(expected)) else None
            ),
            "it looks as if long texts were cut": lambda: np.where(
                [len(text) > 500 for text in texts], got, expected
            ),
            "it looks as if blank texts are not scored": lambda: np.where(
                [not text.strip() for text in texts], got, expected
            ),
            "it looks as if texts with characters beyond ASCII were changed": lambda: np.where(
                [not text.isascii() for text in texts], got, expected
            ),
        },
    )


LENGTHS = (10, 20, 32, 50, 64, 100, 128, 200, 256, 300, 400, 500, 512, 1000, 1024, 2000, 2048, 4096)
CHANGES = {
    "it looks as if white space was stripped from the texts": str.strip,
    "it looks as if white space was stripped from the texts' beginning": str.lstrip,
    "it looks as if white space was stripped from the texts' end": str.rstrip,
    "it looks as if spaces were stripped from the texts": lambda text: text.strip(" "),
    "it looks as if new lines were stripped from the texts": lambda text: text.strip("\n"),
    "it looks as if \\r\\n became \\n": lambda text: text.replace("\r\n", "\n"),
    "it looks as if \\r was removed": lambda text: text.replace("\r", ""),
    "it looks as if tabs became spaces": lambda text: text.expandtabs(),
    "it looks as if each tab became a space": lambda text: text.replace("\t", " "),
    "it looks as if NUL characters were removed": lambda text: text.replace("\x00", ""),
    "it looks as if the last new line was cut off": lambda text: text.removesuffix("\n"),
    "it looks as if new lines became spaces": lambda text: text.replace("\n", " "),
    "it looks as if new lines were removed": lambda text: text.replace("\n", ""),
    "it looks as if runs of white space became one space": lambda text: " ".join(text.split()),
    "it looks as if all white space was removed": lambda text: "".join(text.split()),
    "it looks as if the texts were lower-cased": str.lower,
    "it looks as if the texts were lower-cased and stripped": lambda text: text.lower().strip(),
    "it looks as if the texts were case-folded": str.casefold,
    "it looks as if the texts were upper-cased": str.upper,
    "it looks as if the texts were capitalised": str.capitalize,
    "it looks as if every word was capitalised": str.title,
    "it looks as if Python's notation of the texts was scored": repr,
    "it looks as if a space was put before the texts": " {}".format,
    "it looks as if double spaces became one": lambda text: text.replace("  ", " "),
    "it looks as if punctuation was stripped from the texts' ends": lambda text: text.strip(
        string.punctuation
    ),
    "it looks as if <|endoftext|> was removed": lambda text: text.replace(EOS, ""),
    "it looks as if <|endoftext|> was removed and white space stripped": lambda text: text.replace(
        EOS, ""
    ).strip(),
    "it looks as if the texts were cut at <|endoftext|>": lambda text: text.split(EOS)[0],
    "it looks as if only what follows <|endoftext|> was scored": lambda text: text.split(EOS)[-1],
    "it looks as if <|endoftext|> was added": lambda text: text + EOS,
    "it looks as if only the first line was scored": lambda text: text.split("\n")[0],
    "it looks as if only the first sentence was scored": lambda text: text.split(".")[0],
    "it looks as if only the first sentence was scored, with its full stop": lambda text: (
        text.split(".")[0] + "."
    ),
    "it looks as if a full stop was added": lambda text: text + ".",
    "it looks as if the texts were reversed": lambda text: text[::-1],
    "it looks as if tags were removed": lambda text: re.sub(r"<[^>]+>", "", text),
    "it looks as if tags became spaces": lambda text: re.sub(r"<[^>]+>", " ", text),
    "it looks as if `<br />` became a space": lambda text: text.replace("<br />", " "),
    "it looks as if entities such as &amp; were resolved": html.unescape,
    "it looks as if punctuation was removed": lambda text: re.sub(r"[^\w\s]", "", text),
    "it looks as if ASCII punctuation was removed": lambda text: text.translate(
        dict.fromkeys(map(ord, string.punctuation))
    ),
    "it looks as if all but letters, digits and spaces was removed": lambda text: re.sub(
        r"[^A-Za-z0-9 ]", "", text
    ),
    "it looks as if all but letters and spaces was removed": lambda text: re.sub(
        r"[^A-Za-z ]", "", text
    ),
    "it looks as if characters beyond ASCII were removed": lambda text: text.encode(
        "ascii", "ignore"
    ).decode(),
    "it looks as if characters beyond ASCII became question marks": lambda text: text.encode(
        "ascii", "replace"
    ).decode(),
    "it looks as if the texts went through Latin-1": lambda text: text.encode(
        "latin-1", "ignore"
    ).decode("latin-1"),
    "it looks as if what UTF-8 cannot hold was removed": lambda text: text.encode(
        "utf-8", "ignore"
    ).decode(),
    "it looks as if what UTF-8 cannot hold became question marks": lambda text: text.encode(
        "utf-8", "replace"
    ).decode(),
    "it looks as if characters that cannot be printed were removed": lambda text: "".join(
        filter(str.isprintable, text)
    ),
    "it looks as if zero-width characters were removed": lambda text: re.sub(
        "[\u200b-\u200d\u2060\ufeff]", "", text
    ),
    "it looks as if zero-width spaces were removed": lambda text: text.replace("\u200b", ""),
    "it looks as if a byte order mark was removed": lambda text: text.removeprefix("\ufeff"),
    "it looks as if the character U+FFFD was removed": lambda text: text.replace("\ufffd", ""),
    "it looks as if accents were removed": lambda text: "".join(
        char for char in unicodedata.normalize("NFD", text) if not unicodedata.combining(char)
    ),
    **{
        f"it looks as if the texts were put into the normal form {form}": functools.partial(
            unicodedata.normalize, form
        )
        for form in ("NFC", "NFD", "NFKC", "NFKD")
    },
}


def changed(texts, change):
    return lambda: scored(map(change, texts))


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
    completions=["Worth it.<br /><br />Go!", "A&amp;B", "see https://t.co/x @bob #1 \U0001f600"]
)
@example(completions=["Good", "good", "\u201cno\u201d don\u2019t"])
@example(
    completions=[
        "\tTab first",
        "Line last\n",
        "\r\nBoth\r\n",
        "two  inside",
        "a\rb",
        "\u00a0\x0b\x0c",
    ]
)
@example(completions=["bad<|endoftext|>good", "<|endoftext|>", "Good. <|endoftext|>"])
@example(
    completions=["zero\u200bwidth", "\ufeffMark first", "\ufeffjoined\u200d up\u2060", "a\u200bb"]
)
@example(completions=["cafe\u0301", "caf\u00e9", "n\u0303o \u1e9b\u0323", "\u00e9te\u0301"])
@example(
    completions=[
        "\u05e1\u05e8\u05d8 \u05d8\u05d5\u05d1",
        "\u202eback\u202c",
        "good\u200f",
        "\u0641",
    ]
)
@example(
    completions=["\ufffd first", "last \ufffd", "half \ud83d a pair", "\udc00\udc00", "\x00\x7f"]
)
@example(completions=["y" * 60_000, "The film opens slowly. " * 4000 + "It ends.", "n\n" * 50_000])
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
    for args, keywords in ((completions,), {}), ((), as_trl_calls(completions)):
        got = student(*args, **keywords)
        # remembered scores are fine, invented ones are not
        if scorer_calls(student, completions) == 0:
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
    got = student(**as_trl_calls(completions))
    near(vector(got, len(completions)), scored(completions))


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
