"""Zip and tar archives as downloads: listed with bounds on memory, read entry by entry into memory, never extracted.

Python's own readers do the parsing. What they would believe of an archive is bounded here: no piece that is read at once, no
entry that is unpacked and no whole archive may be larger than any real download's.
"""

import gzip
import io
import stat
import struct
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import IO

from grader.lms.handins import Download, Entry, Refused
from grader.lms.names import MAX_ENTRIES, ignored, plain, twice, why_odd
from grader.reader import MAX_BYTES, Unreadable
from grader.text import one_line

MAX_DIRECTORY = 8 << 20  # bytes of a zip's directory, and of a tar's single header
MAX_UNPACKED = 1 << 30  # bytes of a tar: its files can be found only by unpacking all of it
# what learning systems and desktops write; of these alone zipfile unpacks no more than it is asked for
KNOWN = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
ENCRYPTED, UTF8 = 0x1, 0x800  # bits of a zip entry's flags
UNICODE_PATH = 0x7075  # the extra field with the name in UTF-8, beside one in whatever encoding
BROKEN = (zipfile.BadZipFile, tarfile.TarError, zlib.error, struct.error, gzip.BadGzipFile)
FAULTS = (*BROKEN, OSError, EOFError, ValueError, NotImplementedError, RuntimeError, OverflowError)


class TooLarge(Exception):
    """More was asked for at once than any real archive needs."""


class Careful(io.RawIOBase):
    """A file that gives no more than `most` bytes at once, whoever asks."""

    def __init__(self, file: IO[bytes]) -> None:
        self.file, self.most = file, MAX_DIRECTORY

    def read(self, size: int | None = -1, /) -> bytes:
        """As of any file; TooLarge where more than `most` bytes are wanted and there."""
        bound = self.most + 1
        data = self.file.read(bound if size is None or size < 0 else min(size, bound))
        if len(data) > self.most:
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
    items = [item for item in items if not any(ignored(part) for part in item.path.split("/"))]
    again = twice(item.path for item in items)
    entries, refused = list[Entry](), list[Refused]()
    for item in items:
        why = item.why or ("several entries have this name" if item.path in again else "")
        if why:
            refused.append(Refused(one_line(item.path), why))
        else:
            entries.append(Entry(item.path, item.size, _bounded(item.read)))
    return Download(name, tuple(entries), tuple(refused))


def _bounded(read: Callable[[], bytes]) -> Callable[[], bytes]:
    def reading() -> bytes:
        try:
            return read()
        except (*FAULTS, TooLarge, MemoryError) as error:
            words = one_line(str(error), 100)
            raise Unreadable(f"the archive is damaged here: {words}") from None

    return reading


def _whole(name: str, why: str) -> Download:
    return Download(name, (), (Refused(one_line(name), why),))


def open_zip(name: str, file: IO[bytes]) -> Download:
    """A zip's entries, or one refusal of the whole."""
    careful = Careful(file)
    try:
        archive = zipfile.ZipFile(careful)
    except TooLarge:
        return _whole(name, f"its directory is larger than {MAX_DIRECTORY >> 20} MB")
    except FAULTS as error:
        return _whole(name, f"a broken zip archive: {one_line(str(error), 100)}")
    infos = archive.infolist()
    if len(infos) > MAX_ENTRIES:
        return _whole(name, f"more than {MAX_ENTRIES:,} entries")
    careful.most = MAX_BYTES + 1
    shared = overlapping(infos)
    return download(name, [_zipped(archive, info, shared) for info in infos if not folder(info)])


def folder(info: zipfile.ZipInfo) -> bool:
    """Whether an entry is a folder of a harmless name, which says nothing."""
    return info.is_dir() and not why_odd(plain(path_of(info)))


def _zipped(archive: zipfile.ZipFile, info: zipfile.ZipInfo, shared: set[int]) -> Item:
    def read() -> bytes:
        with archive.open(info) as file:
            return file.read(MAX_BYTES + 1)

    path = plain(path_of(info))
    why = why_odd(path) or why_no_file(info)
    if not why and info.header_offset in shared:
        why = "its data are another entry's, too"
    return Item(path, info.file_size, why, read)


def why_no_file(info: zipfile.ZipInfo) -> str:
    """Why an entry is not read, whatever its name; or an empty string."""
    if info.flag_bits & ENCRYPTED:
        return "encrypted: unpack the archive and name the folder"
    if info.compress_type not in KNOWN:
        return "compressed in a way that is not read here: unpack the archive and name the folder"
    kind = stat.S_IFMT(info.external_attr >> 16)
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        return "a link or a device"
    return ""


def overlapping(infos: Sequence[zipfile.ZipInfo]) -> set[int]:
    """Where entries begin whose data reach into another's: a bomb's way to list a little data many times."""
    found = set[int]()
    reach, owner = -1, -1
    for info in sorted(infos, key=lambda info: info.header_offset):
        start = info.header_offset
        if start < reach:
            found |= {owner, start}
        end = start + 30 + info.compress_size  # a local header has at least 30 bytes
        if end > reach:
            reach, owner = end, start
    return found


def path_of(info: zipfile.ZipInfo) -> str:
    """The entry's name as it was meant: UTF-8 where its bytes are that, whatever its flag says, else code page 437.

    zipfile reads names without the flag in code page 437, which has a character for each byte, and cuts them at a zero byte.
    """
    name = info.orig_filename
    if info.flag_bits & UTF8:
        return name
    raw = name.encode("cp437", "replace")
    try:
        return unicode_path(info.extra, raw) or raw.decode()
    except UnicodeDecodeError:
        return name


def unicode_path(extra: bytes, raw: bytes) -> str:
    """The name in an entry's extra field for it, "" where there is none, or one for another name."""
    while len(extra) >= 4:
        kind, size = struct.unpack("<HH", extra[:4])
        content, extra = extra[4 : 4 + size], extra[4 + size :]
        if kind == UNICODE_PATH and content[:1] == b"\1":
            of_raw = content[1:5] == zlib.crc32(raw).to_bytes(4, "little")
            return content[5:].decode() if of_raw else ""
    return ""


def open_tar(name: str, file: IO[bytes], packed: bool) -> Download:
    """A tar's entries, or one refusal of the whole; `packed`: by gzip."""
    try:
        careful = Careful(_unpacked(file) if packed else file)
        archive = tarfile.TarFile(fileobj=careful)
        infos = list[tarfile.TarInfo]()
        for info in archive:
            infos.append(info)
            if len(infos) > MAX_ENTRIES:
                return _whole(name, f"more than {MAX_ENTRIES:,} entries")
    except TooLarge:
        return _whole(name, "larger than any download")
    except (*FAULTS, RecursionError) as error:
        return _whole(name, f"a broken archive: {one_line(str(error), 100)}")
    careful.most = MAX_BYTES + 1
    return download(name, [_of_tar(archive, info) for info in infos if not info.isdir()])


def _unpacked(file: IO[bytes]) -> IO[bytes]:
    """The content in a temporary file without a name; TooLarge where it grows beyond any download."""
    whole = tempfile.TemporaryFile()  # noqa: SIM115
    with gzip.GzipFile(fileobj=file) as packed:
        while piece := packed.read(1 << 20):
            whole.write(piece)
            if whole.tell() > MAX_UNPACKED:
                raise TooLarge
    whole.seek(0)
    return whole


def _of_tar(archive: tarfile.TarFile, info: tarfile.TarInfo) -> Item:
    def read() -> bytes:
        content = archive.extractfile(info)
        return content.read(MAX_BYTES + 1) if content else b""

    path = plain(info.name)
    kind = "" if info.isreg() and not info.issparse() else "a link, a device or a sparse file"
    return Item(path, info.size, why_odd(path) or kind, read)
