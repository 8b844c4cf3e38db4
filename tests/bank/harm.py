"""What a hostile submission could do beyond its own marks: leak, change the course's files, outlive its grading."""

import hashlib
import json
from functools import cache
from pathlib import Path

from gate import ROOT
from gate.submissions import HIDDEN

MARKER = "987654"  # what the bank's daemon sleeps, so that it can be told from other processes


@cache
def secrets():
    """Lines of the oracles, the strategies and the scorer that no student may ever read."""
    lines = [
        line.strip()
        for name in ("oracles", "strategies", "assignment")
        for line in (HIDDEN / f"{name}.py").read_text().split("\n")
    ]
    return [line for line in lines if len(line) > 24]


def leaks(verdict):
    text = json.dumps(verdict, ensure_ascii=False)
    found = [f"leaks {secret!r}" for secret in secrets() if secret in text]
    return found + ([f"a verdict of {len(text)} characters"] if len(text) > 100_000 else [])


def fingerprint_of_course():
    root = ROOT
    files = sorted(
        path
        for folder in ("tests", "source", "grader")
        for path in (root / folder).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    )
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()


def survivors():
    """Processes that the bank's submissions left behind on this machine."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if path.read_bytes().split(b"\0")[:2] == [b"sleep", MARKER.encode()]:
                found.append(f"process {path.parent.name} outlived its grading")
        except OSError:
            continue
    return found
