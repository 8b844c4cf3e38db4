"""Exercise 5 is marked only where `train` is more than its stub."""

import json

import pytest

from ci.gate import ROOT
from ci.gate.cases import solution
from ci.gate.training_mark import is_stub
from grader.course import load_course
from tests.bank.submissions import replaced

WORK = "return experiment('mine', TrainConfig.from_preset(PRESET), from_namespace(globals()))"
RIGHT = f"def train():\n    {WORK}"


@pytest.fixture(scope="module")
def course():
    return load_course(ROOT / "tests" / "hidden")


def with_train(cell, after=()):
    """The instructor's notebook with another `train`, and code cells at its end, as bytes."""
    document = replaced(solution(), "train", cell)
    document["cells"] += [
        {"cell_type": "code", "id": f"after-{n}", "execution_count": None, "metadata": {}, "outputs": [], "source": text}
        for n, text in enumerate(after)
    ]  # fmt: skip
    return json.dumps(document).encode()


@pytest.mark.parametrize(
    "cell",
    [
        "def train():\n    pass",
        "def train():\n    ...",
        "def train(): 'Doc.'",
        "def train():\n    'Doc.'\n    pass\n    raise NotImplementedError",
        "def train():\n    return",
        "def train():\n    'Doc.'\n    return None",
        "def train():\n    raise NotImplementedError('Exercise 5: train')\n    " + WORK,
        "async def train():\n    raise NotImplementedError",
        "train = lambda: None",
        "train = load_prompts('train')",  # no function
        "train: object",
        "def other():\n    def train():\n        return 1",
        "class Trainer:\n    def train(self):\n        return 1",
        f"{RIGHT}\ndef train():\n    pass",
        f"%%bash\n{RIGHT}",
        f"{RIGHT}\n(",
    ],
)
def test_a_train_that_does_nothing_or_is_not_there_is_a_stub(course, cell):
    assert is_stub(with_train(cell), course)


@pytest.mark.parametrize(
    "cell",
    [
        RIGHT,
        f"%%time\n{RIGHT}",
        f"%%capture\n{RIGHT}\n%matplotlib inline",
        f"!pip install trl\n{RIGHT}",
        "def train():\n    'Doc.'\n    experiment('mine', TrainConfig.from_preset(PRESET), REWARDS)",
        f"{RIGHT}\n    raise NotImplementedError('Exercise 5: train')",
        f"def train(preset=PRESET) -> object:\n    'Doc.'\n    print('go')\n    {WORK}",
        f"async def train():\n    {WORK}",
        "train = lambda: experiment('mine', CONFIG, from_namespace(globals()))",
        f"def mine():\n    {WORK}\n\ntrain = mine",
        f"if PRESET:\n    def train():\n        {WORK}",
        f"try:\n    import trl\nexcept ImportError:\n    raise\nelse:\n    def train():\n        {WORK}",
        f"def train():\n    raise NotImplementedError\n\ndef train():\n    {WORK}",
        f"{RIGHT}\ntrain = train()",  # a name used again
        f"import train\n{RIGHT}\nfrom trl import train",
    ],
)
def test_a_train_that_does_something_is_none_however_it_is_written(course, cell):
    assert not is_stub(with_train(cell), course)


@pytest.mark.parametrize(
    ("cell", "after", "stub"),
    [
        (RIGHT, ["def train():\n    pass"], True),
        ("def train():\n    raise NotImplementedError", [RIGHT], False),
        (RIGHT, ["a slip of the pen"], False),
        (RIGHT, ["mine = train()", "mine"], False),
    ],
)
def test_the_last_definition_in_the_notebook_counts(course, cell, after, stub):
    assert is_stub(with_train(cell, after), course) is stub
