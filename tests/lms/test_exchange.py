"""nbgrader's exchange, and what zip_collect makes."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from grader.lms.downloads import exchange
from grader.lms.handins import Download, Entry, Key, Told
from tests.lms import archives
from tests.lms.archives import NOTEBOOK, class_of, when
from tests.lms.conftest import owners


def hand_ins(*paths, **told):
    entries = tuple(Entry(path, 2, "{}".encode) for path in paths)
    return exchange.hand_ins(Download("", entries), Told(**told))


def test_everybody_of_a_class_is_found_in_the_inbound_folder(tmp_path, read):
    class_ = class_of(40, lambda one: b"%d" % one.number)
    contents = read(archives.exchange(tmp_path, class_), "nbgrader", assignment="toy")
    assert owners(contents, Key.STUDENT) == {
        one.id: {NOTEBOOK: data} for one, data in class_.items()
    }
    assert [one.moment for one in contents.hand_ins] == [when(one) for one in class_]
    assert contents.refused == ()


def test_attempts_are_in_order_and_the_newest_is_last(tmp_path, read):
    class_ = class_of(2, b"the newest")
    times = {one: [when(one) - timedelta(days=9), when(one)] for one in class_}
    contents = read(archives.exchange(tmp_path, class_, times=times), "nbgrader")
    assert len(contents.hand_ins) == 4
    for one in class_:
        own = [h for h in contents.hand_ins if h.by[0][Key.STUDENT] == one.id]
        assert max(own, key=lambda hand_in: hand_in.order).files[0].read() == b"the newest"


def test_another_assignments_are_rows():
    stamp = "2026-11-20 10:00:00.000000 UTC"
    contents = hand_ins(
        f"ann+toy+{stamp}+x/a.ipynb", f"ann+hw2+{stamp}+x/a.ipynb", assignment="toy"
    )
    assert len(contents.hand_ins) == 1
    assert [row.why for row in contents.refused] == ["another assignment's: hw2"]


@pytest.mark.parametrize(
    ("stamp", "zone", "moment"),
    [
        ("2026-11-20 10:00:00.123456 UTC", None, datetime(2026, 11, 20, 10, tzinfo=UTC)),
        ("2026-11-20 10_00_00 UTC", None, datetime(2026, 11, 20, 10, tzinfo=UTC)),  # on Windows
        ("2026-11-20 10:00:00 +0100", None, datetime(2026, 11, 20, 9, tzinfo=UTC)),
        ("2026-11-20 10:00:00.5 -03", None, datetime(2026, 11, 20, 13, tzinfo=UTC)),
        ("2026-11-20 10:00:00", ZoneInfo("Europe/Berlin"), datetime(2026, 11, 20, 9, tzinfo=UTC)),
        ("2026-11-20 10:00:00", None, None),
        # which CET that is, nobody says
        ("2026-11-20 10:00:00 CET", ZoneInfo("Europe/Berlin"), None),
        ("2026-11-99 10:00:00 UTC", None, None),
    ],
)
@pytest.mark.parametrize("end", ["", "+aB-_9"])
def test_the_time_in_a_folders_name(stamp, zone, moment, end):
    (one,) = hand_ins(f"a+b@x+toy+{stamp}{end}/a.ipynb", zone=zone).hand_ins
    assert (one.by, one.moment) == (({Key.STUDENT: "a+b@x"},), moment)


def test_zip_collects_folders_are_read_and_tell_no_time(tmp_path, read):
    class_ = class_of(5, b"{}")
    place = archives.zip_collect(tmp_path, class_)
    for path in (place, tmp_path):
        contents = read(path, "nbgrader", assignment="toy")
        assert owners(contents, Key.STUDENT) == {one.id: {NOTEBOOK: b"{}"} for one in class_}
        assert {(one.moment, one.clock) for one in contents.hand_ins} == {(None, exchange.NO_CLOCK)}


def test_folders_of_several_assignments_are_not_recognised():
    entries = tuple(Entry(path, 2, bytes) for path in ("ann/toy/a.ipynb", "bob/hw2/a.ipynb"))
    assert not exchange.recognised(Download("", entries))
