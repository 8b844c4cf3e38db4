"""`python -m tools.bench.pools`: the grader's own jobs beside the pools of pebble and loky, as an executor of this machine.

What each costs a call, and what becomes of calls whose process dies or hangs, of their neighbours, and of processes whose starter is
killed. pip install Pebble==5.2.3 loky==3.7.0 first: the project needs neither.
"""

import argparse
import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from io import TextIOWrapper
from typing import Any

import psutil

from grader.classroom.jobs import Jobs
from tools.bench.machine import hardware

LIMIT = 2.0  # seconds that a call may take
CALLS = 300
POOLS = ("jobs", "pebble", "loky")


def begin() -> None:
    """What each process begins with: what a job that judges imports."""
    import grader.classroom.verdicts  # noqa: F401


def nothing() -> int:
    """A call that costs nothing; gives its process."""
    return os.getpid()


def nap(seconds: float) -> int:
    """A call that takes so long."""
    time.sleep(seconds)
    return os.getpid()


def die() -> None:
    """A call whose process is killed, as by the kernel when memory ends."""
    os.kill(os.getpid(), signal.SIGKILL)


def hang() -> None:
    """A call that holds Python's lock: no signal handler and no thread of that process comes to its turn."""
    re.match(r"(a+)+$", "a" * 60 + "b")


class Pebble:
    """pebble.ProcessPool, where a call is given its time."""

    def __init__(self) -> None:
        from multiprocessing import get_context

        from pebble import ProcessPool

        self.pool = ProcessPool(2, initializer=begin, context=get_context("spawn"))

    def submit(self, function: Callable[..., Any], *arguments: Any) -> Future[Any]:
        return self.pool.schedule(function, args=arguments, timeout=LIMIT)

    def shutdown(self) -> None:
        self.pool.stop()
        self.pool.join()


@contextlib.contextmanager
def pool(name: str) -> Iterator[Any]:
    """Two processes of this kind."""
    if name == "jobs":
        made: Any = Jobs(2, LIMIT, begin, ())
        try:
            yield made
        finally:
            made.shutdown(cancel_futures=True)
    elif name == "pebble":
        made = Pebble()
        try:
            yield made
        finally:
            made.shutdown()
    else:
        from loky import ProcessPoolExecutor

        made = ProcessPoolExecutor(2, initializer=begin)
        try:
            yield made
        finally:
            made.shutdown(kill_workers=True)


def outcome(future: Future[Any], seconds: float = 10.0) -> str:
    """How a call ends, in a word."""
    began = time.monotonic()
    try:
        future.result(seconds)
        said = "result"
    except BaseException as error:
        said = type(error).__name__
    return f"{said} ({time.monotonic() - began:.1f} s)"


def cost(name: str) -> dict[str, str]:
    """Seconds to the first result, milliseconds a call after that."""
    began = time.monotonic()
    with pool(name) as made:
        made.submit(nothing).result()
        first = time.monotonic() - began
        made.submit(nap, 0.1), made.submit(nap, 0.1).result()
        began = time.monotonic()
        for future in [made.submit(nothing) for _ in range(CALLS)]:
            future.result()
        each = (time.monotonic() - began) / CALLS
    return {"first result": f"{first:.2f} s", "a call": f"{1000 * each:.2f} ms"}


def trouble(name: str) -> dict[str, str]:
    """What becomes of a call that dies, of one that hangs, of their neighbours, and of the next ones."""
    told = {}
    for words, bad in (("dies", die), ("hangs", hang)):
        with pool(name) as made:
            for _ in range(2):
                made.submit(nap, 0.2)
            made.submit(nothing).result()
            neighbour, ours = made.submit(nap, 1.0), made.submit(bad)
            told[f"a call that {words}"] = outcome(ours)
            told[f"its neighbour, where one {words}"] = outcome(neighbour)
            try:
                after = outcome(made.submit(nothing))
            except BaseException as error:
                after = f"{type(error).__name__} at once"
            told[f"the next call, after one {words}"] = after
    return told


def left(name: str) -> dict[str, str]:
    """How long processes live whose starter is killed while they wait."""
    program = f"""
import time
from tools.bench.pools import nothing, pool
if __name__ == "__main__":
    with pool({name!r}) as made:
        made.submit(nothing).result()
        print("ready", flush=True)
        time.sleep(60)
"""
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    below = psutil.Process(process.pid).children(recursive=True)
    process.kill()
    process.wait()
    began = time.monotonic()
    alive = psutil.wait_procs(below, timeout=10)[1]
    for one in alive:
        one.kill()
    took = f"{len(alive)} of {len(below)} live on" if alive else f"{time.monotonic() - began:.1f} s"
    return {"processes outlive a killed starter": took}


def main(argv: list[str] | None = None) -> int:
    """Measure all three; print a table."""
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    argparse.ArgumentParser(prog="python -m tools.bench.pools", description=__doc__).parse_args(
        argv
    )
    print("  ".join(f"{k} {v}" for k, v in hardware().items() if v is not None), flush=True)
    found = {name: {**cost(name), **trouble(name), **left(name)} for name in POOLS}
    print(f"{'':<44}" + "".join(f"{name:<28}" for name in POOLS))
    for words in found["jobs"]:
        print(f"{words:<44}" + "".join(f"{found[name][words]:<28}" for name in POOLS))
    return 0


if __name__ == "__main__":
    from tools.bench import pools  # a job finds functions by their module's name

    sys.exit(pools.main())
