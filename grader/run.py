"""`grader run`: everybody in submitted/ graded into nbgrader's gradebook, on this machine or a cluster."""

import argparse
import contextlib
import sys
from functools import partial
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from grader.assignment import AUDIT, load_assignments
from grader.errors import CourseError
from grader.options import course_options, jobs_option, positive, share, training_option
from grader.text import one_line
from grader.verdict import Status
from grader.wall.choice import checked, isolation_option

if TYPE_CHECKING:
    from grader.classroom.batch import Batch
    from grader.classroom.remote import Address
    from grader.classroom.status import Row
    from grader.classroom.training import TrainingQueue
    from grader.classroom.verdicts import Judging
    from grader.judging.session import Grader


def add_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """`run` among the commands of `python -m grader`."""
    words = "grade everyone in submitted/, into nbgrader's gradebook"
    parser = commands.add_parser("run", help=words, description=words)
    parser.set_defaults(work=run)
    course_options(parser, "the only one, or all")
    text = "the table of rows (default: %(default)s)"
    parser.add_argument(
        "--status", type=Path, default=Path("build/grading/status.csv"), metavar="FILE", help=text
    )
    text = "when a notebook came in: its file's time, or the timestamp.txt that your collector wrote beside it"
    parser.add_argument("--timestamps", choices=["mtime", "keep"], default="mtime", help=text)
    text = "then train with the notebooks whose training exercise is open, as many at a time as fit in memory and never more than cores, and record their marks"
    parser.add_argument("--train", action="store_true", help=text)
    text = "train with this share of the notebooks that a replay has marked as well, and compare; 1: with all (default: %(default)s)"
    parser.add_argument("--audit", type=share, default=AUDIT, metavar="SHARE", help=text)
    text = "judge as a run would, say whose marks would change, law by law, and write nothing"
    parser.add_argument("--dry-run", action="store_true", help=text)
    text = "an early look for students before their due date: whether each main law holds, on pages in preview/, and nothing else is written"
    parser.add_argument("--preview", action="store_true", help=text)
    text = "the table of changed marks, too: JSON where the name ends in .json, else CSV"
    parser.add_argument("--changes", type=Path, metavar="FILE", help=text)
    jobs_option(parser, "notebooks graded", "one per core")
    training_option(parser)
    isolation_option(parser)
    cluster_options(parser)


def cluster_options(parser: argparse.ArgumentParser) -> None:
    text = "who grades: this machine, or the workers of a Dask cluster that is there (default: %(default)s)"
    parser.add_argument("--executor", choices=["local", "dask"], default="local", help=text)
    text = "the cluster's scheduler, tls://host:8786 for one"
    parser.add_argument("--scheduler", metavar="ADDRESS", help=text)
    text = "a folder that the cluster's machines see under the same path: the laws reach them by it (default: they travel through the scheduler)"
    parser.add_argument("--shared", type=Path, metavar="FOLDER", help=text)
    text = "seconds without any worker after which the run stops (default: 300)"
    parser.add_argument("--wait", type=positive, metavar="SECONDS", help=text)


def run(options: argparse.Namespace) -> int:
    """1 where somebody could not be graded, or submitted/ holds what is no student's."""
    from grader.classroom.batch import Batch, strays
    from grader.classroom.differences import tell
    from grader.classroom.slots import cores
    from grader.classroom.status import summary, write_status
    from grader.classroom.verdicts import here
    from grader.gradebook.database import in_one_line
    from grader.judging.session import Grader
    from grader.lms.collect.strays import Strangers

    cluster = address(options)
    made: dict[str, list[Row]] = {}
    judging = cluster.verdicts if cluster else partial(here, count=options.jobs or cores())
    assignments = load_assignments(options.laws, options.assignment)
    isolation = checked(options.isolation).name
    judges = [Grader(each, isolation, options.training) for each in assignments]
    names = [assignment.name for assignment in assignments]
    strangers = Strangers(names, options.laws, options.assignment)
    keep = options.timestamps == "keep"
    batches = [Batch(judge, keep, strangers=strangers.names) for judge in judges]
    if options.preview:
        return early_look(batches, judging, options)
    if options.dry_run:
        return try_out(batches, judging, options)
    queues = training_queues(judges, cluster) if options.train else [None] * len(judges)
    check_writable(options.status, "--status")
    if options.changes:
        check_writable(options.changes, "--changes")
    # what is wrong with the last assignment's laws is said before the first is graded
    for judge in judges[1:]:
        judge.validate()

    def written() -> "list[Row]":
        rows = [*chain.from_iterable(made.values())]
        write_status(rows, options.status)
        return rows

    with contextlib.ExitStack() as kept:
        # all of them to the end: the last rows are of them all
        for batch in batches:
            kept.enter_context(batch.alone())
        kept.enter_context(in_one_line())
        for batch, queue in zip(batches, queues, strict=True):
            made[batch.assignment.name] = batch.run(judging)
            rows = written()
            if queue and queue.run(batch.untrained, options.audit):
                made[batch.assignment.name] = batch.run(judging)
                rows = written()
        if len(batches) > 1:
            made = {batch.assignment.name: batch.rows() for batch in batches}
            rows = written()
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


def early_look(batches: "list[Batch]", judging: "Judging", options: argparse.Namespace) -> int:
    """`--preview`; 1 where somebody could not be looked at through our fault."""
    from grader.classroom.preview import FAULT, look_at
    from grader.gradebook.database import in_one_line

    for name in ("train", "dry_run", "changes"):
        if getattr(options, name):
            raise CourseError(f"--preview gives no marks: leave --{name.replace('_', '-')} out")
    with in_one_line():
        made = look_at(batches, judging)
    for name, looked in made.items():
        print(looked.told(name))
    return int(any(FAULT in looked.left for looked in made.values()))


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
