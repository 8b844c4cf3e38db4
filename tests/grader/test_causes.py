"""Hints: the one cause that explains every failing example of a law, or none."""

import numpy as np

from grader.laws import NEARLY, WHOLE, common_cause, matching
from grader.text import show

EXPECTED = np.array([1.5, 4.0])


def test_a_cause_is_named_if_it_gives_what_the_student_got():
    causes = {"doubled": 2 * EXPECTED, "negated": lambda: -EXPECTED, "broken": lambda: 1 / 0}
    assert matching(2 * EXPECTED, EXPECTED, causes) == {"doubled": 0}
    assert matching(-EXPECTED, EXPECTED, causes) == {"negated": 0}
    assert matching(EXPECTED + 7, EXPECTED, causes) == {}


def test_a_cause_that_gives_the_right_result_explains_nothing():
    assert matching(np.array([1.5, 9.0]), EXPECTED, {"nothing": EXPECTED}) == {}


def test_the_cause_must_explain_every_example():
    both, first, second = {"a": 0, "b": 0}, {"a": 0}, {"b": 0}
    assert common_cause([both, first]) == "a"
    assert common_cause([both, first, second]) is None
    assert common_cause([both]) is None  # two fit: naming one would be a guess


def test_vague_causes_are_named_only_where_no_other_fits():
    causes, vague = {"doubled": 2 * EXPECTED}, {"larger": 2 * EXPECTED, "other": 2 * EXPECTED}
    fits = matching(2 * EXPECTED, EXPECTED, causes, vague)
    assert common_cause([fits]) == "doubled"
    assert common_cause([matching(2 * EXPECTED, EXPECTED, {}, vague)]) == "larger"


def test_rounding_is_told_from_cutting_to_whole_numbers():
    assert common_cause([matching(np.array([1.0, 4.0]), EXPECTED, {})]) == WHOLE
    assert common_cause([matching(EXPECTED * 1.002, EXPECTED, {})]) == NEARLY
    small = np.array([0.2, 0.7])
    assert matching(np.zeros(2), small, {}) == {}


def test_a_number_without_dimension_is_shown_as_one():
    assert show(np.array(0.5, np.float32)) == "float32(0.5)"
    assert show(np.array([0.5], np.float32)) == "float32[0.5]"
