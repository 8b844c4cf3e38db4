"""The wall: workers that this machine ended, not the student; and trouble with what the trusted side answers."""

import contextlib
import os
import signal
import time
from dataclasses import replace

import psutil
import pytest
from toys import RIGHT
from walls import LIMITS, alive

from grader.judging.calls import Ended
from grader.judging.function import SubmittedFunction
from grader.submission.preflight import repair
from grader.wall.cgroup import Group, hierarchies
from grader.wall.ends import how_it_ended
from grader.wall.isolation import LANDLOCK
from grader.wall.sandbox import Sandbox

# Whether a SIGKILL was for want of memory only cgroups can tell.
KILLED = "crash" if hierarchies() else "out_of_memory"


@pytest.fixture
def own(isolation):
    """A sandbox that may be harmed."""
    with Sandbox([], LIMITS, isolation) as sandbox:
        yield sandbox


@pytest.fixture
def student(assignment, own, submission):
    """The toy exercise's function with other prices; `strikes` are the course's."""
    made = []

    def make(get_prices, solution=RIGHT, **notebook):
        changed = replace(assignment, provides={"shop.get_prices": get_prices})
        cells = repair(submission(solution, **notebook), changed).cells
        made.append(SubmittedFunction("basket_total", cells, changed, own))
        return made[-1]

    yield make
    for each in made:
        each.close()


def the_worker(student, sandbox):
    return psutil.Process(student.worker.pid).children()[0].pid


def its_doorman(student, sandbox):
    return student.worker.pid


def the_zygote(student, sandbox):
    """Below bwrap and its first process, if it is there; the doormen's own children are not the zygote's."""
    if sandbox.isolation is LANDLOCK:
        return sandbox.process.pid
    (first,) = psutil.Process(sandbox.process.pid).children()
    return first.children()[0].pid


def the_first(student, sandbox):
    """bubblewrap, or the zygote where there is none."""
    return sandbox.process.pid


def unlucky(victim, deaths, own, who):
    """Prices during whose answer `victim` is killed, the first `deaths` times; `who` holds the student."""

    def get_prices(items):
        nonlocal deaths
        if deaths:
            deaths -= 1
            worker = the_worker(who[0], own)
            os.kill(victim(who[0], own), signal.SIGKILL)
            while alive(worker):  # death takes a moment to spread
                time.sleep(0.01)
        return [1.0] * len(items)

    return get_prices


@pytest.mark.parametrize("victim", [the_worker, its_doorman, the_zygote, the_first])
def test_what_this_machine_kills_once_is_silently_done_again(own, student, victim):
    who = []
    who.append(student(unlucky(victim, 1, own, who)))
    total = who[0]
    assert total(["a", "b"]) == 2.0
    assert total.patience.strikes == 0 and len(total.calls) == 1
    assert total(["a"]) == 1.0


@pytest.mark.parametrize(
    ("victim", "outcome", "strikes"),
    [
        (the_worker, KILLED, 1),  # so may the student have done
        (its_doorman, "infrastructure", 0),
        (the_zygote, "infrastructure", 0),
        (the_first, "infrastructure", 0),
    ],
)
def test_a_second_death_in_one_call_has_its_outcome(own, student, victim, outcome, strikes):
    who = []
    who.append(student(unlucky(victim, 2, own, who)))
    with pytest.raises(Ended) as end:
        who[0](["a"])
    assert (end.value.outcome, who[0].patience.strikes) == (outcome, strikes)
    assert who[0](["a"]) == 1.0


@pytest.mark.parametrize("body", ["os._exit(1)", "os.abort()", "ctypes.string_at(0)"])
def test_what_is_surely_the_student_s_doing_gets_no_second_chance(own, student, body):
    asked = []
    ending = f"import os, ctypes\ndef basket_total(items, discount=0.0):\n    get_prices(items)\n    {body}"
    total = student(lambda items: asked.append(items) or [1.0], ending)
    with pytest.raises(Ended) as end:
        total(["a"])
    assert (end.value.outcome, total.patience.strikes, len(asked)) == ("crash", 1, 1)


def test_a_student_who_kills_its_own_process_is_marked_for_it(own, student):
    ending = "import os\ndef basket_total(items, discount=0.0):\n    os.kill(os.getpid(), 9)\n    return 1"
    total = student(lambda items: [1.0], ending)
    for strikes in (1, 2):
        with pytest.raises(Ended) as end:
            total(["a"])
        assert (end.value.outcome, total.patience.strikes) == (KILLED, strikes)
    assert total.patience.over is not None


@pytest.mark.parametrize("signal", [9, 15])
def test_who_dies_again_and_again_has_one_second_chance_an_exercise(own, student, signal):
    """Every worker answers one call, so that no call dies twice."""
    dies = f"import os\nCALLS = []\ndef basket_total(items, discount=0.0):\n    CALLS.append(1)\n    if len(CALLS) > 1:\n        os.kill(os.getpid(), {signal})\n    return 1.0"
    total, answers = student(lambda items: [1.0], dies), []
    for _ in range(8):
        with contextlib.suppress(Ended):
            answers.append(total(["a"]))
    assert (
        len(answers) == 3
        and total.patience.strikes == 2
        and total.patience.over.outcome in ("crash", KILLED)
    )


def test_two_deaths_while_loading_are_one_too_many(own, student):
    cell = "import os\nDIES = os.kill(os.getpid(), 15)"
    total = student(lambda items: [1.0], RIGHT.replace("=0.0", "=DIES or 0.0"), before=[cell])
    for _ in range(2):
        with pytest.raises(Ended, match="DIES") as end:
            total(["a"])
        assert end.value.outcome != "infrastructure" and len(total.loading.skip) == 1


@pytest.mark.parametrize("victim", [the_worker, the_first])
def test_a_cell_whose_worker_this_machine_killed_is_not_left_out(own, student, victim):
    who = []
    solution = RIGHT.replace("    return", "    assert FIRST == [1.0]\n    return")
    prices = unlucky(victim, 1, own, who)
    who.append(student(prices, solution, before=["FIRST = get_prices(['a'])"]))
    assert who[0](["a", "b"]) == 2.0
    assert who[0].loading.skip == [] and who[0].loading.errors == []


def test_students_who_share_a_lost_sandbox_all_go_on(own, student):
    several = [student(lambda items: [1.0] * len(items)) for _ in range(3)]
    assert [total(["a"]) for total in several] == [1.0] * 3
    own.process.kill()
    assert [total(["a"]) for total in several] == [1.0] * 3
    assert sum(total.patience.strikes for total in several) == 0


# --- who is to blame, by what the doorman and the kernel say


@pytest.mark.parametrize(
    ("word", "short_of_memory", "outcome", "doubtful"),
    [
        ("exit 0", "none", "crash", False),
        ("signal 11", "none", "crash", False),
        ("signal 11", "machine", "crash", False),
        ("signal 15", "none", "crash", True),
        ("signal 24", "none", "timeout", False),
        ("signal 9", "own", "out_of_memory", False),
        ("signal 9", "machine", "infrastructure", True),
        ("signal 9", "none", "crash", True),
        ("signal 9", "unknown", "out_of_memory", True),
        ("", "own", "out_of_memory", False),
        ("", "none", "infrastructure", True),
        ("", "unknown", "infrastructure", True),
        ("failed [Errno 12] Cannot allocate memory", "none", "infrastructure", True),
        (None, "none", "crash", True),
        (None, "own", "out_of_memory", False),
        (None, "machine", "infrastructure", True),
    ],
)
def test_an_end_is_put_down_to_whoever_brought_it_about(word, short_of_memory, outcome, doubtful):
    end = how_it_ended(word, short_of_memory, LIMITS)
    assert (end.outcome, end.doubtful) == (outcome, doubtful)
    assert end.words


@pytest.mark.parametrize(
    ("files", "short"),
    [
        ({"memory.events": "low 0\nmax 9\noom 0\noom_kill 0\noom_group_kill 0"}, "none"),
        ({"memory.events": "low 0\nmax 9\noom 1\noom_kill 1\noom_group_kill 0"}, "own"),
        ({"memory.events": "low 0\nmax 0\noom 0\noom_kill 1\noom_group_kill 0"}, "machine"),
        ({"memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 0"}, "none"),
        ({"memory.oom_control": "under_oom 0\noom_kill 1", "memory.failcnt": "7\n"}, "own"),
        ({"memory.oom_control": "under_oom 0\noom_kill 1", "memory.failcnt": "0\n"}, "machine"),
        ({"memory.oom_control": "under_oom 0"}, "unknown"),  # Linux before 4.13
        ({}, "unknown"),
    ],
)
def test_a_group_tells_its_own_want_of_memory_from_the_machine_s(tmp_path, files, short):
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    group = Group.__new__(Group)
    group.folders = [tmp_path]
    assert group.out_of_memory() == short


# --- the trusted side's own answers


@pytest.mark.parametrize("before", [(), ("FIRST = get_prices(['a'])\nget_prices.x = FIRST",)])
def test_trouble_of_the_trusted_side_is_infrastructure_and_no_strike(student, before):
    broken = [True]

    def get_prices(items):
        if broken:
            raise OSError("the shop burned down")
        return [1.0] * len(items)

    shrugs = f"def basket_total(items, discount=0.0):\n    try:\n        return sum(get_prices(items))\n    except BaseException:\n        return {len(before)}"
    total = student(get_prices, shrugs, before=before)
    with pytest.raises(Ended, match=r"shop.get_prices failed: OSError: the shop burned") as end:
        total(["a"])
    assert (end.value.outcome, total.patience.strikes) == ("infrastructure", 0)
    broken.clear()
    assert total(["a", "b"]) == 2.0


def test_what_is_provided_may_end_the_exercise_and_the_student_cannot_catch_it(student):
    def get_prices(items):
        raise Ended("wrong", "enough")

    shrugs = "def basket_total(items, discount=0.0):\n    try:\n        return sum(get_prices(items))\n    except BaseException:\n        return 1.0"
    with pytest.raises(Ended, match="enough") as end:
        student(get_prices, shrugs)(["a"])
    assert end.value.outcome == "wrong"


def test_what_a_call_sends_to_the_trusted_side_is_bounded_altogether(student):
    """Every piece is of a size that may cross; 200 of them would fill this machine's memory."""
    flood = "import numpy\ndef basket_total(items, discount=0.0):\n    for _ in range(200):\n        try:\n            get_prices(numpy.zeros(1_900_000))\n        except TypeError:\n            pass\n    return 1.0"
    asked = []

    def get_prices(items):
        asked.append(items.nbytes)
        raise TypeError("get_prices takes a list of str")

    with pytest.raises(Ended, match="far too much") as end:
        student(get_prices, flood)(["a"])
    assert end.value.outcome == "crash" and sum(asked) < 80 << 20
