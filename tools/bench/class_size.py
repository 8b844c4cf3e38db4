"""`python -m tools.bench.class_size`: a class of hundreds, from its first run to a page of Formgrader, beside stock nbgrader's on 20.

Notebooks and stock nbgrader's course are those of `tools.bench.grading`, no notebook like another. Commands of their own, so that every figure
includes Python's start; Formgrader's are those of a second request. About 12 minutes for 500 on two idle cores, and 4 for stock nbgrader.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from gate import ROOT
from lab.command import print_anything
from tools.bench.grading import StockCourse, command, distinct, timed
from tools.bench.machine import hardware
from tools.classroom import Classroom
from tools.formgrader import Formgrader

CHANGED = 10  # students, of whom there is something new to say
MARK = """
import sys
from nbgrader.api import Gradebook
with Gradebook("sqlite:///gradebook.db") as book:
    for student in sys.argv[1:]:
        grade = book.find_grade("analysis", "exercise", "sentiment", student)
        grade.manual_score, grade.needs_manual_grade = 1.0, False
    book.db.commit()
"""
LIST, SUBMISSIONS = "api/submitted_notebooks/sentiment/exercise", "api/submissions/sentiment"


def pages(folder: Path) -> Iterator[tuple[str, float]]:
    """Yield what was asked of Formgrader, and seconds."""
    with Formgrader(folder) as formgrader:
        first = formgrader.listed(LIST)[0]["id"]
        for words, page in (
            ("Formgrader's list of hand-ins", SUBMISSIONS),
            ("Formgrader's list to mark by hand", LIST),
            ("a page to mark by hand", f"submissions/{first}/"),
        ):
            formgrader.get(page)
            yield words, timed(formgrader.get, page)


def ours(folder: Path, size: int) -> Iterator[tuple[str, float]]:
    """Yield what was done, and seconds."""
    room = Classroom(folder)
    names = [f"student{number:04}" for number in range(size)]
    for number, name in enumerate(names):
        room.hand_in(name, distinct(room.source, number))
    yield "first run", timed(command, room, "run")
    yield "a run with nothing changed", timed(command, room, "run")
    yield "feedback pages", timed(command, room, "feedback")
    yield "feedback pages, nothing changed", timed(command, room, "feedback")
    (folder / "mark.py").write_text(MARK)
    done = room.run("mark", *names[:CHANGED])
    assert done.returncode == 0, done.stderr[-3000:]
    yield f"feedback pages, {CHANGED} marked by hand", timed(command, room, "feedback")
    yield "export", timed(room.nbgrader, "export")
    yield from pages(folder)


def stock(folder: Path, size: int) -> Iterator[tuple[str, float]]:
    """Yield the same of stock nbgrader, which knows no run with nothing changed."""
    course = StockCourse(folder, size)
    yield "first run", timed(course.nbgrader, "autograde")
    yield "feedback pages", timed(course.nbgrader, "generate_feedback")
    yield from pages(folder)


def measured(
    words: str, work: Callable[[Path, int], Iterator[tuple[str, float]]], size: int
) -> dict[str, float]:
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        for what, seconds in work(Path(folder) / "class", size):
            found[what] = seconds
            print(f"{words}, {size}: {what:<36}{seconds:9.2f} s", flush=True)
    return found


def main(argv: list[str] | None = None) -> int:
    """Measure both, print, write the JSON."""
    print_anything()
    parser = argparse.ArgumentParser(
        prog="python -m tools.bench.class_size", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )  # fmt: skip
    parser.add_argument("--size", type=int, default=500, help="students (default: 500)")
    parser.add_argument("--stock", type=int, default=20, help="of stock nbgrader (default: 20)")
    parser.add_argument("--json", type=Path, default=ROOT / "build/bench/class_size.json")
    args = parser.parse_args(argv)
    machine = hardware()
    print("  ".join(f"{k} {v}" for k, v in machine.items() if v is not None), flush=True)
    found = {"ours": measured("ours", ours, args.size), "stock": measured("stock", stock, args.stock)}  # fmt: skip
    args.json.parent.mkdir(parents=True, exist_ok=True)
    args.json.write_text(json.dumps({"machine": machine, **found}, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
