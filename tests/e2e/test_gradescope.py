"""autograder.zip in a tree like Gradescope's, as root with what Docker leaves to a container. The packages are those of the tests:
setup.sh installs nothing here."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import pytest

from gate.submissions import read, replaced
from grader.assignment import LAWS, load_assignments
from grader.wall.bare import MOUNTING
from grader.wall.root import held
from tests.e2e import leaks
from tests.e2e.leaks import RELEASE, ROOT, SOURCE
from tools import gradescope

CONTAINER = ROOT / "tests/grader/container.py"
WHOLE_ROOT = os.geteuid() == 0 and all(map(held, MOUNTING.values()))
pytestmark = pytest.mark.skipif(not WHOLE_ROOT, reason="only a whole root can make that container")
MARKED = 20.0  # the points of exercises with laws
SETUP, RUN = "setup.sh", "run_autograder"

# writes where it may not, too
PRYING = """
import os

def look(root):
    found = []
    for path in PATHS:
        for mode in ("rb", "ab"):
            try:
                open(f"{root}/{path}", mode).close()
                found.append(f"{path} opened with {mode}")
            except OSError:
                pass
        try:
            found.append(f"{path} holds {os.listdir(f'{root}/{path}')}")
        except OSError:
            pass
    try:
        os.mkdir(f"{root}/results/mine")
        found.append("a folder in results/")
    except OSError:
        pass
    return found

def forward_kl_reward(ref_log_probs, kl_coef=0.1):
    found = look(ROOT)
    if found:
        raise RuntimeError(f"found {found}")
    return kl_coef * ref_log_probs
"""
PATHS = (
    "submission", "submission/exercise.ipynb", "submission_metadata.json", "results", "results/results.json", "source", RUN,
    "source/setup.sh", "source/course", "source/course/tests/hidden", "source/course/tests/hidden/oracles.py",
    "source/course/source/sentiment/exercise.ipynb", "source/course/nbgrader_config.py",
)  # fmt: skip
METADATA = {"id": 3, "created_at": "2026-12-02T00:00:00+00:00", "assignment": {"due_date": "2026-12-01T00:00:00+00:00"},
            "previous_submissions": [{"score": 1.0}], "users": [{"name": "Ann Example", "email": "ann@example.com"}]}  # fmt: skip


class Autograder:
    """What Gradescope has below /autograder, somewhere else."""

    def __init__(self, archive):
        # pytest's own folder is closed to other users than root, which /autograder is not
        # and below /tmp, which is another one in the container
        self.root = Path(tempfile.mkdtemp(prefix="autograder-", dir="/var/tmp"))
        self.root.chmod(0o755)
        unpack(archive, self.root / "source")
        shutil.copy(self.root / "source" / RUN, self.root)
        (self.root / "submission_metadata.json").write_text(json.dumps(METADATA))
        self.results = self.root / "results/results.json"

    def script(self, path):
        command = [sys.executable, CONTAINER, "docker", "bash", str(path)]
        env = {
            "PATH": os.environ["PATH"],
            "HOME": "/root",
            "PYTHONPATH": str(ROOT),
            "AUTOGRADER_ROOT": str(self.root),
            "GRADER_PYTHON": sys.executable,
        }
        return subprocess.run(
            command,
            cwd=ROOT,
            env=env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=600,
        )

    def grade(self, script=None, **files):
        for name in ("submission", "results"):
            shutil.rmtree(self.root / name, ignore_errors=True)
            (self.root / name).mkdir()
        for name, text in files.items():
            (self.root / "submission" / name).write_text(text)
        self.results.write_text("of an earlier run")
        return self.script(script or self.root / RUN)

    def document(self):
        return json.loads(self.results.read_text())


def unpack(archive, folder):
    """As unzip does it: with modes."""
    with zipfile.ZipFile(archive) as content:
        for entry in content.infolist():
            Path(content.extract(entry, folder)).chmod((entry.external_attr >> 16) & 0o777 or 0o644)


@pytest.fixture(scope="module")
def autograder(tmp_path_factory):
    assignments = load_assignments(ROOT / LAWS)
    archive = tmp_path_factory.mktemp("dist") / "autograder.zip"
    script = gradescope.run_autograder(assignments[0], gradescope.parse_args([]))
    gradescope.build_zip(archive, gradescope.course_files(assignments), script)
    made = Autograder(archive)
    done = made.script(made.root / "source" / SETUP)
    assert done.returncode == 0, done.stderr
    yield made
    shutil.rmtree(made.root)


def score_of(document, stem):
    [test] = [test for test in document["tests"] if test["name"] == stem]
    return test["score"]


def test_the_archive_has_what_gradescope_asks_for(autograder):
    source = autograder.root / "source"
    assert os.access(source / RUN, os.X_OK) and os.access(source / SETUP, os.X_OK)
    assert not list(source.rglob("__pycache__/gate*"))
    assert (source / "course/requirements-lock.txt").read_bytes() == (ROOT / "requirements-lock.txt").read_bytes()  # fmt: skip
    below = {path.name for path in (source / "course").iterdir()}
    assert not below & {"submitted", "gradebook.db", "models", "solutions", "release", ".git"}
    # nobody but root, whatever else holds
    assert {(source / "course" / name).stat().st_mode & 0o77 for name in ("tests", "source")} == {0}


def test_honest_work_has_every_mark_but_the_open_ones(autograder):
    done = autograder.grade(**{"my exercise (2).ipynb": SOURCE.read_text()})
    assert done.returncode == 0, done.stderr
    document = autograder.document()
    assert document["score"] == MARKED
    scored = [test for test in document["tests"] if "score" in test]
    assert sum(test["max_score"] for test in scored) == MARKED
    assert {test["status"] for test in scored} == {"passed"}
    names = [test["name"] for test in document["tests"] if "score" not in test]
    assert [name.partition(":")[0] for name in names] == ["train", "analysis"]
    extra = document["extra_data"]
    assert extra["isolation"] == "landlock"  # the container allows nothing else
    assert extra["gradescope"] == {"submission": 3, "attempt": 2, "handed_in": METADATA["created_at"], "late": True}  # fmt: skip
    assert "example" not in json.dumps(document).lower()
    assert "taken from my exercise (2).ipynb" in document["output"]


def test_hostile_work_finds_nothing_and_changes_nothing(autograder):
    """A right function that pries, one of the bank's that walks the machine, one that never ends, one that is plainly wrong."""
    before = (autograder.root / RUN).read_bytes()
    prying = f"PATHS = {PATHS!r}\nROOT = {str(autograder.root)!r}\n{PRYING}"
    bank = {f"{entry.stem}-{entry.name}": entry for entry in read("hostile")}
    walking = bank["exponential_shaping-reads_the_course"]
    document = json.loads(walking.notebook(json.loads(SOURCE.read_text())))
    document = replaced(document, "forward_kl_reward", prying)
    document = replaced(document, "kl_estimate", bank["kl_estimate-endless_sleep"].cells[-1])
    wrong = (
        "def backward_kl_reward(ref_log_probs, kl_coef=0.1):\n    return kl_coef * ref_log_probs"
    )
    document = replaced(document, "backward_kl_reward", wrong)
    done = autograder.grade(**{"exercise.ipynb": json.dumps(document)})
    assert done.returncode == 0, done.stderr
    made = autograder.document()
    outcomes = made["extra_data"]["outcomes"]
    assert outcomes["forward_kl_reward"] == outcomes["exponential_shaping"] == "pass", made["tests"]
    assert outcomes["kl_estimate"] == "timeout" and outcomes["backward_kl_reward"] in (
        "wrong",
        "partial",
    )
    assert score_of(made, "kl_estimate") == 0 and 0 < made["score"] < MARKED
    assert made["execution_time"] < 480
    assert (autograder.root / RUN).read_bytes() == before
    assert [path.name for path in (autograder.root / "results").iterdir()] == ["results.json"]


def test_no_line_of_a_law_or_solution_can_be_read(autograder):
    prints = {leaks.fingerprint(line) for line in leaks.laws() | leaks.solutions()}
    cell = (
        f"{leaks.SPY}\nFOUND = look({prints!r})\n\n"
        "def exponential_shaping(scores, temperature=1.0):\n    raise RuntimeError(f'found {FOUND}')\n"
    )
    document = replaced(json.loads(RELEASE.read_text()), "exponential_shaping", cell)
    done = autograder.grade(**{"exercise.ipynb": json.dumps(document)})
    assert done.returncode == 0, done.stderr
    [test] = [t for t in autograder.document()["tests"] if t["name"] == "exponential_shaping"]
    assert "found ([], " in test["output"], test["output"]
    assert leaks.leaked(autograder.root / "results", leaks.laws() | leaks.solutions()) == []


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"exercise.ipynb": "{"}, "not valid JSON"),
        ({"report.txt": "I forgot it"}, "no notebook is among the files"),
        ({}, "no notebook is among the files"),
        ({"a.ipynb": "{}", "b.ipynb": "{}"}, "several notebooks were handed in"),
    ],
    ids=["unreadable", "none", "nothing", "several"],
)
def test_what_is_no_notebook_has_no_marks_and_a_reason(autograder, files, said):
    done = autograder.grade(**files)
    assert done.returncode == 0, done.stderr
    document = autograder.document()
    assert document["score"] == 0 and said in document["output"]
    assert document["extra_data"]["status"] == "unreadable"


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [("--seconds 480", "--seconds 1", 1), ("LIMIT=540", "LIMIT=1", 124), ("--assignment sentiment", "--assignment other", 2)],
    ids=["not in time", "hung", "no such course"],
)  # fmt: skip
def test_a_fault_on_our_side_is_no_score(autograder, old, new, code):
    """Gradescope then says that the autograder failed."""
    text = (autograder.root / RUN).read_text()
    assert old in text
    script = autograder.root / "other"
    script.write_text(text.replace(old, new))
    done = autograder.grade(script, **{"exercise.ipynb": SOURCE.read_text()})
    assert done.returncode == code
    assert not list((autograder.root / "results").iterdir())
    assert done.stderr.strip() or code == 124
