"""`python -m tools.bench.replay`: seconds a notebook that exercise 5's marks cost, by replay and by training, in one run.

Right notebooks, each with a statement of its own in exercise 2 and, in turns, the style of one of the bank's right variants; all graded
before the clock starts. With replay the clock holds the recording and the audit as well. Then as many notebooks as `--trained` says
are trained in a course whose assignment names no replayer, and their figures are compared with the replayed ones.
"""

import argparse
import json
import re
import tempfile
from pathlib import Path
from typing import Any

from gate.cases import CALLED
from gate.submissions import read, replaced, solution_cell
from lab.command import print_anything
from tools.bench.grading import command, timed
from tools.bench.machine import hardware
from tools.classroom import Classroom

OWN = """

OWN = {number}


def exponential_shaping(scores, temperature=1.0, shaped=exponential_shaping, own=OWN):
    return shaped(scores, temperature)
"""


def notebooks(source: dict[str, Any], count: int) -> list[bytes]:
    """Return right notebooks that no two of need the same statements."""
    styles = [None, *(s for s in read("variants") if s.stem in CALLED)]
    found = []
    for number in range(count):
        style = styles[number % len(styles)]
        document = json.loads(style.notebook(source)) if style else source
        cell = "".join(solution_cell(document, "exponential_shaping")["source"])
        own = replaced(document, "exponential_shaping", cell + OWN.format(number=number))
        found.append(json.dumps(own).encode())
    return found


def graded(folder: Path, count: int, replayed: bool) -> tuple[float, list[dict[str, Any]]]:
    """Return the seconds that `--train` takes after `grader run`, and the training marks by student."""
    room = Classroom(folder)
    if not replayed:
        declared = folder / "tests/hidden/assignment.py"
        declared.write_text(re.sub(r"\n    replayer=.*", "", declared.read_text()))
    for number, data in enumerate(notebooks(room.source, count)):
        room.hand_in(f"student{number:03d}", data)
    command(room, "run")
    seconds = timed(command, room, "run", "--train")
    kept = folder / "build/grading"
    states = sorted((kept / "sentiment/students").glob("*.json"))
    uses = [json.loads(path.read_text())["verdict"]["training"]["uses"] for path in states]
    return seconds, [json.loads((kept / "training" / f"{name}.json").read_text()) for name in uses]


def main(argv: list[str] | None = None) -> int:
    """Print the two figures and their ratio; 1 where a replayed figure is not the trained one."""
    print_anything()
    parser = argparse.ArgumentParser("python -m tools.bench.replay", description=__doc__)
    parser.add_argument("--students", type=int, default=100)
    parser.add_argument("--trained", type=int, default=8)
    options = parser.parse_args(argv)
    print(hardware())
    with tempfile.TemporaryDirectory() as folder:
        fast, replayed = graded(Path(folder) / "replayed", options.students, replayed=True)
        slow, trained = graded(Path(folder) / "trained", options.trained, replayed=False)
    fast, slow = fast / options.students, slow / options.trained
    proved = sum(mark["proof"] == "replayed" for mark in replayed)
    print(f"replay    {fast:6.2f} s a notebook, {options.students} notebooks, {proved} replayed")
    print(f"training  {slow:6.2f} s a notebook, {options.trained} notebooks")
    print(f"ratio     {slow / fast:6.1f}")
    pairs = zip(replayed, trained, strict=False)
    same = [one["figures"] == other["figures"] for one, other in pairs]
    print(f"figures of the first {len(same)} alike: {sum(same)}")
    return int(not all(same))


if __name__ == "__main__":
    raise SystemExit(main())
