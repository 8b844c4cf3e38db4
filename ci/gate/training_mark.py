"""The mark of exercise 5 from the gate's verdict, in the form that `grader --training` reads."""

import ast
import contextlib
from typing import Any

from grader.course import Course
from grader.inside.slices import FUNCTIONS, Statement, describe, needed_statements, parse
from grader.preflight import repair

STEM = "train"
# names that start a training, however they are reached: the course's, and TRL's
STARTERS = {"experiment", "run", "main", "train_in_folder", "build_trainer", "GRPOTrainer"}
SCRIPT = "train.py"  # … and the file that does
STUB = {
    "share": 0.0,
    "outcome": "not_implemented",
    "note": f"the function train starts no training: it calls none of {', '.join(sorted(STARTERS))}, and no train.py",
    "laws": [],
}
# outcomes that tell of the exercise that stopped the run, not of `train`
OTHERS = ("partial", "tampered", "not_implemented")


def is_stub(notebook: bytes, course: Course) -> bool:
    """Tell whether the notebook's `train` starts no training, or is not there: the run's marks are for one who trained."""
    cells = [cell["source"] for cell in repair(notebook, course).cells]
    statements = [found for number, cell in enumerate(cells) for found in described(number, cell)]
    needed = needed_statements(statements, STEM)
    starters = STARTERS | set().union(*(aliases(statement.node) for statement in needed))
    starters -= {name for s in needed if isinstance(s.node, FUNCTIONS) for name in s.binds}
    lines = {number: cells[number].splitlines() for number in {s.cell for s in needed}}
    return not any(
        trains(statement.node, starters) or runs_script(statement.node, lines[statement.cell])
        for statement in needed
        if not statement.is_import
    )


def described(number: int, source: str) -> list[Statement]:
    """Return a cell's statements; a cell that Python cannot read has none."""
    with contextlib.suppress(SyntaxError, ValueError, RecursionError, MemoryError):
        return [describe(number, index, node) for index, node in enumerate(parse(source))]
    return []


def aliases(node: ast.AST) -> set[str]:
    """Return the other names that a statement gives to what starts a training: imports, assignments, subclasses."""
    found = set()
    for part in ast.walk(node):
        if isinstance(part, (ast.Import, ast.ImportFrom)):
            found |= {name.asname for name in part.names if name.name in STARTERS}
        elif isinstance(part, ast.Assign) and name_of(part.value) in STARTERS:
            found |= set(map(name_of, part.targets))
        elif isinstance(part, ast.ClassDef) and STARTERS & set(map(name_of, part.bases)):
            found.add(part.name)
    return found - {None, ""}


def name_of(node: ast.AST) -> str:
    """Return the last name of `a` or `x.a`, "" for anything else."""
    return node.id if isinstance(node, ast.Name) else getattr(node, "attr", "")


def trains(node: ast.AST, starters: set[str]) -> bool:
    """Tell whether a statement calls what starts a training, or hands it to a call, or names the script that does.

    What stands after a function's `return` or `raise` is never reached. Whoever wants to can get round this look: the marks
    are for rewards that teach, and the gate proves that they do.
    """
    if isinstance(node, FUNCTIONS):
        ends = (n for n, step in enumerate(node.body) if isinstance(step, (ast.Return, ast.Raise)))
        reached = node.body[: next(ends, len(node.body)) + 1]
        return any(trains(step, starters) for step in reached if not isinstance(step, ast.Raise))
    parts = list(ast.walk(node))
    calls = [part for part in parts if isinstance(part, ast.Call)]
    names = {name_of(part) for call in calls for part in (call.func, *call.args)}
    strings = [
        part.value for call in calls for part in ast.walk(call) if isinstance(part, ast.Constant)
    ]
    return bool(starters & names) or any(
        SCRIPT in text for text in strings if isinstance(text, str)
    )


def runs_script(node: ast.AST, lines: list[str]) -> bool:
    """Tell whether a shell or magic line in a statement, `!python train.py`, runs the script that trains."""
    own = [line.lstrip() for line in lines[node.lineno - 1 : node.end_lineno]]
    return any(line.startswith(("!", "%")) and SCRIPT in line for line in own)


def training_mark(verdict: dict[str, Any]) -> dict[str, Any]:
    """Return share of the marks, outcome, note and one line a check.

    All of them for a verdict that passes; half when the model provably learned but its text did not stay text; nothing
    without a proven gain, whatever the text is like: an untrained model writes well.
    """
    if verdict["stopped"]:
        stopped = verdict["stopped"]
        outcome = "wrong" if stopped["outcome"] in OTHERS else stopped["outcome"]
        return {"share": 0.0, "outcome": outcome, "note": stopped["words"], "laws": []}
    learned = all(
        check["passed"]
        for seed in verdict["seeds"]
        for check in seed["checks"]
        if check["group"] == "gain"
    )
    share = 1.0 if verdict["passed"] else 0.5 if learned else 0.0
    return {"share": share, "note": note_on(verdict), "laws": laws_of(verdict)}


def note_on(verdict: dict[str, Any]) -> str:
    """Return one sentence with the gain of every seed."""
    gains = ", ".join(
        f"from {seed['figures']['base']:.2f} to {seed['figures']['trained']:.2f}"
        for seed in verdict["seeds"]
    )
    return f"GRPO with your rewards took P(positive) on held-out prompts {gains}"


def laws_of(verdict: dict[str, Any]) -> list[dict[str, Any]]:
    """Return a line for every check: it holds when it holds for every seed; what it gave is the worst seed's figure."""
    lines, needs = [], {"at least": "is needed", "at most": "is allowed"}
    for checks in zip(*(seed["checks"] for seed in verdict["seeds"]), strict=True):
        first, passed = checks[0], all(check["passed"] for check in checks)
        worst = min if first["sense"] == "at least" else max
        value = worst(check["value"] for check in checks)
        got = f"{value:.3f}; {first['sense']} {first['bound']:g} {needs[first['sense']]}"
        lines.append(
            {
                "law": first["claim"],
                "passed": passed,
                "got": got,
                "hint": "" if passed else first["reason"],
            }
        )
    return lines
