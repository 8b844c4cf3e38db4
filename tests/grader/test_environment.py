"""What whoever types the command has set, or keeps in files above the course, decides nobody's marks."""

import dataclasses
import json
import os
import shutil
import subprocess
import sys

import pytest
from toys import RIGHT, ROOT, TOY, notebook

from grader import store as kept
from grader.assignment import load_assignment
from grader.judging import suite
from grader.verdict import INCOMPLETE

# right but for its least law, which is not the last one
NEARLY = RIGHT.replace(
    "    return sum", "    for item in items[1:]:\n        get_prices([item])\n    return sum"
)
TOLD = [
    {"PYTEST_ADDOPTS": "-x", "PYTEST_THEME": "none such"},
    {"PYTEST_ADDOPTS": "--collect-only"},
    {"PYTEST_ADDOPTS": "-n4 -k nothing", "PYTEST_PLUGINS": "none_such"},
    {"PYTEST_ADDOPTS": "-p no:python --deselect x", "CI": "true"},
    {"PYTHONOPTIMIZE": "2", "PYTHONWARNINGS": "error", "PYTHONDEVMODE": "1"},
    {"PYTHONHASHSEED": "7", "HYPOTHESIS_EXPERIMENTAL_OBSERVABILITY": "1"},
]


@pytest.fixture(scope="module")
def course_below_traps(tmp_path_factory):
    """The toy course, below configuration files that would stop any test run."""
    folder = tmp_path_factory.mktemp("traps")
    shutil.copytree(TOY, folder / "courses/toy", ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "conftest.py").write_text("raise SystemExit('not mine')")
    for place in (folder, folder / "courses", folder / "courses/toy/hidden"):
        (place / "pytest.ini").write_text("[pytest]\naddopts = -x --collect-only\n")
    (folder / "mine.ipynb").write_text(json.dumps(notebook(NEARLY)))
    return folder


def check(folder, laws, **told):
    command = [sys.executable, "-m", "grader", "check", folder / "mine.ipynb", "--json", "-"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)} | told
    done = subprocess.run(
        [*command, "--laws", laws], cwd=folder, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)["exercises"]


@pytest.fixture(scope="module")
def undisturbed(course_below_traps):
    exercises = check(course_below_traps, TOY / "hidden")
    assert exercises["basket_total"]["points"] == 1.5, "one law is broken, the one after it holds"
    return exercises


@pytest.mark.parametrize("told", TOLD, ids=lambda told: " ".join(told))
def test_nothing_in_the_environment_changes_a_verdict(course_below_traps, undisturbed, told):
    assert check(course_below_traps, TOY / "hidden", **told) == undisturbed


def test_no_file_above_the_course_changes_a_verdict(course_below_traps, undisturbed):
    assert check(course_below_traps, course_below_traps / "courses/toy/hidden") == undisturbed


@pytest.mark.parametrize("lost", [0, 1, 2])
def test_a_law_without_a_row_is_our_fault_and_costs_no_marks(grader, submission, monkeypatch, lost):
    collected = suite.LawPlugin.pytest_collection_finish

    def loses_one(self, session):
        collected(self, session)
        del session.items[lost]

    monkeypatch.setattr(suite.LawPlugin, "pytest_collection_finish", loses_one)
    verdict = grader.check(submission())
    assert verdict["status"] == "infrastructure"
    assert verdict["exercises"]["basket_total"]["note"] == INCOMPLETE


def test_a_verdict_counts_no_longer_once_a_file_beside_the_laws_changes(tmp_path):
    shutil.copytree(TOY, tmp_path / "toy")
    assignment = load_assignment(tmp_path / "toy/hidden")
    before = kept.fingerprint(assignment, "bwrap")
    (tmp_path / "toy/hidden/prices.csv").write_text("a,1\n")
    after = kept.fingerprint(assignment, "bwrap")
    assert before != after
    assert after != kept.fingerprint(dataclasses.replace(assignment, packages=("pluggy",)), "bwrap")
