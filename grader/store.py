"""What is kept on disk between runs: JSON written whole or not at all, and fingerprints of what it depends on."""

import contextlib
import dataclasses
import errno
import fcntl
import hashlib
import importlib.metadata
import json
import os
import platform
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

import grader
from grader.assignment import DECLARATION, Assignment
from grader.errors import CourseError
from grader.verdict import Made, MadeWith, Verdict

WORK = Path("build/grading")  # below nbgrader's course
REPORT = "report"  # below an assignment's folder there: what `grader report` makes anew
PUBLISHED = "publish"  # there, too: what `grader publish` writes by itself
PREVIEW = "preview"  # below nbgrader's course, beside its feedback/: early looks
NO_FILE = (errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG)  # none is there, or can be
PACKAGES = ("hypothesis", "numpy", "pytest")  # what decides the examples and the numbers


@dataclass(frozen=True)
class State:
    """What is known of one student's work on one assignment; one file, written whole by whoever changes a part."""

    # what `verdict` depends on beside the notebook, and why there is no notebook
    stamp: str = ""
    why_not: str = ""
    verdict: Verdict | None = None
    # the hand-in that the gradebook's marks are for (HandedIn.known_as), None until there are some; hand marks that are
    # older, by exercise
    recorded: str | None = None
    by_hand: dict[str, float] = field(default_factory=dict)
    # `recorded_as` of the verdict that the gradebook has whole, "" as soon as anything begins to record another
    whole: str = ""
    # what the marks are made of that the log of marks tells last (grader.gradebook.reasons.Basis); {} where it tells of none
    basis: dict[str, Any] = field(default_factory=dict)
    moment: str = ""  # what the grader itself wrote into timestamp.txt
    # what the download said of the notebook with this digest: status.csv repeats it
    told: dict[str, str] = field(default_factory=dict)
    # what was last given of the student to a system, by parts of grader.lms.publish.ledger
    published: dict[str, dict[str, str]] = field(default_factory=dict)
    # early looks that there were, oldest first (grader.classroom.preview.Look)
    looks: list[dict[str, Any]] = field(default_factory=list)
    # digest of all that the feedback page says, as it was when it was made
    page: str = ""
    # an extension that was granted: seconds more than the due date gives, or the moment (ISO, UTC) that stands in its place
    longer: float = 0.0
    until: str = ""

    @property
    def kept_is_recorded(self) -> bool:
        """Whether the gradebook has `verdict` whole: a run that is stopped keeps later ones first."""
        if self.verdict is None:
            return False
        return self.whole.partition("+")[0] == recorded_as(self.verdict)


class StateFile:
    """The state of one student's work on one assignment, below nbgrader's course."""

    def __init__(self, root: Path, assignment: str, student: str) -> None:
        self.path = root / WORK / assignment / "students" / f"{student}.json"

    def read(self) -> State:
        """An empty one where nothing is known; parts that another version wrote do not count. CourseError for a broken file."""
        known = load_kept(self.path)
        names = [entry.name for entry in dataclasses.fields(State)]
        return State(**{name: known[name] for name in names if name in known})

    def change(self, **parts: Any) -> None:
        """Write these parts anew; the others stay, whoever writes at the same time."""
        with in_turn(self.path.parent / ".lock"):
            before = self.read()
            after = dataclasses.replace(before, **parts)
            if after != before:
                write(self.path, vars(after))


@contextlib.contextmanager
def in_turn(lock: Path) -> Iterator[None]:
    """One at a time, others wait; `lock`: a file for that alone, made where it is not there."""
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextlib.contextmanager
def alone(work: Path) -> Iterator[None]:
    """Nobody else grades, trains, collects or removes there meanwhile; `work`: an assignment's folder in WORK."""
    try:
        work.mkdir(parents=True, exist_ok=True)
        file = (work / "lock").open("a")  # one that is there stays as it is
    except OSError as error:
        raise CourseError(f"{error.filename}: {error.strerror}; mend it, run again") from error
    with file as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise CourseError(
                f"another run is grading here ({work}/lock): wait for it, or stop it with Ctrl-C"
            ) from None
        yield


def fingerprint(assignment: Assignment, isolation: str, more: Iterable[Path] = ()) -> str:
    """Changes with anything a verdict depends on, the submission apart; `more`: files, and folders with what they hold."""
    used = [digest_of(path) for path in sorted(chain(*map(files, more)))]
    return sha256(json.dumps([isolation, made_with(assignment), used]).encode())


def made_with(assignment: Assignment) -> MadeWith:
    """Version and digest of laws and grader as they are now, the same wherever they lie; versions of packages."""
    own = assignment.folder
    laws = {path.relative_to(own).as_posix(): path for path in own_files(assignment)}
    return {
        "laws": made(assignment.version, {**laws, "its notebook": assignment.notebook}),
        "grader": grader_here(),
        "packages": packages_here(assignment.packages),
    }


def grader_here() -> Made:
    """This grader."""
    ours = Path(grader.__file__).parent
    return made(
        grader.__version__, {path.relative_to(ours).as_posix(): path for path in files(ours)}
    )


def packages_here(packages: Iterable[str]) -> dict[str, str]:
    """Versions of Python and of what verdicts depend on; `packages`: what the assignment adds."""
    versions = {name: version(name) for name in sorted({*PACKAGES, *packages})}
    return {"python": platform.python_version(), **versions}


def made(version: str, parts: Mapping[str, Path]) -> Made:
    """One part of it: files, by the names that count."""
    digests = [[name, digest_of(parts[name])] for name in sorted(parts)]
    return {"version": version, "sha256": sha256(json.dumps(digests).encode())}


def digest_of(path: Path) -> str:
    """SHA-256 of a file."""
    return sha256(path.read_bytes())


def own_files(assignment: Assignment) -> list[Path]:
    """The laws and what lies beside them, but for other assignments' folders."""
    return [path for path in files(assignment.folder) if not another(path, assignment.folder)]


def another(path: Path, folder: Path) -> bool:
    """Whether the file belongs to another assignment, whose folder lies within this one's."""
    within = path.relative_to(folder).parts
    return len(within) > 1 and (folder / within[0] / DECLARATION).is_file()


def version(package: str) -> str:
    """The installed version of a package, "" where it is not installed."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return ""


def files(path: Path) -> list[Path]:
    """The file, or those below the folder; caches and hidden ones are nobody's work."""
    if not path.exists():
        raise CourseError(f"the course names {path}, which is not there")
    below = path.rglob("*") if path.is_dir() else [path]
    return [file for file in below if file.is_file() and not unseen(file.relative_to(path).parts)]


def unseen(parts: tuple[str, ...]) -> bool:
    """Whether a file at this place is none of the course's."""
    return any(part == "__pycache__" or part.startswith(".") for part in parts)


def recorded_as(verdict: Verdict, more: Sequence[str] = ()) -> str:
    """A digest by which a verdict in the gradebook is known: what it was made with changes no mark by itself; `more`: notes beside its own."""
    own = sha256(json.dumps({**verdict, "made_with": None}).encode())
    return f"{own}+{sha256(json.dumps([*more]).encode())}" if more else own


def sha256(data: bytes) -> str:
    """The digest by which a notebook is known."""
    return hashlib.sha256(data).hexdigest()


@contextlib.contextmanager
def whole(path: Path) -> Iterator[Path]:
    """All or nothing, whenever the power goes: a place to write to, which takes the path's place at the end."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.name}.part")
    yield temporary
    with temporary.open("rb") as file:
        os.fsync(file.fileno())  # else the name may be on disk before what it names
    temporary.replace(path)


def write(path: Path, document: Any) -> None:
    """A JSON document, all or nothing."""
    with whole(path) as temporary:
        temporary.write_text(json.dumps(document), encoding="utf-8")


def load_kept(path: Path) -> dict[str, Any]:
    """The JSON object at this place; an empty one where no file is. CourseError for one that nobody can read, and nobody writes over."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        if error.errno in NO_FILE:
            return {}
        raise CourseError(f"{path}: {error.strerror}; mend it, run again") from error
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise CourseError(
            f"{path} is broken, and stays as it is: put it back from a backup, or move it aside,"
            " which forgets what it alone knew, and run again"
        )
    return found


def load(path: Path) -> dict[str, Any]:
    """The JSON object at this place; an empty one where there is none, and of a broken file: for what can be made again."""
    try:
        return load_kept(path)
    except CourseError:
        return {}
