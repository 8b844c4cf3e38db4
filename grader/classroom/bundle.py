"""An assignment on its way to another machine: its laws and what they need, as one file that is named by its hash."""

import dataclasses
import gzip
import io
import tarfile
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from grader.assignment import SETTINGS, Assignment, course_folder
from grader.errors import CourseError
from grader.store import files, grader_here, own_files, packages_here, sha256, whole


@dataclass(frozen=True)
class Bundle:
    """Either its bytes, or where they lie."""

    name: str  # SHA-256 of the bytes
    laws: str  # the folder of laws in it
    data: bytes = b""
    place: str = ""  # a file, by a path that holds on every machine

    def read(self) -> bytes:
        """The bytes; CourseError if they are not those of its name."""
        try:
            data = Path(self.place).read_bytes() if self.place else self.data
        except OSError as error:
            raise CourseError(f"the laws: {self.place}: {error.strerror}") from error
        if sha256(data) != self.name:
            raise CourseError("the laws that came are not those that were sent")
        return data


def pack(assignment: Assignment, training: bool) -> Bundle:
    """All that verdicts on this assignment need, and, for `training`, its trainer; places below the course's folder are kept."""
    root = course_folder(assignment.folder).resolve()
    paths = [assignment.notebook, *own_files(assignment)]
    if training:
        paths += chain.from_iterable(map(files, assignment.training_files))
    # a course's own settings are nobody's business there: an empty file says where its folder is
    names = {SETTINGS: b""} | dict(_named(paths, root))
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name in sorted(names):
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(names[name]), 0o600
            archive.addfile(entry, io.BytesIO(names[name]))
    data = gzip.compress(held.getvalue(), mtime=0)
    return Bundle(sha256(data), str(assignment.folder.relative_to(root)), data)


def _named(paths: Iterable[Path], root: Path) -> Iterable[tuple[str, bytes]]:
    for path in paths:
        if not path.is_relative_to(root):
            raise CourseError(
                f"{path} lies outside of the course's folder, {root}: only what lies there reaches other machines"
            )
        yield str(path.relative_to(root)), path.read_bytes()


def laid(bundle: Bundle, folder: Path) -> Bundle:
    """The same by its place: the bytes lie in this folder, which every machine sees, under their name."""
    place = folder.resolve() / f"{bundle.name}.tar.gz"
    try:
        if not place.exists():
            with whole(place) as temporary:
                temporary.touch(0o600)
                temporary.write_bytes(bundle.data)
    except OSError as error:
        raise CourseError(f"--shared {folder}: {error.strerror}") from error
    return dataclasses.replace(bundle, data=b"", place=str(place))


def unpack(bundle: Bundle, folder: Path) -> Path:
    """The folder of laws, once all is laid out in `folder`, which nobody else may read."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tarfile.open(fileobj=io.BytesIO(bundle.read()), mode="r:gz") as archive:
        archive.extractall(folder, filter="data")
    return folder / bundle.laws


def versions(packages: Iterable[str]) -> dict[str, str]:
    """What verdicts depend on of a machine, by words for a person; `packages`: the assignment's."""
    own, found = grader_here(), packages_here(packages)
    return {
        "Python": found.pop("python"),
        **found,
        "the grader": f"{own['version']} ({own['sha256'][:8]})",
    }


def differences(theirs: dict[str, str]) -> str:
    """In what this machine differs from another's `versions`, "" if in nothing."""
    ours = versions(set(theirs) - {"Python", "the grader"})
    return "; ".join(
        f"{name} is {ours[name] or 'missing'} there and {theirs[name] or 'missing'} here"
        for name in theirs
        if ours[name] != theirs[name]
    )
