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
        "def train():\n    x = 1\n    return x",
        "def train():\n    return ()",
        "def train():\n    assert False",
        "def train():\n    if True:\n        raise NotImplementedError",
        "train = lambda: dict()",
        "train = length_reward",
        "def train():\n    main = 0",
        "def train():\n    return run",
        "def train():\n    'Doc: experiment(config), train.py'\n    return experiment",
        "def train():\n    %matplotlib inline\n    pass",
        "!python train.py\ndef train():\n    pass",
        f"%%bash\n{RIGHT}",
        f"{RIGHT}\n(",
        "def main():\n    pass\n\ndef train():\n    main()",
        f"def train():\n    return None\n    {WORK}",
    ],
)
def test_a_train_that_starts_no_training_is_a_stub(course, cell):
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
        f"{RIGHT}\ntrain = load_prompts('train')",
        f"def work(config):\n    {WORK}\n\ntrain = partial(work, PRESET)",
        f"class Work:\n    def __call__(self):\n        {WORK}\n\ntrain = Work()",
        "def train():\n    subprocess.run(['python', 'train.py'])",
        f"import train\n{RIGHT}\nfrom trl import train",
        "from train import experiment as go\ndef train():\n    return go('mine', CONFIG, REWARDS)",
        "def train():\n    from train import run as go\n    return go(CONFIG, REWARDS)",
        "import train as script\ndef train():\n    return script.experiment('mine', CONFIG, REWARDS)",
        "def train():\n    !python train.py --preset smoke",
        "def train():\n    if True:\n        %run train.py --preset smoke",
        "def train():\n    os.system('python train.py --preset smoke')",
        "def train():\n    return partial(experiment, 'mine', CONFIG)(REWARDS)",
        "def train():\n    return runpy.run_path('train.py', run_name='__main__')",
        "def train():\n    import train\n    start = train.experiment\n    return start('mine', CONFIG, REWARDS)",
        "def train():\n    return build_trainer(CONFIG, REWARD, base, tokenizer).train()",
        "class Mine(GRPOTrainer):\n    pass\n\ndef train():\n    return Mine(base, REWARD).train()",
        "def train():\n    return train_in_folder(CONFIG, REWARDS, None, None)",
    ],
)
def test_a_train_that_trains_is_none_however_it_is_written(course, cell):
    assert not is_stub(with_train(cell), course)


@pytest.mark.parametrize(
    ("cell", "after", "stub"),
    [
        ("def train():\n    raise NotImplementedError", [RIGHT], False),
        ("def train():\n    raise NotImplementedError", ["mine = experiment('mine', CONFIG, 1)"], True),
        (RIGHT, ["a slip of the pen"], False),
        (RIGHT, ["mine = train()", "mine"], False),
    ],
)  # fmt: skip
def test_other_cells_count_as_far_as_train_needs_them(course, cell, after, stub):
    assert is_stub(with_train(cell, after), course) is stub
