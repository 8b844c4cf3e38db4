"""`grader collect` and `grader remove` among the commands of `python -m grader`."""

import argparse
from pathlib import Path

from grader.options import course_options

# as systems.SYSTEMS has them: that module is not loaded for a list of commands
SYSTEMS = ("canvas", "moodle", "gradescope", "blackboard", "classroom", "nbgrader", "plain")


def add_commands(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Both of them."""
    add_collect(commands)
    add_remove(commands)


def add_collect(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    words = "put what students handed in, as an LMS gives it, into submitted/"
    parser = commands.add_parser("collect", help=words, description=words)
    parser.set_defaults(work=collect)
    text = "a zip, a folder or a file from the LMS, as it came"
    parser.add_argument("downloads", nargs="*", type=Path, metavar="DOWNLOAD", help=text)
    text = "the system that it is from (default: what it looks like)"
    parser.add_argument("--from", dest="system", choices=SYSTEMS, default="", help=text)
    text = "who is in the course, as an LMS exports it (may be repeated: the first that holds a person gives the id)"
    parser.add_argument(
        "--roster", action="append", default=[], type=Path, metavar="FILE", help=text
    )
    text = "the roster's column that gives the ids, which name the folders (default: the best there is, which is said)"
    parser.add_argument("--id", metavar="COLUMN", help=text)
    text = "of several: latest (the default), first, a number from 1 on, download (that in DOWNLOAD); STUDENT=WHICH for one student (may be repeated)"
    parser.add_argument("--attempt", action="append", default=[], metavar="WHICH", help=text)
    text = "how files are named, as {student}_{name}.ipynb: {student}, {email}, {login}, {sis}, {github}, {person}; {name}, {attempt}, {any}"
    parser.add_argument("--pattern", default="", metavar="P", help=text)
    text = "the time zone of local times, as Europe/Berlin"
    parser.add_argument("--zone", metavar="ZONE", help=text)
    text = (
        "replace work in submitted/ that came from no download; it is kept as one of the attempts"
    )
    parser.add_argument("--overwrite", action="store_true", help=text)
    text = "show the table, and change nothing"
    parser.add_argument("--dry-run", action="store_true", help=text)
    course_options(parser, "the only one")


def add_remove(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    words = "take students out of the course, with their work and marks, into one zip"
    parser = commands.add_parser("remove", help=words, description=words)
    parser.set_defaults(work=remove)
    text = "an id: the name of the folder in submitted/"
    parser.add_argument("students", nargs="+", metavar="STUDENT", help=text)
    text = "say what would go, and change nothing"
    parser.add_argument("--dry-run", action="store_true", help=text)


def collect(options: argparse.Namespace) -> int:
    from grader.lms.collect.command import run

    return run(options)


def remove(options: argparse.Namespace) -> int:
    from grader.lms.removing import run

    return run(options.students, options.dry_run)
