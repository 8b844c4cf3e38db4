"""Adds up what a worker's processes take together, where neither a cgroup nor a file system of its own does."""

from __future__ import annotations

import contextlib
import os
import resource
from pathlib import Path

from . import scratch, tree, watch
from .wire import TYPE_CHECKING

if TYPE_CHECKING:
    from .wire import Message

FILES = 4096  # in a scratch folder, however small
MAPPED = 10  # every so many looks also at what is mapped, which takes a millisecond
# times what is refused: who gets there all the same is ended; bytes come quickly, between two looks on a busy machine
BEYOND, BYTES_BEYOND = 2, 8


class Guard:
    """Bounds what all processes of a worker take together; what can be refused from outside is, all else ends them."""

    def __init__(self, request: Message, home: str, counted: bool) -> None:
        """`counted`: a cgroup counts their memory and their number."""
        limits = request["limits"]
        self.home, self.counted = home, counted
        self.bytes, self.processes = limits["scratch_mb"] << 20, limits["processes"]
        self.memory = (limits["memory_mb"] << 20) + watch.at_most("self")
        self.looks, self.much = 0, False

    def look(self) -> str:
        """Once: of what they took so much that they must be ended, or "".

        Memory is too much if it is so twice: who starts a program holds all its memory twice for an instant.
        """
        pids = tree.below(tree.children(os.getpid()))
        self.looks += 1
        before, self.much = self.much, self._much_memory(pids)
        if before and self.much:
            return "memory"
        held, count = scratch.measure(self.home, BEYOND * FILES)
        held += scratch.without_names(pids, self.home, self.looks % MAPPED == 0)
        tasks = sum(map(threads, pids))
        if held > BYTES_BEYOND * self.bytes or count > BEYOND * FILES:
            return "scratch"
        if tasks > BEYOND * self.processes:
            return "processes"
        for kind, much in {
            resource.RLIMIT_FSIZE: held > self.bytes,
            resource.RLIMIT_NOFILE: count > FILES,
            resource.RLIMIT_NPROC: tasks > self.processes,
        }.items():
            if much:
                refuse(pids, kind)
        return ""

    def _much_memory(self, pids: list[int]) -> bool:
        return not self.counted and watch.too_much([*map(str, pids)], self.memory)


def threads(pid: int) -> int:
    with contextlib.suppress(OSError):
        return len([*Path(f"/proc/{pid}/task").iterdir()])
    return 0


def refuse(pids: list[int], kind: int) -> None:
    """From now on they get nothing more of it, and an error for each try."""
    for pid in pids:
        with contextlib.suppress(OSError):
            resource.prlimit(pid, kind, (0, 0))
