"""`python -m grader`: collect downloads, check notebooks, run a class, extend a due date, make pages, publish marks, report on a class, move the gradebook, ask the doctor, begin a course."""

import argparse
import atexit
import gc
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from io import TextIOWrapper
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from grader import __version__, extend, feedback, migrate, new
from grader.assignment import AUDIT, TRAINING, load_assignments, the_assignment
from grader.errors import CourseError, GraderError
from grader.explaining import command as explain
from grader.lms.autograders import command as serve_one
from grader.lms.commands import add_commands
from grader.lms.publish import command as publish
from grader.options import course_options, positive, share
from grader.report import command as report
from grader.text import one_line, program
from grader.verdict import Status, Verdict
from grader.wall.choice import AUTO, CHOICES, HELP, checked

if TYPE_CHECKING:
    from grader.classroom.batch import Batch
    from grader.classroom.remote import Address
    from grader.classroom.training import TrainingQueue
    from grader.classroom.verdicts import Judging
    from grader.judging.session import Grader

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
  2    stopped: the command line, the course, the gradebook or the sandbox cannot be used as they are
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
    new.add_command(commands)
    extend.add_command(commands)
    feedback.add_command(commands)
    migrate.add_command(commands)
    publish.add_command(commands)
    report.add_command(commands)
    explain.add_command(commands)
    add_commands(commands)

    def command(
        name: str, work: Callable[[argparse.Namespace], int], words: str
    ) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=words, description=words)
        added.set_defaults(work=work)
        course_options(added, "the only one, or all")
        return added

    check = command("check", check_notebooks, "grade notebooks without a gradebook")
    check.add_argument("notebooks", nargs="+", type=Path, metavar="NOTEBOOK")
    text = "judge only this exercise (may be repeated)"
    check.add_argument("--exercise", action="append", metavar="STEM", help=text)
    text = "write one JSON object a line; - is the standard output"
    check.add_argument("--json", metavar="FILE", help=text)
    grading_options(check, "1")
    run = command("run", run_batch, "grade everyone in submitted/, into nbgrader's gradebook")
    text = "the table of rows (default: %(default)s)"
    run.add_argument(
        "--status", type=Path, default=Path("build/grading/status.csv"), metavar="FILE", help=text
    )
    text = "when a notebook came in: its file's time, or the timestamp.txt that your collector wrote beside it"
    run.add_argument("--timestamps", choices=["mtime", "keep"], default="mtime", help=text)
    text = "then train with the notebooks whose training exercise is open, as many at a time as fit in memory and never more than cores, and record their marks"
    run.add_argument("--train", action="store_true", help=text)
    text = "train with this share of the notebooks that a replay has marked as well, and compare; 1: with all (default: %(default)s)"
    run.add_argument("--audit", type=share, default=AUDIT, metavar="SHARE", help=text)
    text = "judge everybody anew, say whose marks would change, law by law, and write nothing"
    run.add_argument("--dry-run", action="store_true", help=text)
    text = "the table of changed marks, too: JSON where the name ends in .json, else CSV"
    run.add_argument("--changes", type=Path, metavar="FILE", help=text)
    grading_options(run, "one per core")
    cluster_options(run)
    words = (
        "grade one notebook and write its verdict, for an LMS's autograder, a workflow or a queue"
    )
    one = command("serve-one", serve_one.run, words)
    serve_one.add_options(one)
    wall_options(one)
    doctor = command("doctor", consult, "what this machine can do, and how to mend what is missing")
    text = "leave gradebook.db out: the question is what this machine can do"
    doctor.add_argument("--no-gradebook", dest="gradebook", action="store_false", help=text)
    return parser


def grading_options(parser: argparse.ArgumentParser, jobs: str) -> None:
    text = f"notebooks graded at the same time (default: {jobs})"
    parser.add_argument("--jobs", type=positive, default=0, metavar="N", help=text)
    wall_options(parser)


def cluster_options(parser: argparse.ArgumentParser) -> None:
    text = "who grades: this machine, or the workers of a Dask cluster that is there (default: %(default)s)"
    parser.add_argument("--executor", choices=["local", "dask"], default="local", help=text)
    text = "the cluster's scheduler, tls://host:8786 for one"
    parser.add_argument("--scheduler", metavar="ADDRESS", help=text)
    text = "a folder that the cluster's machines see under the same path: the laws reach them by it (default: they travel through the scheduler)"
    parser.add_argument("--shared", type=Path, metavar="FOLDER", help=text)
    text = "seconds without any worker after which the run stops (default: 300)"
    parser.add_argument("--wait", type=positive, metavar="SECONDS", help=text)


def wall_options(parser: argparse.ArgumentParser) -> None:
    text = "training marks; one made by hand, <sha256 of the notebook>.json, counts as it is (default: %(default)s)"
    parser.add_argument("--training", type=Path, default=TRAINING, metavar="FOLDER", help=text)
    parser.add_argument("--isolation", choices=CHOICES, default=AUTO, help=HELP)


def consult(options: argparse.Namespace) -> int:
    from grader.doctor import report

    return report(options.laws, options.assignment, options.gradebook)


def run_batch(options: argparse.Namespace) -> int:
    from grader.classroom.batch import Batch, strays
    from grader.classroom.differences import tell
    from grader.classroom.slots import cores
    from grader.classroom.status import summary, write_status
    from grader.classroom.verdicts import here
    from grader.gradebook.database import in_one_line
    from grader.judging.session import Grader
    from grader.lms.collect.strays import Strangers

    cluster, made = address(options), {}
    judging = cluster.verdicts if cluster else partial(here, count=options.jobs or cores())
    assignments = load_assignments(options.laws, options.assignment)
    isolation = checked(options.isolation).name
    judges = [Grader(each, isolation, options.training) for each in assignments]
    names = [assignment.name for assignment in assignments]
    strangers = Strangers(names, options.laws, options.assignment)
    keep = options.timestamps == "keep"
    batches = [Batch(judge, keep, strangers=strangers.names) for judge in judges]
    if options.dry_run:
        return try_out(batches, judging, options)
    queues = training_queues(judges, cluster) if options.train else [None] * len(judges)
    check_writable(options.status, "--status")
    if options.changes:
        check_writable(options.changes, "--changes")
    # what is wrong with the last assignment's laws is said before the first is graded
    for judge in judges[1:]:
        judge.validate()
    for batch, queue in zip(batches, queues, strict=True):
        with batch.alone(), in_one_line():
            made[batch.assignment.name] = batch.run(judging)
            write_status(chain.from_iterable(made.values()), options.status)
            if queue and queue.run(batch.untrained, options.audit):
                made[batch.assignment.name] = batch.run(judging)
                write_status(chain.from_iterable(made.values()), options.status)
    rows = [*chain.from_iterable(made.values())]
    if len(batches) > 1:
        with in_one_line():
            rows = [*chain.from_iterable(batch.rows() for batch in batches)]
        write_status(rows, options.status)
    place = "; ".join(batch.place for batch in batches)
    summary(rows, place)
    tell({b.assignment.name: b.regraded for b in batches}, options.changes)
    for said in strangers.advice(batches[0].submitted):
        print(one_line(said, 2000), file=sys.stderr)
    if said := strays(batches[0].submitted, place, strangers.names(batches[0].submitted)):
        print(said, file=sys.stderr)
    print(f"one row a student: {options.status}", file=sys.stderr)
    ours = any(row["status"] == Status.INFRASTRUCTURE for row in rows)
    return int(ours or bool(strangers.names(batches[0].submitted)))


def try_out(batches: "list[Batch]", judging: "Judging", options: argparse.Namespace) -> int:
    """`--dry-run`; 1 where somebody could not be graded."""
    from grader.classroom.differences import tell_trial
    from grader.classroom.trial import foresee
    from grader.gradebook.database import in_one_line

    if options.train:
        raise CourseError("--dry-run trains nothing: leave --train out")
    if options.changes:
        check_writable(options.changes, "--changes")
    with in_one_line():
        trials = foresee(batches, judging)
    tell_trial(trials, options.changes)
    return int(any(trial.faults for trial in trials.values()))


def address(options: argparse.Namespace) -> "Address | None":
    """The cluster that grades, None for this machine; CourseError where the options contradict each other."""
    if options.executor == "local":
        if options.scheduler or options.shared or options.wait:
            raise CourseError("--scheduler, --shared and --wait are for --executor dask")
        return None
    from grader.classroom.remote import WAIT, Address

    if not options.scheduler or options.jobs:
        raise CourseError("--executor dask takes --scheduler ADDRESS, and no --jobs")
    return Address(options.scheduler, options.wait or WAIT, options.shared, options.train)


def training_queues(
    judges: "list[Grader]", cluster: "Address | None"
) -> "list[TrainingQueue | None]":
    """The runs of each assignment, None where only others can be trained for; CourseError if none can."""
    from grader.classroom.training import TrainingQueue

    trained = any(judge.assignment.trainer for judge in judges)

    def queue(judge: "Grader") -> TrainingQueue:
        elsewhere = partial(cluster.trainers, judge) if cluster else None
        return TrainingQueue(judge.assignment, judge.marks, elsewhere)

    return [queue(judge) if judge.assignment.trainer or not trained else None for judge in judges]


def check_writable(path: Path, option: str) -> None:
    """CourseError before hours of work, not after them."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.open("a").close()
    except OSError as error:
        raise CourseError(f"{option} {path}: {error.strerror}") from error


def check_notebooks(options: argparse.Namespace) -> int:
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


def output(path: str | None) -> AbstractContextManager[TextIO]:
    """Where verdicts go; CourseError if they cannot."""
    if path in (None, "-"):
        return nullcontext(sys.stdout)
    try:
        return Path(path).open("w", encoding="utf-8")
    except OSError as error:
        raise CourseError(f"--json {path}: {error.strerror}") from error


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
    except KeyboardInterrupt:
        print("stopped; run the same command again to go on", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
