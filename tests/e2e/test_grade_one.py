"""The image `grade-one` without Docker: its course and its command, as an ordinary user with what Docker leaves to a container."""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import jsonschema
import pytest

from gate.submissions import replaced
from grader.assignment import LAWS, load_assignments
from grader.wall.bare import MOUNTING
from grader.wall.root import held
from tests.e2e.leaks import ROOT, SOURCE
from tools import gradescope

CONTAINER = ROOT / "tests/grader/container.py"
WHOLE_ROOT = os.geteuid() == 0 and all(map(held, MOUNTING.values()))
pytestmark = pytest.mark.skipif(not WHOLE_ROOT, reason="only a whole root can make that container")


@pytest.fixture(scope="module")
def course():
    """As `make gradescope` leaves it, where another user can read it."""
    folder = Path(tempfile.mkdtemp(prefix="grade-one-", dir="/var/tmp"))
    folder.chmod(0o755)
    gradescope.build_course(
        gradescope.course_files(load_assignments(ROOT / LAWS)), folder / "course"
    )
    yield folder / "course"
    shutil.rmtree(folder)


def docker_run(course, given):
    """`docker run -i --network none course-grade-one`, with its entry point and command."""
    text = (ROOT / "ci/Dockerfile").read_text()
    entry = json.loads(re.search(r"^ENTRYPOINT (.*)", text, re.MULTILINE)[1])
    [words] = re.findall(r'^CMD (\["-"\])', text, re.MULTILINE)
    # the container puts its standard input there
    script = 'cd "$0" && exec "$@" </tmp/exercise.ipynb'
    command = ["sh", "-c", script, str(course), sys.executable, *entry[1:], *json.loads(words)]
    env = {"PATH": os.environ["PATH"], "HOME": "/tmp", "PYTHONPATH": f"{course}:{ROOT}"}
    return subprocess.run(
        [sys.executable, CONTAINER, "user", *command],
        cwd=ROOT, env=env, input=given, capture_output=True, timeout=300,
    )  # fmt: skip


def test_a_notebook_goes_in_and_a_verdict_comes_out(course):
    done = docker_run(course, SOURCE.read_bytes())
    assert done.returncode == 0, done.stderr
    [line] = done.stdout.splitlines()
    made = json.loads(line)
    jsonschema.validate(made, json.loads((ROOT / "docs/verdict.schema.json").read_text()))
    laws = {stem: e for stem, e in made["exercises"].items() if e["laws"]}
    assert laws and {e["outcome"] for e in laws.values()} == {"pass"}
    assert made["isolation"] == "landlock"


def test_it_keeps_the_laws_from_the_notebook(course):
    """The grader's own user is the submission's, too: Landlock alone stands between them."""
    cell = (
        f"import os\nPATHS = {[str(course / 'tests/hidden/oracles.py'), str(course / 'source/sentiment/exercise.ipynb'), str(course)]!r}\n"
        "def forward_kl_reward(ref_log_probs, kl_coef=0.1):\n"
        "    for path in PATHS:\n"
        "        try:\n"
        "            os.listdir(path) if os.path.isdir(path) else open(path).read()\n"
        "        except PermissionError:\n"
        "            continue\n"
        "        raise RuntimeError(f'read {path}')\n"
        "    return kl_coef * ref_log_probs\n"
    )
    document = replaced(json.loads(SOURCE.read_text()), "forward_kl_reward", cell)
    done = docker_run(course, json.dumps(document).encode())
    made = json.loads(done.stdout)["exercises"]["forward_kl_reward"]
    assert made["outcome"] == "pass", made


def test_what_is_no_notebook_has_a_verdict(course):
    done = docker_run(course, b"no notebook")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["status"] == "unreadable"
