"""A worker behind bubblewrap, or behind nothing: namespaces of its own, then Landlock, then seccomp.

The zygote lives inside bubblewrap as an unprivileged user. Each fork moves into its own user, process, mount, network and
IPC namespaces before any student code runs, so one worker can neither see nor signal another, nor the zygote.

    zygote ── fork ── doorman (pid 1 of the new namespace; says how the worker ended) ── fork ── worker
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import threading
from pathlib import Path

from . import landlock, seccomp, watch
from .limits import in_cgroup, limit
from .start import in_words, serve
from .wire import TYPE_CHECKING

if TYPE_CHECKING:
    import socket

    from .wire import Message

# of <linux/sched.h>: mount, host name, IPC, user, process and network namespaces
CLONE_NEW_ALL = 0x20000 | 0x4000000 | 0x8000000 | 0x10000000 | 0x20000000 | 0x40000000
CLONE_NEWCGROUP = 0x2000000
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC = 1, 2, 4, 8
PR_SET_DUMPABLE, PR_CAPBSET_DROP = 4, 24
SCRATCH_FILES = 4096  # each takes a kilobyte or more of the kernel's memory, even an empty one
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


def second_wall() -> None:
    """Landlock, where the kernel has it: a hole in what is mounted would still be one that nothing can be written through."""
    # refused where sixteen stand already, or by a filter around us: the first wall does not lean on it
    with contextlib.suppress(OSError):
        if version := landlock.abi():
            landlock.restrict(["/"], ["/tmp", "/dev/shm"], version)


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
        second_wall()
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
            return in_words(ended)


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
