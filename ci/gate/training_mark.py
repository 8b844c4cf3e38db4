"""The mark of exercise 5 from the gate's verdict, in the form that `grader --training` reads."""

import ast
import contextlib
from typing import Any

from grader.course import Course
from grader.inside.slices import parse
from grader.preflight import repair

STEM = "train"
STUB = {
    "share": 0.0,
    "outcome": "not_implemented",
    "note": "the function train is still the stub",
    "laws": [],
}
# outcomes that tell of the exercise that stopped the run, not of `train`
OTHERS = ("partial", "tampered", "not_implemented")


def is_stub(notebook: bytes, course: Course) -> bool:
    """Tell whether the notebook's `train` does nothing, or is not there: the run's marks are for one who trained."""
    found: list[ast.AST] = []
    for cell in repair(notebook, course).cells:
        # a cell that Python cannot read defines nothing
        with contextlib.suppress(SyntaxError, ValueError, RecursionError, MemoryError):
            found += definitions(parse(cell["source"]))
    return not found or does_nothing(found[-1])


def definitions(statements: list[ast.stmt]) -> list[ast.AST]:
    """Return every function, lambda or other name that becomes `train`, in blocks too but not in functions and classes.

    A variable `train`, such as a part of the data, is none.
    """
    found: list[ast.AST] = []
    for node in statements:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            found += [node] if node.name == STEM else []
        elif isinstance(node, ast.Assign) and isinstance(node.value, (ast.Lambda, ast.Name)):
            targets = {target.id for target in node.targets if isinstance(target, ast.Name)}
            found += [node.value] if STEM in targets else []
        elif not isinstance(node, ast.ClassDef):
            for block in ("body", "handlers", "orelse", "finalbody"):
                found += definitions(getattr(node, block, []))
    return found


def does_nothing(node: ast.AST) -> bool:
    """Tell whether a definition only describes itself, passes, raises or returns a constant."""
    if isinstance(node, ast.Name):  # a function by another name
        return False
    if isinstance(node, ast.Lambda):
        return isinstance(node.body, ast.Constant)
    steps = (step for step in node.body if not isinstance(step, ast.Pass) and not constant(step))
    first = next(steps, None)
    return first is None or isinstance(first, ast.Raise)


def constant(step: ast.stmt) -> bool:
    """Tell whether a statement is a docstring, `...`, or a `return` of nothing that was worked out."""
    kinds = (type(None), ast.Constant)
    return isinstance(step, (ast.Expr, ast.Return)) and isinstance(step.value, kinds)


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
