"""What several commands ask on their command lines, and read in one way."""

import argparse
import math
import sys
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TextIO
from zoneinfo import ZoneInfo

from grader.assignment import LAWS, TRAINING
from grader.errors import CourseError


def course_options(parser: argparse.ArgumentParser, which: str) -> None:
    """Which course, and which of its assignments; `which`: what is taken where several are there, for --help."""
    text = "the course: its assignment.py and laws, or folders with one each (default: %(default)s)"
    parser.add_argument("--laws", type=Path, default=LAWS, metavar="FOLDER", help=text)
    text = f"of several assignments, this one alone (default: {which})"
    parser.add_argument("--assignment", metavar="NAME", help=text)


def training_option(parser: argparse.ArgumentParser) -> None:
    """Where training marks are."""
    text = "training marks; one made by hand, <sha256 of the notebook>.json, counts as it is (default: %(default)s)"
    parser.add_argument("--training", type=Path, default=TRAINING, metavar="FOLDER", help=text)


def jobs_option(parser: argparse.ArgumentParser, what: str, default: str) -> None:
    """How many at a time, 0 where nobody says; `what`: of which, `default`: in words."""
    text = f"{what} at the same time (default: {default})"
    parser.add_argument("--jobs", type=positive, default=0, metavar="N", help=text)


def json_option(parser: argparse.ArgumentParser, what: str) -> None:
    """A file for programs, which `output` opens."""
    text = f"{what}; - is the standard output"
    parser.add_argument("--json", metavar="FILE", help=text)


def output(path: str | None) -> AbstractContextManager[TextIO]:
    """Where --json leads; CourseError if it cannot."""
    if path in (None, "-"):
        return nullcontext(sys.stdout)
    try:
        return Path(path).open("w", encoding="utf-8")
    except OSError as error:
        raise CourseError(f"--json {path}: {error.strerror}") from error


def zone(name: str) -> ZoneInfo:
    """The time zone that --zone names; CourseError where there is none of this name."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise CourseError(
            f"--zone {name!r}: no such zone here; there are UTC, Europe/Berlin, America/New_York and others"
        ) from None


def positive(text: str) -> int:
    """How many, of what there is at least one of."""
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError("a whole number above 0")
    return int(text)


def share(text: str) -> float:
    """A number from 0 to 1."""
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 <= number <= 1:
        raise argparse.ArgumentTypeError("a number from 0 to 1")
    return number
