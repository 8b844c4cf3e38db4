"""An nbgrader course in a temporary folder, driven by the commands an instructor types."""

import csv
import os
import shutil
import subprocess
import sys
from pathlib import Path

CONFIG = """
from grader.nbgrader_parts import configure

c = get_config()
c.CourseDirectory.course_id = "toy"
configure(c, laws="hidden")
"""


class ClassFolder:
    def __init__(self, folder, toy, root, submission):
        self.folder, self.root, self.submission = folder, root, submission
        shutil.copytree(toy / "hidden", folder / "hidden", ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copytree(toy / "source", folder / "source")
        (folder / "nbgrader_config.py").write_text(CONFIG)
        (folder / "submitted").mkdir()
        self.nbgrader("generate_assignment", "toy")

    def hand_in(self, student, data=None, name="toy/exercise.ipynb"):
        path = self.folder / "submitted" / student / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(self.submission() if data is None else data)
        return path

    def command(self, *arguments):
        environment = os.environ | {"PYTHONPATH": str(self.root), "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
        return {"args": arguments, "cwd": self.folder, "env": environment, "text": True}

    def run(self, *arguments):
        return subprocess.run(**self.command(*arguments), capture_output=True)

    def nbgrader(self, *arguments):
        done = self.run(sys.executable, "-m", "nbgrader", *arguments)
        assert done.returncode == 0, done.stderr[-3000:]
        return done

    def grade(self, *options):
        return self.run(sys.executable, "-m", "grader", "run", "--laws", "hidden", *options)

    def marks(self):
        """Marks by student, as nbgrader exports them."""
        self.nbgrader("export")
        with (self.folder / "grades.csv").open() as file:
            return {row["student_id"]: float(row["score"]) for row in csv.DictReader(file)}

    def status(self):
        with (self.folder / "build/grading/status.csv").open() as file:
            return {row["student"]: row for row in csv.DictReader(file)}
