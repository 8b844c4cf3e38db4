"""`grader new FOLDER`: a course of one exercise that grades at once, copied from templates/course."""

import argparse
import contextlib
import re
import shlex
import shutil
import sys
from pathlib import Path

from grader.errors import CourseError
from grader.store import files
from grader.text import program

TEMPLATE = Path(__file__).parent / "templates/course"
NAME = "hw1"  # the template's assignment, in paths and in texts
# no version control may take these for its own while they lie in the template
HIDDEN = ("gitignore", "gitkeep")


def add_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """`new` among the commands of `python -m grader`."""
    words = "write a new course of one exercise, ready to be graded"
    parser = commands.add_parser("new", help=words, description=words)
    parser.set_defaults(work=run)
    text = "where to; it must not be there yet, or be empty"
    parser.add_argument("folder", type=Path, metavar="FOLDER", help=text)
    text = "the assignment's name: letters, digits, - _ and . (default: %(default)s)"
    parser.add_argument("--assignment", default=NAME, metavar="NAME", help=text)


def run(options: argparse.Namespace) -> int:
    """Write the course and say what to type next; CourseError if it cannot be written."""
    from grader.wall.mounts import check_outside

    check_name(options.assignment)
    check_outside(options.folder)
    write_course(options.folder, options.assignment)
    print(f"written: {options.folder}, a course with the assignment {options.assignment}\n")
    print("what to type next:", *next_steps(options.folder, options.assignment), sep="\n  ")
    print("\nREADME.md there has the rest: five commands from handing out to a table of marks")
    return 0


def check_name(name: str) -> None:
    """CourseError unless folders, Python texts and shells can all take it as it is."""
    if not re.fullmatch(r"[^\W_][\w.-]*", name):
        raise CourseError(
            f"--assignment {name!r}: a name of letters, digits, - _ and ., which begins with a letter or digit"
        )


def write_course(folder: Path, name: str) -> None:
    """The whole course, or none of it and an error."""
    made = make_empty(folder)
    try:
        for source in files(TEMPLATE):
            target = folder / target_of(source.relative_to(TEMPLATE), name)
            target.parent.mkdir(parents=True, exist_ok=True)
            text = source.read_text(encoding="utf-8").replace(NAME, name)
            target.write_text(text, encoding="utf-8")
    except BaseException as error:  # Ctrl-C, too
        remove(folder, made)
        if isinstance(error, OSError):
            raise CourseError(f"{folder}: {error.strerror}; nothing is written") from error
        raise


def target_of(path: Path, name: str) -> Path:
    """Where a file of the template goes to, within the course."""
    if path.name in HIDDEN:
        path = path.with_name(f".{path.name}")
    return Path(*(part.replace(NAME, name) for part in path.parts))


def make_empty(folder: Path) -> list[Path]:
    """Make the folder, and return which folders are new, the innermost first; CourseError if it holds anything."""
    made: list[Path] = []
    try:
        made += [path for path in (folder, *folder.parents) if not path.exists()]
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise CourseError(f"{folder} is not empty: name a new folder, or an empty one")
    except OSError as error:
        discard(made)
        raise CourseError(f"{folder}: {error.strerror}: name a folder that can be made") from error
    return made


def remove(folder: Path, made: list[Path]) -> None:
    """Take back what was written: the folder was empty, or it was not there."""
    for path in folder.iterdir():
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
    discard(made)


def discard(folders: list[Path]) -> None:
    """Remove those that are there and empty."""
    for folder in folders:
        with contextlib.suppress(OSError):
            folder.rmdir()


def next_steps(folder: Path, name: str) -> list[str]:
    """Command lines for the shell that `grader new` was typed into."""
    steps = [f"cd {shlex.quote(str(folder))}", "grader doctor"]
    steps.append(f"grader check source/{name}/exercise.ipynb")
    found, ours = shutil.which("grader"), Path(sys.executable).with_name("grader")
    if sys.prefix == sys.base_prefix or (found and Path(found) == ours):
        return steps
    return [f". {shlex.quote(program('activate'))}", *steps]
