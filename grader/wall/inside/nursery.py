"""The doormen of a zygote without namespaces: what each of them leaves behind is ended and removed before the next starts."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import time
from pathlib import Path

from . import scratch, tree, users
from .wire import TYPE_CHECKING

if TYPE_CHECKING:
    import socket
    from collections.abc import Collection

MOST_FILES = 4096  # that a zygote has open


class Doorman:
    """One of them, as the zygote knows it: what its end can be waited for with, whose processes are its, where they write."""

    def __init__(self, ending: int, user: users.User | None, home: str) -> None:
        self.ending, self.user, self.home = ending, user, home
        self.held = scratch.hold(home)


class Nursery:
    """The doormen of a zygote that has children of its own, and what is left of each once it has gone."""

    def __init__(self) -> None:
        self.doormen: dict[int, Doorman] = {}
        self.rehearsed = False  # whether this kernel has let a process give up what a worker must
        # processes that remove what takes longer, each with what its end can be waited for with
        self.removers: dict[int, int] = {}

    def add(self, pid: int, user: users.User | None, home: str) -> None:
        self.doormen[pid] = Doorman(os.pidfd_open(pid), user, home)

    def wait(self, control: socket.socket) -> None:
        """Until there is something to read; meanwhile each doorman's end is seen to."""
        while True:
            poll = select.poll()
            endings = [each.ending for each in self.doormen.values()]
            for descriptor in (control.fileno(), *endings, *self.removers.values()):
                poll.register(descriptor, select.POLLIN)
            ready = [descriptor for descriptor, _ in poll.poll()]
            self.tend()
            if control.fileno() in ready:
                return

    def tend(self) -> None:
        """Bury doormen that have gone, and end and remove what they left."""
        for pid in [pid for pid in self.removers if tree.bury(pid) is not None]:
            os.close(self.removers.pop(pid))
        gone = [pid for pid in self.doormen if tree.bury(pid) is not None]
        for pid in gone:
            left = self.doormen.pop(pid)
            end_strays(left.user, {*self.doormen, *self.removers})
            self._remove(left.home)
            os.close(left.held)
            os.close(left.ending)
            if left.user is not None:
                left.user.free()

    def _remove(self, home: str) -> None:
        """By a process of its own, unless it is empty or gone: nobody waits for it."""
        try:
            Path(home).rmdir()
        except FileNotFoundError:
            return
        except OSError:
            pid = os.fork()
            if pid == 0:
                os.closerange(3, MOST_FILES)
                scratch.remove(home)
                os._exit(0)
            self.removers[pid] = os.pidfd_open(pid)

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
