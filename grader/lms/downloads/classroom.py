"""GitHub Classroom: a folder of clones named `<assignment>-<GitHub name>`, Classroom's table of them, or both."""

import csv
import io
import os
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path

from grader.lms.downloads.forms import moment_of
from grader.lms.downloads.notebooks import notebook_of
from grader.lms.downloads.repository import committed, fetched, files
from grader.lms.handins import Contents, Download, Entry, HandIn, Key, Refused, Told
from grader.reader import Unreadable
from grader.text import one_line

NAME, ADDRESS = "student_repository_name", "student_repository_url"
COLUMNS = {NAME, ADDRESS, "github_username"}
PUSHED = "submission_timestamp in Classroom's table"
COMMITTED = "the commit's date, as the student's machine told it"
NO_CLOCK = "neither a table of Classroom's nor git tells the time"
WHOSE = (
    "whose clone this is cannot be told from its name: put Classroom's table (CSV) into the folder"
)
FOLDER = re.compile(r"(?!\.)[\w.-]+", re.ASCII)
Rows = Mapping[str, list[dict[str, str]]]


def recognised(download: Download) -> bool:
    """Whether Classroom's table is there, or more than half of the folders are clones."""
    if _table(download):
        return True
    folder = Path(download.name)
    names = {entry.path.split("/")[0] for entry in download.entries if "/" in entry.path}
    clones = sum((folder / name / ".git" / "HEAD").is_file() for name in names)
    return 2 * clones > len(names)


def hand_ins(download: Download, told: Told) -> Contents:
    """One for each repository; the members of a group share one. Repositories that only the table names are cloned."""
    table = _table(download)
    rows = table[1] if table else {}
    own = defaultdict[str, list[Entry]](list)
    loose = list[Refused]()
    for entry in download.entries:
        name, slash, _ = entry.path.partition("/")
        if slash:
            own[name].append(entry)
        elif not table or entry.path != table[0]:
            loose.append(Refused(one_line(entry.path), "in no clone"))
    folder = Path(download.name) if own else told.clones / (told.assignment or "classroom")
    missing = _cloned(rows, own, told.clones / (told.assignment or "classroom")) if not own else []
    before = prefix(own, told.assignment)
    found, refused = list[HandIn](), list[Refused]()
    for name, entries in own.items():
        people = _people(rows.get(name.lower(), ()), name, before)
        if people:
            found.append(_hand_in(folder / name, people, entries, rows.get(name.lower(), ()), told))
        else:
            refused.append(Refused(one_line(name), WHOSE))
    return Contents(tuple(found), (*missing, *refused, *loose))


def _table(download: Download) -> tuple[str, Rows] | None:
    """Classroom's table beside the clones: its path, and the rows of each repository, whose names have no case."""
    for entry in download.entries:
        if "/" in entry.path or not entry.path.lower().endswith(".csv"):
            continue
        try:
            text = entry.read().decode("utf-8-sig", "replace")
            table = list(csv.DictReader(io.StringIO(text, newline="")))
        except (Unreadable, csv.Error):
            continue
        if table and set(table[0]) >= COLUMNS:
            rows = defaultdict[str, list[dict[str, str]]](list)
            for row in table:
                rows[_repository(row).lower()].append({k: v or "" for k, v in row.items() if k})
            return entry.path, rows
    return None


def _repository(row: Mapping[str, str | None]) -> str:
    """Its name without the organisation's."""
    return (row.get(NAME) or "").strip().rpartition("/")[2]


def _cloned(rows: Rows, own: dict[str, list[Entry]], place: Path) -> list[Refused]:
    """Clone what the table names, into `own`; a row for each that failed."""
    refused = list[Refused]()
    for same in rows.values():
        name, address = _repository(same[0]), same[0].get(ADDRESS, "").strip()
        if not name and not address:
            continue
        if not FOLDER.fullmatch(name):
            refused.append(Refused(one_line(name), "no name of a repository"))
        elif why := fetched(address, place / name):
            refused.append(Refused(one_line(name), why))
        else:
            own[name] += files(place / name, name)
    return refused


def prefix(names: Iterable[str], assignment: str) -> str:
    """What begins the names of all clones: the assignment's own, or what several have in common up to a hyphen."""
    listed = list(names)
    if assignment and all(name.startswith(f"{assignment}-") for name in listed):
        return f"{assignment}-"
    common = os.path.commonprefix(listed) if len(listed) > 1 else ""
    return common[: common.rfind("-") + 1]


def _people(
    rows: Iterable[Mapping[str, str]], name: str, before: str
) -> tuple[dict[Key, str], ...]:
    """What the table says of each member, else the end of the folder's name; empty where nobody can tell."""
    told = []
    for row in rows:
        identifier = row.get("roster_identifier", "").strip()
        kind = Key.EMAIL if "@" in identifier else Key.STUDENT
        keys = {Key.GITHUB: row.get("github_username", "").strip(), kind: identifier}
        told.append({key: one_line(value) for key, value in keys.items() if value})
    if any(told):
        return tuple(keys for keys in told if keys)
    owner = name.removeprefix(before) if before else ""
    return ({Key.GITHUB: owner},) if owner else ()


def _hand_in(
    clone: Path,
    people: tuple[dict[Key, str], ...],
    entries: list[Entry],
    rows: Iterable[Mapping[str, str]],
    told: Told,
) -> HandIn:
    pushed = [moment_of(row.get("submission_timestamp", ""), told.zone) for row in rows]
    moment, clock = max(filter(None, pushed), default=None), PUSHED
    if moment is None:
        moment, clock = _commit(clone, entries, told), COMMITTED
    return HandIn(
        by=people,
        files=tuple(entries),
        order=(moment.timestamp(),) if moment else (),
        moment=moment,
        clock=clock if moment else NO_CLOCK,
    )


def _commit(clone: Path, entries: list[Entry], told: Told) -> datetime | None:
    """Of the notebook; of all that is there where nobody can tell which file is the notebook."""
    notebook = notebook_of(entries, told.notebook).entry
    inner = notebook.path.partition("/")[2] if notebook else ""
    return committed(clone, inner or ".")
