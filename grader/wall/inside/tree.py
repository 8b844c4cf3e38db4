"""A worker's processes where no process namespace holds them: found by who started whom, ended until none is left.

A daemon cannot leave the tree: an orphan becomes a child of the nearest ancestor that asked for it (PR_SET_CHILD_SUBREAPER).
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import time
from pathlib import Path

from .wire import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

PR_SET_CHILD_SUBREAPER = 36
PATIENCE = 10.0  # seconds until processes that do not die are left to the machine
PAUSE = 0.001  # seconds: for the kernel to bury them


def adopt_orphans() -> None:
    """Whatever descends from this process stays below it."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def children(pid: int) -> list[int]:
    """Of all its threads; none if it has gone. The kernel may leave some out while others die: look again."""
    found: list[int] = []
    with contextlib.suppress(OSError):
        for thread in Path(f"/proc/{pid}/task").iterdir():
            found += map(int, (thread / "children").read_text().split())
    return found


def below(pids: Collection[int]) -> list[int]:
    """These, and all that descends from them."""
    found, new = [*pids], [*pids]
    while new:
        new = [child for pid in new for child in children(pid)]
        found += new
    return found


def end_others(spared: Collection[int] = (), all_mine: bool = False) -> None:
    """End and bury all that descends from this process, but these and theirs; TimeoutError if they do not die.

    `all_mine`: whoever is of this user is meant, and of no other grader's: one call then meets all of them at once.
    """
    end = time.monotonic() + PATIENCE
    while strays := [pid for pid in children(os.getpid()) if pid not in spared]:
        if all_mine:
            with contextlib.suppress(ProcessLookupError):
                os.kill(-1, signal.SIGKILL)
        for pid in below(strays):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        for pid in strays:
            bury(pid)
        if time.monotonic() > end:
            raise TimeoutError("a worker's processes do not die")
        time.sleep(PAUSE)


def bury(pid: int) -> int | None:
    """How this child ended, as `os.wait` says it; None if it has not, or is nobody's child here."""
    with contextlib.suppress(ChildProcessError):
        dead, ended = os.waitpid(pid, os.WNOHANG)
        return ended if dead else None
    return None
