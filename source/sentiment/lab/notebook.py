"""Students' code, out of a saved notebook or a Python file: the statements that the exercises need, run one by one."""

import __future__

import ast
import linecache
import math
import re
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from lab import reader
from lab.errors import ExerciseError
from lab.exercises import TABLE
from lab.slices import IN_NOTEBOOKS, Nothing, Statement, describe, needed_statements, parse

# a statement that uses these trains, or samples by the thousand: never run here, whoever needs its names
TRAINING = {"train", "experiment", "base_samples"}
OLD = 600  # seconds since the last save, after which somebody may have worked on


def unsaved(path: Path) -> str | None:
    """Return a warning that a notebook may hold work that was not saved; None where it was saved just now."""
    age = time.time() - path.stat().st_mtime
    if age <= OLD:
        return None
    return f"{path.name} was last saved {age / 60:.0f} minutes ago: if you have worked on it since, save it (Ctrl-S) and run this again"


def exercises_of(path: Path) -> tuple[dict[str, Any], dict[str, str]]:
    """Return what a notebook or Python file defines under the exercises' names, and why others of its names are missing.

    Raises:
        ExerciseError: the file is missing, or is no notebook or Python file that can be read.
    """
    failures: dict[str, str] = {}
    texts = sources(path, failures)
    found = exercises_in(texts, list(TABLE), failures, str(path))
    if not reader.is_notebook(path):
        return found, failures
    for cell in reader.code_cells(readable(path, reader.parse)):
        stem, others = reader.clues(cell).get("grade_id"), names_defined(reader.source(cell))
        if stem in TABLE and stem not in found and stem not in failures and others:
            failures[stem] = (
                f"its cell defines {', '.join(others)}: the function's name must be {stem}"
            )
    return found, failures


def exercises_in(
    texts: Sequence[str], stems: Iterable[str], failures: dict[str, str], file: str
) -> dict[str, Any]:
    """Return what cells define under these names; `failures` gets why other names are missing.

    Args:
        texts: each code cell's, or a whole Python file's.
        failures: name that a statement would have bound → why it is not there.
        file: their `__file__`, never empty: what libraries look for where they are imported.
    """
    labels = reader.first_lines(texts) if len(texts) != 1 else [Path(file).name]
    statements = read_statements(texts, labels, failures)
    statements = [s for s in statements if not s.uses & TRAINING]
    needed = {(s.cell, s.index): s for stem in stems for s in needed_statements(statements, stem)}
    ordered = [s for _, s in sorted(needed.items())]
    namespace = execute(ordered, texts, labels, failures, file)
    return {stem: namespace[stem] for stem in stems if stem in namespace}


def execute(
    statements: Iterable[Statement],
    texts: Sequence[str],
    labels: Sequence[str],
    failures: dict[str, str],
    file: str,
) -> dict[str, Any]:
    """Run statements one by one and return the names they bind; a failing one is noted in `failures`."""
    module = sys.modules["student_rewards"] = ModuleType("student_rewards")
    namespace: dict[str, Any] = vars(module)  # where dataclasses look for the names they need
    namespace |= {"__file__": file, **dict.fromkeys(IN_NOTEBOOKS, Nothing())}
    future = 0  # `from __future__ import annotations` holds for the cells below it too
    for statement in statements:
        name = known_lines(f"<{labels[statement.cell]}>", texts[statement.cell])
        try:
            tree = ast.Module([statement.node], [])
            code = compile(tree, name, "exec", flags=future, dont_inherit=True)
            future |= code.co_flags & __future__.annotations.compiler_flag
            exec(code, namespace)
        # student code may raise anything; here it is only described
        except (Exception, SystemExit) as error:
            where = f"line {statement.node.lineno} of {place(labels, statement.cell)}"
            reason = f"{where} fails: {type(error).__name__}: {error}"
            failures.update(dict.fromkeys(statement.binds, reason))
    return namespace


def known_lines(name: str, text: str) -> str:
    """Return the name, under which a traceback finds the lines of this text from now on."""
    linecache.cache[name] = (len(text), None, [f"{line}\n" for line in text.split("\n")], name)
    return name


def place(labels: Sequence[str], cell: int) -> str:
    """Return what a cell, or the only text, is called."""
    return f"the cell {labels[cell]}" if len(labels) > 1 else labels[cell]


def read_statements(
    texts: Sequence[str], labels: Sequence[str], failures: dict[str, str]
) -> list[Statement]:
    """Return the top-level statements of a notebook's code cells, or of a Python file, in order.

    A cell with a syntax error is left out; the exercises it would have defined are noted in `failures`.
    """
    statements: list[Statement] = []
    for number, source in enumerate(texts):
        try:
            statements += [
                describe(number, index, node) for index, node in enumerate(parse(source))
            ]
        except SyntaxError as error:
            where = f"line {error.lineno} of {place(labels, number)}"
            reason = f"syntax error in {where}: {error.msg}"
            failures.update(dict.fromkeys(defined(source), reason))
        except (ValueError, RecursionError, MemoryError) as error:
            reason = f"Python cannot read {place(labels, number)}: {type(error).__name__}: {error}"
            failures.update(dict.fromkeys(defined(source), reason))
    return statements


def sources(path: Path, failures: dict[str, str]) -> list[str]:
    """Return the text of a Python file, or of each code cell of a notebook: grade cells are the grader's, hence empty."""
    if not reader.is_notebook(path):
        return [reader.with_newlines(readable(path, reader.text))]
    found = []
    for cell in reader.code_cells(readable(path, reader.parse)):
        source, clues = reader.source(cell), reader.clues(cell)
        if clues.get("grade"):
            reason = f"it stands in the grade cell {clues.get('grade_id')}, which the grader replaces: move it to its own cell"
            failures.update(dict.fromkeys(defined(source), reason))
        found.append("" if clues.get("grade") else source)
    return found


def names_defined(source: str) -> list[str]:
    """Return the names of the functions that a cell's own lines define."""
    return re.findall(r"^def (\w+)", source, re.MULTILINE)


def defined(source: str) -> list[str]:
    """Return the exercises that a cell would define."""
    return [stem for stem in TABLE if f"def {stem}(" in source]


def marks(path: Path) -> dict[str, float]:
    """Return each exercise's marks, as the notebook's own metadata gives them.

    Raises:
        ExerciseError: there is no such notebook, or the grader could not read it.
    """
    cells = filter(reader.is_cell, readable(path, reader.parse)["cells"])
    graded = [clues for cell in cells if (clues := reader.clues(cell)).get("grade")]
    return {
        str(clues.get("grade_id")).removesuffix("_laws"): clues.get("points", math.nan)
        for clues in graded
    }


def readable(path: Path, read_as: Callable[[bytes], Any]) -> Any:
    """Return what a file holds, by `reader.text` or `reader.parse`; raises ExerciseError with the grader's words."""
    check_file(path)
    try:
        return read_as(reader.read(path))
    except (OSError, UnicodeDecodeError, reader.Unreadable) as error:
        raise ExerciseError(f"cannot read {path}: {error}") from error


def check_file(path: Path) -> None:
    """Raise ExerciseError, which names the notebooks beside it, unless `path` is a file."""
    if path.is_dir():
        raise ExerciseError(f"cannot read {path}: {reader.no_file(path)}")
    if reason := reader.no_file(path):
        others = ", ".join(sorted(other.name for other in path.parent.glob("*.ipynb")))
        raise ExerciseError(
            f"cannot read {path}: {reason}, but {others or 'no notebook'}. Check the path; a renamed notebook "
            "must get its name back"
        )
