"""What the wall without namespaces needs of this machine, and what it must do first where root starts it."""

import contextlib
import ctypes
import os
import stat
import tempfile
from collections.abc import Sequence
from pathlib import Path

from grader.wall.inside import users
from grader.wall.mounts import INSIDE, python_folders
from grader.wall.root import CLONE_NEWNS, MS_BIND, MS_PRIVATE, MS_REC, held, mapped

# below this ABI of Landlock (Linux 6.2) files of the worker's user can be emptied by path
TRUNCATES = 3
BECOMING = {"CAP_SETGID": 6, "CAP_SETUID": 7}
KILLING, MOUNTING = {"CAP_KILL": 5, "CAP_CHOWN": 0}, {"CAP_SYS_ADMIN": 21}
PLACES = ("/tmp", "/var/tmp", "/dev/shm")


def own_user() -> bool:
    """Whether each worker gets a user of its own, as only root can give it one."""
    return os.geteuid() == 0


def refusal(version: int) -> str:
    """Why it cannot work here with this ABI of Landlock, in words that say what to do; "" if nothing is known."""
    if version == 0:
        return "this kernel has no Landlock, or a filter of this container refuses it: it is in Linux 5.13 and later"
    if not own_user() and version < TRUNCATES:
        return (
            "this kernel's Landlock is too old for a worker of your own user (Linux 6.2 is new enough):"
            " start this as root, whose workers are users of their own"
        )
    if not Path(f"/proc/self/task/{os.getpid()}/children").exists():
        return "this kernel does not tell a process's children: /proc has no children files"
    if scratch_place() is None:
        return (
            f"a worker may write to none of {', '.join(_places())}: mount an empty folder at /tmp"
        )
    return _refusal_of_root() if own_user() else ""


def _refusal_of_root() -> str:
    lacks = [name for name, number in {**BECOMING, **KILLING}.items() if not held(number)]
    if not mapped(users.WORKERS):
        lacks.append(f"the users {users.WORKERS[0]} to {users.WORKERS[-1]}")
    if lacks:
        return (
            f"root cannot make workers users of their own, because it lacks {', '.join(lacks)} here:"
            " start this as an ordinary user"
        )
    closed = sorted({top for path in needed() if (top := closed_top(path))})
    if closed and not all(held(number) for number in MOUNTING.values()):
        return (
            f"other users than root, as workers are, cannot reach Python below {', '.join(closed)}:"
            " start this as an ordinary user, or with a Python elsewhere"
        )
    return ""


def needed() -> list[str]:
    """The folders of Python, and the code of the students' side."""
    return [*(path for _, path in python_folders()), INSIDE]


def closed_top(path: str) -> str | None:
    """The uppermost folder on the way to a path, or itself, that other users may not enter; None if they may all."""
    way = [*reversed(Path(path).parents), Path(path)]
    return next((str(part) for part in way if not part.stat().st_mode & stat.S_IXOTH), None)


def scratch_place() -> str | None:
    """Where a worker can make its scratch folder; None if nowhere."""
    return next((place for place in _places() if _is_open(Path(place))), None)


def _places() -> tuple[str, ...]:
    return (tempfile.gettempdir(), *PLACES)


def _is_open(place: Path) -> bool:
    if not own_user():
        return os.access(place, os.W_OK | os.X_OK)
    with contextlib.suppress(OSError):
        writable = os.access(place, os.W_OK) and not os.statvfs(place).f_flag & os.ST_RDONLY
        return writable and closed_top(str(place)) is None
    return False


def open_the_way(stage: str, paths: Sequence[str] = ()) -> None:
    """In the child of a root grader: put what Python needs where other users can reach it, and hide what is beside it there.

    `paths`: further folders, for which the same is done.
    """
    libc = ctypes.CDLL(None, use_errno=True)

    def mount(source: str, target: str, kind: bytes | None, flags: int) -> None:
        if libc.mount(source.encode(), target.encode(), kind, flags, None):
            raise OSError(ctypes.get_errno(), f"mount {target}")

    if libc.unshare(CLONE_NEWNS):
        raise OSError(ctypes.get_errno(), "unshare")
    mount("none", "/", None, MS_REC | MS_PRIVATE)
    mount("tmpfs", stage, b"tmpfs", 0)
    paths = [*needed(), *paths]
    tops = sorted({top for path in paths if (top := closed_top(path))})
    hidden = {
        f"{stage}/{number}": path
        for number, path in enumerate(paths)
        if any(Path(path).is_relative_to(top) for top in tops)
    }
    for kept, path in hidden.items():
        Path(kept).mkdir()
        mount(path, kept, None, MS_BIND | MS_REC)
    for top in tops:
        mount("tmpfs", top, b"tmpfs", 0)
        Path(top).chmod(0o755)
    for kept, path in hidden.items():
        Path(path).mkdir(parents=True, exist_ok=True)
        mount(kept, path, None, MS_BIND | MS_REC)
