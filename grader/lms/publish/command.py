"""`grader publish SYSTEM`: what is written, what is said of it, and the exit code."""

import argparse
import math
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from grader.assignment import the_assignment
from grader.options import course_options
from grader.store import PUBLISHED
from grader.text import from_here, one_line, program

if TYPE_CHECKING:
    from grader.lms.publish.fill import Report
    from grader.lms.publish.results import Table

SYSTEMS = {
    "canvas": "fill in the gradebook that Canvas has exported",
    "moodle": "fill in the grading worksheet that Moodle has exported",
    "gradescope": "write a table with Gradescope's columns",
    "classroom": "write a table with GitHub Classroom's columns",
    "csv": "write a table with a column for each exercise",
}
Parser = argparse.ArgumentParser


def add_command(commands: "argparse._SubParsersAction[Parser]") -> None:
    """`publish` among the commands of `python -m grader`."""
    words = "marks and feedback pages, in the form that an LMS takes"
    parser = commands.add_parser("publish", help=words, description=words)
    systems = parser.add_subparsers(dest="system", required=True, metavar="SYSTEM")
    added = {name: systems.add_parser(name, help=w, description=w) for name, w in SYSTEMS.items()}
    text = "the gradebook's export; it stays as it is"
    added["canvas"].add_argument(
        "--gradebook", type=Path, required=True, dest="sheet", metavar="FILE", help=text
    )
    text = "the column to fill: its heading, its title or its number (default: the only one that fits the assignment's name)"
    added["canvas"].add_argument("--column", metavar="NAME", help=text)
    text = "the download of submissions, whose names --feedback needs"
    added["canvas"].add_argument("--submissions", type=Path, metavar="ZIP", help=text)
    text = "the worksheet; it stays as it is"
    added["moodle"].add_argument(
        "--worksheet", type=Path, required=True, dest="sheet", metavar="FILE", help=text
    )
    for name in ("canvas", "moodle"):
        sheet_options(added[name])
    for name, system in added.items():
        system.set_defaults(work=run)
        common_options(system, name)


def sheet_options(parser: Parser) -> None:
    text = "multiply marks where the LMS has another maximum"
    parser.add_argument("--scale", action="store_true", help=text)
    text = "write marks, too, that somebody has changed in the LMS since the last time"
    parser.add_argument("--overwrite", action="store_true", help=text)


def common_options(parser: Parser, system: str) -> None:
    text = f"where to (default: build/grading/<assignment>/publish/{system}.csv)"
    parser.add_argument("--out", type=Path, metavar="FILE", help=text)
    text = "feedback pages as well, under names that the LMS knows: a .zip, or a folder"
    parser.add_argument("--feedback", type=Path, metavar="ZIP", help=text)
    text = "only what has changed since the last time"
    parser.add_argument("--changed", action="store_true", help=text)
    text = "what those get who handed nothing in (default: nothing is written)"
    parser.add_argument("--missing", type=mark, metavar="POINTS", help=text)
    if system != "csv":
        text = "write the marks so far of those with open exercises, too"
        parser.add_argument("--so-far", action="store_true", help=text)
    text = "say what would change; write nothing"
    parser.add_argument("--dry-run", action="store_true", help=text)
    course_options(parser, "the only one")


def mark(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value < math.inf:
        raise argparse.ArgumentTypeError("a number, 0 or above")
    return value


def run(options: argparse.Namespace) -> int:
    """Publish to one system; 1 where something could not be: the rest is written."""
    from grader.lms.publish.own import publish_table
    from grader.lms.publish.read_results import read_table
    from grader.lms.publish.sheets import publish_sheet

    table = read_table(the_assignment(options.laws, options.assignment))
    options.default_out = table.work / PUBLISHED / f"{options.system}.csv"
    options.out = options.out or options.default_out
    publish: Callable[[argparse.Namespace, Table], Report]
    publish = publish_sheet if hasattr(options, "sheet") else publish_table
    report = publish(options, table)
    say(report, options, table)
    return int(bool(report.troubles))


def say(report: "Report", options: argparse.Namespace, table: "Table") -> None:
    """Changes go to the standard output, everything else to the other one."""
    from grader.lms.publish.ledger import OPENED, some
    from grader.lms.publish.read_results import NEWER

    for line in report.changes:
        print(line)
    for reason, students in report.left.items():
        print(one_line(f"left: {reason}: {some(students)}", 3000), file=sys.stderr)
    so_far = getattr(options, "so_far", True)
    if not so_far and any(reason.startswith(OPENED) for reason in report.left):
        said = "open marks: finish them and publish again, or --so-far writes what there is"
        print(said, file=sys.stderr)
    for note in report.notes:
        print(one_line(note, 3000), file=sys.stderr)
    newer = [r.student for r in table.results.values() if r.note == NEWER]
    if newer:
        command = f"`{program()} -m grader run`"
        print(f"{NEWER} ({command}): {some(newer)}", file=sys.stderr)
    for trouble in report.troubles:
        print(f"not published: {trouble}", file=sys.stderr)
    changed = f"{len(report.changes)} changed" if report.changes else "nothing changed"
    written = ", ".join(map(str, map(from_here, report.written)))
    print(
        f"{changed}; {f'written: {written}' if written else 'nothing is written'}", file=sys.stderr
    )
