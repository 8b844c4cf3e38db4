"""The mark of exercise 5 from the gate's verdict, in the form that `grader --training` reads."""

import ast
from typing import Any

from grader.course import Course
from grader.preflight import repair

STEM = "train"
STUB = {
    "share": 0.0,
    "outcome": "not_implemented",
    "note": "the function train is still the stub",
    "laws": [],
}


def is_stub(notebook: bytes, course: Course) -> bool:
    """Tell whether the notebook's `train` is still the stub, or not there: the run's marks are for one who trained."""
    for cell in reversed(repair(notebook, course).cells):
        try:
            body = ast.parse(cell["source"]).body
        except SyntaxError:  # magics and slips of other cells
            continue
        for node in reversed(body):
            if isinstance(node, ast.FunctionDef) and node.name == STEM:
                steps = [step for step in node.body if not isinstance(step, ast.Expr)]
                return not steps or isinstance(steps[0], ast.Raise)
    return True


def training_mark(verdict: dict[str, Any]) -> dict[str, Any]:
    """Return share of the marks, outcome, note and one line a check.

    All of them for a verdict that passes; half when the model provably learned but its text did not stay text; nothing
    without a proven gain, whatever the text is like: an untrained model writes well.
    """
    if verdict["stopped"]:
        stopped = verdict["stopped"]
        note = f"the training run needs {stopped['exercise']}: {stopped['words']}"
        outcome = "wrong" if stopped["outcome"] in ("partial", "tampered") else stopped["outcome"]
        return {"share": 0.0, "outcome": outcome, "note": note, "laws": []}
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
    lines = []
    for checks in zip(*(seed["checks"] for seed in verdict["seeds"]), strict=True):
        first, passed = checks[0], all(check["passed"] for check in checks)
        worst = min if first["sense"] == "at least" else max
        value = worst(check["value"] for check in checks)
        got = f"{value:.3f}; it must be {first['sense']} {first['bound']:g}"
        lines.append(
            {
                "law": first["claim"],
                "passed": passed,
                "got": "" if passed else got,
                "hint": "" if passed else first["reason"],
            }
        )
    return lines
