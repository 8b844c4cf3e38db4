"""Memory, process and processor shares for all of a worker's processes together, where this machine lets us have cgroups.

Root has them, and so has an ordinary user to whom systemd has given a part of the tree (cgroup v2 only). Elsewhere the
kernel limits each process by itself, and the worker's own doorman adds up their memory (grader/wall/inside/watch.py).
The groups that this process itself is in, a container's for one, tell how much memory it may still take.
"""

import contextlib
import itertools
import math
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

from grader.assignment import Limits

ROOT = Path("/sys/fs/cgroup")
OWN = Path("/proc/self/cgroup")
# of what one ordinary process gets, however many a worker starts; less would cost an honest one its time on a busy machine
SHARE = 0.5
numbers = itertools.count()
# of a group: its limit, what it has taken, and the name of the file cache that the kernel may take back
V1 = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
V2 = ("memory.max", "memory.current", "inactive_file")


def memory_left() -> float:
    """Bytes that this process may still take before a group that it is in, such as its container, is full; infinite without a limit."""
    left = math.inf
    for group, (limit, taken, cache) in own_groups():
        # "max", or no such file: no limit there
        with contextlib.suppress(OSError, KeyError, ValueError):
            most, now = (int((group / name).read_text()) for name in (limit, taken))
            parts = dict(line.split() for line in (group / "memory.stat").read_text().splitlines())
            left = min(left, most - now + int(parts[cache]))
    return max(0, left)


def own_groups() -> Iterator[tuple[Path, tuple[str, str, str]]]:
    """The groups that count this process's memory, innermost first, with V1 or V2.

    In a container the innermost may stand at the very top, whatever it is called outside.
    """
    for line in OWN.read_text().splitlines() if OWN.exists() else []:
        _, controllers, name = line.split(":", 2)
        if controllers and "memory" not in controllers.split(","):
            continue
        top, files = (ROOT / "memory", V1) if controllers else (ROOT, V2)
        own = top / name.lstrip("/")
        yield from ((group, files) for group in (own, *own.parents) if group.is_relative_to(top))


def hierarchies() -> dict[Path, tuple[str, ...]]:
    """The folders below which groups can be made, each with the files that carry its limits; empty if there are none.

    There are none unless they limit memory: `cpu.` files come where that controller is there as well.
    """
    if (ROOT / "cgroup.controllers").exists():
        return unified()
    if os.geteuid() != 0:
        return {}
    found: dict[Path, tuple[str, ...]] = {
        ROOT / "memory": ("memory.limit_in_bytes",),
        ROOT / "pids": ("pids.max",),
        ROOT / "cpu": ("cpu.shares",),
    }
    usable = {folder: files for folder, files in found.items() if writable(folder)}
    return usable if ROOT / "memory" in usable else {}


def unified() -> dict[Path, tuple[str, ...]]:
    """The same of cgroup v2, where one folder has it all."""
    for folder in candidates():
        given = folder / "cgroup.subtree_control"
        for name in ("memory", "pids", "cpu"):
            # a container's root may make groups, but not limit them
            with contextlib.suppress(OSError):
                given.write_text(f"+{name}")
        with contextlib.suppress(OSError):
            controllers = set(given.read_text().split())
            if {"memory", "pids"} <= controllers and writable(folder):
                share = ("cpu.weight",) if "cpu" in controllers else ()
                return {folder: ("memory.max", "pids.max", *share)}
    return {}


def candidates() -> list[Path]:
    """Whoever moves a process must own the folder above both groups: root's is the top, a user's one above its own group."""
    if os.geteuid() == 0:
        return [ROOT]
    own = [line[3:] for line in OWN.read_text().splitlines() if line.startswith("0::/")]
    groups = [ROOT / name.lstrip("/") for name in own if name != "/"]
    return [folder for group in groups for folder in group.parents if folder.is_relative_to(ROOT)]


def writable(folder: Path) -> bool:
    """Whether groups can be made in it, and processes moved from it."""
    return os.access(folder, os.W_OK) and os.access(folder / "cgroup.procs", os.W_OK)


def values(limits: Limits) -> dict[str, int]:
    """What each file says under these limits."""
    return {
        "memory.max": limits.memory_mb << 20,
        "memory.limit_in_bytes": limits.memory_mb << 20,
        "pids.max": limits.processes,
        "cpu.weight": int(100 * SHARE),  # 100 and 1024 are what the kernel gives by itself
        "cpu.shares": int(1024 * SHARE),
    }


class Group:
    """One worker's share of the machine; without cgroups it holds no folder and limits nothing."""

    # folders whose processes were still dying when they should have gone
    leftover: ClassVar[list[Path]] = []

    def __init__(self, pid: int, limits: Limits) -> None:
        """Put the process `pid` into a new group with these limits."""
        said = values(limits)
        self.folders: list[Path] = []
        # a machine may offer cgroups and refuse them: the other limits remain
        with contextlib.suppress(OSError):
            for parent, files in hierarchies().items():
                folder = parent / f"grader-{os.getpid()}-{next(numbers)}"
                folder.mkdir()
                self.folders.append(folder)
                for file in files:
                    (folder / file).write_text(str(said[file]))
                with contextlib.suppress(OSError):  # no swap beside it, where that can be said
                    (folder / "memory.swap.max").write_text("0")
                (folder / "cgroup.procs").write_text(str(pid))

    def out_of_memory(self) -> str:
        """For want of whose memory the kernel ended a process here: "own", "machine", or "none" was short.

        Without cgroups nobody can tell: "unknown".
        """
        for folder in self.folders:
            for file in ("memory.events", "memory.oom_control"):  # cgroup v2, v1
                with contextlib.suppress(OSError, KeyError):
                    counts = dict(line.split() for line in (folder / file).read_text().splitlines())
                    if counts["oom_kill"] == "0":
                        return "none"
                    # a process that the whole machine's shortage ended counts as oom_kill too
                    at_limit = counts.get("oom") or (folder / "memory.failcnt").read_text()
                    return "machine" if at_limit.strip() == "0" else "own"
        return "unknown"

    def remove(self) -> None:
        """Take the group away, now or, while its processes are still dying, with one of the next."""
        Group.leftover += self.folders
        self.folders = []
        Group.leftover = [folder for folder in Group.leftover if not removed(folder)]

    @classmethod
    def remove_all(cls, seconds: float = 2) -> None:
        """Take away what is left over, as far as it is dead within that time."""
        end = time.monotonic() + seconds
        while cls.leftover and time.monotonic() < end:
            cls.leftover = [folder for folder in cls.leftover if not removed(folder)]
            time.sleep(0.01)


def removed(folder: Path) -> bool:
    """Whether it is gone now."""
    try:
        folder.rmdir()
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True
