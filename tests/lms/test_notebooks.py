"""Which file of a hand-in is the notebook."""

import io
import json
import tarfile
import zipfile

import pytest

from grader.lms.downloads import notebooks
from grader.lms.downloads.notebooks import notebook_of
from grader.lms.handins import Entry
from grader.reader import MAX_BYTES, Unreadable

REAL = json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": []}).encode()


def entry(path, data=REAL, name=""):
    return Entry(path, len(data), lambda: data[: MAX_BYTES + 1], name)


def packed(files):
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return data.getvalue()


def tarred(files):
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w:gz") as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return data.getvalue()


@pytest.mark.parametrize(
    ("names", "chosen", "notes"),
    [
        (["exercise.ipynb"], "exercise.ipynb", ()),
        (["exercise.ipynb", "a.py"], "exercise.ipynb", ("left out: a.py",)),
        (["exercise.ipynb", "b.ipynb"], "exercise.ipynb", ("left out: b.ipynb",)),
        (["mine.ipynb"], "mine.ipynb", ("taken from mine.ipynb",)),
        (["exercise.ipynb.json"], "exercise.ipynb.json", ("taken from exercise.ipynb.json",)),
        (["exercise.ipynb.txt"], "exercise.ipynb.txt", ("taken from exercise.ipynb.txt",)),
        (["exercise (1).ipynb"], "exercise (1).ipynb", ("taken from exercise (1).ipynb",)),
        (["exercise-2.ipynb", "z.ipynb"], "exercise-2.ipynb", ("taken from exercise-2.ipynb", "left out: z.ipynb")),
    ],
)  # fmt: skip
def test_one_notebook_is_taken_and_what_is_odd_is_said(names, chosen, notes):
    files = [entry(name, REAL + name.encode()) for name in names]
    found = notebook_of(files, "exercise")
    assert (found.entry.own, found.notes, found.why_not, found.asks) == (chosen, notes, "", ())


@pytest.mark.parametrize(
    ("names", "asks"),
    [
        (["exercise.ipynb", "exercise-1.ipynb"], ("exercise-1.ipynb", "exercise.ipynb")),
        (["exercise.ipynb", "exercise (1).ipynb"], ("exercise (1).ipynb", "exercise.ipynb")),
        (
            ["exercise (1).ipynb", "exercise (2).ipynb"],
            ("exercise (1).ipynb", "exercise (2).ipynb"),
        ),
        (["mine.ipynb", "mine-1.ipynb"], ("mine-1.ipynb", "mine.ipynb")),
        (
            ["exercise.ipynb", "exercise.ipynb.txt", "exercise-1.ipynb"],
            ("exercise-1.ipynb", "exercise.ipynb"),
        ),
    ],
)
def test_of_what_may_be_attempts_nobody_chooses(names, asks):
    found = notebook_of([entry(name, name.encode()) for name in names], "exercise")
    assert (found.entry, found.asks, found.why_not) == (None, asks, "")


def test_equal_notebooks_are_one():
    found = notebook_of([entry("exercise (1).ipynb"), entry("exercise.ipynb")], "exercise")
    assert (found.entry.own, found.notes) == ("exercise.ipynb", ("several equal notebooks",))


def test_a_name_that_ends_in_a_number_is_its_own():
    files = [entry("hw-2.ipynb", b"2"), entry("hw-1.ipynb", b"1")]
    assert notebook_of(files, "hw-2").entry.own == "hw-2.ipynb"


@pytest.mark.parametrize(
    ("files", "why"),
    [
        ({}, ""),
        ({"essay.pdf": b""}, "none"),
        ({"a.ipynb": b"1", "b.ipynb": b"2"}, "several"),
        ({"x/exercise.ipynb": b"1", "y/exercise.ipynb": b"2"}, "twice"),
        ({"data.json": b"{}", "notes.txt": b"hello"}, "none"),
        ({"work.zip": b"no zip"}, "packed"),
        ({"work.rar": b"Rar!"}, "packed"),
        ({"work.zip": packed({"a.py": b""})}, "packed"),
        ({"work.zip": packed({"a.ipynb": b"1", "b.ipynb": b"2"})}, "several"),
        ({"work.zip": packed({"inner.zip": packed({"exercise.ipynb": b"1"})})}, "packed"),
        ({"work.zip": packed({"../exercise.ipynb": b"1"})}, "packed"),
        ({"a.json": REAL, "b.json": REAL}, "several"),
    ],
)
def test_why_there_is_none_is_known(files, why):
    found = notebook_of([entry(name, data) for name, data in files.items()], "exercise")
    assert (found.entry, found.why_not, found.asks) == (None, why, ())


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("work.zip", packed({"exercise.ipynb": REAL, "a.py": b""})),
        ("work.zip", packed({"deep/folder/exercise.ipynb": REAL, "other.ipynb": b"x"})),
        ("work.tar.gz", tarred({"./exercise.ipynb": REAL})),
        ("work.tgz", tarred({"exercise.ipynb": REAL, "._exercise.ipynb": b"mac"})),
    ],
)
def test_an_archive_with_the_notebook_is_looked_into(name, data):
    found = notebook_of(
        [entry(f"ann_1_2_{name}", data, name), entry("ann_1_2_notes.txt", b"")], "exercise"
    )
    assert found.entry.read() == REAL
    assert found.entry.path.startswith(f"ann_1_2_{name}/")
    assert found.notes[0].startswith(f"taken from ann_1_2_{name}/")


def test_a_notebook_goes_before_an_archive():
    found = notebook_of(
        [entry("old.zip", packed({"exercise.ipynb": b"old"})), entry("new.ipynb")], "exercise"
    )
    assert found.entry.own == "new.ipynb"
    assert "left out: old.zip" in found.notes


def test_attempts_in_an_archive_are_asked_about_too():
    data = packed({"exercise.ipynb": b"1", "exercise (1).ipynb": b"2"})
    assert notebook_of([entry("work.zip", data)], "exercise").asks


def test_a_notebook_that_lost_its_ending_is_known_by_what_it_is():
    found = notebook_of([entry("exercise.json"), entry("notes.txt", b"hello")], "exercise")
    assert (found.entry.own, found.notes) == (
        "exercise.json",
        ("taken from exercise.json", "left out: notes.txt"),
    )


def test_an_archive_larger_than_a_notebook_may_be_is_not_looked_into():
    data = packed({"exercise.ipynb": REAL}) + bytes(MAX_BYTES)
    assert notebook_of([entry("work.zip", data)], "exercise").why_not == "packed"


def test_a_bomb_in_an_archive_in_a_download_is_bounded(monkeypatch):
    data = packed({"exercise.ipynb": bytes(100 << 20)})
    found = notebook_of([entry("work.zip", data)], "exercise")
    assert len(found.entry.read()) == MAX_BYTES + 1
    monkeypatch.setattr(notebooks, "MAX_INSIDE", 1 << 20)
    data = tarred({"exercise.ipynb": bytes(9 << 20)})
    assert notebook_of([entry("work.tgz", data)], "exercise").why_not == "packed"


def test_what_cannot_be_read_stops_nobody():
    def broken():
        raise Unreadable("damaged")

    files = [Entry("a.zip", 5, broken), Entry("a.json", 5, broken)]
    assert notebook_of(files, "exercise").why_not == "packed"
    files = [Entry("exercise.ipynb", 5, broken), Entry("exercise-1.ipynb", 5, broken)]
    assert notebook_of(files, "exercise").asks == ("exercise-1.ipynb", "exercise.ipynb")
