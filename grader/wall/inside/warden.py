"""A worker without namespaces: kept from files by Landlock, from calls by seccomp, and from lasting by whoever started it.

    zygote (root, or the grader's user) ── fork ── doorman (the worker's user) ── fork ── worker (Landlock, seccomp)

The doorman adds up 50 times a second what a worker's processes take, where nothing else counts them together. What outlives
the doorman is ended by the zygote, and what outlives the zygote by the doorman.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import select
import signal
import sys
import time
from pathlib import Path

from . import careful, landlock, scratch, seccomp, tree, users, watch
from .limits import in_cgroup, limit
from .start import in_words, serve
from .wire import TYPE_CHECKING

if TYPE_CHECKING:
    import socket
    from collections.abc import Collection
    from typing import NoReturn

    from .wire import Message

PR_SET_DUMPABLE = 4
FILES = 4096  # in a scratch folder, however small
SHARE = 10  # of its time a doorman looks at most one such part
MAPPED = 10  # every so many looks also at what is mapped, which takes a millisecond
OTHERS = 4  # times the processes of a worker: how many its user's others may become meanwhile
HOME = ("HOME", "TMPDIR")


class Doorman:
    """One of them, as the zygote knows it: what its end can be waited for with, whose processes are its, where they write."""

    def __init__(self, ending: int, user: users.User | None, home: str) -> None:
        self.ending, self.user, self.home = ending, user, home
        self.held = scratch.hold(home)


class Nursery:
    """The doormen of a zygote that has children of its own, and what is left of each once it has gone."""

    def __init__(self) -> None:
        self.doormen: dict[int, Doorman] = {}

    def add(self, pid: int, user: users.User | None, home: str) -> None:
        self.doormen[pid] = Doorman(os.pidfd_open(pid), user, home)

    def wait(self, control: socket.socket) -> None:
        """Until there is something to read; meanwhile each doorman's end is seen to."""
        while True:
            poll = select.poll()
            for descriptor in (control.fileno(), *(each.ending for each in self.doormen.values())):
                poll.register(descriptor, select.POLLIN)
            ready = [descriptor for descriptor, _ in poll.poll()]
            self.tend()
            if control.fileno() in ready:
                return

    def tend(self) -> None:
        """Bury doormen that have gone, and end and remove what they left."""
        gone = [pid for pid in self.doormen if tree.bury(pid) is not None]
        for pid in gone:
            left = self.doormen.pop(pid)
            end_strays(left.user, self.doormen)
            scratch.remove(left.home)
            os.close(left.held)
            os.close(left.ending)
            if left.user is not None:
                left.user.free()

    def close(self) -> None:
        """End all that is left."""
        for pid in self.doormen:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        while self.doormen:
            self.tend()
            time.sleep(tree.PAUSE)

    def forget(self) -> None:
        """In a child, to whom none of them is anything."""
        for each in self.doormen.values():
            if each.user is not None:
                each.user.free()


def end_strays(user: users.User | None, spared: Collection[int]) -> None:
    """End all strays of this zygote; a user of a worker's own can end its processes all at once, wherever they are."""
    if not set(tree.children(os.getpid())) - {*spared}:
        return
    if user is not None:
        child = os.fork()
        if child == 0:
            with contextlib.suppress(OSError):
                users.become(user.number)
                os.kill(-1, signal.SIGKILL)
            os._exit(0)
        os.waitpid(child, 0)
    with contextlib.suppress(TimeoutError):
        tree.end_others(spared)


def spawn(
    request: Message,
    data: socket.socket,
    status: socket.socket,
    control: socket.socket,
    nursery: Nursery,
) -> None:
    """Start a doorman, whom `nursery` knows from then on."""
    tree.adopt_orphans()
    try:
        user = users.User() if request["own_user"] else None
    except OSError as error:
        status.send(f"failed {error}".encode())
        return
    home = scratch.make(request["scratch"], request["grader"])
    if user is not None:
        os.chown(home, user.number, user.number)
    pid = os.fork()
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
        guard.look()
        pause = max(watch.LOOK, (SHARE - 1) * (time.monotonic() - start))


class Guard:
    """Bounds what all processes of a worker take together; what can be refused from outside is, all else ends them."""

    def __init__(self, request: Message, home: str, counted: bool) -> None:
        """`counted`: a cgroup counts their memory and their number."""
        limits = request["limits"]
        self.home, self.all_mine, self.counted = home, request["own_user"], counted
        self.bytes, self.processes = limits["scratch_mb"] << 20, limits["processes"]
        self.memory = (limits["memory_mb"] << 20) + watch.at_most("self")
        self.looks, self.much = 0, False

    def look(self) -> None:
        """Once; memory is too much if it is so twice: who starts a program holds all its memory twice for an instant."""
        pids = tree.below(tree.children(os.getpid()))
        self.looks += 1
        much = not self.counted and watch.too_much([*map(str, pids)], self.memory)
        held, count = scratch.measure(self.home, 2 * FILES)
        held += scratch.without_names(pids, self.home, self.looks % MAPPED == 0)
        tasks = sum(map(threads, pids))
        beyond = held > 2 * self.bytes or count > 2 * FILES or tasks > 2 * OTHERS * self.processes
        if beyond or (much and self.much):
            tree.end_others(all_mine=self.all_mine)
        self.much = much
        if held > self.bytes:
            refuse(pids, resource.RLIMIT_FSIZE)
        if count > FILES:
            refuse(pids, resource.RLIMIT_NOFILE)
        if tasks > self.processes:
            refuse(pids, resource.RLIMIT_NPROC)


def threads(pid: int) -> int:
    with contextlib.suppress(OSError):
        return len([*Path(f"/proc/{pid}/task").iterdir()])
    return 0


def refuse(pids: list[int], kind: int) -> None:
    """From now on they get nothing more of it, and an error for each try."""
    for pid in pids:
        with contextlib.suppress(OSError):
            resource.prlimit(pid, kind, (0, 0))


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

    def close_up() -> None:
        landlock.restrict(request["readable"], [home], request["landlock"])
        careful.take_care(request["landlock"])
        seccomp.close_doors()

    serve(data, status, limits, home, close_up)


def tasks_of(user: int) -> int:
    """How many processes and threads this user has: the kernel limits their sum, whoever started them."""
    count = 0
    for folder in Path("/proc").glob("[0-9]*/task"):
        with contextlib.suppress(OSError):
            found = folder.stat()
            if found.st_uid == user:
                count += found.st_nlink - 2
    return count
