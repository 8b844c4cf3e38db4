"""The wall: starts the zygote in isolation and hands out one-use workers."""

import contextlib
import fcntl
import os
import socket
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import IO, Self

from grader.assignment import Limits
from grader.errors import SandboxError
from grader.text import program
from grader.wall import bare
from grader.wall.cgroup import Group, hierarchies
from grader.wall.inside import scratch
from grader.wall.inside.users import WORKERS
from grader.wall.isolation import BUBBLEWRAP, Isolation
from grader.wall.link import Worker

LEFT = "grader-*-*"
CONTROL = 200  # the zygote's end of its channel
ENVIRONMENT = {
    "PATH": "/usr/bin:/bin",
    "HOME": "/tmp",
    "LANG": "C.UTF-8",
    "PYTHONHASHSEED": "0",
    "PYTHONDONTWRITEBYTECODE": "1",
    **dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1"),
    "NBGRADER_EXECUTION": "autograde",
    "HF_HUB_OFFLINE": "1",
    "MPLBACKEND": "agg",
    "TORCHDYNAMO_DISABLE": "1",  # torch.compile's first call takes longer than a law waits; the plain function is as right
}


def left_behind(folders: Iterable[Path]) -> Iterator[Path]:
    """Those of graders that were killed: their names hold the process's number."""
    for folder in folders:
        pid = folder.name.split("-")[1]
        if pid.isdigit() and not Path("/proc", pid).exists():
            yield folder


def sweep() -> None:
    """Remove empty folders that graders left behind, here and among the cgroups, and workers' scratch folders with all in them."""
    temporary = {tempfile.gettempdir(), bare.scratch_place() or "/tmp"}
    for folder in left_behind(found for top in temporary for found in Path(top).glob(LEFT)):
        with contextlib.suppress(OSError):
            if folder.lstat().st_uid in (*WORKERS, os.geteuid()) and not scratch.in_use(folder):
                scratch.remove(str(folder))
    for folder in left_behind(found for top in hierarchies() for found in top.glob(LEFT)):
        with contextlib.suppress(OSError):
            folder.rmdir()


class Sandbox:
    """One zygote; `worker()` gives a fresh worker in milliseconds."""

    control: socket.socket
    errors: IO[bytes]  # what the zygote says, for a person
    stage: str | None
    ready: bool

    def __init__(
        self, preload: list[str], limits: Limits, isolation: Isolation = BUBBLEWRAP
    ) -> None:
        """`preload`: modules that the zygote imports; `limits`: those of workers that are asked for without any."""
        self.preload, self.limits, self.isolation = preload, limits, isolation
        self.process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def start(self) -> None:
        """Start the zygote without waiting for its imports, so they overlap with what the caller does next."""
        if refusal := self.isolation.refusal():
            raise SandboxError(f"{refusal} (or see `{program()} -m grader doctor`)")
        self.stage = self.isolation.stage()
        sweep()
        self.control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        # the same number in every process: student code can read it
        control = fcntl.fcntl(theirs, fcntl.F_DUPFD_CLOEXEC, CONTROL)
        theirs.close()
        self.errors = tempfile.TemporaryFile()  # noqa: SIM115  closed with the sandbox
        self.process = subprocess.Popen(
            self.isolation.argv(control, self.preload, self.stage),
            pass_fds=[control],
            env=ENVIRONMENT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=self.errors,
            cwd="/",
            preexec_fn=partial(self.isolation.prepare, self.stage) if self.stage else None,
        )
        os.close(control)
        self.ready = False

    def wait(self) -> None:
        """Until the zygote has imported what it must, two minutes at most; SandboxError if it never does."""
        if self.process is None:
            self.start()
        if not self.ready:
            self.control.settimeout(120)
            with contextlib.suppress(OSError):
                self.ready = self.control.recv(16) == b"ready"
            if not self.ready:
                self.errors.seek(0)
                reason = self.errors.read(2000).decode(errors="replace").strip()
                self.close()
                raise SandboxError(
                    f"the sandbox did not start: {reason or 'no reason given'}; see `{program()} -m grader doctor`"
                )
            if self.stage:
                Path(self.stage).rmdir()  # what was mounted there lives on in the sandbox alone

    def worker(self, limits: Limits | None = None) -> Worker:
        """A fresh worker under `limits`, or under the sandbox's own."""
        limits = limits or self.limits
        try:
            self.wait()
            return Worker(self.control, limits, self.isolation)
        except OSError as error:  # the zygote died (out of memory, say): a new one, once
            self.close()
            self.wait()
            try:
                return Worker(self.control, limits, self.isolation)
            except OSError:
                raise SandboxError(f"no worker could be started: {error}") from error

    def close(self) -> None:
        """End the zygote, if it was started; `wait` starts a new one."""
        if self.process is not None:
            self.control.close()
            try:
                self.process.wait(self.isolation.farewell)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
            if self.stage and not self.ready:
                Path(self.stage).rmdir()
            self.errors.close()
            Group.remove_all()
        self.process = None
