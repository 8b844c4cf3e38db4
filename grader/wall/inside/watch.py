"""Adds up the memory of a worker's processes where no cgroup does, and ends them all once it is more than they may have.

Runs in the doorman, pid 1 of the worker's namespace, which student code can neither signal nor trace. Between two looks
memory can grow further, so this is a bound within a moment's work, not to the byte.
"""

import contextlib
import os
import signal
import time
from collections.abc import Collection, Iterable
from pathlib import Path

LOOK = 0.02  # seconds between two looks
# of <man 5 proc>: what a process holds by itself, shares as memory without a file, has in swap, and needs for its tables
OWN = ("RssAnon", "RssShmem", "VmSwap", "VmPTE")
SHARED_OUT = ("Pss_Anon", "Pss_Shmem", "SwapPss")  # the same, but what n processes share counts 1/n


def sizes(path: str, names: Iterable[str]) -> int:
    """Bytes of these lines together; lines that are not there, as those of a process that has just ended, are 0."""
    fields = dict(line.split(":", 1) for line in Path(path).read_text().splitlines() if ":" in line)
    return sum(int(fields[name].split()[0]) << 10 for name in names if name in fields)


def at_most(pid: str) -> int:
    """Bytes of one process, those that it shares with others counted in full."""
    with contextlib.suppress(OSError):  # it has gone
        return sizes(f"/proc/{pid}/status", OWN)
    return 0


def fairly(pid: str) -> int:
    """The same with shares, which takes milliseconds; in full of a process that refuses to be looked at."""
    with contextlib.suppress(OSError):
        shares = sizes(f"/proc/{pid}/smaps_rollup", SHARED_OUT)
        return shares + sizes(f"/proc/{pid}/status", ("VmPTE",))
    return at_most(pid)


def too_much(pids: Collection[str], allowed: int) -> bool:
    """Whether these processes hold more than these bytes together."""
    return sum(map(at_most, pids)) > allowed and sum(map(fairly, pids)) > allowed


def others() -> list[str]:
    """All processes of this namespace but its first."""
    names = [path.name for path in Path("/proc").iterdir()]
    return [name for name in names if name.isdigit() and name != "1"]


def watch(memory: int) -> None:
    """End every process but this one once they hold more than `memory` bytes beside what they were forked with.

    Twice in a row, because a process that starts another shares all its memory with it for an instant.
    """
    allowed, before = memory + at_most("self"), False
    while True:
        now = too_much(others(), allowed)
        if now and before:
            os.kill(-1, signal.SIGKILL)
        before = now
        time.sleep(LOOK)
