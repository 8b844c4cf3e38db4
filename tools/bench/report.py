"""`python -m tools.bench.report`: seconds that `grader report` takes of a pretended class, and what it finds of the groups that copied."""

import argparse
import json
import resource
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from io import TextIOWrapper
from pathlib import Path
from typing import Any

from tools.bench.machine import hardware
from tools.classroom import Classroom
from tools.pretend import Pretend


def timed(room: Classroom) -> tuple[float, float]:
    """Seconds of the command, Python's start included, and those of computing."""
    began, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    done = room.run("grader", "report")
    assert done.returncode == 0, done.stderr[-3000:]
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    computing = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
    return time.perf_counter() - began, computing


def found(report: dict[str, Any], copies: dict[str, str]) -> Iterator[tuple[str, int, int, int]]:
    """Per kind: pairs that copied and are in one group, of all that copied; pairs in one group that did not."""
    whose = {
        name: copies.get(name, name)
        for group in report["lookalikes"]["kinds"]
        for g in group["groups"]
        for name in g["who"]
    }
    sizes = Counter(copies.values())
    asked = sum(n * (n - 1) // 2 for n in sizes.values())
    for kind in report["lookalikes"]["kinds"]:
        pairs = [
            (a, b) for group in kind["groups"] for a in group["who"] for b in group["who"] if a < b
        ]
        right = sum(whose[a] == whose[b] for a, b in pairs)
        yield kind["kind"], right, asked, len(pairs) - right


def main(argv: list[str] | None = None) -> int:
    """Measure and print."""
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    parser = argparse.ArgumentParser(prog="python -m tools.bench.report", description=__doc__)
    parser.add_argument("--students", type=int, default=500, help="default: 500")
    parser.add_argument("--rounds", type=int, default=3, help="default: 3")
    text = "keep the class in this new folder"
    parser.add_argument("--folder", type=Path, help=text)
    args = parser.parse_args(argv)
    print("  ".join(f"{k} {v}" for k, v in hardware().items() if v is not None), flush=True)
    with tempfile.TemporaryDirectory() as scratch:
        folder = args.folder or Path(scratch)
        pretend = Pretend(folder, args.students)
        seconds = [timed(pretend.room) for _ in range(args.rounds)]
        report = json.loads((folder / "build/grading/sentiment/report/report.json").read_text())
    for words, values in zip(("seconds", "of computing"), zip(*seconds, strict=True), strict=True):
        print(
            f"{args.students} students, {words}: {statistics.median(values):.1f} ({min(values):.1f} to {max(values):.1f})"
        )
    for kind, right, asked, wrong in found(report, pretend.copies):
        print(
            f"{kind}: {right} of {asked} copied pairs found, {wrong} other pairs in {report['lookalikes']['pairs']}"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
