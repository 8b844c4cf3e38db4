"""A worker without namespaces: kept from files by Landlock, from calls by seccomp, and from lasting by whoever started it.

    zygote (root, or the grader's user) ── fork ── doorman (the worker's user) ── fork ── worker (Landlock, seccomp)

The doorman adds up 50 times a second what a worker's processes take, where nothing else counts them together. What outlives
the doorman is ended by the zygote, and what outlives the zygote by the doorman.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import os
import select
import signal
import sys
import time
from pathlib import Path

from . import careful, landlock, scratch, seccomp, tree, users, watch
from .guard import Guard
from .limits import in_cgroup, limit
from .start import in_words, serve
from .wire import TYPE_CHECKING

if TYPE_CHECKING:
    import socket
    from typing import NoReturn

    from .nursery import Nursery
    from .wire import Message

PR_SET_DUMPABLE = 4
OTHERS = 4  # times the processes of a worker: how many its user's others may become meanwhile
# how often a doorman looks: so many times what a look took, unless it saw too much, and so many seconds at most
SHARE, LONGEST = 4, 0.2
HOME = ("HOME", "TMPDIR")


def spawn(
    request: Message,
    data: socket.socket,
    status: socket.socket,
    control: socket.socket,
    nursery: Nursery,
) -> None:
    """Start a doorman, whom `nursery` knows from then on."""
    tree.adopt_orphans()
    user: users.User | None = None
    try:
        user = users.User() if request["own_user"] else None
        home = scratch.make(request["scratch"], request["grader"], user.number if user else None)
        if not nursery.rehearsed:
            rehearse(request, home, user)
            nursery.rehearsed = True
        pid = os.fork()
    except OSError as error:  # no user, no space, no process left, or a kernel that refuses
        if user is not None:
            user.free()
        status.send(f"failed {error}".encode())
        return
    if pid:
        nursery.add(pid, user, home)
        return
    try:
        control.close()
        nursery.forget()
        zygote = os.pidfd_open(os.getppid())
        if user is not None:
            user.free()  # the zygote holds it
            users.become(user.number)
        doorman(data, status, request, home, zygote)
    except BaseException as error:
        status.send(f"failed {error}".encode()[:500])
    finally:
        os._exit(0)


def rehearse(request: Message, home: str, user: users.User | None) -> None:
    """OSError if a worker of this zygote could not give up what it must: it would end, and nobody would know why."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            if user is not None:
                users.become(user.number)
            give_up(request, home)
        except BaseException as error:
            os.write(writing, f"{error}".encode()[:500])
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as said:
        words = said.read().decode(errors="replace")
    os.waitpid(pid, 0)
    if words:
        scratch.remove(home)
        raise OSError(words)


def give_up(request: Message, home: str) -> None:
    """All that a worker must not have, for good."""
    landlock.restrict(request["readable"], [home], request["landlock"])
    careful.take_care(request["landlock"])
    seccomp.close_doors()


def doorman(
    data: socket.socket, status: socket.socket, request: Message, home: str, zygote: int
) -> None:
    """Waits for leave to start, then for the worker's end or for a reason to bring it about."""
    seccomp.new_keyring()
    tree.adopt_orphans()
    ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)
    os.setsid()
    # as Python sets it; a doorman may write nothing that a limit ends
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    status.send(b"ready")
    if status.recv(16) != b"go":
        return
    guard = Guard(request, home, request["grouped"] and in_cgroup())
    child = os.fork()
    if child == 0:
        begin(data, status, request, home)
    data.close()
    try:
        if (word := last_word(child, status, zygote, guard)) is not None:
            status.send(word)
    finally:
        tree.end_others(all_mine=request["own_user"])
        scratch.remove(home)


def last_word(child: int, status: socket.socket, zygote: int, guard: Guard) -> bytes | None:
    """How the worker ended, once it has; None once whoever asked for it has gone. Until then its limits are looked after."""
    poll, pause = select.poll(), watch.LOOK
    ending = os.pidfd_open(child)
    for descriptor in (ending, status.fileno(), zygote):
        poll.register(descriptor, select.POLLIN)
    while True:
        ready = [descriptor for descriptor, _ in poll.poll(pause * 1000)]
        if ending in ready:
            ended = tree.bury(child)
            return in_words(ended) if ended is not None else b""
        if ready:
            return None
        start = time.monotonic()
        for orphan in tree.children(os.getpid()):
            if orphan != child:
                tree.bury(orphan)
        if beyond := guard.look():
            return f"beyond {beyond}".encode()
        spent = time.monotonic() - start
        pause = watch.LOOK if guard.much else min(max(watch.LOOK, spent * SHARE), LONGEST)


def begin(data: socket.socket, status: socket.socket, request: Message, home: str) -> NoReturn:
    """Become the worker."""
    os.setsid()  # a group of its own, to which it may send signals
    limits, others = request["limits"], 0
    if not request["own_user"]:
        others = tasks_of(os.getuid()) + (OTHERS - 1) * limits["processes"]
    limit({**limits, "processes": limits["processes"] + others}, request["grouped"])
    for name in HOME:
        os.environ[name] = home
    if "tempfile" in sys.modules:
        vars(sys.modules["tempfile"])["tempdir"] = home
    serve(data, status, limits, home, functools.partial(give_up, request, home))


def tasks_of(user: int) -> int:
    """How many processes and threads this user has: the kernel limits their sum, whoever started them."""
    count = 0
    for folder in Path("/proc").glob("[0-9]*/task"):
        with contextlib.suppress(OSError):
            found = folder.stat()
            if found.st_uid == user:
                count += found.st_nlink - 2
    return count
