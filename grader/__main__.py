"""`python -m grader`: collect downloads, check notebooks, run a class, extend a due date, make pages, publish marks, report on a class, move the gradebook, ask the doctor, begin a course."""

import argparse
import atexit
import errno
import gc
import sys
from io import TextIOWrapper

from grader import __version__, check, extend, feedback, migrate, new, run
from grader.errors import GraderError
from grader.explaining import command as explain
from grader.lms.autograders import command as serve_one
from grader.lms.commands import add_commands
from grader.lms.publish import command as publish
from grader.options import course_options
from grader.report import command as report
from grader.text import one_line, program

# a machine's trouble, no fault of the grader's
MACHINES = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM)
EXAMPLES = """examples:
  python -m grader check my.ipynb                     what the hidden laws say about one notebook
  python -m grader check *.ipynb --json - --jobs 4    one JSON verdict a line, in the order given
  python -m grader check my.ipynb --exercise NAME
  python -m grader collect submissions.zip --roster gradebook.csv   an LMS's download, into submitted/
  python -m grader run                                grade everyone in submitted/, into the gradebook
  python -m grader run --train                        the same, and the training run of every notebook
  python -m grader serve-one < my.ipynb               one notebook's verdict as JSON, for programs that ask
  python -m grader run --dry-run                      whose marks would change, and nothing written
  python -m grader explain ann                        where each of a student's marks comes from
  python -m grader doctor                             what this machine can do, and how to mend the rest
  python -m grader extend ann --days 3                more time for a student; without names, who has it
  python -m grader feedback                           feedback pages, of those whose marks or comments changed
  python -m grader publish csv                        everybody's marks; also canvas, moodle, gradescope, classroom
  python -m grader report                             what the class as a whole shows: a page, JSON, CSV
  python -m grader migrate gradebook.db postgresql+psycopg://grader@db.example.org/course   the gradebook, elsewhere
  python -m grader new FOLDER                         a course of one exercise to begin with

exit codes:
  0    every notebook has its verdict, whatever its marks; doctor: grading works here
  1    some are not judged for a reason on our side, or submitted/ holds what is no student's, which is said; collect:
       rows ask for something; publish: some marks or pages are not written; explain: --verify found another verdict;
       doctor: something is missing
  2    stopped: the command line, the course, the gradebook, the sandbox or the disk cannot be used as they are
  130  stopped by Ctrl-C; the same command goes on
"""


def arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "python -m grader",
        description="Grade notebooks behind a wall.",
        epilog=EXAMPLES.replace("  python ", f"  {program()} "),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"grader {__version__}")
    commands = parser.add_subparsers(dest="command", required=True)
    for command in (new, extend, feedback, migrate, publish, report, explain):
        command.add_command(commands)
    add_commands(commands)
    for command in (check, run, serve_one):
        command.add_command(commands)
    add_doctor(commands)
    return parser


def add_doctor(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """`doctor`, whose own module takes along all that it looks at."""
    words = "what this machine can do, and how to mend what is missing"
    parser = commands.add_parser("doctor", help=words, description=words)
    parser.set_defaults(work=consult)
    course_options(parser, "the only one, or all")
    text = "leave gradebook.db out: the question is what this machine can do"
    parser.add_argument("--no-gradebook", dest="gradebook", action="store_false", help=text)


def consult(options: argparse.Namespace) -> int:
    from grader.doctor import report

    return report(options.laws, options.assignment, options.gradebook)


def main() -> int:
    # at its end Python looks for garbage in all that nbgrader brought along: half a second
    atexit.register(gc.freeze)
    # names, words of students and our own signs may be more than a terminal, or Windows, can show
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    options = arguments().parse_args()
    try:
        return options.work(options)
    except GraderError as error:
        print(f"error: {one_line(str(error), 2000)}", file=sys.stderr)
        return 2
    except BrokenPipeError:  # the reader of our output has gone, `| head` for one
        sys.stdout = None
        return 1
    except OSError as error:
        if error.errno not in MACHINES:
            raise
        place = f"{error.filename}: " if error.filename else ""
        said = f"{place}{error.strerror}: mend it; the same command goes on"
        print(f"error: {one_line(said, 2000)}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("stopped; run the same command again to go on", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
