"""Tar archives as downloads, packed by gzip or not."""

import gzip
import tarfile
import tempfile
from typing import IO

from grader.lms.downloads.archive import FAULTS, Careful, Item, TooLarge, download, whole
from grader.lms.downloads.names import MAX_ENTRIES, plain, why_odd
from grader.lms.handins import Download
from grader.reader import MAX_BYTES
from grader.text import one_line

MAX_UNPACKED = 1 << 30  # bytes of one, whose files can be found only by unpacking all of it


def open_tar(name: str, file: IO[bytes], packed: bool, most: int) -> Download:
    """A tar's entries, or one refusal of the whole; `packed`: by gzip, and to no more than `most` bytes."""
    try:
        careful = Careful(_unpacked(file, most) if packed else file)
        archive = tarfile.TarFile(fileobj=careful)
        infos = list[tarfile.TarInfo]()
        for info in archive:
            infos.append(info)
            # it leads backwards, where tarfile goes round for ever (CVE-2025-8194)
            if info.size < 0:
                return whole(name, "a broken archive: an entry of negative size")
            if len(infos) > MAX_ENTRIES:
                return whole(name, f"more than {MAX_ENTRIES:,} entries")
    except TooLarge:
        return whole(name, "larger than any download")
    except (*FAULTS, RecursionError) as error:
        return whole(name, f"a broken archive: {one_line(str(error), 100)}")
    careful.listing = False
    return download(name, [_of_tar(archive, info) for info in infos if not info.isdir()])


def _unpacked(file: IO[bytes], most: int) -> IO[bytes]:
    """The content in a temporary file without a name; TooLarge where it grows beyond any download."""
    whole = tempfile.TemporaryFile()  # noqa: SIM115
    with gzip.GzipFile(fileobj=file) as packed:
        while piece := packed.read(1 << 20):
            whole.write(piece)
            if whole.tell() > most:
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
