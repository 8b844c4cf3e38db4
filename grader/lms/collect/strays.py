"""What lies in submitted/ and is no student's: downloads, their pieces, archives and loose files, with the command that takes each."""

import re
import shlex
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

from grader.assignment import LAWS
from grader.errors import GraderError
from grader.lms.collect.reading import piece
from grader.lms.downloads.download import open_download
from grader.lms.downloads.systems import System, recognise
from grader.lms.handins import Download, HandIn, Told
from grader.lms.people import Roster
from grader.reader import is_notebook
from grader.submission.choosing import PACKED
from grader.text import one_line, program

# what systems and browsers call a folder of hand-ins, whoever is in it
DOWNLOADS = re.compile(r"submissions|assignment_\d+_export|gradebook_.+|inbound|downloaded|submitted|.+-submissions")  # fmt: skip
COUNTED = re.compile(r"[ _-]*\(?\d*\)?$")
# what several pieces of one download have in common, for a shell
ALIKE = {
    "moodle": "*_assignsubmission_*",
    "nbgrader": "*+*+*",
    "gradescope": "submission_*",
    "canvas": "*_[0-9]*_[0-9]*_*",
    "blackboard": "*_attempt_*",
}
MOST = 3  # pieces that a command names one by one


@dataclass(frozen=True)
class Stray:
    """One thing in submitted/; `system`: of its download, "" where --pattern alone can say; `whole`: it is one by itself."""

    name: str
    system: str = ""
    whole: bool = True


def find_strays(
    submitted: Path, assignments: Collection[str], students: Collection[str]
) -> list[Stray]:
    """All of them, in order of their names; folders named as `students` are theirs, whatever they hold."""
    if not submitted.is_dir():
        return []
    names = sorted(path.name for path in submitted.iterdir() if path.name[0] != ".")
    paths = [submitted / name for name in names if name not in students]
    return [found for path in paths if (found := stray(path, assignments))]


def stray(path: Path, assignments: Collection[str]) -> Stray | None:
    """What a folder or file in submitted/ is, if it is no student's."""
    if path.is_symlink() or any((path / name).is_dir() for name in assignments):
        return None
    if not path.is_dir():
        return loose(path)
    try:
        return folder(path)
    except (OSError, GraderError):  # nobody's trouble here: `find` tells what cannot be opened
        return None


def loose(path: Path) -> Stray | None:
    """An archive, or a notebook beside the students' folders."""
    if path.suffix.lower() in PACKED:
        return Stray(path.name, "archive")
    if not is_notebook(path):
        return None
    named = recognise(Download("", open_download(path).entries))
    return Stray(path.name, named[0].name if named else "", whole=False)


def folder(path: Path) -> Stray | None:
    """A download's folder, or one out of a download: its name tells."""
    download = open_download(path)
    for system in recognise(download):
        several = len(people(system, download)) > 1
        if several or DOWNLOADS.fullmatch(COUNTED.sub("", path.name)):
            return Stray(path.name, system.name)
    # a student's folder has no name that a system gives to a hand-in
    alone = Download(str(path.parent), piece(download, path).entries)
    for system in recognise(alone) if alone.entries else ():
        named = ALIKE.get(system.name)
        if (named and Path(path.name).match(named)) or (path / ".git" / "HEAD").is_file():
            return Stray(path.name, system.name, whole=False)
    return None


def people(system: System, download: Download) -> set[tuple[str, ...]]:
    """Whose hand-ins a download has; nothing is fetched for it."""
    if system.name == "classroom":
        return {(entry.path.partition("/")[0],) for entry in download.entries if "/" in entry.path}
    found: Iterable[HandIn] = system.hand_ins(download, Told()).hand_ins
    return {tuple(keys.values()) for hand_in in found for keys in hand_in.by}


def advice(strays: Iterable[Stray], submitted: Path, options: str = "") -> list[str]:
    """One line for each download, and for all pieces of one system together; `options`: of the commands, for the course."""
    made, pieces = list[str](), dict[str, list[str]]()
    for stray in strays:
        if stray.whole:
            made.append(line([stray.name], [quoted(submitted, stray.name)], options))
        else:
            pieces.setdefault(stray.system, []).append(stray.name)
    for system, names in pieces.items():
        words = [quoted(submitted, name) for name in names]
        if len(names) > MOST and system in ALIKE:
            words = [f"{shlex.quote(str(shown(submitted)))}/{ALIKE[system]}"]
        how = "" if system else " --pattern '{student}.ipynb'"
        made.append(line(names, words, how + options))
    return made


def line(names: list[str], words: list[str], options: str) -> str:
    """What lies there, and what to type."""
    more = f" and {len(names) - MOST} more" if len(names) > MOST else ""
    said = ", ".join(one_line(name, 100) for name in names[:MOST]) + more
    what, it = ("is no student", "it") if len(names) == 1 else ("are no students", "them")
    command = f"{program()} -m grader collect {' '.join(words)}{options}"
    return f"submitted/: {said} {what}: `{command}` takes {it}; then move {it} out of submitted/"


def quoted(submitted: Path, name: str) -> str:
    """A path for the shell that the command is typed into."""
    return shlex.quote(str(shown(submitted) / name))


def shown(submitted: Path) -> Path:
    """The folder as it is named from here."""
    here = Path.cwd()
    return submitted.relative_to(here) if submitted.is_relative_to(here) else submitted


class Strangers:
    """What `grader run` finds in submitted/ that is no student's, looked for once."""

    def __init__(self, assignments: Collection[str], laws: Path, assignment: str | None) -> None:
        """`assignments`: the course's; `laws` and `assignment` as the command line has them."""
        self.assignments, self.options = assignments, ""
        if laws != LAWS:
            self.options += f" --laws {shlex.quote(str(laws))}"
        if assignment:
            self.options += f" --assignment {shlex.quote(assignment)}"
        self.found: list[Stray] | None = None

    def names(self, submitted: Path) -> set[str]:
        """Of all of them."""
        if self.found is None:
            students = {person.student for person in Roster.kept(Path.cwd())}
            self.found = find_strays(submitted, self.assignments, students)
        return {stray.name for stray in self.found}

    def advice(self, submitted: Path) -> list[str]:
        """Lines that say what to type."""
        self.names(submitted)
        return advice(self.found or (), submitted, self.options)
