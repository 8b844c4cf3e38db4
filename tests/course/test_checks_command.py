"""`python checks.py`: the checks of a notebook from the command line."""

import importlib.metadata
import os
import sys
import time
from importlib import import_module
from pathlib import Path

import nbformat
import pytest
import torch

import checks
import sentiment
from checks import check
from lab.alone import Surroundings
from rewards import EXERCISES
from tests.course.slips import SLIPS, defined


def save_notebook(path, source):
    """Save functions as a notebook of one cell."""
    nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source)]), path)
    return path


def test_command_passes_a_right_notebook_without_warnings(python, solutions, tmp_path):
    path = save_notebook(tmp_path / "exercise.ipynb", solutions.read_text())
    done = python("checks.py", path)
    assert (done.returncode, done.stderr) == (0, "")
    assert (
        "8 of 8 exercises pass their visible examples; 5 and 6 are not checked here" in done.stdout
    )
    assert "warning" not in done.stdout


def test_command_uses_the_notebook_beside_it_by_default(capsys):
    assert checks.main([]) == 0
    assert "8 of 8" in capsys.readouterr().out


def test_command_says_what_is_wrong_in_the_same_words(solutions, tmp_path, capsys):
    path = save_notebook(tmp_path / "exercise.ipynb", solutions.read_text() + "\n" + SLIPS["k1"])
    assert checks.main([str(path)]) == 1
    out = capsys.readouterr().out
    with pytest.raises(AssertionError) as caught:
        check(defined(SLIPS["k1"]))
    assert str(caught.value) in out
    assert "7 of 8 exercises pass" in out


def test_command_on_an_untouched_notebook_suggests_saving(tmp_path, capsys):
    stubs = "".join(
        f"def {s}(*args, **kwargs):\n    raise NotImplementedError('Exercise {n}: {s}')\n"
        for s, n in EXERCISES.items()
    )
    assert checks.main([str(save_notebook(tmp_path / "exercise.ipynb", stubs))]) == 1
    out = capsys.readouterr().out
    assert out.count("not implemented in the saved file") == 8
    assert "save the notebook first" in out
    assert "0 of 8" in out


def test_command_warns_of_another_name(solutions, tmp_path, capsys):
    checks.main([str(save_notebook(tmp_path / "exercise (1).ipynb", solutions.read_text()))])
    assert (
        "this notebook is called exercise (1).ipynb: rename it to exercise.ipynb"
        in capsys.readouterr().out
    )


def test_command_does_not_ask_to_rename_a_python_file(solutions, capsys):
    assert checks.main([str(solutions)]) == 0
    assert "rename" not in capsys.readouterr().out


def test_command_warns_of_a_notebook_saved_long_ago(solutions, tmp_path, capsys):
    path = save_notebook(tmp_path / "exercise.ipynb", solutions.read_text())
    hour_ago = time.time() - 3600
    os.utime(path, (hour_ago, hour_ago))
    assert checks.main([str(path)]) == 0
    assert "last saved 60 minutes ago" in capsys.readouterr().out


def test_command_on_a_missing_notebook_names_those_that_are_there(solutions, tmp_path, capsys):
    save_notebook(tmp_path / "exercise-Copy1.ipynb", solutions.read_text())
    assert checks.main([str(tmp_path / "exercise.ipynb")]) == 1
    error = capsys.readouterr().err
    assert len(error.splitlines()) == 1
    assert "exercise-Copy1.ipynb" in error
    assert "renamed notebook" in error


HELPER = "def times(a, b):\n    return a * b\n"
USES_A_MODULE = "import helpers\ndef forward_kl_reward(ref_log_probs, kl_coef=0.1):\n    return helpers.times(ref_log_probs, kl_coef)"
BESIDE = {  # what lies beside the notebook, the cells that need it, and what is missing without it
    "a module": (
        "helpers.py",
        ["%%writefile helpers.py\n" + HELPER, USES_A_MODULE],
        "No module named 'helpers'",
    ),
    "a module that is imported late": (
        "helpers.py",
        [USES_A_MODULE.replace("import helpers\n", "").replace("    return", "    import helpers\n    return")],
        "No module named 'helpers'",
    ),
    "a package": (
        "kit/helpers.py",
        [USES_A_MODULE.replace("import helpers", "from kit import helpers")],
        "No module named 'kit'",
    ),
    "a module elsewhere": (
        "elsewhere/helpers.py",
        ["def forward_kl_reward(x, kl_coef=0.1):\n    import sys\n    sys.path.append('{folder}/elsewhere')\n    import helpers\n    return helpers.times(x, kl_coef)"],
        "No module named 'helpers'",
    ),
    "a helper that needs a module": (
        "helpers.py",
        ["from helpers import times", "twice = times", "def forward_kl_reward(x, kl_coef=0.1):\n    return twice(x, kl_coef)"],
        "No module named 'helpers'",
    ),
    "a file": (
        "helpers.py",
        ["TEXT = open('helpers.py').read()", "def forward_kl_reward(x, kl_coef=0.1):\n    return kl_coef * x if TEXT else 0"],
        "No such file or directory: 'helpers.py'",
    ),
    "a module of the course": (
        "helpers.py",
        ["from lab.plots import COLOURS", "def forward_kl_reward(x, kl_coef=0.1):\n    return kl_coef * x if COLOURS else 0"],
        "No module named 'lab'",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", BESIDE)
def test_command_fails_what_the_grader_does_not_have(forked, solutions, tmp_path, case):
    """It runs in a process of its own, in the notebook's folder, as a student does."""
    name, cells, missing = BESIDE[case]
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text(HELPER)
    book = nbformat.v4.new_notebook()
    for cell in [solutions.read_text(), *cells]:
        book.cells.append(nbformat.v4.new_code_cell(cell.replace("{folder}", str(tmp_path))))
    nbformat.write(book, tmp_path / "exercise.ipynb")
    done = forked(checks.__file__, "exercise.ipynb", cwd=tmp_path, env={"PYTHONPATH": tmp_path})
    assert "7 of 8 exercises pass" in done.stdout and done.returncode == 1, done
    found = done.stdout.splitlines()
    at = found.index(
        "Exercise 3b, forward_kl_reward: passes here, but only the notebook is graded, and by itself it fails"
    )
    assert found[at + 1].startswith("  yours ") and missing in found[at + 1]
    assert found[at + 2].startswith("  hint ")


def test_looking_without_the_surroundings_leaves_them_as_they_were(tmp_path):
    before = sys.modules.copy(), sys.path, [*sys.path], sys.meta_path, Path.cwd()
    with Surroundings(tmp_path).left():
        assert sys.modules["sentiment"].get_sentiment_scores is sentiment.get_sentiment_scores
        assert not {"rewards", "checks"} & set(sys.modules)
        assert importlib.metadata.version("torch") == torch.__version__
        with pytest.raises(ModuleNotFoundError):
            import_module("plots")
        sys.path.append(str(tmp_path))
    assert (sys.modules, sys.path, [*sys.path], sys.meta_path, Path.cwd()) == before


def test_command_says_what_the_grader_could_not_read(tmp_path, capsys):
    (tmp_path / "exercise.ipynb").write_text('{"nbformat": 5, "cells": []}')
    assert checks.main([str(tmp_path / "exercise.ipynb")]) == 1
    assert "the notebook's format is not 4: open it in a current Jupyter" in capsys.readouterr().err
