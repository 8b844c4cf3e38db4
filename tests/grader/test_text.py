"""Texts of students in places with one line: tables, logs, notes."""

import csv
import io
import json

import pytest
from toys import code, notebook

from grader.text import harmless, one_line, some_of


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("formula", ["=1+1", "+1", "-1", "@SUM(A1)", " =1+1"])
@pytest.mark.parametrize("before", ["", "eve", "a b"])
def test_no_spreadsheet_finds_a_formula_whatever_separates_its_columns(separator, formula, before):
    text = f"{before}{separator}{formula}{separator}x"
    assert not any(
        cell.lstrip().startswith(("=", "+", "-", "@"))
        for cell in next(csv.reader(io.StringIO(harmless(text)), delimiter=separator))
    )


def test_what_is_no_formula_stays_as_it_is():
    assert harmless("a=b; 3-4, x@y") == "a=b; 3-4, x@y"
    assert harmless(-1.5) == -1.5


@pytest.mark.parametrize("end", ["\n", "\r", "\r\n", "\x0b", "\x0c", "\x1c", "\x85", "\u2028"])
def test_one_line_is_one_line(end):
    assert one_line(f"a{end}::error::b") == "a ⏎ ::error::b"
    assert len(harmless(f"a{end}b").splitlines()) == 1


def test_a_long_list_names_a_few():
    assert some_of(["a", "b"]) == "a, b"
    assert some_of([*"abcdefg"], most=3) == "a, b, c and 4 more"


def test_notes_stay_short_however_many_cells_were_invented(fix):
    invented = [
        code("x = 1", grade=True, grade_id=f"mine_{n}_" + "x" * 99, points=1, locked=True)
        for n in range(1900)
    ]
    document = notebook()
    document["cells"] += invented
    notes = fix(json.dumps(document).encode()).notes
    assert len(json.dumps(notes)) < 1000
    assert any("1900 copied or unknown graded cells" in note for note in notes)
