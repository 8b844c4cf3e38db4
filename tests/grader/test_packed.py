"""A zip with one notebook in a student's folder: read within bounds, whatever it holds."""

import io
import struct
import zipfile

import pytest

from grader.reader import MAX_BYTES
from grader.submission.collect import find
from grader.submission.handed_in import read
from grader.submission.packed import MAX_ENTRIES, NO_ZIP, unpack, unpack_file

NOTEBOOK = b'{"cells": [], "nbformat": 4, "nbformat_minor": 5, "metadata": {}}'


def unpack_bytes(data):
    """What a zip of these bytes holds."""
    return unpack(io.BytesIO(data))


@pytest.fixture
def packed(tmp_path):
    """Put a zip of these files into a student's folder."""

    def make(files, name="work.zip", how=zipfile.ZIP_DEFLATED):
        path = tmp_path / "ann" / name
        path.parent.mkdir(exist_ok=True)
        with zipfile.ZipFile(path, "w", how) as archive:
            for inner, data in files.items():
                archive.writestr(inner, data)
        return path

    return make


def found(path):
    return find(path.parent, "toy", "exercise")


@pytest.mark.parametrize("name", ["exercise.ipynb", "a/b/mine.IPYNB", "/etc/x.ipynb"])
def test_the_one_notebook_counts_wherever_its_name_points(packed, name):
    path = packed({name: NOTEBOOK, "notes.txt": b"x", "__MACOSX/._a.ipynb": b"", ".x.ipynb": b""})
    entry = found(path)
    assert (entry.notebook, entry.why_not) == (path, "")
    assert read(path, entry.inside).data == NOTEBOOK
    assert entry.notes == [f"taken out of work.zip: {entry.inside}"]
    assert sorted(path.parent.rglob("*")) == [path], "nothing is unpacked"


def test_a_folder_that_was_packed_whole_with_its_copy_holds_one_notebook(packed):
    path = packed({"w/handin/exercise.ipynb": NOTEBOOK, "w/exercise.ipynb": NOTEBOOK})
    assert (unpack_file(path).name, unpack_file(path).data) == ("w/exercise.ipynb", NOTEBOOK)


@pytest.mark.parametrize(
    ("files", "why"),
    [
        ({"a.ipynb": NOTEBOOK, "b.ipynb": NOTEBOOK}, "a zip with 2 notebooks"),
        ({"a/e.ipynb": NOTEBOOK, "b/e.ipynb": NOTEBOOK + b" "}, "a zip with 2 notebooks"),
        ({"a.txt": b""}, "a zip with no notebooks"),
        ({}, "a zip with no notebooks"),
        ({"../../up.ipynb": NOTEBOOK}, "a zip with no notebooks"),
    ],
)
def test_none_or_several_are_none(packed, files, why):
    path = packed(files)
    assert unpack_file(path).why == why and found(path).why_not == "packed"


def test_a_notebook_beside_a_zip_counts(packed):
    path = packed({"a.ipynb": NOTEBOOK})
    proper = path.with_name("mine.ipynb")
    proper.write_bytes(NOTEBOOK)
    assert found(path).notebook == proper and found(path).inside == ""


def test_two_archives_are_nobodys_choice(packed):
    packed({"a.ipynb": NOTEBOOK})
    assert found(packed({"a.ipynb": NOTEBOOK}, "other.zip")).why_not == "packed"


def test_a_bomb_is_read_as_far_as_a_notebook_may_go(packed):
    path = packed({"exercise.ipynb": b"0" * (4 * MAX_BYTES)})
    assert path.stat().st_size < MAX_BYTES
    assert len(read(path, "exercise.ipynb").data) == MAX_BYTES + 1


def test_more_entries_than_anybody_hands_in_are_not_listed(packed):
    many = {f"{n}.txt": b"" for n in range(MAX_ENTRIES)}
    path = packed({**many, "exercise.ipynb": NOTEBOOK})
    assert "or one of more than 2000 files" in unpack_file(path).why


def test_a_lie_about_the_number_of_entries_does_not_help(packed):
    many = {f"{n:05}{'x' * 60}.txt": b"" for n in range(20_000)}
    path = packed({**many, "exercise.ipynb": NOTEBOOK}, how=zipfile.ZIP_STORED)
    data = bytearray(path.read_bytes())
    at = data.rfind(b"PK\x05\x06")
    struct.pack_into("<HH", data, at + 8, 1, 1)
    assert NO_ZIP in unpack_bytes(bytes(data)).why


@pytest.mark.parametrize("cut", [1, 22, 60, 200])
def test_what_is_cut_off_is_no_zip(packed, cut):
    data = packed({"exercise.ipynb": NOTEBOOK * 5}).read_bytes()
    assert NO_ZIP in unpack_bytes(data[:-cut]).why


def test_bits_that_rot_are_a_reason_and_no_crash(packed):
    data = packed({"exercise.ipynb": NOTEBOOK * 5}).read_bytes()
    for place in range(len(data)):
        made = unpack_bytes(data[:place] + bytes([data[place] ^ 0xFF]) + data[place + 1 :])
        assert made.name or made.why


def test_a_password_is_said(packed):
    data = bytearray(packed({"exercise.ipynb": NOTEBOOK}).read_bytes())
    data[data.rfind(b"PK\x01\x02") + 8] |= 1
    assert unpack_bytes(bytes(data)).why == "a zip with a password"
