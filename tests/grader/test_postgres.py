"""A gradebook that PostgreSQL keeps: all that a file does, on a real server, which is killed at times."""

import os
import random
import re
import signal
import subprocess
import sys
import time
from contextlib import contextmanager

import pytest
from nbgrader.api import Gradebook
from server import END, USER
from terms import RULES, Term
from test_batch import WRONG, encoded
from test_gradebook_file import add_exercise, doctor
from toys import CONFIG, ClassFolder

from grader.assignment import load_assignment
from grader.errors import CourseError
from grader.gradebook import database, postgres
from grader.gradebook.people import record_of
from grader.judging.session import Grader
from grader.store import StateFile
from tools.formgrader import Formgrader

WORKS = [None, encoded(WRONG), b"{", None]


def grader(folder, *arguments):
    return folder.run(sys.executable, "-m", "grader", *arguments)


def records(url):
    """All that a gradebook has of everybody, clocks left out."""
    with Gradebook(url) as book:
        return {student.id: sorted_record(record_of(book, student.id)) for student in book.students}


def sorted_record(record):
    for submission in record["submissions"]:
        submission["timestamp"] = None
        for notebook in submission["notebooks"]:
            notebook["grades"].sort(key=lambda grade: grade["exercise"])
            notebook["comments"].sort(key=lambda comment: comment["cell"])
    return record


def file_url(folder, name="gradebook.db"):
    return f"sqlite:///{folder.folder}/{name}"


def mark_by_hand(url, student="ann"):
    """As Formgrader does it, with a comment; and an extension."""
    with Gradebook(url) as book:
        grade = book.find_grade("basket_total_laws", "exercise", "toy", student)
        grade.manual_score, grade.needs_manual_grade = 1.1, False
        comment = book.find_comment("basket_total", "exercise", "toy", student)
        comment.manual_comment = "“fine”, but\nslow ☂"
        book.grant_extension("toy", student, hours=1)
        book.db.commit()


# --- a class


@pytest.fixture(scope="module")
def moved(tmp_path_factory, server):
    """A class that was graded into a file, marked by hand, and moved."""
    folder = ClassFolder(tmp_path_factory.mktemp("moved"))
    for student, work in zip(("ann", "bob", "cat"), WORKS, strict=False):
        folder.hand_in(student, work)
    assert folder.grade().returncode == 0
    mark_by_hand(file_url(folder))
    folder.url = server.create("moved")
    done = grader(folder, "migrate", "gradebook.db", folder.url)
    assert done.returncode == 0, done.stderr
    assert "each of 26 rows was read back and is the same" in done.stdout
    assert "3 hand-ins to 1 assignments, 3 marks (1 by hand), 3 comments" in done.stdout
    folder.configure(f"c.CourseDirectory.db_url = {folder.url!r}")
    (folder.folder / "gradebook.db").rename(folder.folder / "before.db")
    return folder


def test_a_class_moves_with_its_hand_marks_and_all_commands_go_on(moved):
    assert records(moved.url) == records(file_url(moved, "before.db"))
    moved.hand_in("bob", encoded())
    states = moved.folder / "build/grading/toy/students"
    before = {path.stem: path.stat().st_mtime_ns for path in states.glob("*.json")}
    assert moved.grade().returncode == 0
    after = {path.stem: path.stat().st_mtime_ns for path in states.glob("*.json")}
    assert {student for student in before if before[student] != after[student]} == {
        *("bob", "ann")  # of ann the log has now that a mark was given by hand
    }
    assert moved.marks() == {"ann": 1.1, "bob": 2.0, "cat": 0.0}
    done = grader(moved, "publish", "csv", "--laws", "hidden")
    assert done.returncode == 0 and "ann: – → 1.1" in done.stdout
    assert "grader@/moved knows toy" in doctor(moved).stdout
    done = grader(moved, "feedback", "--laws", "hidden")
    assert done.returncode == 0 and "toy: 3 pages made" in done.stdout
    assert "1.1" in (moved.folder / "feedback/ann/toy/exercise.html").read_text()
    assert grader(moved, "remove", "cat").returncode == 0
    assert "cat" not in moved.marks()
    assert not (moved.folder / "gradebook.db").exists()


@pytest.mark.long
def test_formgrader_shows_marks_and_goes_on_when_its_server_comes_back(moved, server):
    with Formgrader(moved.folder) as pages:
        found = {page: pages.get(page)[0] for page in pages.pages("toy")}
        assert set(found.values()) == {200} and len(found) > 20
        ids = {s["student"]: s["id"] for s in pages.listed("api/submitted_notebooks/toy/exercise")}
        [grade] = pages.listed(f"api/grades?submission_id={ids['bob']}")
        server.kill()
        assert pages.get(f"api/grades?submission_id={ids['bob']}")[0] == 500
        server.start()
        sent = {"manual_score": 0.5}
        assert pages.get(f"api/grade/{grade['id']}", "PUT", sent)[0] == 200
        assert pages.get(f"submissions/{ids['ann']}/")[0] == 200
        with server.connect("moved") as connection:
            idle = "select count(*) from pg_stat_activity where state like 'idle in%' and datname = 'moved'"
            assert connection.execute(idle).fetchone() == (0,)
    assert moved.marks()["bob"] == 0.5


@pytest.mark.long
def test_an_empty_database_is_filled_by_the_first_run(in_postgres, server):
    server.drop(in_postgres.database)
    server.create(in_postgres.database)
    assert not database.is_there(in_postgres.url)
    in_postgres.hand_in("ann")
    done = in_postgres.grade()
    assert done.returncode == 0, done.stderr
    assert in_postgres.status()["ann"]["total"] == "2.0"
    assert database.assignments(in_postgres.url) == ["toy"]


def test_other_exercises_than_the_courses_are_told(doors, class_folder):
    database.check_exercises(doors, load_assignment(class_folder.folder / "hidden"))
    add_exercise(class_folder.folder)
    words = r"@/doors and exercise.ipynb of toy have different exercises \(mean, mean_laws\): run `"
    with pytest.raises(CourseError, match=words):
        database.check_exercises(doors, load_assignment(class_folder.folder / "hidden"))


class TermInPostgres(Term):
    """A term whose gradebook a server keeps."""

    def __init__(self, url, *arguments):
        self.url = url
        super().__init__(*arguments)
        self.set_rule("none")
        assert grader(self.folder, "migrate", "gradebook.db", url).returncode == 0
        (self.folder.folder / "gradebook.db").unlink()

    def gradebook(self):
        return Gradebook(self.url, "toy")

    def set_rule(self, rule):
        self.rule = rule
        own = f"c.CourseDirectory.db_url = {self.url!r}\n"
        path = self.folder.folder / "nbgrader_config.py"
        path.write_text(CONFIG + own + RULES[rule].settings)


@pytest.fixture
def in_term(server, tmp_path, monkeypatch):
    laws = {"toy": tmp_path / "hidden", "hw2": tmp_path / "hidden/hw2"}
    term = TermInPostgres(server.create("term"), tmp_path, {}, monkeypatch)
    with (
        Grader(load_assignment(laws["toy"])) as first,
        Grader(load_assignment(laws["hw2"])) as second,
    ):
        term.graders |= {"toy": first, "hw2": second}
        yield term


@pytest.mark.long
def test_late_work_extensions_hand_marks_and_totals_are_those_of_plain_arithmetic(in_term):
    term = in_term
    term.set_rule("free")
    for day, name in ((0, "toy"), (1, "hw2")):
        term.set_due(day, name)
        term.hand_in("ann", max(w for w in (2.0, 3.0) if (name == "hw2") == (w == 3.0)), 3, name)
    term.hand_in("bob", 0.8, 4)
    term.grade("toy", "hw2")
    term.check("graded", "toy", "hw2")
    term.grant("bob", "days", 2)
    term.mark("ann", 1.5)
    term.extend("ann", 1, "hw2")
    term.grade("toy", "hw2")
    term.check("extended, marked", "toy", "hw2")
    term.set_rule("percent")
    term.set_due(-1)
    term.grade("toy")
    term.check("another rule, another due date")
    term.stock()
    term.take_back("bob")
    term.grade("toy")
    term.check("after stock nbgrader")


# --- killed at any moment


def running(folder, **more):
    told = folder.command(sys.executable, "-m", "grader", "run", "--laws", "hidden", "--jobs", "2")
    return subprocess.Popen(**told, stderr=subprocess.PIPE, **more)


def everybody_hands_in(folder):
    for number, work in enumerate(WORKS):
        folder.hand_in(f"s{number}", work)


def wait_for(folder, student):
    """Until the student's marks are in the gradebook."""
    while not StateFile(folder.folder, "toy", student).read().whole:
        time.sleep(0.005)


@pytest.fixture(scope="module")
def calm(tmp_path_factory):
    """The records of an undisturbed run into a file."""
    folder = ClassFolder(tmp_path_factory.mktemp("calm"))
    everybody_hands_in(folder)
    assert folder.grade("--jobs", "2").returncode == 0
    return records(file_url(folder))


def test_a_run_outlasts_a_server_that_is_killed_and_comes_back(in_postgres, server, calm):
    everybody_hands_in(in_postgres)
    process = running(in_postgres)
    wait_for(in_postgres, "s1")
    server.kill()
    time.sleep(1.5)
    server.start()
    _, said = process.communicate()
    assert process.returncode == 0 and "Traceback" not in said, said
    assert records(in_postgres.url) == calm
    assert {row["status"] for row in in_postgres.status().values()} == {"graded", "unreadable"}


IMPATIENT = """
import sys
from grader import __main__
from grader.gradebook import autograde
autograde.PAUSES = ()
sys.exit(__main__.main())
"""


@pytest.mark.long
def test_without_its_server_a_run_keeps_its_verdicts_and_the_next_one_records_them(
    in_postgres, server, calm
):
    everybody_hands_in(in_postgres)
    told = in_postgres.command(
        sys.executable, "-c", IMPATIENT, "run", "--laws", "hidden", "--jobs", "2"
    )
    process = subprocess.Popen(**told, stderr=subprocess.PIPE)
    wait_for(in_postgres, "s0")
    server.kill()
    try:
        _, said = process.communicate()
        again = in_postgres.grade()
    finally:
        server.start()
    assert process.returncode == 2 and "Traceback" not in said, said
    [line] = [line for line in said.splitlines() if line.startswith("error:")]
    assert re.search(r"grader@/\S+ cannot be reached \(.*\): see to the server and run again", line)
    assert again.returncode == 2 and "cannot be reached" in again.stderr
    verdicts = [
        StateFile(in_postgres.folder, "toy", f"s{n}").read().verdict for n in range(len(WORKS))
    ]
    assert all(verdicts), "what was judged is kept"
    assert in_postgres.grade().returncode == 0
    assert records(in_postgres.url) == calm


@pytest.mark.long
@pytest.mark.parametrize("seed", range(10))
def test_runs_and_servers_killed_at_random_moments_leave_the_same_gradebook(
    in_postgres, server, calm, seed
):
    everybody_hands_in(in_postgres)
    chance = random.Random(seed)
    process = running(in_postgres)
    time.sleep(chance.uniform(1.5, 5))
    server.kill()
    time.sleep(chance.uniform(0, 2))
    server.start()
    time.sleep(chance.uniform(0, 2))
    process.send_signal(signal.SIGKILL)
    process.communicate()
    done = in_postgres.grade()
    assert done.returncode == 0, done.stderr
    assert records(in_postgres.url) == calm


# --- one grader at a time


def test_another_machines_grader_is_named_and_nothing_is_graded(in_postgres, server):
    in_postgres.hand_in("ann")
    with held(in_postgres.url) as theirs:
        done = in_postgres.grade()
        [line] = done.stderr.splitlines()
        assert done.returncode == 2 and "another run is grading into postgresql+psycopg://" in line
        assert f"process {os.getpid()} of " in line and " UTC): wait for it" in line
        theirs.take()  # once more changes nothing
        with pytest.raises(CourseError, match="another run"), held(in_postgres.url):
            pass
    assert in_postgres.grade().returncode == 0
    with server.connect(in_postgres.database) as connection:
        connection.execute("create schema other")
    with held(in_postgres.url):
        other = in_postgres.url + "&options=-csearch_path%3Dother"
        with held(other):
            pass  # another schema of the same database is another gradebook


@contextmanager
def held(url):
    """A grader's lock, as if another process had it."""
    lock = postgres.Lock(url)
    lock.take()
    yield lock
    lock.release()


def test_a_lock_that_was_lost_is_taken_again_unless_somebody_else_was_quicker(in_postgres, server):
    ours = postgres.Lock(in_postgres.url)
    ours.take()
    with server.connect(in_postgres.database) as connection:
        connection.execute(f"{END} where application_name = %s", [ours.name])
    ours.take()
    kept, ours.connection = ours.connection, None  # our side lost it, and the server does not know
    ours.take()
    kept.close()
    with server.connect(in_postgres.database) as connection:
        connection.execute(f"{END} where application_name = %s", [ours.name])
    with held(in_postgres.url), pytest.raises(CourseError, match="another run"):
        ours.take()
    ours.take()
    ours.release()


# --- checks, each in one line


@pytest.fixture(scope="module")
def doors(server, generated):
    """A database as nbgrader makes it, and a user who may only read it."""
    url = server.create("doors", generated)
    with server.connect("doors") as connection:
        connection.execute("create role reader login")
        connection.execute("grant select on all tables in schema public to reader")
    return url


def said(url, **how):
    with pytest.raises(CourseError) as told:
        database.check(url, **how)
    assert "\n" not in str(told.value)
    return str(told.value)


def test_what_stands_in_the_way_of_a_connection_is_one_line(doors, server):
    database.check(doors)
    assert "see to the server and run again" in said(doors.replace(str(server.folder), "/nowhere"))
    assert "cannot be reached" in said("postgresql+psycopg://me:secret@127.0.0.1:1/x")
    assert "secret" not in said("postgresql+psycopg://me:secret@127.0.0.1:1/x")
    assert "createdb" in said(doors.replace("/doors", "/nothing"))
    assert "mend the user" in said(doors.replace(USER, "nobody"))
    assert "no address" in said("postgresql+psycopg:/x")
    assert "postgresql+psycopg://…" in said(doors.replace("psycopg", "psycopg2"))


def test_who_may_only_read_is_told_before_anything_is_graded(doors, server):
    reader = doors.replace(USER, "reader")
    database.check(reader, writing=False)
    assert "grant the user all rights" in said(reader)
    assert "only reads" in said(doors + "&options=-cdefault_transaction_read_only%3Don")
    with server.connect("postgres") as connection:
        connection.execute("create database bare")
    assert "grant the user all rights" in said(reader.replace("/doors", "/bare"))


def test_another_nbgraders_tables_are_told(server, generated):
    url = server.create("older", generated)
    with server.connect("older") as connection:
        connection.execute("alter table student drop column lms_user_id")
    assert "another nbgrader (no student.lms_user_id)" in said(url, writing=False)
    assert "db upgrade" in said(url)


@pytest.mark.parametrize(
    ("words", "remedy"),
    {
        "psycopg.errors.DiskFull: could not extend file": "make room",
        "psycopg.errors.DeadlockDetected: deadlock detected": "is locked",
        "psycopg.errors.AdminShutdown: terminating connection": "cannot be reached",
        "psycopg.errors.UndefinedColumn: no column": "db upgrade",
        "psycopg.errors.UniqueViolation: twice": "",
        "psycopg2.OperationalError: server closed the connection": "cannot be reached",
    }.items(),
)
def test_a_fault_in_the_midst_of_nbgraders_words_is_known(words, remedy):
    kind, _, why = words.partition(": ")
    for text in (words, f"x\nsqlalchemy.exc.OperationalError: ({kind}) {why}\n[SQL: update]"):
        told = database.trouble(f"Traceback\n  x\n{text}", "it")
        assert remedy in told and bool(told) == bool(remedy)
    assert database.passes("it is locked") and not database.passes("it cannot be written")
