"""A second assignment, to be put beside the toy course's own."""

import json

from toys import notebook

# the same stem, and a module of the same name, as the first assignment has; something else is asked
DECLARED = """
from pathlib import Path

from grader.assignment import Assignment, Limits


def right(items):
    return float(len(items))


ASSIGNMENT = Assignment(
    notebook=Path("source/hw2/homework.ipynb"), limits=Limits(call_seconds=2)
)
"""
LAW = """
from assignment import right
from hypothesis import given
from hypothesis import strategies as st

from grader.laws import law, near, scalar


@law("the number of items", weight=3, value=True)
@given(items=st.lists(st.text("ab"), min_size=1, max_size=5))
def test_value(student, items):
    near(scalar(student(items)), right(items))
"""
COUNTS = "def basket_total(items):\n    return len(items)"
REGION = (
    "def basket_total(items):\n    ### BEGIN SOLUTION\n    return len(items)\n    ### END SOLUTION"
)


def homework(solution=COUNTS):
    document = notebook(solution)
    cells = [c for c in document["cells"] if c["metadata"]]
    cells[1]["metadata"]["nbgrader"]["points"] = 3
    return document | {"cells": cells}


def add_second(folder):
    for path, text in {
        "hidden/hw2/assignment.py": DECLARED,
        "hidden/hw2/test_basket_total.py": LAW,
        "source/hw2/homework.ipynb": json.dumps(homework(REGION)),
    }.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
