"""What git knows of a student's repository, without trusting it.

A repository's own settings name programs that git runs (hooks, fsmonitor, pagers, filters). So git never runs in one that a
download holds: an empty repository of ours borrows its objects, and the commit is read from its files. Clones that we make
are bare and never checked out.
"""

import contextlib
import os
import re
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from grader.errors import CourseError
from grader.lms.downloads.names import MAX_ENTRIES, ignored, why_odd
from grader.lms.handins import Entry
from grader.reader import MAX_BYTES, Unreadable
from grader.submission.timestamps import plausible
from grader.text import one_line

SHA = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
BRANCH = re.compile(r"ref: (refs/heads/\S+)")
SECONDS, CLONING = 20, 600  # for a look at a repository, and for fetching one
LARGEST_FILE = 1 << 20  # bytes of HEAD, a branch's file or the list of packed ones
NO_PROGRAM = "git is not installed: install it (apt-get install git)"
# nothing of the machine's or the user's, no question asked, no missing object fetched
ALONE = {
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_ATTR_NOSYSTEM": "1",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_ALLOW_PROTOCOL": "none",
    "LC_ALL": "C",
}
# a repository that only the instructor may read needs the instructor's own settings: they are the user's, never a student's
CLONE = {
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_ALLOW_PROTOCOL": "https:ssh:file",
    "GIT_SSH_COMMAND": "ssh -oBatchMode=yes",
    "GIT_LFS_SKIP_SMUDGE": "1",
}


def run(
    words: Sequence[str], more: Mapping[str, str], seconds: float
) -> "subprocess.CompletedProcess[bytes]":
    """Run git with these variables and none of git's own from outside; OSError where it is not installed."""
    inherited = {name: value for name, value in os.environ.items() if name[:4] != "GIT_"}
    return subprocess.run(
        ["git", "--literal-pathspecs", *words],
        env={**inherited, **more},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=seconds,
    )


# --- a clone that a download holds


def committed(clone: Path, file: str) -> datetime | None:
    """When the last commit that changed the file was made, as its machine's clock said; None where nobody can tell."""
    with contextlib.suppress(OSError, subprocess.SubprocessError), borrowed(clone) as (home, head):
        words = [
            "-c",
            "core.commitGraph=false",
            "log",
            "-1",
            "--no-show-signature",
            "--no-ext-diff",
        ]
        told = run([f"--git-dir={home}", *words, "--format=%ct", head, "--", file], ALONE, SECONDS)
        with contextlib.suppress(ValueError, OverflowError):
            moment = datetime.fromtimestamp(int(told.stdout), UTC)
            return moment if plausible(moment) else None
    return None


@contextlib.contextmanager
def borrowed(clone: Path) -> Iterator[tuple[Path, str]]:
    """An empty repository that sees the clone's objects, and the commit that the clone's HEAD names; OSError without one."""
    git = clone / ".git" if os.path.lexists(clone / ".git") else clone  # a bare one is ours
    store = git / "objects"
    for folder in (clone, git, store):
        if not stat.S_ISDIR(folder.lstat().st_mode):
            raise OSError(f"{folder} is no folder")
    head = _head(git)
    kind = "sha256" if len(head) == 64 else "sha1"
    with tempfile.TemporaryDirectory() as made:
        words = ["init", "--quiet", "--bare", "--template=", f"--object-format={kind}", made]
        told = run(words, ALONE, SECONDS)
        if told.returncode:
            raise OSError(one_line(told.stderr.decode("utf-8", "replace")))
        alternates = Path(made, "objects", "info", "alternates")
        alternates.parent.mkdir(exist_ok=True)
        alternates.write_bytes(os.fsencode(store.absolute()) + b"\n")
        yield Path(made), head


def _head(git: Path) -> str:
    """The commit that HEAD names, directly or by a branch; OSError where it names none."""
    text = _small(git / "HEAD")
    branch = BRANCH.fullmatch(text)
    if branch and ".." not in branch[1]:
        with contextlib.suppress(OSError):
            text = _small(git / branch[1])
        if not SHA.fullmatch(text):
            packed = (line.partition(" ") for line in _small(git / "packed-refs").splitlines())
            text = next((sha for sha, _, name in packed if name == branch[1]), "")
    if not SHA.fullmatch(text):
        raise OSError("HEAD names no commit")
    return text


def _small(path: Path) -> str:
    file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(file, "rb") as opened:
        if not stat.S_ISREG(os.fstat(file).st_mode):
            raise OSError(f"{path} is no file")
        return opened.read(LARGEST_FILE).decode("ascii", "replace").strip()


# --- a clone of ours


def fetched(address: str, place: Path) -> str:
    """Clone a repository to this place, or bring the clone there up to date; why that failed, or an empty string."""
    new = place.with_name(f".{place.name}")  # no repository's name begins so
    shutil.rmtree(new, ignore_errors=True)
    new.parent.mkdir(parents=True, exist_ok=True)
    words = ["clone", "--quiet", "--bare", "--template=", "--no-tags", "--", address, str(new)]
    try:
        made = run(words, CLONE, CLONING)
    except subprocess.TimeoutExpired:
        return f"could not be cloned in {CLONING} seconds"
    except OSError:
        raise CourseError(NO_PROGRAM) from None
    if made.returncode:
        lines = made.stderr.decode("utf-8", "replace").strip().splitlines()
        return f"could not be cloned: {one_line(lines[-1] if lines else '', 200)}"
    shutil.rmtree(place, ignore_errors=True)
    new.replace(place)
    return ""


def files(bare: Path, below: str) -> list[Entry]:
    """The files of a bare clone's newest commit, as entries below this name; links and odd names are none."""
    told = run(
        [f"--git-dir={bare}", "ls-tree", "-r", "-l", "-z", "--full-tree", "HEAD"], ALONE, SECONDS
    )
    found = list[Entry]()
    for line in told.stdout.split(b"\0")[: MAX_ENTRIES + 1]:
        about, _, raw = line.partition(b"\t")
        words, path = about.split(), os.fsdecode(raw)
        ordinary = len(words) == 4 and words[0][:3] == b"100" and words[3].isdigit()
        if ordinary and not why_odd(path) and not any(map(ignored, path.split("/"))):
            read = partial(_blob, bare, words[2].decode("ascii"))
            found.append(Entry(f"{below}/{path}", int(words[3]), read))
    return found


def _blob(bare: Path, sha: str) -> bytes:
    """At most one byte more than a notebook may have."""
    words = ["git", f"--git-dir={bare}", "cat-file", "blob", sha]
    inherited = {name: value for name, value in os.environ.items() if name[:4] != "GIT_"}
    try:
        with subprocess.Popen(
            words,
            env={**inherited, **ALONE},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        ) as process:
            assert process.stdout
            data = process.stdout.read(MAX_BYTES + 1)
            process.stdout.close()
    except OSError:
        raise Unreadable(NO_PROGRAM) from None
    if not data and process.returncode:
        raise Unreadable("git cannot read the file from the clone")
    return data
