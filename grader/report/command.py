"""`grader report`: the three files, and what is said of them."""

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from grader.assignment import the_assignment
from grader.errors import CourseError
from grader.options import course_options, training_option
from grader.store import REPORT, alone
from grader.text import from_here, one_line, program

if TYPE_CHECKING:
    from grader.report.cohort import Cohort

PAGE, DOCUMENT, TABLE = "report.html", "report.json", "report.csv"


def add_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """`report` among the commands of `python -m grader`."""
    words = "what the class as a whole shows: one page, the same as JSON and as CSV"
    parser = commands.add_parser("report", help=words, description=words)
    parser.set_defaults(work=run)
    text = f"where to (default: build/grading/<assignment>/{REPORT})"
    parser.add_argument("--out", type=Path, metavar="FOLDER", help=text)
    text = "without names and ids, and without anything in a student's own words"
    parser.add_argument("--anonymous", action="store_true", help=text)
    training_option(parser)
    course_options(parser, "the only one")


def run(options: argparse.Namespace) -> int:
    """Write the three files; nothing is graded, and the gradebook stays as it is."""
    from grader.report.cohort import read_cohort
    from grader.report.document import document

    cohort = read_cohort(the_assignment(options.laws, options.assignment), options.training)
    report = document(cohort, options.anonymous)
    folder = options.out or cohort.table.work / REPORT
    # two reports at once would write into one temporary file
    with alone(cohort.table.work):
        write_files(report, folder)
    for note in notes(cohort, report):
        print(one_line(note, 2000), file=sys.stderr)
    names = ", ".join(str(from_here(folder / name)) for name in (PAGE, DOCUMENT, TABLE))
    print(f"written: {names}", file=sys.stderr)
    return 0


def write_files(report: dict[str, Any], folder: Path) -> None:
    """Each whole or not at all; CourseError where they cannot be written."""
    from grader.report.page import page
    from grader.report.rows import FIELDS, IDS, rows
    from grader.store import whole
    from grader.tables import write_rows

    texts = {PAGE: page(report), DOCUMENT: json.dumps(report, indent=1, allow_nan=False) + "\n"}
    try:
        for name, text in texts.items():
            with whole(folder / name) as temporary:
                temporary.write_text(text, encoding="utf-8")
        write_rows(folder / TABLE, FIELDS, IDS, rows(report))
    except OSError as error:
        raise CourseError(f"--out {folder}: {error.strerror}") from error


def notes(cohort: "Cohort", report: dict[str, Any]) -> list[str]:
    """What the report does not show, and why."""
    from grader.lms.publish.read_results import NEWER

    about = report["class"]
    if not about["with_verdict"]:
        return [f"nobody is graded yet: `{program()} -m grader run` does it"]
    said = []
    newer = sum(student.result.note == NEWER for student in cohort.students)
    if newer:
        said.append(
            f"of {newer} students a newer notebook is not graded yet: the older one is shown"
        )
    if missing := about["handed_in"] - about["with_verdict"]:
        said.append(
            f"{missing} of {about['handed_in']} have no verdict of `grader run`: their marks alone are shown"
        )
    if unread := report["lookalikes"]["not_read"]:
        said.append(
            f"{unread} notebooks could not be read, or are not those that were graded: look-alikes leave them out"
        )
    return said
