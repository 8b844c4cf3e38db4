"""Whose time a call takes: the student's is limited, the trusted side's own answers are free."""

import time
from dataclasses import replace

import pytest
from toys import RIGHT

from grader.calls import Ended
from grader.preflight import repair
from grader.student import Student


def student(course, grader, submission, solution, seconds_per_price=0.0, **limits):
    """The toy exercise's function, with prices that take their time on the trusted side."""

    def get_prices(items):
        time.sleep(seconds_per_price * len(items))
        return [1.0] * len(items)

    limits = replace(course.limits, strikes=1, **limits)
    slow = replace(course, provides={"shop.get_prices": get_prices}, limits=limits)
    cells = repair(submission(solution), slow).cells
    return Student("basket_total", cells, slow, grader.sandbox)


def test_a_slow_answer_of_ours_uses_up_neither_deadline_nor_patience(course, grader, submission):
    limits = {"call_seconds": 1.0, "exercise_seconds": 1.0}
    total = student(course, grader, submission, RIGHT, seconds_per_price=0.7, **limits)
    try:
        assert [total(["a", "b"]) for _ in range(2)] == [2.0, 2.0]
    finally:
        total.close()


def test_time_of_the_student_s_own_still_counts(course, grader, submission):
    lazy = RIGHT.replace("    return", "    import time\n    time.sleep(3)\n    return")
    total = student(course, grader, submission, lazy, call_seconds=1.0)
    with pytest.raises(Ended) as end:
        total(["a"])
    total.close()
    assert end.value.outcome == "timeout"
