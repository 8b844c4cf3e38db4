"""What zip and tar archives have in common: listed with bounds on memory, read entry by entry into memory, never extracted.

Python's own readers do the parsing. What they would believe of an archive is bounded here: no piece that is read at once, no
entry that is unpacked and no whole archive may be larger than any real download's.
"""

import gzip
import io
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import IO

from grader.lms.downloads.names import MAX_ENTRIES, ignored, twice, why_odd
from grader.lms.handins import Download, Entry, Refused, few
from grader.reader import MAX_BYTES, Unreadable
from grader.text import one_line

MAX_DIRECTORY = 16 << 20  # bytes of a zip's directory, and of a tar's single header
LISTED = b"PK\1\2"  # what each entry begins with in a zip's directory, which is read at once
BROKEN = (zipfile.BadZipFile, tarfile.TarError, zlib.error, struct.error, gzip.BadGzipFile)
FAULTS = (*BROKEN, OSError, EOFError, ValueError, NotImplementedError, RuntimeError, OverflowError)


class TooLarge(Exception):
    """More was asked for at once than any real archive needs."""


class Careful(io.RawIOBase):
    """A file that gives no more at once, whoever asks, than a directory may have; once that is listed, than a notebook may."""

    def __init__(self, file: IO[bytes]) -> None:
        self.file, self.listing = file, True

    def read(self, size: int | None = -1, /) -> bytes:
        """As of any file; TooLarge where more bytes are wanted, and there, or a directory lists more entries than it may."""
        most = MAX_DIRECTORY if self.listing else MAX_BYTES + 1
        data = self.file.read(most + 1 if size is None or size < 0 else min(size, most + 1))
        if len(data) > most:
            raise TooLarge
        if self.listing and data.startswith(LISTED) and data.count(LISTED) > MAX_ENTRIES:
            raise TooLarge
        return data

    def seek(self, offset: int, whence: int = 0, /) -> int:
        """As of any file."""
        return self.file.seek(offset, whence)

    def tell(self) -> int:
        """As of any file."""
        return self.file.tell()

    def seekable(self) -> bool:
        """It is."""
        return True

    def readable(self) -> bool:
        """It is."""
        return True

    def close(self) -> None:
        """Close the file, too."""
        self.file.close()
        super().close()


@dataclass(frozen=True)
class Item:
    """What an archive lists: `why`: a reason to leave it alone; `read`: its bytes, not yet bounded in what can go wrong."""

    path: str
    size: int
    why: str
    read: Callable[[], bytes]


def download(name: str, items: Sequence[Item]) -> Download:
    """Entries and what was refused; nobody's work is left out without a word."""
    items = [i for i in items if why_odd(i.path) or not any(map(ignored, i.path.split("/")))]
    again = twice(item.path for item in items)
    entries, refused = list[Entry](), list[Refused]()
    for item in items:
        why = item.why or ("several entries have this name" if item.path in again else "")
        if why:
            refused.append(Refused(one_line(item.path), why))
        else:
            entries.append(Entry(item.path, item.size, _bounded(item.read)))
    return Download(name, tuple(entries), few(refused))


def _bounded(read: Callable[[], bytes]) -> Callable[[], bytes]:
    def reading() -> bytes:
        try:
            return read()
        except (*FAULTS, TooLarge, MemoryError) as error:
            words = one_line(str(error), 100)
            raise Unreadable(f"the archive is damaged here: {words}") from None

    return reading


def whole(name: str, why: str) -> Download:
    """A download of which nothing is read."""
    return Download(name, (), (Refused(one_line(name), why),))
