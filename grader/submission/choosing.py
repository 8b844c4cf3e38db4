"""Which of the files in a student's folder is the notebook that is graded."""

import stat
from dataclasses import dataclass, field
from pathlib import Path

from grader.reader import is_notebook, read
from grader.submission.copies import counted
from grader.submission.packed import Packed, unpack_file
from grader.text import one_line

ZIP = ".zip"
MOST_ALIKE = 5
PACKED = {ZIP, ".gz", ".tgz", ".tar", ".7z", ".rar", ".xz", ".bz2"}


@dataclass
class Found:
    """What one student's folder holds.

    `inside`: the notebook's name within `notebook`, where that is a zip; `why_not`: a key of handed_in.NO_NOTEBOOK where files lie there and no notebook to grade; `trouble`: why nobody can
    tell what was handed in; `copies`: because of notebooks of one name; `modules`: names of the .py files that were left out.
    """

    student: str
    notebook: Path | None = None
    inside: str = ""
    why_not: str = ""
    trouble: str = ""
    copies: bool = False
    notes: list[str] = field(default_factory=list)
    modules: list[str] = field(default_factory=list)

    @property
    def anything(self) -> bool:
        """Whether there is something to give a verdict on."""
        return bool(self.notebook or self.why_not)


def choose(found: Found, files: list[Path], proper: Path, folder: Path) -> None:
    """The notebook at its proper place, else the only one of its name, the only one, or the only one in a zip."""
    notebooks = [path for path in files if is_notebook(path)]
    named = [path for path in notebooks if path.name == proper.name]
    if is_plain(proper, folder):
        found.notebook = proper
    elif len(named) == 1 or len(notebooks) == 1:
        found.notebook = (named if len(named) == 1 else notebooks)[0]
        found.notes.append(f"taken from {shown(found.notebook, folder)}")
    elif named and all_alike(named):
        # a folder that is handed in whole may hold the copy to hand in beside the notebook
        found.notebook = min(named, key=lambda path: (len(path.parts), path))
        found.notes.append(f"taken from {shown(found.notebook, folder)}, one of {len(named)} equal")
    elif notebooks:
        found.why_not = "twice" if named else "several"
    elif any(path.suffix.lower() in PACKED for path in files):
        _unpack(found, files, folder)
    elif files:
        found.why_not = "none"
    copies = [path for path in notebooks if is_copy(path, proper.name)]
    if found.notebook and found.notebook.name == proper.name and copies:
        _weigh(found, copies, folder)


def all_alike(notebooks: list[Path]) -> bool:
    """Whether they are the same to the last byte; MOST_ALIKE of them at most."""
    if len(notebooks) > MOST_ALIKE or len({path.stat().st_size for path in notebooks}) > 1:
        return False
    return len({read(path) for path in notebooks}) == 1


def _unpack(found: Found, files: list[Path], folder: Path) -> None:
    """A zip counts where it is the only archive, and one notebook is in it."""
    packed = [path for path in files if path.suffix.lower() in PACKED]
    only = [path.suffix.lower() for path in packed] == [ZIP]
    inner = unpack_file(packed[0]) if only else Packed()
    if not inner.name:
        found.why_not = "packed"
        return
    found.notebook, found.inside = packed[0], inner.name
    found.notes.append(f"taken out of {shown(packed[0], folder)}: {one_line(inner.name, 100)}")


def _weigh(found: Found, copies: list[Path], folder: Path) -> None:
    """A system or a browser adds the number: nobody can tell which came last, and the older one must not pass for the newest."""
    assert found.notebook is not None
    taken = read(found.notebook)
    if others := [
        path for path in copies if path.stat().st_size != len(taken) or read(path) != taken
    ]:
        names = ", ".join(shown(path, folder.parent) for path in others[:3])
        found.trouble = (
            f"{names} lies beside {shown(found.notebook, folder.parent)}: which is the newest is not known:"
            " leave one of them, or let `grader collect` take the download"
        )
        found.notebook, found.copies = None, True


def is_copy(path: Path, proper: str) -> bool:
    """Whether only a number, as a system or a browser adds it, tells the file's name from the proper one."""
    plain, number = counted(path.name.lower())
    return number > 0 and plain.startswith(proper.lower())


def is_plain(path: Path, folder: Path) -> bool:
    """Whether there is a file that can be reached from the folder without a link."""
    try:
        way = [path, *path.parents]
        links = any(part.is_symlink() for part in way[: way.index(folder)])
        return not links and stat.S_ISREG(path.lstat().st_mode)
    except OSError:
        return False


def shown(path: Path, folder: Path) -> str:
    return one_line(str(path.relative_to(folder)), 100)
