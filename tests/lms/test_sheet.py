"""An exported table filled in: what is not changed stays to the byte, and reads as Python's csv reads it."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grader.errors import CourseError
from grader.lms.handins import Key
from grader.lms.people import Person, Roster
from grader.lms.publish import moodle
from grader.lms.publish.fill import alike
from grader.lms.publish.ledger import number
from grader.lms.publish.rows import assign
from grader.lms.publish.sheet import Sheet
from grader.text import address, identifier

CELL = st.text(st.sampled_from('a"ü,;\t\n =-'), max_size=4)
TABLE = st.integers(2, 4).flatmap(
    lambda n: st.lists(st.lists(CELL, min_size=n, max_size=n), min_size=1, max_size=4)
)


@given(
    table=TABLE,
    separator=st.sampled_from(",;\t"),
    end=st.sampled_from(["\n", "\r\n"]),
    quoting=st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_MINIMAL]),
    mark=st.sampled_from([b"", b"\xef\xbb\xbf"]),
    last=st.booleans(),
)
def test_one_cell_changes_and_no_other_byte(
    tmp_path_factory, table, separator, end, quoting, mark, last
):
    table = [["KEY", "GRADE", "REST"], *([*row, "x"][:3] for row in table)]
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=separator, lineterminator=end, quoting=quoting).writerows(table)
    data = mark + text.getvalue().removesuffix("" if last else end).encode()
    path = tmp_path_factory.getbasetemp() / "sheet.csv"
    path.write_bytes(data)
    sheet = Sheet(path, ["KEY", "GRADE"])
    assert sheet.bytes() == data
    assert [[sheet.get(r, c) for c in range(3)] for r in range(len(table))] == [
        [cell.strip() for cell in row] for row in table
    ]
    for row in range(1, len(table)):
        table[row][1] = "12.5"
        sheet.put(row, 1, "12.5")
    made = sheet.bytes()
    assert made.startswith(mark)
    read = csv.reader(
        io.StringIO(made[len(mark) :].decode(), newline=""), delimiter=separator, strict=True
    )
    assert list(read) == table


def test_what_needs_quotes_gets_them_and_a_short_row_grows(tmp_path):
    path = tmp_path / "sheet.csv"
    path.write_bytes(b"Key,Grade,Comment\r\nann\r\n")
    sheet = Sheet(path, ["Key"])
    sheet.put(1, 2, 'well, "so"')
    assert sheet.bytes() == b'Key,Grade,Comment\r\nann,,"well, ""so"""\r\n'
    with pytest.raises(CourseError, match="no column 'Mark'; its columns are Key, Grade, Comment"):
        Sheet(path, ["Key", "Mark"])


def test_rows_are_found_by_ids_of_the_roster_else_by_the_students_own():
    roster = Roster(
        [
            Person("ann", {Key.CANVAS: "1", Key.NAME: "Ann A"}),
            Person("bob", {Key.CANVAS: "2", Key.EMAIL: "Bob@x.example"}),
            Person("cat", {Key.SIS: "7"}),
            Person("dan", {Key.SIS: "7"}),
        ]
    )
    students = {"ann": "", "bob": "", "cat": "", "dan": "", "Eve": "", "fay": "fay@x.example"}
    rows = {
        1: {Key.CANVAS: "1"},
        2: {Key.EMAIL: "bob@X.example", Key.NAME: "Ann A"},
        3: {Key.SIS: "7"},
        4: {Key.LOGIN: "eve"},
        5: {Key.EMAIL: "fay@x.example"},
        6: {Key.NAME: "Ann A"},
        7: {Key.CANVAS: "99"},
        8: {},
    }
    found = assign(rows, roster, students)
    assert found.of == {"ann": 1, "bob": 2, "Eve": 4, "fay": 5}
    assert found.several == {"cat": [3], "dan": [3]}
    assert found.strangers == [6, 7, 8]


def test_two_rows_of_one_student_are_nobodys():
    roster = Roster([Person("ann", {Key.CANVAS: "1", Key.LOGIN: "ann"})])
    found = assign({1: {Key.CANVAS: "1"}, 2: {Key.LOGIN: "ANN"}}, roster, {"ann": ""})
    assert found.of == {} and found.several == {"ann": [1, 2]}


@pytest.mark.parametrize(
    ("name", "folder"),
    [
        ("Änne O'Hara", "Änne O'Hara_7_assignsubmission_file_"),
        ("Under_Score_9", "Under Score 9_7_assignsubmission_file_"),
        ("../../etc", "etc_7_assignsubmission_file_"),
        (".hidden/x", "hidden x_7_assignsubmission_file_"),
        ("", "Participant_7_assignsubmission_file_"),
    ],
)
def test_a_pages_folder_has_the_number_where_moodle_looks_for_it(tmp_path, name, folder):
    path = tmp_path / "sheet.csv"
    heads = "Identifier,Full name,Grade,Maximum Grade,Last modified (grade)"
    path.write_text(f"{heads}\nParticipant 7,{name},,5,-\n")
    assert moodle.page_name(moodle.read(path), 1, "exercise") == f"{folder}/exercise.html"
    assert folder.split("_", 4)[1:4] == ["7", "assignsubmission", "file"]


def test_marks_and_ids_as_text():
    assert [number(x) for x in (0, 12.5, 3.0, 1 / 3, 100)] == ["0", "12.5", "3", "0.3333", "100"]
    assert alike("12,33", "12.3333") and alike("EX", "EX")
    assert not alike("12.3", "12.4") and not alike("", "0")
    assert identifier("-eve") == "-eve" and identifier("=a\nb") == "'=a ⏎ b"
    assert address("+a@b.example") == "+a@b.example"
    assert address('=HYPERLINK("x")@b') == '\'=HYPERLINK("x")@b'
