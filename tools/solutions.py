"""The solutions of an instructor's notebook: taken out as functions, and looked for where they must not be."""

import ast
import json
import re
from pathlib import Path
from typing import Any

from grader.assignment import Assignment, Kind, exercises

HEADING = "The reference solutions, exported from the notebook: do not edit, do not distribute."
REGION = re.compile(r"### BEGIN SOLUTION\n(.*?)### END SOLUTION", re.DOTALL)


def cell_sources(notebook: Path) -> list[str]:
    """Return the sources of a notebook's cells; outputs, which an execution changes, do not count."""
    cells: list[dict[str, Any]] = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    return ["".join(cell["source"]) for cell in cells]


def solution_cells(assignment: Assignment) -> dict[str, str]:
    """Return the source of every solution cell of the instructor's notebook, by grade id."""
    marked = [(c["metadata"].get("nbgrader", {}), "".join(c["source"])) for c in assignment.cells()]
    return {meta["grade_id"]: source for meta, source in marked if meta.get("solution")}


def secret_lines(assignment: Assignment) -> set[str]:
    """Return the lines of the solutions that say more than a name or a bracket.

    Lines that the instructor's notebook holds outside its solutions too are no secret.
    """
    sources = cell_sources(assignment.notebook)
    public = {line.strip() for source in sources for line in REGION.sub("", source).splitlines()}
    solved = "\n".join(
        region
        for source in solution_cells(assignment).values()
        for region in REGION.findall(source)
    )
    return {line.strip() for line in solved.splitlines() if len(line.strip()) > 12} - public


def leaked_lines(folder: Path, assignment: Assignment) -> list[str]:
    """Return the released lines that also stand in a solution, as file:line: text."""
    secret, leaks = secret_lines(assignment), []
    for path in sorted(p for p in folder.rglob("*") if p.suffix in {".ipynb", ".py", ".md"}):
        texts = [path.read_text(encoding="utf-8")]
        if path.suffix == ".ipynb":
            texts = cell_sources(path)
        lines = [line for text in texts for line in text.splitlines()]
        leaks += [
            f"{path.name}:{n}: {line.strip()}"
            for n, line in enumerate(lines, 1)
            if line.strip() in secret or "SOLUTION" in line
        ]
    return leaks


def exported(assignment: Assignment) -> dict[str, str]:
    """Return the text of each module of reference functions, by its name in solutions/."""
    return {name: export(assignment, imports) for name, imports in assignment.exported.items()}


def export(assignment: Assignment, imports: str) -> str:
    """Return the functions that laws judge as one module; `imports` are the lines that it begins with."""
    judged = {exercise.stem for exercise in exercises(assignment) if exercise.kind == Kind.LAWS}
    parts = [f'"""{HEADING}"""\n\n{imports}']
    for stem, source in solution_cells(assignment).items():
        if stem not in judged:
            continue
        lines = [line for line in source.splitlines() if "### " not in line]
        lines = [line for line in lines if not line.startswith("    raise NotImplementedError(")]
        parts.append("\n\n" + "\n".join(lines).rstrip() + "\n")
    text = "".join(parts)
    ast.parse(text)
    return text
