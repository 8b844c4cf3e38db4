"""Preflight: whatever is handed in, the marks are those of the untampered notebook, or a reason is given."""

import json

import pytest
from toys import RIGHT, notebook, whole

from grader.reader import MAX_BYTES, Unreadable
from grader.submission.handed_in import NO_NOTEBOOK, HandedIn
from grader.submission.restore import MANY, _summed_up
from grader.submission.written import is_prose


def graded(submission):
    cells = [cell for cell in submission.notebook["cells"] if cell["metadata"]]
    return {cell["metadata"]["nbgrader"]["grade_id"]: cell for cell in cells}


def test_an_untouched_notebook_passes_without_a_word(fix):
    submission = fix(notebook())
    assert whole(submission) and not submission.notes and not submission.tampered


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "not valid JSON"),
        (b"%PDF-1.4", "not valid JSON"),
        (b'{"cells": [', "not valid JSON"),
        (b"\xff\xfe\x00", "UTF-8"),
        (b"\x89PNG\r\n", "UTF-8"),
        (b"[]", "no notebook"),
        (b'{"cells": {}}', "no notebook"),
        (json.dumps(notebook("x" * 400_000)).encode(), "code is longer"),
        (b'{"worksheets": [], "nbformat": 3}', "old format"),
        (b'{"cells": [], "nbformat": 99}', "format is not 4"),
        (b"[" * 200_000, "not valid JSON"),
        (b'{"a": ' + b"9" * 10_000 + b"}", "not valid JSON"),
        (b" " * (MAX_BYTES + 1), "larger than"),
        (json.dumps({"nbformat": 4, "cells": [{}] * 3000}).encode(), "more than"),
    ],
)
def test_what_cannot_be_read_says_why(fix, data, reason):
    with pytest.raises(Unreadable, match=reason):
        fix(data)


@pytest.mark.parametrize("why", NO_NOTEBOOK)
def test_a_notebook_that_is_not_there_says_why_and_no_file_says_so(fix, why):
    none = HandedIn(why_not=why)
    with pytest.raises(Unreadable, match=NO_NOTEBOOK[why].partition(",")[0]):
        fix(none)
    assert none.sha256 == ""
    with pytest.raises(Unreadable, match="no cells"):
        fix({"why_not": why})


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-32"])
def test_other_unicode_encodings_are_read(fix, encoding):
    assert whole(fix(json.dumps(notebook()).encode(encoding)))


def damaged(change):
    document = notebook()
    change(document, document["cells"])
    return document


DAMAGE = {
    "points raised": lambda d, c: c[2]["metadata"]["nbgrader"].update(points=400),
    "points not a number": lambda d, c: c[2]["metadata"]["nbgrader"].update(points="many"),
    "grade flag off": lambda d, c: c[2]["metadata"]["nbgrader"].update(grade=False),
    "schema 1": lambda d, c: c[1]["metadata"]["nbgrader"].update(schema_version=1),
    "schema 99": lambda d, c: c[1]["metadata"]["nbgrader"].update(schema_version=99),
    "grade cell gone": lambda d, c: c.pop(2),
    "metadata gone": lambda d, c: c[1].update(metadata={}),
    "all metadata gone": lambda d, c: [cell.update(metadata={}) for cell in c],
    "grade cell made markdown": lambda d, c: c[2].update(cell_type="markdown"),
    "solution made raw": lambda d, c: c[1].update(cell_type="raw"),
    "locked text changed": lambda d, c: c[2].update(source="print('full marks')"),
    "metadata a list": lambda d, c: c[1].update(metadata=[1]),
    "nbgrader a string": lambda d, c: c[1].update(metadata={"nbgrader": "x"}),
    "grade id a list": lambda d, c: c[1]["metadata"]["nbgrader"].update(grade_id=["x"]),
    "solution called its own grade cell": lambda d, c: c[1]["metadata"]["nbgrader"].update(
        grade_id="basket_total_laws"
    ),
    "and no grade cell left": lambda d, c: (
        c.pop(2),
        c[1]["metadata"]["nbgrader"].update(grade_id="basket_total_laws"),
    ),
    "grade cell called the solution": lambda d, c: c[2]["metadata"]["nbgrader"].update(
        grade_id="basket_total"
    ),
    "the two have changed names": lambda d, c: [
        cell["metadata"]["nbgrader"].update(grade_id=name)
        for cell, name in ((c[1], "basket_total_laws"), (c[2], "basket_total"))
    ],
    "grade id renamed": lambda d, c: c[2]["metadata"]["nbgrader"].update(grade_id="bonus"),
}


@pytest.mark.parametrize("change", DAMAGE.values(), ids=DAMAGE)
def test_damage_is_repaired_reported_and_costs_nothing(fix, grader, change):
    submission = fix(damaged(change))
    assert whole(submission) and submission.tampered == {"basket_total"} and submission.notes
    exercise = grader.check(json.dumps(damaged(change)).encode())["exercises"]["basket_total"]
    assert (exercise["points"], exercise["outcome"]) == (2.0, "tampered")


HARMLESS = {
    "kernel": lambda d, c: d["metadata"].update(
        kernelspec={"name": "julia", "language": "julia", "display_name": "J"}
    ),
    "copied graded cell": lambda d, c: c.append(dict(c[2])),
    "copied solution": lambda d, c: c.append(dict(c[1])),
    "a cell that is none": lambda d, c: c.append("cell"),
    "odd ids": lambda d, c: [cell.update(id="same id !") for cell in c],
    "no ids": lambda d, c: [cell.pop("id", 0) for cell in c],
    "source as lines": lambda d, c: c[1].update(source=c[1]["source"].splitlines(keepends=True)),
    "metadata of the notebook gone": lambda d, c: d.pop("metadata"),
    "minor format": lambda d, c: d.update(nbformat_minor=0),
    "outputs broken": lambda d, c: c[1].update(
        outputs=[{"output_type": "stream", "text": 3}, 7, {"output_type": "?"}]
    ),
}


@pytest.mark.parametrize("change", HARMLESS.values(), ids=HARMLESS)
def test_harmless_damage_changes_neither_mark_nor_outcome(fix, grader, change):
    submission = fix(damaged(change))
    assert whole(submission) and not submission.tampered
    ids = [cell["id"] for cell in submission.notebook["cells"]]
    assert len(set(ids)) == len(ids)
    assert (
        grader.check(json.dumps(damaged(change)).encode())["exercises"]["basket_total"]["outcome"]
        == "pass"
    )


def test_many_repairs_are_one_note():
    repairs = [(n < 4, f"the cell {n} was missing: repaired") for n in range(MANY + 2)]
    assert _summed_up(repairs) == ["4 grade cells and 2 others repaired"]
    assert _summed_up(repairs[:MANY]) == [note for _, note in repairs[:MANY]]


def test_a_missing_solution_is_not_filled_with_ours(fix, grader):
    document = damaged(lambda d, c: c.pop(1))
    assert "return" not in graded(fix(document))["basket_total"]["source"]
    assert grader.check(json.dumps(document).encode())["total"] == 0


def test_an_unreadable_notebook_is_a_verdict_too(grader):
    verdict = grader.check(b"%PDF")
    assert (verdict["status"], verdict["total"], verdict["complete"]) == ("unreadable", 0, True)
    assert "not valid JSON" in verdict["exercises"]["basket_total"]["note"]


def test_a_repaired_id_is_nobody_elses(fix):
    document = notebook(after=["1", "2", "3"])
    given = ["repaired-0", "not valid!", "repaired-0"]
    for cell, name in zip(document["cells"][-3:], given, strict=True):
        cell["id"] = name
    ids = [cell["id"] for cell in fix(document).notebook["cells"]]
    assert len(set(ids)) == len(ids) and ids[-3] == "repaired-0"


# what Python counts as line ends, and what `str.splitlines` does beside them
ENDS = ["\n", "\r\n", "\r", "\r\r\n"]
NO_ENDS = ["\x0b", "\x0c", "\x1c", "\x1d", "\x1e", "\x85", "\u2028", "\u2029"]
MAGICS = "%matplotlib inline\n!pip list\n"


@pytest.mark.parametrize("end", ENDS, ids=ascii)
def test_any_line_end_of_python_leaves_the_marks(judge, end):
    text = f"# seen\nNOTE = 1\n{MAGICS}{RIGHT}\n%time 1"
    assert judge(text.replace("\n", end), before=[f"import math{end}%time"])["points"] == 2


@pytest.mark.parametrize("lone", ENDS + NO_ENDS, ids=ascii)
def test_an_odd_character_above_a_magic_leaves_the_marks(judge, lone):
    above = f'# a{lone}# b\nNOTE = """a{lone}b"""\n{MAGICS}'
    assert judge(f"{above}{RIGHT}\n%time 1")["points"] == 2


@pytest.mark.parametrize("end", ENDS, ids=ascii)
def test_a_line_end_in_a_string_is_what_python_makes_of_it(judge, end):
    note, read = f'"""a{end}b"""', "NOTE = {}\n" + RIGHT.replace("sum(", "(NOTE == {!r}) * sum(")
    assert judge(read.format(note, eval(note)))["points"] == 2
    assert judge(read.format(note, "ab"))["points"] == 0


@pytest.mark.parametrize("odd", NO_ENDS, ids=ascii)
def test_a_report_shows_the_line_that_failed(judge, odd):
    broken = RIGHT.replace("    return", f"    # {odd}{odd}\n    return missing  #")
    assert "return missing" in judge(broken)["laws"][0]["got"]


def test_a_form_feed_before_def_hides_no_function_that_lost_its_metadata(fix):
    document = damaged(lambda d, c: c[1].update(metadata={}, source=f"\x0c{RIGHT}"))
    assert fix(document).cells[1]["source"] == f"\x0c{RIGHT}"


@pytest.mark.parametrize("odd", NO_ENDS, ids=ascii)
def test_an_answer_in_a_comment_is_prose_whatever_it_holds(odd):
    assert is_prose({"cell_type": "code", "metadata": {}, "source": f"# mine{odd}goes on\n# so"})
