"""Finds each student's one notebook in `submitted/`, however it is named or nested, and says what else lay there."""

import errno
import glob
import itertools
import os
from collections.abc import Collection, Iterator
from pathlib import Path

from grader.reader import Unreadable, clues, is_cell, is_notebook, parse, read
from grader.submission.choosing import ZIP, Found, choose, shown
from grader.submission.packed import unpack_file
from grader.text import one_line

IGNORED = {"__pycache__", "__MACOSX", "node_modules"}  # and whatever begins with a dot
MAX_FILES, MAX_DEPTH = 2000, 20
MAX_NAME = 200  # bytes: files are named after students, and a name may have 255
TIMESTAMP, REFUSED = "timestamp.txt", "timestamp.txt.refused"


def find_submissions(
    submitted: Path,
    assignment: str,
    notebook_name: str,
    others: Collection[str] = (),
    ids: Collection[str] = (),
    strangers: Collection[str] = (),
) -> list[Found]:
    """One entry for each folder in `submitted`, in order of their names.

    Args:
        others: names of the course's other assignments.
        ids: of this one's solution and grade cells, by which its notebook is known where there are others.
        strangers: folders that are no student's, and not looked at.
    """
    if not submitted.is_dir():
        return []
    folders = sorted(
        path
        for path in submitted.iterdir()
        if path.is_dir()
        and not path.is_symlink()
        and path.name[0] != "."
        and path.name not in strangers
    )
    return [found_or_trouble(path, assignment, notebook_name, others, ids) for path in folders]


def found_or_trouble(
    folder: Path,
    assignment: str,
    notebook_name: str,
    others: Collection[str],
    ids: Collection[str],
) -> Found:
    """Whatever one folder holds stops nobody else."""
    try:
        return find(folder, assignment, notebook_name, others, ids)
    except Exception as error:
        return Found(folder.name, trouble=f"the folder cannot be read: {one_line(str(error))}")


def loose(submitted: Path) -> list[str]:
    """What lies beside the students' folders, links among it: nobody's."""
    if not submitted.is_dir():
        return []
    return sorted(
        one_line(path.name, 100)
        for path in submitted.iterdir()
        if path.name[0] != "." and (path.is_symlink() or not path.is_dir())
    )


def unusable(student: str) -> str:
    """Why nbgrader could not grade a folder of this name, or an empty string."""
    if student != student.strip() or not student.isprintable():
        return (
            "a folder's name with blanks at its ends or unprintable characters: rename the folder"
        )
    if glob.has_magic(student):
        return "nbgrader cannot take a folder's name with * ? [ in it: rename the folder"
    if len(os.fsencode(student)) > MAX_NAME:
        return f"a folder's name of more than {MAX_NAME} bytes: rename the folder"
    return ""


def find(
    folder: Path,
    assignment: str,
    notebook_name: str,
    others: Collection[str] = (),
    ids: Collection[str] = (),
) -> Found:
    """The notebook of one student: at its proper place, else the only one there is.

    What lies in another assignment's folder is that one's, and not looked at. Nor is a notebook in nobody's folder whose
    cells have ids, and none of `ids`.
    """
    found, locked = Found(folder.name), list[str]()
    clocks = {folder / assignment / name for name in (TIMESTAMP, REFUSED)}  # nobody's work
    seen = plain_files(folder, locked, assignment, frozenset(others))
    files = [path for path in seen if path not in clocks]
    own = folder / assignment
    if others and ids:
        files = [path for path in files if path.is_relative_to(own) or not foreign(path, ids)]
    choose(found, files, own / f"{notebook_name}.ipynb", folder)
    if locked:
        _blame(found, locked, folder)
    left_out = [path for path in files if path != found.notebook]
    found.modules = [path.stem for path in left_out if path.suffix == ".py"]
    if left_out:
        some = "at least " if len(files) == MAX_FILES else ""
        more = f" and {some}{len(left_out) - 5} more" if len(left_out) > 5 else ""
        names = ", ".join(shown(path, folder) for path in left_out[:5])
        found.notes.append(f"left out: {names}{more}")
    return found


def _blame(found: Found, locked: list[str], folder: Path) -> None:
    """What cannot be opened is a note beside a notebook, and trouble where there is none."""
    names = ", ".join(shown(Path(path), folder.parent) for path in locked[:3])
    words = f"{names} cannot be opened: mend its permissions and run again"
    if found.notebook:
        found.notes.append(words)
    else:
        found.why_not, found.trouble = "", words


def foreign(path: Path, ids: Collection[str]) -> bool:
    """Whether it is a notebook, or a zip with one, whose cells have ids of nbgrader's, and none of these."""
    zipped = path.suffix.lower() == ZIP
    if not (zipped or is_notebook(path)) or not path.is_file():
        return False
    try:
        return holds_others(unpack_file(path).data if zipped else read(path), ids)
    except OSError:
        return False


def holds_others(data: bytes, ids: Collection[str]) -> bool:
    """Whether these are a notebook's bytes whose cells have ids of nbgrader's, and none of these."""
    try:
        cells = parse(data)["cells"]
    except Unreadable:
        return False
    found = [clues(cell).get("grade_id") for cell in cells if is_cell(cell)]
    named = {name for name in found if isinstance(name, str)}
    return bool(named) and not named & set(ids)


def plain_files(
    folder: Path, locked: list[str], assignment: str, others: frozenset[str]
) -> Iterator[Path]:
    """Files below the folder, at most MAX_FILES; links are never followed, and count as other files.

    `locked` gets the folders that could not be opened. Folders named as `others` are left out, save in the assignment's own.
    """
    return itertools.islice(_walk(folder, locked, assignment, others), MAX_FILES)


def _walk(
    folder: str | Path, locked: list[str], assignment: str, others: frozenset[str], depth: int = 0
) -> Iterator[Path]:
    """Not `os.walk`, which in Python 3.11 calls itself for every folder within a folder: an archive may hold thousands."""
    try:
        with os.scandir(folder) as found:
            entries = sorted((e for e in found if e.name[0] != "."), key=lambda e: e.name)
    except OSError as error:
        if error.errno != errno.ENAMETOOLONG:  # nobody could have handed in a notebook from there
            locked.append(str(folder))
        return
    inner = []
    for entry in entries:
        if entry.is_dir(follow_symlinks=False):
            inner.append(entry)
        else:
            plain = entry.is_file(follow_symlinks=False)
            yield Path(entry.path if plain else f"{entry.path} (a link)")
    for entry in inner if depth < MAX_DEPTH else ():
        if entry.name not in IGNORED | others:
            beside: frozenset[str] = frozenset() if entry.name == assignment else others
            yield from _walk(entry.path, locked, assignment, beside, depth + 1)
