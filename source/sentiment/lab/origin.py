"""Where a run comes from: how it was started, and the commit of the code it ran."""

import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

from lab import COURSE
from lab.command import in_notebook

SECONDS = 10.0  # for git, which may look through a large repository


def command_line() -> str | None:
    """Return how this process was started, as one types it; None in a notebook, whose command line says nothing."""
    return None if in_notebook() else shlex.join(["python", *sys.argv])


def commit(folder: Path = COURSE) -> dict[str, Any] | None:
    """Return the git commit that a folder is at, and whether tracked files in it were changed since; None where git knows none."""
    name = git(folder, "rev-parse", "HEAD")
    if not name:
        return None
    changes = git(folder, "status", "--porcelain", "--untracked-files=no", "--", ".")
    return {"commit": name, "changed": None if changes is None else bool(changes)}


def git(folder: Path, *words: str) -> str | None:
    """Return what git answers in a folder; None where it is missing, refuses or takes too long."""
    command = ["git", "--no-optional-locks", "-C", str(folder), *words]
    try:
        done = subprocess.run(command, capture_output=True, timeout=SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return None if done.returncode else done.stdout.decode(errors="replace").strip()
