"""What a grader that root started does in its child: bind what a user could not reach, and be root no longer."""

import contextlib
import ctypes
import os
import resource
from collections.abc import Callable
from pathlib import Path

from grader.errors import SandboxError
from grader.wall.inside.seccomp import new_keyring
from grader.wall.mounts import INSIDE, python_folders

USERS = range(61000, 64000)  # of this machine, for the workers of a grader that root started
ROOT_NEEDS = {"CAP_SETGID": 6, "CAP_SETUID": 7, "CAP_SYS_ADMIN": 21}
NO_USER = "cannot become an ordinary user"
CLONE_NEWNS, MS_BIND, MS_REC, MS_PRIVATE = 0x20000, 4096, 16384, 1 << 18


def held(capability: int) -> bool:
    """Whether this process has the capability of that number."""
    status = Path("/proc/self/status").read_text()
    return bool(int(status.split("CapEff:")[1].split()[0], 16) >> capability & 1)


def mapped(wanted: range) -> bool:
    """Whether these users are there at all: a user namespace may know root alone."""
    lines = [line.split() for line in Path("/proc/self/uid_map").read_text().splitlines()]
    ranges = [range(int(first), int(first) + int(count)) for first, _, count in lines]
    return any(wanted[0] in users and wanted[-1] in users for users in ranges)


def check_root() -> None:
    """SandboxError if this root is none of the machine's, or not a whole one: it could not do `become_nobody`."""
    lacks = [name for name, number in ROOT_NEEDS.items() if not held(number)]
    if not mapped(USERS):
        lacks.append(f"the users {USERS[0]} to {USERS[-1]}")
    if lacks:
        raise SandboxError(
            f"root {NO_USER}, because it lacks {', '.join(lacks)} here: start this as an ordinary user,"
            " without `unshare -r`; a container with `--user`, or with what is lacking"
        )


def or_end(prepare: Callable[[str], None], stage: str) -> None:
    """Prepare the stage, or end with the reason: an exception would lose it on its way to the parent."""
    try:
        prepare(stage)
    except OSError as error:
        words = f"root {NO_USER} ({error}): start this as an ordinary user"
        os.write(2, words.encode())
        os._exit(1)


def become_nobody(stage: str) -> None:
    """In the child of a root grader: bind what the user could not reach, then drop root for good."""
    libc = ctypes.CDLL(None, use_errno=True)

    def mount(source: str, target: str, kind: bytes | None, flags: int) -> None:
        if libc.mount(source.encode(), target.encode(), kind, flags, None):
            raise OSError(ctypes.get_errno(), f"mount {target}")

    new_keyring()
    if libc.unshare(CLONE_NEWNS):
        raise OSError(ctypes.get_errno(), "unshare")
    mount("none", "/", None, MS_REC | MS_PRIVATE)
    mount("tmpfs", stage, b"tmpfs", 0)
    Path(stage).chmod(0o755)
    outside = [path for _, path in python_folders()]
    for name, path in [*enumerate(outside), ("inside", INSIDE)]:
        Path(stage, str(name)).mkdir()
        mount(path, f"{stage}/{name}", None, MS_BIND | MS_REC)
    # a user of its own: process counts and signals are not shared with other runs
    uid = USERS[os.getpid() % len(USERS)]
    # some containers allow 0 alone; 1 byte: no dump, into a pipe neither (man 5 core)
    with contextlib.suppress(ValueError):
        resource.setrlimit(resource.RLIMIT_CORE, (1, 1))
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)
