"""`grader check`: verdicts on notebooks, without a gradebook."""

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from grader.assignment import the_assignment
from grader.errors import CourseError
from grader.options import course_options, jobs_option, json_option, output, training_option
from grader.verdict import Status, Verdict
from grader.wall.choice import checked, isolation_option

if TYPE_CHECKING:
    from grader.judging.session import Grader


def add_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """`check` among the commands of `python -m grader`."""
    words = "grade notebooks without a gradebook"
    parser = commands.add_parser("check", help=words, description=words)
    parser.set_defaults(work=run)
    course_options(parser, "the only one, or all")
    parser.add_argument("notebooks", nargs="+", type=Path, metavar="NOTEBOOK")
    text = "judge only this exercise (may be repeated)"
    parser.add_argument("--exercise", action="append", metavar="STEM", help=text)
    json_option(parser, "write one JSON object a line")
    jobs_option(parser, "notebooks graded", "1")
    training_option(parser)
    isolation_option(parser)


def run(options: argparse.Namespace) -> int:
    """1 where somebody could not be graded for a reason on our side."""
    from grader.judging.session import Grader

    folders = [str(path) for path in options.notebooks if path.is_dir()]
    if folders:
        raise CourseError(f"{', '.join(folders)} is a folder: name a notebook (.ipynb)")
    missing = [str(path) for path in options.notebooks if not path.is_file()]
    if missing:
        raise CourseError(f"no such notebook: {', '.join(missing)}")
    assignment = the_assignment(options.laws, options.assignment)
    grader = Grader(assignment, checked(options.isolation).name, options.training)
    unknown = set(options.exercise or []) - {e.stem for e in grader.plan}
    if unknown:
        raise CourseError(
            f"no such exercise: {', '.join(sorted(unknown))}; there are {', '.join(e.stem for e in grader.plan)}"
        )
    incomplete = False
    with output(options.json) as out:
        for verdict in verdicts(grader, options):
            incomplete |= verdict["status"] == Status.INFRASTRUCTURE
            print(json.dumps(verdict) if options.json else as_text(verdict), file=out, flush=True)
    return int(incomplete)


def as_text(verdict: Verdict) -> str:
    from grader.judging.feedback import verdict_text

    return verdict_text(verdict)


def verdicts(grader: "Grader", options: argparse.Namespace) -> Iterator[Verdict]:
    """In the order given; one notebook or one job needs no second process."""
    jobs = min(len(options.notebooks), options.jobs or 1)
    if jobs == 1:
        with grader:
            yield from (grader.check(path, options.exercise) for path in options.notebooks)
        return
    from grader.classroom.verdicts import here

    with here(grader, jobs) as judged:
        for future in [judged.submit(path, options.exercise) for path in options.notebooks]:
            yield future.result()
