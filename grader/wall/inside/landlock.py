"""Landlock: what files this process and all it starts may still open, for good, without any privilege.

It also ends TCP (from the kernel's ABI 4 on), and abstract sockets and signals to whoever is outside (ABI 6). It cannot hide that
a path exists, nor `chmod` and its like: `inside/careful.py` sees to those.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import stat
import struct

from .wire import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

# the same numbers on every machine
CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446
ASK_VERSION, PATH_BENEATH = 1, 1
PR_SET_NO_NEW_PRIVS = 38
# rights of <linux/landlock.h>
EXECUTE, WRITE_FILE, READ_FILE, READ_DIR = 1, 2, 4, 8
MAKE_CHAR, MAKE_SOCK, MAKE_BLOCK = 1 << 6, 1 << 9, 1 << 11
TRUNCATE, IOCTL_DEV = 1 << 14, 1 << 15
# what each ABI can refuse, from the first to the newest that is known here: files, TCP, and signals with abstract sockets
FILES = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 5: (1 << 16) - 1}
NETWORK, SCOPES = {4: 3}, {6: 3}
NEWEST = 6
READ = EXECUTE | READ_FILE | READ_DIR
OWN = ~(MAKE_CHAR | MAKE_SOCK | MAKE_BLOCK | IOCTL_DEV)  # all but these
OF_A_FILE = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE  # the others are a folder's
DEVICES = ("/dev/null", "/dev/zero", "/dev/random", "/dev/urandom")
libc = ctypes.CDLL(None, use_errno=True)


def abi() -> int:
    """The kernel's version of Landlock, as far as it is known here; 0 if there is none."""
    return max(0, min(NEWEST, libc.syscall(CREATE_RULESET, None, 0, ASK_VERSION)))


def known(version: int, table: dict[int, int]) -> int:
    """The latest entry that this ABI has; 0 if it has none."""
    return max((bits for since, bits in table.items() if since <= version), default=0)


def restrict(readable: Iterable[str], writable: Iterable[str], version: int) -> None:
    """From now on nothing but these folders and the four devices can be opened; OSError if the kernel refuses.

    Args:
        readable: to be read and executed, as far as they are there.
        writable: what is below them may be made, changed and removed, too.
        version: the ABI to use, `abi()` or less.
    """
    files = known(version, FILES)
    # an older kernel knows fewer of these, and takes no more
    parts = [files, *filter(None, (known(version, NETWORK), known(version, SCOPES)))]
    attribute = struct.pack(f"{len(parts)}Q", *parts)
    rules = _demand(libc.syscall(CREATE_RULESET, attribute, len(attribute), 0), "a ruleset")
    try:
        for paths, rights in ((readable, READ), (writable, OWN), (DEVICES, READ_FILE | WRITE_FILE)):
            for path in paths:
                _allow(rules, path, rights & files)
        _demand(libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no_new_privs")
        _demand(libc.syscall(RESTRICT_SELF, rules, 0), "restrict")
    finally:
        os.close(rules)


def _allow(rules: int, path: str, rights: int) -> None:
    """Nothing, where there is no such path."""
    with contextlib.suppress(FileNotFoundError):
        place = os.open(path, os.O_PATH | os.O_CLOEXEC)
        try:
            if not stat.S_ISDIR(os.fstat(place).st_mode):
                rights &= OF_A_FILE
            rule = struct.pack("=Qi", rights, place)
            _demand(libc.syscall(ADD_RULE, rules, PATH_BENEATH, rule, 0), path)
        finally:
            os.close(place)


def _demand(result: int, what: str) -> int:
    if result < 0:
        number = ctypes.get_errno() or errno.EINVAL
        raise OSError(number, f"Landlock, {what}: {os.strerror(number)}")
    return result
