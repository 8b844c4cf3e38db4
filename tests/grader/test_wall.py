"""The wall: what student code can reach, and what it can do to others, in the real sandbox."""

import contextlib
import os
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest

from grader.course import Limits
from grader.inside import wire
from grader.link import WorkerEnded
from grader.sandbox import Sandbox

LIMITS = Limits(memory_mb=200, processes=20, scratch_mb=16, cpu_seconds=3)


@pytest.fixture(scope="module")
def wall():
    with Sandbox([], LIMITS) as wall:
        yield wall


@pytest.fixture
def attack(wall):
    """Run the body of a function inside a fresh worker and give what it returns."""
    workers = []

    def run(body, seconds=5):
        lines = "\n    ".join(body.strip("\n").split("\n"))
        worker = wall.worker()
        workers.append(worker)
        source = (
            f"import os, sys, time, signal, socket, subprocess, ctypes\ndef attack():\n    {lines}"
        )
        load = {"do": "load", "stem": "attack", "skip": [], "arrays": "numpy", "provides": []}
        worker.request(
            {**load, "cells": [{"id": "attack", "source": source}]},
            [],
            5,
            lambda m, b: () if m["is"] == "progress" else None,
        )
        call = {"do": "call", "stem": "attack", "args": ["t", []], "kwargs": ["d", []]}
        reply, buffers = worker.request(call, [], seconds, lambda m, b: None)
        return wire.unpack(reply["value"], buffers) if reply["is"] == "value" else reply["type"]

    run.workers = workers
    yield run
    for worker in workers:
        worker.kill()


def ended(attack, body, seconds=5):
    with pytest.raises(WorkerEnded) as end:
        attack(body, seconds)
    return end.value.outcome


def alive(pid):
    return (
        Path(f"/proc/{pid}").exists()
        and "Z" not in Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1][:3]
    )


def test_the_kernel_says_that_a_worker_is_an_unprivileged_user_of_the_host(attack):
    assert attack("return os.getuid()") == 1000
    assert attack.workers[0].uid != 0
    assert (
        Path(f"/proc/{attack.workers[0].pid}/status").read_text().split("Uid:")[1].split()[0] != "0"
    )


def test_a_worker_has_no_capability_and_cannot_gain_one(attack):
    status = attack("return open('/proc/self/status').read()")
    for field in ("CapPrm", "CapEff", "CapBnd", "CapAmb"):
        assert int(status.split(f"{field}:")[1].split()[0], 16) == 0
    assert status.split("NoNewPrivs:")[1].split()[0] == "1"


def test_files_of_root_and_of_the_course_are_out_of_reach(attack, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("42")
    secret.chmod(0o600)
    places = [
        str(secret),
        "/etc/shadow",
        "/etc/passwd",
        str(Path(__file__).parent),
        str(Path(__file__).parents[2] / "grader/laws.py"),
        "/root/.bashrc",
    ]
    body = f"found = []\nfor path in {places!r}:\n    if os.path.exists(path):\n        found.append(path)\nreturn found"
    assert attack(body) == []


def test_nothing_of_the_course_can_be_found_by_walking_the_filesystem(attack):
    found = attack(
        """
hits = []
for top, folders, files in os.walk("/"):
    folders[:] = [f for f in folders if os.path.join(top, f) not in ("/proc", "/usr") and f != "site-packages"]
    hits += [os.path.join(top, f) for f in files if f.startswith("test_basket") or f in ("course.py", "laws.py", "gradebook.db", "exercise.ipynb")]
return hits""",
        20,
    )
    assert found == []


def test_there_is_no_network(attack):
    listener = socket.create_server(("127.0.0.1", 0))
    with listener:
        body = f"try:\n    socket.create_connection(('127.0.0.1', {listener.getsockname()[1]}), 1)\nexcept OSError as error:\n    return error.errno\n"
        assert isinstance(attack(body), int)
        assert attack("return [name for _, name in socket.if_nameindex()]") in (["lo"], [])


def test_kill_everything_leaves_neighbours_zygote_and_grader_alive(wall, attack):
    neighbour = wall.worker()
    assert (
        attack("try:\n    os.kill(-1, 9)\nexcept OSError:\n    pass\nreturn 'still here'")
        == "still here"
    )
    assert alive(neighbour.pid) and wall.process.poll() is None
    neighbour.kill()


def test_a_worker_sees_no_process_but_its_own(attack):
    assert attack("return sorted(int(p) for p in os.listdir('/proc') if p.isdigit())") == [1, 2]


def test_the_doorman_can_be_neither_traced_nor_read(attack):
    body = (
        "try:\n    return os.listdir('/proc/1/fd')\nexcept PermissionError:\n    return 'refused'"
    )
    assert attack(body) in ("refused", [])
    assert attack("return ctypes.CDLL(None).ptrace(16, 1, 0, 0)") == -1


def test_no_new_namespaces_mounts_or_devices(attack):
    assert attack("return ctypes.CDLL(None).unshare(0x10000000)") == -1
    assert attack("return ctypes.CDLL(None).mount(b'none', b'/usr', b'tmpfs', 0, None)") == -1
    assert (
        attack(
            "try:\n    os.mknod('/tmp/disk', 0o60666, os.makedev(254, 0))\nexcept OSError:\n    return 'refused'"
        )
        == "refused"
    )


def test_only_scratch_space_is_writable_it_is_small_and_nobody_else_sees_it(attack):
    writable = """
found = []
for top in ("/", "/usr", "/dev", "/grader", "/grader/inside", "/tmp", "/dev/shm", sys.prefix, os.path.dirname(os.__file__)):
    try:
        open(os.path.join(top, "mine"), "w").close()
        found.append(top)
    except OSError:
        pass
return found"""
    assert attack(writable) == ["/tmp", "/dev/shm"]
    assert attack("return os.listdir('/tmp') + os.listdir('/dev/shm')") == []
    flood = "size = 0\ntry:\n    with open('/tmp/big', 'wb') as f:\n        while True:\n            size += f.write(bytes(1 << 20))\nexcept OSError:\n    return size"
    assert attack(flood) <= 16 << 20


def test_a_fork_bomb_is_bounded_and_leaves_nothing(wall, attack):
    body = """
pids = []
try:
    while len(pids) < 500:
        pid = os.fork()
        if pid == 0:
            time.sleep(60)
        pids.append(pid)
except OSError:
    pass
return len(pids)"""
    assert attack(body) < 20
    worker = attack.workers[0]
    worker.kill()
    assert only_the_zygote_is_left(wall)


def test_a_daemon_dies_with_its_worker(wall, attack):
    body = """
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        time.sleep(100)
    os._exit(0)
time.sleep(0.2)
return len([p for p in os.listdir('/proc') if p.isdigit()])"""
    assert attack(body) >= 3
    attack.workers[0].kill()
    assert only_the_zygote_is_left(wall)


def only_the_zygote_is_left(wall):
    """bwrap, its first process and the zygote: nothing else may live below the sandbox once a worker was killed."""
    for _ in range(30):
        if len(psutil.Process(wall.process.pid).children(recursive=True)) == 2:
            return True
        time.sleep(0.1)
    return False


def test_memory_is_bounded(attack):
    assert attack("return len(bytearray(1 << 30))") == "MemoryError"
    assert (
        ended(
            attack,
            "data = []\nwhile True:\n    try:\n        data.append(bytearray(10 << 20))\n    except MemoryError:\n        os._exit(9)",
        )
        == "crash"
    )


@pytest.mark.skipif(
    os.geteuid() != 0, reason="cgroups need root; without them the limit is one per process"
)
def test_forking_does_not_multiply_the_memory(attack):
    body = """
for _ in range(8):
    if os.fork() == 0:
        data = bytearray(150 << 20)
        for i in range(0, len(data), 4096):
            data[i] = 1
        time.sleep(10)
time.sleep(2)
alive = 0
while True:
    try:
        pid, _ = os.waitpid(-1, os.WNOHANG)
    except ChildProcessError:
        return alive
    if pid == 0:
        alive = sum(1 for p in os.listdir('/proc') if p.isdigit()) - 2
        return alive"""
    try:
        survivors = attack(body)
    except WorkerEnded as end:
        assert end.outcome == "out_of_memory"
    else:
        assert survivors <= 1


@pytest.mark.parametrize(
    ("body", "outcome"),
    [
        ("while True: pass", "timeout"),
        ("time.sleep(100)", "timeout"),
        ("os._exit(0)", "crash"),
        ("os.abort()", "crash"),
        ("ctypes.string_at(0)", "crash"),
        ("os.kill(os.getpid(), 9)", "crash"),
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


def test_computing_time_is_bounded_even_with_patience(attack):
    assert ended(attack, "while True: pass", 20) == "timeout"


def test_output_floods_go_nowhere(attack):
    assert (
        attack(
            "for _ in range(300):\n    print('x' * 100_000)\n    os.write(2, b'y' * 100_000)\nreturn 1"
        )
        == 1
    )


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


def test_a_50_mb_exception_text_is_cut(wall, attack):
    assert attack("raise ValueError('x' * (50 << 20))") == "ValueError"


def test_a_worker_is_ready_in_milliseconds_and_many_can_follow(wall):
    start = time.monotonic()
    for _ in range(20):
        wall.worker().kill()
    assert (time.monotonic() - start) / 20 < 0.5


def test_a_dead_zygote_is_replaced(wall):
    with Sandbox([], LIMITS) as own:
        own.worker().kill()
        own.process.kill()
        own.process.wait()
        assert own.worker().pid


def test_the_sandbox_dies_with_the_grader():
    script = """
import time
from grader.course import Limits
from grader.sandbox import Sandbox
wall = Sandbox([], Limits())
worker = wall.worker()
print(worker.pid, flush=True)
time.sleep(60)"""
    process = subprocess.Popen(
        [sys.executable, "-c", script],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    pid = int(process.stdout.readline())
    below = psutil.Process(process.pid).children(recursive=True)
    assert alive(pid)
    process.kill()
    process.wait()
    assert psutil.wait_procs(below, timeout=5)[1] == []


def test_hostile_and_honest_workers_side_by_side(wall, attack):
    honest = []

    def compute():
        with Sandbox([], LIMITS) as own:
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
                        {"do": "call", "stem": "f", "args": ["t", []], "kwargs": ["d", []]},
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
