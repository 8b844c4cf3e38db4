"""Opens a download: an archive, a folder or one file. Nothing of it is written to disk, and what is odd is left alone, with a reason."""

import errno
import functools
import itertools
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from grader.errors import CourseError
from grader.lms.downloads.names import MAX_ENTRIES, ignored, why_odd
from grader.lms.downloads.tarred import MAX_UNPACKED, open_tar
from grader.lms.downloads.zipped import open_zip
from grader.lms.handins import Download, Entry, Refused, few
from grader.reader import MAX_BYTES, Unreadable
from grader.submission.collect import MAX_DEPTH
from grader.text import one_line

# what archives begin with
ZIP = (b"PK\x03\x04", b"PK\x05\x06")
GZIP = b"\x1f\x8b"
TAR, TAR_AT = b"ustar", 257
PACKED = {
    b"7z\xbc\xaf": ".7z",
    b"Rar!": ".rar",
    b"\xfd7zX": ".xz",
    b"BZh": ".bz2",
    b"\x28\xb5\x2f\xfd": ".zst",
}
UNPACK = "an archive of a kind that is not opened here: unpack it and name the folder"


def open_download(path: Path) -> Download:
    """What lies there, as entries that are safe to read; CourseError if there is nothing, or nobody may read it."""
    try:
        kind = path.stat().st_mode
        if stat.S_ISDIR(kind):
            return open_folder(path)
        if not stat.S_ISREG(kind):
            raise CourseError(f"{path} is neither a folder nor a file: name a download")
        start = _start(path)
    except OSError as error:
        raise CourseError(f"{path} cannot be opened: {error.strerror or error}") from None
    if start.startswith(ZIP):
        return open_zip(str(path), path.open("rb"))
    if start.startswith(GZIP) or start[TAR_AT:].startswith(TAR):
        return open_tar(str(path), path.open("rb"), start.startswith(GZIP), MAX_UNPACKED)
    if any(start.startswith(magic) for magic in PACKED):
        return Download(str(path), (), (Refused(one_line(path.name), UNPACK),))
    return Download(str(path), *_sorted_out([(path.name, path)]))


def _start(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(TAR_AT + len(TAR))


def open_folder(folder: Path) -> Download:
    """Its files; links are never followed, devices and pipes never opened."""
    refused = list[Refused]()
    found = list[tuple[str, Path]]()
    for name, path in _walk(folder, "", refused):
        if len(found) == MAX_ENTRIES:
            words = f"more than {MAX_ENTRIES:,} files: name the folder that holds the hand-ins"
            return Download(str(folder), (), (Refused(one_line(str(folder)), words),))
        found.append((name, path))
    entries, odd = _sorted_out(found)
    return Download(str(folder), entries, few([*refused, *odd]))


def _sorted_out(
    found: list[tuple[str, Path]],
) -> tuple[tuple[Entry, ...], tuple[Refused, ...]]:
    entries, refused = list[Entry](), list[Refused]()
    for name, path in found:
        if why := why_odd(name) or _why_no_file(path):
            refused.append(Refused(one_line(name), why))
        else:
            entries.append(Entry(name, path.lstat().st_size, functools.partial(read_plain, path)))
    return tuple(entries), tuple(refused)


def _why_no_file(path: Path) -> str:
    mode = path.lstat().st_mode
    if stat.S_ISLNK(mode):
        return "a link: links are not followed"
    return "" if stat.S_ISREG(mode) else "a device, pipe or socket: not opened"


def _walk(
    folder: Path, below: str, refused: list[Refused], depth: int = 0
) -> Iterator[tuple[str, Path]]:
    """All that is no folder, with its name below the download; folders that nobody can enter are refused."""
    try:
        with os.scandir(folder) as found:
            some = itertools.islice((e for e in found if not ignored(e.name)), MAX_ENTRIES + 1)
            entries = sorted(some, key=lambda entry: entry.name)
    except OSError as error:
        if error.errno != errno.ENAMETOOLONG:
            refused.append(Refused(one_line(below), f"cannot be opened: {error.strerror}"))
        return
    for entry in entries:
        name = f"{below}/{entry.name}" if below else entry.name
        if not entry.is_dir(follow_symlinks=False):
            yield name, Path(entry.path)
        elif depth < MAX_DEPTH:
            yield from _walk(Path(entry.path), name, refused, depth + 1)
        else:
            words = f"more than {MAX_DEPTH} folders deep: not looked at"
            refused.append(Refused(one_line(name), words))


def read_plain(path: Path) -> bytes:
    """At most one byte more than a notebook may have, of an ordinary file that is no link; Unreadable with the reason."""
    try:
        file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(file, "rb") as opened:
            if not stat.S_ISREG(os.fstat(file).st_mode):
                raise Unreadable("it is no ordinary file any more")
            return opened.read(MAX_BYTES + 1)
    except OSError as error:
        raise Unreadable(f"the file cannot be opened: {error.strerror or error}") from None
