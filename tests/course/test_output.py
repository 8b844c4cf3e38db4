"""Output that is not UTF-8: a log file on Windows, an old terminal. No command trains, or grades, and then dies of an arrow."""

import os
import subprocess
import sys

import pytest

from gate import ROOT

ENCODINGS = [
    {"PYTHONIOENCODING": "ascii"},
    {"PYTHONIOENCODING": "cp1252"},
    {"PYTHONIOENCODING": "cp437"},
    {"PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "LC_ALL": "C"},
]


def modules():
    """The course's own modules, as they import each other."""
    folder = ROOT / "source/sentiment"
    for path in folder.rglob("*.py"):
        yield ".".join(path.relative_to(folder).with_suffix("").parts)


# A file that is opened in the locale's encoding is an error in the course's own modules.
STRICT = {
    "PYTHONWARNDEFAULTENCODING": "1",
    "PYTHONWARNINGS": ",".join(
        ["ignore::EncodingWarning", "error::EncodingWarning:__main__"]
        + [f"error::EncodingWarning:{name}" for name in modules()]
    ),
}
PRINTS_ARROWS = """
def exponential_shaping(scores, temperature=1.0):
    print("T →", temperature, "🎬")
    raise RuntimeError("→ 🎬")
"""
HELD = """
import os, runpy, sys
from contextlib import suppress
sys.argv = [sys.argv[1], "--help"]
with suppress(SystemExit):
    if sys.argv[0].endswith(".py"):
        sys.path.insert(0, os.path.dirname(sys.argv[0]))
        runpy.run_path(sys.argv[0], run_name="__main__")
    else:
        runpy.run_module(sys.argv[0], run_name="__main__")
print("→ ± 🎬 ×")
"""
COMMANDS = [
    "grader", "tools.bench", "tools.bench.ablations", "tools.bench.breakdown", "tools.bench.grading", "tools.bench.cluster", "tools.bench.pools",
    "tools.bench.class_size", "tools.bench.replay", "tools.bench.report", "tools.clusters", "tools.real", "tools.recipes", "tests.bank", "tests.bank.hints",
    "tests.bank.repeat", "tests.bank.replays", "tests.bank.walls", "tests.bank.words", "tools.build", "gate.calibrate", "tools.demo", "tools.gradescope", "tools.pictures", "gate",
    "source/sentiment/train.py", "source/sentiment/evaluate.py", "source/sentiment/checks.py", "source/sentiment/submit.py", "source/sentiment/rewards.py",
]  # fmt: skip


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_can_print_what_its_output_cannot_hold(command):
    done = subprocess.run(
        [sys.executable, "-c", HELD, command],
        cwd=ROOT,
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.endswith("\\u2192 \\xb1 \\U0001f3ac \\xd7\n")


def test_every_command_is_tried():
    found = {
        str(path.relative_to(ROOT))
        for folder in ("gate", "tools", "source", "grader", "tests/bank")
        for path in (ROOT / folder).rglob("*.py")
        if '__name__ == "__main__"' in path.read_text(encoding="utf-8")
    }
    # of a command, with a pipe for an output
    parts = {"grader/classroom/jobs.py", "grader/wall/leash.py", "gate/replayer.py"}
    names = {c if c.endswith(".py") else c.replace(".", "/") + ".py" for c in COMMANDS}
    packages = {name.replace(".py", "/__main__.py") for name in names}
    assert found - parts <= names | packages


def test_a_training_run_ends_well_and_opens_no_file_in_the_locales_encoding(
    python, short_run, solutions, tmp_path
):
    folder = tmp_path / "läufe →"
    flags = ["--max_steps", "2", "--rewards", solutions, "--output_dir", folder]
    done = python("train.py", *short_run, *flags, env={"PYTHONIOENCODING": "ascii"} | STRICT)
    assert done.returncode == 0, done.stderr[-2000:]
    assert "\\u2192" in done.stdout and "\\xb1" in done.stdout and "Traceback" not in done.stderr


@pytest.mark.parametrize("environment", ENCODINGS, ids=lambda env: "-".join(env.values()))
def test_a_students_words_reach_any_output(python, rewards_file, environment):
    mine = rewards_file(PRINTS_ARROWS)
    # what is in these code pages is written in them, so the words are of what is in none
    for command in (["checks.py", mine], ["rewards.py", "--rewards", mine]):
        done = python(*command, env=environment | STRICT)
        assert "UnicodeEncodeError" not in done.stdout + done.stderr
        assert "\\u2192 1.0 \\U0001f3ac" in done.stdout or command[0] == "rewards.py"
        assert "exponential_shaping" in done.stdout and "Traceback" not in done.stderr


def test_models_are_compared(python, tmp_path):
    file = tmp_path / "größe.json"
    flags = ["--preset", "smoke", "--num_samples", "1", "--max_new_tokens", "4", "--json", file]
    done = python("evaluate.py", "score", "tiny-gpt2", *flags, env=ENCODINGS[0] | STRICT)
    assert (done.returncode, done.stderr) == (0, "") and "gr\\xf6\\xdfe.json" in done.stdout


def test_a_notebook_is_handed_in(forked, source, tmp_path):
    flags = [source / "exercise.ipynb", "--out", tmp_path / "für →"]
    done = forked("submit.py", *flags, env=ENCODINGS[0] | STRICT)
    assert (done.returncode, done.stderr) == (0, "") and "\\u2192" in done.stdout


def test_a_verdict_reaches_any_output(tmp_path):
    notebook = tmp_path / "größe→.ipynb"
    notebook.write_bytes(b"{")
    done = subprocess.run(
        [sys.executable, "-m", "grader", "check", str(notebook)],
        cwd=ROOT,
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert "gr\\xf6\\xdfe\\u2192.ipynb: 0 of" in done.stdout
