"""The same objects again: what a worker does so that a law can tell whether a function remembers its calls."""

import pytest

from grader.judging.function import SubmittedFunction
from grader.submission.preflight import repair

BY_ID = """KEPT = {}

def basket_total(items, discount=0.0):
    return KEPT.setdefault(id(items), (items, len(items[0])))[1]"""
ONE_LIST = """OUT = []

def basket_total(items, discount=0.0):
    OUT[:] = map(len, items)
    return OUT"""
PLAIN = """def basket_total(items, discount=0.0):
    return list(map(len, items))"""


@pytest.fixture
def ask(assignment, grader, submission):
    """Calls of a solution of the toy exercise, all in one worker."""
    asked = []

    def ask(solution):
        cells = repair(submission(solution), assignment).cells
        asked.append(SubmittedFunction("basket_total", cells, assignment, grader.sandbox))
        return asked[-1]

    yield ask
    for student in asked:
        student.close()


def test_within_it_a_list_is_the_one_of_the_call_before(ask):
    total = ask(BY_ID)
    with total.same_objects():
        assert [total(["a"]), total(["bcd"])] == [1, 1]
    assert [total(["ab"]), total(["bcd"])] == [2, 3]


def test_what_the_call_before_gave_is_read_again(ask):
    for solution, later in ((ONE_LIST, [3]), (PLAIN, [1])):
        total = ask(solution)
        with total.same_objects():
            total(["a"])
            assert total(["bcd"]) == [3] and total.last.earlier == later
        total(["a"])
        assert total.last.earlier is None


def test_after_an_error_or_with_other_arguments_it_goes_on(ask):
    total = ask("def basket_total(items, discount=0.0):\n    return [items[0], discount]")
    with total.same_objects():
        total(["a"])
        with pytest.raises(Exception, match="IndexError"):
            total([])
        assert total(["b"], discount=0.5) == ["b", 0.5]
        assert total(["c"], 0.25) == ["c", 0.25]
