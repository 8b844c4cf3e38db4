"""`python -m grader`: what it prints, in which order, and with which exit code."""

import json
import os
import subprocess
import sys

import pytest
from toys import RIGHT, ROOT, TOY, notebook

from grader.errors import SandboxError
from grader.text import program
from grader.wall import choice
from grader.wall.isolation import LANDLOCK

LAWS = ["--laws", str(TOY / "hidden")]


def run(*arguments, **environment):
    command = [sys.executable, "-m", *map(str, arguments)]
    return subprocess.run(
        command, capture_output=True, text=True, cwd=ROOT, env=os.environ | environment
    )


@pytest.fixture
def hand_ins(tmp_path):
    """A right, a wrong and a broken notebook."""
    (tmp_path / "right.ipynb").write_text(json.dumps(notebook()))
    (tmp_path / "wrong.ipynb").write_text(
        json.dumps(notebook(RIGHT.replace(" * (1 - discount)", "")))
    )
    (tmp_path / "broken.ipynb").write_text("{")
    return [tmp_path / name for name in ("right.ipynb", "broken.ipynb", "wrong.ipynb")]


@pytest.mark.parametrize("jobs", [1, 2])
def test_json_is_one_object_a_line_in_the_order_given(hand_ins, jobs):
    done = run("grader", "check", *hand_ins, "--json", "-", "--jobs", jobs, *LAWS)
    verdicts = [json.loads(line) for line in done.stdout.splitlines()]
    assert [v["submission"] for v in verdicts] == [str(path) for path in hand_ins]
    assert [v["total"] for v in verdicts] == [2.0, 0.0, 0.8]
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_file_that_cannot_be_read_stops_nobody_else(hand_ins, jobs):
    done = run(
        "grader", "check", "/proc/self/mem", hand_ins[0], "--json", "-", "--jobs", jobs, *LAWS
    )
    first, second = [json.loads(line) for line in done.stdout.splitlines()]
    assert (first["status"], second["total"], done.returncode) == ("unreadable", 2.0, 0)
    assert "cannot be opened" in first["notes"][0] and not done.stderr


def test_the_words_are_the_feedbacks(hand_ins):
    done = run("grader", "check", hand_ins[2], *LAWS)
    assert "basket_total: 0.8 of 2 points, partly right" in done.stdout
    assert (
        "at   basket_total(['a'], discount=0.5)" in done.stdout
        and "discount is ignored" in done.stdout
    )


def test_mistakes_in_the_command_are_told_and_end_with_2(hand_ins, tmp_path):
    for arguments in (["nowhere.ipynb"], [hand_ins[0], "--exercise", "unknown"]):
        done = run("grader", "check", *arguments, *LAWS)
        assert (
            done.returncode == 2
            and done.stderr.startswith("error: ")
            and "Traceback" not in done.stderr
        )
    assert run("grader", "check", hand_ins[0], "--laws", tmp_path).returncode == 2
    done = run("grader", "check", tmp_path, *LAWS)
    assert done.returncode == 2 and "is a folder: name a notebook (.ipynb)" in done.stderr
    for jobs in ("0", "-1", "two"):
        done = run("grader", "check", hand_ins[0], "--jobs", jobs, *LAWS)
        assert done.returncode == 2 and "a whole number above 0" in done.stderr


def test_a_wall_that_is_named_and_does_not_work_refuses_and_none_says_so(hand_ins):
    folder = hand_ins[0].parent / "bin"
    folder.mkdir()
    named = run("grader", "check", hand_ins[0], "--isolation", "bwrap", *LAWS, PATH=str(folder))
    assert named.returncode == 2 and not named.stdout
    assert "bubblewrap is not installed: apt-get install bubblewrap" in named.stderr
    told = run("grader", "check", hand_ins[0], "--isolation", "none", *LAWS, PATH=str(folder))
    assert "2 of 2" in told.stdout and "WITHOUT a sandbox" in told.stdout


@pytest.mark.parametrize("jobs", [1, 2])
def test_without_bubblewrap_landlock_is_taken_and_every_verdict_says_so(hand_ins, jobs):
    if refusal := LANDLOCK.refusal():
        pytest.skip(refusal)
    folder = hand_ins[0].parent / "bin"
    folder.mkdir()
    arguments = ["check", *hand_ins, "--json", "-", "--jobs", jobs]
    done = run("grader", *arguments, *LAWS, PATH=str(folder))
    verdicts = [json.loads(line) for line in done.stdout.splitlines()]
    assert [v["total"] for v in verdicts] == [2.0, 0.0, 0.8] and done.returncode == 0
    assert {v["isolation"] for v in verdicts} == {"landlock"}
    assert all("graded behind Landlock alone" in v["notes"][0] for v in verdicts)
    usual = run("grader", *arguments, *LAWS)
    assert all(json.loads(line)["isolation"] == "bwrap" for line in usual.stdout.splitlines())
    assert "Landlock" not in usual.stdout


def test_the_strongest_wall_that_works_is_taken_and_none_is_an_error(monkeypatch):
    refusals = {"bwrap": "no namespaces", "landlock": "an old kernel"}
    monkeypatch.setattr(choice, "trial", lambda name: refusals.get(name, ""))
    with pytest.raises(SandboxError, match="bwrap: no namespaces; landlock: an old kernel"):
        choice.chosen("auto")
    with pytest.raises(SandboxError, match="^an old kernel$"):
        choice.checked("landlock")
    assert choice.checked("none").name == "none"
    del refusals["landlock"]
    assert choice.chosen("auto").name == choice.checked("landlock").name == "landlock"
    refusals.clear()
    assert choice.chosen("auto").name == "bwrap"


@pytest.mark.parametrize("command", [["doctor", "--no-gradebook"], ["check", "NOTEBOOK"]])
def test_a_root_that_cannot_become_a_user_is_told_so_in_a_line(hand_ins, command):
    """Root of a user namespace with one user in it, as `unshare -r` and some containers make it."""
    command = [str(hand_ins[0]) if word == "NOTEBOOK" else word for word in command]
    grader = [sys.executable, "-m", "grader", *command, *map(str, LAWS)]
    done = subprocess.run(["unshare", "-Ur", *grader], cwd=ROOT, capture_output=True, text=True)
    said = [line for line in (done.stdout + done.stderr).splitlines() if "root" in line]
    assert done.returncode == (1 if "doctor" in command else 2)
    assert len(said) == (2 if "doctor" in command else 1)  # a line for each wall, or one for both
    assert all("start this as an ordinary user" in line for line in said)
    assert "Traceback" not in done.stderr


def test_plain_pytest_judges_the_solution_and_any_submission(hand_ins):
    assert "3 passed" in run("pytest", "-q", TOY / "hidden").stdout
    done = run("pytest", "-q", TOY / "hidden", "--submission", hand_ins[2])
    assert "1 failed, 2 passed" in done.stdout


def test_the_doctor_names_what_is_there_and_the_container(tmp_path):
    done = run("grader", "doctor", *LAWS)
    assert (
        done.returncode == 0
        and "a worker runs as user" in done.stdout
        and "docker run" in done.stdout
    )
    lacking = run("grader", "doctor", *LAWS, PATH=str(tmp_path))
    assert "apt-get install bubblewrap" in lacking.stdout
    assert lacking.returncode == (1 if LANDLOCK.refusal() else 0)


def test_help_shows_examples():
    assert "python -m grader check my.ipynb" in run("grader", "--help").stdout
    assert "--timestamps" in run("grader", "run", "--help").stdout


def test_commands_are_shown_as_one_types_them(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    for prefix, shown in (("venv", ".venv/bin/nbgrader"), (sys.base_prefix, "nbgrader")):
        monkeypatch.setattr(sys, "prefix", prefix)
        monkeypatch.setattr(sys, "executable", str(tmp_path / ".venv/bin/python"))
        assert program("nbgrader") == shown
    monkeypatch.setattr(sys, "prefix", "venv")
    monkeypatch.setattr(sys, "executable", "/elsewhere/bin/python")
    assert program() == "/elsewhere/bin/python"


def test_grading_again_and_again_gives_one_verdict(grader, submission):
    mixed = [
        submission(),
        submission(RIGHT.replace(" * (1 - discount)", "")),
        submission("def basket_total(items, discount=0.0): return len(items)"),
    ]
    verdicts = {json.dumps(grader.check(data)) for _ in range(5) for data in mixed}
    assert len(verdicts) == 3
