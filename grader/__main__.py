"""`python -m grader`: check notebooks, run a class, ask the doctor."""

import argparse
import json
import sys
from contextlib import nullcontext
from pathlib import Path

from grader.assignment import TRAINING, CourseError, load_assignment
from grader.text import one_line, program
from grader.wall.ends import SandboxError
from grader.wall.isolation import BUBBLEWRAP, ISOLATIONS

EXAMPLES = """examples:
  python -m grader check my.ipynb                     what the hidden laws say about one notebook
  python -m grader check *.ipynb --json - --jobs 4    one JSON verdict a line, in the order given
  python -m grader check my.ipynb --exercise kl_estimate
  python -m grader run                                grade everyone in submitted/, into the gradebook
  python -m grader run --train                        the same, and the training run of every notebook
  python -m grader doctor                             what this machine can do, and how to mend the rest

exit codes:
  0    every notebook has its verdict, whatever its marks; doctor: grading works here
  1    some are not judged for a reason on our side, which is said; doctor: something is missing
  2    stopped: the command line, the course, the gradebook or the sandbox cannot be used as they are
  130  stopped by Ctrl-C; the same command goes on
"""


def arguments():
    parser = argparse.ArgumentParser(
        "python -m grader",
        description="Grade notebooks behind a wall.",
        epilog=EXAMPLES.replace("  python ", f"  {program()} "),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True)

    def command(name, work, words):
        added = commands.add_parser(name, help=words, description=words)
        added.set_defaults(work=work)
        text = "the course: its assignment.py and laws (default: %(default)s)"
        added.add_argument(
            "--laws", type=Path, default=Path("tests/hidden"), metavar="FOLDER", help=text
        )
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
    grading_options(run, "one per core")
    doctor = command("doctor", consult, "what this machine can do, and how to mend what is missing")
    text = "leave gradebook.db out: the question is what this machine can do"
    doctor.add_argument("--no-gradebook", dest="gradebook", action="store_false", help=text)
    return parser


def grading_options(parser, jobs):
    text = f"notebooks graded at the same time (default: {jobs})"
    parser.add_argument("--jobs", type=positive, default=0, metavar="N", help=text)
    text = "training marks; one made by hand, <sha256 of the notebook>.json, counts as it is (default: %(default)s)"
    parser.add_argument("--training", type=Path, default=TRAINING, metavar="FOLDER", help=text)
    text = "none: run student code WITHOUT a sandbox, as you; only for code you trust"
    parser.add_argument("--isolation", choices=list(ISOLATIONS), default=BUBBLEWRAP.name, help=text)


def positive(text):
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError("a whole number above 0")
    return int(text)


def consult(options):
    from grader.doctor import report

    return report(options.laws, options.gradebook)


def run_batch(options):
    from grader.classroom.batch import Batch
    from grader.classroom.slots import cores
    from grader.classroom.status import summary, write_status
    from grader.classroom.training import TrainingQueue
    from grader.gradebook.database import in_one_line
    from grader.judging.session import Grader

    jobs = options.jobs or cores()
    judge = Grader(load_assignment(options.laws), options.isolation, options.training)
    training = options.train and TrainingQueue(judge.assignment, judge.marks)
    batch = Batch(judge, options.laws.resolve(), options.timestamps == "keep")
    check_writable(options.status)
    with batch.alone(), in_one_line():
        rows = batch.run(jobs)
        write_status(rows, options.status)
        if training and training.run(batch.untrained):
            rows = batch.run(jobs)
            write_status(rows, options.status)
    summary(rows, batch.place)
    if strays := batch.loose():
        print(strays, file=sys.stderr)
    print(f"one row a student: {options.status}", file=sys.stderr)
    return int(any(row["status"] == "infrastructure" for row in rows))


def check_writable(path):
    """CourseError before hours of work, not after them."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.open("a").close()
    except OSError as error:
        raise CourseError(f"--status {path}: {error.strerror}") from error


def check_notebooks(options):
    from grader.judging.session import Grader

    folders = [str(path) for path in options.notebooks if path.is_dir()]
    if folders:
        raise CourseError(f"{', '.join(folders)} is a folder: name a notebook (.ipynb)")
    missing = [str(path) for path in options.notebooks if not path.is_file()]
    if missing:
        raise CourseError(f"no such notebook: {', '.join(missing)}")
    assignment = load_assignment(options.laws)
    grader = Grader(assignment, options.isolation, options.training)
    unknown = set(options.exercise or []) - {e.stem for e in grader.plan}
    if unknown:
        raise CourseError(
            f"no such exercise: {', '.join(sorted(unknown))}; there are {', '.join(e.stem for e in grader.plan)}"
        )
    incomplete = False
    with output(options.json) as out:
        for verdict in verdicts(grader, options):
            incomplete |= verdict["status"] == "infrastructure"
            print(json.dumps(verdict) if options.json else as_text(verdict), file=out, flush=True)
    return int(incomplete)


def output(path):
    """Where verdicts go; CourseError if they cannot."""
    if path in (None, "-"):
        return nullcontext(sys.stdout)
    try:
        return Path(path).open("w", encoding="utf-8")
    except OSError as error:
        raise CourseError(f"--json {path}: {error.strerror}") from error


def as_text(verdict):
    from grader.judging.feedback import verdict_text

    return verdict_text(verdict)


def verdicts(grader, options):
    """In the order given; one notebook or one job needs no second process."""
    jobs = min(len(options.notebooks), options.jobs or 1)
    if jobs == 1:
        with grader:
            yield from (grader.check(path, options.exercise) for path in options.notebooks)
        return
    from grader.classroom.jobs import Pool

    with Pool(grader, jobs, options.laws.resolve()) as pool:
        for future in [pool.submit(path, options.exercise) for path in options.notebooks]:
            yield future.result()


def main():
    # names, words of students and our own signs may be more than a terminal, or Windows, can show
    sys.stdout.reconfigure(errors="backslashreplace")
    options = arguments().parse_args()
    try:
        return options.work(options)
    except (CourseError, SandboxError) as error:
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
