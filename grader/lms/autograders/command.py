"""`grader serve-one`: one notebook in, one verdict out, for whatever asks: an LMS's autograder, a workflow, a queue."""

import argparse
import json
import os
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from grader.assignment import Assignment, Kind, the_assignment
from grader.errors import CourseError
from grader.options import course_options, training_option
from grader.reader import MAX_BYTES
from grader.text import one_line
from grader.verdict import Outcome, Status, Verdict, open_verdict, verdict
from grader.wall.choice import isolation_option

if TYPE_CHECKING:
    from grader.judging.session import Grader

FORMATS = ("verdict", "gradescope", "prairielearn", "classroom")
# gradescope.VISIBILITIES, which need not be loaded for `--help`
SHOWN = ("visible", "after_due_date", "after_published", "hidden")
NOT_IN_TIME = "not judged within {:g} seconds (--seconds): give it more time, or a faster machine"
STANDARD = "-"


@dataclass
class Taken:
    """What was handed in; `path`: the notebook's, or where none is; `why_not`: a key of handed_in.NO_NOTEBOOK; `trouble`: why nobody can tell."""

    name: str
    path: Path
    why_not: str = ""
    trouble: str = ""
    notes: tuple[str, ...] = ()
    modules: tuple[str, ...] = ()


def add_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """`serve-one` among the commands of `python -m grader`."""
    words = (
        "grade one notebook and write its verdict, for an LMS's autograder, a workflow or a queue"
    )
    parser = commands.add_parser("serve-one", help=words, description=words)
    parser.set_defaults(work=run)
    course_options(parser, "the only one, or all")
    text = "a notebook, a folder with what was handed in, or - for the standard input (default: %(default)s)"
    parser.add_argument("notebook", nargs="?", default=STANDARD, metavar="NOTEBOOK", help=text)
    text = "verdict: the JSON of docs/verdict.md; the others: what that system reads (default: %(default)s)"
    parser.add_argument("--format", choices=FORMATS, default=FORMATS[0], help=text)
    text = "where to: written whole, or not there after a fault on our side (default: the standard output)"
    parser.add_argument("--to", default=STANDARD, metavar="FILE", help=text)
    text = "what is not judged by then is nobody's mark: exit code 1 (default: no limit but those of the laws)"
    parser.add_argument("--seconds", type=seconds, default=0.0, metavar="N", help=text)
    text = "Gradescope: its submission_metadata.json, told in extra_data"
    parser.add_argument("--metadata", type=Path, metavar="FILE", help=text)
    text = "Gradescope: when students see their points (default: %(default)s)"
    parser.add_argument("--points", choices=SHOWN, default=SHOWN[0], help=text)
    text = "Gradescope: when they see the laws' words on them (default: %(default)s)"
    parser.add_argument("--words", choices=SHOWN, default=SHOWN[0], help=text)
    training_option(parser)
    isolation_option(parser)


def seconds(text: str) -> float:
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError("a whole number above 0")
    return float(text)


def run(options: argparse.Namespace) -> int:
    """1 where the verdict is `infrastructure`, which no other format than our own has a word for."""
    from grader.judging.feedback import verdict_text
    from grader.judging.session import Grader

    began = time.monotonic()
    check_streams(options)
    forget(options.to)
    training = options.training if options.training.is_dir() else None
    judge = Grader(the_assignment(options.laws, options.assignment), options.isolation, training)
    # named as all that a killed grader leaves behind, which the next one removes
    with tempfile.TemporaryDirectory(prefix=f"grader-{os.getpid()}-") as scratch:
        taken = take(options.notebook, judge.assignment, Path(scratch))
        made = judged(judge, taken, options.seconds and began + options.seconds, options.seconds)
    failed = made["status"] == Status.INFRASTRUCTURE
    if failed:
        print(verdict_text(made), file=sys.stderr)
    if not failed or options.format == FORMATS[0]:
        by_laws = [e.stem for e in judge.plan if e.kind == Kind.LAWS]
        write(options.to, formatted(made, by_laws, options, time.monotonic() - began))
    return int(failed)


def check_streams(options: argparse.Namespace) -> None:
    """CourseError where there is nothing to read from or to write to, or the one would delete the other."""
    if options.notebook == STANDARD and sys.stdin is None:
        raise CourseError("the standard input is closed: name a NOTEBOOK")
    if options.to == STANDARD:
        if sys.stdout is None:
            raise CourseError("the standard output is closed: name a file with --to")
        return
    place = Path(options.to)
    if place.exists() and not place.is_file():
        raise CourseError(f"--to {place}: it is no plain file, and stays")
    read = [Path(options.notebook), *([options.metadata] if options.metadata else [])]
    if any(path.exists() and place.exists() and place.samefile(path) for path in read):
        raise CourseError(f"--to {place}: it is what is to be read, and stays")


def forget(place: str) -> None:
    """What an earlier run wrote must not pass for this one's."""
    if place == STANDARD:
        return
    try:
        Path(place).unlink(missing_ok=True)
        Path(place).parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CourseError(f"--to {place}: {error.strerror}") from error


def take(named: str, assignment: Assignment, scratch: Path) -> Taken:
    """What was handed in; CourseError if there is no such file."""
    if named == STANDARD:
        path = scratch / assignment.notebook.name
        # one byte more than is accepted, so that the verdict can say so
        path.write_bytes(sys.stdin.buffer.read(MAX_BYTES + 1))
        return Taken("standard input", path)
    if Path(named).is_dir():
        return found_in(Path(named), assignment, scratch)
    if not Path(named).is_file():
        raise CourseError(f"no such notebook: {named}")
    return Taken(named, Path(named))


def found_in(folder: Path, assignment: Assignment, scratch: Path) -> Taken:
    """The notebook of a folder that holds one student's work, by the rule for folders in submitted/."""
    from grader.submission.collect import find
    from grader.submission.handed_in import read

    found = find(folder.resolve(), assignment.name, assignment.notebook.stem)
    path = found.notebook or folder
    if path == folder.resolve() / assignment.notebook.name:
        # the proper place of what is handed in by itself
        found.notes = [note for note in found.notes if note != f"taken from {path.name}"]
    taken = Taken(
        one_line(path.name),
        path,
        "" if found.notebook else found.why_not or "none",
        found.trouble,
        tuple(found.notes),
        tuple(found.modules),
    )
    if found.copies:
        # whoever handed them in hears of it at once, and hands in one of them
        taken.why_not, taken.trouble = "twice", ""
    if found.inside:
        handed_in = read(path, found.inside)
        taken.path, taken.why_not = scratch / assignment.notebook.name, handed_in.why_not
        taken.path.write_bytes(handed_in.data)
    return taken


def judged(judge: "Grader", taken: Taken, end: float, limit: float) -> Verdict:
    """The verdict by the time `end`, 0 for none; `limit`: what that means in seconds, for words."""
    from grader.classroom.verdicts import here
    from grader.judging.feedback import missed

    if taken.trouble:
        return nobodys(judge, taken, taken.trouble)
    with here(judge, 1) as verdicts:
        future = verdicts.submit(taken.path, name=taken.name, why_not=taken.why_not)
        try:
            made = future.result(max(0.0, end - time.monotonic()) if end else None)
        except TimeoutError:
            return nobodys(judge, taken, NOT_IN_TIME.format(limit))
    made["notes"] = [*taken.notes, *made["notes"]]
    made["notes"] += missed(made, taken.modules)
    return made


def nobodys(judge: "Grader", taken: Taken, words: str) -> Verdict:
    """Every exercise open, for a reason on our side."""
    marked = {e.stem: open_verdict(e, Outcome.INFRASTRUCTURE, words) for e in judge.plan}
    notes = [*judge.isolation.notes, *taken.notes, words]
    return verdict(taken.name, "", marked, judge.isolation.name, judge.made_with, notes)


def formatted(made: Verdict, by_laws: list[str], options: argparse.Namespace, took: float) -> str:
    """One line of JSON, or of base64; `by_laws`: the exercises that laws mark."""
    from grader.lms.autograders import classroom, gradescope, prairielearn
    from grader.lms.autograders.rows import rows

    if options.format == "gradescope":
        shown = gradescope.Shown(options.points, options.words)
        told = gradescope.told(options.metadata)
        return json.dumps(gradescope.results(made, by_laws, shown, took, told))
    if options.format == "prairielearn":
        return json.dumps(prairielearn.results(made, by_laws))
    if options.format == "classroom":
        texts = [row.words for row in rows(made, by_laws)]
        print(classroom.tame("\n".join(texts)), file=sys.stderr)
        return classroom.encoded(classroom.results(made, by_laws))
    return json.dumps(made)


def write(place: str, line: str) -> None:
    """All or nothing."""
    if place == STANDARD:
        try:
            print(line, flush=True)
        except BrokenPipeError:
            raise
        except OSError as error:
            sys.stdout = None  # Python would try once more at its end
            raise CourseError(f"the standard output: {error.strerror}") from error
        return
    temporary = Path(f"{place}.part")
    try:
        temporary.write_text(line + "\n", encoding="utf-8")
        temporary.replace(place)
    except OSError as error:
        raise CourseError(f"--to {place}: {error.strerror}") from error
