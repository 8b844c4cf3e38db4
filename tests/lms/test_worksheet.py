"""What Moodle's worksheet says of when work came in."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import archives
import pytest

from grader.lms.handins import HandIn, Key
from grader.lms.roster import read_roster
from grader.lms.worksheet import IDENTIFIER, MODIFIED, NO_ZONE, dated, times

PEOPLE = archives.students(3)


def hand_in(student):
    return HandIn(({Key.PARTICIPANT: student.participant},), ())


@pytest.mark.parametrize("blind", [False, True])
def test_hand_ins_get_the_times_of_the_worksheet_in_its_zone(tmp_path, blind):
    rows = read_roster(archives.moodle_worksheet(tmp_path, PEOPLE, blind=blind)).worksheet
    found = dated(map(hand_in, PEOPLE), rows, UTC)
    assert [one.moment for one in found] == [archives.when(one) for one in PEOPLE]
    [east] = dated([hand_in(PEOPLE[0])], rows, ZoneInfo("Asia/Tokyo"))
    assert (archives.when(PEOPLE[0]) - east.moment).total_seconds() == 9 * 3600


def test_without_a_zone_they_only_say_which_came_first(tmp_path):
    rows = read_roster(archives.moodle_worksheet(tmp_path, PEOPLE)).worksheet
    found = dated(map(hand_in, PEOPLE), rows, None)
    assert [one.moment for one in found] == [None] * 3
    assert {one.clock for one in found} == {NO_ZONE}
    assert sorted(found, key=lambda one: one.order) == list(found)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Friday, 27 November 2026, 11:59 PM", (27, 23, 59)),
        ("Friday, 27 November 2026, 12:05\u202fAM", (27, 0, 5)),
        ("27 November 2026, 9:05 AM", (27, 9, 5)),
        ("Friday, 27 November 2026, 23:59", (27, 23, 59)),
        ("Freitag, 27. November 2026, 23:59", None),
        ("-", None),
        ("", None),
        ("Friday, 31 November 2026, 11:59 PM", None),
        ("Friday, 27 November 2026, 13:59 PM", None),
    ],
)
def test_the_times_of_an_english_moodle_are_read_and_others_are_none(text, expected):
    found = times([{IDENTIFIER: "Participant 7", MODIFIED: text}], UTC)
    wanted = expected and datetime(2026, 11, expected[0], *expected[1:], tzinfo=UTC)
    assert found.get("7") == wanted
