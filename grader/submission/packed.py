"""The one notebook in a zip that somebody handed in: read within bounds, and nothing is ever written by a name in it."""

import io
import lzma
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import BinaryIO

from grader.reader import MAX_BYTES, is_notebook

MAX_ENTRIES = 2000
MAX_DIRECTORY = 1 << 20  # bytes of a zip's list of files, which Python reads whole
END, TAIL = b"PK\x05\x06", 22 + 65535  # what a zip ends with, and the most bytes that it may take
NO_ZIP = "a zip that cannot be read"
UNREADABLE = (
    zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, NotImplementedError, OSError, ValueError, RuntimeError,
)  # fmt: skip


@dataclass(frozen=True)
class Packed:
    """`name`: of the notebook within the zip; empty where there is not exactly one, and `why` says so."""

    name: str = ""
    data: bytes = b""
    why: str = ""


def unpack_file(path: Path) -> Packed:
    """The only notebook in the zip at this place; raises OSError."""
    with path.open("rb") as file:
        return unpack(file)


def unpack(file: BinaryIO) -> Packed:
    """At most what preflight accepts of it, and one byte more, so that it can say so."""
    if not bounded(file):
        return Packed(why=f"{NO_ZIP}, or one of more than {MAX_ENTRIES} files")
    try:
        with zipfile.ZipFile(file) as archive:
            found = [entry for entry in archive.infolist() if worth_reading(entry)]
            if not found or not alike(found):
                return Packed(why=f"a zip with {len(found) or 'no'} notebooks")
            found.sort(key=lambda entry: (entry.filename.count("/"), entry.filename))
            if found[0].flag_bits & 1:
                return Packed(why="a zip with a password")
            with archive.open(found[0]) as notebook:
                return Packed(found[0].filename, notebook.read(MAX_BYTES + 1))
    except UNREADABLE:
        return Packed(why=NO_ZIP)


def alike(found: list[zipfile.ZipInfo]) -> bool:
    """Whether they have one name and, by the zip's own sums, one content: a folder that was handed in whole, with its copy."""
    return len({(PurePath(e.filename).name, e.file_size, e.CRC) for e in found}) == 1


def worth_reading(entry: zipfile.ZipInfo) -> bool:
    """Whether it is a notebook that a person has put there."""
    parts = entry.filename.replace("\\", "/").split("/")
    hidden = any(part[:1] == "." or part == "__MACOSX" for part in parts)
    return not entry.is_dir() and not hidden and is_notebook(parts[-1])


def bounded(file: BinaryIO) -> bool:
    """Whether its list of files is short, by the record that Python itself goes by."""
    size = file.seek(0, io.SEEK_END)
    file.seek(max(0, size - TAIL))
    tail = file.read(TAIL)
    plain = tail[-22:-18] == END and tail[-2:] == b"\0\0"
    at = len(tail) - 22 if plain else tail.rfind(END)
    record = tail[at : at + 22]
    if at < 0 or len(record) < 22 or tail[max(0, at - 20) : at].startswith(b"PK\x06\x07"):
        return False
    entries = int.from_bytes(record[10:12], "little")
    return entries <= MAX_ENTRIES and int.from_bytes(record[12:16], "little") <= MAX_DIRECTORY
