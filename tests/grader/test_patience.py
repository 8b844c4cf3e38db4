"""Whose time a call takes: the student's is limited, by the course alone; the trusted side's own answers are free."""

import time
from dataclasses import replace

import pytest
from toys import RIGHT

from grader.calls import Ended
from grader.course import Limits
from grader.preflight import repair
from grader.sandbox import Sandbox
from grader.student import Student

BUSY = RIGHT.replace(
    "    return",
    "    import time\n    end = time.process_time() + 1.5\n    while time.process_time() < end: pass\n    return",
)


def student(course, sandbox, submission, solution, seconds_per_price=0.0, **limits):
    """The toy exercise's function, with prices that take their time on the trusted side."""

    def get_prices(items):
        time.sleep(seconds_per_price * len(items))
        return [1.0] * len(items)

    limits = replace(course.limits, strikes=1, **limits)
    slow = replace(course, provides={"shop.get_prices": get_prices}, limits=limits)
    cells = repair(submission(solution), slow).cells
    return Student("basket_total", cells, slow, sandbox)


def test_a_slow_answer_of_ours_uses_up_neither_deadline_nor_patience(course, grader, submission):
    limits = {"call_seconds": 1.0, "exercise_seconds": 1.0}
    total = student(course, grader.sandbox, submission, RIGHT, seconds_per_price=0.7, **limits)
    try:
        assert [total(["a", "b"]) for _ in range(2)] == [2.0, 2.0]
    finally:
        total.close()


def test_time_of_the_student_s_own_still_counts(course, grader, submission):
    lazy = RIGHT.replace("    return", "    import time\n    time.sleep(3)\n    return")
    total = student(course, grader.sandbox, submission, lazy, call_seconds=1.0)
    with pytest.raises(Ended) as end:
        total(["a"])
    total.close()
    assert end.value.outcome == "timeout"


def test_a_course_may_allow_more_computing_than_the_sandbox_does_by_itself(course, submission):
    with Sandbox([], Limits(cpu_seconds=1)) as tight:
        total = student(course, tight, submission, BUSY, call_seconds=20.0, cpu_seconds=30)
        assert total(["a", "b"]) == 2.0
        total.close()


def test_a_course_may_allow_less_computing_than_the_sandbox_does_by_itself(course, submission):
    with Sandbox([], Limits(cpu_seconds=30)) as generous:
        total = student(course, generous, submission, BUSY, call_seconds=20.0, cpu_seconds=1)
        with pytest.raises(Ended, match="more than 1 seconds of computing") as end:
            total(["a"])
        assert end.value.outcome == "timeout"
