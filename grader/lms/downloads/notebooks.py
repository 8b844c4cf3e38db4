"""Which of the files that somebody handed in is the notebook: by its name, renamed by a browser, or the only one in an archive."""

import io
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from grader.lms.downloads.tarred import open_tar
from grader.lms.downloads.zipped import open_zip
from grader.lms.handins import Download, Entry
from grader.reader import MAX_BYTES, Unreadable, is_notebook, parse
from grader.submission.choosing import PACKED
from grader.submission.copies import counted
from grader.text import one_line, some_of

ZIP, GZIP = b"PK", b"\x1f\x8b"
# archives of one hand-in that are looked into, and bytes that one of them may unpack to
MAX_PACKED, MAX_INSIDE = 5, 5 * MAX_BYTES


@dataclass(frozen=True)
class Choice:
    """`entry`: the notebook, None where there is none to choose; `why_not`: then a key of handed_in.NO_NOTEBOOK, or "".

    `asks`: names of notebooks that may be attempts of one another, of which nobody can tell the newest; `notes`: from where
    it was taken, and what was left out.
    """

    entry: Entry | None = None
    why_not: str = ""
    asks: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def notebook_of(files: Sequence[Entry], name: str = "") -> Choice:
    """The notebook among the files of one hand-in; `name`: that it was given out with, without .ipynb."""
    proper = f"{name}.ipynb"
    notebooks = [entry for entry in files if is_notebook(entry.own)]
    if not notebooks:
        return _renamed_or_packed(files, name)
    versions = [e for e in notebooks if proper in (e.own, counted(e.own)[0])]
    if len(versions) > 1:
        return _several(versions, proper)
    named = [entry for entry in notebooks if entry.own == proper] or versions
    if not named and len(notebooks) > 1:
        alike = {counted(entry.own)[0] for entry in notebooks}
        return _several(notebooks, "") if len(alike) == 1 else Choice(why_not="several")
    chosen = (named or notebooks)[0]
    return Choice(chosen, notes=(*_taken(chosen, proper), *_left_out(files, chosen)))


def _several(notebooks: list[Entry], proper: str) -> Choice:
    """Notebooks of one name, or of one name and a number: equal ones are one; of others nobody can tell the newest."""
    try:
        contents = {entry.read() for entry in notebooks}
    except Unreadable:
        contents = set()
    if len(contents) == 1:
        chosen = min(notebooks, key=lambda entry: (entry.own != proper, len(entry.own), entry.path))
        return Choice(chosen, notes=("several equal notebooks",))
    if len({entry.own for entry in notebooks}) == 1:
        return Choice(why_not="twice")
    return Choice(asks=tuple(sorted(one_line(entry.own, 100) for entry in notebooks)))


def _taken(chosen: Entry, proper: str) -> list[str]:
    return [] if chosen.own == proper else [f"taken from {one_line(chosen.own, 100)}"]


def _left_out(files: Sequence[Entry], chosen: Entry) -> list[str]:
    names = [one_line(entry.own, 100) for entry in files if entry is not chosen]
    return [f"left out: {some_of(names)}"] if names else []


def _renamed_or_packed(files: Sequence[Entry], name: str) -> Choice:
    """A notebook that lost its ending, else the only one in an archive."""
    renamed = [entry for entry in files if _is_renamed(entry)]
    if len(renamed) == 1:
        notes = (f"taken from {one_line(renamed[0].own, 100)}", *_left_out(files, renamed[0]))
        return Choice(renamed[0], notes=notes)
    if renamed:
        return Choice(why_not="several")
    packed = [entry for entry in files if PurePosixPath(entry.own).suffix.lower() in PACKED]
    inside = [inner for entry in packed[:MAX_PACKED] for inner in unpacked(entry)]
    if not any(is_notebook(entry.own) for entry in inside):
        why_not = "packed" if packed else "none"
        return Choice(why_not=why_not if files else "")
    found = notebook_of(inside, name)
    if not found.entry:
        return found
    at = one_line(found.entry.path.removeprefix(_common(files)), 100)
    return Choice(found.entry, notes=(f"taken from {at}", *_left_out(files, found.entry)))


def _common(files: Sequence[Entry]) -> str:
    return files[0].path.rpartition("/")[0] + "/" if "/" in files[0].path else ""


def _is_renamed(entry: Entry) -> bool:
    """Whether a .json or .txt file, or one without an ending, holds a notebook."""
    if PurePosixPath(entry.own).suffix.lower() not in ("", ".json", ".txt") or not entry.size:
        return False
    try:
        return bool(parse(entry.read()))
    except Unreadable:
        return False


def unpacked(entry: Entry) -> tuple[Entry, ...]:
    """The entries of an archive within a download, read in memory; none where it is none, or too large."""
    try:
        data = entry.read()
    except Unreadable:
        return ()
    found = Download("", ())
    if len(data) > MAX_BYTES:
        return ()
    if data.startswith(ZIP):
        found = open_zip(entry.path, io.BytesIO(data))
    elif data.startswith(GZIP):
        found = open_tar(entry.path, io.BytesIO(data), packed=True, most=MAX_INSIDE)
    return tuple(replace(inner, path=f"{entry.path}/{inner.path}") for inner in found.entries)
