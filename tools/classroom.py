"""A class folder of the real course, driven by the commands that an instructor types."""

import csv
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from gate import ROOT

NOTEBOOK = "sentiment/exercise.ipynb"


class Classroom:
    """The course in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        """Take the folder, and make the course in it unless it is there."""
        self.folder = folder
        if not (folder / "release").exists():
            self.make()
        self.source = json.loads((folder / "source" / NOTEBOOK).read_text())
        self.blank = json.loads((folder / "release" / NOTEBOOK).read_text())

    def make(self) -> None:
        """Copy the course, and release its assignment."""
        unused = shutil.ignore_patterns("__pycache__", "saved_runs", "runs")
        for name in ("grader", "tests/hidden", "source"):
            shutil.copytree(ROOT / name, self.folder / name, ignore=unused)
        for name in ("gate", "models", "solutions"):  # nothing writes there
            (self.folder / name).symlink_to(ROOT / name)
        shutil.copy(ROOT / "nbgrader_config.py", self.folder)
        (self.folder / "submitted").mkdir()
        self.nbgrader("generate_assignment", "sentiment")

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run `python -m` in the folder, with no configuration but the course's own."""
        paths = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        quiet = {
            "PYTHONDONTWRITEBYTECODE": "1",
            "PATH": paths,
            "JUPYTER_CONFIG_DIR": str(self.folder / "none"),
        }
        command = [sys.executable, "-m", *arguments]
        return subprocess.run(
            command, cwd=self.folder, env=os.environ | quiet, capture_output=True, text=True
        )

    def nbgrader(self, *arguments: str) -> None:
        """Run an nbgrader command, which must succeed."""
        done = self.run("nbgrader", *arguments)
        assert done.returncode == 0, done.stderr[-3000:]

    def status(self) -> dict[str, dict[str, str]]:
        """Return the rows of status.csv by student."""
        with (self.folder / "build/grading/status.csv").open() as file:
            return {row["student"]: row for row in csv.DictReader(file)}

    def hand_in(self, student: str, data: bytes, name: str = NOTEBOOK) -> None:
        """Put a student's file into submitted/."""
        path = self.folder / "submitted" / student / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
