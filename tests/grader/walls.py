"""Workers to attack from inside, and how they ended."""

from pathlib import Path

import pytest

from grader.assignment import Limits
from grader.wall.ends import WorkerEnded
from grader.wall.inside import wire
from grader.wall.isolation import BUBBLEWRAP, LANDLOCK, STRONGEST_FIRST
from grader.wall.sandbox import Sandbox

LIMITS = Limits(memory_mb=200, processes=20, scratch_mb=16, cpu_seconds=3)


WALLS = {way.name: way for way in STRONGEST_FIRST}
# what the tests of one wall alone say: the other has another answer, which a test of its own shows
only_bubblewrap = pytest.mark.parametrize("isolation", [BUBBLEWRAP], ids=["bwrap"], indirect=True)
only_landlock = pytest.mark.parametrize("isolation", [LANDLOCK], ids=["landlock"], indirect=True)


@pytest.fixture(scope="module", params=WALLS.values(), ids=WALLS)
def isolation(request):
    """Each wall in turn; the second one only where the kernel has it."""
    if refusal := request.param.refusal():
        pytest.skip(f"{request.param.name}: {refusal}")
    return request.param


@pytest.fixture(scope="module")
def wall(isolation):
    with Sandbox([], LIMITS, isolation) as wall:
        yield wall


def ask(worker, body, seconds=5):
    """Run the body of a function in a worker; gives what it returns, or the name of what it raises."""
    lines = "\n    ".join(body.strip("\n").split("\n"))
    source = f"import os, sys, time, signal, socket, subprocess, ctypes\ndef attack():\n    {lines}"
    load = {"do": "load", "stem": "attack", "skip": [], "arrays": "numpy", "provides": []}
    load["cells"] = [{"id": "attack", "source": source}]
    worker.request(load, [], 5, lambda m, b: () if m["is"] == "progress" else None)
    call = {"do": "call", "stem": "attack", "again": False, "args": ["t", []], "kwargs": ["d", []]}
    reply, buffers = worker.request(call, [], seconds, lambda m, b: None)
    return wire.unpack(reply["value"], buffers) if reply["is"] == "value" else reply["type"]


@pytest.fixture
def attack(wall):
    """Run the body of a function inside a fresh worker and give what it returns."""
    workers = []

    def run(body, seconds=5):
        workers.append(wall.worker())
        return ask(workers[-1], body, seconds)

    run.workers = workers
    yield run
    for worker in workers:
        worker.kill()


def ended(attack, body, seconds=5):
    with pytest.raises(WorkerEnded) as end:
        attack(body, seconds)
    return end.value.outcome


def alive(pid):
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1][:3]
    except (FileNotFoundError, ProcessLookupError):
        return False
