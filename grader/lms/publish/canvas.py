"""Canvas: marks into the gradebook's export, pages under the names of a download of submissions."""

import re
import zipfile
from collections.abc import Mapping
from pathlib import Path

from grader.errors import CourseError
from grader.lms.handins import Key
from grader.lms.publish.fill import as_number
from grader.lms.publish.sheet import Sheet
from grader.text import one_line

KEYS = {"ID": Key.CANVAS, "SIS User ID": Key.SIS, "SIS Login ID": Key.LOGIN}
ASSIGNMENT = re.compile(r"(.*) \((\d+)\)")
POINTS = "Points Possible"
OWN_ROW = re.compile(r"\s*(Muted|Manual Posting.*)?\s*", re.IGNORECASE)
TEST_STUDENT = "Student, Test"
# of a file in a download: whose it is, and which attachment; comments are matched by these two numbers. Vowel signs of many
# scripts are no letters to Python
HANDED_IN = re.compile(r"((?!\.).*?(?:_LATE)?_(\d+)_\d+)_.+", re.IGNORECASE)


def read(path: Path) -> Sheet:
    return Sheet(path, ["Student", "ID"])


def people(sheet: Sheet) -> dict[int, dict[Key, str]]:
    """What each student's row says of the student."""
    keys = {place: key for name, key in KEYS.items() if (place := sheet.index(name)) is not None}
    return {
        row: {key: text for place, key in keys.items() if (text := sheet.get(row, place))}
        for row in range(1, len(sheet))
        if not own(sheet, row)
    }


def own(sheet: Sheet, row: int) -> bool:
    """Whether the row is Canvas's, about the columns."""
    return POINTS in sheet.get(row, 0) or all(
        OWN_ROW.fullmatch(sheet.get(row, place)) for place in range(len(sheet.raw[row]))
    )


def column(sheet: Sheet, assignment: str, wanted: str | None) -> int:
    """The assignment's: the one asked for by its heading, title or number, else the only one that fits its name."""
    titles = {
        place: heading
        for place, name in enumerate(sheet.columns)
        if (heading := ASSIGNMENT.fullmatch(name))
    }
    asked = (wanted or assignment).strip()
    found = [p for p, t in titles.items() if asked in (sheet.columns[p], t[2])] if wanted else []
    found = found or [p for p, t in titles.items() if t[1].strip().casefold() == asked.casefold()]
    if not found and not wanted:
        found = [p for p, t in titles.items() if within(asked, t[1])]
    if len(found) == 1:
        return found[0]
    shown = [sheet.columns[place] for place in found or titles]
    which = "several columns fit" if found else "no column fits"
    raise CourseError(
        f"{sheet.path}: {which} {asked!r}: choose with --column: {one_line('; '.join(shown), 1000)}"
    )


def within(name: str, title: str) -> bool:
    """Whether the title has the name's words one after another."""
    words, all_words = (re.findall(r"\w+", text.casefold()) for text in (name, title))
    count = len(words)
    return bool(count) and any(
        all_words[i : i + count] == words for i in range(len(all_words) - count + 1)
    )


def maximum(sheet: Sheet, place: int) -> float:
    """The points possible of a column; CourseError where it has none, or takes no marks."""
    rows = [row for row in range(1, len(sheet)) if POINTS in sheet.get(row, 0)]
    said = sheet.get(rows[0], place) if rows else ""
    if "read only" in said:
        raise CourseError(f"{sheet.path}: the column {sheet.columns[place]!r} is read only")
    most = as_number(said)
    if most is None or most <= 0:
        raise CourseError(
            f"{sheet.path}: {sheet.columns[place]!r} has no points possible: set them in Canvas and export again"
        )
    return most


def page_names(download: Path, notebook: str) -> Mapping[str, str]:
    """Of a downloaded zip, or a folder of its files: by user id the name under which Canvas takes a page for the student."""
    try:
        if download.is_dir():
            names = [path.name for path in download.iterdir()]
        else:
            with zipfile.ZipFile(download) as archive:
                names = [Path(name).name for name in archive.namelist()]
    except (OSError, zipfile.BadZipFile) as error:
        raise CourseError(f"--submissions {download}: {error}") from error
    found = {
        m[2]: f"{m[1]}_{notebook}.html"
        for name in sorted(names)
        if (m := HANDED_IN.fullmatch(name))
    }
    if not found:
        raise CourseError(f"--submissions {download} holds no file that is named as Canvas does")
    return found
