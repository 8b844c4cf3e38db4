"""The prompts are enough, disjoint and neutral, and come as TRL reads them."""

import pytest

from data import load_prompts, prompt_texts

JUDGING = {
    "good", "great", "bad", "best", "worst", "love", "loved", "hate", "hated", "wonderful",
    "awful", "terrible", "excellent", "boring", "dull", "brilliant", "poor", "amazing",
    "horrible", "beautiful", "stupid", "perfect", "fun", "funny", "enjoy", "enjoyed",
    "disappointing", "disappointed", "masterpiece", "waste",
}  # fmt: skip


def test_there_are_enough_prompts():
    assert len(prompt_texts("train")) >= 120
    assert len(prompt_texts("eval")) >= 40


def test_no_prompt_is_in_both_splits_or_twice():
    train, held_out = (
        [text.lower().split() for text in prompt_texts(split)] for split in ("train", "eval")
    )
    everything = [tuple(words) for words in train + held_out]
    assert len(set(everything)) == len(everything)


def test_no_held_out_prompt_continues_or_begins_a_training_prompt():
    train = prompt_texts("train")
    for text in prompt_texts("eval"):
        assert not [
            other
            for other in train
            if (other + " ").startswith(text + " ") or (text + " ").startswith(other + " ")
        ]


@pytest.mark.parametrize("split", ["train", "eval"])
def test_prompts_say_nothing_about_the_film(split):
    for text in prompt_texts(split):
        assert not JUDGING & set(text.lower().strip(".,").split()), text
        assert text == text.strip()  # a space at the end would change the next token


def test_prompts_are_neutral_to_the_classifier():
    from sentiment import get_sentiment_scores

    for split in ("train", "eval"):
        scores = get_sentiment_scores(list(prompt_texts(split)))
        assert 0.3 < sum(scores) / len(scores) < 0.7


def test_dataset_has_the_one_column_that_trl_reads():
    from datasets import Dataset

    dataset = load_prompts("train")
    assert isinstance(dataset, Dataset)
    assert dataset.column_names == ["prompt"]
    assert tuple(dataset["prompt"]) == prompt_texts("train")
    assert tuple(load_prompts("eval", limit=3)["prompt"]) == prompt_texts("eval")[:3]


def test_unknown_split_is_an_error():
    with pytest.raises(ValueError, match="train, eval"):
        prompt_texts("test")
