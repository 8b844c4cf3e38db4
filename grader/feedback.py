"""`grader feedback`: a page for each student, several at a time, and only for those of whom there is something new to say."""

import argparse
import sys

from grader.assignment import load_assignments
from grader.classroom.slots import cores
from grader.errors import CourseError
from grader.options import course_options, jobs_option
from grader.text import one_line


def add_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """`feedback` among the commands of `python -m grader`."""
    words = "make the feedback pages of those whose marks, comments or notebooks have changed"
    parser = commands.add_parser("feedback", help=words, description=words)
    parser.set_defaults(work=run)
    text = "their folders' names (default: everybody)"
    parser.add_argument("students", nargs="*", metavar="STUDENT", help=text)
    text = "make those anew, too, that would be as they are"
    parser.add_argument("--force", action="store_true", help=text)
    jobs_option(parser, "processes that make pages", "one per core")
    course_options(parser, "the only one, or all")


def run(options: argparse.Namespace) -> int:
    """1 if a page could not be made, which is said."""
    from grader.gradebook.settings import load_quickly

    load_quickly()
    from grader.gradebook.feedback_pages import make

    code, unknown = 0, set(options.students)
    for assignment in load_assignments(options.laws, options.assignment):
        done = make(assignment, options.jobs or cores(), options.students, options.force)
        for student, why in sorted(done.troubles.items()):
            print(one_line(f"no page for {student}: {why}"), file=sys.stderr)
        print(f"{assignment.name}: {len(done.made)} pages made, {len(done.same)} as they were")
        code |= bool(done.troubles)
        unknown &= done.unknown
    if unknown:
        raise CourseError(f"nothing is graded of {one_line(', '.join(sorted(unknown)))}")
    return code
