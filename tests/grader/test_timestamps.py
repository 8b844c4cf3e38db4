"""When a notebook came in: the file's time or the collector's word, and what is staged for nbgrader."""

import os
import sqlite3
from pathlib import Path
from types import SimpleNamespace

import pytest

from grader.submission.handed_in import HandedIn
from grader.submission.timestamps import file_time


def test_timestamps_are_the_collectors_and_a_students_is_put_aside(class_folder):
    for student, text in {"bob": b"1999-12-31 23:59:59 UTC", "cat": bytes(range(256))}.items():
        class_folder.hand_in(student)
        class_folder.hand_in(student, text, "toy/timestamp.txt")
    os.utime(class_folder.hand_in("ann"), (0, 1_600_000_000))
    class_folder.hand_in("dan", name="elsewhere/exercise.ipynb")
    class_folder.hand_in("eve", b"9" * 1000, "toy/timestamp.txt")
    (class_folder.hand_in("fay").parent / "timestamp.txt").mkdir()
    submitted = class_folder.folder / "submitted"
    for _ in range(2):
        assert class_folder.grade().returncode == 0
        moments = {s: (m or "none").partition(".")[0] for s, m in timestamps(class_folder.folder)}
        assert moments["ann"] == "2020-09-13 12:26:40" and "1999" not in moments["bob"]
        for student, moment in moments.items():
            path = submitted / student / "toy/timestamp.txt"
            assert student in ("dan", "eve") or path.read_text() == f"{moment} UTC"
    assert (submitted / "bob/toy/timestamp.txt.refused").read_text().startswith("1999")
    later = class_folder.hand_in("ann")
    os.utime(later, (0, 1_700_000_000))
    assert class_folder.grade().returncode == 0
    assert dict(timestamps(class_folder.folder))["ann"].startswith("2023-11-14 22:13:20")
    class_folder.hand_in("ann", b"2026-01-01 10:00:00 UTC", "toy/timestamp.txt")
    assert class_folder.grade("--timestamps", "keep").returncode == 0
    assert dict(timestamps(class_folder.folder))["ann"].startswith("2026-01-01 10:00:00")


@pytest.mark.parametrize("seconds", [0, 40_000_000_000, 10**12, -(10**12)])
def test_a_files_time_that_is_none_stops_nobody(seconds, tmp_path, monkeypatch):
    """An archive may hold any, and some file systems keep it: here the system call answers for one of them."""
    monkeypatch.setattr(Path, "stat", lambda path: SimpleNamespace(st_mtime=seconds))
    assert file_time(tmp_path) == ""


def test_a_notebook_from_nowhen_is_graded_and_said_to_be(class_folder):
    os.utime(class_folder.hand_in("ann"), (0, 0))
    class_folder.hand_in("bob")
    assert class_folder.grade().returncode == 0
    assert class_folder.marks() == {"ann": 2.0, "bob": 2.0}
    assert "no plausible time" in class_folder.status()["ann"]["notes"]
    assert dict(timestamps(class_folder.folder))["ann"] is None


def test_a_link_to_another_students_folder_moves_nothing_there(class_folder):
    for student in ("ann", "eve"):
        os.utime(class_folder.hand_in(student), (0, 1_700_000_000))
    submitted = class_folder.folder / "submitted"
    os.utime(class_folder.hand_in("mallory", name="other/exercise.ipynb"), (0, 1_500_000_000))
    (submitted / "mallory/toy").symlink_to("../ann/toy")
    for options in ([], ["--timestamps", "keep"]):
        assert class_folder.grade(*options).returncode == 0
        assert (submitted / "ann/toy/timestamp.txt").read_text() == "2023-11-14 22:13:20 UTC"
        assert not list((submitted / "ann/toy").glob("*.refused"))
    assert dict(timestamps(class_folder.folder))["mallory"] is None, "no collector wrote one"
    (submitted / "eve/toy").rename(submitted / "eve/gone")
    (submitted / "eve/toy").symlink_to("../ann/toy")
    class_folder.nbgrader("autograde", "toy", "--student", "eve", "--force")
    page = (class_folder.folder / "autograded/eve/toy/exercise.ipynb").read_text()
    assert "could not be read" in page and "basket_total: 0 of 2" in page


def test_a_timestamp_as_large_as_a_disk_is_never_read(class_folder):
    home = class_folder.hand_in("ann").parent
    for options in ([], ["--timestamps", "keep"]):
        with (home / "timestamp.txt").open("w") as file:
            file.truncate(1 << 34)
        assert class_folder.grade(*options).returncode == 0


def test_a_timestamp_put_aside_is_said_and_can_be_fetched_back(class_folder):
    for student, text in {"ann": b"2026-01-01 10:00:00 UTC", "bob": b"yesterday"}.items():
        class_folder.hand_in(student)
        class_folder.hand_in(student, text, "toy/timestamp.txt")
    for _ in range(2):
        assert class_folder.grade().returncode == 0
        assert "was put aside: --timestamps keep" in class_folder.status()["ann"]["notes"]
    for _ in range(2):
        assert class_folder.grade("--timestamps", "keep").returncode == 0
        assert dict(timestamps(class_folder.folder))["ann"].startswith("2026-01-01 10:00:00")
        rows = class_folder.status()
        assert rows["ann"]["notes"] == "" and "names no moment" in rows["bob"]["notes"]
    assert class_folder.grade().returncode == 0
    refused = class_folder.folder / "submitted/ann/toy/timestamp.txt.refused"
    assert refused.read_text().startswith("2026-01-01"), "the collector's is never lost"


def test_a_notebook_that_cannot_be_read_is_staged_as_such(class_folder):
    from grader.classroom import batch as module
    from grader.submission.choosing import Found

    entry = Found("ann", Path("/proc/self/mem"))  # opens, and gives an error when it is read
    stage = module.Batch.__new__(module.Batch)
    stage.assignment, stage.keep_timestamps = (
        SimpleNamespace(name="toy", notebook=Path("exercise.ipynb")),
        False,
    )
    stage.staged, stage.submitted = (
        class_folder.folder / "staged",
        class_folder.folder / "submitted",
    )
    stage.root = class_folder.folder
    assert stage._stage(entry) == HandedIn(why_not="locked")
    assert stage._staged(entry).read_bytes() == b""


def timestamps(folder):
    with sqlite3.connect(folder / "gradebook.db") as database:
        return database.execute(
            "select student_id, timestamp from submitted_assignment order by 1"
        ).fetchall()
