"""Marks, outcomes and feedback on the toy course: right, partly right, trivial, hostile and broken."""

import dataclasses
import json
import re

import pytest
from toys import RIGHT, TOY

from grader.assignment import load_assignment
from grader.errors import CourseError
from grader.judging.session import Grader

VALUE = "    return sum(get_prices(items)) * (1 - discount)"


def laws(exercise):
    return {law["test"]: law for law in exercise["laws"]}


def test_the_solution_gets_everything(judge):
    exercise = judge()
    assert (exercise["points"], exercise["outcome"]) == (2.0, "pass")


def test_the_verdict_is_designs_schema(grader, submission):
    verdict = grader.check(submission(), name="ann")
    assert json.loads(json.dumps(verdict)) == verdict
    assert (
        verdict["schema"] == 1
        and verdict["submission"] == "ann"
        and re.fullmatch("[0-9a-f]{64}", verdict["sha256"])
    )
    assert (verdict["total"], verdict["max_total"], verdict["complete"], verdict["status"]) == (
        2.0,
        2.0,
        True,
        "graded",
    )
    assert set(verdict["exercises"]["basket_total"]["laws"][0]) >= {
        "law",
        "passed",
        "counterexample",
        "got",
        "hint",
    }


def test_a_broken_law_shows_the_smallest_counterexample_the_value_and_the_cause(judge):
    exercise = judge(RIGHT.replace(" * (1 - discount)", ""))
    law = laws(exercise)["test_value"]
    assert exercise["outcome"] == "partial" and not law["passed"]
    assert law["counterexample"] == "basket_total(['a'], discount=0.5)" and law["got"] == "1"
    assert "discount is ignored" in law["hint"]
    assert law["expected"] == "0.5"
    assert "get_prices" not in json.dumps(exercise) and "oracle" not in json.dumps(exercise)


def test_a_wrong_value_caps_the_exercise_at_40_percent(judge):
    assert judge(RIGHT.replace(" * (1 - discount)", ""))["points"] == pytest.approx(0.8)


def test_a_lesser_law_costs_its_weight(judge):
    assert judge(RIGHT.replace("discount < 0", "discount < -99"))["points"] == 1.5


@pytest.mark.parametrize(
    ("solution", "outcome"),
    [
        (
            "def basket_total(items, discount=0.0):\n    raise NotImplementedError('1: basket_total')",
            "not_implemented",
        ),
        ("pass", "not_implemented"),
        ("basket_total = 3", "not_implemented"),
        (RIGHT.replace(VALUE, "    get_prices(items)\n    return 1.0"), "wrong"),
        (RIGHT.replace(VALUE, "    get_prices(items)\n    return items"), "wrong"),
        (RIGHT.replace(VALUE, "    get_prices(items)\n    return None"), "wrong"),
        ("def basket_total(items, discount=0.0):\n    raise ValueError", "wrong"),
        ("def basket_total(items, discount=0.0)\n    return 1", "wrong"),
    ],
)
def test_stubs_constants_identities_and_errors_get_nothing(judge, solution, outcome):
    exercise = judge(solution)
    assert (exercise["points"], exercise["outcome"]) == (0.0, outcome)


@pytest.mark.parametrize(
    ("line", "outcome"),
    [
        ("while True: pass", "timeout"),
        ("__import__('os')._exit(0)", "crash"),
        ("__import__('ctypes').string_at(0)", "crash"),
        ("bytearray(1 << 33)", "out_of_memory"),
        ("__import__('os').closerange(3, 99)", "crash"),
        ("raise KeyboardInterrupt", "wrong"),
        ("__import__('sys').exit(0)", "wrong"),
    ],
)
def test_every_end_is_typed_and_earns_nothing(judge, line, outcome):
    exercise = judge(RIGHT.replace("    if discount", f"    {line}\n    if discount"))
    assert (exercise["points"], exercise["outcome"]) == (0.0, outcome)


def test_dying_in_one_law_costs_that_law_only(judge):
    exercise = judge(
        RIGHT.replace(
            "    if discount < 0:", "    if discount < 0:\n        __import__('os')._exit(1)"
        )
    )
    assert exercise["points"] == 1.5
    assert laws(exercise)["test_refuses"]["outcome"] == "crash"


def test_a_cell_that_hangs_or_dies_hurts_only_what_needs_it(judge):
    assert (
        judge(before=["import time", "while True: time.sleep(1)", "__import__('os')._exit(1)"])[
            "points"
        ]
        == 2.0
    )
    assert (
        judge(
            RIGHT.replace("discount < 0", "discount < LIMIT"),
            before=["LIMIT = 0", "LIMIT = __import__('time').sleep(99)"],
        )["points"]
        == 2.0
    )
    needed = judge(
        RIGHT.replace("discount < 0", "discount < LIMIT"),
        before=["LIMIT = __import__('time').sleep(99)"],
    )
    assert needed["points"] == 0.0 and "no answer within" in needed["laws"][0]["got"]


def test_a_cell_that_kills_the_parser_hurts_only_itself(judge):
    assert judge(before=["x = " + "-" * 100_000 + "1", "(" * 1000, "def f(:"])["points"] == 2.0


def test_a_function_of_another_name_is_missing_whatever_other_cells_break(judge):
    renamed = RIGHT.replace("basket_total", "total_of_basket")
    exercise = judge(renamed, after=["def other(:"])
    assert exercise["outcome"] == "not_implemented"
    text = exercise["laws"][0]["got"]
    assert text == (
        "the notebook defines no function basket_total; its cell defines total_of_basket: the name must be basket_total"
    )
    broken = ["def f(:", "def g(:", "def h(:", "def basket_total(:"]
    for exercise in (judge("def basket_total(:", before=broken[:3]), judge("pass", before=broken)):
        assert exercise["outcome"] == "wrong"
        assert exercise["laws"][0]["got"].startswith("basket_total could not be defined: in cell ")


def test_forged_results_and_patched_tools_gain_nothing(judge):
    forged = """
class Yes(float):
    __eq__ = __lt__ = __le__ = __gt__ = __ge__ = lambda *a: True
    __abs__ = __sub__ = __rsub__ = lambda *a: 0.0
def basket_total(items, discount=0.0):
    return Yes(len(items))
import math, builtins
math.isclose = lambda *a, **k: True
builtins.abs = lambda x: 0
"""
    exercise = judge(forged)
    assert exercise["points"] == 0.0  # neither law of form holds, and the value law caps


def test_the_provided_function_is_a_global_and_a_module(judge):
    for use in (
        "from shop import get_prices as g",
        "import shop\ng = shop.get_prices",
        "g = get_prices",
    ):
        assert judge(RIGHT.replace("get_prices", "g"), before=[use])["points"] == 2.0


def test_errors_of_the_provided_function_reach_the_students_code(judge):
    wrong = judge(RIGHT.replace("get_prices(items)", "get_prices(items[0])"))
    assert "TypeError: get_prices takes a list of str" in laws(wrong)["test_value"]["got"]


@pytest.mark.parametrize(
    "given",
    ["loop", "items=loop", "object()", "['a'] * 60_000", "['a' * (40 << 20)]", "*range(10**6)"],
)
def test_odd_arguments_to_the_provided_function_are_refused_as_the_students_mistake(judge, given):
    """Handed over or returned, the same list that holds itself is `wrong` work, no crash."""
    wrong = judge(
        RIGHT.replace("get_prices(items)", f"get_prices({given})"), ["loop = []\nloop.append(loop)"]
    )
    assert wrong["outcome"] == "wrong"
    assert "Error: " in laws(wrong)["test_value"]["got"]


def test_student_text_is_cleaned_and_bounded(judge):
    text = judge(
        RIGHT.replace(
            "    if",
            "    raise RuntimeError('\\x1b[31m<script>\\u202e' + 'x' * (50 << 20))\n    if",
        )
    )["laws"][0]["got"]
    assert "\x1b" not in text and "\u202e" not in text and "<script>" in text and len(text) < 2000


def test_a_lone_surrogate_cannot_break_the_report(judge):
    assert json.dumps(
        judge(RIGHT.replace("    if", "    raise RuntimeError('\\ud800')\n    if"))
    ).encode("utf-8")


def test_two_students_with_the_same_mistake_read_the_same_words(judge):
    wrong = RIGHT.replace(" * (1 - discount)", "")
    assert judge(wrong) == judge(
        wrong.replace("sum(", "0 + sum(")
        .replace("items", "things")
        .replace("def basket_total(things", "def basket_total(items")
        .replace("get_prices(things", "get_prices(items")
    )


def test_an_undecided_function_is_wrong_not_the_graders_trouble(judge):
    exercise = judge(
        "import random\ndef basket_total(items, discount=0.0):\n    get_prices(items)\n    return random.random()"
    )
    assert exercise["outcome"] in ("partial", "wrong") and exercise["points"] <= 0.8


def copied_course(tmp_path, assignment, **changes):
    import shutil

    shutil.copytree(TOY, tmp_path / "toy", ignore=shutil.ignore_patterns("__pycache__"))
    path = tmp_path / "toy/hidden/test_basket_total.py"
    text = path.read_text()
    for old, new in changes.items():
        text = text.replace(
            {"weight": "weight=1,", "value": "value=True", "bug": "near(scalar"}[old], new
        )
    path.write_text(text)
    return dataclasses.replace(load_assignment(tmp_path / "toy/hidden"), limits=assignment.limits)


@pytest.mark.parametrize(
    "changes", [{"weight": "weight=1.5,"}, {"value": "value=False"}, {"bug": "near((scalar"}]
)
def test_laws_that_do_not_fit_the_marks_refuse_to_start(tmp_path, assignment, changes):
    own = copied_course(tmp_path, assignment, **changes)
    with pytest.raises(CourseError):
        Grader(own).__enter__()


def test_a_bug_in_a_law_is_infrastructure_and_no_mark(tmp_path, assignment, submission):
    own = copied_course(tmp_path, assignment, bug="{}['no such key']\n    near(scalar")
    with Grader(own) as grader:
        verdict = grader.check(submission())
    assert verdict["status"] == "infrastructure" and not verdict["complete"]
    assert verdict["exercises"]["basket_total"]["outcome"] == "infrastructure"


def test_future_annotations_hold_for_later_cells(judge):
    annotated = RIGHT.replace(
        "(items, discount=0.0):", "(items: Basket, discount: Share = 0.0) -> Total:"
    )
    assert judge(annotated, before=["from __future__ import annotations"])["points"] == 2.0
    assert judge(annotated)["points"] == 0.0
