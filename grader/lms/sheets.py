"""A table as a system, or a spreadsheet program, has written it: whatever its encoding and its separator."""

import codecs
import csv
import io
from dataclasses import dataclass
from pathlib import Path

from grader.errors import CourseError

MAX_BYTES = 20 << 20
SEPARATORS = ",;\t"
MARKED = (
    # the longer mark first: it begins with the shorter one
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


@dataclass(frozen=True)
class Sheet:
    """A table's columns as they are written, and its rows by column; empty rows are left out."""

    name: str
    columns: tuple[str, ...]
    rows: tuple[dict[str, str], ...]


def read_sheet(path: Path) -> Sheet:
    """The table in a file; CourseError if there is none."""
    data = read_bytes(path, MAX_BYTES)
    if len(data) > MAX_BYTES:
        raise CourseError(f"{path}: larger than {MAX_BYTES >> 20} MB, so no table of people")
    return parse_sheet(data, str(path))


def read_bytes(path: Path, most: int) -> bytes:
    """At most so many of a file, and one more, so that one can say so; CourseError where it cannot be opened."""
    try:
        with path.open("rb") as file:
            return file.read(most + 1)
    except OSError as error:
        raise CourseError(f"{path}: {error.strerror}") from error


def parse_sheet(data: bytes, name: str) -> Sheet:
    """The table in these bytes; `name`: for errors."""
    text = decode(data)
    if "\0" in text or not text.strip():
        what = "is empty" if not text.strip() else "is no text: export it as CSV"
        raise CourseError(f"{name} {what}")
    try:
        lines = list(csv.reader(io.StringIO(text, newline=""), delimiter=separator(text)))
    except csv.Error as error:
        raise CourseError(f"{name} cannot be read as CSV: {error}") from error
    header, *rows = [line for line in lines if any(cell.strip() for cell in line)]
    columns = [cell.strip() for cell in header]
    if len(set(columns) - {""}) < len([column for column in columns if column]):
        twice = next(column for column in columns if column and columns.count(column) > 1)
        raise CourseError(f"{name} has two columns {twice!r}: rename one of them")
    return Sheet(name, tuple(columns), tuple(by_column(columns, row) for row in rows))


def by_column(columns: list[str], row: list[str]) -> dict[str, str]:
    """Cells that a short row lacks are empty; blanks at the ends are nobody's."""
    cells = [*row, *[""] * (len(columns) - len(row))]
    return {column: cell.strip() for column, cell in zip(columns, cells, strict=False) if column}


def decode(data: bytes) -> str:
    """UTF-8, UTF-16 or UTF-32 by their marks, else UTF-8, else UTF-16 without one, else Windows' own."""
    for mark, encoding in MARKED:
        if data.startswith(mark):
            return data.decode(encoding, "replace")
    if data[:400].count(0) > len(data[:400]) // 4:
        return data.decode("utf-16-be" if data[:1] == b"\0" else "utf-16-le", "replace")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("cp1252", "replace")


def separator(text: str) -> str:
    """What separates the most columns in the first line."""
    first = next(line for line in text.splitlines() if line.strip())
    return max(SEPARATORS, key=lambda mark: len(next(csv.reader([first], delimiter=mark))))
