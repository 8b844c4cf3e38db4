"""Archives that somebody made by hand: what Python's own writers refuse to write."""

import io
import struct
import tarfile
import zipfile
import zlib

GOOD = "ann_1_2_exercise.ipynb"


def zipped(path, entries, good=True):
    """A zip of `[(name or ZipInfo, bytes)]`, after one harmless entry."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in [*([(GOOD, b"{}")] if good else []), *entries]:
            archive.writestr(name, data)
    return path


def raw_zip(path, entries, listed=None):
    """A zip of `[(name's bytes, flags, extra field, data)]`, stored; `listed`: how often the directory has all of it."""
    body, directory = b"", b""
    for name, flags, extra, data in entries:
        about = struct.pack(
            "<HHHHHIII", 20, flags, 0, 0, 0x21, zlib.crc32(data), len(data), len(data)
        )
        sizes = struct.pack("<HH", len(name), len(extra))
        local = b"PK\3\4" + about + sizes + name + extra + data
        directory += (
            b"PK\1\2" + struct.pack("<H", 20) + about + sizes
            + struct.pack("<HHHII", 0, 0, 0, 0, len(body)) + name + extra
        )  # fmt: skip
        body += local
    times = listed or 1
    count = len(entries) * times
    directory *= times
    end = b""
    if count > 0xFFFE:
        at = len(body) + len(directory)
        end = b"PK\6\6" + struct.pack(
            "<QHHIIQQQQ", 44, 45, 45, 0, 0, count, count, len(directory), len(body)
        )
        end += b"PK\6\7" + struct.pack("<IQI", 0, at, 1)
    few = min(count, 0xFFFF)
    end += b"PK\5\6" + struct.pack("<HHHHIIH", 0, 0, few, few, len(directory), len(body), 0)
    path.write_bytes(body + directory + end)
    return path


def make_tar(path, members, mode="w:gz", form=tarfile.PAX_FORMAT):
    """A tar of `[(name, {attribute of TarInfo: value}, bytes)]`, after one harmless entry."""
    with tarfile.open(path, mode, format=form) as archive:
        for name, about, data in [(GOOD, {}, b"{}"), *members]:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            for attribute, value in about.items():
                setattr(info, attribute, value)
            archive.addfile(info, io.BytesIO(data))
    return path
