"""The reward that a training run composes from the exercises, and the rewards that end it."""

import pytest
import torch

import train
from lab.config import TrainConfig
from lab.reference import Reference
from rewards import load_rewards
from sentiment import get_sentiment_scores

PROMPTS = ["This movie is", "The story", "It", "The film"]


COMPLETIONS = [
    " a film about love.",
    " was the best of all!",
    " bored me to death.",
    " opens in Rome",
]


@pytest.mark.parametrize("shaping", ["none", "exponential"])
@pytest.mark.parametrize("kl_type", ["none", "forward", "backward"])
def test_reward_is_shaped_sentiment_plus_kl_term(
    float32, language_model, solutions, token_log_probs, shaping, kl_type
):
    model, tokenizer = language_model
    config = TrainConfig.from_preset(
        "smoke", reward_shaping=shaping, shaping_temperature=0.5, kl_type=kl_type, kl_coef=0.3
    )
    rewards = load_rewards(solutions)
    reward = train.compose_reward(
        config, rewards, Reference(model, tokenizer, rewards["sequence_log_probs"])
    )
    ids = [tokenizer(text)["input_ids"] for text in COMPLETIONS]
    log_p = torch.stack(
        [
            token_log_probs(model, tokenizer(p)["input_ids"], c).mean()
            for p, c in zip(PROMPTS, ids, strict=True)
        ]
    )
    expected = torch.tensor(get_sentiment_scores(COMPLETIONS), dtype=torch.float64)
    if shaping == "exponential":
        expected = torch.expm1(expected / 0.5)
    if kl_type == "forward":
        expected = expected + 0.3 * log_p
    elif kl_type == "backward":
        expected = expected - 0.3 * torch.exp(-log_p)
    logged = {}
    values = reward(
        prompts=PROMPTS,
        completions=COMPLETIONS,
        completion_ids=ids,
        trainer_state=None,
        log_metric=logged.__setitem__,
    )
    assert values == pytest.approx(expected.tolist(), rel=1e-4)
    assert all(type(value) is float for value in values)
    assert ("ref_log_prob" in logged) == (kl_type != "none")
    assert logged["sentiment"] == pytest.approx(
        sum(get_sentiment_scores(COMPLETIONS)) / 4, abs=1e-6
    )


def test_student_functions_cannot_change_each_others_inputs(
    solutions, rewards_file, language_model
):
    spoiling = rewards_file(
        "def exponential_shaping(scores, temperature=1.0):\n    scores.zero_()\n    return scores + 1\n"
    )
    rewards = load_rewards(spoiling)
    logged = {}
    config = TrainConfig.from_preset("smoke", kl_type="none")
    train.compose_reward(config, rewards, None)(
        prompts=PROMPTS, completions=COMPLETIONS, log_metric=logged.__setitem__
    )
    assert logged["sentiment"] > 0


@pytest.mark.parametrize(
    ("function", "message"),
    [
        ("def sentiment_reward(completions, **kwargs):\n    return [float('nan')] * len(completions)", "Exercise 1, sentiment_reward, returned nan"),
        ("def sentiment_reward(completions, **kwargs):\n    return get_sentiment_scores(completions)[:-1]", "Exercise 1, sentiment_reward, returned shape [15] for 16"),
        ("def exponential_shaping(scores, temperature=1.0):\n    return torch.exp(1000 * scores) if len(scores) > 1 else scores", "Exercise 2, exponential_shaping, returned inf"),
        ("def forward_kl_reward(ref_log_probs, kl_coef=0.1):\n    return ref_log_probs.mean() if len(ref_log_probs) > 1 else ref_log_probs", "Exercise 3b, forward_kl_reward, returned shape []"),
    ],
    ids=["nan", "one too few", "inf", "scalar"],
)  # fmt: skip
def test_reward_that_trl_would_swallow_ends_the_run_with_one_line(
    quick, rewards_file, capfd, function, message
):
    assert quick(rewards=rewards_file(function)) == 1
    errors = [line for line in capfd.readouterr().err.splitlines() if line.startswith("train.py:")]
    assert len(errors) == 1
    assert message in errors[0]


def test_unimplemented_exercise_is_one_line_before_any_model_loads(
    quick, rewards_file, capfd, monkeypatch
):
    def never(*_, **__):
        raise AssertionError("a model was loaded")

    monkeypatch.setattr("sentiment.load", never)
    monkeypatch.setattr("train.load_language_model", never)
    stub = rewards_file(
        "def forward_kl_reward(x, kl_coef=0.1):\n    raise NotImplementedError('Exercise 3b')\n"
    )
    assert quick(rewards=stub) == 1
    error = capfd.readouterr().err
    assert len(error.splitlines()) == 1
    assert "Exercise 3b forward_kl_reward (NotImplementedError)" in error
    with pytest.raises(AssertionError, match="a model was loaded"):  # the trap works
        quick()


def test_only_the_exercises_that_a_run_uses_are_needed(rewards_file):
    stub = rewards_file(
        "def backward_kl_reward(x, kl_coef=0.1):\n    raise NotImplementedError('Exercise 3c')\n"
    )
    load_rewards(stub).require(TrainConfig.from_preset("smoke").required_exercises())
