"""The visible checks inside a notebook: what they run, and what they show."""

import sys

import pytest
from traitlets.config import Config

from checks import finished
from lab.config import TrainConfig

SETUP = """PRESET = "smoke"
import math
import torch
from checks import check
from lab.config import TrainConfig
from sentiment import get_sentiment_scores
config = TrainConfig.from_preset(PRESET)"""
RIGHT = "def forward_kl_reward(ref_log_probs, kl_coef=0.1):\n    return kl_coef * ref_log_probs"


@pytest.fixture
def jupyter(capsys):
    """Return a function that runs cells as a kernel does; gives what they print, errors included."""
    from IPython.core.interactiveshell import InteractiveShell

    main = sys.modules["__main__"]
    quiet = Config(
        {"HistoryManager": {"enabled": False}, "InteractiveShell": {"colors": "nocolor"}}
    )
    shell = InteractiveShell.instance(config=quiet)

    def run(*cells):
        capsys.readouterr()
        for cell in cells:
            shell.run_cell(cell, store_history=True)
        return capsys.readouterr().out

    yield run
    InteractiveShell.clear_instance()
    sys.modules["__main__"] = main


def test_a_right_function_passes(jupyter):
    assert "2 visible examples pass" in jupyter(SETUP, RIGHT, "check(forward_kl_reward)")


@pytest.mark.parametrize(
    "work",
    [
        RIGHT.replace("    return", "    config.kl_coef\n    return"),
        RIGHT.replace("kl_coef=0.1", "kl_coef=config.kl_coef"),
        "coefficient = config.kl_coef\n" + RIGHT.replace("=0.1", "=coefficient"),
        RIGHT.replace("    return", "    from lab import plots\n    return"),
    ],
    ids=["a name", "a default", "through another name", "an import"],
)
def test_what_the_grader_does_not_have_fails_in_the_cell(jupyter, work):
    said = jupyter(SETUP, work, "check(forward_kl_reward)")
    assert "passes here, but only the notebook is graded, and by itself it fails" in said
    assert "No module named 'lab'" in said and "get_sentiment_scores and use_model" in said
    assert "visible examples pass" not in said


def test_the_last_of_several_versions_counts(jupyter):
    wrong = RIGHT.replace("return", "return config.kl_coef *")
    assert "visible examples pass" in jupyter(SETUP, wrong, RIGHT, "check(forward_kl_reward)")


def test_a_failed_check_shows_its_message_alone(jupyter):
    said = jupyter(SETUP, RIGHT.replace("return", "return -"), "check(forward_kl_reward)")
    assert said.startswith("Exercise 3b, forward_kl_reward: ")
    assert "Traceback" not in said and "checks.py" not in said


@pytest.mark.parametrize(
    ("cell", "words"),
    [
        ("raise NotImplementedError('Exercise 3b')", "not implemented yet"),
        ("result = kl_coef * ref_log_probs\n    raise NotImplementedError('Exercise 3b')", "still stands below it"),
        ('"""What it does,\n    in two lines."""\n    raise NotImplementedError', "not implemented yet"),
    ],
    ids=["stub", "code above", "docstring above"],
)  # fmt: skip
def test_a_stub_is_told_from_work_with_the_stubs_last_line(jupyter, cell, words):
    work = f"def forward_kl_reward(ref_log_probs, kl_coef=0.1):\n    {cell}"
    said = jupyter(SETUP, work, "check(forward_kl_reward)")
    assert said.startswith("Exercise 3b, forward_kl_reward: ") and words in said
    assert len(said.splitlines()) == 1


@pytest.mark.parametrize(
    ("cell", "asked"),
    [
        (RIGHT, 'check("forward_kl_reward")'),
        ("forward_kl_reward = lambda ref_log_probs, kl_coef=0.1: kl_coef * ref_log_probs", "check(forward_kl_reward)"),
        ("import functools\nforward_kl_reward = functools.partial(lambda c, x, kl_coef=0.1: x * kl_coef, None)", "check(forward_kl_reward)"),
        (RIGHT.replace("forward_kl_reward", "mine") + "\nforward_kl_reward = mine", "check(forward_kl_reward)"),
    ],
    ids=["its name", "lambda", "partial", "another name"],
)  # fmt: skip
def test_any_callable_is_known_by_the_name_that_it_has_in_the_notebook(jupyter, cell, asked):
    assert "Exercise 3b, forward_kl_reward: 2 visible" in jupyter(SETUP, cell, asked)


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ('check("kl_estimate")', "there is no kl_estimate yet: run the cell that defines it"),
        ("forward_kl = lambda x: x\ncheck(forward_kl)", 'check(function, "kl_estimate")'),
        ("def forward_kl_rewards(x): pass\ncheck(forward_kl_rewards)", "did you mean forward_kl_reward?"),
    ],
)  # fmt: skip
def test_who_asks_for_no_exercise_is_told_how_to(jupyter, asked, words):
    said = jupyter(SETUP, asked)
    assert words in said and "Traceback" not in said


def test_a_loop_that_never_ends_is_ended_with_a_word(jupyter, monkeypatch):
    monkeypatch.setattr("lab.trial.SECONDS", 0.2)
    endless = RIGHT.replace("    return", "    while True:\n        pass\n    return")
    said = jupyter(SETUP, endless, "check(forward_kl_reward)")
    assert "no answer within 0.2 s: is there a loop that never ends?" in said
    assert "2 visible examples pass" in jupyter(RIGHT, "check(forward_kl_reward)")


def test_the_failing_line_is_the_innermost_of_the_students(jupyter):
    helper = "def power(x):\n    return torch.exp(x.tolist())"
    work = "def forward_kl_reward(ref_log_probs, kl_coef=0.1):\n    return power(ref_log_probs)"
    said = jupyter(SETUP, helper, work, "check(forward_kl_reward)")
    assert "at return torch.exp(x.tolist())" in said


@pytest.mark.parametrize(
    ("gave", "words"),
    [
        (None, "there is no run"),
        (TrainConfig.from_preset("smoke"), "gave its configuration, not a run"),
        (0.9, "gave float, not a run"),
    ],
)
def test_what_is_no_run_is_told_from_one(gave, words):
    with pytest.raises(AssertionError, match=words) as caught:
        finished(gave)
    assert "must end with `return experiment(...)`" in str(caught.value)
