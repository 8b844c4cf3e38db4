"""What is derived from `source/` is in step with it, gives no solution away, and works alone in an empty folder."""

import dataclasses
import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import nbformat
import pytest

from gate import ROOT, SOURCE
from grader.assignment import LAWS, the_assignment
from grader.errors import CourseError
from lab.exercises import probe
from lab.reader import clues
from rewards import EXERCISES, load_rewards
from tools import build

SENTIMENT = the_assignment(ROOT / LAWS, "sentiment")
NOTEBOOK = SENTIMENT.notebook.name
MODELS = [folder.name for folder in SENTIMENT.enclosed]


@pytest.fixture(scope="module")
def release(tmp_path_factory):
    """A release made now by nbgrader."""
    return build.build_release(SENTIMENT, tmp_path_factory.mktemp("release"))


@pytest.fixture(scope="module")
def package(tmp_path_factory, release):
    """The student's zip of that release, unpacked in an empty folder."""
    packages = tmp_path_factory.mktemp("root") / "dist"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(build, "PACKAGES", packages)
        archive = build.build_package(SENTIMENT, release)
    assert archive == packages / "sentiment-student.zip"
    folder = tmp_path_factory.mktemp("student")
    with zipfile.ZipFile(archive) as content:
        content.extractall(folder)
    return folder / "sentiment"


def code(path):
    """Return all code of a notebook."""
    return "\n".join(
        cell.source for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"
    )


def test_release_holds_no_solution_text(release):
    assert build.leaked_lines(release, SENTIMENT) == []


def test_release_holds_no_line_of_a_solution_in_any_file(release):
    """The same, looked up otherwise: in the raw bytes of every file, without spaces."""
    instructor = nbformat.read(SENTIMENT.notebook, as_version=4)
    regions = [
        re.findall(r"### BEGIN SOLUTION\n(.*?)### END SOLUTION", cell.source, re.DOTALL)
        for cell in instructor.cells
    ]
    outside = "".join(
        re.sub(r"### BEGIN SOLUTION\n.*?### END SOLUTION", "", c.source, flags=re.DOTALL)
        for c in instructor.cells
    )
    lines = {line.strip() for region in regions for text in region for line in text.splitlines()}
    secret = [line for line in lines if len(line) > 12 and line not in outside]
    assert len(secret) > 12
    for path in release.rglob("*"):
        if path.is_file() and "saved_runs" not in path.parts:
            text = (
                path.read_bytes().decode(errors="replace").replace("\\n", "\n").replace('\\"', '"')
            )
            assert [line for line in secret if line in text] == [], path


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (
            "helpers.py",
            "def f(logits):\n    log_probs = torch.log_softmax(logits[:, :-1], dim=-1)  # [B, T-1, V]\n",
        ),
        ("HINTS.md", "Try this:\n\n    return torch.exp(scores / temperature) - 1\n"),
        ("notes.py", "### BEGIN SOLUTION\n"),
    ],
)
def test_planted_leak_is_found(tmp_path, release, name, text):
    folder = shutil.copytree(release, tmp_path / "release")
    (folder / name).write_text(text)
    (leak,) = build.leaked_lines(folder, SENTIMENT)
    assert leak.startswith(f"{name}:")


def test_leak_in_a_notebook_cell_is_found(tmp_path, release):
    folder = shutil.copytree(release, tmp_path / "release")
    notebook = nbformat.read(folder / NOTEBOOK, as_version=4)
    notebook.cells.append(nbformat.v4.new_code_cell("    return kl_coef * ref_log_probs"))
    nbformat.write(notebook, folder / NOTEBOOK)
    (leak,) = build.leaked_lines(folder, SENTIMENT)
    assert "return kl_coef * ref_log_probs" in leak


def test_instructors_own_folder_is_full_of_leaks(tmp_path):
    shutil.copy(SENTIMENT.notebook, tmp_path)
    found = "\n".join(build.leaked_lines(tmp_path, SENTIMENT))
    for line in (
        "return torch.exp(scores / temperature) - 1",
        "return -kl_coef * torch.exp(-ref_log_probs)",
        "return get_sentiment_scores(completions)",
    ):
        assert line in found


def test_every_stub_of_the_release_raises_with_number_and_name(release):
    rewards = load_rewards(release / NOTEBOOK)
    for stem, number in EXERCISES.items():
        with pytest.raises(NotImplementedError, match=f"^Exercise {number}: {stem}$"):
            rewards[stem](*probe(stem))


def test_train_stub_of_the_release_raises_too(release):
    cells = [
        c
        for c in nbformat.read(release / NOTEBOOK, as_version=4).cells
        if c.metadata.get("nbgrader", {}).get("grade_id") == "train"
    ]
    namespace = {}
    exec(cells[0].source, namespace)
    with pytest.raises(NotImplementedError, match="^Exercise 5: train$"):
        namespace["train"]()


def test_release_notebook_has_no_outputs_and_keeps_docstrings(release):
    notebook = nbformat.read(release / NOTEBOOK, as_version=4)
    assert not any(cell.get("outputs") for cell in notebook.cells)
    assert "Position 0 is never scored nor counted" in code(release / NOTEBOOK)
    assert "SOLUTION" not in (release / NOTEBOOK).read_text()
    assert [
        c.metadata.nbgrader.points
        for c in notebook.cells
        if c.metadata.get("nbgrader", {}).get("grade")
    ]


def test_release_holds_every_module_and_no_solution_file(release):
    names = {str(path.relative_to(release)) for path in release.rglob("*")}
    assert {str(path.relative_to(SOURCE)) for path in SOURCE.rglob("*.py")} <= names
    assert {
        "exercise.ipynb",
        "README.md",
        "requirements.txt",
        "prompts_train.txt",
        "prompts_eval.txt",
    } <= names
    assert not [
        path
        for path in release.rglob("*")
        if "solution" in path.name.lower() or path.suffix == ".pyc"
    ]
    # no model is copied per student
    assert not [path for path in release.rglob("*") if path.stat().st_size > 2**20]


def test_command_line_on_the_release_shows_that_nothing_is_implemented(forked, release, tmp_path):
    done = forked("rewards.py", "--preset", "smoke", "--rewards", release / NOTEBOOK)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count("NotImplementedError") == len(EXERCISES)


def test_exported_solutions_are_the_functions_alone(tmp_path):
    text = build.exported(SENTIMENT)["rewards_solution.py"]
    assert "SOLUTION" not in text
    assert "NotImplementedError" not in text
    path = tmp_path / "rewards_solution.py"
    path.write_text(text)
    rewards = load_rewards(path)
    assert {stem: rewards.status(stem) for stem in EXERCISES} == dict.fromkeys(
        EXERCISES, "implemented"
    )


def test_check_is_green():
    """The committed release/ and solutions/ are what source/ gives."""
    done = subprocess.run(
        [sys.executable, "-m", "tools.build", "check"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    assert "in step" in done.stdout


@pytest.mark.parametrize("step", [build.build_release, build.build_solutions])
def test_a_notebook_with_hidden_tests_is_not_built(tmp_path, step):
    document = json.loads((SENTIMENT.notebook).read_text())
    region = ["\n### BEGIN HIDDEN TESTS\n", "assert False\n", "### END HIDDEN TESTS"]
    [laws] = [c for c in document["cells"] if clues(c).get("grade_id") == "kl_estimate_laws"]
    laws["source"] += region
    (tmp_path / NOTEBOOK).write_text(json.dumps(document))
    hiding = dataclasses.replace(SENTIMENT, notebook=tmp_path / NOTEBOOK)
    with pytest.raises(
        CourseError, match=r"kl_estimate_laws holds .*tests/hidden/test_kl_estimate.py"
    ):
        step(hiding)


def test_differences_name_changed_missing_and_extra_files(tmp_path):
    fresh, committed = tmp_path / "fresh", tmp_path / "committed"
    for folder, files in (
        (fresh, {"a": "1", "b": "1", "c": "1"}),
        (committed, {"a": "1", "b": "2", "d": "1"}),
    ):
        folder.mkdir()
        for name, text in files.items():
            (folder / name).write_text(text)
    (committed / "__pycache__").mkdir()
    (committed / "__pycache__" / "x.pyc").write_text("x")
    assert build.differences(fresh, committed) == ["b", "c", "d"]


def test_solutions_hold_the_executed_notebook_and_the_exported_functions_alone(
    tmp_path, monkeypatch
):
    assert build.strangers([SENTIMENT]) == []
    folder = tmp_path / "sentiment"
    (folder / "lab").mkdir(parents=True)
    for name in (NOTEBOOK, "train.py", "lab/config.py"):
        (folder / name).touch()
    (tmp_path / "rewards_solution.py").touch()
    monkeypatch.setattr(build, "SOLUTIONS", tmp_path)
    beside = build.strangers([SENTIMENT], tmp_path)
    assert beside == ["sentiment/lab/config.py", "sentiment/train.py"]
    build.prune_solutions(SENTIMENT)
    assert [path.name for path in folder.iterdir()] == [NOTEBOOK]
    assert build.strangers([SENTIMENT], tmp_path) == []


def test_committed_solutions_are_executed_and_complete():
    notebook = nbformat.read(build.executed(SENTIMENT), as_version=4)
    executed = [cell for cell in notebook.cells if cell.cell_type == "code" and cell.source.strip()]
    assert all(cell.execution_count for cell in executed)
    assert not [out for cell in executed for out in cell.outputs if out.output_type == "error"]
    images = sum("image/png" in out.get("data", {}) for cell in executed for out in cell.outputs)
    assert images >= 5  # figures are shown inline


# --- the student's package


def test_package_is_the_release_the_two_models_and_the_licences(package, release):
    files = {str(path.relative_to(package)) for path in package.rglob("*") if path.is_file()}
    released = {str(path.relative_to(release)) for path in release.rglob("*") if path.is_file()}
    beside = files - released
    assert released <= files
    assert {"LICENSE", "NOTICE"} <= beside
    models = {Path(name).parts[1] for name in beside if name.startswith("models/")}
    assert models == set(MODELS)
    assert all(name.startswith("models/") or name in ("LICENSE", "NOTICE") for name in beside)
    assert sum((package / name).stat().st_size for name in files) < 20 * 2**20


def test_package_leaves_the_second_judge_to_instructors(package):
    """Neither its weights nor what only it needs: a student installs no scikit-learn and no VADER."""
    assert (ROOT / "models" / "ngram-judge").is_dir()
    assert not [path for path in package.rglob("*") if "judge" in path.name.lower()]
    needed = (package / "requirements.txt").read_text().lower()
    assert "scikit-learn" not in needed
    assert "vader" not in needed


def isolated(package, *arguments):
    """Run a script of the unpacked package with nothing of this repository in reach and no hub."""
    hidden = ("PYTHONPATH", "SENTIMENT_MODEL", "HF_HOME")
    env = {name: value for name, value in os.environ.items() if name not in hidden}
    env |= {
        "HF_ENDPOINT": "http://127.0.0.1:9",
        "HTTPS_PROXY": "http://127.0.0.1:9",
        "HTTP_PROXY": "http://127.0.0.1:9",
    }
    env |= {"HF_HOME": str(package.parent / "hf"), "HOME": str(package.parent)}
    return subprocess.run(
        [sys.executable, *map(str, arguments)],
        cwd=package,
        env=env,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def test_package_works_alone_offline(package):
    done = isolated(package, "rewards.py", "--preset", "smoke")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count("NotImplementedError") == len(EXERCISES)
    assert re.search(r"^  0\.\d{3}  This movie was absolutely wonderful", done.stdout, re.MULTILINE)


def test_visible_checks_of_the_package_say_what_is_left_to_do(package):
    done = isolated(package, "checks.py")
    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout.count("not implemented in the saved file") == len(EXERCISES)
    assert "Hidden laws decide the mark." in done.stdout


def test_training_from_the_package_asks_for_the_exercises_in_one_line(package):
    done = isolated(package, "train.py", "--preset", "smoke")
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert "Exercise 1 sentiment_reward (NotImplementedError)" in done.stderr


def test_package_loads_its_own_models(package, solutions):
    program = "import json; from lab import pretrained; print(json.dumps([pretrained.model_path(n) for n in pretrained.EMBEDDED]))"
    done = isolated(package, "-c", program)
    assert json.loads(done.stdout) == [str(package / "models" / name) for name in MODELS]
