"""Which statements are executed for a function: what it needs, and nothing that trains, plots or prints."""

import pytest

from grader.wall.inside import slices


def kept(*cells, stem="f"):
    """The first lines of the statements that `stem` needs."""
    statements = [
        slices.describe(n, i, node)
        for n, cell in enumerate(cells)
        for i, node in enumerate(slices.parse(cell))
    ]
    return [
        slices.ast.unparse(s.node).split("\n")[0]
        for s in slices.needed_statements(statements, stem)
    ]


def test_imports_helpers_and_constants_are_kept_and_the_rest_is_not():
    cells = [
        "import torch\nimport matplotlib.pyplot as plt\nfrom trl import GRPOTrainer",
        "EPS = 1e-4\nUNUSED = slow()",
        "def helper(x):\n    return x + EPS",
        "def f(x):\n    return helper(torch.exp(x))",
        "trainer = GRPOTrainer(reward_funcs=f)\ntrainer.train()\nplt.plot([1])\nprint(f(1))",
    ]
    assert kept(*cells) == ["import torch", "EPS = 0.0001", "def helper(x):", "def f(x):"]


def test_a_long_chain_is_followed_to_its_end():
    """Back to front, as nobody writes it: going over all statements again and again would take minutes."""
    chain = [f"n{n} = n{n + 1}" for n in range(5000)]
    assert kept("\n".join(chain), "def f():\n    return n0") == [*chain, "def f():"]


@pytest.mark.parametrize(
    ("statement", "use"),
    [
        ("CACHE = {}\nCACHE['a'] = 1", "CACHE"),
        ("CACHE = []\nCACHE.append(3)", "CACHE"),
        ("try:\n    import numpy as np\nexcept ImportError:\n    np = None", "np"),
        ("if True:\n    scale = 2", "scale"),
        ("a, (b, *c) = 1, (2, 3)", "c"),
        ("total: int = 3", "total"),
        ("for i in range(3):\n    last = i", "last"),
        ("with open('/dev/null') as file:\n    text = file.read()", "text"),
        ("class Box:\n    size = 1", "Box"),
        ("from math import *", "exp"),
        ("(found := 3)", "found"),
        ("SCALE = None\ndef setup():\n    global SCALE\n    SCALE = 2\nsetup()", "SCALE"),
        ("import types\nbox = types.SimpleNamespace()\nsetattr(box, 'size', 3)", "box"),
        ("halves = [(found := n) / 2 for n in range(4)]", "found"),
        ("import os.path", "os"),
        ("FLAGS = {}\ntry:\n    import nope\nexcept ImportError:\n    FLAGS['one'] = 1", "FLAGS"),
        (
            "SIZES = {}\ndef set_up():\n    SIZES['low'] = 1\n    return True\nok = set_up()",
            "SIZES",
        ),
        (
            "KEPT = {}\ndef register(f):\n    KEPT[f.__name__] = f\n    return f\n@register\ndef low(x):\n    return x",
            "KEPT",
        ),
        (
            "from functools import singledispatch\n@singledispatch\ndef size(x):\n    return 1\n@size.register\ndef _(x: int):\n    return x",
            "size",
        ),
    ],
)
def test_every_way_to_bind_or_change_a_needed_name_is_kept(statement, use):
    lines = kept(statement, f"def f():\n    return {use}")
    assert len(lines) == len(slices.parse(statement)) + 1


def test_the_needs_of_decorators_defaults_nested_functions_and_classes_count():
    cells = [
        "A = 1\nB = 2\nC = 3\nD = 4\nE = 5\nimport functools",
        "class K(object):\n    x = A\n    def m(self):\n        return B",
        "@functools.cache\ndef f(x=C, k=K):\n    def g():\n        return [D for _ in x]\n    E = 1\n    return g",
    ]
    assert kept(*cells) == [
        "A = 1",
        "B = 2",
        "C = 3",
        "D = 4",
        "import functools",
        "class K(object):",
        "@functools.cache",
    ]


def test_local_names_do_not_pull_globals_of_the_same_name():
    assert kept("loss = train()", "def f(x):\n    loss = x\n    return loss") == ["def f(x):"]


def test_changing_a_module_never_pulls_the_training_in():
    cells = [
        "import torch",
        "model = train()",
        "torch.save(model, 'x')\ntorch.manual_seed(0)",
        "def f(x):\n    return torch.exp(x)",
    ]
    assert kept(*cells) == ["import torch", "torch.manual_seed(0)", "def f(x):"]


def test_the_last_definition_comes_last_as_in_run_all():
    assert kept("def f():\n    return 1", "f = lambda: 2") == ["def f():", "f = lambda: 2"]


@pytest.mark.parametrize(
    "cell",
    [
        "%matplotlib inline\ndef f(): return 1",
        "!pip install x\ndef f(): return 1",
        "%%time\ndef f(): return 1",
        "f?\ndef f(): return 1",
    ],
)
def test_magics_do_not_take_the_cell_with_them(cell):
    assert kept(cell) == ["def f():"]


def test_a_foreign_cell_magic_takes_its_cell():
    assert slices.parse("%%bash\nrm -rf /") == []


def test_a_percent_line_inside_a_string_is_left_alone():
    assert (
        kept('TEXT = """\n%not magic\n"""\ndef f(): return TEXT')[0] == "TEXT = '\\n%not magic\\n'"
    )


@pytest.mark.parametrize(
    "line",
    [
        " " * 290_000 + "x y",
        "a" + " " * 290_000 + "b",
        "a?" + " " * 290_000 + "b",
        "a b = " + " " * 290_000,
    ],
)
def test_a_line_as_long_as_a_notebook_may_be_is_read_at_once(line):
    """Quadratic work would take many minutes."""
    with pytest.raises(SyntaxError):
        slices.parse(f"{line}\n(")


@pytest.mark.parametrize("line", ["  !ls", "\tx = !ls", "    a, b = %time f()", "  f.g?? ", "  ?f"])
def test_an_indented_magic_leaves_its_indentation(line):
    assert slices.ast.unparse(slices.parse(f"if True:\n{line}\n{line}")[0]).count("pass") == 2


@pytest.mark.parametrize(
    "loop", ["[train(scale) for scale in data]", "{train(scale) for scale in data}", "{scale: train(scale) for scale in data}"]
)  # fmt: skip
def test_a_comprehension_s_variable_is_its_own(loop):
    """A symbol table of Python 3.12 and later takes it for the cell's."""
    statement = slices.describe(0, 0, slices.parse(f"losses = {loop}")[0])
    assert (statement.binds, statement.uses) == ({"losses"}, {"train", "data"})


def test_functions_put_into_imported_classes_are_kept():
    cells = ["import torch, plots", "def half(x):\n    return x / 2", "torch.Tensor.half_of = half"]
    probe = ["figure = 3", "plots.last = figure", "def f(x):\n    return x.half_of()"]
    assert kept(*cells, *probe)[1:3] == ["def half(x):", "torch.Tensor.half_of = half"]
    assert "plots.last = figure" not in kept(*cells, *probe)


def test_a_global_that_is_only_added_to_is_kept_and_probes_of_the_function_are_not():
    counted = "def f():\n    global calls\n    calls += 1"
    assert kept("calls = 0", counted, "f()", "f(data)") == ["calls = 0", "def f():"]


@pytest.mark.parametrize(
    "patch",
    [
        ["torch.Tensor.half_of = lambda x: x / 2"],
        ["def half(x):\n    return x / 2", "setattr(torch.Tensor, 'half_of', half)"],
    ],
)
def test_functions_put_into_modules_are_kept(patch):
    lines = kept("import torch", "\n".join(patch), "def f(x):\n    return x.half_of()")
    assert lines[1:-1] == [statement.split("\n")[0] for statement in patch]


def test_of_two_imports_in_a_line_one_may_fail():
    cells = "import nope, math", "def f(x):\n    return math.exp(x)"
    assert kept(*cells) == ["import math", "def f(x):"]


MAGICS = {
    "a line that begins like a magic": (
        "%matplotlib inline\ndef f(a, b):\n    return (\n        a\n        % (b)\n        != 0\n    )",
        "def f(a, b):\n    return a % b != 0",
    ),
    "a text that holds one": (
        '!ls\ndef f():\n    return """\n%time 1\n"""',
        "def f():\n    return '\\n%time 1\\n'",
    ),
    "a magic that goes on": (
        "!pip install -q \\\n    einops \\\n    tqdm\ndef f():\n    return 1",
        "def f():\n    return 1",
    ),
    "time runs its line": (
        "def f(a):\n    %time q = a + 1\n    %timeit q\n    return q",
        "def f(a):\n    q = a + 1\n    pass\n    return q",
    ),
    "prun runs its cell": ("%%prun\ndef f():\n    return 1", "def f():\n    return 1"),
}


@pytest.mark.parametrize("name", MAGICS)
def test_magics_are_blanked_where_a_statement_begins_and_nowhere_else(name):
    source, expected = MAGICS[name]
    assert slices.ast.unparse(slices.parse(source)[-1]) == expected


def test_a_slip_beside_a_magic_is_found_in_its_line():
    with pytest.raises(SyntaxError) as caught:
        slices.parse("%matplotlib inline\nx = 1\ndef f(:\n    pass")
    assert (caught.value.lineno, caught.value.text.strip()) == (3, "def f(:")
