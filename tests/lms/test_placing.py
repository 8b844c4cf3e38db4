"""Where collected work lies, when it came in, and what a second download changes: only what is newer, and nothing by hand."""

import json
import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from places import Class, hand_in, moment, roster

from grader.errors import CourseError
from grader.lms.collect import placing
from grader.lms.collect.attempts import BY_HAND
from grader.lms.collect.command import put
from grader.lms.handins import Entry, HandIn, Key
from grader.reader import MAX_BYTES, read
from grader.store import StateFile, sha256
from grader.submission.timestamps import read_timestamp

OLD, NEW, THIRD = b'{"cells": [], "old": 1}', b'{"cells": [], "new": 1}', b'{"cells": [], "3": 1}'


@pytest.fixture
def ann(tmp_path):
    """A class of one."""
    return Class(tmp_path, roster("ann"))


def by_hand(ann, data, name="toy/exercise.ipynb"):
    path = ann.place.submitted / "ann" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def cell(grade_id, source=""):
    """A notebook of one cell that nbgrader knows by this id."""
    clues = {"nbgrader": {"grade_id": grade_id}}
    one = {"cell_type": "code", "source": source, "outputs": [], "metadata": clues}
    return json.dumps({"nbformat": 4, "cells": [one]}).encode()


def test_a_notebooks_file_has_the_time_of_hand_in(ann):
    ann.collect(hand_in("ann", NEW, moment=moment(7)))
    proper = ann.place.proper("ann")
    assert proper.read_bytes() == NEW
    assert proper.stat().st_mtime == moment(7).timestamp()
    assert read_timestamp(proper.parent) == moment(7).replace(tzinfo=None), (
        "--timestamps keep reads the same"
    )


def test_where_the_time_is_not_known_the_file_is_of_no_time_and_an_older_stamp_goes(ann):
    ann.collect(hand_in("ann", OLD, moment=moment(7), order=(1.0,)))
    ann.collect(hand_in("ann", NEW, order=(2.0,)))
    proper = ann.place.proper("ann")
    assert (proper.read_bytes(), proper.stat().st_mtime) == (NEW, 0)
    assert read_timestamp(proper.parent) is None


def test_a_time_that_a_later_download_knows_is_entered(ann):
    ann.collect(hand_in("ann", NEW, order=(1.0,)))
    assert ann.collect(hand_in("ann", NEW, moment=moment(7))) == {"ann": "same"}
    assert ann.place.proper("ann").stat().st_mtime == moment(7).timestamp()
    assert ann.collect(hand_in("ann", NEW, order=(1.0,))) == {"ann": "same"}
    assert ann.place.proper("ann").stat().st_mtime == moment(7).timestamp()


def test_the_same_download_twice_writes_nothing(tmp_path, ann):
    found = hand_in("ann", NEW, moment=moment(1), late=True)
    ann.collect(found)
    before = {
        path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.suffix != ".txt"
    }
    assert ann.collect(found) == {"ann": "same"}
    assert before == {
        path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.suffix != ".txt"
    }


def test_older_work_overwrites_nothing_and_is_kept(ann):
    ann.collect(hand_in("ann", NEW, moment=moment(2)))
    assert ann.collect(hand_in("ann", OLD, moment=moment(1))) == {"ann": "older: kept"}
    assert ann.stands("ann") == NEW
    assert ann.place.archive.file("ann", sha256(OLD)).read_bytes() == OLD


def test_newer_work_takes_the_place_and_the_older_is_kept(ann):
    ann.collect(hand_in("ann", OLD, moment=moment(1)))
    assert ann.collect(hand_in("ann", NEW, moment=moment(2))) == {"ann": "newer"}
    assert ann.stands("ann") == NEW
    assert ann.place.archive.file("ann", sha256(OLD)).read_bytes() == OLD


def test_what_a_download_does_not_hold_stays(tmp_path):
    here = Class(tmp_path, roster("ann", "bob"))
    here.collect(hand_in("ann", NEW), hand_in("bob", NEW))
    assert here.collect(hand_in("bob", NEW)) == {"ann": "same", "bob": "same"}
    assert "nothing in these downloads: collected before" in here.row("ann").notes


def test_the_first_work_handed_in_again_counts_again(ann):
    for n, data in enumerate([OLD, NEW, OLD]):
        ann.collect(hand_in("ann", data, moment=moment(n)))
    assert (
        ann.stands("ann") == OLD
        and ann.place.proper("ann").stat().st_mtime == moment(2).timestamp()
    )


def test_a_newer_download_that_tells_no_order_asks_and_one_word_decides(ann):
    ann.collect(hand_in("ann", OLD))
    assert ann.collect(hand_in("ann", NEW)) == {"ann": "asks"} and ann.stands("ann") == OLD
    assert ann.collect(hand_in("ann", NEW), attempt=["download"]) == {"ann": "chosen"}
    assert ann.stands("ann") == NEW
    assert ann.collect(hand_in("ann", NEW)) == {"ann": "same"}
    assert ann.collect(hand_in("ann", THIRD)) == {"ann": "asks"} and ann.stands("ann") == NEW


@pytest.mark.parametrize("name", ["toy/exercise.ipynb", "exercise.ipynb", "mine.ipynb"])
def test_work_that_somebody_put_there_stays_until_it_is_said_otherwise(ann, name):
    path = by_hand(ann, OLD, name)
    assert ann.collect(hand_in("ann", NEW, moment=moment(1))) == {"ann": "asks"}
    assert ann.stands("ann") == OLD
    assert any("--overwrite" in note for note in ann.row("ann").notes)
    told = ann.collect(hand_in("ann", NEW, moment=moment(1)), overwrite=True)
    assert told == {"ann": "newer"} and ann.stands("ann") == NEW
    assert ann.place.archive.file("ann", sha256(OLD)).read_bytes() == OLD
    assert path == ann.place.proper("ann") or not path.exists()
    assert ann.collect(hand_in("ann", NEW, moment=moment(1))) == {"ann": "same"}


def test_work_put_over_collected_work_by_hand_is_work_by_hand(ann):
    ann.collect(hand_in("ann", OLD, moment=moment(1)))
    by_hand(ann, THIRD)
    assert ann.collect(hand_in("ann", NEW, moment=moment(2))) == {"ann": "asks"}
    assert ann.stands("ann") == THIRD


def test_equal_work_put_there_by_hand_is_the_same_and_keeps_its_time(ann):
    path = by_hand(ann, NEW)
    os.utime(path, (10**9, 10**9))
    assert ann.collect(hand_in("ann", NEW)) == {"ann": "same"}
    assert path.stat().st_mtime == 10**9


def test_somebody_whose_work_only_lies_there_is_not_missing(ann):
    by_hand(ann, NEW)
    assert ann.collect() == {"ann": "same"} and "put there by hand" in ann.row("ann").notes[0]


def test_work_kept_from_by_hand_can_be_chosen_again(ann):
    by_hand(ann, OLD)
    ann.collect(hand_in("ann", NEW, moment=moment(1)), overwrite=True)
    assert {a.system for a in ann.place.archive.read("ann").attempts} == {"canvas", BY_HAND}
    ann.collect(attempt=[f"ann={sha256(OLD)[:10]}"])
    assert ann.stands("ann") == OLD


def test_another_assignments_notebook_in_nobodys_folder_is_left_to_that_one(tmp_path):
    here = Class(tmp_path, roster("ann"), others={"hw2"}, ids={"mine"})
    theirs, ours = (
        by_hand(here, cell("theirs"), "hw2.ipynb"),
        by_hand(here, cell("mine"), "a.ipynb"),
    )
    assert here.collect(hand_in("ann", cell("mine", "newer")), overwrite=True) == {"ann": "newer"}
    assert theirs.read_bytes() == cell("theirs") and not ours.exists()


def test_work_by_hand_that_is_larger_than_a_notebook_may_be_is_kept_whole(ann):
    large = b" " * (MAX_BYTES + 9)
    by_hand(ann, large)
    ann.collect(hand_in("ann", NEW), overwrite=True)
    assert ann.place.archive.file("ann", sha256(large)).read_bytes() == large


def test_what_cannot_be_read_in_one_students_folder_stops_nobody_else(tmp_path, monkeypatch):
    here = Class(tmp_path, roster("ann", "bob"))
    locked = by_hand(here, OLD)

    def reading(path):
        if path == locked:
            raise PermissionError(13, "Permission denied", str(path))
        return read(path)

    monkeypatch.setattr(placing, "read", reading)
    found = [hand_in("ann", NEW), hand_in("bob", NEW)]
    assert here.collect(*found) == {"ann": "asks", "bob": "new"}
    assert "submitted/ann cannot be read (Permission denied)" in here.row("ann").notes[-1]
    assert locked.read_bytes() == OLD


def test_a_linked_folder_is_nobodys_place(tmp_path, ann):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "submitted").mkdir()
    (tmp_path / "submitted/ann").symlink_to(tmp_path / "elsewhere")
    assert ann.collect(hand_in("ann", NEW)) == {"ann": "asks"}
    assert list((tmp_path / "elsewhere").iterdir()) == []


@pytest.mark.parametrize("place", ["toy", "toy/exercise.ipynb"])
def test_nothing_is_written_through_a_link_within_a_students_folder(tmp_path, ann, place):
    target = tmp_path / "elsewhere"
    target.mkdir() if place == "toy" else target.write_bytes(THIRD)
    path = tmp_path / "submitted/ann" / place
    path.parent.mkdir(parents=True)
    path.symlink_to(target)
    ann.collect(hand_in("ann", NEW), overwrite=True)
    assert ann.stands("ann") == NEW
    assert list(target.iterdir()) == [] if place == "toy" else target.read_bytes() == THIRD


def test_a_command_that_was_stopped_at_any_point_goes_on(tmp_path):
    """Each step of placing fails once; the same command again ends where one that was never stopped does."""
    import grader.lms.collect.placing as placing

    stopped = 0
    for step in range(20):
        here = Class(tmp_path / str(step), roster("ann"))
        here.collect(hand_in("ann", OLD, moment=moment(1)))
        calls = iter(range(100))

        def stop(real, calls=calls, step=step):
            def made(*args, **kwargs):
                if next(calls) == step:
                    raise KeyboardInterrupt
                return real(*args, **kwargs)

            return made

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(placing.Place, "_place", stop(placing.Place._place))
            patch.setattr(placing.Place, "_tell", stop(placing.Place._tell))
            patch.setattr(placing.Archive, "put", stop(placing.Archive.put))
            patch.setattr(placing.Archive, "write", stop(placing.Archive.write))
            patch.setattr(placing.shutil, "copyfile", stop(placing.shutil.copyfile))
            patch.setattr(placing.os, "utime", stop(placing.os.utime))
            try:
                here.collect(hand_in("ann", NEW, moment=moment(2)))
            except KeyboardInterrupt:
                stopped += 1
                assert here.stands("ann") in (OLD, NEW)
        here.collect(hand_in("ann", NEW, moment=moment(2)))
        assert here.stands("ann") == NEW
        assert here.place.proper("ann").stat().st_mtime == moment(2).timestamp()
        assert here.collect(hand_in("ann", NEW, moment=moment(2))) == {"ann": "same"}
    assert stopped >= 5


def test_what_the_system_says_reaches_the_students_state(tmp_path, ann):
    ann.collect(hand_in("ann", NEW, late=True))
    told = StateFile(tmp_path, "toy", "ann").read().told
    assert told == {sha256(NEW): "late, as canvas says; by how much is not known"}
    ann.collect(hand_in("ann", NEW, late=True, moment=moment(3)))
    assert StateFile(tmp_path, "toy", "ann").read().told == {}


STUDENTS = ("ann", "bob", "cid")
# a history: who hands in what, one after the other; of few notebooks, so that earlier ones come again
HISTORY = st.lists(st.tuples(st.sampled_from(STUDENTS), st.integers(0, 3)), min_size=1, max_size=12)
# downloads: taken after so many hand-ins, of these students
DOWNLOADS = st.lists(
    st.tuples(st.integers(0, 12), st.sets(st.sampled_from(STUDENTS), min_size=1)),
    min_size=1,
    max_size=6,
)


def snapshot(history, taken, students, told):
    """What a system gives then: the last attempt of each; `told`: how it says which attempt that is."""
    last = {}
    for n, (student, work) in enumerate(history[:taken]):
        last[student] = (n, work)
    for student, (n, work) in last.items():
        if student in students:
            data = b'{"cells": [], "work": %d}' % work
            yield student, n, hand_in(student, data, **told(n))


@settings(max_examples=60, deadline=None)
@given(
    history=HISTORY,
    downloads=DOWNLOADS,
    told=st.sampled_from(
        [
            lambda n: {"moment": moment(n)},
            lambda n: {"order": (float(n),)},
            lambda n: {"order": (float(n),), "moment": moment(n)},
        ]
    ),
)
def test_whatever_downloads_come_in_whatever_order_the_newest_attempt_stands(
    history, downloads, told
):
    with tempfile.TemporaryDirectory() as folder:
        here, newest = Class(Path(folder), roster(*STUDENTS)), {}
        for taken, students in downloads:
            found = list(snapshot(history, taken, students, told))
            standing = {student: here.stands(student) for student in STUDENTS}
            for _ in range(2):
                rows = here.collect(*(each for _, _, each in found))
            for student, n, each in found:
                if n >= newest.get(student, (-1, None))[0]:
                    newest[student] = (n, each.files[0].read())
            for student in STUDENTS:
                expected = newest.get(student, (0, None))[1]
                assert here.stands(student) == expected
                assert rows[student] in (("same", "older: kept") if expected else ("missing",))
                assert expected or standing[student] is None


def test_an_order_in_words_gives_way_to_a_time_and_never_beats_one(ann):
    ann.collect(hand_in("ann", NEW, order=("2026-11-20 11:00",), clock="local"), system="moodle")
    dated = hand_in("ann", NEW, order=(7.0,), moment=moment(0), clock="a worksheet")
    assert ann.collect(dated, system="moodle") == {"ann": "same"}
    assert ann.place.proper("ann").stat().st_mtime == moment(0).timestamp()
    assert ann.row("ann").clock == "a worksheet"
    other = hand_in("ann", OLD, order=("2026-11-20 10:30",))
    assert ann.collect(other, system="moodle") == {"ann": "asks"} and ann.stands("ann") == NEW


def test_a_download_that_changes_while_it_is_read_is_an_error_and_places_nothing(ann):
    held = [NEW]
    rows = ann.plan(HandIn(({Key.LOGIN: "ann"},), (Entry("exercise.ipynb", 1, lambda: held[-1]),)))
    held.append(OLD)
    with pytest.raises(CourseError, match="changed while it was read"):
        ann.place.put(rows[0])
    assert ann.stands("ann") is None


def test_a_file_where_a_students_folder_should_be_asks(tmp_path, ann):
    (tmp_path / "submitted").mkdir()
    (tmp_path / "submitted/ann").write_bytes(OLD)
    assert ann.collect(hand_in("ann", NEW)) == {"ann": "asks"}
    assert "submitted/ann is no folder" in ann.row("ann").notes[-1]
    assert (tmp_path / "submitted/ann").read_bytes() == OLD


def test_a_folder_that_cannot_be_written_is_one_row_and_stops_nobody(tmp_path):
    here = Class(tmp_path, roster("ann", "bob"))
    (tmp_path / "submitted").mkdir()
    (tmp_path / "submitted/ann").write_bytes(OLD)
    rows = here.plan(hand_in("ann", NEW), hand_in("bob", NEW), overwrite=True)
    for row in rows:
        put(here.place, row)
    assert [row.what for row in rows] == ["refused", "new"] and here.stands("bob") == NEW
    assert "mend it and run again" in rows[0].notes[-1]


def test_what_an_interruption_left_beside_the_notebook_goes(ann):
    ann.collect(hand_in("ann", NEW))
    left = ann.place.proper("ann").with_suffix(".part")
    left.write_bytes(b"x")
    assert ann.collect(hand_in("ann", NEW)) == {"ann": "same"} and not left.exists()
