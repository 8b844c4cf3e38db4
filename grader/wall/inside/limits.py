"""What one worker may take of the machine: the kernel's limits of each of its processes."""

from __future__ import annotations

import resource
from pathlib import Path

from .wire import TYPE_CHECKING

if TYPE_CHECKING:
    from .wire import Message

ROUND = 1 << 26  # bytes: so that limits do not tell how many workers came before
SPARE = 2  # times the memory: what may be addressed, since not all of it gets used


def in_cgroup() -> bool:
    """Whether the trusted side has really put this process into a cgroup."""
    try:
        return "/grader-" in Path("/proc/self/cgroup").read_text()
    except OSError:  # /proc is hidden
        return False


def memory_in_use() -> tuple[int, int]:
    """Bytes of data, and of addresses, that the forked zygote brought along: its imports are not the student's memory."""
    try:
        sizes = Path("/proc/self/statm").read_text().split()
    except OSError:  # /proc is hidden
        return 1 << 30, 16 << 30
    return _rounded_up(int(sizes[5])), _rounded_up(int(sizes[0]))


def _rounded_up(pages: int) -> int:
    return -(-pages * resource.getpagesize() // ROUND) * ROUND


def limit(limits: Message, grouped: bool) -> None:
    """`grouped`: a cgroup counts the memory, shared mappings among it; without one only addresses can be counted."""
    data, addresses = memory_in_use()
    allowed = limits["memory_mb"] * 2**20
    for name, value in {
        "DATA": data + allowed,
        **({} if grouped else {"AS": addresses + SPARE * allowed}),
        "NPROC": limits["processes"],
        "FSIZE": limits["scratch_mb"] * 2**20,
        "NOFILE": 256,
        "CORE": 1,  # byte: no file is so small, and unlike 0 it also ends a dump into a pipe (man 5 core)
        "MSGQUEUE": 0,
    }.items():
        set_limit(getattr(resource, f"RLIMIT_{name}"), value, value)


def set_limit(kind: int, soft: int, hard: int) -> None:
    """Or what this machine allows, where that is less."""
    given = resource.getrlimit(kind)[1]
    if given != resource.RLIM_INFINITY:
        soft, hard = min(soft, given), min(hard, given)
    resource.setrlimit(kind, (soft, hard))
