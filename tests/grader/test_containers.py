"""The grader where a container forbids namespaces: as root, as a user, and as Kubernetes runs it at its strictest."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from toys import RIGHT, ROOT, TOY, notebook

from grader.wall.bare import MOUNTING
from grader.wall.isolation import LANDLOCK
from grader.wall.root import held

CONTAINER = Path(__file__).with_name("container.py")
LAWS = ["--laws", str(TOY / "hidden")]
WHOSE = {
    "docker": "users of their own",
    "user": "the grader's own user",
    "kubernetes": "the grader's own user",
    "sysctl": "the grader's own user",
}

needs_root = os.geteuid() != 0 or not all(map(held, MOUNTING.values()))
pytestmark = [
    pytest.mark.skipif(needs_root, reason="only a whole root can make such a container"),
    pytest.mark.skipif(bool(LANDLOCK.refusal()), reason=LANDLOCK.refusal()),
]

# looks for the laws and for its own notebook by name, and for whoever else runs
SPY = """
import glob, os, signal
FOUND = []
for path in (%r, "/tmp/exercise.ipynb", "/proc/1/environ", "/etc/passwd"):
    try:
        FOUND.append(open(path).read())
    except OSError:
        pass
for pid in range(1, 500):
    try:
        if pid != os.getpid():
            os.kill(pid, 0)
            FOUND.append(pid)
    except OSError:
        pass
def basket_total(items, discount=0.0):
    if FOUND:
        raise RuntimeError(str(FOUND))
"""


def inside(kind, *arguments, solution=RIGHT):
    command = [sys.executable, CONTAINER, kind, sys.executable, "-m", "grader", *arguments, *LAWS]
    given = json.dumps(notebook(solution))
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.run(
        command, capture_output=True, text=True, cwd=ROOT, input=given, env=environment
    )


@pytest.mark.parametrize("kind", WHOSE)
def test_a_container_without_privileges_grades_behind_landlock(kind):
    spy = SPY % str(TOY / "hidden" / "assignment.py") + RIGHT.split(":\n", 1)[1]
    for solution in (RIGHT, spy):
        done = inside(kind, "check", "/tmp/exercise.ipynb", "--json", "-", solution=solution)
        assert done.returncode == 0, done.stderr
        verdict = json.loads(done.stdout)
        assert (verdict["total"], verdict["isolation"]) == (2.0, "landlock"), verdict
        assert WHOSE[kind] in verdict["notes"][0]


@pytest.mark.parametrize("kind", WHOSE)
def test_bubblewrap_refuses_there_and_the_doctor_says_what_works(kind):
    refused = inside(kind, "check", "/tmp/exercise.ipynb", "--isolation", "bwrap")
    assert refused.returncode == 2 and not refused.stdout and refused.stderr.startswith("error: ")
    told = inside(kind, "doctor", "--no-gradebook")
    lines = {line.split()[1]: line for line in told.stdout.splitlines() if len(line.split()) > 1}
    assert told.returncode == 0 and lines["sandbox"].endswith(
        "landlock is taken (--isolation auto)"
    )
    assert lines["bwrap"].startswith("note") and lines["landlock"].startswith("ok")
