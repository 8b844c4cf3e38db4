"""Evidence that a function does anything: gathered from whatever it answers, at a bounded cost."""

import tracemalloc

import numpy as np
import pytest

from grader.judging.calls import Call, Evidence
from grader.wall.inside.wire import Opaque

CONSTANT = "it returns the same numbers whatever it is given"
IDENTITY = "it returns what it was given: without work of its own it earns nothing"
VECTOR = np.array([1.5, 2.5])


def trivial(*pairs):
    """What is said of a function that answered thus, each pair an argument and its answer."""
    evidence = Evidence()
    for argument, got in pairs:
        evidence.add(Call("f", (argument,), {}, got=got))
    return evidence.trivial()


@pytest.mark.parametrize(
    "answer",
    [1, [1.0, True], np.array([0.0, -0.0]), np.array([0.5, 0.5001]), "x", {"a": 1, "b": 2}],
)
def test_an_answer_that_never_changes_is_trivial(answer):
    assert trivial((1, answer), ([2], answer)) == CONSTANT


@pytest.mark.parametrize("answer", [None, [None], Opaque("Series"), [], np.ones((2, 0))])
def test_what_holds_no_number_is_said_to(answer):
    assert trivial((1, answer), ([2], answer)) == "it never returned numbers"


def test_a_little_noise_makes_no_answer_of_a_constant_or_an_identity():
    noise = 1e-9 * np.random.default_rng(0).random((2, 2))
    assert trivial((1, noise[0]), (2, noise[1])) == CONSTANT
    assert trivial((VECTOR, VECTOR + noise[0]), (0.5, 0.5 + 1e-9)) == IDENTITY


@pytest.mark.parametrize(
    ("argument", "answer"),
    [
        (VECTOR, VECTOR),
        (VECTOR, [1.5, 2.5]),
        ([1.5, 2.5], VECTOR),
        (VECTOR, [np.array(1.5), np.array(2.5)]),
        (["a", "b"], ("a", "b")),
        ([[1, 2], [3]], [[1, 2], [3]]),
        ({"a": VECTOR}, {"a": VECTOR}),
    ],
)
def test_what_was_given_is_trivial_in_whatever_form_it_returns(argument, answer):
    assert trivial((argument, answer), (0.5, 0.5)) == IDENTITY


@pytest.mark.parametrize(
    "answer",
    [
        *([1.5, 2.0], [[1.5], [2.5]], np.array([[1.5, 2.5]]), [1.5, "b"], [{"a": 1}, {"a": 2}]),
        *([Opaque("f"), 1.0], [VECTOR, VECTOR], [[], [1], [[2, "c"]]]),
    ],
)
def test_other_answers_are_evidence_however_odd(answer):
    assert trivial((VECTOR, answer)) == ""


@pytest.mark.parametrize(
    "answer",
    [
        ["x" * 400_000] + [""] * 24_000,  # as an array: 36 GiB
        ["x" * 40_000] + [0.5] * 2_000,
        [Opaque("x" * 100)] * 50_000,
        np.zeros(30 << 20, np.uint8),
        np.zeros((1000, 0)),
    ],
)
@pytest.mark.parametrize("argument", [["a", "b"], VECTOR, 1.0])
def test_evidence_costs_no_more_memory_than_the_answer(argument, answer):
    tracemalloc.start()
    try:
        trivial((argument, answer), (argument, answer))
        assert tracemalloc.get_traced_memory()[1] < 20 << 20
    finally:
        tracemalloc.stop()
