"""The second judge is small, reproducible, right often enough on unseen reviews, and learned from none that the reward saw."""

import doctest
import json
import random
from dataclasses import replace

import numpy as np
import pytest

from gate import ROOT, judges
from gate.judges import Judge
from lab.vader import vader_scores
from tools.recipes import judge, measure, reviews

FOLDER = ROOT / "models" / "ngram-judge"
QUICK = judge.Recipe(passes=1, costs=(2.0,))
GOOD, BAD = "A wonderful film, I loved every minute.", "Boring and a complete waste of time."


@pytest.fixture(scope="module")
def shipped():
    """The judge of the repository."""
    return Judge()


@pytest.fixture(scope="module")
def all_reviews():
    """Every review of the data package."""
    return reviews.load_reviews()


@pytest.fixture(scope="module")
def test_sets(all_reviews):
    """The windows of the `test` split, by name: the judge learned from none of them and C was not chosen on them."""
    return measure.unseen_windows(all_reviews, "test")


@pytest.fixture(scope="module")
def quick_reviews(all_reviews):
    """Make a build read the reviews that are loaded already."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(judge, "load_reviews", lambda: all_reviews)
        yield


@pytest.fixture(scope="module")
def quickly_built(tmp_path_factory, quick_reviews):
    """The folder of a judge that the quick recipe gave."""
    folder = tmp_path_factory.mktemp("judges") / "judge"
    judge.build(folder, QUICK)
    return folder


@pytest.fixture(scope="module")
def built_again(tmp_path_factory, quick_reviews):
    """The same, built in the place of another one."""
    folder = tmp_path_factory.mktemp("judges") / "judge"
    folder.mkdir()
    (folder / "README.md").write_text("card")
    (folder / "stale.bin").write_text("")
    judge.build(folder, QUICK)
    return folder


def letters(review):
    """What the split of a review hangs on."""
    return "".join(filter(str.isalnum, review.text.lower()))


def config():
    """The configuration that the repository holds."""
    return json.loads((FOLDER / "config.json").read_text(encoding="utf-8"))


# --- the folder


def test_folder_is_complete_and_small():
    files = {path.name: path.stat().st_size for path in FOLDER.iterdir()}
    assert set(files) == {"README.md", "metrics.json", "config.json", "weights.safetensors"}
    assert sum(files.values()) <= 600_000


def test_configuration_is_the_one_that_the_recipe_writes():
    assert config()["vectorizer"] == judge.VECTORIZER
    assert config()["C"] in judge.Recipe().costs


def test_weights_that_do_not_fit_the_configuration_are_refused(tmp_path):
    (tmp_path / "weights.safetensors").write_bytes((FOLDER / "weights.safetensors").read_bytes())
    smaller = {"vectorizer": judge.VECTORIZER | {"n_features": 2**17}}
    (tmp_path / "config.json").write_text(json.dumps(smaller))
    with pytest.raises(ValueError, match="disagree on the number of features"):
        Judge(tmp_path)


# --- the scores


def test_scores_are_probabilities_one_a_text_in_order(shipped):
    good, bad, neutral = shipped.scores([GOOD, BAD, "The train leaves from the station."])
    assert type(good) is float
    assert 0 <= bad < 0.1 < neutral < 0.9 < good <= 1


def test_a_text_has_its_score_in_any_company(shipped):
    together = shipped.scores([GOOD, BAD])
    assert together == [*shipped.scores([GOOD]), *shipped.scores([BAD])]
    assert shipped.scores(iter([GOOD, BAD])) == together


def test_no_texts_give_no_scores(shipped):
    assert shipped.scores([]) == vader_scores([]) == []


@pytest.mark.parametrize("text", ["", "   \n", "?!...", "💩"])
def test_a_text_without_a_word_gets_what_the_intercept_says(shipped, text):
    (score,) = shipped.scores([text])
    assert score == pytest.approx(1 / (1 + np.exp(-shipped.intercept)), abs=1e-12)
    assert 0.4 < score < 0.6


@pytest.mark.parametrize(("text", "low", "high"), [(GOOD, 0.9, 1), (BAD, 0, 0.1)])
def test_a_very_long_text_is_scored_like_a_short_one(shipped, text, low, high):
    (score,) = shipped.scores([f"{text} " * 20_000])
    assert low <= score <= high


def test_extreme_log_odds_are_no_overflow(shipped, monkeypatch):
    monkeypatch.setattr(shipped, "intercept", 1e4)
    assert shipped.scores([BAD]) == [1.0]
    monkeypatch.setattr(shipped, "intercept", -1e4)
    assert shipped.scores([GOOD]) == [0.0]


def test_case_and_the_kind_of_apostrophe_do_not_count(shipped):
    plain, curly, shouted = shipped.scores(
        ["I don't like it", "I don’t like it", "I DON'T LIKE IT"]
    )
    assert plain == curly == shouted < 0.5


def test_an_apostrophe_keeps_its_word_together(shipped):
    assert shipped.vectorizer.build_analyzer()("I don't") == ["i", "don't", "i don't"]


@pytest.mark.parametrize("texts", [[GOOD, None], [1.0], [[GOOD]], [b"great"]])
@pytest.mark.parametrize("scores", [Judge().scores, vader_scores])
def test_what_is_not_a_string_is_named(scores, texts):
    with pytest.raises(
        TypeError, match=r"texts\[[01]\] must be a string, got (None|float|list|byt)"
    ):
        scores(texts)


@pytest.mark.parametrize("scores", [Judge().scores, vader_scores])
def test_one_string_is_not_a_list_of_texts(scores):
    with pytest.raises(TypeError, match="got one string: put it into a list"):
        scores(GOOD)


def test_vader_has_the_right_sign():
    good, bad, neutral = vader_scores([GOOD, BAD, "The train leaves from the station."])
    assert -1 <= bad < -0.3 < neutral == 0.0 < 0.5 < good <= 1
    assert vader_scores([""]) == [0.0]


def test_examples_in_docstrings_are_true():
    outcome = doctest.testmod(judges)
    assert outcome.attempted >= 2
    assert outcome.failed == 0


# --- what it learned from, and how well


def test_training_reviews_are_the_split_that_the_reward_model_never_saw(all_reviews):
    rows = judge.training_reviews(all_reviews)
    assert {reviews.split_of(review.text) for review in rows} == {"judge"}
    assert len(rows) == sum(review.split == "judge" for review in all_reviews) > 6000
    others = {letters(review) for review in all_reviews if review.split != "judge"}
    assert not others & {letters(review) for review in rows}


def test_every_window_comes_from_a_training_review(all_reviews):
    rows = judge.training_reviews(all_reviews)[:400]
    windows = judge.training_windows(rows, QUICK)
    assert [window.review for window in windows] == list(range(400))
    assert all(window.text in rows[window.review].text for window in windows)
    assert all(window.label == rows[window.review].label for window in windows)


def test_build_asks_for_the_training_reviews_alone(
    monkeypatch, tmp_path, all_reviews, quickly_built
):
    """With the reviews of `train` and `test` destroyed, the weights are the same to the byte."""
    broken = ("train", "test")
    given = [r._replace(label=0, text="x") if r.split in broken else r for r in all_reviews]
    monkeypatch.setattr(judge, "load_reviews", lambda: given)
    judge.build(tmp_path / "broken", QUICK)
    whole, broken = (f / "weights.safetensors" for f in (quickly_built, tmp_path / "broken"))
    assert whole.read_bytes() == broken.read_bytes()


def accuracy(scores, windows):
    """Share of windows on the side of 0.5 where their label is."""
    return np.mean([(p > 0.5) == w.label for p, w in zip(scores, windows, strict=True)])


@pytest.mark.parametrize(
    ("name", "floor"),
    [("imdb_windows", 0.745), ("imdb_cut_windows", 0.715), ("rotten_tomatoes", 0.72)],
)
def test_accuracy_on_unseen_reviews(shipped, test_sets, name, floor):
    """On all windows of `test`: 0.751 of 5,931, 0.725 of 1,511 and 0.731 of 540."""
    windows = test_sets[name]
    assert accuracy(shipped.scores([w.text for w in windows]), windows) >= floor


def test_shipped_figures_are_reproduced(shipped, test_sets):
    written = json.loads((FOLDER / "metrics.json").read_text(encoding="utf-8"))["test"]
    assert set(written) == set(test_sets)
    for name, rows in test_sets.items():
        again = measure.judge_figures(shipped, rows)
        assert again == pytest.approx(written[name], abs=2e-4)  # the last digit may round away


def test_shuffled_labels_teach_nothing(all_reviews, test_sets):
    """The same recipe on labels dealt at random is right half of the time: what the judge knows came from its labels."""
    rows = judge.training_reviews(all_reviews)
    labels = [review.label for review in rows]
    random.Random(0).shuffle(labels)
    dealt = [review._replace(label=label) for review, label in zip(rows, labels, strict=True)]
    held, truth = judge.features(test_sets["imdb_windows"])
    hits = []
    for taught in (rows, dealt):
        model = judge.fit(*judge.features(judge.training_windows(taught, QUICK)), 2.0, QUICK)
        hits.append((model.predict(held) == truth).mean())
    assert hits[0] > 0.70
    assert abs(hits[1] - 0.5) < 0.04


# --- building it again


def test_building_twice_gives_the_same_bytes(quickly_built, built_again):
    for name in ("weights.safetensors", "config.json"):
        assert (built_again / name).read_bytes() == (quickly_built / name).read_bytes()


def test_building_keeps_card_and_figures_and_leaves_nothing_beside(built_again):
    files = {path.name for path in built_again.iterdir()}
    assert files == {"README.md", "config.json", "weights.safetensors"}
    assert [path.name for path in built_again.parent.iterdir()] == ["judge"]


def test_another_seed_gives_other_weights(tmp_path, quick_reviews, quickly_built):
    judge.build(tmp_path / "judge", replace(QUICK, seed=QUICK.seed + 1))
    one, two = (f / "weights.safetensors" for f in (quickly_built, tmp_path / "judge"))
    assert one.read_bytes() != two.read_bytes()


def test_c_is_the_one_that_fits_the_held_out_windows_best(tmp_path, quick_reviews, capsys):
    judge.build(tmp_path / "judge", replace(QUICK, costs=(1e-4, 2.0)))
    assert json.loads((tmp_path / "judge" / "config.json").read_text())["C"] == 2.0
    assert capsys.readouterr().out.count("nats on valid windows") == 2


def test_committed_weights_are_what_the_recipe_gives(tmp_path, quick_reviews, shipped, test_sets):
    """Another processor may round differently: scores within 0.005 count as the same."""
    judge.build(tmp_path / "judge", replace(judge.Recipe(), costs=(config()["C"],)))
    texts = [window.text for window in test_sets["imdb_cut_windows"]]
    again = Judge(tmp_path / "judge").scores(texts)
    assert np.abs(np.array(again) - shipped.scores(texts)).max() < 0.005
