"""`python checks.py`: the checks of a notebook from the command line."""

import os
import time

import nbformat
import pytest

import checks
from checks import check
from rewards import EXERCISES
from tests.course.slips import SLIPS, defined

pytestmark = pytest.mark.usefixtures("own_examples")


def save_notebook(path, source):
    """Save functions as a notebook of one cell."""
    nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source)]), path)
    return path


def test_command_passes_a_right_notebook_without_warnings(python, solutions, tmp_path):
    path = save_notebook(tmp_path / "exercise.ipynb", solutions.read_text())
    done = python("checks.py", path)
    assert (done.returncode, done.stderr) == (0, "")
    assert (
        "7 of 7 exercises pass their visible examples; 5 and 6 are not checked here" in done.stdout
    )
    assert "warning" not in done.stdout


def test_command_uses_the_notebook_beside_it_by_default(capsys):
    assert checks.main([]) == 0
    assert "7 of 7" in capsys.readouterr().out


def test_command_says_what_is_wrong_in_the_same_words(solutions, tmp_path, capsys):
    path = save_notebook(tmp_path / "exercise.ipynb", solutions.read_text() + "\n" + SLIPS["k1"])
    assert checks.main([str(path)]) == 1
    out = capsys.readouterr().out
    with pytest.raises(AssertionError) as caught:
        check(defined(SLIPS["k1"]))
    assert str(caught.value) in out
    assert "6 of 7 exercises pass" in out


def test_command_on_an_untouched_notebook_suggests_saving(tmp_path, capsys):
    stubs = "".join(
        f"def {s}(*args, **kwargs):\n    raise NotImplementedError('Exercise {n}: {s}')\n"
        for s, n in EXERCISES.items()
    )
    assert checks.main([str(save_notebook(tmp_path / "exercise.ipynb", stubs))]) == 1
    out = capsys.readouterr().out
    assert out.count("not implemented in the saved file") == 7
    assert "save the notebook first" in out
    assert "0 of 7" in out


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
