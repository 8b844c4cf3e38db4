"""A user of its own for each worker, where root grades without namespaces: what one user may reach, another may not."""

from __future__ import annotations

import contextlib
import ctypes
import os
import socket

from .wire import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

# numbers that neither Debian, nor systemd, nor a grader with namespaces gives to anybody
WORKERS = range(60600, 61000)
PR_CAPBSET_DROP = 24


class User:
    """One that no other worker on this machine has until `free`."""

    def __init__(self) -> None:
        """OSError if all are taken."""
        for number in _from_a_place_of_its_own():
            # a name that the kernel forgets with whoever holds it, however that ends
            self.taken = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            with contextlib.suppress(OSError):
                self.taken.bind(f"\0grader-user-{number}")
                self.number = number
                return
            self.taken.close()
        raise OSError(f"all users from {WORKERS[0]} to {WORKERS[-1]} are taken")

    def free(self) -> None:
        """Somebody else may have it."""
        self.taken.close()


def _from_a_place_of_its_own() -> Iterator[int]:
    """All numbers; graders side by side begin in different places."""
    start = os.getpid() % len(WORKERS)
    return iter([*WORKERS[start:], *WORKERS[:start]])


def become(number: int) -> None:
    """This user alone, for good, without groups or capabilities."""
    libc = ctypes.CDLL(None)
    # those that this root lacks, or the kernel does not know, are refused
    for capability in range(64):
        libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)
    os.setgroups([])
    os.setresgid(number, number, number)
    os.setresuid(number, number, number)
