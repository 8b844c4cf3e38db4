"""The second judge, the distance that a run has moved, and best-of-n: against enumeration, closed forms and exact worlds."""

import itertools
import math
import warnings

import numpy as np
import pytest

from lab.overoptimisation import PairJudge, best_of, best_of_kl, path, word_pairs
from lab.runs import SAVED_RUNS, Run, load_run
from rewards import Rewards

TEXTS = ["a good film", "a good plot", "a bad film", "a bad plot", "a film"]
SCORES = [0.9, 0.8, 0.2, 0.1, 0.5]


@pytest.fixture(scope="module")
def judge():
    """A judge of five texts, whose mean score is 0.5."""
    return PairJudge.learn(TEXTS, SCORES)


def test_the_judge_weighs_the_pairs_that_it_met_twice(judge):
    assert set(judge.weights) == {("a", "good"), ("a", "bad")}
    shares = {"good": (0.9 + 0.8 + 2 * 0.5) / 4, "bad": (0.2 + 0.1 + 2 * 0.5) / 4}
    for word, share in shares.items():
        assert judge.weights["a", word] == pytest.approx(math.log(share / (1 - share)))
        assert judge.score(f"Is it a {word} one?") == pytest.approx(share)
    assert judge.score("A good or a bad film") == pytest.approx(0.5)


def test_the_judge_is_undecided_about_what_nobody_wrote(judge):
    for text in ("", "good", "good good good", "moving delight"):
        assert judge.score(text) == 0.5 and judge.known(text) == 0
    assert judge.known("a good film") == 0.5
    assert judge.score("a good " * 50) == judge.score("a good")  # a pair counts once


def test_the_judge_is_finite_whatever_it_reads():
    texts = ["a good film"] * 5000 + ["a bad film"] * 5000
    sure = PairJudge.learn(texts, [1.0] * 5000 + [0.0] * 5000)
    assert 0.99 < sure.score("a good") <= 1 and 0 <= sure.score("a bad") < 0.01
    many = PairJudge({(f"w{i}", f"w{i + 1}"): 9.0 for i in range(2000)})
    assert many.score(" ".join(["w"] * 9)) == 0.5
    assert PairJudge(dict.fromkeys(word_pairs("a b c d"), 900.0)).score("a b c d") == 1.0


@pytest.mark.parametrize("scores", [[], [0.0, 0.0], [1.0, 1.0]])
def test_a_judge_needs_good_and_bad_texts(scores):
    with pytest.raises(ValueError, match="good and bad"):
        PairJudge.learn(TEXTS[: len(scores)], scores)


def test_reading_along_changes_no_reward_and_logs_the_mean(judge):
    seen = []

    def rewarded(completions, **kwargs):
        seen.append(kwargs["prompts"])
        return [float(len(text)) for text in completions]

    rewards = Rewards("here", {"sentiment_reward": rewarded, "other": len})
    watched, logged = judge.reads_along(rewards), {}
    completions = ["a good film", "a bad film", "a film"]
    found = watched["sentiment_reward"](completions, prompts="p", log_metric=logged.__setitem__)
    assert found == [11.0, 10.0, 6.0] and seen == ["p"]
    assert logged == {"judge": pytest.approx(np.mean([judge.score(t) for t in completions]))}
    assert watched["sentiment_reward"]([], prompts="p", log_metric=None) == []
    assert watched["other"] is len and rewards["sentiment_reward"] is rewarded


def test_the_best_of_n_is_that_of_all_subsets():
    rng = np.random.default_rng(0)
    scores, values = rng.random((3, 7)), rng.random((3, 7))
    for n in range(1, 8):
        exact = np.mean(
            [
                values[row][max(subset, key=lambda i, row=row: scores[row][i])]
                for row in range(3)
                for subset in itertools.combinations(range(7), n)
            ]
        )
        assert best_of(n, scores, values) == pytest.approx(exact)


def test_the_bound_on_the_kl_of_best_of_n_is_met_without_ties_and_holds_with_them():
    """Many equally likely texts, all scores different, against few: exactly computed."""
    assert best_of_kl(1) == 0 and best_of_kl(64) == pytest.approx(3.1745, abs=5e-5)
    for texts, met in ((100_000, True), (3, False)):
        below = np.arange(texts + 1) / texts
        for n in (2, 8, 64):
            best = np.diff(below**n)
            kl = float((best * np.log(np.maximum(best * texts, 1e-300))).sum())
            assert kl <= best_of_kl(n)
            assert (kl > 0.99 * best_of_kl(n)) is met


def test_the_path_is_the_cross_entropy_minus_the_entropy_of_whole_completions():
    def line(step):
        return {"step": step, "entropy": 3.0 + step, "ref_log_prob": -4.0 - 2 * step, "completions/mean_length": 24.0,
                "sentiment": step / 10, "judge": 0.5}  # fmt: skip

    history = [{"step": 0, "validation/kl": 0.0}, *map(line, range(11))]  # the eleventh is left out
    with warnings.catch_warnings(action="error"):
        way = path(Run("a", {"temperature": 1.0}, history, {}, {}, {}, SAVED_RUNS))
    with pytest.warns(
        UserWarning, match=r"sampled at temperature 0\.7, and log P_ref is that of temp"
    ):
        path(Run("a", {"temperature": 0.7}, history, {}, {}, {}, SAVED_RUNS))
    assert way["kl"] == pytest.approx([24 * (1 + 2), 24 * (1 + 7)])
    assert way["proxy"] == pytest.approx([0.2, 0.7]) and way["entropy"] == pytest.approx([5, 10])
    with pytest.raises(KeyError):
        path(load_run(SAVED_RUNS / "mine"))  # nobody read along
