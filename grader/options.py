"""What several commands ask on their command lines, and read in one way."""

import argparse
import math
from pathlib import Path
from zoneinfo import ZoneInfo

from grader.assignment import LAWS
from grader.errors import CourseError


def course_options(parser: argparse.ArgumentParser, which: str) -> None:
    """Which course, and which of its assignments; `which`: what is taken where several are there, for --help."""
    text = "the course: its assignment.py and laws, or folders with one each (default: %(default)s)"
    parser.add_argument("--laws", type=Path, default=LAWS, metavar="FOLDER", help=text)
    text = f"of several assignments, this one alone (default: {which})"
    parser.add_argument("--assignment", metavar="NAME", help=text)


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
