"""Memory and process limits for all of a worker's processes together, where this machine lets us have cgroups.

Without them the limits still hold for each process; with them a worker cannot multiply its share by forking.
"""

import contextlib
import itertools
import os
import time
from pathlib import Path

ROOT = Path("/sys/fs/cgroup")
numbers = itertools.count()


def hierarchies():
    """The folders below which groups can be made, each with the files that carry its limits; empty if there are none."""
    if os.geteuid() != 0:
        return {}
    if (ROOT / "cgroup.controllers").exists():
        given = ROOT / "cgroup.subtree_control"
        with contextlib.suppress(OSError):  # a container's root may make groups, but not limit them
            given.write_text("+memory +pids")
        usable = {"memory", "pids"} <= set(given.read_text().split()) and os.access(ROOT, os.W_OK)
        return {ROOT: ("memory.max", "pids.max")} if usable else {}
    found = {ROOT / "memory": ("memory.limit_in_bytes",), ROOT / "pids": ("pids.max",)}
    return {
        folder: files
        for folder, files in found.items()
        if os.access(folder / "cgroup.procs", os.W_OK)
    }


class Group:
    """One worker's share of the machine; without cgroups it holds no folder and limits nothing."""

    leftover = []  # noqa: RUF012  folders whose processes were still dying when they should have gone

    def __init__(self, pid, limits):
        values = {
            "memory.max": limits.memory_mb << 20,
            "memory.limit_in_bytes": limits.memory_mb << 20,
            "pids.max": limits.processes,
        }
        self.folders = []
        with contextlib.suppress(
            OSError
        ):  # a machine may offer cgroups and refuse them: the other limits remain
            for parent, files in hierarchies().items():
                folder = parent / f"grader-{os.getpid()}-{next(numbers)}"
                folder.mkdir()
                self.folders.append(folder)
                for file in files:
                    (folder / file).write_text(str(values[file]))
                (folder / "cgroup.procs").write_text(str(pid))

    def out_of_memory(self):
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

    def remove(self):
        Group.leftover += self.folders
        self.folders = []
        Group.leftover = [folder for folder in Group.leftover if not removed(folder)]

    @classmethod
    def remove_all(cls, seconds=2):
        end = time.monotonic() + seconds
        while cls.leftover and time.monotonic() < end:
            cls.leftover = [folder for folder in cls.leftover if not removed(folder)]
            time.sleep(0.01)


def removed(folder):
    try:
        folder.rmdir()
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True
