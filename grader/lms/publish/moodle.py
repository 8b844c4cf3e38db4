"""Moodle: marks and comments into the grading worksheet, pages under the names of its feedback upload."""

import html
import re
from pathlib import Path

from grader.errors import CourseError
from grader.lms.handins import Key
from grader.lms.publish.fill import Report, as_number
from grader.lms.publish.ledger import Options, number, points
from grader.lms.publish.results import Result, Table
from grader.lms.publish.sheet import Sheet
from grader.lms.roster import PARTICIPANT
from grader.lms.worksheet import IDENTIFIER
from grader.text import harmless

GRADE, MOST, OPEN = "Grade", "Maximum Grade", "Grade can be changed"
MODIFIED, COMMENT, NAME = "Last modified (grade)", "Feedback comments", "Full name"
KEYS = {IDENTIFIER: Key.PARTICIPANT, "ID number": Key.SIS, "Email address": Key.EMAIL}
# what no folder of a zip may have in its name; an underscore ends the name for Moodle
UNFIT = re.compile(r'[\x00-\x1f_/\\:*?"<>|]+')
# a comment of ours, whenever it was made
OURS = re.compile(r"\S[^\n]*; (?:together|so far) [\d.]+ of [\d.]+")
TAG = re.compile(r"<[^>]*>")


def read(path: Path) -> Sheet:
    """CourseError unless it is a worksheet as Moodle takes it back."""
    try:
        return Sheet(path, [IDENTIFIER, GRADE, MOST, MODIFIED])
    except CourseError as error:
        raise CourseError(
            f"{error}: download the grading worksheet with Moodle's language set to English"
        ) from error


def people(sheet: Sheet) -> dict[int, dict[Key, str]]:
    """What each row says of its person; of a blind worksheet the number alone."""
    keys = {place: key for name, key in KEYS.items() if (place := sheet.index(name)) is not None}
    found = {}
    for row in range(1, len(sheet)):
        said = {key: sheet.get(row, place) for place, key in keys.items()}
        said[Key.PARTICIPANT] = participant(sheet, row)
        found[row] = {key: text for key, text in said.items() if text}
    return {row: said for row, said in found.items() if said}


def participant(sheet: Sheet, row: int) -> str:
    """Moodle's number; empty where a row has none."""
    place = sheet.index(IDENTIFIER)
    found = PARTICIPANT.fullmatch(sheet.get(row, place or 0))
    return found[1] if found else ""


def maximum(sheet: Sheet) -> float:
    """The points of everybody's best mark; CourseError where there is no such number."""
    place = sheet.columns.index(MOST)
    said = {text for row in range(1, len(sheet)) if (text := sheet.get(row, place))}
    most = as_number(said.pop()) if len(said) == 1 else None
    if most is None or most <= 0:
        raise CourseError(
            f"{sheet.path}: {MOST!r} is no one number above 0: set the assignment to points in Moodle and download again"
        )
    return most


def locked(sheet: Sheet, row: int) -> bool:
    """Whether Moodle takes no mark for the row."""
    place = sheet.index(OPEN)
    return place is not None and sheet.get(row, place).casefold() == "no"


def comment(result: Result, table: Table, options: Options) -> str:
    """The marks by exercise, in one line without markup."""
    parts = []
    for exercise in table.plan:
        mark = result.marks.get(exercise.stem)
        given = "open" if mark is None else f"{number(mark)} of {number(exercise.max_points)}"
        by_hand = "by hand" if exercise.stem in result.by_hand else ""
        words = by_hand or ("" if mark is None else result.outcomes.get(exercise.stem, ""))
        parts.append(f"{exercise.stem}: {given}{f' ({words})' if words else ''}")
    if not result.marks:
        parts = ["nothing was handed in"]
    if result.penalty:
        parts.append(f"late: {number(result.penalty)} off")
    total = points(result, options)
    if total is not None:
        so_far = "so far" if result.open else "together"
        parts.append(f"{so_far} {number(total)} of {number(table.max_total * options.scale)}")
    return str(harmless(html.escape("; ".join(parts), quote=False)))


def write_comment(sheet: Sheet, row: int, text: str, student: str, report: Report) -> bool:
    """Whether it stands there now: a comment that a person has written, or added to, stays."""
    place = sheet.index(COMMENT)
    if place is None:
        return False
    said = html.unescape(TAG.sub("", sheet.get(row, place))).strip()
    if said and not OURS.fullmatch(said):
        report.left["a comment stands there and stays"].append(student)
        return False
    if said != html.unescape(text):
        sheet.put(row, place, text)
    return True


def page_name(sheet: Sheet, row: int, notebook: str) -> str:
    """Where in the zip a student's page belongs."""
    place = sheet.index(NAME)
    name = sheet.get(row, place) if place is not None else ""
    # a name that begins with a dot would be a hidden folder
    fit = " ".join(UNFIT.sub(" ", name).split()).lstrip(". ")[:100] or "Participant"
    return f"{fit}_{participant(sheet, row)}_assignsubmission_file_/{notebook}.html"
