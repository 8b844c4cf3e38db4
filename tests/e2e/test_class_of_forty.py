"""Forty students of the real course, out of each system and back, by the three commands that docs/grading.md shows and one more.

The same class comes as Canvas's, Moodle's and Gradescope's download: each system must read back the marks of the others.
"""

import csv
import json

import archives
import pytest

from gate.submissions import read
from tools.classroom import Classroom

pytestmark = pytest.mark.long

PEOPLE = archives.students(40)
MISSING = PEOPLE[-2:]
ZONE = ("--zone", "Europe/Berlin")
# the download and the roster; the roster's id; the table that goes back, its columns of the id and of the mark
SYSTEMS = {
    "canvas": (archives.canvas, archives.canvas_gradebook, "canvas", (), "ID", "sentiment (8812)"),
    "moodle": (archives.moodle, archives.moodle_worksheet, "sis", ZONE, "ID number", "Grade"),
    "gradescope": (archives.gradescope, archives.gradescope_roster, "sis", (), "SID", "Total Score"),
}  # fmt: skip


def class_(room):
    """Nothing done, all of it, right in another style, one mistake: a student's own notebook each."""
    works = [json.dumps(room.blank).encode(), json.dumps(room.source).encode()]
    bank = [submission for kind in ("variants", "mutants") for submission in read(kind)]
    step = len(bank) // (len(PEOPLE) - len(works))
    works += [submission.notebook(room.source) for submission in bank[::step]]
    return dict(zip(PEOPLE[: -len(MISSING)], works, strict=False))


@pytest.fixture(scope="module")
def marks():
    """What each system has read back, by student, so far."""
    return {}


@pytest.mark.parametrize("system", SYSTEMS)
def test_each_system_reads_back_the_same_marks(tmp_path, marks, system):
    download, roster, key, more, identity, column = SYSTEMS[system]
    room = Classroom(tmp_path / "course")
    handed_in = class_(room)
    assert len(handed_in) == len(PEOPLE) - len(MISSING)
    got = download(tmp_path / "got", handed_in)
    names = {"column": column, "points": "20"} if system == "canvas" else {}
    listed = roster(tmp_path / "got", PEOPLE, **names)

    typed(room, "collect", str(got), "--roster", str(listed), *more)
    typed(room, "run")
    typed(room, "feedback")
    status = room.status()
    assert {one for one, row in status.items() if row["status"] == "missing"} == {
        getattr(one, "id" if system == "canvas" else key) for one in MISSING
    }
    pages = list((room.folder / "feedback").glob("*/sentiment/exercise.html"))
    assert len(pages) == len(handed_in)

    into = {"canvas": ("--gradebook", str(listed)), "moodle": ("--worksheet", str(listed))}
    words = ("publish", system, *into.get(system, ()), "--so-far", "--out", str(tmp_path / "back.csv"))  # fmt: skip
    typed(room, *words)
    back = read_back(tmp_path / "back.csv", identity, column)
    marks[system] = {one.id: float(back[getattr(one, key)]) for one in handed_in}
    assert not any(back.get(getattr(one, key)) for one in MISSING)
    assert len(set(marks[system].values())) > 3
    assert all(marks[system] == others for others in marks.values())


def typed(room, *words):
    done = room.run("grader", *words)
    assert done.returncode == 0, (words, done.stdout[-2000:], done.stderr[-2000:])


def read_back(path, identity, column):
    """`{id: what the system would read}`."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        return {row[identity]: row[column] for row in csv.DictReader(file)}
