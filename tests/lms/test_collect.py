"""What becomes of each student's work: the table, made without touching anything."""

import csv
import io
import itertools
import zipfile
from datetime import UTC, datetime, timedelta

import pytest
from places import Class, hand_in, moment, roster

from grader.errors import CourseError
from grader.lms.collect.attempts import Attempt, first, last
from grader.lms.collect.deciding import read_choice
from grader.lms.collect.table import lines, write_table
from grader.lms.handins import HandIn, Key, Refused
from grader.lms.people import Person, Roster

OLD, NEW, THIRD = b'{"cells": [], "old": 1}', b'{"cells": [], "new": 1}', b'{"cells": [], "3": 1}'


@pytest.fixture
def ann(tmp_path):
    """A class of one."""
    return Class(tmp_path, roster("ann"))


def test_one_row_a_student_whoever_handed_in(tmp_path):
    here = Class(tmp_path, roster("ann", "bob", "cid"))
    told = here.collect(hand_in("bob", NEW), hand_in("ann", OLD), hand_in("zoe", OLD))
    assert told == {"ann": "new", "bob": "new", "cid": "missing", "": "unknown"}
    assert [row.student for row in here.rows] == ["ann", "bob", "cid", ""]
    assert "login zoe: not in the roster" in here.rows[-1].notes[0]
    assert not (tmp_path / "submitted/zoe").exists()


def test_ids_stand_in_the_table_as_they_are_and_text_as_none_that_a_spreadsheet_runs(tmp_path):
    here = Class(tmp_path, roster("-eve", "=2+2"))
    here.collect(hand_in("=2+2", NEW, label="=1+1"))
    write_table(here.rows, tmp_path / "collected.csv")
    with (tmp_path / "collected.csv").open(newline="") as file:
        rows = [(row["student"], row["attempt"]) for row in csv.DictReader(file)]
    assert rows == [("-eve", ""), ("=2+2", "'=1+1")]


@pytest.mark.parametrize(
    ("student", "attempt", "remove"),
    [("ann", "--attempt ann=", "remove ann`"), ("-eve", "--attempt=-eve=", "remove -- -eve`"),
     ("a b", "--attempt 'a b'=", "remove 'a b'`")],
)  # fmt: skip
def test_what_a_row_says_to_type_can_be_typed(tmp_path, student, attempt, remove):
    here = Class(tmp_path, roster(student))
    here.collect(hand_in(student, OLD), hand_in(student, NEW))
    assert attempt in here.row(student).notes[-1]
    here.people = roster("bob")
    here.collect()
    assert remove in here.row(student).notes[-1]


def test_a_plan_touches_nothing(tmp_path, ann):
    ann.plan(hand_in("ann", NEW))
    assert list(tmp_path.iterdir()) == []


def test_without_a_roster_folders_are_called_what_the_system_calls_people(tmp_path):
    here = Class(tmp_path)
    canvas = HandIn(({Key.CANVAS: "17", Key.NAME: "Ann"},), hand_in("", NEW).files)
    nobody = HandIn(({},), hand_in("", NEW).files)
    up = HandIn(({Key.LOGIN: "../up"},), hand_in("", NEW).files)
    assert here.collect(canvas, nobody, up) == {"17": "new", "": "unknown"}
    assert [row.notes[0] for row in here.rows[1:]] == [
        "nothing says whose it is",
        "the id ../up can be no folder's name",
    ]


def test_namesakes_are_ambiguous_where_only_the_name_is_known(tmp_path):
    people = [Person(name, {Key.NAME: "Ann Example"}) for name in ("a1", "a2")]
    here = Class(tmp_path, Roster(people))
    found = HandIn(({Key.NAME: "Ann  Example"},), hand_in("", NEW).files)
    assert here.collect(found) == {"a1": "missing", "a2": "missing", "": "ambiguous"}
    assert "may be a1, a2" in here.rows[-1].notes[0]
    alone = Class(tmp_path, Roster(people[:1]))
    alone.collect(found)
    assert "found by the name alone" in alone.row("a1").notes


def test_a_namesake_who_is_not_in_the_roster_is_not_taken_for_the_one_who_is(tmp_path):
    """Moodle's worksheet is missing, or its numbers are another assignment's: two participants of one name, one of them known."""
    mine, other = (
        HandIn(({Key.PARTICIPANT: number, Key.NAME: "Ann Example"},), hand_in("", data).files)
        for number, data in (("1", OLD), ("2", NEW))
    )
    here = Class(tmp_path / "by name", Roster([Person("a1", {Key.NAME: "Ann Example"})]))
    assert [row.what for row in here.plan(mine, other)] == ["missing", "ambiguous", "ambiguous"]
    assert "2 in this download may be a1" in here.plan(mine, other)[-1].notes[0]
    known = Person("a1", {Key.NAME: "Ann Example", Key.PARTICIPANT: "1"})
    here = Class(tmp_path / "by number", Roster([known]))
    assert here.collect(other, mine) == {"a1": "new", "": "ambiguous"}
    assert here.stands("a1") == OLD


def test_a_group_gets_the_same_notebook_and_says_so(tmp_path):
    here = Class(tmp_path, roster("ann", "bob", "cid"))
    assert here.collect(hand_in(["ann", "bob"], NEW)) == {
        "ann": "new",
        "bob": "new",
        "cid": "missing",
    }
    assert here.stands("ann") == here.stands("bob") == NEW
    assert "handed in with bob" in here.row("ann").notes


def test_members_of_a_classroom_group_share_the_repository_that_has_its_name(tmp_path):
    people = [Person(n, {Key.GITHUB: f"{n}-codes"}, group="The Owls!") for n in ("ann", "bob")]
    here = Class(tmp_path, Roster(people))
    found = HandIn(({Key.GITHUB: "the-owls"},), hand_in("", NEW).files)
    assert here.collect(found) == {"ann": "new", "bob": "new"}


@pytest.mark.parametrize(
    ("known", "later"),
    [
        ({"moment": moment(1)}, {"moment": moment(2)}),
        ({"order": (1.0, 0.0)}, {"order": (1.0, 1.0)}),
    ],
)
def test_the_newest_of_one_download_counts_in_whatever_order_it_lies(ann, known, later):
    assert ann.collect(hand_in("ann", NEW, **later), hand_in("ann", OLD, **known)) == {"ann": "new"}
    assert ann.stands("ann") == NEW
    assert len(ann.place.archive.read("ann").attempts) == 2


def test_attempts_of_which_nobody_can_tell_the_newest_ask(ann):
    assert ann.collect(hand_in("ann", OLD), hand_in("ann", NEW)) == {"ann": "asks"}
    assert ann.stands("ann") is None
    [note] = [note for note in ann.row("ann").notes if "--attempt" in note]
    digest = note.partition("one of: ")[2].split()[0]
    assert ann.collect(attempt=[f"ann={digest}"]) == {"ann": "new"}
    assert ann.stands("ann") == OLD


def test_a_number_that_a_browser_added_is_no_order(ann):
    files = {"exercise.ipynb": OLD, "exercise (1).ipynb": NEW}
    assert ann.collect(hand_in("ann", files=files)) == {"ann": "asks"}
    assert "exercise (1).ipynb" in ann.row("ann").notes[0]


def test_equal_copies_are_one(ann):
    files = {"exercise.ipynb": NEW, "exercise (1).ipynb": NEW}
    assert ann.collect(hand_in("ann", files=files)) == {"ann": "new"}


def test_what_else_was_handed_in_is_named(ann):
    ann.collect(hand_in("ann", files={"exercise.ipynb": NEW, "helper.py": b"", "essay.pdf": b""}))
    assert "left out: helper.py, essay.pdf" in ann.row("ann").notes


def zipped(**files):
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for name, data in files.items():
            archive.writestr(name.replace("_", "."), data)
    return made.getvalue()


@pytest.mark.parametrize(
    "files",
    [{"exercise.ipynb.txt": NEW}, {"exercise.json": NEW.replace(b"[]", b"[]").replace(b'"new": 1', b'"nbformat": 4')}, {"work.zip": zipped(exercise_ipynb=NEW)}],
)  # fmt: skip
def test_a_notebook_that_a_browser_renamed_or_a_student_packed_is_taken_with_a_note(ann, files):
    assert ann.collect(hand_in("ann", files=files)) == {"ann": "new"}
    assert any("taken from" in note for note in ann.row("ann").notes)


@pytest.mark.parametrize("files", [{"essay.pdf": b"x"}, {"work.zip": zipped(a_txt=b"")}, {}])
def test_a_hand_in_without_a_notebook_is_refused_and_says_what_was_there(ann, files):
    assert ann.collect(hand_in("ann", files=files)) == {"ann": "refused"}
    assert "no notebook that can be read was handed in" in ann.row("ann").notes[0]
    assert ann.stands("ann") is None


def test_an_older_notebook_never_passes_for_a_newest_attempt_that_holds_none(ann):
    told = ann.collect(
        hand_in("ann", OLD, moment=moment(1)),
        hand_in("ann", files={"essay.pdf": b"x"}, moment=moment(2)),
    )
    assert told == {"ann": "asks"} and ann.stands("ann") is None
    assert any("the newest attempt holds no notebook" in note for note in ann.row("ann").notes)
    assert ann.collect(attempt=["ann=first"]) == {"ann": "new"}
    assert ann.stands("ann") == OLD


def test_another_assignments_notebook_is_a_row_and_goes_nowhere(tmp_path):
    here = Class(tmp_path, roster("ann", "bob"), foreign=lambda data: data == OLD)
    told = here.collect(
        hand_in("ann", OLD), hand_in("bob", files={"exercise.ipynb": OLD, "mine.ipynb": NEW})
    )
    assert told == {"ann": "refused", "bob": "new"}
    assert "of another assignment: exercise.ipynb" in here.row("ann").notes
    assert here.stands("ann") is None and here.stands("bob") == NEW


def test_what_nobody_touches_is_a_row(ann):
    assert ann.collect(hand_in("ann", NEW), refused=[Refused("../up", "leaves the download")]) == {
        "ann": "new",
        "": "refused",
    }


def test_late_without_a_time_is_said(ann):
    ann.collect(hand_in("ann", NEW, late=True))
    assert "late, as canvas says; by how much is not known" in ann.row("ann").notes


@pytest.mark.parametrize(
    ("which", "stands"),
    [("latest", THIRD), ("first", OLD), ("2", NEW), ("ann=1", OLD), ("download", THIRD)],
)
def test_another_attempt_is_chosen_and_comes_without_the_download(ann, which, stands):
    attempts = [hand_in("ann", data, moment=moment(n)) for n, data in enumerate([OLD, NEW, THIRD])]
    ann.collect(*attempts)
    ann.collect(*attempts, attempt=[which])
    assert ann.stands("ann") == stands
    if which != "download":
        ann.collect(attempt=["latest"])
        assert ann.stands("ann") == THIRD
        ann.collect(attempt=[which])
        assert ann.stands("ann") == stands


def test_a_choice_stays_until_something_newer_comes_which_asks(ann):
    two = [hand_in("ann", OLD, moment=moment(1)), hand_in("ann", NEW, moment=moment(2))]
    ann.collect(*two, attempt=["ann=first"])
    assert ann.collect(*two) == {"ann": "same"} and ann.stands("ann") == OLD
    third = hand_in("ann", THIRD, moment=moment(3))
    assert ann.collect(third) == {"ann": "asks"} and ann.stands("ann") == OLD
    assert ann.collect(attempt=["ann=latest"]) == {"ann": "newer"} and ann.stands("ann") == THIRD
    assert ann.collect(*two, third) == {"ann": "same"}


def test_an_attempt_that_is_not_there_asks(ann):
    ann.collect(hand_in("ann", NEW))
    assert ann.collect(attempt=["2"]) == {"ann": "asks"} and ann.stands("ann") == NEW


@pytest.mark.parametrize("word", ["newest", "0", "ann=", "abcdef12", "ann=last", ""])
def test_a_choice_that_is_none_is_one_line(word):
    with pytest.raises(CourseError, match="--attempt"):
        read_choice([word])


def test_the_table_has_a_line_a_row_whatever_names_hold(tmp_path):
    here = Class(tmp_path, roster("ann"))
    here.collect(hand_in("ann", NEW), hand_in("evil\n\x1b[31mname", OLD))
    shown = lines(here.rows)
    assert len(shown) == 2 and all(
        len(line.splitlines()) == 1 and "\x1b" not in line for line in shown
    )


def test_a_choice_for_somebody_whom_nobody_knows_is_a_row(ann):
    assert ann.collect(hand_in("ann", NEW), attempt=["bob=first"]) == {"ann": "new", "": "unknown"}


@pytest.mark.parametrize("order", list(itertools.permutations(range(4))))
def test_the_same_notebook_once_more_has_its_first_time_whichever_was_collected_first(order):
    start = datetime(2026, 11, 20, 10, tzinfo=UTC)
    for text, newest in (("baa", 1), ("baab", 3), ("aaaa", 0)):  # digests, an hour after each other
        made = [
            Attempt(digest, "gradescope", moment=start + timedelta(hours=hour))
            for hour, digest in enumerate(text)
        ]
        collected = [made[n] for n in order if n < len(made)]
        assert last(collected) == made[newest] and first(collected) == made[0], text
