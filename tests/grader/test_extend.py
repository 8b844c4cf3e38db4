"""`grader extend`: more time before or after anything else is known of a student, in whatever order things happen."""

import sqlite3
import sys
from datetime import datetime, timedelta

import pytest
from nbgrader.api import Gradebook
from two import add_second

from grader import extend
from grader.__main__ import arguments
from grader.errors import CourseError
from grader.gradebook.extensions import Extension
from grader.store import StateFile

PENALTY = "c.LatePolicy.percent_per_day = 25\n"
DUE = "2020-01-01 12:00:00 UTC"  # every file's own time is later by more than four days
LONG = ("--until", "2099-12-31 12:00")


@pytest.fixture
def course(class_folder, monkeypatch):
    """A course whose late work costs a quarter a day; `typed` is the command in this process."""
    monkeypatch.chdir(class_folder.folder)
    with (class_folder.folder / "nbgrader_config.py").open("a") as settings:
        settings.write(PENALTY)
    return class_folder


def typed(*words):
    options = arguments().parse_args(["extend", *words, "--laws", "hidden"])
    return options.work(options)


def set_due(moment):
    with Gradebook("sqlite:///gradebook.db", "toy") as book:
        book.update_or_create_assignment("toy", duedate=moment)


def extension(student="ann"):
    with Gradebook("sqlite:///gradebook.db", "toy") as book:
        return book.find_submission("toy", student).extension


def test_before_there_is_a_gradebook(course):
    (course.folder / "gradebook.db").unlink()
    done = course.start(
        *(sys.executable, "-m", "grader", "extend", "ann", *LONG, "--laws", "hidden")
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "ann: toy until 2099-12-31 12:00 UTC\n" in done.stdout
    assert "ann is not in the gradebook and has no folder in submitted/: kept" in done.stdout
    assert "toy has no due date yet: `" in done.stdout
    assert not (course.folder / "gradebook.db").exists()
    course.hand_in("ann")
    course.hand_in("bob")
    assert course.grade().returncode == 0
    set_due(DUE)
    assert course.marks() == {"ann": 2.0, "bob": 0.0}, "before any run"
    assert course.grade().returncode == 0
    assert extension() > timedelta(days=20_000)
    assert {s: row["total"] for s, row in course.status().items()} == {"ann": "2.0", "bob": "0.0"}
    (course.folder / "gradebook.db").rename(course.folder / "aside.db")
    assert course.grade().returncode == 0
    set_due(DUE)
    assert course.marks() == {"ann": 2.0, "bob": 0.0}, "a new gradebook"
    typed("ann", "--none")
    assert course.marks() == {"ann": 0.0, "bob": 0.0}


def test_stock_autograde_records_what_was_granted_before(course):
    set_due(DUE)
    typed("ann", "--days", "3")
    path = course.hand_in("ann")
    (path.parent / "timestamp.txt").write_text("2020-01-05 11:00:00 UTC")
    course.nbgrader("autograde", "toy")
    assert extension() == timedelta(days=3)
    assert course.marks() == {"ann": 1.5}, "one day has begun since"
    typed("ann", "--hours", "95")
    assert extension() == timedelta(hours=95)
    assert course.marks() == {"ann": 2.0}


def test_until_stays_where_it_is_when_the_due_date_moves(course):
    path = course.hand_in("ann")
    (path.parent / "timestamp.txt").write_text("2020-01-05 11:00:00 UTC")
    typed("ann", "--until", "2020-01-04 12:00")
    assert course.grade("--timestamps", "keep").returncode == 0
    for due in (DUE, "2019-12-01 12:00:00 UTC", "2020-01-03 12:00:00 UTC"):
        set_due(due)
        assert course.marks() == {"ann": 1.5}, due
    set_due("2020-01-05 12:00:00 UTC")
    assert course.marks() == {"ann": 2.0}, "a due date after the extension's end goes before it"


def test_the_last_one_counts_and_all_are_listed(course, capsys):
    add_second(course.folder)
    set_due(DUE)
    typed("cat", "ann", "cat", "--days", "1", "--assignment", "toy")
    typed("ann", "--hours", "30.5", "--assignment", "hw2")
    typed("ann", "--days", "2.5", "--assignment", "toy")
    with Gradebook("sqlite:///gradebook.db", "toy") as book:
        book.add_student("bob")
        book.add_submission("toy", "bob")
        book.grant_extension("toy", "bob", hours=5)
    capsys.readouterr()
    assert typed() == 0
    listed = capsys.readouterr().out.splitlines()
    assert listed == [
        "ann: toy 2 d 12 h longer, until 2020-01-04 00:00 UTC",
        "bob: toy 0 d 5 h longer, until 2020-01-01 17:00 UTC",
        "cat: toy 1 d 0 h longer, until 2020-01-02 12:00 UTC",
        "ann: hw2 1 d 6 h 30 min longer",
    ]
    typed("ann", "bob", "--none", "--assignment", "toy")
    capsys.readouterr()
    typed("ann", "bob")
    assert capsys.readouterr().out.splitlines() == ["ann: hw2 1 d 6 h 30 min longer"]
    typed("dan")
    assert capsys.readouterr().out.splitlines() == ["no extensions"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--days", "1"], "more time for whom?"),
        (["ann", "--zone", "UTC", "--days", "1"], "--zone goes with --until"),
        (["ann", "--until", "2020-01-02"], "day and time, as"),
        (["ann", "--until", "soon"], "day and time, as"),
        (["ann", "--until", "0001-01-01 00:00", "--zone", "Asia/Tokyo"], "day and time, as"),
        (["ann", "--until", "2020-01-01 12:00"], "an extension gives more time"),
        (["ann", "--until", "2020-01-02 12:00", "--zone", "Mars"], "no such zone here"),
        (["ann", "--until", "2020-01-02 12:00", "--zone", "../etc/passwd"], "no such zone here"),
        (["ann", "--until", "2020-01-02 12:00 UTC", "--zone", "UTC"], "leave --zone out"),
        (["ann", "--days", "3651"], "more than 3650 days"),
        (["ann", "../bob", "--days", "1"], "'../bob': a student is named as the folder"),
        (["ann", "", "--days", "1"], "'': a student is named as the folder"),
        (["ann", "b*b", "--days", "1"], "with * ? [ in it"),
        (["ann", "b\nb", "--days", "1"], "unprintable"),
        (["ann", "--days", "1", "--assignment", "hw9"], "no such assignment: hw9; there are toy"),
        (["--all", "--days", "1"], "a later due date: `"),
    ],
)
def test_what_cannot_be_is_one_line_and_changes_nothing(course, words, said):
    set_due(DUE)
    with pytest.raises(CourseError) as error:
        typed(*words)
    assert said in str(error.value) and "\n" not in str(error.value)
    assert not (course.folder / "build").exists()


@pytest.mark.parametrize("amount", ["0", "-1", "nan", "inf", "two", "1e9"])
def test_an_amount_of_time_is_a_number_above_0(amount, capsys):
    with pytest.raises(SystemExit) as stopped:
        arguments().parse_args(["extend", "ann", "--days", amount])
    assert stopped.value.code == 2 and "a number above 0" in capsys.readouterr().err


@pytest.mark.parametrize("spoil", ["broken", "locked"])
def test_a_gradebook_that_cannot_be_written_stops_the_command_before_anything_changes(
    course, spoil
):
    path, other = course.folder / "gradebook.db", sqlite3.connect("gradebook.db")
    if spoil == "broken":
        path.write_bytes(b"no database" * 100)
    else:
        other.execute("begin immediate")
    with pytest.raises(CourseError, match="gradebook.db"):
        typed("ann", "--days", "1")
    other.close()
    assert not (course.folder / "build").exists()


@pytest.mark.parametrize("left", [b"", b"[]", b'{"until": '])
def test_a_broken_state_is_named_and_never_written_over(course, left):
    course.hand_in("ann")
    typed("ann", "--days", "1")
    state = StateFile(course.folder, "toy", "ann")
    state.path.write_bytes(left)
    for command in (lambda: typed("ann", "--days", "2"), lambda: state.change(moment="x")):
        with pytest.raises(CourseError, match=r"ann\.json is broken, and stays as it is"):
            command()
    assert state.path.read_bytes() == left
    done = course.grade()
    assert done.returncode == 2 and "ann.json is broken" in done.stderr.splitlines()[-1]
    assert state.path.read_bytes() == left


@pytest.mark.parametrize(
    ("text", "zone", "utc"),
    [
        ("2026-12-03 12:00", None, "2026-12-03 12:00"),
        ("2026-12-03T12:00:30", None, "2026-12-03 12:00:30"),
        ("2026-12-03 12:00:00 UTC", None, "2026-12-03 12:00"),
        ("2026-12-03 12:00+05:30", None, "2026-12-03 06:30"),
        ("2026-12-03 12:00", "Europe/Berlin", "2026-12-03 11:00"),
        ("2026-07-03 12:00", "Europe/Berlin", "2026-07-03 10:00"),
        # shown twice that night: the second one
        ("2026-10-25 02:30", "Europe/Berlin", "2026-10-25 01:30"),
    ],
)
def test_a_moment_is_that_of_the_clock_that_was_named(text, zone, utc):
    assert extend.moment(text, zone) == datetime.fromisoformat(utc)


def test_an_hour_that_the_clocks_skip_is_none():
    with pytest.raises(CourseError, match="the clocks of Europe/Berlin skip this hour"):
        extend.moment("2026-03-29 02:30", "Europe/Berlin")


@pytest.mark.parametrize(
    "given",
    [
        Extension(),
        Extension(timedelta(hours=30.5)),
        Extension(until=datetime(2026, 12, 3, 12, 0, 30)),
    ],
)
def test_what_is_kept_is_what_was_granted(tmp_path, given):
    file = StateFile(tmp_path, "toy", "ann")
    Extension(timedelta(days=9), datetime(2030, 1, 1)).keep(file)
    given.keep(file)
    assert Extension.kept(file) == given


def test_a_disk_that_takes_nothing_is_one_line(course):
    (course.folder / "build/grading/toy").mkdir(parents=True)
    (course.folder / "build/grading/toy/students").write_text("in the way")
    with pytest.raises(CourseError, match="students: .*run again with 'ann' and those after"):
        typed("ann", "--days", "3")
