"""The bridge finds the students' functions in a saved notebook or a file, runs nothing else, and says what is missing."""

import json

import nbformat
import pytest
import torch

from gate import ROOT
from grader.reader import Unreadable, parse
from lab.exercises import probe
from rewards import EXERCISES, ExerciseError, Rewards, from_namespace, load_rewards

STUB = "def {0}(*args, **kwargs):\n    raise NotImplementedError('Exercise {1}: {0}')\n"


def notebook(path, *cells):
    """Save a notebook with these code cells, one line a list entry as Jupyter writes them."""
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    book.cells.insert(
        0, nbformat.v4.new_markdown_cell("def sentiment_reward(completions): this is prose")
    )
    nbformat.write(book, path)
    return path


def python_file(path, text):
    """Save a Python file."""
    path.write_text(text, encoding="utf-8")
    return path


def test_functions_come_from_the_notebooks_cells_with_what_they_need(tmp_path):
    path = notebook(
        tmp_path / "exercise.ipynb",
        "import torch\nimport math as m",
        "SCALE = 1\nSCALE += 2\nTABLE = {}\nTABLE['c'] = 7",
        "def helper(x):\n    def inner():\n        return SCALE * x\n    return inner()",
        "def twice(f):\n    return lambda *args, **kwargs: f(*args, **kwargs) * 2",
        "@twice\ndef forward_kl_reward(ref_log_probs, kl_coef=0.1):\n"
        "    return helper(ref_log_probs) * m.floor(kl_coef) * TABLE['c']",
    )
    result = load_rewards(path)["forward_kl_reward"](torch.tensor([-1.0, -2.0]), 1.5)
    assert result.tolist() == [-42.0, -84.0]  # x · 3 · 1 · 7 · 2


def test_star_imports_are_available(tmp_path):
    path = notebook(
        tmp_path / "n.ipynb",
        "from math import *",
        "def backward_kl_reward(x, kl_coef=0.1):\n    return floor(x) + trunc(2.5)",
    )
    assert load_rewards(path)["backward_kl_reward"](3.7) == 5


@pytest.mark.parametrize(
    "change",
    [
        "WORDS[0] = 'b'",
        "WORDS += ['b']",
        "WORDS.append('b')",
        "for word in ['b']:\n    WORDS.append(word)",
        "class Holder: pass\nHolder.word = 'b'\nWORDS[:] = [Holder.word]",
    ],
    ids=["item", "augmented", "method", "loop", "attribute"],
)
def test_in_place_changes_that_a_function_needs_are_made(tmp_path, change):
    path = notebook(
        tmp_path / "n.ipynb", "WORDS = ['a']", change, "def kl_estimate(*_):\n    return WORDS[-1]"
    )
    assert load_rewards(path)["kl_estimate"]() == "b"


def test_statements_that_no_exercise_needs_do_not_run(tmp_path, capfd):
    marker = tmp_path / "ran"
    path = notebook(
        tmp_path / "n.ipynb",
        "%matplotlib inline\n!touch " + str(marker),
        f"import pathlib\npathlib.Path({str(marker)!r}).touch()",
        "print('training')\nrun = undefined_trainer.train()",
        "%%bash\ntouch " + str(marker),
        "def sentiment_reward(completions, **kwargs):\n    return [0.5 for _ in completions]",
        "sentiment_reward(['a'])\nraise SystemExit",
        "1 / 0",
    )
    rewards = load_rewards(path)
    assert rewards["sentiment_reward"](["a", "b"]) == [0.5, 0.5]
    assert not marker.exists()
    assert capfd.readouterr().out == ""


@pytest.mark.parametrize(
    "cell",
    [
        "%%time\ndef kl_estimate(*_):\n    return 1",
        "%load_ext autoreload\n!pip list\ndef kl_estimate(*_):\n    return 1\nkl_estimate?",
        "%timeit sum(range(3))\ndef kl_estimate(*_):\n    rest = 7 % 2\n    return rest",
        "files = !ls\ndef kl_estimate(*_):\n    return 1",
        '%time\ndef kl_estimate(*_):\n    """Is it one?\n\n    Yes.\n    """\n    return 1',
    ],
    ids=["cell magic", "line magics", "percent sign", "captured shell", "question in a docstring"],
)
def test_function_beside_magics_is_found(tmp_path, cell):
    assert load_rewards(notebook(tmp_path / "n.ipynb", cell))["kl_estimate"]() == 1


def test_settings_of_a_needed_module_are_kept_and_do_not_pull_the_training_in(tmp_path):
    path = notebook(
        tmp_path / "n.ipynb",
        "import types\nbox = types.SimpleNamespace(save=print, unit=1)\nbox.unit = 5",
        "model = undefined_trainer.train()\nbox.save(model)",
        "def kl_estimate(*_):\n    return box.unit",
    )
    assert load_rewards(path)["kl_estimate"]() == 5


def test_last_definition_wins(tmp_path):
    path = notebook(
        tmp_path / "n.ipynb",
        "def kl_estimate(*_): return 1",
        "def kl_estimate(*_): return 2",
        "before = kl_estimate()",
    )
    assert load_rewards(path)["kl_estimate"]() == 2


def test_redefinition_by_a_wrapper_is_kept(tmp_path):
    path = notebook(
        tmp_path / "n.ipynb",
        "def kl_estimate(*_): return 1",
        "plain = kl_estimate\ndef kl_estimate(*_): return plain() + 1",
    )
    assert load_rewards(path)["kl_estimate"]() == 2


def test_a_file_works_like_a_notebook(tmp_path):
    path = python_file(
        tmp_path / "mine.py",
        "import torch\nprint('loud')\ndef kl_estimate(*_):\n    return torch.ones(1)\n",
    )
    rewards = load_rewards(path)
    assert rewards.source == "mine.py"
    assert rewards["kl_estimate"]().tolist() == [1.0]


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        ("def kl_estimate(a, b:\n    return 1", "syntax error"),
        ("def kl_estimate(a, a):\n    return 1", "duplicate argument"),
        ("def kl_estimate(a):\n    a = 1\n    global a", "global"),
    ],
    ids=["does not parse", "duplicate argument", "late global"],
)
def test_syntax_error_costs_only_its_own_exercise(tmp_path, broken, reason):
    path = notebook(
        tmp_path / "n.ipynb", "def group_advantages(*_):\n    return 1", "import math", broken
    )
    rewards = load_rewards(path)
    assert rewards["group_advantages"]() == 1
    with pytest.raises(ExerciseError, match=r"^Exercise 4b, kl_estimate: ") as caught:
        rewards["kl_estimate"]
    assert reason in str(caught.value)
    assert "\n" not in str(caught.value)


def test_syntax_error_names_its_cell_and_line(tmp_path):
    path = notebook(
        tmp_path / "n.ipynb", "import math", "# two lines\ndef kl_estimate(a, b:\n    return 1"
    )
    said = load_rewards(path).status("kl_estimate")
    assert said.startswith("syntax error in line 2 of the cell “# two lines”: ")


def test_failing_statement_is_named_and_costs_only_its_own_exercise(tmp_path):
    path = notebook(
        tmp_path / "n.ipynb",
        "import no_such_module_at_all",
        "@no_such_module_at_all.fast\ndef kl_estimate(*_):\n    return 1",
        "def group_advantages(*_):\n    return 1",
    )
    rewards = load_rewards(path)
    assert rewards["group_advantages"]() == 1
    with pytest.raises(
        ExerciseError,
        match=r"Exercise 4b, kl_estimate: line 2 of the cell “@no_.*” fails: NameError",
    ):
        rewards["kl_estimate"]
    assert rewards.status("kl_estimate").startswith("line 2 of the cell “@no_such_")


def test_missing_function_is_named_with_its_source(tmp_path):
    rewards = load_rewards(python_file(tmp_path / "mine.py", "x = 1\n"))
    with pytest.raises(
        ExerciseError, match="Exercise 2, exponential_shaping: no function of that name in mine.py"
    ):
        rewards["exponential_shaping"]


@pytest.mark.parametrize(
    "content", [None, "", "[]", "{}", '{"cells": [{}]}', "not json", '{"cells": 3}']
)
def test_unreadable_notebook_is_one_line(tmp_path, content):
    path = tmp_path / "exercise.ipynb"
    if content is not None:
        path.write_text(content)
    with pytest.raises(ExerciseError, match="cannot read") as caught:
        load_rewards(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_status_tells_stub_from_work_from_error(tmp_path):
    text = STUB.format("kl_estimate", "4b") + "def group_advantages(*_):\n    return 1 / 0\n"
    rewards = load_rewards(
        python_file(
            tmp_path / "m.py", text + "def forward_kl_reward(x, kl_coef=0.1):\n    return x\n"
        )
    )
    assert rewards.status("kl_estimate") == "NotImplementedError"
    assert rewards.status("group_advantages") == "raises ZeroDivisionError: division by zero"
    assert rewards.status("forward_kl_reward") == "implemented"
    assert rewards.status("sentiment_reward") == "no function of that name in m.py"


@pytest.mark.parametrize(
    ("stem", "source", "status"),
    [
        ("exponential_shaping", "lambda scores, temperature=1.0: None", "returned no numbers"),
        ("sentiment_reward", "lambda completions, **kwargs: None", "returned no numbers"),
        ("forward_kl_reward", "lambda log_probs, kl_coef=0.1: log_probs.sum()", "returned shape []"),
        ("group_advantages", "lambda rewards, num_generations, eps=1e-4: rewards / 0", "returned inf"),
    ],
)  # fmt: skip
def test_what_returns_nothing_usable_is_known_before_any_model_is_loaded(stem, source, status):
    assert status in Rewards("here", {stem: eval(source)}).status(stem)


def test_require_names_every_missing_exercise_in_one_line(tmp_path):
    text = (
        STUB.format("sentiment_reward", "1")
        + "def forward_kl_reward(x, kl_coef=0.1):\n    return x\n"
    )
    rewards = load_rewards(python_file(tmp_path / "m.py", text))
    rewards.require(["forward_kl_reward"])
    with pytest.raises(ExerciseError) as caught:
        rewards.require(["sentiment_reward", "exponential_shaping", "forward_kl_reward"])
    message = str(caught.value)
    assert "Exercise 1 sentiment_reward (NotImplementedError)" in message
    assert "Exercise 2 exponential_shaping (no function" in message
    assert "forward_kl_reward" not in message
    assert "\n" not in message


def test_reference_solutions_are_all_implemented(solutions):
    rewards = load_rewards(solutions)
    assert {stem: rewards.status(stem) for stem in EXERCISES} == dict.fromkeys(
        EXERCISES, "implemented"
    )


def test_instructor_notebook_is_all_implemented(source):
    rewards = load_rewards(source / "exercise.ipynb")
    assert {stem: rewards.status(stem) for stem in EXERCISES} == dict.fromkeys(
        EXERCISES, "implemented"
    )


def test_running_notebooks_functions_are_collected():
    rewards = from_namespace({"kl_estimate": max, "group_advantages": 3, "other": min})
    assert dict(rewards.functions) == {"kl_estimate": max}


def test_probe_reaches_the_body_of_every_exercise():
    for stem in EXERCISES:
        namespace = {}
        exec(STUB.format(stem, "x"), namespace)
        assert Rewards("here", {stem: namespace[stem]}).status(stem) == "NotImplementedError"
        assert isinstance(probe(stem), tuple)


@pytest.mark.parametrize(
    ("ours", "graders"),
    [("lab/slices.py", "grader/wall/inside/slices.py"), ("lab/reader.py", "grader/reader.py")],
)
def test_the_bridge_reads_and_slices_notebooks_exactly_as_the_grader_does(source, ours, graders):
    """One file; what students get holds its text, not the link."""
    assert (source / ours).resolve() == ROOT / graders
    handed_out = ROOT / "release/sentiment" / ours
    assert not handed_out.is_symlink() and handed_out.read_bytes() == (ROOT / graders).read_bytes()


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-32"])
@pytest.mark.parametrize("name", ["n.ipynb", "N.IPYNB", "n.ipynb.json", "n.ipynb.txt", "n.py"])
def test_any_encoding_and_name_that_the_grader_takes_is_read(tmp_path, name, encoding):
    text = "def kl_estimate(*_):\n    return 'é'\n"
    path = tmp_path / name
    if path.suffix != ".py":
        text = notebook(tmp_path / "plain", text).read_text(encoding="utf-8")
    path.write_bytes(text.encode(encoding))
    assert load_rewards(path)["kl_estimate"]() == "é"


@pytest.mark.parametrize("end", ["\r\n", "\r", "\r\r\n"], ids=ascii)
@pytest.mark.parametrize("name", ["n.ipynb", "n.py"])
def test_any_line_end_of_python_is_one(tmp_path, name, end):
    text = '# seen\n"""a\nb"""\n%matplotlib inline\ndef kl_estimate(*_):\n    return """a\nb"""\n'
    text, path = text.replace("\n", end), tmp_path / name
    if name == "n.py":
        path.write_bytes(text.encode())
    else:
        notebook(path, "import math" + end + "%time", text)
    assert load_rewards(path)["kl_estimate"]() == eval(f'"""a{end}b"""')


@pytest.mark.parametrize(
    ("cells", "reason"),
    [
        ([{"source": "x" * 300_001}], "code is longer than 300000 characters"),
        ([{"source": "1"}] * 2001, "more than 2000 cells"),
        ([{"source": "1", "outputs": ["x" * (20 << 20)]}], "larger than 20 MB: clear its outputs"),
    ],
    ids=["code", "cells", "bytes"],
)
def test_what_the_grader_could_not_read_is_refused_in_its_words(tmp_path, cells, reason):
    document = {"nbformat": 4, "cells": [{"cell_type": "code"} | cell for cell in cells]}
    path = tmp_path / "exercise.ipynb"
    path.write_text(json.dumps(document))
    with pytest.raises(ExerciseError, match=f"cannot read .*: .*{reason}") as caught:
        load_rewards(path)
    with pytest.raises(Unreadable) as graders:
        parse(path.read_bytes())
    assert str(caught.value).endswith(str(graders.value))


def test_a_folder_is_no_rewards(tmp_path):
    with pytest.raises(ExerciseError, match=r"it is a folder: name a notebook \(.ipynb\) or a .py"):
        load_rewards(tmp_path)


def test_what_is_no_cell_is_left_out_and_a_grade_cell_is_the_graders(tmp_path):
    path = notebook(
        tmp_path / "n.ipynb", "def kl_estimate(*_): return 1", "def group_advantages(*_): return 1"
    )
    document = json.loads(path.read_text())
    document["cells"][2]["metadata"] = {
        "nbgrader": {"grade": True, "grade_id": "group_advantages_laws"}
    }
    document["cells"] += [7, None, {"cell_type": "code"}, {"cell_type": "video"}, {"source": []}]
    path.write_text(json.dumps(document))
    rewards = load_rewards(path)
    assert rewards["kl_estimate"]() == 1
    assert rewards.status("group_advantages").startswith(
        "it stands in the grade cell group_advantages_laws, which the grader replaces"
    )


@pytest.mark.parametrize("cell", ["x = '\0'", "x = " + "(" * 5000, "x = '\ud800'"], ids=ascii)
def test_a_cell_that_python_cannot_read_costs_only_its_own_exercise(tmp_path, cell):
    path = notebook(tmp_path / "n.ipynb", "1", "def group_advantages(*_):\n    return 1")
    document = json.loads(path.read_text())
    document["cells"][1]["source"] = f"{cell}\ndef kl_estimate(*_): pass"
    path.write_text(json.dumps(document))
    assert load_rewards(path)["group_advantages"]() == 1


def test_annotations_and_dataclasses_work_as_in_a_notebook(tmp_path):
    path = notebook(
        tmp_path / "n.ipynb",
        "from __future__ import annotations\nfrom dataclasses import dataclass",
        "@dataclass\nclass Row:\n    value: Unknown = 3",
        "def kl_estimate(*rows: Rows) -> Other:\n    return Row().value",
    )
    assert load_rewards(path)["kl_estimate"]() == 3


@pytest.mark.parametrize("slip", ["T", "mine", "policy", "scores", "plot", "second"])
def test_a_name_left_over_from_a_figure_never_starts_a_training(
    tmp_path, slip, source, monkeypatch
):
    trained = []
    monkeypatch.setattr("train.experiment", lambda *run: trained.append(1_000))
    # nor the sampling of thousands of completions, as the second judge needs them
    monkeypatch.setattr(
        "lab.measure.Decoder.sample", lambda _, ids: trained.append(len(ids)) or [[0]] * len(ids)
    )
    book = nbformat.read(source / "exercise.ipynb", as_version=4)
    for cell in book.cells:
        if cell.metadata.get("nbgrader", {}).get("grade_id") == "exponential_shaping":
            cell.source = f"def exponential_shaping(values, temperature=1.0):\n    return {slip}"
    path = tmp_path / "exercise.ipynb"
    nbformat.write(book, path)
    assert "exponential_shaping" in load_rewards(path).functions
    assert sum(trained) < 1_000
