"""What is kept on disk between runs: JSON written whole or not at all, and fingerprints of what it depends on."""

import hashlib
import importlib.metadata
import json
import platform
from itertools import chain
from pathlib import Path

import grader
from grader.assignment import CourseError

WORK = Path("build/grading")  # below nbgrader's course
PACKAGES = ("hypothesis", "numpy", "pytest")  # what decides the examples and the numbers


def fingerprint(assignment, isolation, more=()):
    """Changes with anything a verdict depends on, the submission apart; `more`: files, and folders with what they hold."""
    versions = [platform.python_version(), *map(version, sorted({*PACKAGES, *assignment.packages}))]
    digest = hashlib.sha256(json.dumps([isolation, versions]).encode())
    folders = (assignment.folder, Path(grader.__file__).parent, *more)
    for path in (assignment.notebook, *sorted(chain.from_iterable(map(files, folders)))):
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def version(package):
    """The installed version of a package, "" where it is not installed."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return ""


def files(path):
    """The file, or those below the folder; caches and hidden ones are nobody's work."""
    if not path.exists():
        raise CourseError(f"the course names {path}, which is not there")
    below = path.rglob("*") if path.is_dir() else [path]
    return [file for file in below if file.is_file() and not unseen(file.relative_to(path).parts)]


def unseen(parts):
    return any(part == "__pycache__" or part.startswith(".") for part in parts)


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def recorded(root, assignment, student):
    """Where it stands which notebook the student's marks in the gradebook are for, and which hand marks are older."""
    return root / WORK / assignment / "recorded" / f"{student}.json"


def done(root, assignment, student):
    """Where it stands which verdict was recorded whole; it goes when anything begins to record another."""
    return root / WORK / assignment / "done" / f"{student}.json"


def write(path, document):
    """All or nothing, whenever the power goes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".part")
    temporary.write_text(json.dumps(document), encoding="utf-8")
    temporary.replace(path)


def load(path):
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
