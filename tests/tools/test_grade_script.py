"""ci/grade.sh, with a grader that only says what it was given."""

import os
import subprocess
import tarfile

import pytest

from gate import ROOT


@pytest.fixture
def grade(tmp_path):
    """Run a copy of the script in a course of its own; its python and nbgrader leave their arguments and environment."""
    (tmp_path / "ci").mkdir()
    (tmp_path / "ci/grade.sh").write_bytes((ROOT / "ci/grade.sh").read_bytes())
    (tmp_path / "submitted").mkdir()
    (tmp_path / ".venv/bin").mkdir(parents=True)
    (tmp_path / "build/grading").mkdir(parents=True)
    (tmp_path / "autograded/ada/sentiment").mkdir(parents=True)  # as nbgrader leaves it
    (tmp_path / "gradebook.db").touch()

    def run(*words, code=0, cwd=tmp_path, collected=0, **variables):
        for name in ("python", "nbgrader"):
            program = tmp_path / ".venv/bin" / name
            program.write_text(
                f'#!/bin/sh\n{{ echo "{name} $*"; env; }} >>log\n'
                f'case "$*" in *" collect "*) exit {collected};; esac\nexit {code if name == "python" else 0}\n'
            )
            program.chmod(0o755)
        # Not the environment's own: VENV would lead past the programs above, as in a run of .ci/run.
        env = {"HOME": os.environ["HOME"], "PATH": os.environ["PATH"]} | variables
        command = ["bash", str(tmp_path / "ci/grade.sh"), *map(str, words or ["submitted"])]
        return subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True)

    return run


def handed_in(folder):
    notebook = folder / "ada" / "sentiment" / "exercise.ipynb"
    notebook.parent.mkdir(parents=True)
    notebook.write_text("{}")
    os.utime(notebook, (1_700_000_000, 1_700_000_000))
    return notebook


def test_grading_sees_no_token(grade, tmp_path):
    handed_in(tmp_path / "submitted")
    done = grade(CI_JOB_TOKEN="hush", GITHUB_TOKEN="hush", ACTIONS_RUNTIME_TOKEN="hush")
    assert done.returncode == 0, done.stderr
    log = (tmp_path / "log").read_text()
    assert "python -m grader run --train" in log
    assert "hush" not in log
    assert "nbgrader export --to build/grading/grades.csv" in log


def test_grading_takes_a_folder_and_keeps_its_times(grade, tmp_path):
    notebook = handed_in(tmp_path / "a folder")
    assert grade(tmp_path / "a folder").returncode == 0
    copy = tmp_path / "submitted" / notebook.relative_to(tmp_path / "a folder")
    assert copy.stat().st_mtime == 1_700_000_000


def test_a_relative_folder_is_meant_from_where_the_command_is_typed(grade, tmp_path):
    handed_in(tmp_path / "elsewhere/class")
    assert grade("class", cwd=tmp_path / "elsewhere").returncode == 0
    assert (tmp_path / "submitted/ada/sentiment/exercise.ipynb").is_file()


def test_what_is_handed_in_anew_takes_the_place_of_what_was(grade, tmp_path):
    """A second file beside the first would make two notebooks of one renamed anew, and 0 marks."""
    notebook = handed_in(tmp_path / "class")
    assert grade("class").returncode == 0
    notebook.rename(notebook.with_name("second try.ipynb"))
    (tmp_path / "class/ben").mkdir()
    (tmp_path / "submitted/eve").mkdir()
    done = grade("class")
    left = sorted(path.name for path in (tmp_path / "submitted").rglob("*"))
    assert left == ["ada", "ben", "eve", "second try.ipynb", "sentiment"]
    assert "submitted/'eve' is of an earlier run" in done.stderr and "ada" not in done.stderr


def test_what_cannot_be_copied_stops_nobody_and_is_said(grade, tmp_path):
    """A `cp` that fails on one student stands for a folder that this user may not read: root may read them all."""
    handed_in(tmp_path / "class")
    (tmp_path / "class/zoe").mkdir()
    cp = tmp_path / ".venv/bin/cp"
    cp.write_text('#!/bin/sh\ncase "$*" in *zoe*) exit 1;; esac\nexec /bin/cp "$@"\n')
    cp.chmod(0o755)
    done = grade("class", PATH=f"{cp.parent}:{os.environ['PATH']}")
    assert done.returncode == 1 and "zoe' could not be copied" in done.stderr
    assert (tmp_path / "submitted/ada/sentiment/exercise.ipynb").is_file()
    assert "generate_feedback" in (tmp_path / "log").read_text()


def test_results_are_one_archive_without_the_models(grade, tmp_path):
    handed_in(tmp_path / "submitted")
    for name in ("gradebook.db", "autograded/.gitkeep", "feedback/a:b/x.html", "build/grading/training/1/log.txt",
                 "build/grading/training/1/seed-42/model", "autograded/seed-1/x.ipynb"):  # fmt: skip
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    assert grade().returncode == 0
    with tarfile.open(tmp_path / "build/grading/class.tar.gz") as archive:
        names = {member.name for member in archive if member.isfile()}
    assert names == {"gradebook.db", "feedback/a:b/x.html", "build/grading/training/1/log.txt", "autograded/seed-1/x.ipynb"}  # fmt: skip


@pytest.mark.parametrize(("code", "feedback"), [(1, True), (2, False)])
def test_the_verdict_is_the_graders(grade, tmp_path, code, feedback):
    """1: some students are open, the others get their feedback; 2: nobody was graded."""
    handed_in(tmp_path / "submitted")
    assert grade(code=code).returncode == code
    assert ("generate_feedback" in (tmp_path / "log").read_text()) == feedback


@pytest.mark.parametrize("visibility", ["public", "internal"])
def test_marks_are_not_published(grade, tmp_path, visibility):
    handed_in(tmp_path / "submitted")
    assert grade(REPOSITORY_VISIBILITY=visibility).returncode == 2
    assert not (tmp_path / "log").exists()


def test_an_empty_class_is_an_error(grade):
    done = grade()
    assert done.returncode == 2
    assert "nobody has handed in" in done.stderr


@pytest.mark.parametrize("folder", ["elsewhere", ""])
def test_a_folder_that_is_not_there_is_an_error(grade, folder):
    done = grade(folder)
    assert done.returncode == 2 and "grade.sh: n" in done.stderr


def test_no_name_begins_a_line_of_the_log(grade, tmp_path):
    """What begins a line there may be a command to the CI system."""
    handed_in(tmp_path / "class")
    (tmp_path / "submitted/eve\n::error::forged").mkdir()
    done = grade("class")
    assert "forged" in done.stderr and "\n::error" not in done.stderr


# --- downloads


def asked(tmp_path):
    """What the grader and nbgrader were started with."""
    log = (tmp_path / "log").read_text().splitlines()
    return [line for line in log if line.startswith(("python -m", "nbgrader "))]


def download(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"PK")
    return path


def test_a_download_of_an_lms_is_collected(grade, tmp_path):
    handed_in(tmp_path / "submitted")  # as `collect` leaves it
    zipped = download(tmp_path / "down loads/submissions.zip")
    assert grade("down loads/submissions.zip").returncode == 0
    assert asked(tmp_path)[:2] == [
        f"python -m grader collect {zipped}",
        "python -m grader run --train",
    ]


def test_a_folder_with_one_archive_is_that_archive(grade, tmp_path):
    """As a CI system's artifact of a download arrives."""
    handed_in(tmp_path / "submitted")
    zipped = download(tmp_path / "build/handed-in/submissions.zip")
    assert grade(zipped.parent).returncode == 0
    assert asked(tmp_path)[0] == f"python -m grader collect {zipped}"


def test_rosters_go_along(grade, tmp_path):
    handed_in(tmp_path / "submitted")
    zipped = download(tmp_path / "build/handed-in/submissions.zip")
    roster = download(zipped.with_name("the class.csv"))
    for words in ([zipped.parent], ["--roster", "build/handed-in/the class.csv", zipped]):
        (tmp_path / "log").unlink(missing_ok=True)
        assert grade(*words).returncode == 0
        assert asked(tmp_path)[0] == f"python -m grader collect --roster {roster} {zipped}"


def test_the_system_may_be_named_and_several_downloads_too(grade, tmp_path):
    handed_in(tmp_path / "submitted")
    folders = [handed_in(tmp_path / name).parents[1] for name in ("one", "two")]
    assert grade("--from", "moodle", folders[0]).returncode == 0
    assert grade("--no-train", *folders).returncode == 0
    first, second = [line for line in asked(tmp_path) if " collect " in line]
    assert first == f"python -m grader collect --from moodle {folders[0]}"
    assert second == f"python -m grader collect {folders[0]} {folders[1]}"
    assert [line for line in asked(tmp_path) if " run" in line] == [
        "python -m grader run --train",
        "python -m grader run",
    ]


@pytest.mark.parametrize(("collected", "graded"), [(1, True), (2, False)])
def test_what_was_not_collected_is_said(grade, tmp_path, collected, graded):
    handed_in(tmp_path / "submitted")
    done = grade(download(tmp_path / "a.zip"), collected=collected)
    assert done.returncode == collected
    assert ("python -m grader run --train" in asked(tmp_path)) == graded


def test_an_earlier_gradebook_goes_on_but_never_over_another(grade, tmp_path):
    kept = tmp_path / "class.tar.gz"
    (tmp_path / "gradebook.db").write_text("earlier")
    with tarfile.open(kept, "w:gz") as archive:
        archive.add(tmp_path / "gradebook.db", "gradebook.db")
    (tmp_path / "gradebook.db").unlink()
    handed_in(tmp_path / "class")
    assert grade("--earlier", kept, "class").returncode == 0
    assert (tmp_path / "gradebook.db").read_text() == "earlier"
    (tmp_path / "gradebook.db").write_text("this runner's own")
    done = grade("--earlier", kept, "class")
    assert done.returncode == 2 and "gradebook.db of its own" in done.stderr
    assert (tmp_path / "gradebook.db").read_text() == "this runner's own"


def test_an_option_that_is_not_there_is_an_error(grade, tmp_path):
    done = grade("--trian", "submitted")
    assert done.returncode == 2 and "no such option: --trian" in done.stderr
    assert not (tmp_path / "log").exists()
