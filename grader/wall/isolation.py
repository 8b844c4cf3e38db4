"""What keeps student code apart from this machine: a value for each way, so that nobody else asks which one it is.

Only its name crosses to other processes: on command lines, in fingerprints and in verdicts.
"""

import json
import os
import shutil
import signal
import sys
import tempfile
from pathlib import Path
from typing import Protocol

from grader.wall.mounts import INSIDE, devices, mounts, python_inside
from grader.wall.root import check_root, leave_root

INSIDE_UID = 1000
BOOT = (
    "import sys; sys.path.insert(0, sys.argv[3]); from inside.zygote import main;"
    " sys.path.pop(0); main()"
)


class Isolation(Protocol):
    """One way to keep student code apart, as the sandbox asks it."""

    name: str  # as on command lines and in verdicts
    nested: bool  # whether workers have namespaces, mounts and a user of their own
    notes: tuple[str, ...]  # what every verdict must say of it

    def missing(self) -> str:
        """The program that it needs and this machine lacks, or ""."""

    def stage(self) -> str | None:
        """A new folder for `prepare`, where a child has to be prepared; SandboxError if it could not be.

        Like all that a killed grader may leave behind, its name begins with grader-<process number>-.
        """

    def argv(self, control: int, preload: list[str], stage: str | None) -> list[str]:
        """The zygote's command line: `control` is its end of the channel, `preload` the modules that it imports."""

    def prepare(self, stage: str) -> None:
        """What the child does before it becomes the zygote, if there is a stage."""

    def kill(self, pid: int, pidfd: int) -> None:
        """End a worker's first process, and with it all that it started; ProcessLookupError if it has gone."""


class Bubblewrap:
    """Namespaces, read-only mounts and an ordinary user, by bubblewrap.

    `bwrap --uid` alone would leave a worker of root's host uid 0: so the child first becomes an ordinary user, for whom what
    that user may not reach by itself, such as a Python below /root, is bound into place.
    """

    name, nested = "bwrap", True
    notes: tuple[str, ...] = ()

    def missing(self) -> str:
        return "" if shutil.which("bwrap") else "bubblewrap"

    def stage(self) -> str | None:
        if os.geteuid() != 0:
            return None
        check_root()
        return tempfile.mkdtemp(prefix=f"grader-{os.getpid()}-")

    def argv(self, control: int, preload: list[str], stage: str | None) -> list[str]:
        return [
            *("bwrap", "--unshare-all", "--die-with-parent", "--new-session", "--cap-drop", "ALL"),
            *("--uid", str(INSIDE_UID), "--gid", str(INSIDE_UID), "--hostname", "worker"),
            *mounts(stage),
            *("--proc", "/proc", *devices(), "--tmpfs", "/tmp"),
            *("--remount-ro", "/dev", "--remount-ro", "/"),
            *("--chdir", "/tmp", "--", python_inside(), *_zygote(control, preload, "/grader")),
        ]

    def prepare(self, stage: str) -> None:
        leave_root(stage)

    def kill(self, pid: int, pidfd: int) -> None:
        signal.pidfd_send_signal(pidfd, signal.SIGKILL)


class NoIsolation:
    """A process as whoever grades, which has their rights: only for code that is trusted."""

    name, nested = "none", False
    notes: tuple[str, ...] = ("graded WITHOUT a sandbox (--isolation none)",)

    def missing(self) -> str:
        return ""

    def stage(self) -> str | None:
        return None

    def argv(self, control: int, preload: list[str], stage: str | None) -> list[str]:
        return [sys.executable, *_zygote(control, preload, str(Path(INSIDE).parent))]

    def prepare(self, stage: str) -> None:
        """Nothing: it stays who it is."""

    def kill(self, pid: int, pidfd: int) -> None:
        # no process namespace: its session has to do
        os.killpg(pid, signal.SIGKILL)
        signal.pidfd_send_signal(pidfd, signal.SIGKILL)


def _zygote(control: int, preload: list[str], folder: str) -> list[str]:
    """Python's arguments; `folder` is where `inside` lies."""
    return ["-I", "-c", BOOT, str(control), json.dumps(preload), folder]


BUBBLEWRAP: Isolation = Bubblewrap()
ISOLATIONS: dict[str, Isolation] = {way.name: way for way in (BUBBLEWRAP, NoIsolation())}
