"""What a training run uses of a notebook: whatever can change the run changes the digest, and nothing else does."""

import json
from dataclasses import replace

import pytest
from toys import RIGHT, code, notebook

from grader.judging.needs import digest
from grader.submission.preflight import repair

HELPED = RIGHT.replace("sum(", "total(")
HELPER = "def total(values):\n    return sum(values)"
PROSE = {"cell_type": "markdown", "metadata": {}, "source": "Some words."}


@pytest.fixture(scope="module")
def digested(assignment, grader):
    """The digest of a notebook of the toy course, whose training uses the one function."""
    assignment = replace(assignment, training_uses=("basket_total",))

    def make(*args, **kwargs):
        document = kwargs.pop("document", None) or notebook(*args, **kwargs)
        submission = repair(json.dumps(document).encode(), assignment)
        return digest(assignment, submission.cells, grader.sandbox)

    return make


def with_prose(document):
    document["cells"].insert(0, PROSE)
    return document


SAME = {
    "prose": ({"document": with_prose(notebook(HELPED, [HELPER]))}),
    "a cell of something else": {"solution": HELPED, "before": [HELPER, "x = 1"]},
    "another place of the helper": {"solution": HELPED, "before": ["1", HELPER]},
    "a magic, which does nothing": {
        "solution": "%matplotlib inline\n" + HELPED,
        "before": [HELPER],
    },
    "comments and line breaks": {
        "solution": HELPED.replace("    return", "    # the sum\n\n    return"),
        "before": [HELPER + "  # of floats"],
    },
}
OTHER = {
    "the function": {"solution": HELPED.replace("(1 - discount)", "(1.0 - discount)")},
    "its docstring": {"solution": HELPED.replace(":\n    if", ':\n    "sums"\n    if', 1)},
    "its default": {"solution": HELPED.replace("0.0", "0.1")},
    "a helper": {"before": [HELPER.replace("sum(values)", "sum(values) + 0")]},
    "the helper of a helper": {"before": [HELPER, "def sum(values):\n    return 0"]},
    "a state that it sees": {"before": [HELPER, "total.__defaults__ = ([],)"]},
    "a second definition below": {"after": [HELPED.replace("1 -", "2 -")]},
    "an import with an effect": {"before": [HELPER, "from math import *"]},
    "a future": {"before": [HELPER, "from __future__ import annotations"]},
    "a cell that cannot be read": {"before": [HELPER, "def broken("]},
}


@pytest.mark.parametrize("case", SAME)
def test_what_no_run_sees_changes_nothing(digested, case):
    first = digested(HELPED, [HELPER])
    assert len(first) == 64 and digested(**SAME[case]) == first


def test_whatever_the_function_needs_changes_it(digested):
    given = {"solution": HELPED, "before": [HELPER]}
    found = {case: digested(**given | other) for case, other in OTHER.items()}
    found["as it is"] = digested(**given)
    assert len(set(found.values())) == len(found), found


def test_none_of_it_runs_and_what_takes_too_long_to_read_is_told_by_nobody(
    digested, assignment, grader
):
    hangs = "import os\nos._exit(1)\nwhile True: pass"
    assert len(digested(RIGHT.replace("    if", "    os\n    if"), before=[hangs])) == 64
    hard = replace(
        assignment,
        training_uses=("basket_total",),
        limits=replace(assignment.limits, load_seconds=0.0),
    )
    assert digest(hard, [code("x = 1") | {"id": "x"}], grader.sandbox) == ""


def test_another_assignment_that_uses_the_same_has_marks_of_its_own(assignment, grader):
    cells = repair(json.dumps(notebook()).encode(), assignment).cells
    one = replace(assignment, training_uses=("basket_total",))
    other = replace(one, notebook=assignment.notebook.parents[1] / "hw2/exercise.ipynb")
    assert digest(one, cells, grader.sandbox) != digest(other, cells, grader.sandbox)


def test_a_course_that_names_nothing_shares_nothing(assignment, grader):
    assert digest(assignment, [], grader.sandbox) == ""
