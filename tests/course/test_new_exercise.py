"""A new exercise of this course takes what docs/authoring.md says, word for word: cells, law, row, worked example."""

import json
import re
import shutil

import pytest

from gate import ROOT
from grader.assignment import load_assignment
from grader.judging.session import Grader

PAGE = (ROOT / "docs/authoring.md").read_text(encoding="utf-8")
[SOLUTION] = re.findall(r"```\n(def mean.*?)```", PAGE, re.DOTALL)
[ROW] = re.findall(r"```\n( +Exercise\(.*?)```", PAGE, re.DOTALL)
[EXAMPLES] = re.findall(r"```\n(MEAN = .*?)```", PAGE, re.DOTALL)
[LAW] = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
REGION = re.compile(r" *### BEGIN SOLUTION.*### END SOLUTION\n", re.DOTALL)
FIRST_ROW = "ROWS = (\n"


def code(source, **clues):
    """Return a code cell that nbgrader knows."""
    nbgrader = {"schema_version": 3, "task": False, **clues}
    return {"cell_type": "code", "id": clues["grade_id"].replace("_", "-"), "outputs": [], "source": source,
            "execution_count": None, "metadata": {"nbgrader": nbgrader}}  # fmt: skip


def with_mean(document, solution):
    """Return a notebook with the new exercise's two cells at its end, as text."""
    cells = [
        code(solution, grade=False, grade_id="mean", locked=False, solution=True),
        code("# The laws of exercise 7.\ncheck(mean)", grade=True, grade_id="mean_laws", locked=True,
             points=2, solution=False),
    ]  # fmt: skip
    return json.dumps({**document, "cells": [*document["cells"], *cells]})


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    """A copy of the course with the exercise `mean`, but for its row and its worked example."""
    root = tmp_path_factory.mktemp("course")
    unused = shutil.ignore_patterns("__pycache__", "saved_runs", "runs", "outputs*")
    for name in ("source", "tests/hidden"):
        shutil.copytree(ROOT / name, root / name, ignore=unused)
    (root / "models").symlink_to(ROOT / "models")
    notebook = root / "source/sentiment/exercise.ipynb"
    notebook.write_text(with_mean(json.loads(notebook.read_text()), SOLUTION), encoding="utf-8")
    (root / "tests/hidden/test_mean.py").write_text(LAW, encoding="utf-8")
    return root


@pytest.fixture(scope="module")
def complete(course, tmp_path_factory):
    """The folder of that course's modules, in a copy with row and worked example."""
    root = tmp_path_factory.mktemp("complete") / "course"
    shutil.copytree(course, root, symlinks=True)
    table, examples = (root / "source/sentiment/lab" / f"{n}.py" for n in ("exercises", "examples"))
    text = table.read_text(encoding="utf-8")
    assert text.count(FIRST_ROW) == 1
    table.write_text(text.replace(FIRST_ROW, FIRST_ROW + ROW), encoding="utf-8")
    examples.write_text(examples.read_text(encoding="utf-8") + "\n" + EXAMPLES, encoding="utf-8")
    return root / "source/sentiment"


def test_without_a_row_the_commands_say_so_and_work(course, python):
    folder = course / "source/sentiment"
    done = python(folder / "rewards.py", "--preset", "smoke", cwd=folder)
    assert (done.returncode, done.stderr) == (0, "")
    assert (
        "   ?  mean                 not tried: it has no row in lab/exercises.py\n" in done.stdout
    )
    assert done.stdout.count("implemented") == 8
    assert "8 of 8 exercises pass" in python(folder / "checks.py", cwd=folder).stdout


def test_with_its_row_every_command_knows_it(complete, python):
    done = python(complete / "rewards.py", "--preset", "smoke", cwd=complete)
    assert (done.returncode, done.stderr) == (0, "")
    assert "   7  mean                 implemented\n" in done.stdout and "?" not in done.stdout
    done = python(complete / "checks.py", cwd=complete)
    assert (done.returncode, done.stderr) == (0, "")
    assert "Exercise 7, mean: 1 visible examples pass." in done.stdout
    assert "9 of 9 exercises pass" in done.stdout and "warning" not in done.stdout
    done = python("-c", "import checks; print(checks.overview())", cwd=complete)
    assert "   7  mean                    2\n" in done.stdout


def test_what_students_write_is_told_as_in_every_exercise(complete, python, tmp_path):
    written = {
        "stub.py": REGION.sub("", SOLUTION),
        "wrong.py": SOLUTION.replace("len(scores)", "3"),
        "list.py": SOLUTION.replace("float(sum(scores) / len(scores))", "scores"),
    }
    for name, text in written.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    program = (
        "import sys, checks, rewards\n"
        "for path in sys.argv[1:]:\n"
        "    found = rewards.load_rewards(path)\n"
        "    print(found.source, found.status('mean'))\n"
        "    print(checks.saved_problem(found, 'mean', [], checks.HERE))\n"
    )
    done = python("-c", program, *(tmp_path / name for name in written), cwd=complete)
    assert done.stdout.splitlines() == [
        "stub.py NotImplementedError",
        "Exercise 7, mean: not implemented in the saved file",
        "wrong.py implemented",
        "Exercise 7, mean: the mean of all scores",
        "  call      mean([0.25, 0.75])",
        "  expected  0.5",
        "  yours     0.3333333333333333",
        "  hint      add them up, then divide by how many they are",
        "list.py returned shape [2]: it must be one number",
        "Exercise 7, mean: the mean of all scores",
        "  call      mean([0.25, 0.75])",
        "  expected  0.5",
        "  yours     [0.25, 0.75]",
        "  hint      add them up, then divide by how many they are",
    ]


def test_its_law_marks_it(course):
    data = (course / "source/sentiment/exercise.ipynb").read_text(encoding="utf-8")
    with Grader(load_assignment(course / "tests/hidden")) as grader:
        rows = [
            grader.check(json.dumps(document).encode(), ["mean"])["exercises"]["mean"]
            for document in (json.loads(data), json.loads(data.replace("len(scores)", "2")))
        ]
    right, wrong = rows
    assert right["points"] == right["max_points"] == wrong["max_points"] == 2
    assert wrong["points"] <= 0.4 * 2, "the main law is broken"
