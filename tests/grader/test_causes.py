"""Hints: the one cause that explains every failing example of a law, or none."""

import numpy as np
import pytest

from grader.judging.causes import HALF, NEARLY, WHOLE, Fits, common_cause, matching
from grader.text import show

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")  # a law's hint is asked without
EXPECTED = np.array([1.5, 4.25, -3.125])
NOISE = np.random.default_rng(0).normal(size=60)


def fits(**ranks):
    found = Fits(ranks)
    found.wrong = frozenset({(1.0, 2.0), (2.0, 3.0), (3.0, 5.0)})
    return found


def named(got, expected, *causes):
    return common_cause([matching(got, expected, *(causes or [{}]))])


def test_a_cause_is_named_if_it_gives_what_the_student_got():
    causes = {"thrice": 3 * EXPECTED, "negated": lambda: -EXPECTED, "broken": lambda: 1 / 0}
    assert named(3 * EXPECTED, EXPECTED, causes) == "thrice"
    assert named(-EXPECTED, EXPECTED, causes) == "negated"
    assert named(EXPECTED + [7, 8, 9], EXPECTED, causes) is None


def test_a_cause_that_gives_the_right_result_explains_nothing():
    assert "nothing" not in matching(np.array([1.5, 9, -3.125]), EXPECTED, {"nothing": EXPECTED})


def test_the_cause_must_explain_every_example():
    both, first, second = fits(a=0, b=0), fits(a=0), fits(b=0)
    assert common_cause([both, first]) == "a"
    assert common_cause([both, first, second]) is None
    assert common_cause([both]) is None  # two fit: naming one would be a guess


def test_a_cause_that_would_change_a_right_result_is_none():
    right = matching(EXPECTED, EXPECTED, {"a": EXPECTED, "b": 2 * EXPECTED})
    assert common_cause([fits(a=0, b=0), right]) == "a"


def test_a_few_numbers_are_no_evidence():
    two, seven_more = EXPECTED[:2], "seven more"
    assert named(two + 7, two, {seven_more: two + 7}) is None
    assert named(EXPECTED + 7, EXPECTED, {seven_more: EXPECTED + 7}) == seven_more


def test_vague_causes_are_named_only_where_no_other_fits():
    causes, vague = {"thrice": 3 * EXPECTED}, {"larger": 3 * EXPECTED, "other": 3 * EXPECTED}
    assert named(3 * EXPECTED, EXPECTED, causes, vague) == "thrice"
    assert named(3 * EXPECTED, EXPECTED, {}, vague) == "larger"


@pytest.mark.parametrize(
    ("got", "words"),
    [
        (EXPECTED / 3, "divided by the size of the batch"),
        (EXPECTED - 4.25, "the batch's largest result was subtracted"),
        (100 * EXPECTED, "percent: times 100"),
        (7 * EXPECTED, "every result is 7 times what is asked for"),
        (EXPECTED - 0.5, "every result is 0.5 too small"),
    ],
)
def test_what_any_function_may_do_wrong_is_known(got, words):
    assert words in named(got, EXPECTED)


def test_a_limit_is_told_with_its_number():
    right = np.arange(9.0)
    assert named(np.minimum(right, 4), right) == "no result is above 4: are large ones cut off?"


def test_rounding_is_told_from_a_small_term_too_many():
    values = 3 * NOISE
    assert named(np.trunc(values), values) == WHOLE
    assert "rounded to 2 decimals" in named(np.round(values, 2), values)
    assert named(values.astype(np.float16).astype(float), values) == HALF
    assert named(values * (1 + 1e-3 * NOISE[::-1]), values) == NEARLY
    one_way = values + np.abs(values) * 1e-3 * np.abs(NOISE)  # as of a series that ends too early
    assert named(one_way, values) is None
    assert named(values + 9e-4, values) != NEARLY


def test_zeros_are_no_rounded_numbers():
    assert "rounded" not in str(named(np.zeros(3), np.array([0.2, 0.3, 0.01])))


def test_a_number_without_dimension_is_shown_as_one():
    assert show(np.array(0.5, np.float32)) == "float32(0.5)"
    assert show(np.array([0.5], np.float32)) == "float32[0.5]"
