"""Zip archives as downloads: what learning systems, browsers and desktops write; all else is left alone, with a reason."""

import stat
import struct
import zipfile
import zlib
from collections.abc import Sequence
from typing import IO

from grader.lms.downloads.archive import FAULTS, Careful, Item, TooLarge, download, whole
from grader.lms.downloads.names import MAX_ENTRIES, plain, why_odd
from grader.lms.handins import Download
from grader.reader import MAX_BYTES
from grader.text import one_line

# of these alone zipfile unpacks no more than it is asked for
KNOWN = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
ENCRYPTED, UTF8 = 0x1, 0x800  # bits of an entry's flags
UNICODE_PATH = 0x7075  # the extra field with the name in UTF-8, beside one in whatever encoding


def open_zip(name: str, file: IO[bytes]) -> Download:
    """A zip's entries, or one refusal of the whole."""
    careful = Careful(file)
    try:
        archive = zipfile.ZipFile(careful)
    except TooLarge:
        return whole(name, f"more than {MAX_ENTRIES:,} entries, or names beyond all measure")
    except FAULTS as error:
        return whole(name, f"a broken zip archive: {one_line(str(error), 100)}")
    careful.listing = False
    infos = archive.infolist()
    shared = overlapping(infos)
    return download(name, [_zipped(archive, info, shared) for info in infos if not folder(info)])


def folder(info: zipfile.ZipInfo) -> bool:
    """Whether an entry is a folder of a harmless name, which says nothing."""
    return info.orig_filename.endswith("/") and not why_odd(plain(path_of(info)))


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
