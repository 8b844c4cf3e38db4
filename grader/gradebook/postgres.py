"""A gradebook that PostgreSQL keeps: whether it can be used, who grades into it, and what the server's words mean."""

import atexit
import contextlib
import functools
import getpass
import os
import platform
import re
import secrets
import time
from collections.abc import Iterator
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, inspect, make_url, text
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.pool import NullPool

from grader.errors import CourseError
from grader.text import clean, program

SECONDS = 10  # that a server has to answer a new connection
PATIENCE = 50  # tenths of a second, for a lost connection of ours to end
# as psycopg and as SQLAlchemy put it, the last line of a traceback or nothing else
SAID = re.compile(
    r"^(?:sqlalchemy\.exc\.\w+: \(|nbgrader\.api\.InvalidEntry: \()?psycopg2?\.(?:errors\.)?(\w+)(?:\)|:) (.*)",
    re.MULTILINE,
)
# what the server says to somebody who comes to the door; libpq gives it no code
DOOR = (
    (
        r"authentication|password|pg_hba\.conf|role .* does not exist|not permitted to log in",
        "lets nobody in ({}): mend the user in c.CourseDirectory.db_url, or the password in ~/.pgpass",
    ),
    (
        r"database .* does not exist",
        "is not there ({}): createdb, or mend c.CourseDirectory.db_url",
    ),
)
# by the names of its errors; the last stands for whoever cannot be reached
NAMED = (
    (
        r"LockNotAvailable|DeadlockDetected|SerializationFailure|QueryCanceled",
        "is locked ({}): another command or Formgrader writes to it; wait and run again",
    ),
    (
        r"InsufficientPrivilege|ReadOnlySqlTransaction",
        "cannot be written ({}): grant the user all rights on its tables, on the server that takes writes",
    ),
    (r"DiskFull|OutOfMemory", "cannot be written ({}): make room on the server and run again"),
    (
        r"UndefinedTable|UndefinedColumn",
        f"is of another nbgrader ({{}}): `{program('nbgrader')} db upgrade`, after a backup",
    ),
    (
        r"OperationalError|ConnectionTimeout|\w*Shutdown|CannotConnectNow|TooManyConnections|IdleSessionTimeout|ConnectionException|ConnectionFailure",
        "cannot be reached ({}): see to the server and run again",
    ),
)
# advisory locks are numbers; this one is ours in any database, the second that of the schema
KEY = int.from_bytes(b"laws", "big")
SCHEMA = "(select oid::int from pg_namespace where nspname = current_schema())"
TAKE = f"select pg_try_advisory_lock({KEY}, {SCHEMA})"
HOLDS = (
    "select pid, application_name, to_char(backend_start at time zone 'UTC', 'YYYY-MM-DD HH24:MI') from pg_locks"
    " join pg_stat_activity using (pid) where locktype = 'advisory' and granted"
    f" and database = (select oid from pg_database where datname = current_database()) and classid = {KEY}"
    " and objid = (select oid from pg_namespace where nspname = current_schema())"
)
NAME = "select set_config('application_name', :name, false)"
END = "select pg_terminate_backend(:pid)"
# a grader whose machine is gone gives the lock back after a minute; training may take hours
LASTING = (
    *("set tcp_keepalives_idle = 30", "set tcp_keepalives_interval = 10"),
    *("set tcp_keepalives_count = 3", "set idle_session_timeout = 0"),
)
WRITABLE = (
    "select coalesce(bool_and(has_table_privilege(format('%I.%I', schemaname, tablename), 'insert')"
    " and has_table_privilege(format('%I.%I', schemaname, tablename), 'update')"
    " and has_table_privilege(format('%I.%I', schemaname, tablename), 'delete')), true)"
    " from pg_tables where schemaname = current_schema()"
)
EMPTY = "select has_schema_privilege(current_schema(), 'create')"


def named(url: str) -> str:
    """The address for people: without a password, and without what else it says of the connection."""
    return make_url(url).set(password=None, query={}).render_as_string()


def shown(url: str) -> str:
    """The same with all but the password: that stands in ~/.pgpass, or has to be written in its place."""
    return make_url(url).render_as_string()


@contextlib.contextmanager
def opened(url: str, **how: Any) -> Iterator[Connection]:
    """A connection of its own; what the server says of being unusable becomes one line."""
    with one_line(url), engine(url).connect().execution_options(**how) as connection:
        yield connection


def engine(url: str) -> Engine:
    """CourseError where the address or its driver cannot be used."""
    try:
        return create_engine(
            url, poolclass=NullPool, connect_args={"connect_timeout": SECONDS}, future=True
        )
    except ArgumentError as error:
        raise CourseError(
            f"c.CourseDirectory.db_url is no address that SQLAlchemy knows ({clean(str(error))}): postgresql+psycopg://USER@HOST/DATABASE"
        ) from None
    except ImportError as error:
        raise CourseError(
            f"{named(url)} needs a driver ({error}): write postgresql+psycopg://…, and `{program('pip')} install 'psycopg[binary]'`"
        ) from None


@contextlib.contextmanager
def one_line(url: str) -> Iterator[None]:
    """What the server says, within a connection or before there is one, becomes a CourseError."""
    try:
        yield
    except DBAPIError as error:
        said = f"{type(error).__module__}.{type(error).__name__}: {error}"
        if why := trouble(said, named(url)):
            raise CourseError(why) from None
        raise


def is_there(url: str) -> bool:
    """Whether it has nbgrader's tables."""
    with opened(url) as connection:
        return inspect(connection).has_table("student")


def check(url: str, writing: bool) -> None:
    """CourseError, in one line that says what to do, if it cannot be reached, read, or written, or is another nbgrader's."""
    with opened(url) as connection:
        there = inspect(connection).has_table("student")
        if there:
            check_schema(connection, named(url))
        if writing and connection.scalar(text("show transaction_read_only")) == "on":
            raise CourseError(f"{named(url)} cannot be written: that server only reads")
        if writing and not connection.scalar(text(WRITABLE if there else EMPTY)):
            raise CourseError(
                f"{named(url)} cannot be written: grant the user all rights on its schema and tables"
            )


def check_schema(connection: Connection, name: str) -> None:
    """CourseError if tables or columns are others than this nbgrader's."""
    from nbgrader.api import Base

    found = inspect(connection).get_multi_columns()
    there = {(table, c["name"]) for (_, table), columns in found.items() for c in columns}
    ours = {(table.name, c.name) for table in Base.metadata.sorted_tables for c in table.columns}
    if lacking := sorted(ours - there):
        raise CourseError(
            f"{name} is of another nbgrader (no {'.'.join(lacking[0])}): `{program('nbgrader')} db upgrade`, after a backup"
        )


def trouble(words: str, name: str) -> str:
    """What to do about an error of PostgreSQL's in a text; empty if there is none, or none that a person can mend."""
    found = SAID.search(words)
    if not found:
        return ""
    why = clean(found[2])
    for pattern, remedy in DOOR if found[1] == "OperationalError" else ():
        if re.search(pattern, why):
            return f"{name} {remedy.format(why)}"
    for pattern, remedy in NAMED:
        if re.fullmatch(pattern, found[1]):
            return f"{name} {remedy.format(why)}"
    return ""


class Lock:
    """One grader at a time, whatever the machine: an advisory lock, held as long as a connection of its own lasts."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.connection: Connection | None = None
        who = f"{getpass.getuser()}@{platform.node()}"
        # 63 bytes are kept
        self.name = f"grader {secrets.token_hex(3)}, process {os.getpid()} of {who}"[:63]

    def take(self) -> None:
        """Take it, or see that it is still held; CourseError if another has it, or nobody can tell."""
        if self.connection is not None and not lasts(self.connection):
            self.release()
        if self.connection is None:
            with one_line(self.url):
                connection = engine(self.url).connect()
                try:
                    self._take(connection.execution_options(isolation_level="AUTOCOMMIT"))
                except BaseException:
                    connection.close()
                    raise
            self.connection = connection

    def _take(self, connection: Connection) -> None:
        """CourseError if another has it; an earlier connection of our own, which the server thinks alive, is ended."""
        connection.execute(text(NAME), {"name": self.name})
        for setting in LASTING:
            # an older server has no idle_session_timeout
            with contextlib.suppress(DBAPIError):
                connection.execute(text(setting))
        for _ in range(PATIENCE):
            if connection.scalar(text(TAKE)):
                return
            holder = connection.execute(text(HOLDS)).first()
            if holder and holder[1] != self.name:
                raise CourseError(
                    f"another run is grading into {named(self.url)} ({holder[1]}, since {holder[2]} UTC): wait for it, or stop it there with Ctrl-C"
                )
            if holder:
                connection.execute(text(END), {"pid": holder[0]})
            time.sleep(0.1)
        raise CourseError(f"{named(self.url)} is locked: wait and run again")

    def release(self) -> None:
        """Also where the connection is lost."""
        if self.connection is not None:
            with contextlib.suppress(DBAPIError):
                self.connection.close()
        self.connection = None


def lasts(connection: Connection) -> bool:
    """Whether the server still knows it."""
    try:
        connection.execute(text("select 1"))
    except DBAPIError:
        return False
    return True


@functools.cache
def lock(url: str) -> Lock:
    """The one of this process, which holds it until it ends."""
    made = Lock(url)
    atexit.register(made.release)
    return made
