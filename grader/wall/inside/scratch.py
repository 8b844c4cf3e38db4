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

FOLDER_COUNTS = 8  # times a file: it takes as much longer to remove
SECTOR = 512  # bytes, of which files hold so many
FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def make(place: str, grader: int, user: int | None = None) -> str:
    """A new one below this place, for this user alone; its name says whose it is, should the grader be killed."""
    folder = tempfile.mkdtemp(prefix=f"grader-{grader}-", dir=place)
    if user is not None:
        os.chown(folder, user, user)
    return folder


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
    """Bytes and number of all files below, folders counted several times, no longer counted once there are more than `most`."""
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
                            count += FOLDER_COUNTS - 1
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
    """With all that is in it, as far as this user may; nobody may write there any more. Depth costs no recursion."""
    with contextlib.suppress(OSError):
        here = os.open(folder, FOLDER)
        # of each folder on the way down: its name, and which of the folders in it are still to be removed
        way = [("", _emptied(here))]
        try:
            while way:
                if way[-1][1]:
                    name = way[-1][1].pop()
                    here = _moved(here, name)
                    way.append((name, _emptied(here)))
                elif name := way.pop()[0]:
                    here = _moved(here, "..")
                    os.rmdir(name, dir_fd=here)
        finally:
            os.close(here)
        Path(folder).rmdir()


def _moved(here: int, name: str) -> int:
    """The folder of that name, for the one that was open."""
    there = os.open(name, FOLDER, dir_fd=here)
    os.close(here)
    return there


def _emptied(folder: int) -> list[str]:
    """Remove what is no folder, and give the others' names: all of them can be entered from then on."""
    with os.scandir(folder) as entries:
        found = [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries]
    for name, is_folder in found:
        if is_folder:
            os.chmod(name, 0o700, dir_fd=folder)
        else:
            os.unlink(name, dir_fd=folder)
    return [name for name, is_folder in found if is_folder]
