"""Where you stand: every exercise with its marks, whether its visible checks pass, and what is left to do.

The exercises and their order are those that the notebook has marks for; which of them are functions, `lab/exercises.py` says.
"""

import ast
import html
import math
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from checks import HERE, UNTOUCHED, CheckFailed, check_run, first_problem, missed, saved_problem
from lab import reader
from lab.alone import Surroundings, executed
from lab.exercises import NUMBERS, TABLE
from lab.notebook import marks, readable, sources
from lab.trial import still_below
from rewards import NOTEBOOK, load_rewards

NO_ANSWER = "YOUR ANSWER HERE"  # what nbgrader leaves where an answer is to be written
SIGNS = {True: "✓ done", False: "○ open"}
COLUMNS = ("no.", "exercise", "marks", "state", "what is left")
UNKNOWN = "not tried: it has no row in lab/exercises.py"


@dataclass(frozen=True)
class Standing:
    """One exercise; `left`: what is to be done, or who decides on what is done; `marks`: NaN where the file does not tell."""

    stem: str
    marks: float
    done: bool
    left: str

    def cells(self) -> tuple[str, ...]:
        """Its row of the table, as text."""
        worth = "?" if math.isnan(self.marks) else f"{self.marks:g}"
        return NUMBERS.get(self.stem, "?"), self.stem, worth, SIGNS[self.done], self.left


@dataclass(frozen=True, repr=False)
class Progress:
    """All exercises; prints as a table, and shows as one in a notebook."""

    rows: tuple[Standing, ...]

    @property
    def done(self) -> int:
        """How many are done."""
        return sum(row.done for row in self.rows)

    @property
    def summary(self) -> str:
        """How far it is, in one line."""
        known = [row for row in self.rows if not math.isnan(row.marks)]
        worth = math.fsum(row.marks for row in known if row.done)
        most = math.fsum(row.marks for row in known)
        return (
            f"{self.done} of {len(self.rows)} exercises done, worth {worth:g} of {most:g} marks."
            " The mark itself is decided by hidden laws, a training run and a reader."
        )

    def __repr__(self) -> str:
        table = [COLUMNS, *(row.cells() for row in self.rows)]
        widths = [max(len(cells[i]) for cells in table) for i in range(len(COLUMNS))]
        lines = [
            "  ".join(
                f"{cell:<{width}}" for cell, width in zip(cells, widths, strict=True)
            ).rstrip()
            for cells in table
        ]
        return "\n".join([*lines, "", self.summary])

    def _repr_html_(self) -> str:
        left = ' style="text-align: left"'
        head = "".join(f'<th scope="col"{left}>{name}</th>' for name in COLUMNS)
        body = "".join(
            f"<tr>{''.join(f'<td{left}>{spaced(cell)}</td>' for cell in row.cells())}</tr>"
            for row in self.rows
        )
        return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table><p>{html.escape(self.summary)}</p>"


def spaced(cell: str) -> str:
    """Return a cell's text as HTML; a sign and its word stay on one line."""
    text = html.escape(cell)
    return text.replace(" ", "&nbsp;") if cell in SIGNS.values() else text


def progress(path: str | Path = NOTEBOOK) -> Progress:
    """Return where you stand in this session: your functions as they are defined now, your run, your saved answer.

    Args:
        path: the notebook that tells the marks and holds the written answer, as it was saved last.

    Raises:
        ExerciseError: there is no such notebook, or the grader could not read it.
    """
    names = vars(sys.modules["__main__"])
    return standings(
        Path(path), lambda stem: problem_here(stem, names), lambda: run_left(names.get("mine"))
    )


def saved_progress(path: Path, surroundings: Surroundings) -> Progress:
    """Return where a saved notebook stands; `surroundings`: where modules were found before any of its code ran.

    Raises:
        ExerciseError: there is no such notebook, or the grader could not read it.
    """
    exercises, texts = load_rewards(path), sources(path.resolve(), {})
    return standings(
        path,
        lambda stem: saved_problem(exercises, stem, texts, surroundings),
        lambda: (
            (True, "a run that the grader makes with your functions decides")
            if is_written("train", texts)
            else (False, UNTOUCHED)
        ),
    )


def standings(
    path: Path, problem: Callable[[str], str], trained: Callable[[], tuple[bool, str]]
) -> Progress:
    """Return the table; `problem`: what is wrong with an exercise, ""; `trained`: whether exercise 5 is done, and what to say."""
    points, answers = marks(path), written(path)

    def one(stem: str) -> Standing:
        worth = points.get(stem, math.nan)
        if stem in TABLE:
            words = in_short(stem, problem(stem))
            return Standing(stem, worth, not words, words)
        if stem == "train":
            return Standing(stem, worth, *trained())
        if stem in answers:
            return Standing(stem, worth, *answer_left(answers[stem]))
        return Standing(stem, worth, False, UNKNOWN)

    return Progress(tuple(map(one, in_order(points))))


def in_order(found: Iterable[str]) -> list[str]:
    """Return the exercises as the notebook has them; one that is known and has lost its marks there comes last."""
    stems = list(found)
    return [*stems, *(stem for stem in NUMBERS if stem not in stems)]


def problem_here(stem: str, names: Mapping[str, Any]) -> str:
    """Return what is wrong with a function of this session, "" where it passes."""
    function = names.get(stem)
    if not callable(function):
        return "its cell was not run yet"
    try:
        return first_problem(function, stem) or missed(stem, executed(), HERE)
    except NotImplementedError as error:
        return still_below(error)


def run_left(run: Any) -> tuple[bool, str]:
    """Return whether a run of this session is one that exercise 5 asks for, and what is to be done or decided."""
    if run is None:
        return False, "no finished run yet: run the cell that makes `mine`"
    try:
        check_run(run, quiet=True)
    except CheckFailed as error:
        return False, str(error)
    return True, "a run that the grader makes with your functions decides"


def answer_left(text: str) -> tuple[bool, str]:
    """Return whether there is an answer, and what is to be done or decided."""
    words = len(text.split())
    if not words:
        return False, "nothing is written in the saved file"
    return True, f"{words} words in the saved file; a person reads them"


def in_short(stem: str, problem: str) -> str:
    """Return what is wrong in one line: `check` says it all."""
    first, more, _ = problem.removeprefix(f"{TABLE[stem].title}: ").partition("\n")
    return f"{first} (check says more)" if more else first


def written(path: Path) -> dict[str, str]:
    """Return the written answers by exercise, as they were saved, without what stood there at first."""
    found = {}
    for cell in filter(reader.is_cell, readable(path, reader.parse)["cells"]):
        clues = reader.clues(cell)
        if cell["cell_type"] == "markdown" and clues.get("grade") and clues.get("solution"):
            text = reader.source(cell).replace(NO_ANSWER, "")
            found[str(clues.get("grade_id"))] = text.strip()
    return found


def is_written(name: str, texts: Iterable[str]) -> bool:
    """Tell whether any of a function's lines stands above the last one of its stub; nothing is run."""
    for text in texts:
        try:
            nodes = ast.parse(text).body
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            continue
        for node in nodes:
            if isinstance(node, ast.FunctionDef) and node.name == name:
                body = node.body[1:] if ast.get_docstring(node) is not None else node.body
                if not (len(body) == 1 and isinstance(body[0], ast.Raise)):
                    return True
    return False
