"""The wall: whatever a worker says or keeps to itself, the trusted side comes back from it in time, and stays small."""

import contextlib
import json
import math
import os
import subprocess
import sys
import time
from dataclasses import replace

import pytest
from toys import RIGHT, ROOT, TOY, notebook
from walls import ended

from grader.classroom.jobs import Job
from grader.judging.calls import Ended
from grader.judging.function import SubmittedFunction
from grader.submission.preflight import repair
from grader.wall.ends import WorkerEnded
from grader.wall.watchdog import watchdog

URGENT = """
ends = []
for number in range(3, 256):
    try:
        ends.append(socket.socket(fileno=os.dup(number)))
    except OSError:
        pass
def urgent(data, flags=0):
    for end in ends:
        try:
            end.send(data, socket.MSG_OOB | flags)
        except OSError:
            pass
"""


@pytest.mark.parametrize(
    "then",
    [
        "urgent(b'x')\ntime.sleep(100)",
        "urgent(b'x')\nreturn 1",
        "urgent(bytes(4))\ntime.sleep(100)",
        "while True: urgent(bytes(1), socket.MSG_DONTWAIT)",
        "ends[0].send(bytes([0, 0, 9, 9]))\nurgent(b'x')\ntime.sleep(100)",
    ],
)
def test_urgent_bytes_are_read_like_others_or_run_into_the_deadline(attack, then):
    """They make a channel look readable; where none can be read, a reader that waits does so for ever."""
    start = time.monotonic()
    assert ended(attack, URGENT + then, 1.5) in ("timeout", "crash")
    assert time.monotonic() - start < 20


def loaded(worker, body):
    cells = [{"id": "f", "source": f"import gc, time\ndef f():\n    {body}"}]
    load = {"do": "load", "stem": "f", "skip": [], "arrays": "numpy", "provides": []}
    worker.request(load | {"cells": cells}, [], 5, lambda m, b: () if m["is"] == "progress" else None)  # fmt: skip
    return {"do": "call", "stem": "f", "again": False, "args": ["t", []], "kwargs": ["d", []]}


LINK = "link = [o for o in gc.get_objects() if type(o).__name__ == 'Link'][0]"
FLOOD = """
    frame = wire.frame({'n': link.number, 'is': 'progress', 'text': 'x' * 10_000})
    while True: link.sock.sendall(frame * 100)"""


def test_the_deadline_holds_while_there_is_always_something_to_read(wall):
    """Here the trusted side is the slower one, as it is where it computes what was asked of it."""
    worker = wall.worker()
    call = loaded(worker, f"from inside import wire\n    {LINK}{FLOOD}")
    start = time.monotonic()
    with pytest.raises(WorkerEnded) as end:
        worker.request(call, [], 1.0, lambda m, b: time.sleep(0.005) or ())
    assert end.value.outcome == "timeout" and time.monotonic() - start < 10


def test_whatever_holds_the_trusted_side_up_the_worker_s_end_frees_it(wall, monkeypatch):
    """Here a read without a timer of its own, such as nobody knows of yet."""
    monkeypatch.setattr("grader.wall.watchdog.GRACE", 0.5)
    worker = wall.worker()
    call = loaded(worker, f"{LINK}\n    link.send({{'is': 'progress'}})\n    time.sleep(100)")
    with pytest.raises(WorkerEnded) as end:
        worker.request(call, [], 1.0, lambda m, b: worker.data.recv(1) and None)
    assert end.value.outcome == "timeout" and worker.pidfd is None


@pytest.fixture
def student(assignment, grader, submission):
    """The toy exercise's function with other prices and limits."""
    made = []

    def make(get_prices, solution=RIGHT, **limits):
        limits = replace(assignment.limits, **limits)
        changed = replace(assignment, provides={"shop.get_prices": get_prices}, limits=limits)
        cells = repair(submission(solution), changed).cells
        made.append(SubmittedFunction("basket_total", cells, changed, grader.sandbox))
        return made[-1]

    yield make
    for one in made:
        one.close()


def slow(items):
    time.sleep(0.6)
    return [1.0] * len(items)


def test_the_watchdog_stands_still_while_the_trusted_side_computes(student, monkeypatch):
    monkeypatch.setattr("grader.wall.watchdog.GRACE", 0.1)
    total = student(slow, call_seconds=0.3, load_seconds=0.3)
    assert [total(["a"]) for _ in range(2)] == [1.0, 1.0]
    assert total.patience.strikes == 0 and not total.patience.spared


def test_the_time_of_our_answers_is_bounded_altogether(student):
    """It is not the student's time, so it would be nobody's."""
    asks = "def basket_total(items, discount=0.0):\n    for _ in range(100):\n        try:\n            get_prices(items)\n        except BaseException:\n            pass\n    return 1.0"
    total, start = student(slow, asks, answer_seconds=1.0), time.monotonic()
    for _ in range(3):
        with pytest.raises(Ended, match="too much to answer") as end:
            total(["a"])
        assert end.value.outcome == "timeout"
    assert time.monotonic() - start < 20


def test_a_job_that_hangs_within_a_line_is_ended_too(monkeypatch):
    monkeypatch.setattr("grader.wall.watchdog.GRACE", 0.5)
    job, half = Job([]), "import time; print('{', end='', flush=True); time.sleep(100)"
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    job.process = subprocess.Popen([sys.executable, "-c", half], **pipes)
    start = time.monotonic()
    assert job.ask({}, 1.0) is None and job.process is None
    assert time.monotonic() - start < 20


def test_a_job_that_died_before_it_read_its_request_is_replaced_like_any_other():
    job, pipes = Job([]), {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    job.process = subprocess.Popen([sys.executable, "-c", ""], **pipes)
    job.process.wait()
    assert job.ask({}, 10.0) is None and job.process is None


# --- memory of the trusted side

PILED_UP = """import gc, json, struct

def basket_total(items, discount=0.0):
    link = next(thing for thing in gc.get_objects() if type(thing).__name__ == "Link")
    texts = ["l", ["ab"] * 99_000 + [LAST]]
    message = {"n": link.number, "is": "callback", "name": "shop.get_prices"}
    header = json.dumps({**message, "args": ["t", [texts]], "kwargs": ["d", []], "sizes": []}).encode()
    for _ in range(140):
        link.sock.sendall(struct.pack(">I", len(header)) + header)
        link.receive()
    return 1.0"""
MEASURED = """
import json, sys
from pathlib import Path
from grader.assignment import load_assignment
from grader.judging.session import Grader
with Grader(load_assignment(sys.argv[1])) as grader:
    verdict = grader.check(sys.stdin.buffer.read())
# ru_maxrss would begin with what the process that started this one had
mb = int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]) >> 10
print(json.dumps([mb, verdict["exercises"]["basket_total"]["outcome"]]))
"""


@pytest.mark.parametrize("last", ["'cd'", "7"])
def test_what_callbacks_bring_is_not_piled_up(last):
    """140 frames of 99,000 texts are few bytes and 14 million objects; with the 7 each is refused."""
    document = json.dumps(notebook(PILED_UP.replace("LAST", last))).encode()
    command = [sys.executable, "-c", MEASURED, str(TOY / "hidden")]
    done = subprocess.run(command, input=document, cwd=ROOT, capture_output=True, check=True)
    mb, outcome = json.loads(done.stdout)
    assert outcome == "crash" and mb < 300  # 60 for honest work, and what one frame takes


def test_a_job_has_a_limit_of_memory_and_its_end_is_nobody_s_mark(class_folder):
    """Prices that make this side ask for 8 GB: no mark for who did it, and the batch goes on."""
    assignment = class_folder.folder / "hidden/assignment.py"
    text = assignment.read_text()
    hoard = "    'hoard' in items and __import__('numpy').empty(8 << 30, 'uint8')\n"
    assignment.write_text(text.replace("    return [1.0 +", f"{hoard}    return [1.0 +"))
    class_folder.hand_in("ann")
    greedy = RIGHT.replace("get_prices(items)", "get_prices([*items, 'hoard'])")
    class_folder.hand_in("bob", json.dumps(notebook(greedy)).encode())
    class_folder.hand_in("cat")
    class_folder.grade("--jobs", "1")
    rows = class_folder.status()
    assert [rows[name]["total"] for name in ("ann", "cat")] == ["2.0", "2.0"]
    assert rows["bob"]["status"] == "infrastructure" and "MemoryError" in str(rows["bob"])


# --- the watchdog by itself


def ended_by(deadline, blocks, monkeypatch):
    """Which of these blocks' ends the watchdog called within a second."""
    monkeypatch.setattr("grader.wall.watchdog.GRACE", 0.1)
    called = []
    with contextlib.ExitStack() as stack:
        for name, end in blocks.items():
            stack.enter_context(
                watchdog(lambda: deadline, lambda n=name, e=end: (called.append(n), e()))
            )
        time.sleep(1.0)
    return set(called)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_an_end_that_fails_or_hangs_leaves_the_other_waits_looked_after(monkeypatch):
    blocks = {"fails": lambda: 1 / 0, "hangs": lambda: time.sleep(2), "works": lambda: None}
    assert ended_by(time.monotonic(), blocks, monkeypatch) == set(blocks)
    assert ended_by(time.monotonic(), blocks, monkeypatch) == set(blocks)


def test_a_wait_that_is_over_or_whose_deadline_moves_is_never_ended(monkeypatch):
    assert ended_by(time.monotonic() + 60, {"early": lambda: None}, monkeypatch) == set()
    monkeypatch.setattr("grader.wall.watchdog.GRACE", 0.5)
    called, deadline = [], [time.monotonic()]
    with watchdog(lambda: deadline[0], lambda: called.append("moved")):
        time.sleep(0.4)
        deadline[0] += 60
        time.sleep(1.0)
    with watchdog(time.monotonic, lambda: called.append("over")):
        pass
    time.sleep(1.0)
    assert called == []


def test_a_forked_process_ends_nobody_s_wait_but_its_own(monkeypatch):
    monkeypatch.setattr("grader.wall.watchdog.GRACE", 0.1)
    reader, writer = os.pipe()
    late = [math.inf]
    with watchdog(lambda: late[0], lambda: os.write(writer, b"parent's")):
        if (child := os.fork()) == 0:
            late[0] = 0.0
            with watchdog(lambda: 0.0, lambda: os.write(writer, b"own")):
                time.sleep(1.0)
            os._exit(0)
        os.waitpid(child, 0)
    os.close(writer)
    assert os.read(reader, 100) == b"own"
