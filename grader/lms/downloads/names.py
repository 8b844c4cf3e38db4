"""Names of files in a download: which are fit to be used, which nobody's work, which say that a file is an attempt of another."""

import re
from collections.abc import Iterable

from grader.submission.collect import IGNORED
from grader.text import clean

# of one download: a large class, in which some handed in a whole environment of Python
MAX_ENTRIES = 100_000
LONGEST, LONGEST_PART = 1000, 255  # bytes; a file system's own bound for a part
DRIVE = re.compile(r"[A-Za-z]:")


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
    size = _bytes(path)
    if size > LONGEST or (size > LONGEST_PART and max(map(_bytes, parts)) > LONGEST_PART):
        return f"a name of {size:,} bytes"
    if clean(path, len(path)) != path or "\t" in path or path.splitlines() != [path]:
        return "a name with control characters, or in no encoding"
    return ""


def _bytes(name: str) -> int:
    return len(name.encode("utf-8", "surrogatepass"))


def twice(paths: Iterable[str]) -> set[str]:
    """Those that come more than once."""
    seen, again = set[str](), set[str]()
    for path in paths:
        (again if path in seen else seen).add(path)
    return again
