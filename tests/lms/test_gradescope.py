"""Gradescope's exports: groups, times, earlier attempts, and metadata that are not trusted."""

import contextlib
import time
import tracemalloc
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grader.lms.downloads import gradescope
from grader.lms.downloads.gradescope import METADATA
from grader.lms.downloads.notebooks import notebook_of
from grader.lms.handins import Download, Entry, Key, Told
from grader.reader import Unreadable
from grader.text import one_line
from tests.lms import archives
from tests.lms.archives import NOTEBOOK, class_of, quoted, students, when


def hand_ins(metadata, *paths):
    files = {METADATA: metadata, **dict.fromkeys(paths, "{}")}
    entries = tuple(Entry(path, len(text), text.encode) for path, text in files.items())
    return gradescope.hand_ins(Download("export", entries), Told())


@pytest.mark.parametrize("unpacked", [False, True])
def test_everybody_of_a_class_is_found_with_time_and_keys(tmp_path, read, unpacked):
    class_ = class_of(40, lambda one: b"%d" % one.number)
    contents = read(archives.gradescope(tmp_path, class_, unpacked=unpacked), "gradescope")
    assert contents.refused == ()
    for one, (student, data) in zip(contents.hand_ins, class_.items(), strict=True):
        keys = {Key.SIS: student.sis, Key.EMAIL: student.email, Key.NAME: student.name}
        assert one.by == (keys,)
        assert [(entry.own, entry.read()) for entry in one.files] == [(NOTEBOOK, data)]
        assert (one.moment, one.late) == (when(student), None)
        assert "created_at" in one.clock


def test_the_exports_folder_itself_can_be_named(tmp_path, read):
    path = archives.gradescope(tmp_path, class_of(3, b"{}"), unpacked=True)
    assert len(read(path / "assignment_77_export", "gradescope").hand_ins) == 3


def test_a_group_hands_in_for_all(tmp_path, read):
    class_ = class_of(5, b"{}")
    ann, bob, cem, *_ = class_
    contents = read(archives.gradescope(tmp_path, class_, groups=[(ann, bob, cem)]), "gradescope")
    assert [[keys[Key.SIS] for keys in one.by] for one in contents.hand_ins] == [
        [ann.sis, bob.sis, cem.sis],
        *([one.sis] for one in students(5)[3:]),
    ]


def test_earlier_attempts_are_counted_and_newer_ones_come_later(tmp_path, read):
    class_ = class_of(2, b"{}")
    once, again = class_
    contents = read(archives.gradescope(tmp_path, class_, history={again: 3}), "gradescope")
    assert [one.label for one in contents.hand_ins] == [
        "submission_5000, attempt 1",
        "submission_5001, attempt 4",
    ]
    assert contents.hand_ins[1].order > contents.hand_ins[0].order


@pytest.mark.parametrize(
    ("written", "moment"),
    [
        ("2026-11-20 10:00:00.123456000 Z", datetime(2026, 11, 20, 10, 0, 0, tzinfo=UTC)),
        ("2026-11-20 02:00:00.5 -08:00", datetime(2026, 11, 20, 10, 0, 0, tzinfo=UTC)),
        ("'2026-11-20T11:00:00.365935+01:00'", datetime(2026, 11, 20, 10, 0, 0, tzinfo=UTC)),
        ("2026-11-20 10:00:00", None),  # without a zone it is no moment
        ("yesterday", None),
        ("9999-99-99 10:00:00 Z", None),
        ("0001-01-01 00:00:00 +10:00", None),
        ("[1, 2]", None),
        ("*alias", None),
    ],
)
def test_a_time_is_read_as_ruby_writes_it_or_not_at_all(written, moment):
    anchor = "\n  :x: &alias 2026-11-20 10:00:00 Z" if written == "*alias" else ""
    text = f"submission_1:{anchor}\n  :submitters:\n  - :sid: '1'\n  :created_at: {written}\n"
    (one,) = hand_ins(text, "submission_1/x.ipynb").hand_ins
    assert one.moment == moment
    assert ("names no time" in one.clock) == (moment is None)


def test_an_object_of_rails_has_its_time_in_utc():
    text = """submission_1:
  :submitters:
  - :name: Ann
    :sid: '007'
  :created_at: !ruby/object:ActiveSupport::TimeWithZone
    utc: &1 2026-11-20 10:00:00.000000000 Z
    zone: &2 !ruby/object:ActiveSupport::TimeZone
      name: Pacific Time (US & Canada)
    time: 2026-11-20 02:00:00.000000000 Z
"""
    (one,) = hand_ins(text, "submission_1/x.ipynb").hand_ins
    assert one.moment == datetime(2026, 11, 20, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    "sid", ["0123", "1_000", "0x1f", "12:30", "1e3", "2026-01-01", "yes", "-7"]
)
def test_an_id_stays_as_it_is_written(sid):
    text = f"submission_1:\n  :submitters:\n  - :sid: {sid}\n    :email: \n    :name: ~\n"
    (one,) = hand_ins(text, "submission_1/x.ipynb").hand_ins
    assert one.by == ({Key.SIS: sid},)


@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cn", "Co"]), max_size=40))
def test_any_name_comes_back(name):
    text = f"submission_1:\n  :submitters:\n  - :name: {quoted(name)}\n    :sid: '1'\n"
    (one,) = hand_ins(text, "submission_1/x.ipynb").hand_ins
    assert one.by[0].get(Key.NAME, "") == one_line(name)


def test_a_name_cannot_write_on_the_terminal():
    text = r"""submission_1:
  :submitters:
  - :name: "\e[31mred\nsecond line"
    :sid: '1'
"""
    (one,) = hand_ins(text, "submission_1/x.ipynb").hand_ins
    assert one.by[0][Key.NAME] == "red ⏎ second line"


# --- what cannot be read


@pytest.mark.parametrize(
    "text",
    [
        "!!python/object/apply:os.system ['touch /tmp/owned']",
        "submission_1: !!python/object/apply:os.system ['touch /tmp/owned']",
        "submission_1: !ruby/object:Gem::Installer\n  i: x",
    ],
)
def test_no_object_is_made_of_a_tag(text, monkeypatch):
    monkeypatch.setattr("os.system", lambda words: pytest.fail(words))
    assert hand_ins(text, "submission_1/x.ipynb").hand_ins == ()


def test_aliases_of_aliases_take_neither_time_nor_memory():
    levels = [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 40)]
    text = "\n".join(
        ["a0: &a0 [lol]", *levels, "submission_1: *a39", "submission_2:", "  :submitters: *a39"]
    )
    tracemalloc.start()
    start = time.monotonic()
    contents = hand_ins(text, "submission_1/x.ipynb")
    assert time.monotonic() - start < 5
    assert tracemalloc.get_traced_memory()[1] < 10 << 20
    tracemalloc.stop()
    assert contents.hand_ins == ()


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "no table"),
        ("- a\n- b", "no table"),
        ("a: [", "cannot be read"),
        ("\0", "cannot be read"),
        ("submission_1: " + "[" * 500, "nested too deeply"),
        (
            "submission_1:\n  :submitters:\n  - :sid: '1'\n  :x: " + "{a: " * 9000,
            "nested too deeply",
        ),
        ("submission_1: *nothing", ""),
    ],
)
def test_metadata_that_are_none_are_a_row(text, why):
    contents = hand_ins(text, "submission_1/x.ipynb")
    assert contents.hand_ins == ()
    assert why in contents.refused[0].why
    assert "\n" not in contents.refused[0].why


def test_metadata_as_a_large_class_has_them_are_read_in_seconds():
    test = "    - name: a law\n      output: " + "x" * 2000 + "\n"
    one = "  :submitters:\n  - :sid: '{0}'\n  :created_at: 2026-11-20 10:00:00 Z\n  :results:\n    tests:\n"
    text = "".join(f"submission_{n}:\n{one.format(n)}{test * 20}" for n in range(400))
    start = time.monotonic()
    assert len(gradescope.read(text.encode())) == 400
    assert time.monotonic() - start < 20


def test_a_binary_file_of_that_name_is_unreadable():
    with pytest.raises(Unreadable):
        gradescope.read(b"\xff\xfe\x00\xd8")


def test_without_metadata_nobody_is_guessed():
    entries = (Entry("submission_5/x.ipynb", 2, b"{}".decode),)
    opened = Download("export", entries)
    assert gradescope.recognised(opened)
    contents = gradescope.hand_ins(opened, Told())
    assert contents.hand_ins == ()
    assert METADATA in contents.refused[0].why


def test_whom_nobody_names_and_what_nobody_knows_are_rows():
    text = "submission_1:\n  :submitters: []\nsubmission_2:\n  :submitters:\n  - :sid: '2'\n"
    contents = hand_ins(text, "submission_1/x.ipynb", "submission_3/x.ipynb", "loose.ipynb")
    assert [(row.path, row.why) for row in contents.refused] == [
        ("submission_1", f"{METADATA} names nobody who handed it in"),
        ("submission_3", f"{METADATA} says nothing of it"),
        ("loose.ipynb", f"{METADATA} says nothing of it"),
    ]
    (one,) = contents.hand_ins
    assert (one.files, notebook_of(one.files).why_not) == ((), ""), (
        "handed in, but nothing is there"
    )


def test_a_students_own_file_of_that_name_is_not_the_metadata():
    own = f"submission_1/{METADATA}"
    text = "submission_1:\n  :submitters:\n  - :sid: '1'\n"
    (one,) = hand_ins(text, "submission_1/x.ipynb", own).hand_ins
    assert sorted(entry.path for entry in one.files) == [
        "submission_1/submission_metadata.yml",
        "submission_1/x.ipynb",
    ]


PIECES = ["submission_1", ":submitters", ":sid", ":created_at", ":history", ":", ": ", "- ", "\n", "\n  ", "\n    ", "{", "}", "[", "]", "&a ", "*a", "!x ", "'", '"', "|", "? ", "<<", "---\n", "...\n", "~", "1"]  # fmt: skip


@given(st.lists(st.sampled_from(PIECES), max_size=40).map("".join))
def test_any_text_is_metadata_or_unreadable(text):
    with contextlib.suppress(Unreadable):
        for submission in gradescope.read(text.encode()).values():
            assert all(
                isinstance(value, str) for keys in submission.people for value in keys.values()
            )
