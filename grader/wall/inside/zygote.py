"""Starts workers fast: it has imported the heavy packages, forks on request, and never runs student code itself.

It lives inside bubblewrap as an unprivileged user. Each fork moves into its own user, process, mount, network and
IPC namespaces before any student code runs, so one worker can neither see nor signal another, nor the zygote.

    zygote ── fork ── doorman (pid 1 of the new namespace; says how the worker ended) ── fork ── worker
"""

from __future__ import annotations

import ctypes
import gc
import importlib
import json
import operator
import os
import random
import resource
import signal
import socket
import sys
import threading
from pathlib import Path

from . import seccomp, watch, worker
from .wire import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import NoReturn

    from .wire import Message

# of <linux/sched.h>: mount, host name, IPC, user, process and network namespaces
CLONE_NEW_ALL = 0x20000 | 0x4000000 | 0x8000000 | 0x10000000 | 0x20000000 | 0x40000000
CLONE_NEWCGROUP = 0x2000000
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC = 1, 2, 4, 8
PR_SET_DUMPABLE, PR_CAPBSET_DROP = 4, 24
SCRATCH_FILES = 4096  # each takes a kilobyte or more of the kernel's memory, even an empty one
ROUND = 1 << 26  # bytes: so that limits do not tell how many workers came before
NICE = 5  # others' work goes first; more would cost an honest worker its time on a busy machine
SPARE = 2  # times the memory: what may be addressed, since not all of it gets used
CAPABILITY_VERSION_3 = 0x20080522
libc = ctypes.CDLL(None, use_errno=True)


def demand(result: int, what: str) -> None:
    """OSError if the C library's call failed."""
    if result != 0:
        raise OSError(ctypes.get_errno(), what)


def enter_namespaces() -> None:
    """New ones of every kind, in which this user is as ordinary as outside."""
    uid, gid = os.getuid(), os.getgid()
    demand(libc.unshare(CLONE_NEW_ALL), "unshare")
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{uid} {uid} 1")
    Path("/proc/self/gid_map").write_text(f"{gid} {gid} 1")


def private_mounts(scratch_mb: int) -> None:
    """A /proc that shows this namespace only, and scratch space that dies with the worker."""
    options = f"size={scratch_mb}m,nr_inodes={SCRATCH_FILES},mode=1777".encode()
    if libc.mount(b"proc", b"/proc", b"proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, None) == 0:
        Path("/proc/sys/user/max_user_namespaces").write_text("0")
    else:  # where the kernel refuses a fresh one, hide the old one
        demand(libc.mount(b"none", b"/proc", b"tmpfs", MS_RDONLY, b"size=4k"), "mount over /proc")
    for folder in (b"/tmp", b"/dev/shm"):  # the latter for multiprocessing's semaphores
        mounted = libc.mount(b"tmpfs", folder, b"tmpfs", MS_NOSUID | MS_NODEV, options)
        demand(mounted, "mount scratch space")


def drop_capabilities() -> None:
    """All that the new namespaces brought, for this process and whatever it starts."""
    for capability in range(64):  # numbers this kernel does not know are refused, harmlessly
        libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)
    header = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION_3, 0)
    demand(libc.capset(header, (ctypes.c_uint32 * 6)()), "capset")


def hide_cgroup() -> None:
    """Whichever this process is in becomes "/": its name must not tell what the worker is for. There may be none."""
    libc.unshare(CLONE_NEWCGROUP)


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


def doorman(data: socket.socket, status: socket.socket, request: Message) -> None:
    """Runs as pid 1: waits for leave to start, then for the worker's end, and takes every process along."""
    seccomp.new_keyring()
    if request["nested"]:
        private_mounts(request["limits"]["scratch_mb"])
    limit(request["limits"], request["grouped"])
    # so that the worker can neither trace this process nor open its descriptors
    libc.prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)
    os.setsid()
    status.send(b"ready")
    if status.recv(16) != b"go":  # the trusted side has put us into a cgroup, or has gone
        return
    counted = request["grouped"] and in_cgroup()
    if request["nested"]:
        hide_cgroup()
        drop_capabilities()
        seccomp.close_doors()
    child = os.fork()
    if child == 0:
        serve(data, status, request["limits"])
    data.close()
    if request["nested"] and not counted:  # after the fork, which no thread should see
        memory = request["limits"]["memory_mb"] * 2**20
        threading.Thread(target=watch.watch, args=[memory], daemon=True).start()
    status.send(last_word(child))


def last_word(child: int) -> bytes:
    """How the worker ended, once it has; until then orphans are buried."""
    while True:
        pid, ended = os.wait()
        if pid == child:
            break
    signalled = os.WIFSIGNALED(ended)
    reason = f"signal {os.WTERMSIG(ended)}" if signalled else f"exit {os.WEXITSTATUS(ended)}"
    return reason.encode()


def serve(data: socket.socket, status: socket.socket, limits: Message) -> NoReturn:
    """Become the worker, with nothing open but its channel."""
    status.close()
    null = os.open("/dev/null", os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(null, descriptor)
    channel = os.dup(data.fileno())
    os.closerange(3, channel)
    os.closerange(channel + 1, 256)
    libc.prctl(PR_SET_DUMPABLE, 1, 0, 0, 0)
    # first SIGXCPU, which says why, then SIGKILL
    set_limit(resource.RLIMIT_CPU, limits["cpu_seconds"], limits["cpu_seconds"] + 5)
    os.nice(NICE)
    os.chdir("/tmp")
    one_thread()
    same_numbers()
    try:
        worker.main(socket.socket(fileno=channel))
    finally:
        os._exit(70)


def spawn(
    request: Message, data: socket.socket, status: socket.socket, control: socket.socket
) -> None:
    """Start a doorman and forget it."""
    if os.fork():
        os.wait()
        return
    try:
        control.close()
        if request["nested"]:
            enter_namespaces()
        if os.fork():  # only a child is inside the new process namespace, and nobody waits for it
            os._exit(0)
        doorman(data, status, request)
    except BaseException as error:
        status.send(f"failed {error}".encode()[:500])
    finally:
        os._exit(0)


def same_numbers() -> None:
    """Random numbers are the same for everybody and every time, where the student does not ask for others."""
    random.seed(0)
    for name, seed in {"numpy": "random.seed", "torch": "manual_seed"}.items():
        if name in sys.modules:
            operator.attrgetter(seed)(sys.modules[name])(0)


def one_thread() -> None:
    """Said again in each fork: torch's pool of threads does not survive one, and threads of the student would race to rebuild it."""
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)


def main() -> None:
    """Import what is asked for, say so, and fork a worker for each request until the channel closes."""
    control = socket.socket(fileno=int(sys.argv[1]))
    for name in json.loads(sys.argv[2]):
        importlib.import_module(name)
    one_thread()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the trusted side's to handle
    gc.collect()
    gc.freeze()  # keeps the forks' memory shared
    control.send(b"ready")
    while True:
        message, descriptors, _, _ = socket.recv_fds(control, 4096, 2)
        if not message:
            return
        data, status = (socket.socket(fileno=fd) for fd in descriptors)
        spawn(json.loads(message), data, status, control)
        data.close()
        status.close()
