"""The teaching modules as a whole: their examples run, they hold no solution, and importing them is cheap."""

import doctest
import importlib
import json
from pathlib import Path

import pytest

from gate import SOURCE

FILES = {
    ".".join(path.relative_to(SOURCE).with_suffix("").parts).removesuffix(".__init__"): path
    for path in SOURCE.rglob("*.py")
}
MODULES = sorted(FILES)


@pytest.mark.parametrize("name", MODULES)
def test_examples_in_docstrings_are_true(name):
    module = importlib.import_module(name)
    assert Path(module.__file__) == FILES[name]
    assert module.__doc__
    assert doctest.testmod(module).failed == 0


def test_some_docstrings_hold_examples():
    attempted = {name: doctest.testmod(importlib.import_module(name)).attempted for name in MODULES}
    assert sum(attempted.values()) >= 8


@pytest.mark.parametrize("name", MODULES)
def test_no_module_defines_an_exercise(name):
    from rewards import EXERCISES

    text = FILES[name].read_text(encoding="utf-8")
    assert "SOLUTION" not in text
    assert not [stem for stem in EXERCISES if f"def {stem}(" in text]


def test_importing_the_modules_loads_neither_trl_nor_wandb(python):
    program = "import sys, json, importlib\nfor n in json.loads(sys.argv[1]): importlib.import_module(n)\nprint(json.dumps(list(sys.modules)))"
    done = python("-c", program, json.dumps(MODULES), env={"PYTHONPATH": str(SOURCE)})
    assert done.returncode == 0, done.stderr
    loaded = set(json.loads(done.stdout))
    assert "torch" in loaded
    assert not {"trl", "wandb"} & loaded
