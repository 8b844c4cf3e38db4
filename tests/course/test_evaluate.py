"""Evaluation measures what models write: reproducibly, beside an independent computation, and without side effects."""

import copy
import math

import pytest
import torch

from data import prompt_texts
from lab.decoding import up_to_first
from lab.measure import distinct_n, evaluate_model, generate, mean_nll, new_decoder, repetition
from sentiment import get_sentiment_scores

pytestmark = pytest.mark.usefixtures("float32")

PROMPTS = list(prompt_texts("eval")[:6])
SETTINGS = {"num_samples": 3, "max_new_tokens": 10, "temperature": 0.7}


def ids_of(tokenizer, text):
    """Return a text's token ids."""
    return tokenizer(text, add_special_tokens=False)["input_ids"]


@pytest.mark.parametrize(
    ("texts", "n", "share"),
    [
        (["a good film", "a good plot"], 2, 3 / 4),
        (["a good film", "a good plot"], 1, 4 / 6),
        (["great great great great"], 2, 1 / 3),
        (["Great GREAT great"], 1, 1 / 3),
        (["one two three"], 2, 1.0),
        (["one", ""], 2, 0.0),
        ([], 2, 0.0),
        (["a b a b a b"], 3, 2 / 4),
    ],
)
def test_distinct_n_is_the_share_of_different_n_grams(texts, n, share):
    assert distinct_n(texts, n) == pytest.approx(share)


@pytest.mark.parametrize(
    ("texts", "share"),
    [
        (["great great great"], 2 / 3),
        (["one two three"], 0.0),
        (["a b a b", "one two"], 1 / 4),
        (["Good good", ""], 1 / 2),
        ([], 0.0),
    ],
)
def test_repetition_is_the_mean_share_of_repeated_words(texts, share):
    assert repetition(texts) == pytest.approx(share)


def test_completions_end_with_the_first_end_of_text():
    assert up_to_first([5, 7, 0, 3, 0], eos_ids=[0]) == [5, 7, 0]
    assert up_to_first([0, 0], eos_ids=[0]) == [0]
    assert up_to_first([5, 7], eos_ids=[0]) == [5, 7]


@pytest.mark.parametrize("several", [False, True])
def test_every_token_that_the_model_says_ends_a_text_ends_a_completion(language_model, several):
    """As in training: TRL reads the model's generation_config, too."""
    model, tokenizer = copy.copy(language_model[0]), language_model[1]
    [stop] = tokenizer(".").input_ids
    model.generation_config = copy.copy(model.generation_config)
    model.generation_config.eos_token_id = [stop, tokenizer.eos_token_id] if several else stop
    completions = generate(
        new_decoder(model, tokenizer, 24, 1.0), tokenizer, ["This movie is"], 16, 0
    )
    assert any(ids[-1] == stop for ids in completions)
    assert not any(stop in ids[:-1] for ids in completions)


def test_same_seed_gives_the_same_completions(language_model):
    first, again, other_seed = (
        generate(new_decoder(*language_model, 8, 1.0), language_model[1], PROMPTS, 2, seed)
        for seed in (3, 3, 4)
    )
    assert first == again != other_seed
    assert len(first) == 12
    assert first[0] != first[1]  # two samples of one prompt
    assert all(1 <= len(ids) <= 8 for ids in first)


def test_generation_leaves_random_state_and_mode_alone(language_model):
    model, tokenizer = language_model
    for training in (True, False):
        model.train(training)
        torch.manual_seed(11)
        expected = torch.rand(3)
        torch.manual_seed(11)
        generate(new_decoder(model, tokenizer, 4, 1.0), tokenizer, PROMPTS, 1, 0)
        assert torch.equal(torch.rand(3), expected)
        assert model.training is training
    model.eval()


def test_low_temperature_is_greedy_and_prompts_do_not_see_each_other(language_model):
    model, tokenizer = language_model
    together = generate(new_decoder(model, tokenizer, 8, 1e-4), tokenizer, PROMPTS, 1, 0)
    for prompt, ids in zip(PROMPTS, together, strict=True):
        inputs = tokenizer(prompt, return_tensors="pt")
        greedy = model.generate(**inputs, do_sample=False, max_new_tokens=8)[
            0, inputs.input_ids.shape[1] :
        ].tolist()
        assert ids == up_to_first(greedy, [tokenizer.eos_token_id])


def test_mean_nll_is_over_all_tokens_together(language_model, token_log_probs):
    model, tokenizer = language_model
    completions = [
        " a film.",
        " was one of the longest and the dullest films that I have seen",
        "",
        " odd",
    ] * 6
    prompts = (PROMPTS * 4)[:24]
    ids = [ids_of(tokenizer, text) for text in completions]
    rows = [
        token_log_probs(model, ids_of(tokenizer, p), c) for p, c in zip(prompts, ids, strict=True)
    ]
    expected = -torch.cat(rows).mean().item()
    per_row_mean = -sum(float(row.mean()) for row in rows if len(row)) / sum(
        bool(len(row)) for row in rows
    )
    assert mean_nll(model, tokenizer, prompts, ids) == pytest.approx(expected, abs=1e-4)
    assert abs(per_row_mean - expected) > 0.05  # the other mean would be noticed


def test_perplexity_and_kl_equal_an_independent_computation(language_model, other, token_log_probs):
    base, tokenizer = language_model
    result = evaluate_model("other", other, tokenizer, base, prompts=PROMPTS, seed=5, **SETTINGS)
    ids = generate(new_decoder(other, tokenizer, 10, 0.7), tokenizer, PROMPTS, 3, 5)
    assert [item["completion"] for item in result.completions] == tokenizer.batch_decode(
        ids, skip_special_tokens=True
    )
    prompt_ids = [ids_of(tokenizer, prompt) for prompt in PROMPTS for _ in range(3)]
    under_base = (
        torch.cat([token_log_probs(base, p, c) for p, c in zip(prompt_ids, ids, strict=True)])
        .mean()
        .item()
    )
    under_own = (
        torch.cat([token_log_probs(other, p, c) for p, c in zip(prompt_ids, ids, strict=True)])
        .mean()
        .item()
    )
    assert result.perplexity == pytest.approx(math.exp(-under_base), rel=1e-4)
    assert result.kl == pytest.approx(under_own - under_base, abs=1e-4)
    assert abs(result.kl) > 0.01


def test_sentiment_figures_come_from_the_completions_scored_alone(language_model):
    base, tokenizer = language_model
    result = evaluate_model("base", base, tokenizer, base, prompts=PROMPTS, **SETTINGS)
    scores = torch.tensor(
        get_sentiment_scores([item["completion"] for item in result.completions]),
        dtype=torch.float64,
    )
    assert [item["prompt"] for item in result.completions] == [
        prompt for prompt in PROMPTS for _ in range(3)
    ]
    assert [item["score"] for item in result.completions] == pytest.approx(
        scores.tolist(), abs=1e-4
    )
    assert result.mean_sentiment == pytest.approx(scores.mean().item(), abs=1e-6)
    assert result.std_sentiment == pytest.approx(scores.std(correction=0).item(), abs=1e-6)
    assert result.positive_ratio == pytest.approx((scores > 0.5).double().mean().item())
    assert result.kl == 0
    assert "completions" not in result.metrics()
