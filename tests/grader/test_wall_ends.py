"""The wall: how workers end and what comes back from them; nobody else is harmed."""

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import psutil
import pytest
from walls import LIMITS, alive, ask, ended, only_landlock

from gate import ROOT
from grader.wall.cgroup import hierarchies
from grader.wall.ends import WorkerEnded
from grader.wall.inside import wire
from grader.wall.sandbox import Sandbox


@pytest.mark.parametrize(
    ("body", "outcome"),
    [
        ("while True: pass", "timeout"),
        ("time.sleep(100)", "timeout"),
        ("os._exit(0)", "crash"),
        ("os.abort()", "crash"),
        ("ctypes.string_at(0)", "crash"),
        # Who sent the signal only cgroups can tell; without them it may have been for want of memory.
        ("os.kill(os.getpid(), 9)", "crash" if hierarchies() else "out_of_memory"),
        ("os.kill(os.getpid(), 15)", "crash"),
        ("os.closerange(3, 256)\ntime.sleep(100)", "crash"),
        (
            "for fd in range(3, 256):\n    try:\n        os.write(fd, b'x' * 4096)\n    except OSError:\n        pass\ntime.sleep(100)",
            "crash",
        ),
        (
            "for fd in range(3, 256):\n    try:\n        os.write(fd, bytes([255] * 8))\n    except OSError:\n        pass",
            "crash",
        ),
        (
            "import json\nh = json.dumps({'n': 99, 'is': 'value', 'value': 1, 'sizes': []}).encode()\nfor fd in range(3, 99):\n    try:\n        os.write(fd, len(h).to_bytes(4, 'big') + h)\n    except OSError:\n        pass",
            "crash",
        ),
        (
            "import json\nh = json.dumps({'n': 2, 'is': 'value', 'value': 1, 'modified': 7, 'sizes': []}).encode()\nfor fd in range(3, 99):\n    try:\n        os.write(fd, len(h).to_bytes(4, 'big') + h)\n    except OSError:\n        pass",
            "crash",
        ),
        (
            "signal.signal(signal.SIGXCPU, signal.SIG_IGN)\nif os.fork():\n    time.sleep(100)\nwhile True: pass",
            "timeout",
        ),
    ],
)
def test_every_way_to_end_has_its_outcome(attack, body, outcome):
    assert ended(attack, body, 1.5) == outcome


BOMB = "while True:\n    try:\n        os.fork()\n        os.setsid()\n    except OSError:\n        pass"


def test_closing_a_sandbox_ends_a_fork_bomb_that_goes_on(isolation):
    def explode(worker):
        with contextlib.suppress(WorkerEnded):
            ask(worker, BOMB, 60)

    with Sandbox([], LIMITS, isolation) as own:
        bombs = [threading.Thread(target=explode, args=[own.worker()]) for _ in range(2)]
        for bomb in bombs:
            bomb.start()
        time.sleep(1)
        left = psutil.Process(own.process.pid).children(recursive=True)
        assert len(left) > 10
    assert psutil.wait_procs(left, timeout=5)[1] == []
    for bomb in bombs:
        bomb.join()


@pytest.mark.parametrize(
    "body",
    ["raise KeyboardInterrupt", "raise SystemExit(0)", "sys.exit('bye')", "raise GeneratorExit"],
)
def test_exceptions_meant_for_the_interpreter_are_the_students_own(attack, body):
    assert attack(body) in ("KeyboardInterrupt", "SystemExit", "GeneratorExit")


@pytest.mark.parametrize(
    "body",
    [
        "x = []\nx.append(x)\nreturn x",
        "return list(range(10**6))",
        "return 'x' * (40 << 20)",
        "return {1: 2}",
        "return (i for i in range(10))",
        "return 10**5000",
        "return lambda: 0",
        "x = y = []\nfor _ in range(5000):\n    y.append([])\n    y = y[0]\nreturn x",
    ],
)
def test_odd_results_come_back_as_values_or_opaque(attack, body):
    result = attack(body)
    assert isinstance(result, (list, wire.Opaque))


def test_a_worker_is_ready_in_milliseconds_and_many_can_follow(wall):
    start = time.monotonic()
    for _ in range(20):
        wall.worker().kill()
    assert (time.monotonic() - start) / 20 < 0.5


def test_a_dead_zygote_is_replaced(wall):
    with Sandbox([], LIMITS, wall.isolation) as own:
        own.worker().kill()
        own.process.kill()
        own.process.wait()
        assert own.worker().pid


def test_the_sandbox_dies_with_the_grader(isolation):
    script = """
import sys, time
from grader.assignment import Limits
from grader.wall.isolation import ISOLATIONS
from grader.wall.sandbox import Sandbox
wall = Sandbox([], Limits(), ISOLATIONS[sys.argv[1]])
worker = wall.worker()
print(worker.pid, flush=True)
time.sleep(60)"""
    process = subprocess.Popen(
        [sys.executable, "-c", script, isolation.name],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    pid = int(process.stdout.readline())
    below = psutil.Process(process.pid).children(recursive=True)
    assert alive(pid)
    process.kill()
    process.wait()
    assert psutil.wait_procs(below, timeout=5)[1] == []
    scratch = list(Path(tempfile.gettempdir()).glob(f"grader-{process.pid}-*"))
    assert [path for path in scratch if [*path.iterdir()]] == []


@only_landlock
def test_what_escaped_its_doorman_ends_with_the_zygote_and_what_lost_its_zygote_with_the_doorman(
    isolation,
):
    daemon = "if os.fork() == 0:\n    os.setsid()\n    if os.fork():\n        os._exit(0)\n    signal.signal(15, signal.SIG_IGN)\n    time.sleep(100)\nos.wait()\nreturn 1"
    for killed in (lambda own, worker: worker.pid, lambda own, worker: own.process.pid):
        with Sandbox([], LIMITS, isolation) as own:
            worker = own.worker()
            assert ask(worker, daemon) == 1
            below = psutil.Process(worker.pid).children(recursive=True)
            assert len(below) == 2
            os.kill(killed(own, worker), signal.SIGKILL)
            assert psutil.wait_procs(below, timeout=5)[1] == []


def test_hostile_and_honest_workers_side_by_side(wall, attack):
    honest = []

    def compute():
        with Sandbox([], LIMITS, wall.isolation) as own:
            worker = own.worker()
            load = {
                "do": "load",
                "stem": "f",
                "skip": [],
                "arrays": "numpy",
                "provides": [],
                "cells": [{"id": "f", "source": "def f(): return 7"}],
            }
            worker.request(load, [], 5, lambda m, b: () if m["is"] == "progress" else None)
            for _ in range(100):
                honest.append(
                    worker.request(
                        {
                            "do": "call",
                            "stem": "f",
                            "again": False,
                            "args": ["t", []],
                            "kwargs": ["d", []],
                        },
                        [],
                        5,
                        lambda m, b: None,
                    )[0]["value"]
                )
                time.sleep(0.01)

    thread = threading.Thread(target=compute)
    thread.start()
    for body in (
        "os.kill(-1, 9)",
        "while os.fork() >= 0: pass",
        "x = [bytearray(1 << 20) for _ in range(10**4)]",
    ):
        with contextlib.suppress(WorkerEnded):
            attack(body, 0.5)
    thread.join()
    assert honest == [7] * 100
