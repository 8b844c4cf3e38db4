"""Blackboard's downloads: every attempt, whose it is, and local times."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from grader.lms.downloads import blackboard
from grader.lms.handins import Download, Entry, Key, Told
from tests.lms import archives
from tests.lms.archives import NOTEBOOK, class_of, when
from tests.lms.conftest import owners

STAMP = "2026-11-20-10-00-00"


def hand_ins(files, **told):
    entries = tuple(Entry(path, len(text), text.encode) for path, text in files.items())
    return blackboard.hand_ins(Download("", entries), Told(**told))


def test_everybody_of_a_class_is_found(tmp_path, read):
    class_ = class_of(40, lambda one: b"%d" % one.number)
    for unpacked in (False, True):
        contents = read(
            archives.blackboard(tmp_path, class_, unpacked=unpacked), "blackboard", zone=UTC
        )
        assert owners(contents, Key.LOGIN) == {
            one.id: {NOTEBOOK: data} for one, data in class_.items()
        }
        assert contents.refused == ()
        assert [one.moment for one in contents.hand_ins] == [when(one) for one in class_]


def test_a_local_time_needs_a_zone(tmp_path, read):
    path = archives.blackboard(tmp_path, class_of(1, b"{}"))
    (one,) = read(path, "blackboard").hand_ins
    assert (one.moment, one.clock) == (None, blackboard.NO_ZONE)
    (one,) = read(path, "blackboard", zone=ZoneInfo("America/New_York")).hand_ins
    assert one.moment == datetime(2026, 11, 20, 15, tzinfo=UTC)
    assert "America/New_York" in one.clock


def test_attempts_are_in_order_of_their_times(tmp_path, read):
    class_ = class_of(2, b"the newest")
    first = datetime(2026, 11, 1, 9, 0, 0)
    times = {one: [first, first + timedelta(days=8, hours=2)] for one in class_}
    contents = read(archives.blackboard(tmp_path, class_, times=times), "blackboard", zone=UTC)
    assert len(contents.hand_ins) == 4
    for one in class_:
        own = [h for h in contents.hand_ins if h.by[0][Key.LOGIN] == one.id]
        newest = max(own, key=lambda hand_in: hand_in.order)
        assert newest.files[0].read() == b"the newest"
        assert newest.label == "attempt of 2026-11-09-11-00-00"


def test_a_user_name_with_underscores_is_in_the_receipt():
    start = f"Sheet_1_ann_b_attempt_{STAMP}"
    files = {
        f"{start}_exercise.ipynb": "{}",
        f"{start}.txt": "Name: Ann B (ann_b)\nAssignment: Sheet_1\n",
    }
    (one,) = hand_ins(files).hand_ins
    assert one.by == ({Key.LOGIN: "ann_b"},)
    del files[f"{start}.txt"]
    (one,) = hand_ins(files).hand_ins
    assert one.by == ({Key.LOGIN: "b"},)


def test_a_receipt_cannot_name_somebody_else():
    start = f"Sheet_eve_attempt_{STAMP}"
    (one,) = hand_ins({f"{start}.txt": "Name: Eve (ann)\n"}).hand_ins
    assert (one.by, one.files) == (({Key.LOGIN: "eve"},), ())


def test_the_receipt_knows_the_students_own_names_and_not_the_students_words():
    start = f"Sheet_ann_attempt_{STAMP}"
    receipt = (
        f"Name: Ann (ann)\r\nComments:\r\nFiles:\r\n\tOriginal filename: evil.ipynb\r\n\tFilename: {start}_x.ipynb\r\n"
        f"\r\nFiles:\r\n\tOriginal filename: exercise.ipynb\r\n\tFilename: {start}_x.ipynb\r\n"
    )
    (one,) = hand_ins({f"{start}_x.ipynb": "{}", f"{start}.txt": receipt}).hand_ins
    assert [entry.own for entry in one.files] == ["exercise.ipynb"]


def test_what_is_not_named_so_is_a_row():
    contents = hand_ins({f"Sheet_ann_attempt_{STAMP}_x.ipynb": "{}", "Sheet_bob_x.ipynb": "{}"})
    assert [row.path for row in contents.refused] == ["Sheet_bob_x.ipynb"]


@given(
    st.text(st.characters(exclude_characters="/\\\0", codec="utf-8"), min_size=1, max_size=30),
    st.from_regex(r"[A-Za-z0-9.@+-]{1,20}", fullmatch=True),
    st.datetimes(datetime(1999, 1, 1), datetime(2100, 1, 1)),
)
def test_any_assignment_and_user_come_back(assignment, user, moment):
    moment = moment.replace(microsecond=0)
    name = f"{assignment}_{user}_attempt_{moment:%Y-%m-%d-%H-%M-%S}_a_bob_attempt_{STAMP}_b.ipynb"
    (one,) = hand_ins({name: "{}"}, zone=UTC).hand_ins
    assert one.by == ({Key.LOGIN: user},)
    assert (one.moment, one.files[0].own) == (
        moment.replace(tzinfo=UTC),
        f"a_bob_attempt_{STAMP}_b.ipynb",
    )
