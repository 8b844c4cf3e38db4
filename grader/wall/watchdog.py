"""A second timer beside every wait for another process: a thread of its own, which comes whatever holds the first one up."""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator

GRACE = 5.0  # seconds that the first timer has to do this by itself
LOOK = 60.0  # seconds after which a deadline that moved is looked at again


@contextlib.contextmanager
def watchdog(deadline: Callable[[], float], end: Callable[[], None]) -> Iterator[None]:
    """Call `end` from another thread if the block goes on GRACE seconds after `deadline()`, which may move meanwhile."""
    done = threading.Event()
    threading.Thread(target=_watch, args=(done, deadline, end), daemon=True).start()
    try:
        yield
    finally:
        done.set()


def _watch(done: threading.Event, deadline: Callable[[], float], end: Callable[[], None]) -> None:
    def late() -> bool:
        return time.monotonic() >= deadline()

    while not done.wait(min(max(deadline() - time.monotonic(), 0.0), LOOK)):
        # looked at twice: after a machine stood still its time is given back first
        if late() and not done.wait(GRACE) and late():
            end()
            break
