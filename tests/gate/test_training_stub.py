"""Exercise 5 is marked only where `train` is more than what was handed out."""

import json
import time

import pytest

from gate import ROOT
from gate.cases import solution
from gate.submissions import helper, replaced, solution_cell
from grader.assignment import load_assignment
from grader.submission.preflight import repair

WORK = "return experiment('mine', TrainConfig.from_preset(PRESET), from_namespace(globals()))"
RIGHT = f"def train():\n    {WORK}"
RELEASE = ROOT / "release" / "sentiment" / "exercise.ipynb"
HANDED_OUT = "".join(solution_cell(json.loads(RELEASE.read_text()), "train")["source"])


@pytest.fixture(scope="module")
def assignment():
    return load_assignment(ROOT / "tests" / "hidden")


def is_stub(notebook, assignment):
    return "train" in repair(notebook, assignment).unwritten


def with_train(cell, after=()):
    """The instructor's notebook with another `train`, and code cells at its end, as bytes."""
    document = replaced(solution(), "train", cell)
    document["cells"] += [helper(text, f"after-{n}") for n, text in enumerate(after)]
    return json.dumps(document).encode()


def test_the_notebook_as_released_holds_a_stub_and_the_instructor_s_none(assignment):
    assert is_stub(RELEASE.read_bytes(), assignment)
    assert not is_stub(json.dumps(solution()).encode(), assignment)


@pytest.mark.parametrize(
    "cell",
    [
        HANDED_OUT,
        HANDED_OUT.replace("\n", "\r\n"),
        HANDED_OUT.replace("    # YOUR CODE HERE\n", "\n\n"),
        f"# later\n{HANDED_OUT}\n\n# call experiment",
        "\n".join(HANDED_OUT.splitlines()[:-2]),  # only its docstring is left
        "",
        "# to do",
    ],
)
def test_a_cell_in_which_nothing_was_written_is_a_stub(assignment, cell):
    assert is_stub(with_train(cell), assignment)


def test_a_cell_that_was_deleted_is_a_stub(assignment):
    document = solution()
    document["cells"].remove(solution_cell(document, "train"))
    assert is_stub(json.dumps(document).encode(), assignment)


@pytest.mark.parametrize(
    "cell",
    [
        RIGHT,
        HANDED_OUT.replace("# YOUR CODE HERE", WORK),  # its last line is still there
        f"%%time\n{RIGHT}",
        f"{RIGHT}\n(",
        "train = lambda: experiment('mine', CONFIG, from_namespace(globals()))",
        "def train():\n    !python train.py --preset smoke",
        f"class Work:\n    def __call__(self):\n        {WORK}\n\ntrain = Work()",
    ],
)
def test_a_cell_in_which_something_was_written_is_none(assignment, cell):
    assert not is_stub(with_train(cell), assignment)


@pytest.mark.parametrize(
    ("after", "stub"),
    [
        (RIGHT, False),
        (f"async {RIGHT}", False),
        ("train = partial(experiment, 'mine', CONFIG)", False),
        (f"if PRESET:\n    def train():\n        {WORK}", False),
        ("mine = train()\nmine", True),
        ("def training():\n    pass\ntrained = training()\ntrain == 1", True),
    ],
)
def test_who_leaves_the_stub_may_write_train_in_another_cell(assignment, after, stub):
    assert is_stub(with_train(HANDED_OUT, [after]), assignment) is stub


@pytest.mark.parametrize("cell", ["train=b;" * 29_000, " " * 240_000, "train" * 48_000])  # fmt: skip
def test_the_look_takes_no_time_whatever_is_written(assignment, cell):
    """The student's text is not parsed on this side: that took 18 seconds for a cell made for it."""
    start = time.monotonic()
    is_stub(with_train(cell, [" " * 20_000]), assignment)
    assert time.monotonic() - start < 3
