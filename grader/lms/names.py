"""Names of files in a download: which are fit to be used, which nobody's work, which say that a file is an attempt of another."""

import re
from collections.abc import Iterable

from grader.submission.collect import IGNORED
from grader.text import clean

MAX_ENTRIES = 20_000  # of one download: a class of a thousand with twenty files each
LONGEST, LONGEST_PART = 1000, 255  # bytes; a file system's own bound for a part
DRIVE = re.compile(r"[A-Za-z]:")
UUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
SUFFIX = re.compile(r"((?:\.[A-Za-z][A-Za-z0-9]*)*)$")
DASHED = re.compile(rf"(?P<stem>.+?)-(?P<number>[0-9]{{1,2}}|{UUID})")
BRACKETED = re.compile(r"(?P<stem>.+?) ?\((?P<number>[0-9]{1,3})\)")


def ignored(part: str) -> bool:
    """Whether a file or folder of this name is nobody's work: hidden, or what a Mac or Python leaves."""
    return part.startswith(".") or part in IGNORED


def plain(path: str) -> str:
    """The path without the parts that say nothing, as in `./a//b`."""
    absolute = "/" if path.startswith("/") else ""
    return absolute + "/".join(part for part in path.split("/") if part not in ("", "."))


def why_odd(path: str) -> str:
    """Why nobody should use this name from a download, or an empty string."""
    parts = path.split("/")
    if path.startswith("/") or DRIVE.match(path):
        return "an absolute path"
    if ".." in parts:
        return "a path that leaves the download"
    if "\\" in path:
        return "a name with backslashes"
    if not path or "" in parts:
        return "a file without a name"
    size = len(path.encode("utf-8", "surrogatepass"))
    if size > LONGEST or any(len(p.encode("utf-8", "surrogatepass")) > LONGEST_PART for p in parts):
        return f"a name of {size:,} bytes"
    if clean(path, len(path)) != path or "\t" in path or len(path.splitlines()) > 1:
        return "a name with control characters, or in no encoding"
    return ""


def twice(paths: Iterable[str]) -> set[str]:
    """Those that come more than once."""
    seen, again = set[str](), set[str]()
    for path in paths:
        (again if path in seen else seen).add(path)
    return again


def uploaded(name: str) -> tuple[str, float]:
    """A file's name without the number that Canvas gives a second upload of that name, and the number; 0 where there is none.

    From the eighth on Canvas takes a random number of 36 characters.

    >>> uploaded("exercise-2.ipynb"), uploaded("exercise.ipynb.json")
    (('exercise.ipynb', 2), ('exercise.ipynb.json', 0))
    """
    return _without(DASHED, name)


def counted(name: str) -> tuple[str, float]:
    """The same, or without the number in brackets that a browser gives a second download.

    >>> counted("exercise-2.ipynb"), counted("exercise (1).ipynb.json")
    (('exercise.ipynb', 2), ('exercise.ipynb.json', 1))
    """
    stem, number = _without(BRACKETED, name)
    return (stem, number) if number else uploaded(name)


def _without(form: "re.Pattern[str]", name: str) -> tuple[str, float]:
    found = SUFFIX.search(name)
    suffix = found.group(1) if found else ""
    match = form.fullmatch(name.removesuffix(suffix))
    if not suffix or not match:
        return name, 0
    return match["stem"] + suffix, int(match["number"]) if match["number"].isdigit() else 8
