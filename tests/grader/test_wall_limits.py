"""The wall: how much of the machine student code can take, in the real sandbox."""

import time

import psutil
import pytest
from walls import ended

from grader import cgroup
from grader.cgroup import hierarchies
from grader.link import WorkerEnded


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
    hoard = """
data = []
while True:
    try:
        data.append(bytearray(10 << 20))
    except MemoryError:
        os._exit(9)"""
    # the process's own limit or its group's, whichever comes first; a busy machine gives memory slowly
    assert ended(attack, hoard, 60) in ("crash", "out_of_memory")


@pytest.mark.skipif(
    not hierarchies(), reason="no cgroups here (not root, or a container): one limit per process"
)
def test_forking_does_not_multiply_the_memory(attack):
    body = """
filled, mine = os.pipe()
for _ in range(8):
    if os.fork() == 0:
        data = bytearray(b"x") * (150 << 20)
        os.write(mine, b"x")
        time.sleep(60)
os.set_blocking(filled, False)
full = dead = 0
while full + dead < 8:
    time.sleep(0.1)
    try:
        full += len(os.read(filled, 8))
    except BlockingIOError:
        pass
    while os.waitpid(-1, os.WNOHANG)[0]:
        dead += 1
return full"""
    try:
        full = attack(body, 60)
    except WorkerEnded as end:
        assert end.outcome == "out_of_memory"
    else:
        assert full <= 1


@pytest.mark.parametrize(("given", "usable"), [("memory pids", True), ("", False), ("pids", False)])
def test_cgroups_that_limit_nothing_do_not_count(tmp_path, monkeypatch, given, usable):
    """Root in a container may make groups where the controllers are not his to give."""
    (tmp_path / "cgroup.controllers").write_text("cpu memory pids")
    monkeypatch.setattr(cgroup, "ROOT", tmp_path)
    monkeypatch.setattr(cgroup.os, "geteuid", lambda: 0)
    monkeypatch.setattr(
        cgroup.Path, "write_text", lambda *_: None
    )  # the kernel's file keeps its own mind
    with (tmp_path / "cgroup.subtree_control").open("w") as file:
        file.write(given)
    assert bool(hierarchies()) == usable


def test_computing_time_is_bounded_even_with_patience(attack):
    assert ended(attack, "while True: pass", 20) == "timeout"


def test_output_floods_go_nowhere(attack):
    assert (
        attack(
            "for _ in range(300):\n    print('x' * 100_000)\n    os.write(2, b'y' * 100_000)\nreturn 1"
        )
        == 1
    )


def test_a_50_mb_exception_text_is_cut(wall, attack):
    assert attack("raise ValueError('x' * (50 << 20))") == "ValueError"
