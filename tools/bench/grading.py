"""`python -m tools.bench.grading`: seconds a notebook, `grader check` and `grader run` against stock nbgrader, in turns.

Every notebook is the instructor's own, right in every exercise, with a line that makes it differ from the others. Stock
nbgrader executes what it would have to execute for the same exercises: the notebook as far as the last of them, without
training, hidden tests or a sandbox; `grader` judges exercises 1 to 4c by all their laws. Commands of their own, so that
every figure includes Python's start and nbgrader's; the gradebook is new in every round.
"""

import argparse
import copy
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from gate import ROOT
from lab.command import print_anything
from tools.bench.machine import hardware
from tools.classroom import NOTEBOOK, Classroom

STOCK = (
    'c = get_config()\nc.CourseDirectory.course_id = "stock"\nc.ExecutePreprocessor.timeout = 600\n'
)
LAST = "policy_loss"  # the last exercise that laws judge


def distinct(document: dict[str, Any], number: int) -> bytes:
    """Return the notebook as bytes, with a comment of its own in every solution cell."""
    document = copy.deepcopy(document)
    for cell in document["cells"]:
        if cell["metadata"].get("nbgrader", {}).get("solution") and cell["cell_type"] == "code":
            cell["source"] = "".join(cell["source"]) + f"\n# copy {number}"
    return json.dumps(document).encode()


def shortened(document: dict[str, Any]) -> dict[str, Any]:
    """Return the notebook as far as the last exercise that laws judge, its grade cell included."""
    ids = [cell["metadata"].get("nbgrader", {}).get("grade_id") for cell in document["cells"]]
    return {**document, "cells": document["cells"][: ids.index(f"{LAST}_laws") + 1]}


class StockCourse:
    """An nbgrader course with nbgrader's own settings, and the course's modules beside each submission."""

    def __init__(self, folder: Path, size: int) -> None:
        self.folder, source = folder, folder / "source/sentiment"
        unused = shutil.ignore_patterns("__pycache__", "saved_runs", "runs")
        shutil.copytree(ROOT / "source/sentiment", source, ignore=unused)
        document = shortened(json.loads((source / "exercise.ipynb").read_text()))
        (source / "exercise.ipynb").write_text(json.dumps(document))
        (folder / "nbgrader_config.py").write_text(STOCK)
        (folder / "models").symlink_to(ROOT / "models")
        self.nbgrader("generate_assignment")
        for number in range(size):
            home = folder / "submitted" / f"student{number}" / "sentiment"
            shutil.copytree(source, home)
            (home / "exercise.ipynb").write_bytes(distinct(document, number))

    def nbgrader(self, command: str) -> None:
        """Run one of nbgrader's commands."""
        line = [sys.executable, "-m", "nbgrader", command, "sentiment"]
        env = os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
        done = subprocess.run(line, cwd=self.folder, env=env, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr[-3000:]


def timed(work: Callable[..., object], *arguments: object) -> float:
    """Return the seconds that a call takes."""
    started = time.perf_counter()
    work(*arguments)
    return time.perf_counter() - started


def command(room: Classroom, *arguments: str) -> None:
    """Run a grader's command, which must succeed."""
    done = room.run("grader", *arguments)
    assert done.returncode == 0, done.stderr[-3000:]


def one_round(folder: Path, batch: int, stock: int) -> Iterator[tuple[str, float]]:
    """Yield what was measured and seconds, for `check` and batches those of one notebook."""
    room = Classroom(folder / "ours")
    names = [f"student{number}" for number in range(batch)]
    for number, name in enumerate(names):
        room.hand_in(name, distinct(room.source, number))
    paths = [f"submitted/{name}/{NOTEBOOK}" for name in names]
    yield "check, one notebook, cold", timed(command, room, "check", paths[0])
    yield "run: a batch, gradebook included", timed(command, room, "run") / batch
    assert all(row["total"] == "15.0" for row in room.status().values())
    shutil.rmtree(room.folder / "autograded")
    yield "  of which the gradebook, verdicts known", timed(command, room, "run") / batch
    yield "  of which verdicts, check with 2 jobs", timed(command, room, "check", "--jobs", "2", *paths) / batch  # fmt: skip
    course = StockCourse(folder / "stock", stock)
    yield "stock nbgrader autograde", timed(course.nbgrader, "autograde") / stock


PHASES = """
import time; began = time.perf_counter()
def lap(words):
    global began
    now = time.perf_counter(); print(f"{words}\\t{now - began}"); began = now
from grader.assignment import load_assignment
from grader.judging.session import Grader
from grader.judging import suite
grader = Grader(load_assignment("tests/hidden"))
lap("imports, course, notebook")
grader.__enter__()
lap("sandbox started (torch loads meanwhile)")
suite.configure_hypothesis()
lap("hypothesis, pytest")
for exercise in grader.plan:
    if exercise.kind == "laws":
        grader.check(NOTEBOOK, [exercise.stem])
        lap(f"laws of {exercise.stem}")
grader.__exit__()
lap("end")
"""


def phases(folder: Path) -> dict[str, float]:
    """Return seconds of each part of a `check`, one exercise after another in one process."""
    room = Classroom(folder)
    program = PHASES.replace("NOTEBOOK", repr(f"source/{NOTEBOOK}"))
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=folder, capture_output=True, text=True, check=True
    )
    assert room.source
    return {words: float(s) for words, s in (line.split("\t") for line in done.stdout.splitlines())}


def main(argv: list[str] | None = None) -> int:
    """Measure, print medians with least and greatest, write the JSON."""
    print_anything()
    parser = argparse.ArgumentParser(
        prog="python -m tools.bench.grading", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )  # fmt: skip
    parser.add_argument("--batch", type=int, default=40, help="notebooks in a class (default: 40)")
    parser.add_argument("--stock", type=int, default=5, help="of them by stock nbgrader (default: 5)")  # fmt: skip
    parser.add_argument("--rounds", type=int, default=3, help="default: 3")
    parser.add_argument("--json", type=Path, default=ROOT / "build/bench/grading.json")
    args = parser.parse_args(argv)
    machine = hardware()
    seconds: dict[str, list[float]] = {}
    parts: dict[str, list[float]] = {}
    print("  ".join(f"{k} {v}" for k, v in machine.items() if v is not None), flush=True)
    for number in range(args.rounds):
        with tempfile.TemporaryDirectory() as folder:
            for words, figure in one_round(Path(folder), args.batch, args.stock):
                seconds.setdefault(words, []).append(figure)
                print(f"round {number + 1}  {words:<42}{figure:7.2f} s", flush=True)
            for words, figure in phases(Path(folder) / "phases").items():
                parts.setdefault(words, []).append(figure)
    print("\nseconds a notebook: median (least to greatest)")
    for words, values in [*seconds.items(), *parts.items()]:
        print(f"{words:<42}{statistics.median(values):7.2f}  ({min(values):.2f} to {max(values):.2f})")  # fmt: skip
    args.json.parent.mkdir(parents=True, exist_ok=True)
    args.json.write_text(json.dumps({"machine": machine, "seconds": seconds, "check": parts}, indent=1) + "\n")  # fmt: skip
    return 0


if __name__ == "__main__":
    sys.exit(main())
