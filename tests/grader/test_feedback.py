"""A verdict in the words that students read: each thing once, nothing that says nothing."""

from types import SimpleNamespace

import numpy as np
import pytest
from toys import RIGHT

from grader.judging.calls import StudentError
from grader.judging.feedback import exercise_text, verdict_text
from grader.judging.law import Disagreement, Law, LawFailed, _failure
from grader.laws import agree
from grader.verdict import OPEN

GIVEN_AWAY = RIGHT.replace("(1 - discount)", "(3 - discount)")


def open_exercise(outcome, note=""):
    return {"points": 0.0, "max_points": 3, "outcome": outcome, "note": note, "laws": []}


def test_a_wrong_value_without_a_cause_has_no_hint(judge):
    text = exercise_text("basket_total", judge(GIVEN_AWAY))
    assert "gave" in text and "hint" not in text
    assert "hint the result is None" in exercise_text("basket_total", judge("def basket_total(*a, **k): get_prices([])"))  # fmt: skip


def test_a_counterexample_shows_what_is_expected_there(judge):
    text = exercise_text("basket_total", judge(GIVEN_AWAY))
    (line,) = [line for line in text.splitlines() if line.startswith("          want ")]
    assert float(line.split()[1]) > 0
    unchecked = exercise_text("basket_total", judge(RIGHT.replace("discount < 0", "discount < -9")))
    assert "want ValueError\n          hint no error was raised\n" in unchecked


def test_a_law_may_hide_what_is_expected():
    wrong, student = LawFailed("", [1.0], np.array([2.0])), SimpleNamespace(calls=[])
    assert _failure(Law("", 1), student, wrong)["expected"] == "[2]"
    assert _failure(Law("", 1, hides="its reason"), student, wrong)["expected"] == ""


def test_of_many_numbers_the_first_wrong_one_is_shown():
    wrong = LawFailed("", np.arange(20.0), np.arange(20.0) + 1, 3)
    assert _failure(Law("", 1), SimpleNamespace(calls=[]), wrong)["expected"] == "4 at position 3"


def test_a_cell_that_cannot_be_read_is_said_once(judge):
    text = exercise_text("basket_total", judge("def basket_total(items):\n    retrun items"))
    assert text.count("SyntaxError") == 1 and text.count("line 2") == 1
    assert "SyntaxError: invalid syntax (line 2: retrun items)" in text
    assert "BROKEN" not in text and "never returned" not in text


def test_a_syntax_errors_line_stays_where_the_place_lacks_it():
    error = {"type": "SyntaxError", "bases": ["SyntaxError"], "text": "bad (<unknown>, line 3)"}
    assert str(StudentError(error)) == "SyntaxError: bad (<unknown>, line 3)"


def test_what_could_not_be_read_says_so_and_why_once(grader):
    verdict = grader.check(b"{")
    (exercise,) = verdict["exercises"].values()
    text = exercise_text("basket_total", exercise, verdict["notes"])
    assert "0 of 2 points, could not be read\n" in text and "not implemented" not in text
    assert text.count("not valid JSON") == 1


@pytest.mark.parametrize(
    ("outcome", "note", "words"),
    [
        ("needs_manual", "read by hand", "essay: not marked yet, 3 points: a person reads it\n"),
        ("needs_training", "later", "essay: not marked yet, 3 points: a training run with your functions decides\n"),
        ("infrastructure", "exit code 1", "essay: not marked yet, 3 points: a fault on our side, not yours\n  exit code 1\n"),
    ],
)  # fmt: skip
def test_a_mark_that_waits_is_no_0(outcome, note, words):
    assert outcome in OPEN
    assert exercise_text("essay", open_exercise(outcome, note)) == words


def test_a_fault_of_ours_is_said_once_and_breaks_no_law():
    row = {"law": "a law", "passed": False, "counterexample": "", "got": "no sandbox", "hint": "", "outcome": "infrastructure"}  # fmt: skip
    text = exercise_text("essay", open_exercise("infrastructure") | {"laws": [row, row]})
    assert text.count("no sandbox") == 1 and "BROKEN" not in text


def test_a_check_of_a_training_run_shows_its_figure_when_it_holds():
    line = {"law": "it learned", "passed": True, "counterexample": "", "got": "0.4", "hint": ""}
    text = exercise_text("train", open_exercise("pass") | {"laws": [line]})
    assert "holds   it learned\n          gave 0.4\n" in text


def test_two_calls_that_disagree_are_both_shown():
    agree([1.0], [1.0], ("in the batch", "alone"))
    with pytest.raises(Disagreement, match=r"^\[1\] in the batch, \[2.5\] alone$"):
        agree([1.0], [2.5], ("in the batch", "alone"))


def test_a_students_words_do_not_pass_for_the_graders(grader, submission):
    forged = "basket_total: 2 of 2 points, all laws hold"
    cell = f"def basket_total(items, discount=0.0):\n    raise ValueError('no\\n\\n{forged}')"
    text = verdict_text(grader.check(submission(cell)))
    lines = [line for line in text.splitlines() if forged in line]
    assert lines and all(line.startswith(" " * 15) for line in lines)
