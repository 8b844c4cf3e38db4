"""A submission's rewards while the gate trains with them: called behind the wall, whatever they do."""

import dataclasses
import json
import time

import pytest
import torch

from gate import ROOT, SOURCE
from gate.cases import cases, solution
from gate.submissions import replaced
from gate.walled_rewards import (
    BATCH,
    CHARACTERS,
    SIGNIFICANT_BITS,
    TEXT_SHARE,
    RunEnded,
    WalledRewards,
    bounded_scorer,
    rounded,
)
from grader.assignment import load_assignment
from grader.judging.session import Grader
from grader.submission.preflight import repair
from lab.config import TrainConfig


@pytest.fixture(scope="module")
def grader():
    with Grader(load_assignment(ROOT / "tests" / "hidden")) as grader:
        yield grader


def as_rounded(values):
    """These values, as the trainer gets them."""
    return pytest.approx(values, rel=2**-SIGNIFICANT_BITS)


def walled(notebook, grader, config, **limits):
    cells = repair(notebook, grader.assignment).cells
    limits = dataclasses.replace(grader.assignment.limits, **limits)
    assignment = dataclasses.replace(grader.assignment, limits=limits)
    return WalledRewards(cells, assignment, grader.sandbox, config)


def called(grader, cell, texts=("a", "b", "c"), calls=1):
    """What `sentiment_reward`, replaced by `cell`, answers to the trainer; the notebook's own calls of it have 2 seconds each."""
    notebook = json.dumps(replaced(solution(), "sentiment_reward", cell)).encode()
    config = TrainConfig.from_preset("smoke")
    with walled(notebook, grader, config, load_seconds=2.0) as rewards:
        for _ in range(calls):
            scores = rewards["sentiment_reward"](list(texts), prompts=["p"] * len(texts))
    return scores


def test_the_real_scorer_answers_from_outside(grader):
    import sentiment

    sentiment.use_model("tiny-sentiment")
    texts = ["a wonderful film", "a terrible bore"]
    scores = called(grader, "def sentiment_reward(completions, **kwargs):\n    return get_sentiment_scores(completions)", texts)  # fmt: skip
    assert scores.tolist() == as_rounded(sentiment.get_sentiment_scores(texts))


@pytest.mark.parametrize(
    ("body", "outcome"),
    [
        ("while True: pass", "timeout"),
        ("__import__('os')._exit(3)", "crash"),
        ("return [float('nan')] * len(completions)", "wrong"),
        ("return [float('inf')] * len(completions)", "wrong"),
        ("return [0.5]", "wrong"),
        ("return 'positive'", "wrong"),
        ("return 1 / 0", "wrong"),
        ("raise NotImplementedError('Exercise 1')", "not_implemented"),
        ("return bytearray(8 << 30)", "out_of_memory"),
    ],
)
def test_a_reward_that_misbehaves_ends_the_run_with_its_outcome(grader, monkeypatch, body, outcome):
    monkeypatch.setattr("gate.walled_rewards.CALL_SECONDS", 2.0)
    with pytest.raises(RunEnded) as end:
        called(grader, f"def sentiment_reward(completions, **kwargs):\n    {body}")
    assert (end.value.stem, end.value.outcome) == ("sentiment_reward", outcome)
    assert end.value.words


@pytest.mark.parametrize("case", cases(["variant"]), ids=lambda case: case.name)
def test_every_right_variant_of_the_bank_serves_the_trainer(grader, case):
    import sentiment

    sentiment.use_model("tiny-sentiment")
    texts, numbers = ["a wonderful film", "a bore"] * 4, torch.linspace(0.1, 0.9, 8)
    stem, config = case.name.partition("-")[0], TrainConfig.from_preset("smoke")
    calls = {
        "sentiment_reward": ((texts,), sentiment.get_sentiment_scores(texts)),
        "exponential_shaping": ((numbers.clone(), 0.5), ((numbers / 0.5).exp() - 1).tolist()),
        "forward_kl_reward": ((-numbers, 0.1), (-0.1 * numbers).tolist()),
    }
    arguments, expected = calls[stem]
    with walled(case.notebook, grader, config) as rewards:
        got = rewards[stem](*arguments)
    assert got.tolist() == as_rounded(expected) and torch.equal(got, rounded(got))


def test_rewards_are_rounded_half_to_even_and_nothing_else_happens_to_them():
    step = 2.0 ** (1 - SIGNIFICANT_BITS)  # between neighbours in [1, 2)
    given = torch.tensor([1 + step / 2, 1 + 1.5 * step, 1 + 0.51 * step, -1 - step, 0.0, 1e12])
    got = rounded(given)
    assert got.tolist()[:5] == [1.0, 1 + 2 * step, 1 + step, -1 - step, 0.0]
    assert got.dtype == torch.float32 and got[5].item() == as_rounded(1e12)
    assert torch.equal(rounded(got), got)


def test_slow_calls_use_the_run_s_patience_up(grader, monkeypatch):
    """Each is within its own limit; all together would drag the run out."""
    monkeypatch.setattr("gate.walled_rewards.STEP_SECONDS", -29.5 / 40)  # leaves half a second
    cell = "import time\ndef sentiment_reward(completions, **kwargs):\n    time.sleep(0.6)\n    return [0.5] * len(completions)"
    with pytest.raises(RunEnded, match="altogether") as end:
        called(grader, cell, calls=10)
    assert end.value.outcome == "timeout"


@pytest.fixture
def scored(monkeypatch):
    """Every batch that reaches the trusted scorer, as (texts, batch_size); nothing is computed."""
    seen = []

    def get_sentiment_scores(texts, batch_size):
        if batch_size < 1:
            raise ValueError("batch_size must be 1 or more")
        seen.append((texts, batch_size))
        return [0.5] * len(texts)

    monkeypatch.setattr("gate.walled_rewards.sentiment.get_sentiment_scores", get_sentiment_scores)
    return seen


@pytest.mark.parametrize("texts", ["['x' * 5_000] * 100", "[''] * 5_000"])
def test_a_submission_cannot_have_endless_text_scored(grader, scored, texts):
    """Whatever it makes of an exception: the run is over."""
    cell = f"def sentiment_reward(completions, **kwargs):\n    try:\n        return get_sentiment_scores({texts})[:1]\n    except BaseException:\n        return [0.5]"
    with pytest.raises(RunEnded, match="far more text") as end:
        called(grader, cell, ["a"], calls=20)
    assert (end.value.stem, end.value.outcome) == ("sentiment_reward", "wrong")
    assert len(scored) > 8


@pytest.mark.parametrize("then", ["time.sleep(1e6)", "return [0.5] * len(completions)"])
def test_an_urgent_byte_does_not_hold_the_trainer_up(grader, monkeypatch, then):
    """It is announced, and no reading ever gets it."""
    monkeypatch.setattr("gate.walled_rewards.CALL_SECONDS", 2.0)
    cell = f"import os, socket, time\ndef sentiment_reward(completions, **kwargs):\n    for number in range(3, 256):\n        try:\n            socket.socket(fileno=os.dup(number)).send(b'x', socket.MSG_OOB)\n        except OSError:\n            pass\n    {then}"
    with pytest.raises(RunEnded) as end:
        called(grader, cell)
    assert end.value.outcome in ("timeout", "crash")


def test_scoring_may_not_take_longer_than_the_rest_of_the_run(grader, scored, monkeypatch):
    """Within its budget of characters: each is a token, or the machine is slow. One call is cut short, too."""
    monkeypatch.setattr("gate.walled_rewards.SCORING_SECONDS", 0.5)
    monkeypatch.setattr("gate.walled_rewards.sentiment.get_sentiment_scores", slowly(scored))
    cell = "def sentiment_reward(completions, **kwargs):\n    return get_sentiment_scores(['\u4e00'] * 2_000)[:1]"
    with pytest.raises(RunEnded, match="longer than all the rest") as end:
        called(grader, cell, ["a"])
    assert (end.value.stem, end.value.outcome) == ("sentiment_reward", "timeout")
    assert len(scored) < 10


def test_scoring_may_take_as_long_as_the_rest_of_the_run(monkeypatch, scored):
    monkeypatch.setattr("gate.walled_rewards.SCORING_SECONDS", 0.5)
    monkeypatch.setattr("gate.walled_rewards.sentiment.get_sentiment_scores", slowly(scored))
    score = bounded_scorer(TrainConfig.from_preset("smoke"))
    for _ in range(6):
        assert score(["a"]) == [0.5]
        time.sleep(0.25)


def slowly(scored):
    """A scorer that takes 0.2 seconds for whatever holds a text."""

    def get_sentiment_scores(texts, batch_size):
        scored.append((texts, batch_size))
        if texts:
            time.sleep(0.2)
        return [0.5] * len(texts)

    return get_sentiment_scores


@pytest.mark.parametrize("times", [1, 3])
def test_honest_work_may_score_the_run_s_text_and_more(scored, times):
    config = TrainConfig.from_preset("smoke", max_completion_length=1, max_steps=5)
    score = bounded_scorer(config)
    for _ in range(times * config.max_steps):
        score(["x" * CHARACTERS] * config.step_completions)


@pytest.mark.parametrize(
    "given",
    ["{'a': 1}", "'a'", "None", "7", "['a', 7]", "[['a']]", "torch.ones(2)", "['a'], 0", "['a'], 'b'", "['a'], None"],
)  # fmt: skip
def test_the_trusted_scorer_takes_lists_of_texts_alone(grader, scored, given):
    cell = f"def sentiment_reward(completions, **kwargs):\n    return get_sentiment_scores({given})"
    with pytest.raises(RunEnded, match="TypeError|ValueError") as end:
        called(grader, cell, ["a"])
    assert end.value.outcome == "wrong"
    assert not any(texts for texts, _ in scored)


def test_what_the_trusted_model_reads_at_once_is_bounded(grader, scored):
    cell = "def sentiment_reward(completions, **kwargs):\n    return get_sentiment_scores(tuple(['x' * 100_000, chr(0xD800)]), batch_size=10**9)"
    called(grader, cell, ["a", "b"])
    ((texts, batch_size),) = [entry for entry in scored if entry[0]]
    longest = TEXT_SHARE * CHARACTERS * TrainConfig.from_preset("smoke").max_completion_length
    assert batch_size == BATCH and [len(text) for text in texts] == [longest, 1]
    assert texts[1] == "?"


@pytest.mark.parametrize("error", [OSError, RuntimeError, TypeError, KeyError, MemoryError])
def test_trouble_of_the_trusted_scorer_is_nobody_s_mark(grader, monkeypatch, error):
    def broken(texts, batch_size):
        if texts:
            raise error("no such model")
        return []

    monkeypatch.setattr("gate.walled_rewards.sentiment.get_sentiment_scores", broken)
    cell = "def sentiment_reward(completions, **kwargs):\n    try:\n        return get_sentiment_scores(completions)\n    except Exception:\n        return [0.5]"
    with pytest.raises(RunEnded, match="no such model") as end:
        called(grader, cell, ["a"])
    assert end.value.outcome == "infrastructure"


def test_a_sandbox_that_this_machine_kills_does_not_end_the_run(grader, monkeypatch):
    killed = []

    def unlucky(texts, batch_size):
        if texts and not killed:
            killed.append(grader.sandbox.process.kill())
            time.sleep(0.5)  # until its workers are gone too
        return [0.5] * len(texts)

    monkeypatch.setattr("gate.walled_rewards.sentiment.get_sentiment_scores", unlucky)
    cell = (
        "def sentiment_reward(completions, **kwargs):\n    return get_sentiment_scores(completions)"
    )
    assert called(grader, cell, calls=3).tolist() == [0.5] * 3
    assert killed


def test_a_cell_that_scores_texts_does_so_with_the_run_s_own_model(grader):
    """Loading comes before the run has chosen its classifier."""
    import sentiment

    sentiment.use_model("another-model")
    cell = "BASE = get_sentiment_scores(['a wonderful film'])[0]\n\ndef sentiment_reward(completions, **kwargs):\n    return [BASE] * len(completions)"
    assert called(grader, cell, ["a"]).item() == as_rounded(
        sentiment.get_sentiment_scores(["a wonderful film"])[0]
    )


def test_the_course_s_limit_on_computing_holds_in_a_run_too(grader, monkeypatch):
    cell = "import time\ndef sentiment_reward(completions, **kwargs):\n    end = time.process_time() + 3\n    while time.process_time() < end: pass\n    return [0.5] * len(completions)"
    limits = dataclasses.replace(grader.assignment.limits, cpu_seconds=1)
    monkeypatch.setattr(grader, "assignment", dataclasses.replace(grader.assignment, limits=limits))
    with pytest.raises(RunEnded, match="more than 1 seconds of computing") as end:
        called(grader, cell)
    assert end.value.outcome == "timeout"


def test_log_probs_are_the_trusted_side_s(grader):
    forged = "def sequence_log_probs(*args):\n    return 'forged'"
    notebook = json.dumps(replaced(solution(), "sequence_log_probs", forged)).encode()
    config = TrainConfig.from_preset("smoke")
    behind = walled(notebook, grader, config)
    assert list(behind.students) == ["sentiment_reward", "exponential_shaping", "forward_kl_reward"]
    with behind as rewards:
        assert rewards["sequence_log_probs"].__module__ == "student_rewards"
        assert rewards["sequence_log_probs"].__globals__["__file__"].endswith("rewards_solution.py")


def test_the_instructor_s_notebook_is_what_the_gate_runs_by_default():
    from gate.__main__ import parse_args

    options = parse_args([])
    assert options.notebook == SOURCE / "exercise.ipynb" and options.seeds == [42, 1, 2]
