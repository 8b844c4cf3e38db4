"""What the worker's process does last before it is the worker, and what its end is called."""

from __future__ import annotations

import ctypes
import operator
import os
import random
import resource
import socket
import sys

from . import worker
from .limits import set_limit
from .wire import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import NoReturn

    from .wire import Message

PR_SET_DUMPABLE = 4
NICE = 5  # others' work goes first; more would cost an honest worker its time on a busy machine


def serve(
    data: socket.socket,
    status: socket.socket,
    limits: Message,
    home: str = "/tmp",
    close_up: Callable[[], None] | None = None,
) -> NoReturn:
    """Become the worker, with nothing open but its channel; `close_up` gives up what it must not have from then on."""
    status.close()
    null = os.open("/dev/null", os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(null, descriptor)
    channel = os.dup(data.fileno())
    os.closerange(3, channel)
    os.closerange(channel + 1, 256)
    ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 1, 0, 0, 0)
    # first SIGXCPU, which says why, then SIGKILL
    set_limit(resource.RLIMIT_CPU, limits["cpu_seconds"], limits["cpu_seconds"] + 5)
    os.nice(NICE)
    os.chdir(home)
    one_thread()
    same_numbers()
    if close_up is not None:
        close_up()
    try:
        worker.main(socket.socket(fileno=channel))
    finally:
        os._exit(70)


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


def in_words(ended: int) -> bytes:
    """What `os.wait` says, as the trusted side reads it."""
    signalled = os.WIFSIGNALED(ended)
    reason = f"signal {os.WTERMSIG(ended)}" if signalled else f"exit {os.WEXITSTATUS(ended)}"
    return reason.encode()
