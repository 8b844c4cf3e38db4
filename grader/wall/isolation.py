"""What keeps student code apart from this machine: a value for each way, so that nobody else asks which one it is.

Only its name crosses to other processes: on command lines, in fingerprints and in verdicts.
"""

import json
import os
import platform
import select
import shutil
import signal
import sys
import tempfile
from pathlib import Path
from typing import Any, Protocol

from grader.wall import bare
from grader.wall.inside import landlock, seccomp
from grader.wall.mounts import INSIDE, SYSTEM, devices, mounts, python_folders, python_inside
from grader.wall.root import become_nobody, check_root, or_end

INSIDE_UID = 1000
GONE = 5  # seconds that the kernel may take to end a process
BOOT = (
    "import sys; sys.path.insert(0, sys.argv[3]); from inside.zygote import main;"
    " sys.path.pop(0); main()"
)


class Isolation(Protocol):
    """One way to keep student code apart, as the sandbox asks it."""

    name: str  # as on command lines and in verdicts
    farewell: float  # seconds that its zygote may take to end, with all that is left
    walled: bool  # whether workers are kept from this machine's files, as a user who is not root
    covers: str  # for a person who chooses: what it is, and what it does not cover …
    remedy: str  # … and what may make it work where it does not

    @property
    def notes(self) -> tuple[str, ...]:
        """What every verdict must say of it."""

    def refusal(self) -> str:
        """Why it cannot work here, in words that say what to do; "" if only a trial can tell."""

    def stage(self) -> str | None:
        """A new folder for `prepare`, where a child has to be prepared; SandboxError if it could not be.

        Like all that a killed grader may leave behind, its name begins with grader-<process number>-.
        """

    def argv(self, control: int, preload: list[str], stage: str | None) -> list[str]:
        """The zygote's command line: `control` is its end of the channel, `preload` the modules that it imports."""

    def prepare(self, stage: str) -> None:
        """What the child does before it becomes the zygote, if there is a stage."""

    def request(self) -> dict[str, Any]:
        """What the zygote is told of it when a worker is asked for."""

    def kill(self, pid: int, pidfd: int) -> None:
        """End a worker's first process, and with it all that it started; ProcessLookupError if it has gone."""


class Bubblewrap:
    """Namespaces, read-only mounts and an ordinary user, by bubblewrap; Landlock as a second wall, where there is any.

    `bwrap --uid` alone would leave a worker of root's host uid 0: so the child first becomes an ordinary user, for whom what
    that user may not reach by itself, such as a Python below /root, is bound into place.
    """

    name, walled, farewell = "bwrap", True, 1.0
    notes: tuple[str, ...] = ()
    covers = "namespaces, read-only mounts and seccomp"
    remedy = (
        "apt-get install bubblewrap (Debian, Ubuntu), dnf install bubblewrap (Fedora); in a container: the options below;"
        " Ubuntu 24.04 and later: an AppArmor profile for bwrap (docs/containers.md has it)"
    )

    def refusal(self) -> str:
        if shutil.which("bwrap"):
            return ""
        return "bubblewrap is not installed: apt-get install bubblewrap"

    def stage(self) -> str | None:
        if os.geteuid() != 0:
            return None
        check_root()
        return new_stage()

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
        or_end(become_nobody, stage)

    def request(self) -> dict[str, Any]:
        return {"way": "namespaces", "nested": True}

    def kill(self, pid: int, pidfd: int) -> None:
        signal.pidfd_send_signal(pidfd, signal.SIGKILL)


class Landlock:
    """No privilege at all: Landlock for files, seccomp for the rest; where root grades, a user of its own for each worker."""

    name, walled = "landlock", True
    # nothing but the zygote ends what the workers started
    farewell = 15.0
    covers = (
        "Landlock and seccomp, without namespaces; not covered: which paths and processes of this machine there are,"
        " and scratch space and memory that grow between two looks, 50 times a second"
    )

    remedy = "Linux 6.2 or later with landlock among its security modules (lsm= of the kernel's command line)"

    def __init__(self, newest: int = landlock.NEWEST) -> None:
        """`newest`: the ABI of Landlock to use at most."""
        self.newest = newest

    @property
    def notes(self) -> tuple[str, ...]:
        whose = "users of their own" if bare.own_user() else "the grader's own user"
        lacks = (
            "a submission can tell which files of this machine exist, but open none,"
            " and multiprocessing's pools, locks and queues are not there"
        )
        return (f"graded behind Landlock alone, without namespaces, by {whose}: {lacks}",)

    @property
    def abi(self) -> int:
        return min(self.newest, landlock.abi())

    def refusal(self) -> str:
        if platform.machine() not in seccomp.MACHINES:
            return f"there is no list of system calls for {platform.machine()}, without which Landlock is not enough"
        return bare.refusal(self.abi)

    def stage(self) -> str | None:
        hidden = bare.own_user() and any(map(bare.closed_top, bare.needed()))
        return new_stage() if hidden else None

    def argv(self, control: int, preload: list[str], stage: str | None) -> list[str]:
        return [sys.executable, *_zygote(control, preload, str(Path(INSIDE).parent))]

    def prepare(self, stage: str) -> None:
        or_end(bare.open_the_way, stage)

    def request(self) -> dict[str, Any]:
        return {
            "way": "landlock",
            "landlock": self.abi,
            "own_user": bare.own_user(),
            "readable": [*SYSTEM, *(path for _, path in python_folders())],
            "scratch": bare.scratch_place(),
            "grader": os.getpid(),
        }

    def kill(self, pid: int, pidfd: int) -> None:
        # the zygote ends what its doorman leaves, and gives no other worker before
        signal.pidfd_send_signal(pidfd, signal.SIGKILL)
        poll = select.poll()
        poll.register(pidfd, select.POLLIN)
        poll.poll(GONE * 1000)


class NoIsolation:
    """A process as whoever grades, which has their rights: only for code that is trusted."""

    name, walled, farewell = "none", False, 1.0
    notes: tuple[str, ...] = ("graded WITHOUT a sandbox (--isolation none)",)
    covers = "nothing: student code runs as you"
    remedy = ""

    def refusal(self) -> str:
        return ""

    def stage(self) -> str | None:
        return None

    def argv(self, control: int, preload: list[str], stage: str | None) -> list[str]:
        return [sys.executable, *_zygote(control, preload, str(Path(INSIDE).parent))]

    def prepare(self, stage: str) -> None:
        """Nothing: it stays who it is."""

    def request(self) -> dict[str, Any]:
        return {"way": "namespaces", "nested": False}

    def kill(self, pid: int, pidfd: int) -> None:
        # no process namespace: its session has to do
        os.killpg(pid, signal.SIGKILL)
        signal.pidfd_send_signal(pidfd, signal.SIGKILL)


def new_stage() -> str:
    return tempfile.mkdtemp(prefix=f"grader-{os.getpid()}-")


def _zygote(control: int, preload: list[str], folder: str) -> list[str]:
    """Python's arguments; `folder` is where `inside` lies."""
    return ["-I", "-c", BOOT, str(control), json.dumps(preload), folder]


BUBBLEWRAP: Isolation = Bubblewrap()
LANDLOCK: Isolation = Landlock()
STRONGEST_FIRST = (BUBBLEWRAP, LANDLOCK)  # of those that are walls
ISOLATIONS: dict[str, Isolation] = {way.name: way for way in (*STRONGEST_FIRST, NoIsolation())}
