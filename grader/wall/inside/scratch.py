"""A worker's scratch folder where no file system of its own can be mounted: made, measured, removed, whatever is in it.

Names that students make are never followed, and depth costs no recursion.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import stat
import tempfile
from pathlib import Path

from .wire import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

SECTOR = 512  # bytes, of which files hold so many
ROUNDS = 20_000  # levels of folders; a worker that made more has been ended
FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def make(place: str, grader: int) -> str:
    """A new one below this place, for this user alone; its name says whose it is, should the grader be killed."""
    return tempfile.mkdtemp(prefix=f"grader-{grader}-", dir=place)


def hold(folder: str) -> int:
    """A descriptor by whose lock others know, wherever they run, that it is in use; it goes with those who have it."""
    descriptor = os.open(folder, FOLDER)
    fcntl.flock(descriptor, fcntl.LOCK_SH)
    return descriptor


def in_use(folder: str | Path) -> bool:
    """Whether anybody holds it."""
    descriptor = os.open(folder, FOLDER)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def measure(folder: str, most: int) -> tuple[int, int]:
    """Bytes and number of all files below, no longer counted once there are more than `most`."""
    held = count = 0
    waiting = [folder]
    while waiting and count <= most:
        try:
            with os.scandir(waiting.pop()) as entries:
                for entry in entries:
                    count += 1
                    with contextlib.suppress(FileNotFoundError):
                        held += entry.stat(follow_symlinks=False).st_blocks * SECTOR
                        if entry.is_dir(follow_symlinks=False):
                            waiting.append(entry.path)
                    if count > most:
                        break
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError:  # a folder that nobody may list, or too deep for a path: no honest work
            return held, most + 1
    return held, count


def without_names(pids: Iterable[int], folder: str, mapped: bool) -> int:
    """Bytes of files that were deleted and that these processes have open still, or `mapped`: no folder shows them."""
    sizes: dict[tuple[int, int], int] = {}
    for pid in pids:
        with contextlib.suppress(OSError):
            found = [*_open(pid), *(_mapped(pid, folder) if mapped else ())]
            for key, size in found:
                sizes[key] = max(size, sizes.get(key, 0))
    return sum(sizes.values())


def _open(pid: int) -> Iterator[tuple[tuple[int, int], int]]:
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(OSError):
            found = descriptor.stat()
            if stat.S_ISREG(found.st_mode) and found.st_nlink == 0:
                yield (found.st_dev, found.st_ino), found.st_blocks * SECTOR


def _mapped(pid: int, folder: str) -> Iterator[tuple[tuple[int, int], int]]:
    for line in Path(f"/proc/{pid}/maps").read_text(errors="replace").splitlines():
        if folder in line and line.endswith(" (deleted)"):
            span, _, _, device, inode, *_ = line.split(None, 5)
            first, last = (int(part, 16) for part in span.split("-"))
            major, minor = (int(part, 16) for part in device.split(":"))
            yield (os.makedev(major, minor), int(inode)), last - first


def remove(folder: str) -> None:
    """With all that is in it, as far as this user may: what folders hold is moved up first, so that depth is no matter."""
    with contextlib.suppress(OSError):
        top, number = os.open(folder, FOLDER), 0
        try:
            for _ in range(ROUNDS):
                for name in (names := _names(top)):
                    number = _remove_one(top, name, number)
                if not names:
                    break
        finally:
            os.close(top)
        Path(folder).rmdir()


def _remove_one(top: int, name: str, number: int) -> int:
    """A file at once; a folder after its content was moved up under numbers that count on. Gives the last of them."""
    with contextlib.suppress(OSError):
        if not _is_folder(top, name):
            os.unlink(name, dir_fd=top)
            return number
        inner = os.open(name, FOLDER, dir_fd=top)
        try:
            for each in _names(inner):
                number += 1
                _is_folder(inner, each)
                os.rename(each, f".removed-{number}", src_dir_fd=inner, dst_dir_fd=top)
        finally:
            os.close(inner)
        os.rmdir(name, dir_fd=top)
    return number


def _names(folder: int) -> list[str]:
    with os.scandir(folder) as entries:
        return [entry.name for entry in entries]


def _is_folder(parent: int, name: str) -> bool:
    """Whether it is one, which then may be listed and moved."""
    if not stat.S_ISDIR(os.stat(name, dir_fd=parent, follow_symlinks=False).st_mode):
        return False
    os.chmod(name, 0o700, dir_fd=parent)
    return True
