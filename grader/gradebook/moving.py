"""Moves a gradebook into another database, whole or not at all, and proves that every row there is the same."""

import contextlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from nbgrader.api import Base
from sqlalchemy import (
    Column,
    Connection,
    MetaData,
    String,
    Table,
    create_engine,
    event,
    inspect,
    select,
    text,
)
from sqlalchemy.pool import NullPool

from grader.errors import CourseError
from grader.gradebook import postgres
from grader.gradebook.database import check, file_of, in_one_line, is_there, named, take
from grader.text import clean

AT_ONCE = 1000  # rows
VERSION = Table("alembic_version", MetaData(), Column("version_num", String(32), primary_key=True))
# parents first
TABLES = (VERSION, *Base.metadata.sorted_tables)
# seconds that somebody else may hold a table of the target
WAIT = "set local lock_timeout = '10s'"
Rows = dict[Any, dict[str, Any]]  # of one table, by primary key


@dataclass(frozen=True)
class Moved:
    """What was moved and compared: rows by table; those left behind, which belong to nothing; whether it was there already."""

    rows: dict[str, int]
    by_hand: int
    left: dict[str, int]
    before: bool


def move(source: str, target: str, dry_run: bool = False) -> Moved:
    """Copy every row of nbgrader's in one transaction; CourseError, with nothing changed, where that cannot be.

    `dry_run`: all of it, and then it is undone. A target that holds the very same rows already, as after an interruption, is compared and left as it is.
    """
    if not is_there(source):
        raise CourseError(f"{named(source)} is not there, or is empty: nothing to move")
    check(source, writing=False)
    check(target)
    take(source)
    take(target)
    with transaction(source) as old:
        postgres.check_schema(old, named(source))
        wanted, left = connected({table.name: read(old, table) for table in TABLES})
        check_fits(wanted)
        with transaction(target) as new:
            before = fill(new, wanted, named(target))
            compare(wanted, new, named(target))
            if dry_run:
                new.rollback()
        if not dry_run:
            # once more, what everybody can see now
            with transaction(target) as new:
                compare(wanted, new, named(target))
    by_hand = sum(row["manual_score"] is not None for row in wanted["grade"].values())
    return Moved({name: len(rows) for name, rows in wanted.items()}, by_hand, left, before)


@contextlib.contextmanager
def transaction(url: str) -> Iterator[Connection]:
    """Nobody else writes there meanwhile; all that is done there, or nothing."""
    with in_one_line(named(url)):
        if file_of(url):
            engine = create_engine(url, poolclass=NullPool)
            # SQLite's driver would begin only before some statements, and let others write until then
            event.listen(
                engine, "connect", lambda found, _: setattr(found, "isolation_level", None)
            )
            event.listen(engine, "begin", lambda found: found.exec_driver_sql("begin immediate"))
        else:
            engine = postgres.engine(url)
        with engine.begin() as connection:
            if not file_of(url):
                connection.execute(text(WAIT))
                keep_others_out(connection)
            yield connection


def keep_others_out(connection: Connection) -> None:
    """Readers are let in."""
    there = set(inspect(connection).get_table_names())
    names = [table.name for table in TABLES if table.name in there]
    if names:
        connection.execute(text(f"lock table {', '.join(names)} in exclusive mode"))


def read(connection: Connection, table: Table) -> Rows:
    """All rows of a table; none where it is not there."""
    if not inspect(connection).has_table(table.name):
        return {}
    [key] = table.primary_key.columns
    return {row[key.name]: dict(row) for row in connection.execute(select(table)).mappings()}


def connected(tables: dict[str, Rows]) -> tuple[dict[str, Rows], dict[str, int]]:
    """The rows whose parents are there, and how many are not: SQLite keeps these, and nobody ever sees them."""
    kept: dict[str, Rows] = {}
    left: Counter[str] = Counter()
    for table in TABLES:
        kept[table.name] = {}
        for key, row in tables[table.name].items():
            parents = [(row[k.parent.name], k.column.table.name) for k in table.foreign_keys]
            if all(value is None or value in kept[parent] for value, parent in parents):
                kept[table.name][key] = row
            else:
                left[table.name] += 1
    return kept, dict(left)


def check_fits(tables: dict[str, Rows]) -> None:
    """CourseError for a text that PostgreSQL refuses and SQLite does not: one that is too long, or holds a zero byte."""
    for table in TABLES:
        limits = {c.name: getattr(c.type, "length", None) for c in table.columns}
        for row in tables[table.name].values():
            for name, value in row.items():
                if isinstance(value, str) and "\0" in value:
                    raise CourseError(
                        f"{table.name}.{name} of {clean(str(row))[:200]} holds a zero byte: mend it first; nothing was moved"
                    )
                if isinstance(value, str) and len(value) > (limits[name] or len(value)):
                    raise CourseError(
                        f"{table.name}.{name} is longer than {limits[name]} characters: {clean(value)[:200]}: shorten it first; nothing was moved"
                    )


def fill(new: Connection, wanted: dict[str, Rows], name: str) -> bool:
    """Write the rows into an empty gradebook; whether they were there before. CourseError if others are."""
    Base.metadata.create_all(new)
    VERSION.create(new, checkfirst=True)
    there = {table.name: len(read(new, table)) for table in TABLES}
    # nbgrader itself enters its version and a course into a gradebook that it opens
    if any(there[table] for table in there.keys() - {"course", VERSION.name}):
        if differing(wanted, new):
            counted = ", ".join(f"{count} in {table}" for table, count in there.items() if count)
            raise CourseError(f"{name} is not empty ({counted}): name an empty database; nothing was moved")  # fmt: skip
        return True
    for table in reversed(TABLES):
        new.execute(table.delete())
    for table in TABLES:
        rows = list(wanted[table.name].values())
        for start in range(0, len(rows), AT_ONCE):
            new.execute(table.insert(), rows[start : start + AT_ONCE])
    return False


def compare(wanted: dict[str, Rows], new: Connection, name: str) -> None:
    """CourseError, and the transaction is undone, if a row there is another."""
    if found := differing(wanted, new):
        raise CourseError(
            f"{name} does not give back what was written ({found}): nothing was moved"
        )


def differing(wanted: dict[str, Rows], new: Connection) -> str:
    """The first table whose rows are others, and one of them; empty if all are the same to the last bit."""
    for table in TABLES:
        found = read(new, table)
        for key in wanted[table.name].keys() | found.keys():
            if wanted[table.name].get(key) != found.get(key):
                return clean(f"{table.name} {key}")
    return ""
