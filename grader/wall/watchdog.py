"""A second timer beside every wait for another process: a thread of its own, which comes whatever holds the first one up.

One thread looks after all waits of this process: to start one for each, hundreds a second, took a quarter of a law's computing.
"""

import contextlib
import os
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

GRACE = 5.0  # seconds that the first timer has to do this by itself
LOOK = 0.25  # seconds between two looks at every wait


@dataclass(eq=False)
class Wait:
    """A block that is being waited for."""

    deadline: Callable[[], float]
    end: Callable[[], None]
    late_since: float | None = None  # when it was first seen to be late

    def is_over(self, now: float) -> bool:
        """Whether it has been late for GRACE seconds: after a machine stood still its time is given back first."""
        if now < self.deadline():
            self.late_since = None
        elif self.late_since is None:
            self.late_since = now
        return self.late_since is not None and now - self.late_since >= GRACE


class Keeper:
    """The thread, started at the first wait of a process, and all that it looks after."""

    def __init__(self) -> None:
        self.waits: set[Wait] = set()
        self.changing = threading.Lock()
        self.thread: threading.Thread | None = None

    def add(self, wait: Wait) -> None:
        """Look after it from now on."""
        with self.changing:
            self.waits.add(wait)
            if self.thread is None:
                self.thread = threading.Thread(target=self._look, name="watchdog", daemon=True)
                self.thread.start()

    def forget(self, wait: Wait) -> None:
        """Look after it no longer."""
        with self.changing:
            self.waits.discard(wait)

    def _look(self) -> None:
        while True:
            time.sleep(LOOK)
            now = time.monotonic()
            with self.changing:
                over = [wait for wait in self.waits if wait.is_over(now)]
                self.waits.difference_update(over)
            for wait in over:  # elsewhere: whatever becomes of it, the others are looked after
                threading.Thread(target=wait.end, daemon=True).start()


keeper = Keeper()


def _begin_anew() -> None:
    """A forked process has none of its parent's threads, and ends none of its parent's waits."""
    global keeper
    keeper = Keeper()


os.register_at_fork(after_in_child=_begin_anew)


@contextlib.contextmanager
def watchdog(deadline: Callable[[], float], end: Callable[[], None]) -> Iterator[None]:
    """Call `end` from another thread if the block goes on GRACE seconds after `deadline()`, which may move meanwhile."""
    wait, keeps = Wait(deadline, end), keeper
    keeps.add(wait)
    try:
        yield
    finally:
        keeps.forget(wait)
