"""What nbgrader's pages are given: timestamps that can be read and shown, names that are text."""

import os
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grader.pages import EscapeNames, read_timestamp


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-01-02 10:00:00 UTC", datetime(2026, 1, 2, 10)),
        ("1999-12-31 23:59:59 UTC", datetime(1999, 12, 31, 23, 59, 59)),
        ("", None),
        ("yesterday, honestly", None),
        ("<script>alert(1)</script>", None),
        ("99999-01-01 00:00:00 UTC", None),
        ("9999-12-31 23:59:59 UTC", None),
        ("0001-01-01 00:00:00 UTC", None),
        ("2026-01-02 10:00:00 99999999999999999999", None),
        ("2026-01-02 10:00:00 ../../../../etc/passwd", None),
        ("2026-01-02 10:00:00 UTC" + " " * 1000, None),
    ],
)  # fmt: skip
def test_a_timestamp_is_a_moment_or_nothing(tmp_path, text, moment):
    (tmp_path / "timestamp.txt").write_text(text)
    assert read_timestamp(tmp_path) == moment


def test_links_folders_pipes_and_bytes_are_no_timestamps(tmp_path):
    path = tmp_path / "timestamp.txt"
    assert read_timestamp(tmp_path) is None and read_timestamp(tmp_path / "nowhere") is None
    path.mkdir()
    assert read_timestamp(tmp_path) is None
    path.rmdir()
    os.mkfifo(path)
    assert read_timestamp(tmp_path) is None
    path.unlink()
    (tmp_path / "other").write_text("2026-01-02 10:00:00 UTC")
    path.symlink_to("other")
    assert read_timestamp(tmp_path) is None
    path.unlink()
    path.write_bytes(bytes(range(256))[:90])
    assert read_timestamp(tmp_path) is None


@given(
    st.text(max_size=60) | st.from_regex(r"\A\d{1,5}-\d{1,2}-\d{1,2} \d{1,2}:\d\d:\d\d .{0,9}\Z")
)
def test_no_timestamp_raises(tmp_path_factory, text):
    folder = tmp_path_factory.getbasetemp()
    (folder / "timestamp.txt").write_bytes(text.encode("utf-8", "replace"))
    moment = read_timestamp(folder)
    assert moment is None or moment.strftime("%Y-%m-%d %H:%M:%S %Z")


def test_names_reach_a_page_as_text():
    names = {
        "student": "<b>jo",
        "first_name": "\"'&",
        "last_name": None,
        "notebook_path": 'a/" x="',
        "total": 3,
    }
    shown = EscapeNames().preprocess(None, names | {"first_name": "\"'& \\\\href{x}{y}"})[1]
    assert shown == {
        "student": "&lt;b&gt;jo",
        "first_name": "&quot;&#x27;&amp; href{x}{y}",
        "last_name": None,
        "notebook_path": "a/&quot; x=&quot;",
        "total": 3,
    }
