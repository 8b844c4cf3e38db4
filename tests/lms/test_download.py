"""What a hostile or broken archive does: nothing, but a row that says why."""

import contextlib
import gzip
import io
import os
import socket
import stat
import struct
import tarfile
import time
import tracemalloc
import zipfile
import zlib

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from grader.errors import CourseError
from grader.lms.downloads import download, tarred
from grader.lms.downloads.download import open_download
from grader.lms.downloads.names import MAX_ENTRIES, why_odd
from grader.lms.downloads.systems import SYSTEMS, Told, recognise
from grader.reader import MAX_BYTES, Unreadable
from grader.submission.copies import counted
from tests.lms.hostile import GOOD, make_tar, raw_zip, zipped

UTF8 = 0x800
ODD = [
    ("/etc/cron.d/evil", "absolute"),
    ("../../evil.ipynb", "leaves"),
    ("a/../../evil.ipynb", "leaves"),
    ("..", "leaves"),
    ("C:/evil.ipynb", "absolute"),
    ("c:evil.ipynb", "absolute"),
    ("..\\evil.ipynb", "backslashes"),
    ("a\\b.ipynb", "backslashes"),
    ("evil\n.ipynb", "control"),
    ("evil\t.ipynb", "control"),
    ("evil\u202ebnypi.ipynb", "control"),
    ("evil\u2028.ipynb", "control"),
    ("evil\x1b[31m.ipynb", "control"),
    ("x" * 5000, "5,000 bytes"),
    ("x" * 256, "256 bytes"),
    ("/".join("x" * 200 for _ in range(6)), "bytes"),
]


def names(opened):
    return [entry.path for entry in opened.entries]


def whys(opened):
    return [row.why for row in opened.refused]


def everything(folder):
    return sorted(str(path) for path in folder.rglob("*"))


@pytest.mark.parametrize(("name", "why"), ODD)
@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_an_odd_name_is_a_row_and_the_others_are_read(tmp_path, name, why, kind):
    place = tmp_path / "around" / "download"
    place.mkdir(parents=True)
    if kind == "zip":
        path = zipped(place / "a.zip", [(name, b"evil")])
    else:
        path = make_tar(place / "a.tgz", [(name, {}, b"evil")])
    before = everything(tmp_path)
    opened = open_download(path)
    assert names(opened) == [GOOD]
    assert opened.entries[0].read() == b"{}"
    (row,) = opened.refused
    assert why in row.why
    assert "\n" not in row.path and "\x1b" not in row.path and len(row.path) <= 300
    assert everything(tmp_path) == before, "nothing was written"


def test_a_folder_in_an_archive_says_nothing_unless_its_name_is_odd(tmp_path):
    opened = open_download(zipped(tmp_path / "a.zip", [("folder/", b""), ("../out/", b"")]))
    assert names(opened) == [GOOD]
    assert [(row.path, row.why) for row in opened.refused] == [
        ("../out", "a path that leaves the download")
    ]


@pytest.mark.parametrize("name", ["./a//b.ipynb", "a/./b.ipynb"])
def test_parts_that_say_nothing_are_dropped(tmp_path, name):
    assert "a/b.ipynb" in names(open_download(make_tar(tmp_path / "a.tgz", [(name, {}, b"")])))


@pytest.mark.parametrize(
    "mode", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR, stat.S_IFBLK, stat.S_IFSOCK]
)
def test_a_link_or_a_device_in_a_zip_is_a_row(tmp_path, mode):
    info = zipfile.ZipInfo("link.ipynb")
    info.external_attr = (mode | 0o777) << 16
    opened = open_download(zipped(tmp_path / "a.zip", [(info, b"/etc/passwd")]))
    assert names(opened) == [GOOD]
    assert whys(opened) == ["a link or a device"]


@pytest.mark.parametrize(
    "kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE]
)
def test_a_link_or_a_device_in_a_tar_is_a_row(tmp_path, kind):
    about = {"type": kind, "linkname": GOOD}
    opened = open_download(make_tar(tmp_path / "a.tgz", [("link.ipynb", about, b"")]))
    assert names(opened) == [GOOD]
    assert whys(opened) == ["a link, a device or a sparse file"]


def test_links_pipes_and_sockets_in_a_folder_are_rows_and_never_opened(tmp_path):
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "s.ipynb").write_bytes(b"secret")
    folder = tmp_path / "download"
    folder.mkdir()
    (folder / GOOD).write_bytes(b"{}")
    (folder / "link.ipynb").symlink_to(secret / "s.ipynb")
    (folder / "folder").symlink_to(secret)
    (folder / "dangling").symlink_to("nowhere")
    os.mkfifo(folder / "pipe.ipynb")
    with socket.socket(socket.AF_UNIX) as server:
        with contextlib.chdir(folder):  # a socket's path is short
            server.bind("socket.ipynb")
        opened = open_download(folder)
    assert names(opened) == [GOOD]
    assert [row.path for row in opened.refused] == [
        "dangling", "folder", "link.ipynb", "pipe.ipynb", "socket.ipynb",
    ]  # fmt: skip


def test_a_file_that_became_a_link_or_a_pipe_meanwhile_is_not_followed(tmp_path):
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / GOOD).write_bytes(b"{}")
    (entry,) = open_download(tmp_path / "d").entries
    (tmp_path / "d" / GOOD).unlink()
    (tmp_path / "d" / GOOD).symlink_to("/etc/passwd")
    with pytest.raises(Unreadable):
        entry.read()
    (tmp_path / "d" / GOOD).unlink()
    os.mkfifo(tmp_path / "d" / GOOD)
    with pytest.raises(Unreadable, match="no ordinary file"):
        entry.read()


def test_a_folder_beyond_all_measure_is_one_row(tmp_path, monkeypatch):
    monkeypatch.setattr(download, "MAX_ENTRIES", 10)
    for number in range(11):
        (tmp_path / f"{number}.ipynb").touch()
    opened = open_download(tmp_path)
    assert names(opened) == []
    assert "more than 10 files" in whys(opened)[0]


def test_a_folder_deeper_than_makes_sense_is_a_row(tmp_path):
    (tmp_path / "/".join("a" * 30)).mkdir(parents=True)
    (tmp_path / "x.ipynb").touch()
    opened = open_download(tmp_path)
    assert names(opened) == ["x.ipynb"]
    assert "folders deep" in whys(opened)[0]


def test_a_name_in_no_encoding_is_a_row(tmp_path):
    (tmp_path / os.fsdecode(b"m\xfcller.ipynb")).touch()
    opened = open_download(tmp_path)
    assert names(opened) == []
    assert "in no encoding" in whys(opened)[0]
    opened.refused[0].path.encode()


# --- bombs


@contextlib.contextmanager
def frugal():
    """Whatever is unpacked takes no more memory than a few notebooks may."""
    tracemalloc.start()
    yield
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 5 * MAX_BYTES


def test_of_a_bomb_no_more_is_unpacked_than_a_notebook_may_have(tmp_path):
    with (
        zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archived,
        archived.open("bomb.ipynb", "w", force_zip64=True) as file,
    ):
        for _ in range(300):
            file.write(bytes(1 << 20))
    with frugal():
        (entry,) = open_download(tmp_path / "a.zip").entries
        assert len(entry.read()) == MAX_BYTES + 1
    assert entry.size == 300 << 20


def test_a_directory_that_lists_the_same_data_again_and_again_is_refused(tmp_path):
    packed = zlib.compress(bytes(1 << 20))
    path = raw_zip(tmp_path / "a.zip", [(b"a.ipynb", 0, b"", packed)], listed=3)
    opened = open_download(path)
    assert names(opened) == []
    assert whys(opened) == ["its data are another entry's, too"] * 3


def test_entries_of_different_names_that_share_their_data_are_refused(tmp_path):
    path = raw_zip(
        tmp_path / "a.zip", [(b"a.ipynb", 0, b"", b"x" * 99), (b"b.ipynb", 0, b"", b"y")]
    )
    data = bytearray(path.read_bytes())
    second = data.rindex(b"b.ipynb", 0, data.rindex(b"PK\5\6"))
    data[second - 4 : second] = struct.pack("<I", 5)  # in the middle of the first
    path.write_bytes(data)
    opened = open_download(path)
    assert names(opened) == []
    assert whys(opened) == ["its data are another entry's, too"] * 2


@pytest.mark.parametrize("listed", [1_000_000, 100_001])
def test_a_million_entries_are_one_row_at_once(tmp_path, listed):
    path = raw_zip(tmp_path / "a.zip", [(b"a", 0, b"", b"")], listed=listed)
    start = time.monotonic()
    with frugal():
        opened = open_download(path)
    assert time.monotonic() - start < 5
    assert names(opened) == []
    assert len(opened.refused) == 1
    assert f"{MAX_ENTRIES:,} entries" in whys(opened)[0]


def test_as_many_entries_as_a_large_class_has_are_read(tmp_path):
    path = zipped(tmp_path / "a.zip", [(f"s_{n}_{n}_exercise.ipynb", b"") for n in range(5000)])
    assert len(open_download(path).entries) == 5001


def test_a_tar_of_a_million_entries_is_one_row(tmp_path, monkeypatch):
    monkeypatch.setattr(tarred, "MAX_ENTRIES", 10)
    opened = open_download(make_tar(tmp_path / "a.tgz", [(f"{n}", {}, b"") for n in range(11)]))
    assert (names(opened), len(opened.refused)) == ([], 1)


def test_a_tar_that_unpacks_without_end_is_one_row(tmp_path, monkeypatch):
    monkeypatch.setattr(download, "MAX_UNPACKED", 5 << 20)
    path = make_tar(tmp_path / "a.tgz", [("zeros", {}, bytes(9 << 20))])
    with frugal():
        opened = open_download(path)
    assert (names(opened), whys(opened)) == ([], ["larger than any download"])


def test_a_tar_header_larger_than_any_is_one_row(tmp_path):
    member = ("x", {"pax_headers": {"comment": "x" * (60 << 20)}}, b"")
    path = make_tar(tmp_path / "a.tgz", [member])
    with frugal():
        opened = open_download(path)
    assert (names(opened), whys(opened)) == ([], ["larger than any download"])


def test_a_sparse_file_is_a_row(tmp_path):
    headers = {
        "GNU.sparse.map": "0,1",
        "GNU.sparse.size": str(1 << 40),
        "GNU.sparse.numblocks": "1",
    }
    opened = open_download(
        make_tar(tmp_path / "a.tgz", [("s.ipynb", {"pax_headers": headers}, b"x")])
    )
    assert names(opened) == [GOOD]
    assert "sparse" in whys(opened)[0]


# --- what cannot be read


def test_an_encrypted_entry_is_a_row(tmp_path):
    path = raw_zip(
        tmp_path / "a.zip", [(b"a.ipynb", 0x1, b"", b"x" * 20), (b"b.ipynb", 0, b"", b"{}")]
    )
    opened = open_download(path)
    assert names(opened) == ["b.ipynb"]
    assert "encrypted" in whys(opened)[0]


@pytest.mark.parametrize("method", [zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2, 97, 9])
def test_an_unusual_compression_is_a_row(tmp_path, method):
    path = zipped(tmp_path / "a.zip", [("b.ipynb", b"{}")])
    data = bytearray(path.read_bytes())
    data[data.rindex(b"PK\1\2") + 10] = method
    path.write_bytes(data)
    opened = open_download(path)
    assert names(opened) == [GOOD]
    assert "compressed in a way" in whys(opened)[0]


@pytest.mark.parametrize("start", [b"7z\xbc\xaf\x27\x1c", b"Rar!\x1a\x07", b"\xfd7zXZ\0", b"BZh9"])
def test_another_kind_of_archive_is_one_row_that_says_what_to_do(tmp_path, start):
    (tmp_path / "a.zip").write_bytes(start + bytes(100))
    opened = open_download(tmp_path / "a.zip")
    assert names(opened) == []
    assert "unpack it and name the folder" in whys(opened)[0]


def test_two_entries_of_one_name_are_rows_both(tmp_path):
    with pytest.warns(UserWarning, match="Duplicate"):
        path = zipped(
            tmp_path / "a.zip", [("b.ipynb", b"1"), ("./b.ipynb", b"2"), ("b.ipynb", b"3")]
        )
    opened = open_download(path)
    assert names(opened) == [GOOD]
    assert whys(opened) == ["several entries have this name"] * 3


def test_a_name_that_a_zero_byte_cuts_is_a_row(tmp_path):
    path = raw_zip(
        tmp_path / "a.zip", [(b"a.ipynb\0.exe", 0, b"", b""), (b"b/\0..", UTF8, b"", b"")]
    )
    opened = open_download(path)
    assert names(opened) == []
    assert len(opened.refused) == 2


@pytest.mark.parametrize("name", [b"", b"\0a.ipynb", b"/", b"."])
def test_an_entry_without_a_name_is_a_row_or_nothing(tmp_path, name):
    path = raw_zip(tmp_path / "a.zip", [(name, 0, b"", b""), (b"b.ipynb", 0, b"", b"{}")])
    opened = open_download(path)
    assert names(opened) == ["b.ipynb"]
    assert len(opened.refused) == 1


def test_any_number_of_odd_entries_is_a_few_rows(tmp_path):
    opened = open_download(zipped(tmp_path / "a.zip", [(f"../{n}", b"") for n in range(1000)]))
    assert names(opened) == [GOOD]
    assert len(opened.refused) == 51
    assert opened.refused[-1].path == "and 950 more"


@pytest.mark.parametrize(
    "kind", [tarfile.REGTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.XHDTYPE, tarfile.XGLTYPE]
)
@pytest.mark.parametrize("size", [-1, -512, -1024, -(1 << 40)])
def test_a_tar_that_leads_backwards_ends(tmp_path, kind, size):
    """Its sizes are negative: Python's own reader goes round in it for ever (CVE-2025-8194)."""
    path = make_tar(tmp_path / "a.tar", [("b.ipynb", {}, b"x" * 600)], "w")
    data = bytearray(path.read_bytes())
    at = 1024  # the second header
    data[at + 124 : at + 136] = b"\xff" + (size % 256**11).to_bytes(11, "big")
    data[at + 156 : at + 157] = kind
    data[at + 148 : at + 156] = b" " * 8
    data[at + 148 : at + 156] = b"%06o\0 " % sum(data[at : at + 512])
    path.write_bytes(data)
    opened = open_download(path)
    assert set(names(opened)) <= {GOOD, "b.ipynb"}
    for entry in opened.entries:
        with contextlib.suppress(Unreadable):
            assert len(entry.read()) < 1000


def test_an_entry_that_is_longer_than_its_size_says_is_damaged(tmp_path):
    path = zipped(tmp_path / "a.zip", [("b.ipynb", b"x" * 1000)])
    data = bytearray(path.read_bytes())
    at = data.rindex(b"PK\1\2") + 24
    data[at : at + 4] = struct.pack("<I", 10)
    path.write_bytes(data)
    good, short = open_download(path).entries
    assert good.read() == b"{}"
    with pytest.raises(Unreadable, match="damaged"):
        short.read()


@pytest.mark.parametrize(
    "data", [b"", b"PK\3\4", b"PK\5\6", b"\x1f\x8b", b"\x1f\x8b\x08" + bytes(99)]
)
def test_what_is_no_archive_after_all_is_one_row_or_a_plain_file(tmp_path, data):
    (tmp_path / "a.zip").write_bytes(data)
    opened = open_download(tmp_path / "a.zip")
    assert len(opened.refused) == (1 if data else 0)
    assert names(opened) == ([] if data else ["a.zip"])


def whole_archives(folder):
    members = [
        ("a_1_2_x.ipynb", b"{}" * 50),
        ("b/c.txt", b"hello"),
        ("submission_metadata.yml", b"a: b"),
    ]
    zipped(folder / "a.zip", members)
    make_tar(folder / "a.tgz", [(name, {}, data) for name, data in members])
    make_tar(
        folder / "a.tar", [(name, {}, data) for name, data in members], "w", tarfile.GNU_FORMAT
    )
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@settings(
    max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(st.data())
def test_a_damaged_archive_is_rows_or_unreadable_entries_and_nothing_else(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("archives")
    archives = whole_archives(folder)
    name = data.draw(st.sampled_from(sorted(archives)))
    content = bytearray(archives[name])
    if name == "a.tgz" and data.draw(st.booleans()):
        content = bytearray(gzip.decompress(content))
    for _ in range(data.draw(st.integers(0, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    content = content[: data.draw(st.integers(0, len(content)))]
    (folder / name).write_bytes(content)
    opened = open_download(folder / name)
    for entry in opened.entries:
        assert why_odd(entry.path) == ""
        with contextlib.suppress(Unreadable):
            assert len(entry.read()) <= MAX_BYTES + 1
    for system in SYSTEMS[:-1]:
        system.hand_ins(opened, Told(clones=folder / "clones"))
    recognise(opened)


# --- names


@pytest.mark.parametrize(
    ("raw", "flags", "extra"),
    [
        ("Änne Größe_測.ipynb".encode(), UTF8, b""),
        ("Änne Größe_測.ipynb".encode(), 0, b""),  # a Mac's, or an old Moodle's
        (b"?nne_?.ipynb", 0, "Änne Größe_測.ipynb"),  # Info-ZIP's
    ],
)
def test_names_of_people_are_read_as_they_were_meant(tmp_path, raw, flags, extra):
    if extra:
        content = b"\1" + struct.pack("<I", zlib.crc32(raw)) + extra.encode()
        extra = struct.pack("<HH", 0x7075, len(content)) + content
    opened = open_download(raw_zip(tmp_path / "a.zip", [(raw, flags, extra, b"{}")]))
    assert names(opened) == ["Änne Größe_測.ipynb"]
    assert opened.entries[0].read() == b"{}"


def test_a_windows_name_is_read_in_its_code_page(tmp_path):
    raw = "Müller_é.ipynb".encode("cp437")
    assert names(open_download(raw_zip(tmp_path / "a.zip", [(raw, 0, b"", b"")]))) == [
        "Müller_é.ipynb"
    ]


def test_an_extra_name_cannot_lead_out_of_the_download(tmp_path):
    raw, out = b"a.ipynb", b"../../a.ipynb"
    content = b"\1" + struct.pack("<I", zlib.crc32(raw)) + out
    extra = struct.pack("<HH", 0x7075, len(content)) + content
    opened = open_download(raw_zip(tmp_path / "a.zip", [(raw, 0, extra, b"")]))
    assert (names(opened), whys(opened)) == ([], ["a path that leaves the download"])


def test_a_name_that_claims_utf8_and_is_not_makes_the_archive_a_row(tmp_path):
    opened = open_download(raw_zip(tmp_path / "a.zip", [(b"\xff\xfe\xed\xa0\x80", UTF8, b"", b"")]))
    assert names(opened) == []
    assert "broken" in whys(opened)[0]


@pytest.mark.parametrize(
    "junk", ["__MACOSX/._a.ipynb", ".DS_Store", "a/.ipynb_checkpoints/b.ipynb"]
)
def test_what_a_mac_leaves_is_left_out_without_a_word(tmp_path, junk):
    opened = open_download(zipped(tmp_path / "a.zip", [(junk, b"")]))
    assert (names(opened), whys(opened)) == ([GOOD], [])


@pytest.mark.parametrize(
    ("name", "stem", "number"),
    [
        ("exercise.ipynb", "exercise.ipynb", 0),
        ("exercise-1.ipynb", "exercise.ipynb", 1),
        ("exercise-12.ipynb.json", "exercise.ipynb.json", 12),
        ("exercise (1).ipynb", "exercise.ipynb", 1),
        ("exercise(2).ipynb", "exercise.ipynb", 2),
        ("exercise-0b1f7a3e-1111-2222-3333-444455556666.ipynb", "exercise.ipynb", 8),
        ("hw-2026.ipynb", "hw-2026.ipynb", 0),
        ("exercise", "exercise", 0),
        ("-1.ipynb", "-1.ipynb", 0),
        ("..ipynb", "..ipynb", 0),
    ],
)
def test_a_number_that_a_second_file_of_a_name_gets_is_known(name, stem, number):
    assert counted(name) == (stem, number)


@given(st.text(st.characters(codec="utf-8"), max_size=60))
def test_any_name_is_odd_or_can_be_used_as_it_is(name):
    if why_odd(name):
        return
    assert not name.startswith("/") and ".." not in name.split("/")
    assert name.splitlines() == [name] and "\0" not in name


# --- what may be named


def test_what_is_not_there_is_an_error_in_one_line(tmp_path):
    with pytest.raises(CourseError, match="nothing.zip cannot be opened: No such file"):
        open_download(tmp_path / "nothing.zip")


def test_a_pipe_is_no_download(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(CourseError, match="neither a folder nor a file"):
        open_download(tmp_path / "pipe")


def test_one_file_is_a_download_of_one_entry(tmp_path):
    (tmp_path / GOOD).write_bytes(b"{}")
    opened = open_download(tmp_path / GOOD)
    assert [system.name for system in recognise(opened)] == ["canvas"]
    assert opened.entries[0].read() == b"{}"


def test_the_same_files_are_read_from_a_zip_a_tar_and_a_folder(tmp_path):
    files = {GOOD: b"{}", "b/c.ipynb": b"x"}
    zipped(tmp_path / "a.zip", [("b/c.ipynb", b"x")])
    make_tar(tmp_path / "a.tgz", [("b/c.ipynb", {}, b"x")])
    with zipfile.ZipFile(tmp_path / "a.zip") as archived:
        archived.extractall(tmp_path / "folder")
    for name in ("a.zip", "a.tgz", "folder"):
        opened = open_download(tmp_path / name)
        assert {entry.path: entry.read() for entry in opened.entries} == files
        assert [entry.size for entry in opened.entries] == [2, 1]
        assert [entry.read() for entry in opened.entries] == [b"{}", b"x"], "again"
    assert io.BytesIO(opened.entries[0].read()).read() == b"{}"
