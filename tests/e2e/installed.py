"""The wheel, built from a copy of the sources, and an environment that holds it with what it declares and nothing else.

The packages are copied from the running environment: no network. pip looks whether all that the wheel declares is there.
"""

import os
import shutil
import subprocess
import sys
from importlib.metadata import distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from gate import ROOT

MADE_FROM = ("pyproject.toml", "LICENSE", "NOTICE")


def pip(*arguments):
    command = [sys.executable, "-m", "pip", "--isolated", "-q", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]


def build_wheel(folder):
    """The wheel of this working tree, in a new folder."""
    sources = folder / "sources"
    shutil.copytree(
        ROOT / "grader", sources / "grader", ignore=shutil.ignore_patterns("__pycache__")
    )
    for name in MADE_FROM:
        shutil.copy(ROOT / name, sources)
    pip("wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", folder, sources)
    [wheel] = folder.glob("*.whl")
    return wheel


def install(wheel, requirements, folder):
    """An environment in this folder, with the wheel and what its requirements need."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    for name in needed(requirements):
        copy_package(distribution(name), folder)
    # finds what it needs there, in a version that will do, or fails
    pip("--python", folder / "bin/python", "install", "--no-index", wheel)
    return folder


def needed(requirements):
    """The names of all packages that these need, and those in turn, with the extras that they ask for."""
    seen, waiting = set(), [(Requirement(line), "") for line in requirements]
    while waiting:
        wanted, extra = waiting.pop()
        if wanted.marker and not wanted.marker.evaluate({"extra": extra}):
            continue
        for part in {"", *wanted.extras}:
            if (key := (canonicalize_name(wanted.name), part)) not in seen:
                seen.add(key)
                lines = distribution(wanted.name).requires or ()
                waiting += [(Requirement(line), part) for line in lines]
    return sorted({name for name, _ in seen})


def copy_package(package, folder):
    """Its files, at the same places in the other environment."""
    for file in package.files:
        source = Path(os.path.normpath(package.locate_file(file)))
        if not source.is_file():  # compiled code that is gone
            continue
        target = folder / source.relative_to(sys.prefix)
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.parent == folder / "bin":
            copy_script(source, target)
        else:
            place(source, target)


def place(source, target):
    """The same file under a second name where the disk allows it: hundreds of megabytes are neither written nor deleted."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy(source, target)


def copy_script(source, target):
    """With the other environment's Python in its first line."""
    first, end, rest = source.read_bytes().partition(b"\n")
    if first.startswith(b"#!"):
        first = f"#!{target.with_name('python')}".encode()
    target.write_bytes(first + end + rest)
    target.chmod(0o755)
