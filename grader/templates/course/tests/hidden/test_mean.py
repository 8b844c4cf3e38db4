"""The laws of exercise 1, the mean: their weights add up to its two points."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from grader.laws import keeps_inputs, law, matching, near, raises, scalar

scores = st.lists(st.floats(0, 1, width=32), min_size=1).map(np.float32)


def likely_causes(call, got, expected):
    [scores] = call.args
    slips = {
        "it looks like the sum: divide by how many scores there are": np.sum(scores),
        "it looks like the median, the score in the middle": np.median(scores),
    }
    return matching(got, expected, slips)


@law("the mean of the scores", weight=1, value=True, hint=likely_causes)
@given(scores=scores)
def test_value(student, scores):
    near(scalar(student(scores)), np.mean(scores, dtype=np.float64))


@law("the mean of no scores is refused with ValueError", weight=0.5)
def test_refuses_none(student):
    raises(ValueError, student, np.float32([]))


@law("the scores passed in are left as they were", weight=0.5)
@given(scores=scores)
def test_inputs_kept(student, scores):
    keeps_inputs(student, scores)
