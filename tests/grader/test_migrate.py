"""`grader migrate`: a gradebook moves into another database whole, or not at all."""

import shutil
import sqlite3
from contextlib import closing, contextmanager
from datetime import datetime

import pytest
from nbgrader.api import Gradebook
from test_postgres import mark_by_hand, records
from toys import template

from grader.errors import CourseError
from grader.gradebook import database, moving
from grader.migrate import address


@pytest.fixture(scope="module")
def old(tmp_path_factory):
    """A gradebook's file, with what a term leaves in it."""
    path = tmp_path_factory.mktemp("old") / "old.db"
    shutil.copy(template() / "gradebook.db", path)
    with Gradebook(f"sqlite:///{path}") as book:
        book.find_assignment("toy").duedate = datetime(2026, 12, 1, 12, 0, 0, 123456)
        for number in range(30):
            book.add_student(f"s{number}", first_name="Ünï", email=None)
            book.add_submission("toy", f"s{number}", timestamp="2026-11-30 12:00:00 UTC")
            grade = book.find_grade("basket_total_laws", "exercise", "toy", f"s{number}")
            grade.auto_score = 0.1 * number
        book.db.commit()
    for student in ("s1", "s2"):
        mark_by_hand(f"sqlite:///{path}", student)
    return f"sqlite:///{path}"


def test_a_gradebook_moves_there_and_back_and_a_second_time_is_none(old, server, tmp_path):
    url, back = server.create("there"), f"sqlite:///{tmp_path}/back.db"
    with server.connect("there") as connection:  # as nbgrader leaves what it has looked at
        connection.execute("create table course (id varchar(128) primary key)")
        connection.execute("insert into course values ('default_course')")
    first = moving.move(old, url, dry_run=True)
    assert not database.is_there(url)
    assert first == moving.move(old, url)
    assert (first.rows["grade"], first.by_hand, first.left, first.before) == (30, 2, {}, False)
    assert moving.move(old, url).before
    assert moving.move(url, back).rows == first.rows
    assert records(back) == records(url) == records(old)


def test_a_database_that_is_not_empty_is_refused(old, server, generated):
    url = server.create("full", generated)
    before = everything(url)
    words = r"is not empty \(.*1 in assignment.*\): name an empty database; nothing was moved"
    with pytest.raises(CourseError, match=words):
        moving.move(old, url)
    assert everything(url) == before
    with pytest.raises(CourseError, match="is not there, or is empty"):
        moving.move("sqlite:///nowhere.db", url)


def everything(url):
    with moving.transaction(url) as connection:
        return {table.name: moving.read(connection, table) for table in moving.TABLES}


@contextmanager
def changed(url, *statements):
    """A gradebook's file with something odd in it, in a copy."""
    path = database.file_of(url)
    copy = path.with_name("odd.db")
    shutil.copy(path, copy)
    with closing(sqlite3.connect(copy)) as file:
        for statement in statements:
            file.execute(statement)
        file.commit()
    yield f"sqlite:///{copy}"


def test_marks_of_nobody_stay_behind_and_are_counted(old, server):
    """SQLite lets a hand-in go without what belongs to it; PostgreSQL refuses such rows."""
    lost = "delete from submitted_assignment where student_id = 's7'"
    with changed(old, lost) as source:
        moved = moving.move(source, server.create("lost"))
    assert moved.left == {"submitted_notebook": 1, "grade": 1, "comment": 1}
    assert moved.rows["grade"] == 29


@pytest.mark.parametrize(
    ("statement", "words"),
    {
        "update student set email = hex(zeroblob(99)) where id = 's3'": r"student\.email is longer than 128 characters: 000",
        "update comment set manual_comment = 'a' || char(0)": r"comment\.manual_comment of .* holds a zero byte",
        "alter table grade drop column extra_credit": r"another nbgrader \(no grade\.extra_credit\)",
    }.items(),
)
def test_what_postgresql_cannot_keep_is_said_and_nothing_is_moved(old, server, statement, words):
    url = server.create(statement.split()[1] + statement.split()[0])
    with changed(old, statement) as source, pytest.raises(CourseError, match=words):
        moving.move(source, url)
    assert not database.is_there(url)


def test_a_server_that_is_killed_in_the_middle_has_nothing_and_the_next_move_has_all(
    old, server, monkeypatch
):
    url, compare = server.create("cut"), moving.compare

    def kill(*arguments):
        compare(*arguments)
        server.kill()

    with monkeypatch.context() as patched:
        patched.setattr(moving, "compare", kill)
        with pytest.raises(CourseError, match="cannot be reached"):
            moving.move(old, url)
    server.start()
    assert not database.is_there(url)
    assert moving.move(old, url).rows["grade"] == 30


def test_while_it_moves_nobody_writes_into_the_old_one(old, server):
    with (
        moving.transaction(old),
        closing(sqlite3.connect(database.file_of(old), timeout=0)) as other,
        pytest.raises(sqlite3.OperationalError, match="locked"),
    ):
        other.execute("update grade set manual_score = 2")


@pytest.mark.parametrize(
    ("text", "url"),
    {
        "gradebook.db": "sqlite:///gradebook.db",
        "/a/b.db": "sqlite:////a/b.db",
        "postgresql://me@db/x": "postgresql+psycopg://me@db/x",
        "postgres://db/x?sslmode=require": "postgresql+psycopg://db/x?sslmode=require",
        "postgresql+psycopg://db/x": "postgresql+psycopg://db/x",
    }.items(),
)
def test_a_file_is_named_as_it_is_and_an_address_needs_no_driver(text, url):
    assert address(text) == url
