"""Nobody's files, pages or worker hold a line of the laws or of a solution."""

import json
import shutil

import pytest

from gate.submissions import replaced
from grader.assignment import load_assignment
from grader.judging.session import Grader
from tests.e2e import leaks
from tests.e2e.leaks import ROOT

FOLDERS = ("release", "autograded", "feedback")


def test_the_scan_knows_what_to_look_for(tmp_path):
    assert len(leaks.laws()) > 1000 and len(leaks.solutions()) > 20
    law, answer = min(leaks.laws()), min(leaks.solutions())
    cell = {"cell_type": "code", "metadata": {}, "source": ["x = 1\n", f"    {law}\n"]}
    (tmp_path / "a.ipynb").write_text(json.dumps({"cells": [cell]}))
    (tmp_path / "b.py").write_text(f"if x:\n    {answer}\n")
    shutil.copy(ROOT / "tests/hidden/oracles.py", tmp_path / "c.html")
    found = leaks.leaked(tmp_path, leaks.laws() | leaks.solutions())
    assert f"a.ipynb: {law}" in found and f"b.py: {answer}" in found
    assert sum(entry.startswith("c.html") for entry in found) > 20


@pytest.mark.parametrize("folder", FOLDERS)
def test_no_law_reaches_a_student(room, folder):
    assert list((room.folder / folder).rglob("*.*"))
    assert leaks.leaked(room.folder / folder, leaks.laws()) == []


@pytest.mark.parametrize("folder", FOLDERS)
def test_no_solution_reaches_a_student_who_did_not_hand_it_in(room, folder):
    found = leaks.leaked(room.folder / folder, leaks.solutions())
    own = ("ann/", "cat/")  # theirs are solved notebooks
    assert [entry for entry in found if not entry.startswith(own)] == []


def test_the_packaged_course_holds_neither():
    assert leaks.leaked(ROOT / "release", leaks.laws() | leaks.solutions()) == []


def spied(wanted):
    """What a submission finds that reads every file in its sandbox."""
    prints = {leaks.fingerprint(line) for line in wanted}
    cell = (
        f"{leaks.SPY}\nFOUND = look({prints!r})\n\n"
        "def exponential_shaping(scores, temperature=1.0):\n    raise RuntimeError(f'found {FOUND}')\n"
    )
    document = replaced(json.loads(leaks.RELEASE.read_text()), "exponential_shaping", cell)
    with Grader(load_assignment(ROOT / "tests/hidden")) as grader:
        verdict = grader.check(json.dumps(document).encode(), exercises=["exponential_shaping"])
    return json.dumps(verdict["exercises"]["exponential_shaping"])


def test_no_worker_can_open_a_law_or_a_solution():
    found = spied(leaks.laws() | leaks.solutions())
    assert "found ([], " in found, found[:2000]


def test_the_spy_does_read_what_lies_there():
    lines = leaks.lines((ROOT / "grader/wall/inside/slices.py").read_text(), 24)
    assert "inside/slices.py" in spied(lines)
