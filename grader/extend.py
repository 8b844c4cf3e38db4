"""`grader extend STUDENT…`: more time than the due date gives, before or after the student hands in."""

import argparse
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from grader.assignment import load_assignments, the_assignment
from grader.errors import CourseError
from grader.options import course_options
from grader.options import zone as named
from grader.submission.collect import unusable
from grader.submission.timestamps import plausible
from grader.text import one_line, program

if TYPE_CHECKING:
    from grader.gradebook.extensions import Extension, Extensions

MOST = 3650  # days
EXAMPLE = '"2026-12-03 12:00"'
SHOWN = "%Y-%m-%d %H:%M UTC"


def add_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """`extend` among the commands of `python -m grader`."""
    words = "give students more time than the due date, or list who has it"
    parser = commands.add_parser("extend", help=words, description=words)
    parser.set_defaults(work=run)
    text = "their folders' names; without a time, lists the extensions: theirs, or everybody's"
    parser.add_argument("students", nargs="*", metavar="STUDENT", help=text)
    time = parser.add_mutually_exclusive_group()
    text = "so many days after the due date, in place of any earlier extension"
    time.add_argument("--days", type=number, metavar="N", help=text)
    text = "so many hours after it"
    time.add_argument("--hours", type=number, metavar="N", help=text)
    text = f"until this moment, wherever the due date moves: {EXAMPLE}"
    time.add_argument("--until", metavar="MOMENT", help=text)
    text = "take the extension back"
    time.add_argument("--none", action="store_true", help=text)
    text = "where the clock of --until hangs: Europe/Berlin, for one (default: UTC)"
    parser.add_argument("--zone", metavar="ZONE", help=text)
    course_options(parser, "the only one; for a list, all")
    parser.add_argument("--all", action="store_true", help=argparse.SUPPRESS)


def number(text: str) -> float:
    try:
        found = float(text)
    except ValueError:
        found = 0.0
    if not 0 < found <= 24 * MOST:
        raise argparse.ArgumentTypeError("a number above 0; --none takes an extension back")
    return found


def run(options: argparse.Namespace) -> int:
    """Grant, take back or list; CourseError, with nothing changed, where that cannot be."""
    if options.all:
        name = options.assignment or "NAME"
        raise CourseError(
            "more time for everybody is a later due date:"
            f' `{program("nbgrader")} db assignment add {name} --duedate "2026-12-03 12:00:00 UTC"`'
        )
    if options.zone and not options.until:
        raise CourseError("--zone goes with --until")
    check_names(options.students)
    asked = extension(options)
    if asked is None:
        return show_all(options)
    if not options.students:
        raise CourseError("more time for whom? Name students, by their folders in submitted/")
    grant(options, asked)
    return 0


def check_names(students: list[str]) -> None:
    """CourseError for what can be no folder in submitted/."""
    for student in students:
        why = unusable(student)
        if not student or student.startswith(".") or "/" in student:
            why = "a student is named as the folder in submitted/ is, without the path"
        if why:
            raise CourseError(f"{student!r}: {why}")


def extension(options: argparse.Namespace) -> "Extension | None":
    """What the command line grants; None where it only asks."""
    from grader.gradebook.extensions import Extension

    if options.until is not None:
        return Extension(until=moment(options.until, options.zone))
    if options.none:
        return Extension()
    if options.days is None and options.hours is None:
        return None
    longer = timedelta(days=options.days or 0, hours=options.hours or 0)
    if longer > timedelta(days=MOST):
        raise CourseError(f"an extension of more than {MOST} days is none")
    return Extension(longer)


def moment(text: str, zone: str | None) -> datetime:
    """In UTC, without a zone; CourseError where the text, or the zone's clock, has no such moment."""
    try:
        found = datetime.fromisoformat(text.strip().removesuffix("UTC").strip())
    except ValueError:
        found = None
    if found is None or len(text.strip()) <= len("2026-12-03") or not plausible(found):
        raise CourseError(f"--until {text!r}: day and time, as {EXAMPLE}")
    told = found.tzinfo is not None or text.strip().endswith("UTC")
    if told and zone:
        raise CourseError("--until names a zone already: leave --zone out")
    clock = named(zone or "UTC")
    # of an hour that the clock shows twice the second one: nobody loses it
    local = found if found.tzinfo else found.replace(tzinfo=clock, fold=1)
    utc = local.astimezone(UTC)
    if utc.astimezone(local.tzinfo).replace(tzinfo=None) != local.replace(tzinfo=None):
        raise CourseError(f"--until {text!r}: the clocks of {zone} skip this hour")
    return utc.replace(tzinfo=None, fold=0)


def grant(options: argparse.Namespace, asked: "Extension") -> None:
    name = the_assignment(options.laws, options.assignment).name
    extensions = opened()
    due = extensions.due(name)
    if due and asked.until and asked.until <= due:
        raise CourseError(
            f"--until is {asked.until:{SHOWN}}, and {name} is due {due:{SHOWN}}: an extension gives more time"
        )
    known = extensions.students()
    for student in dict.fromkeys(options.students):
        try:
            extensions.grant(name, student, asked)
        except OSError as error:
            raise CourseError(
                f"{error.filename or student}: {error.strerror}; mend it, and run again with {student!r} and those after"
            ) from error
        print(line(name, student, asked, due))
        if asked and student not in known:
            print(
                f"  {one_line(student)} is not in the gradebook and has no folder in submitted/:"
                " kept until somebody of this name hands in"
            )
    if asked and due is None:
        print(
            f'{name} has no due date yet: `{program("nbgrader")} db assignment add {name} --duedate "…"`'
        )
    print("it counts from the next `grader run`, `nbgrader export` and feedback page on")


def line(name: str, student: str, asked: "Extension", due: datetime | None) -> str:
    """One extension in words."""
    begin = f"{one_line(student)}: {name}"
    if not asked:
        return f"{begin}, no extension"
    if asked.until:
        return f"{begin} until {asked.until:{SHOWN}}"
    until = f", until {due + asked.longer:{SHOWN}}" if due else ""
    return f"{begin} {amount(asked.longer)} longer{until}"


def amount(time: timedelta) -> str:
    """In days and hours; minutes where there are some."""
    hours, seconds = divmod(round(time.total_seconds()), 3600)
    minutes = f" {seconds // 60} min" if seconds >= 60 else ""
    return f"{hours // 24} d {hours % 24} h{minutes}"


def show_all(options: argparse.Namespace) -> int:
    """One line an extension, by assignment and student."""
    extensions, lines = opened(), list[str]()
    for assignment in load_assignments(options.laws, options.assignment):
        name = assignment.name
        due = extensions.due(name)
        lines += [
            line(name, student, found, due)
            for student, found in extensions.of(name).items()
            if not options.students or student in options.students
        ]
    print(*(lines or ["no extensions"]), sep="\n")
    return 0


def opened() -> "Extensions":
    """The extensions of the course in this folder."""
    from grader.gradebook import people
    from grader.gradebook.extensions import Extensions

    return Extensions(people.course())
