"""What the bridge gives to those who use it: rewards as tensors, an import, a command."""

import importlib

import pytest
import torch

from rewards import EXERCISES, ExerciseError, checked


@pytest.mark.parametrize(
    "values",
    [
        [0.5, 1.0],
        (0.5, 1),
        torch.tensor([0.5, 1.0], dtype=torch.float64),
        [torch.tensor(0.5), torch.tensor(1.0)],
    ],
    ids=["list", "tuple", "float64 tensor", "list of 0-d tensors"],
)
def test_numbers_in_any_container_become_a_float32_tensor(values):
    tensor = checked("sentiment_reward", values, 2)
    assert tensor.dtype == torch.float32
    assert tensor.tolist() == [0.5, 1.0]


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ([0.5], r"returned shape \[1\] for 2 completions: it must be \[2\]"),
        (torch.zeros(2, 1), r"returned shape \[2, 1\]"),
        (0.5, r"returned shape \[\]"),
        ([0.5, float("nan")], "returned nan: every reward must be finite"),
        ([float("inf"), 0.5], "returned inf"),
        ([-float("inf"), 0.5], "returned -inf"),
        ([3.4e38, 0.5], r"returned 3.4e\+38: beyond 1e\+12"),
        (None, "returned no numbers"),
        ([0.5, None], "returned no numbers"),
        (["a", "b"], "returned no numbers"),
        ([[0.5], [0.5, 0.5]], "returned no numbers"),
    ],
)
def test_anything_but_finite_numbers_is_one_line_that_names_the_exercise(values, reason):
    with pytest.raises(ExerciseError, match=reason) as caught:
        checked("sentiment_reward", values, 2)
    assert str(caught.value).startswith("Exercise 1, sentiment_reward, ")
    assert "\n" not in str(caught.value)


def test_from_rewards_import_gives_the_notebooks_function(source):
    import rewards

    from_rewards = importlib.import_module("rewards").exponential_shaping
    assert from_rewards(torch.tensor([0.0, 1.0])).tolist() == pytest.approx(
        [0.0, 1.718282], abs=1e-6
    )
    with pytest.raises(AttributeError, match="no attribute 'linear_shaping'"):
        _ = rewards.linear_shaping


def test_command_line_shows_exercises_and_scores(python, solutions):
    from rewards import SAMPLE_TEXTS
    from sentiment import get_sentiment_scores

    done = python("rewards.py", "--preset", "smoke", "--rewards", solutions)
    assert (done.returncode, done.stderr) == (0, "")
    for stem, number in EXERCISES.items():
        assert [number, stem, "implemented"] in [line.split() for line in done.stdout.splitlines()]
    for text, score in zip(SAMPLE_TEXTS, get_sentiment_scores(list(SAMPLE_TEXTS)), strict=True):
        assert f"{score:.3f}  {text}" in done.stdout


def test_command_line_without_a_hub_keeps_the_exercises_and_names_the_smoke_preset(
    python, solutions, tmp_path
):
    done = python("rewards.py", "--rewards", solutions, env={"HF_HOME": str(tmp_path)})
    assert done.returncode == 1
    assert done.stdout.count("implemented") == len(EXERCISES)
    assert len(done.stderr.splitlines()) == 1
    assert "nlptown/bert-base-multilingual-uncased-sentiment" in done.stderr
    assert "--preset smoke" in done.stderr


def test_command_line_names_a_missing_file(capsys):
    from rewards import main

    assert main(["--rewards", "nowhere.py"]) == 1
    captured = capsys.readouterr()
    assert len(captured.err.splitlines()) == 1
    assert "nowhere.py" in captured.err
