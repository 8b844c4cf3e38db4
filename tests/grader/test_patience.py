"""Whose time a call takes: the student's is limited, by the course alone; the trusted side's own answers are free."""

import os
import subprocess
import sys
import time
from dataclasses import replace

import pytest
from toys import RIGHT, TOY

from grader.assignment import Limits, load_assignment
from grader.classroom.verdicts import here
from grader.judging.calls import Ended
from grader.judging.function import SubmittedFunction
from grader.judging.patience import ALL_CALLS, UNHURRIED, whole
from grader.judging.session import Grader
from grader.submission.preflight import repair
from grader.wall.ends import WorkerEnded
from grader.wall.sandbox import Sandbox

BUSY = RIGHT.replace(
    "    return",
    "    import time\n    end = time.process_time() + 1.5\n    while time.process_time() < end: pass\n    return",
)


def student(assignment, sandbox, submission, solution, seconds_per_price=0.0, **limits):
    """The toy exercise's function, with prices that take their time on the trusted side."""

    def get_prices(items):
        time.sleep(seconds_per_price * len(items))
        return [1.0] * len(items)

    limits = replace(assignment.limits, strikes=1, **limits)
    slow = replace(assignment, provides={"shop.get_prices": get_prices}, limits=limits)
    cells = repair(submission(solution), slow).cells
    return SubmittedFunction("basket_total", cells, slow, sandbox)


def test_a_slow_answer_of_ours_uses_up_neither_deadline_nor_patience(
    assignment, grader, submission
):
    limits = {"call_seconds": 1.0, "exercise_seconds": 1.0}
    total = student(assignment, grader.sandbox, submission, RIGHT, seconds_per_price=0.7, **limits)
    try:
        assert [total(["a", "b"]) for _ in range(2)] == [2.0, 2.0]
    finally:
        total.close()


def test_time_of_the_student_s_own_still_counts(assignment, grader, submission):
    lazy = RIGHT.replace("    return", "    import time\n    time.sleep(3)\n    return")
    total = student(assignment, grader.sandbox, submission, lazy, call_seconds=1.0)
    with pytest.raises(Ended) as end:
        total(["a"])
    total.close()
    assert end.value.outcome == "timeout"


def test_a_course_may_allow_more_computing_than_the_sandbox_does_by_itself(assignment, submission):
    with Sandbox([], Limits(cpu_seconds=1)) as tight:
        total = student(assignment, tight, submission, BUSY, call_seconds=20.0, cpu_seconds=30)
        assert total(["a", "b"]) == 2.0
        total.close()


def test_a_course_may_allow_less_computing_than_the_sandbox_does_by_itself(assignment, submission):
    with Sandbox([], Limits(cpu_seconds=30)) as generous:
        total = student(assignment, generous, submission, BUSY, call_seconds=20.0, cpu_seconds=1)
        with pytest.raises(Ended, match="more than 1 seconds of computing") as end:
            total(["a"])
        assert end.value.outcome == "timeout"


# as default arguments, so that the function needs them all
SLEEPY = "import time\n{statements}\ndef basket_total(items, discount=0.0, _all=({names})):\n    return 1.0"


def sleepy(count, seconds):
    statements = "\n".join(f"_p{n} = time.sleep({seconds})" for n in range(count))
    return SLEEPY.format(statements=statements, names=", ".join(f"_p{n}" for n in range(count)))


@pytest.mark.parametrize(("count", "seconds"), [(8, 0.8), (500, 0.8), (5, 9)])
def test_loading_takes_of_the_exercise_s_patience_however_often_it_begins_anew(
    assignment, grader, submission, count, seconds
):
    limits = {"load_seconds": 1.5, "exercise_seconds": 2.0}
    total = student(assignment, grader.sandbox, submission, sleepy(count, seconds), **limits)
    start = time.monotonic()
    with pytest.raises(Ended, match="altogether") as end:
        total(["a"])
    assert (
        end.value.outcome == "timeout" and total.patience.over is end.value and total.worker is None
    )
    assert time.monotonic() - start < 2.0 + 4 * 1.0 + 5  # 1.0: unhurried; 5: a busy machine


def test_a_statement_within_its_time_is_no_matter(assignment, grader, submission):
    limits = {"load_seconds": 5.0, "exercise_seconds": 3.0}
    total = student(assignment, grader.sandbox, submission, sleepy(2, 0.6), **limits)
    assert total(["a"]) == 1.0
    total.close()


def test_many_calls_that_are_almost_slow_end_too(assignment, grader, submission):
    lazy = (
        "import time\ndef basket_total(items, discount=0.0):\n    time.sleep(0.2)\n    return 1.0"
    )
    total = student(assignment, grader.sandbox, submission, lazy, exercise_seconds=1.0)
    with pytest.raises(Ended, match="altogether") as end:
        for _ in range(10 * ALL_CALLS):
            total(["a"])
    total.close()
    assert end.value.outcome == "timeout"


def test_a_job_that_hangs_is_nobody_s_mark(monkeypatch, submission, tmp_path):
    """Its own limits come first, so this is this machine's trouble: said, not kept, and the next student has a new job."""
    path = tmp_path / "exercise.ipynb"
    path.write_bytes(submission())
    with here(Grader(load_assignment(TOY / "hidden")), 1) as verdicts:
        monkeypatch.setattr(verdicts.executor, "seconds", 0.01)
        verdict = verdicts.submit(path).result()
        monkeypatch.undo()
        assert verdicts.submit(path).result()["total"] == 2.0
    exercise = verdict["exercises"]["basket_total"]
    assert verdict["status"] == exercise["outcome"] == "infrastructure"


def test_a_machine_that_stands_still_costs_no_marks(assignment, grader, submission):
    """The grader is stopped for longer than a call may take, as by Ctrl-Z, a paused container or virtual machine."""
    slow = RIGHT.replace("    return", "    import time; time.sleep(0.3)\n    return")
    total = student(
        assignment, grader.sandbox, submission, slow, call_seconds=1.5, exercise_seconds=1.0
    )
    total(["a"])
    stop = f"import os, time; time.sleep(0.15); os.kill({os.getpid()}, 19); time.sleep(3); os.kill({os.getpid()}, 18)"
    for _ in range(2):
        other = subprocess.Popen([sys.executable, "-c", stop])
        assert total(["a"]) == 1.0
        assert other.wait() == 0
    assert total.patience.strikes == 0 and total.patience.over is None
    total.close()


# --- the value


@pytest.fixture
def patience():
    return whole(Limits(exercise_seconds=10.0, answer_seconds=7.0))


def test_only_slow_calls_use_patience_up_and_all_calls_what_is_left(patience):
    after = patience.begun().after(UNHURRIED, UNHURRIED).begun().after(1.0 + UNHURRIED, UNHURRIED)
    assert (after.slow, after.left) == (9.0, 10.0 * ALL_CALLS - 1.0 - 2 * UNHURRIED)
    assert after.over is None and after.answered(3.0).answering == 4.0
    assert after.begun().after(9.5 + UNHURRIED, UNHURRIED).over.outcome == "timeout"


def test_one_doubtful_end_is_spared_and_what_it_took_comes_back(patience):
    doubtful, sure = (WorkerEnded("crash", "it died", doubtful=d) for d in (True, False))
    lost = patience.begun().answered(2.0).after(60.0, UNHURRIED)
    assert lost.over is not None and lost.spares(doubtful) and not lost.spares(sure)
    spared = lost.sparing()
    assert (spared.slow, spared.left, spared.over) == (10.0, 10.0 * ALL_CALLS, None)
    assert spared.answering == 5.0, "our own answers took that long all the same"
    assert not spared.spares(doubtful)


def test_strikes_are_the_student_s_ends_alone(patience):
    ours, theirs = (WorkerEnded(outcome, "gone") for outcome in ("infrastructure", "crash"))
    once = patience.struck(ours, 2).struck(theirs, 2)
    assert once.strikes == 1 and once.over is None
    twice = once.struck(theirs, 2)
    assert twice.over.outcome == "crash" and "ended so 2 times (gone)" in twice.over.words
