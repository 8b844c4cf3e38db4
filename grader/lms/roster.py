"""Who is in the course, from a table in any form that a system exports: which column says what, and whose id counts."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from grader.errors import CourseError
from grader.lms.handins import Key
from grader.lms.people import Person
from grader.lms.sheets import Sheet, read_sheet
from grader.lms.worksheet import IDENTIFIER, MODIFIED
from grader.submission.collect import unusable
from grader.text import one_line

# columns by their names, case and signs left out; a table has one of each row at most, the first that it has counts
COLUMNS: dict[Key, tuple[str, ...]] = {
    Key.STUDENT: ("id",),
    Key.CANVAS: ("lmsuserid", "canvasid", "canvasuserid"),
    Key.LOGIN: ("sisloginid", "loginid", "username", "login", "benutzername"),
    Key.SIS: ("sisuserid", "idnumber", "sid", "studentid", "idnummer"),
    Key.PARTICIPANT: ("identifier", "participant"),
    Key.GITHUB: ("githubusername", "github"),
    Key.EMAIL: ("emailaddress", "email", "emailadresse"),
    Key.NAME: ("fullname", "student", "name", "studentname"),
}
FIRST, LAST = ("firstname", "vorname"), ("lastname", "surname", "nachname")
SECTION, GROUP, ROLE = ("section", "sections", "sectionname"), ("groupname", "group"), ("role",)
# which key is the course's id, where no column is called so
IDS = (Key.STUDENT, Key.LOGIN, Key.SIS, Key.EMAIL, Key.GITHUB, Key.CANVAS, Key.PARTICIPANT)
PARTICIPANT = re.compile(r"\D*(\d+)")  # `Participant 17`, whatever the language
SHORTENED = re.compile(r"\d[.,]\d+E\+\d+")  # a number of many digits, as Excel saves it
STUDENTS = {"", "student"}
TEST_STUDENTS = {"student, test", "test student"}


@dataclass(frozen=True)
class Read:
    """One table of people.

    `column`: what gives their ids; `own`: whether it is the course's own; `left_out`: rows that are no students', in words;
    `wrong`: rows that nobody can be made of, and why; `worksheet`: the rows, where they are Moodle's and say when it got the work.
    """

    name: str
    column: str
    own: bool
    people: tuple[Person, ...]
    left_out: tuple[str, ...] = ()
    wrong: tuple[str, ...] = ()
    worksheet: tuple[Mapping[str, str], ...] = ()


def read_rosters(paths: Sequence[Path], column: str | None = None) -> list[Read]:
    """The people of each file; `column`: of the ids, in those that have it; CourseError where none has."""
    held = [column and has(read_sheet(path), column) for path in paths]
    if paths and not any(held):
        held = [True for _ in paths]  # the first says which columns there are
    return [
        read_roster(path, column if own else None) for path, own in zip(paths, held, strict=True)
    ]


def has(sheet: Sheet, column: str) -> bool:
    """Whether a table has the column, whatever its case."""
    return bare(column) in map(bare, sheet.columns)


def read_roster(path: Path, column: str | None = None) -> Read:
    """The people of a file; `column`: of the ids. CourseError where there is no such column, or no table."""
    sheet = read_sheet(path)
    places = columns_of(sheet)
    if not places:
        raise CourseError(
            f"{path}: none of its columns tells who a student is ({one_line(', '.join(sheet.columns))})"
        )
    rows, left_out = [], list[str]()
    for row in sheet.rows:
        if why := nobody(row, sheet):
            left_out.append(why)
        else:
            rows.append(row)
    ids = id_column(sheet, places, rows, column)
    people, wrong = list[Person](), list[str]()
    used = Counter(row[ids] for row in rows)
    for row in rows:
        person = person_of(row, places, row_id(ids, row, places))
        if why := refusal(person.student, ids, used[row[ids]]):
            wrong.append(f"{sheet.name}: {shown(row, sheet)}: {why}")
        else:
            people.append(person)
    own = places.get(Key.STUDENT) == ids
    dated = {IDENTIFIER, MODIFIED} <= set(sheet.columns)
    worksheet = sheet.rows if dated else ()
    return Read(sheet.name, ids, own, tuple(people), tuple(left_out), tuple(wrong), worksheet)


def columns_of(sheet: Sheet) -> dict[Key, str]:
    """The column of each key that the table has."""
    plain = {bare(column): column for column in reversed(sheet.columns)}
    found = {}
    for key, names in COLUMNS.items():
        if column := next((plain[name] for name in names if name in plain), None):
            found[key] = column
    if "student" in plain and found.get(Key.STUDENT) == plain.get("id"):
        # Canvas: `Student` is a name, and `ID` its own number
        found[Key.CANVAS] = found.pop(Key.STUDENT)
    identifier = found.get(Key.PARTICIPANT)
    if identifier and "githubusername" in plain:
        # GitHub Classroom: what the course itself calls a student
        found[Key.STUDENT] = found.pop(Key.PARTICIPANT)
    return found


def bare(column: str) -> str:
    """A column's name without case, blanks and signs."""
    return re.sub(r"[\W_]", "", column.casefold())


def cell(row: Mapping[str, str], names: tuple[str, ...]) -> str:
    """What a row has in the first of these columns."""
    plain = {bare(column): value for column, value in row.items()}
    return next((plain[name] for name in names if plain.get(name)), "")


def nobody(row: Mapping[str, str], sheet: Sheet) -> str:
    """Why a row is no student's, or an empty string."""
    first = row[sheet.columns[0]] if sheet.columns[0] else ""
    named = cell(row, COLUMNS[Key.NAME])
    # Canvas has rows of its own under the header
    if first.casefold().startswith("points possible") or set(row.values()) <= {
        "",
        "Manual Posting",
    }:
        return one_line(first) or "a row without a name"
    role = cell(row, ROLE)
    if role.casefold() not in STUDENTS:
        return f"{one_line(named or first)} ({one_line(role)})"
    is_test = named.casefold() in TEST_STUDENTS and "student" in map(bare, sheet.columns)
    return "Canvas's test student" if is_test else ""


def id_column(
    sheet: Sheet, places: Mapping[Key, str], rows: list[dict[str, str]], column: str | None
) -> str:
    """The column of the ids: the one that is asked for, else the best that every row has, else the best that any has."""
    if column is not None:
        found = [name for name in sheet.columns if bare(name) == bare(column)]
        if not found:
            raise CourseError(
                f"{sheet.name} has no column {column!r}; there are {one_line(', '.join(sheet.columns))}"
            )
        return found[0]
    held = [places[key] for key in IDS if key in places]
    whole = (name for name in held if rows and all(row[name] for row in rows))
    some = (name for name in held if any(row[name] for row in rows))
    found_whole = next(whole, None) or next(some, None)
    if not found_whole and rows:
        raise CourseError(
            f"{sheet.name}: no column holds ids: name one with --id; there are {one_line(', '.join(sheet.columns))}"
        )
    return found_whole or held[0]


def row_id(column: str, row: Mapping[str, str], places: Mapping[Key, str]) -> str:
    """The id that a row gives, without `Participant` where it is Moodle's number."""
    if places.get(Key.PARTICIPANT) == column:
        return number(row[column])
    return row[column]


def number(text: str) -> str:
    """Moodle's number of a participant."""
    found = PARTICIPANT.fullmatch(text)
    return found[1] if found else text


def person_of(row: Mapping[str, str], places: Mapping[Key, str], student: str) -> Person:
    """A row's person, whatever the id is worth."""
    keys = {key: row[column] for key, column in places.items() if row[column]}
    if Key.PARTICIPANT in keys:
        keys[Key.PARTICIPANT] = number(keys[Key.PARTICIPANT])
    # Canvas's logins and Classroom's identifiers often are addresses
    address = next((value for value in (student, *keys.values()) if "@" in value), "")
    if address:
        keys.setdefault(Key.EMAIL, address)
    first, last = cell(row, FIRST), cell(row, LAST)
    named = keys.get(Key.NAME, "")
    if named and not (first or last):
        first, last = split(named, listed=bare(places[Key.NAME]) == "student")
    if first or last:
        keys[Key.NAME] = f"{first} {last}".strip()
    return Person(
        student,
        keys | {Key.STUDENT: student},
        first,
        last,
        cell(row, SECTION),
        cell(row, GROUP),
    )


def split(name: str, listed: bool) -> tuple[str, str]:
    """First and last name; `listed`: as a gradebook lists people, `Last, First`; else the last word is the last name."""
    if listed:
        last, _, first = name.rpartition(",")
        return (first.strip(), last.strip()) if last else ("", name)
    first, _, last = name.rpartition(" ")
    return first.strip(), last.strip()


def refusal(student: str, column: str, count: int) -> str:
    """Why a row's id will not do, or an empty string."""
    if not student:
        return f"no id in the column {column}"
    if SHORTENED.fullmatch(student):
        return (
            f"a spreadsheet program has shortened {student} in the column {column}: export it again"
        )
    if count > 1:
        return f"{count} rows have the id {one_line(student, 100)} in the column {column}"
    return unfit(student)


def unfit(student: str) -> str:
    """Why no folder of a student can have this name, or an empty string."""
    if "/" in student or "\\" in student or student[:1] == ".":
        return f"the id {one_line(student, 100)} can be no folder's name"
    why = unusable(student).removesuffix(": rename the folder")
    return f"{one_line(student, 100)}: {why}: take another column with --id" if why else ""


def shown(row: Mapping[str, str], sheet: Sheet) -> str:
    """A row in words, for an error."""
    return one_line(", ".join(row[c] for c in sheet.columns[:4] if c and row[c]), 100)
