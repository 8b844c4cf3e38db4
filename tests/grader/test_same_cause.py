"""One slip costs the laws that are about it, and is told once."""

import contextlib

import numpy as np
import pytest
from toys import RIGHT

from grader.judging.calls import Call, Evidence, StudentError, WrongError
from grader.judging.excuses import Excuses
from grader.judging.feedback import exercise_text
from grader.judging.loading import LoadError
from grader.judging.rows import tell_once
from grader.laws import Disagreement, LawFailed, agree, vector
from grader.reader import first_lines

ERROR = {"type": "ZeroDivisionError", "bases": ["ZeroDivisionError"], "text": "by zero"}
ROW_4, ROW_5 = ({**ERROR, "place": f"line {n} of cell x: a / b"} for n in (4, 5))


@pytest.mark.parametrize(
    ("met", "main", "other", "excused"),
    [
        (ROW_4, False, ROW_4, True),
        (ROW_4, False, {**ROW_4, "text": "another message"}, True),
        (ROW_4, False, ROW_5, False),
        (ROW_4, False, {**ROW_4, "type": "ValueError"}, False),
        (ROW_4, True, ROW_4, False),
    ],
    ids=["the same", "of another input", "another line", "another kind", "of the main law"],
)
def test_an_error_on_special_input_is_the_matter_of_the_law_that_met_it_first(
    met, main, other, excused
):
    excuses = Excuses()
    assert not excuses.take(StudentError(other), {})
    excuses.law_ended(StudentError(met), main)
    assert excuses.take(StudentError(other), {"got": "by zero"}) is excused
    assert bool(excuses.taken) is excused


def test_which_error_it_is_may_be_what_a_law_is_about():
    excuses = Excuses()
    excuses.law_ended(StudentError(ROW_4), main=False)
    assert not excuses.take(WrongError(StudentError(ROW_4), "ValueError"), {})
    assert not excuses.take(LawFailed("a wrong value"), {})
    assert not excuses.take(StudentError(ROW_4), {}, main=True)


def test_what_the_main_law_meets_later_is_no_special_input():
    excuses = Excuses()
    for main in (False, True):
        excuses.law_ended(StudentError(ROW_4), main)
    assert not excuses.take(StudentError(ROW_4), {})


def test_a_law_without_another_example_fails_for_the_same_cause(judge):
    """Every call raises in one line: nothing was seen of any law, and the words stand there once."""
    exercise = judge(RIGHT.replace("    if discount", "    x = 1 / 0\n    if discount"))
    text = exercise_text("basket_total", exercise)
    assert exercise["points"] == 0 and text.count("ZeroDivisionError") == 1
    broken = [law for law in exercise["laws"] if not law["passed"]]
    assert len(broken) == len(exercise["laws"])
    assert {law["same_as"] for law in broken[1:]} == {broken[0]["law"]}


def test_a_cause_is_told_where_it_is_met_first():
    rows = [
        {"law": "a", "passed": False, "cause": "sum", "same_as": ""},
        {"law": "b", "passed": False, "cause": None, "same_as": ""},
        {"law": "c", "passed": True, "cause": "sum", "same_as": ""},
        {"law": "d", "passed": False, "cause": "sum", "same_as": ""},
        {"law": "e", "passed": False, "cause": None, "same_as": ""},
    ]
    tell_once(rows)
    assert [row["same_as"] for row in rows] == ["", "", "", "a", ""]
    assert not any("cause" in row for row in rows)


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        ([1, np.nan], [1, np.nan], True),
        ([1, np.inf], [1, np.inf], True),
        ([1, np.inf], [1, -np.inf], False),
        ([1, np.inf], [1, np.nan], False),
        ([1, np.nan], [1, 2], False),
        ([1, 2], [1, np.nan], False),
        ([1, np.inf], [1, 2], False),
        ([1, np.nan], [2, np.nan], False),
        ([1, 2], [1, 2, 3], False),
    ],
)
def test_nan_that_was_nan_before_has_not_changed(first, second, same):
    values = [vector(np.array(v, float), len(v), finite=False) for v in (first, second)]
    with contextlib.nullcontext() if same else pytest.raises(Disagreement):
        agree(*values, ("before", "after"))


def test_too_few_answers_have_nothing_in_common():
    seen = Evidence()
    for args, got in (([0.0], [0.0]), ([0.0], [0.0])):
        seen.add(Call("f", (args,), {}, got))
    assert seen.trivial() == "it returns the same numbers whatever it is given"
    for _ in range(3):
        seen.fail()
    assert seen.trivial() == "it raised an error in 3 of 5 calls"
    seen.add(Call("f", ([1.0],), {}, [5.0]))
    assert seen.trivial() == ""  # two results, and no identity: it does something


def test_a_missing_name_is_put_down_to_what_would_have_made_it(judge):
    work = RIGHT.replace("(1 - discount)", "(ONE - discount)")
    before = [
        "import no_such_thing",
        "HALF = no_such_thing.half",
        "ONE = 2 * HALF",
        "TWO = no_such",
    ]
    text = judge(work, before=before)["laws"][0]["got"]
    assert "name 'ONE' is not defined" in text
    assert "because of what failed in cell “import no_such_thing”: ModuleNotFoundError" in text
    assert "and of the course get_prices alone" in text
    typo = judge(RIGHT.replace("(1 - discount)", "(1 - dicsount)"), before=before)["laws"][0]["got"]
    assert "dicsount" in typo and "because" not in typo


@pytest.mark.parametrize(
    ("source", "binds", "made"),
    [
        ("x = 1", None, True),
        ("import numpy as x", None, True),
        ("def x(:", None, True),
        ("y = x", None, False),
        ("xx = 1", None, False),
        ("y = 1", frozenset({"x"}), True),
        ("from m import *", frozenset({"*"}), True),
        ("x = 1", frozenset({"y"}), False),
    ],
)
def test_what_would_have_made_a_name(source, binds, made):
    assert LoadError("c", "failed", source, binds).would_bind("x") is made


def test_a_cell_is_called_by_its_first_line():
    odd = ["<b>\x1b[31m red" + "x" * 99, "  \n\n x = 1", "x = 1 ", "", "x = 1"]
    names = first_lines(odd)
    assert len(set(names)) == len(odd)
    assert names[1:3] == ["“x = 1”", "“x = 1”, number 2 of those"]
    assert not set("<>\x1b") & set(names[0]) and len(names[0]) < 50
