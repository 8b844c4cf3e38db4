"""The scorer gives P(positive) by the classifier's own labels, for any batch, or says why it cannot."""

import time

import pytest
import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer, RobertaConfig

import sentiment
from lab import pretrained
from lab.errors import ModelUnavailable
from lab.pretrained import model_path
from sentiment import get_sentiment_scores, positive_labels, use_model

STARS = {0: "1 star", 1: "2 stars", 2: "3 stars", 3: "4 stars", 4: "5 stars"}
TEXTS = [
    "A wonderful, moving film.",
    "Dull.",
    "",
    "The plot made no sense and the jokes fell flat, which is a pity, because the actors did what they could.",
    "It is set in Paris.",
    "great great great",
]


def softmax_sum(folder, texts, positive_classes):
    """Oracle: the float64 sum of softmax over some classes, one text at a time, so that nothing is padded."""
    model = AutoModelForSequenceClassification.from_pretrained(folder).double().eval()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    sums = []
    for text in texts:
        ids = tokenizer(
            text,
            return_tensors="pt",
            truncation=True,
            max_length=model.config.max_position_embeddings,
        )
        with torch.no_grad():
            weights = [x.exp() for x in model(**ids).logits[0]]
        sums.append(float(sum(weights[i] for i in positive_classes) / sum(weights)))
    return sums


@pytest.mark.parametrize(
    ("id2label", "positive_classes"),
    [
        (STARS, [3, 4]),
        ({4: "1 star", 3: "2 stars", 2: "3 stars", 1: "4 stars", 0: "5 stars"}, [0, 1]),
        ({0: "NEGATIVE", 1: "POSITIVE"}, [1]),
        ({0: "pos", 1: "neg"}, [0]),
        ({0: "negative", 1: "neutral", 2: "positive"}, [2]),
    ],
    ids=["five stars", "five stars, reversed", "binary", "binary, positive first", "three-way"],
)
def test_score_is_the_probability_of_the_positive_labels(
    tmp_path, tiny_bert, id2label, positive_classes
):
    folder = tiny_bert(tmp_path / "bert", id2label)
    expected = softmax_sum(folder, TEXTS, positive_classes)
    assert max(expected) - min(expected) > 0.1  # else any constant would pass
    use_model(folder)
    assert get_sentiment_scores(TEXTS) == pytest.approx(expected, abs=1e-5)


def test_embedded_classifier_scores_its_positive_label(models):
    expected = softmax_sum(models / "tiny-sentiment", TEXTS, [1])
    assert get_sentiment_scores(TEXTS) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize(
    "labels",
    [
        {0: "LABEL_0", 1: "LABEL_1"},
        {0: "LABEL_0"},
        {0: "negative", 1: "neutral"},
        {0: "positive", 1: "pos"},
        {0: "joy", 1: "anger", 2: "positive"},
        {i: f"{i + 1} stars" for i in range(4)},
        {i: f"{i} stars" for i in range(5)},
    ],
    ids=lambda labels: "/".join(labels.values()),
)
def test_unknown_labels_are_an_error_that_names_them(labels):
    with pytest.raises(ModelUnavailable, match="--preset smoke") as caught:
        positive_labels(labels)
    assert all(label.lower() in str(caught.value) for label in labels.values())


def test_classifier_with_an_unknown_head_is_refused_when_it_is_used(tmp_path, tiny_bert):
    use_model(tiny_bert(tmp_path / "bert", {0: "LABEL_0", 1: "LABEL_1"}))
    with pytest.raises(ModelUnavailable, match="label_0"):
        get_sentiment_scores(["A film."])


@pytest.mark.parametrize("batch_size", [1, 2, 5, 64])
def test_batch_size_and_order_do_not_change_a_score(batch_size):
    alone = {text: get_sentiment_scores([text])[0] for text in TEXTS}
    for texts in (TEXTS, TEXTS[::-1], TEXTS * 3):
        scores = get_sentiment_scores(texts, batch_size=batch_size)
        assert scores == pytest.approx([alone[text] for text in texts], abs=1e-5)


def test_scores_are_plain_floats_between_0_and_1():
    scores = get_sentiment_scores(TEXTS)
    assert all(type(score) is float and 0 <= score <= 1 for score in scores)


def test_no_texts_load_nothing(monkeypatch):
    def never(name):
        raise AssertionError(f"{name} was loaded")

    monkeypatch.setattr(sentiment, "_classifier", never)
    assert get_sentiment_scores([]) == []
    with pytest.raises(AssertionError, match="was loaded"):  # the trap works
        get_sentiment_scores(["A film."])


def test_text_beyond_the_limit_is_cut_not_refused(models):
    limit = AutoModelForSequenceClassification.from_pretrained(
        models / "tiny-sentiment"
    ).config.max_position_embeddings
    opening = "good " * (2 * limit)
    long, same_start = opening + "bad " * 500, opening + "fine " * 900
    scores = get_sentiment_scores([long, same_start, "bad"])
    assert scores[0] == pytest.approx(scores[1], abs=1e-6)
    assert abs(scores[0] - scores[2]) > 0.01


def test_a_roberta_s_positions_begin_later(tmp_path):
    """514 of them hold 512 tokens: a text at the limit must not run off the table."""
    tokenizer = AutoTokenizer.from_pretrained(model_path("tiny-sentiment"))
    config = RobertaConfig(
        vocab_size=len(tokenizer), hidden_size=8, num_hidden_layers=1, num_attention_heads=2, intermediate_size=8,
        max_position_embeddings=34, id2label={0: "negative", 1: "positive"}, pad_token_id=tokenizer.pad_token_id,
    )  # fmt: skip
    AutoModelForSequenceClassification.from_config(config).save_pretrained(tmp_path)
    tokenizer.model_max_length = int(1e30)
    tokenizer.save_pretrained(tmp_path)
    use_model(str(tmp_path))
    long = get_sentiment_scores(["good " * 100, "good " * 200])
    assert long[0] == pytest.approx(long[1], abs=1e-6)


@pytest.mark.parametrize("texts", ["A film.", ["A film.", None], ["A film.", 3], [["A film."]]])
def test_anything_but_a_list_of_strings_is_a_type_error(texts):
    with pytest.raises(TypeError, match="list of strings"):
        get_sentiment_scores(texts)


def test_batch_size_below_one_is_an_error():
    with pytest.raises(ValueError, match="batch_size"):
        get_sentiment_scores(["A film."], batch_size=0)


def test_classifier_is_loaded_once_and_again_after_a_switch(tmp_path, tiny_bert, monkeypatch):
    loaded = []
    original = sentiment.load
    monkeypatch.setattr(
        sentiment,
        "load",
        lambda auto, name, *rest: loaded.append(name) or original(auto, name, *rest),
    )
    names = [
        tiny_bert(tmp_path / "a", STARS),
        tiny_bert(tmp_path / "b", {0: "NEGATIVE", 1: "POSITIVE"}),
    ]
    scores = []
    for name in names:
        use_model(name)
        scores.append([get_sentiment_scores(TEXTS), get_sentiment_scores(TEXTS[::-1])[::-1]])
    assert loaded == names
    assert scores[0][0] == pytest.approx(scores[0][1], abs=1e-6)
    # really another model
    assert max(abs(a - b) for a, b in zip(scores[0][0], scores[1][0], strict=True)) > 0.05


def test_unreachable_hub_is_one_quick_error_that_names_the_smoke_preset(monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")
    pretrained.hub_reachable.cache_clear()
    use_model("nobody/no-such-classifier")
    started = time.perf_counter()
    with pytest.raises(ModelUnavailable, match="--preset smoke") as caught:
        get_sentiment_scores(["A film."])
    assert time.perf_counter() - started < 40
    assert "nobody/no-such-classifier" in str(caught.value)
    assert "\n" not in str(caught.value)
    pretrained.hub_reachable.cache_clear()


@pytest.mark.parametrize("name", ["./nowhere", "/nowhere/at/all", "~/nowhere"])
def test_missing_folder_is_named(name):
    use_model(name)
    with pytest.raises(ModelUnavailable, match="no model folder"):
        get_sentiment_scores(["A film."])


def test_damaged_weights_are_a_clear_error(tmp_path, tiny_bert):
    """What a git-lfs pointer or an interrupted download leaves."""
    folder = tiny_bert(tmp_path / "bert", STARS)
    (tmp_path / "bert" / "model.safetensors").write_text(
        "version https://git-lfs.github.com/spec/v1\noid sha256:0\n"
    )
    use_model(folder)
    with pytest.raises(ModelUnavailable, match="--preset smoke"):
        get_sentiment_scores(["A film."])


def test_embedded_models_are_found_from_any_folder(models):
    for name in pretrained.EMBEDDED:  # the working folder is an empty one
        assert pretrained.model_path(name) == str(models / name)


def test_language_model_pads_on_the_left_with_a_pad_token(language_model):
    model, tokenizer = language_model
    assert tokenizer.padding_side == "left"
    assert tokenizer.pad_token_id is not None
    assert model.generation_config.pad_token_id == tokenizer.pad_token_id
    assert not model.training
    assert model.dtype == torch.float32
