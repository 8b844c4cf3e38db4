"""The house: each part of the project imports from its own floor or from those below, and nothing goes round in a circle."""

import ast
import re
from graphlib import TopologicalSorter

import pytest

from gate import ROOT
from grader.new import TEMPLATE

# top floor first; parts on one floor know nothing of each other unless a line below says so
FLOORS = [
    {"tools"},
    {"gate"},
    {
        "grader.__main__",
        "grader.check",
        "grader.doctor",
        "grader.explaining",
        "grader.extend",
        "grader.feedback",
        "grader.migrate",
        "grader.new",
        "grader.pytest_hooks",
        "grader.run",
    },
    {"grader.report"},
    {"grader.lms"},
    {"grader.classroom"},
    {"grader.gradebook"},
    {"grader.judging", "grader.laws"},
    {"grader.wall", "grader.submission"},
    {
        "grader.assignment",
        "grader.errors",
        "grader.verdict",
        "grader.text",
        "grader.store",
        "grader.reader",
        "grader.options",
        "grader.tables",
    },
]


def modules():
    for folder in ("grader", "gate", "tools"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            if path.is_relative_to(TEMPLATE):  # another course's
                continue
            name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
            yield name.removesuffix(".__init__"), path


EDITS_PATH = re.compile(r"sys\.path(\[:\] = |\.(insert|append|pop)\()")
NAMES = {name for name, _ in modules()}


def imports(name, path):
    """The project's modules that one imports, anywhere in it."""
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = ".".join([package, *filter(None, [node.module])]) if node.level else node.module
            for alias in node.names:
                inner = f"{base}.{alias.name}"
                yield inner if inner in NAMES else base


ARROWS = {
    name: {target for target in imports(name, path) if target in NAMES and target != name}
    for name, path in modules()
}


def floor(name):
    return next(
        (n for n, parts in enumerate(FLOORS) if any(f"{name}.".startswith(f"{p}.") for p in parts)),
        None,
    )


def test_every_module_stands_on_a_floor():
    assert [name for name in NAMES - {"grader"} if floor(name) is None] == []


def test_no_arrow_runs_up():
    up = [
        f"{a} → {b}"
        for a, found in ARROWS.items()
        for b in found - {"grader"}
        if a != "grader" and floor(b) < floor(a)
    ]
    assert up == []


def test_nothing_goes_round_in_a_circle():
    list(TopologicalSorter(ARROWS).static_order())


@pytest.mark.parametrize("folder", ["grader", "gate", "tools", "source/sentiment"])
def test_no_product_imports_a_test(folder):
    lines = [
        f"{path}: {node.module}"
        for path in (ROOT / folder).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "tests"
    ]
    assert lines == []


def test_one_module_knows_where_things_are():
    """Paths that climb stand there alone; `sys.path` is changed there, and where an assignment's modules become importable."""
    climbing = {
        path.relative_to(ROOT)
        for _, path in modules()
        if "__file__).resolve().parents" in path.read_text()
    }
    assert {str(path) for path in climbing} == {"gate/__init__.py"}
    edits = {
        str(path.relative_to(ROOT)) for _, path in modules() if EDITS_PATH.search(path.read_text())
    }
    assert edits == {"gate/__init__.py", "grader/assignment.py", "grader/wall/isolation.py"}


def test_no_choice_within_a_choice():
    nested = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for _, path in modules()
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.IfExp)
        and any(isinstance(part, ast.IfExp) for part in (node.test, node.body, node.orelse))
    ]
    assert nested == []
