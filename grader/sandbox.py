"""The wall: starts the zygote under bubblewrap and hands out one-use workers.

Started by root, the process first becomes an ordinary user (`bwrap --uid` alone would leave it host uid 0); what that
user may not reach by itself, such as a Python below /root, is bound into place before.
"""

import ctypes
import dataclasses
import json
import os
import resource
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from grader.inside import wire

INSIDE_UID = 1000
CLONE_NEWNS, MS_BIND, MS_REC, MS_PRIVATE = 0x20000, 4096, 16384, 1 << 18
SYSTEM = ("/usr", "/lib", "/lib64", "/bin", "/etc/ld.so.cache", "/etc/alternatives")


class SandboxError(Exception):
    """The sandbox cannot be had or broke: the grader's trouble, never the student's."""


class WorkerEnded(Exception):
    """The worker is gone; `outcome` is the typed reason, `words` says it to the student."""

    def __init__(self, outcome, words):
        super().__init__(words)
        self.outcome, self.words = outcome, words


def python_folders():
    """What Python needs to run, and nothing of the course: the base installation and this environment's packages."""
    return sorted({os.path.realpath(sys.base_prefix), sys.prefix} - {"/usr"})


def command(control_fd, preload, stage, isolation):
    boot = "import sys; sys.path.insert(0, sys.argv[3]); from inside.zygote import main; sys.path.pop(0); main()"
    inside = str(Path(wire.__file__).parent)
    run = [sys.executable, "-I", "-c", boot, str(control_fd), json.dumps(preload)]
    if isolation == "none":
        return [*run, str(Path(inside).parent)]
    mounts = [part for path in SYSTEM if os.path.exists(path) for part in place(path)]
    for number, path in enumerate(python_folders()):
        mounts += ["--ro-bind", f"{stage}/{number}" if stage else path, path]
    mounts += ["--ro-bind", f"{stage}/inside" if stage else inside, "/grader/inside"]
    return [
        *("bwrap", "--unshare-all", "--die-with-parent", "--new-session", "--cap-drop", "ALL"),
        *("--uid", str(INSIDE_UID), "--gid", str(INSIDE_UID), "--hostname", "worker"),
        *mounts,
        *("--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp", "--remount-ro", "/dev", "--remount-ro", "/"),
        *("--chdir", "/tmp", "--", *run, "/grader"),
    ]


def place(path):
    """Merged-usr systems have /lib and /bin as links; they must be links inside as well."""
    return ["--symlink", os.readlink(path), path] if os.path.islink(path) else ["--ro-bind", path, path]


ENVIRONMENT = {
    "PATH": "/usr/bin:/bin",
    "HOME": "/tmp",
    "LANG": "C.UTF-8",
    "PYTHONHASHSEED": "0",
    "PYTHONDONTWRITEBYTECODE": "1",
    **{name: "1" for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")},
    "NBGRADER_EXECUTION": "autograde",
    "HF_HUB_OFFLINE": "1",
    "MPLBACKEND": "agg",
}


def become_nobody(stage):
    """In the child of a root grader: bind what the user could not reach, then drop root for good."""
    libc = ctypes.CDLL(None, use_errno=True)

    def mount(source, target, kind, flags):
        if libc.mount(source.encode(), target.encode(), kind, flags, None):
            raise OSError(ctypes.get_errno(), f"mount {target}")

    if libc.unshare(CLONE_NEWNS):
        raise OSError(ctypes.get_errno(), "unshare")
    mount("none", "/", None, MS_REC | MS_PRIVATE)
    mount("tmpfs", stage, b"tmpfs", 0)
    os.chmod(stage, 0o755)
    for name, path in [*enumerate(python_folders()), ("inside", str(Path(wire.__file__).parent))]:
        os.mkdir(f"{stage}/{name}")
        mount(path, f"{stage}/{name}", None, MS_BIND | MS_REC)
    uid = 61000 + os.getpid() % 3000  # a user of its own: process counts and signals are not shared with other runs
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


class Sandbox:
    """One zygote; `worker()` gives a fresh worker in milliseconds."""

    def __init__(self, preload, limits, isolation="bwrap"):
        self.preload, self.limits, self.isolation = preload, limits, isolation
        self.process = self.control = self.stage = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def start(self):
        """Start the zygote without waiting for its imports, so they overlap with what the caller does next."""
        if self.isolation != "none" and not shutil.which("bwrap"):
            raise SandboxError(
                "bubblewrap is not installed: apt-get install bubblewrap (or see `python -m grader doctor`)"
            )
        self.control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        root = os.geteuid() == 0 and self.isolation != "none"
        self.stage = tempfile.mkdtemp(prefix="grader-") if root else None
        self.errors = tempfile.TemporaryFile()
        self.process = subprocess.Popen(
            command(theirs.fileno(), self.preload, self.stage, self.isolation),
            pass_fds=[theirs.fileno()],
            env=ENVIRONMENT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=self.errors,
            cwd="/",
            preexec_fn=(lambda: become_nobody(self.stage)) if root else None,
        )
        theirs.close()
        self.ready = False

    def wait(self):
        if self.process is None:
            self.start()
        if not self.ready:
            self.control.settimeout(120)
            try:
                self.ready = self.control.recv(16) == b"ready"
            except OSError:
                pass
            if not self.ready:
                self.errors.seek(0)
                reason = self.errors.read(2000).decode(errors="replace").strip()
                self.close()
                raise SandboxError(
                    f"the sandbox did not start: {reason or 'no reason given'}; see `python -m grader doctor`"
                )
            if self.stage:
                os.rmdir(self.stage)  # what was mounted there lives on in the sandbox alone

    def worker(self):
        try:
            self.wait()
            return Worker(self)
        except OSError as error:  # the zygote died (out of memory, say): a new one, once
            self.close()
            self.wait()
            try:
                return Worker(self)
            except OSError:
                raise SandboxError(f"no worker could be started: {error}") from error

    def close(self):
        if self.process is not None:
            self.control.close()
            try:
                self.process.wait(1)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
            if self.stage and not self.ready:
                os.rmdir(self.stage)
            self.errors.close()
        self.process = None


class Worker:
    """The trusted end of one worker: numbered requests, deadlines, and how it ended."""

    def __init__(self, sandbox):
        self.sandbox, self.number = sandbox, 0
        self.data, data = socket.socketpair()
        self.status, status = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.status.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        request = {"nested": sandbox.isolation != "none", "limits": dataclasses.asdict(sandbox.limits)}
        with data, status:
            socket.send_fds(sandbox.control, [json.dumps(request).encode()], [data.fileno(), status.fileno()])
        self.status.settimeout(30)
        message, ancillary, _, _ = self.status.recvmsg(1024, socket.CMSG_SPACE(12))
        if message != b"ready":
            raise OSError(message.decode(errors="replace") or "the zygote is gone")
        # the kernel, not the worker, says which process and user of the host this is
        self.pid, self.uid, _ = struct.unpack("3i", ancillary[0][2][:12])
        if self.uid == 0 and sandbox.isolation != "none":
            raise SandboxError("the worker would run as root of this machine: refused")
        self.pidfd = os.pidfd_open(self.pid)
        self.status.send(b"go")

    def request(self, message, buffers, seconds, on_message):
        """Send one request and give the first reply that `on_message` does not handle itself (by returning a frame)."""
        self.number += 1
        self.deadline = time.monotonic() + seconds
        try:
            self._send(wire.frame({"n": self.number, **message}, buffers))
            while True:
                reply, arrays = wire.read_frame(self._read)
                if not isinstance(reply, dict) or reply.get("n") != self.number:
                    raise wire.WireError("out of step")
                answer = on_message(reply, arrays)
                if answer is None:
                    return reply, arrays
                if answer:
                    self._send(wire.frame({"n": self.number, **answer[0]}, answer[1]))
        except TimeoutError:
            self.kill()
            raise WorkerEnded("timeout", f"no answer within {seconds:g} seconds") from None
        except (EOFError, ConnectionError):
            raise self._ended() from None
        except wire.WireError:
            self.kill()
            raise WorkerEnded("crash", "the process wrote to the grader's channel or returned far too much") from None

    def _wait(self, event):
        poll = select.poll()
        poll.register(self.data, event)
        left = self.deadline - time.monotonic()
        if left <= 0 or not poll.poll(left * 1000):
            raise TimeoutError

    def _send(self, data):
        view = memoryview(data)
        while view:
            self._wait(select.POLLOUT)
            view = view[self.data.send(view, socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL) :]

    def _read(self, size):
        data = bytearray()
        while len(data) < size:
            self._wait(select.POLLIN)
            chunk = self.data.recv(min(size - len(data), 1 << 20))
            if not chunk:
                raise EOFError
            data += chunk
        return bytes(data)

    def _ended(self):
        """How the worker came to its end, as its doorman or the kernel tells it."""
        self.status.settimeout(5)
        try:
            reason = self.status.recv(64).decode()
        except OSError:
            reason = ""
        self.kill()
        if reason == f"signal {signal.SIGXCPU.value}":
            return WorkerEnded("timeout", f"more than {self.sandbox.limits.cpu_seconds} seconds of computing")
        if reason == "signal 9" or not reason:
            return WorkerEnded("out_of_memory", f"the process needed more than {self.sandbox.limits.memory_mb} MB")
        kind, _, number = reason.partition(" ")
        if kind == "signal":
            return WorkerEnded("crash", f"the process was ended by {signal.Signals(int(number)).name}")
        return WorkerEnded("crash", f"the process ended itself (exit code {number})")

    def kill(self):
        """Ends the worker and, as its first process goes, everything it started."""
        if self.pidfd is not None:
            try:
                if self.sandbox.isolation == "none":  # no process namespace: its session has to do
                    os.killpg(self.pid, signal.SIGKILL)
                signal.pidfd_send_signal(self.pidfd, signal.SIGKILL)
            except ProcessLookupError:
                pass
            os.close(self.pidfd)
            self.pidfd = None
            self.data.close()
            self.status.close()
