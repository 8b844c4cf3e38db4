"""Feedback pages of nbgrader's, as a zip or a folder whose names tell whose each is."""

import argparse
import contextlib
import html
import io
import os
import re
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path

from grader.errors import CourseError
from grader.lms.publish.fill import Report, as_number
from grader.lms.publish.ledger import Ledger, some
from grader.lms.publish.results import Result, Table
from grader.store import sha256
from grader.text import program

# the first heading of our own page; another template's is left alone
SCORE = re.compile(
    rb"<h[14][^>]*>[^<]*\(Score: ([\d.]+)(?: so far, [\d.]+ not marked yet)? / [\d.]+\)</h[14]>"
)
EPOCH = (1980, 1, 1, 0, 0, 0)  # the zip of equal pages is equal


def publish_pages(
    options: argparse.Namespace,
    found: Mapping[str, Result],
    names: Mapping[str, str],
    table: Table,
    ledger: Ledger,
    report: Report,
) -> None:
    """`names`: where each student's page belongs; with --changed only pages that are others than the last time."""
    pages = read_pages(found.values(), table, report)
    digests = {student: {"page": sha256(data)} for student, data in pages.items()}
    if options.changed:
        pages = {s: p for s, p in pages.items() if ledger.last(s, "page") != digests[s]["page"]}
    paths = named(pages, names, report)
    if not paths or options.dry_run:
        return
    write_pages({path: pages[student] for path, student in paths.items()}, options.feedback)
    ledger.keep({student: digests[student] for student in paths.values()})
    report.written.append(options.feedback)


def read_pages(found: Iterable[Result], table: Table, report: Report) -> dict[str, bytes]:
    """By student; those without a page, and those whose page tells another mark, are troubles."""
    pages, absent, stale = {}, list[str](), list[str]()
    for result in found:
        try:
            data = place(table, result.student).read_bytes()
        except OSError:
            absent.append(result.student)
            continue
        if tells_another(data, result):
            stale.append(result.student)
        else:
            pages[result.student] = data
    command = f"`{program('nbgrader')} generate_feedback {table.name} --force`"
    for students, what in ((absent, "no feedback page"), (stale, "the page tells another mark")):
        if students:
            report.trouble(f"{what}: {some(students, 50)}: {command}, then publish again")
    return pages


def place(table: Table, student: str) -> Path:
    """Where nbgrader writes a student's page."""
    return table.feedback / student / table.name / f"{table.assignment.notebook.stem}.html"


def tells_another(page: bytes, result: Result) -> bool:
    """Whether it was made before the mark became what it is."""
    said = SCORE.search(page)
    score = as_number(html.unescape(said[1].decode())) if said else None
    return score is not None and abs(score - (result.total or 0.0)) > 0.00501


def write_pages(pages: Mapping[str, bytes], out: Path) -> None:
    """`pages`: by path within the zip, or the folder where `out` does not end with .zip."""
    if out.suffix.lower() == ".zip":
        write_bytes(out, packed(pages))
        return
    for name, data in pages.items():
        write_bytes(out / name, data)


def packed(pages: Mapping[str, bytes]) -> bytes:
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in sorted(pages.items()):
            entry = zipfile.ZipInfo(name, EPOCH)
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, data, zipfile.ZIP_DEFLATED)
    return memory.getvalue()


def fitting(name: str) -> str:
    """A path's part that every system can make a file of."""
    return re.sub(r'[\x00-\x1f/\\:*?"<>|]', "-", name).strip(". ") or "-"


def named(students: Iterable[str], names: Mapping[str, str], report: Report) -> dict[str, str]:
    """The student of each path; two of one path are a trouble: not every system tells them apart by case."""
    taken: dict[str, str] = {}
    found = {}
    for student in students:
        name = names[student]
        other = taken.setdefault(name.casefold(), student)
        if other == student:
            found[name] = student
        else:
            report.trouble(f"{student}: no page: {other} has one of the same name, {name}")
    return found


def write_bytes(path: Path, data: bytes) -> None:
    """All or nothing."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_bytes(data)
        temporary.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise CourseError(f"{path} cannot be written: {error.strerror}") from error
