"""Submissions to the toy course, and an nbgrader course around it, driven by the commands an instructor types."""

import atexit
import csv
import functools
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from gate import ROOT
from tests import forks

TOY = Path(__file__).parent / "toy"

RIGHT = """def basket_total(items, discount=0.0):
    if discount < 0:
        raise ValueError("a discount is not negative")
    return sum(get_prices(items)) * (1 - discount)"""

CONFIG = """
from grader.gradebook.plugins import configure

c = get_config()
c.CourseDirectory.course_id = "toy"
configure(c, laws="hidden")
"""


def code(source, **nbgrader):
    clues = {"nbgrader": {"schema_version": 3, "task": False, **nbgrader}} if nbgrader else {}
    return {
        "cell_type": "code",
        "execution_count": None,
        "metadata": clues,
        "outputs": [],
        "source": source,
    }


def notebook(solution=RIGHT, before=(), after=()):
    """A submission to the toy course as a dict: `solution` in its cell, other code cells around it."""
    document = json.loads((TOY / "source/toy/exercise.ipynb").read_text())
    imports, cell, laws = document["cells"]
    cell["source"] = solution
    document["cells"] = [imports, *map(code, before), cell, laws, *map(code, after)]
    return document


def training_cell():
    """A graded cell of an exercise that is marked by a training run."""
    marks = {"grade": True, "grade_id": "train_laws", "points": 2, "solution": False}
    return code("# trained elsewhere", locked=True, **marks) | {"id": "train"}


def whole(submission):
    """Both graded cells are there once, in order, as the source has them, and the worker gets no grade cell."""
    source = [c["metadata"]["nbgrader"] for c in notebook()["cells"] if c["metadata"]]
    found = [c["metadata"]["nbgrader"] for c in submission.notebook["cells"] if c["metadata"]]
    return found == source and all(cell["id"] != "basket_total_laws" for cell in submission.cells)


@functools.cache
def template(source=None):
    """A course folder with the assignment generated, to be copied; `source`: another notebook than the toy's own."""
    made = Path(tempfile.mkdtemp(prefix="toy-class-"))
    atexit.register(shutil.rmtree, made)
    shutil.copytree(TOY / "hidden", made / "hidden", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(TOY / "source", made / "source")
    (made / "nbgrader_config.py").write_text(CONFIG)
    (made / "submitted").mkdir()
    if source:
        (made / "source/toy/exercise.ipynb").write_text(source)
    by = ClassFolder.run if source else ClassFolder.start
    ClassFolder(made, None).nbgrader("generate_assignment", "toy", by=by)
    return made


class ClassFolder:
    def __init__(self, folder, original=template):
        self.folder, self.elsewhere = folder, {}  # more of its commands' environment
        if original:
            shutil.copytree(original(), folder, dirs_exist_ok=True)

    def change(self, document, declared):
        """Make this the instructor's notebook, and declare more of the course."""
        changed = template(json.dumps(document))
        for name in ("source", "release"):
            shutil.copytree(changed / name, self.folder / name, dirs_exist_ok=True)
        shutil.copy(changed / "gradebook.db", self.folder)
        assignment = self.folder / "hidden/assignment.py"
        assignment.write_text(
            assignment.read_text().replace("    limits=", f"    {declared}\n    limits=")
        )

    def configure(self, *lines):
        """Add lines to nbgrader_config.py."""
        path = self.folder / "nbgrader_config.py"
        path.write_text("\n".join([path.read_text(), *lines]))

    def hand_in(self, student, data=None, name="toy/exercise.ipynb"):
        path = self.folder / "submitted" / student / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(json.dumps(notebook()).encode() if data is None else data)
        return path

    def command(self, *arguments):
        environment = os.environ | {
            "PYTHONPATH": str(ROOT),
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            **self.elsewhere,
        }
        return {"args": arguments, "cwd": self.folder, "env": environment, "text": True}

    def run(self, *arguments):
        """A Python command in a process forked for it."""
        told = self.command(*arguments)
        return forks.run(told["args"][1:], told["cwd"], told["env"])

    def start(self, *arguments):
        """The same in a process that begins with Python's own start, which takes seconds."""
        return subprocess.run(**self.command(*arguments), capture_output=True)

    def nbgrader(self, *arguments, by=run):
        done = by(self, sys.executable, "-m", "nbgrader", *arguments)
        assert done.returncode == 0, done.stderr[-3000:]
        return done

    def grade(self, *options, by=run):
        return by(self, sys.executable, "-m", "grader", "run", "--laws", "hidden", *options)

    def marks(self, by=run):
        """Marks by student, as nbgrader exports them."""
        self.nbgrader("export", by=by)
        with (self.folder / "grades.csv").open() as file:
            return {row["student_id"]: float(row["score"]) for row in csv.DictReader(file)}

    def status(self):
        with (self.folder / "build/grading/status.csv").open() as file:
            return {row["student"]: row for row in csv.DictReader(file)}
