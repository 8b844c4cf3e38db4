"""A table that a system has exported, to be filled in: what is not changed stays as it is, to the byte."""

import codecs
import csv
import io
import re
from collections.abc import Iterable
from pathlib import Path

from grader.errors import CourseError
from grader.lms.sheets import SEPARATORS, read_bytes
from grader.text import one_line

MAX_BYTES = 50 << 20
AS_IT_IS = "export it again and do not save it with a spreadsheet program"
LINE_END = re.compile(r"\r\n|\n|\r|\Z")


class Sheet:
    """The cells of a CSV file, each as it is written there; `rows[0]` is the header."""

    def __init__(self, path: Path, needed: Iterable[str]) -> None:
        """CourseError if the file is no table with these columns."""
        self.path = path
        data = _bytes(path)
        self.mark = codecs.BOM_UTF8 if data.startswith(codecs.BOM_UTF8) else b""
        try:
            text = data[len(self.mark) :].decode("utf-8")
        except UnicodeDecodeError:
            raise CourseError(f"{path} is not UTF-8: {AS_IT_IS}") from None
        needed = list(needed)
        tried = [(s, _header(text, s)) for s in SEPARATORS]
        self.separator, header = max(tried, key=lambda made: sum(n in made[1] for n in needed))
        if missing := [name for name in needed if name not in header]:
            raise CourseError(
                f"{path} has no column {missing[0]!r}; its columns are {one_line(', '.join(header))}"
            )
        self.raw, self.ends = _cells(text, self.separator, path)
        self.columns = [plain(cell).strip() for cell in self.raw[0]]

    def __len__(self) -> int:
        return len(self.raw)

    def get(self, row: int, column: int) -> str:
        """A cell's text; a short row's missing cells are empty."""
        cells = self.raw[row]
        return plain(cells[column]).strip() if column < len(cells) else ""

    def put(self, row: int, column: int, text: str) -> None:
        """Another text into a cell, in quotes where it had them or needs them."""
        cells = self.raw[row]
        cells += [""] * (column + 1 - len(cells))
        quoted = cells[column].startswith('"') or re.search(rf'[{self.separator}"\r\n]', text)
        cells[column] = '"' + text.replace('"', '""') + '"' if quoted else text

    def index(self, name: str) -> int | None:
        """The first column of this name."""
        return self.columns.index(name) if name in self.columns else None

    def bytes(self, rows: Iterable[int] | None = None) -> bytes:
        """The file; `rows`: only these, the header among them."""
        kept = range(len(self.raw)) if rows is None else rows
        lines = [self.separator.join(self.raw[row]) + self.ends[row] for row in kept]
        return self.mark + "".join(lines).encode()


def plain(cell: str) -> str:
    """What a cell says, without the quotes that it is written in."""
    return cell[1:-1].replace('""', '"') if cell[:1] == '"' else cell


def _bytes(path: Path) -> bytes:
    data = read_bytes(path, MAX_BYTES)
    if len(data) > MAX_BYTES or b"\0" in data:
        raise CourseError(f"{path} is no CSV file: {AS_IT_IS}")
    return data


def _header(text: str, separator: str) -> list[str]:
    try:
        found = next(csv.reader(io.StringIO(text, newline=""), delimiter=separator), [])
    except csv.Error:
        return []
    return [name.strip() for name in found]


def _cells(text: str, separator: str, path: Path) -> tuple[list[list[str]], list[str]]:
    """The cells of each line, and what ends it."""
    cell = re.compile(
        rf'"(?:[^"]|"")*"(?=[{separator}\r\n]|\Z)|[^{separator}\r\n"][^{separator}\r\n]*|'
    )
    rows: list[list[str]] = []
    ends: list[str] = []
    place, cells = 0, list[str]()
    while place < len(text):
        found = cell.match(text, place)
        assert found  # it matches an empty cell
        cells.append(found.group())
        place = found.end()
        if text[place : place + 1] == separator:
            place += 1
            # a separator at the end of the file leaves an empty cell
            if place < len(text):
                continue
            cells.append("")
        ended = LINE_END.match(text, place)
        if not ended:
            raise CourseError(f"{path}, row {len(rows) + 1}: quotes that do not fit: {AS_IT_IS}")
        rows.append(cells)
        ends.append(ended.group())
        place, cells = ended.end(), []
    return rows, ends
