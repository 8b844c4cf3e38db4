"""The embedded models do what their cards say: formats, sizes, padding, splits and held-out figures."""

import json
import random

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification, AutoTokenizer

from gate import ROOT
from tools.recipes import measure, reviews, windows

LANGUAGE, SENTIMENT = ROOT / "models" / "tiny-gpt2", ROOT / "models" / "tiny-sentiment"
PROMPTS = [
    "The movie starts with",
    "This",
    "I watched this film on television with my brother and we",
]


@pytest.fixture(scope="module")
def language():
    """The language model and its tokenizer, loaded as students load them."""
    return AutoModelForCausalLM.from_pretrained(LANGUAGE).eval(), AutoTokenizer.from_pretrained(
        LANGUAGE
    )


@pytest.fixture(scope="module")
def classifier():
    """The sentiment classifier and its tokenizer."""
    return AutoModelForSequenceClassification.from_pretrained(
        SENTIMENT
    ).eval(), AutoTokenizer.from_pretrained(SENTIMENT)


@pytest.fixture(scope="module")
def all_reviews():
    """Every review of the data package."""
    return reviews.load_reviews()


def figures(folder):
    """The shipped figures of a model folder."""
    return json.loads((folder / "metrics.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize(("folder", "megabytes"), [(LANGUAGE, 8), (SENTIMENT, 4)])
def test_folder_is_complete_and_small(folder, megabytes):
    assert {"README.md", "metrics.json", "config.json", "model.safetensors"} <= {
        p.name for p in folder.iterdir()
    }
    assert sum(path.stat().st_size for path in folder.iterdir()) <= megabytes * 10**6


def test_architectures_are_those_of_the_default_models(language, classifier):
    assert type(language[0]).__name__ == "GPT2LMHeadModel"
    assert type(classifier[0]).__name__ == "BertForSequenceClassification"
    # stored as float16, computed in float32
    assert language[0].dtype == classifier[0].dtype == torch.float32


def test_labels_are_named(classifier):
    assert classifier[0].config.id2label == {0: "NEGATIVE", 1: "POSITIVE"}


def test_special_tokens(language):
    model, tokenizer = language
    assert tokenizer.padding_side == "left"
    assert tokenizer.pad_token == tokenizer.eos_token == tokenizer.bos_token == "<|endoftext|>"
    assert (
        model.config.eos_token_id == model.generation_config.eos_token_id == tokenizer.eos_token_id
    )
    assert model.generation_config.pad_token_id == tokenizer.pad_token_id


def test_language_tokenizer_is_lossless(language):
    text = 'Café "naïve" — 10/10!  Two  spaces, a tab\tand a 電影.'
    assert language[1].decode(language[1](text)["input_ids"]) == text


def test_left_padding_changes_nothing(language):
    model, tokenizer = language
    rows = model.generate(
        **tokenizer(PROMPTS, return_tensors="pt", padding=True), do_sample=False, max_new_tokens=20
    )
    for prompt, row in zip(PROMPTS, rows, strict=True):
        alone = tokenizer(prompt, return_tensors="pt")
        expected = model.generate(**alone, do_sample=False, max_new_tokens=20)[
            0, alone["input_ids"].shape[1] :
        ]
        assert row[-20:][: len(expected)].tolist() == expected.tolist()


def test_a_review_can_end(language):
    """Some of 32 sampled reviews reach EOS within the context, and what follows it is padding."""
    model, tokenizer = language
    torch.manual_seed(0)
    inputs = tokenizer(["Overall, this film was"] * 32, return_tensors="pt")
    rows = model.generate(
        **inputs, do_sample=True, top_k=0, max_new_tokens=model.config.n_positions - 16
    )
    ended = [row.tolist() for row in rows if tokenizer.eos_token_id in row]
    assert len(ended) >= 2
    for row in ended:
        assert set(row[row.index(tokenizer.eos_token_id) :]) == {tokenizer.pad_token_id}


def test_splits_are_deterministic_and_blind_to_case_and_punctuation(all_reviews):
    for review in all_reviews[::500]:
        assert (
            reviews.split_of(review.text)
            == reviews.split_of(review.text.upper() + " !!<br />")
            == review.split
        )


def test_splits_are_disjoint_and_of_the_announced_size(all_reviews):
    texts = {}
    for review in all_reviews:
        texts.setdefault(review.split, set()).add("".join(filter(str.isalnum, review.text.lower())))
    assert set(texts) == {"train", "valid", "judge", "test"}
    assert sum(map(len, texts.values())) == len(set.union(*texts.values()))
    for split, share in reviews.SPLIT_SHARES.items():
        count = sum(review.split == split for review in all_reviews)
        assert count / len(all_reviews) == pytest.approx(share, abs=0.01)


def pooled_accuracy(name):
    """Accuracy on the test and judge splits together: the classifier has seen neither."""
    rows = [figures(SENTIMENT)[split][name] for split in ("test", "judge")]
    return sum(row["n"] * row["accuracy"] for row in rows) / sum(row["n"] for row in rows)


def test_classifier_figures_meet_the_thresholds():
    """On all unseen reviews; the 540 snippets of `test` alone are too few to judge by (standard error 0.019)."""
    assert pooled_accuracy("imdb_windows") >= 0.77
    assert pooled_accuracy("rotten_tomatoes") >= 0.76
    assert figures(SENTIMENT)["test"]["imdb_windows"]["accuracy"] >= 0.77
    assert figures(SENTIMENT)["test"]["rotten_tomatoes"]["accuracy"] >= 0.72
    assert figures(SENTIMENT)["test"]["imdb_windows"]["ece"] <= 0.05


def test_language_figures_meet_the_thresholds():
    assert figures(LANGUAGE)["test"]["nats_per_token"] <= 4.15
    base = figures(LANGUAGE)["p_positive_on_eval_prompts"]
    for temperature in ("temperature_0.7", "temperature_1.0"):
        assert 0.40 <= base[temperature]["mean"] <= 0.60
        assert base[temperature]["std"] >= 0.15  # GRPO needs completions of different reward


def test_shipped_loss_is_reproduced(language, all_reviews):
    held_out = [r.text for r in all_reviews if r.split == "test" and r.source == "imdb"]
    again = measure.language_figures(*language, random.Random(0).sample(held_out, 40))
    assert again["nats_per_token"] == pytest.approx(
        figures(LANGUAGE)["test"]["nats_per_token"], abs=0.15
    )


def test_shipped_accuracy_is_reproduced(classifier, all_reviews):
    """400 windows give the accuracy within three standard errors of 0.021."""
    for name, rows in measure.unseen_windows(all_reviews, "test").items():
        sample = random.Random(0).sample(rows, 400)
        again = measure.classifier_figures(*classifier, sample)["accuracy"]
        assert again == pytest.approx(figures(SENTIMENT)["test"][name]["accuracy"], abs=0.065)


def test_cut_windows_keep_at_least_three_words(all_reviews):
    some = all_reviews[:300]
    for window in windows.draw_windows(some, np.random.default_rng(0)):
        whole = some[window.review].text
        assert window.text in whole
        assert len(window.text.split()) >= 3 or window.text in reviews.sentences(whole)


def test_obvious_sentences_are_scored_on_the_right_side(classifier):
    texts = [
        "A wonderful film, I loved every minute.",
        "Boring, badly acted and a complete waste of time.",
    ]
    good, bad = measure.log_odds(*classifier, texts).sigmoid().tolist()
    assert good > 0.7 and bad < 0.3
