"""Which written answers are not there: their cells are as they were handed out, and no other prose could be the answer.

The same for the functions that a training run marks: the marks are for one who wrote the function.
"""

import re
from collections.abc import Collection, Iterable
from typing import Any

from grader.submission.foreign import NO_WORDS
from grader.submission.restore import mark

STUB = "YOUR ANSWER HERE"  # nbgrader's ClearSolutions.text_stub
SOLUTION = re.compile(
    r"^[^\n]*### BEGIN SOLUTION.*?### END SOLUTION[^\n]*$", re.DOTALL | re.MULTILINE
)


def unwritten(cells: list[dict[str, Any]], source: list[dict[str, Any]]) -> set[str]:
    """The ids of answers that nobody needs to read: a student who answered elsewhere in the notebook is read by hand.

    A picture can be an answer; data that nobody can read is none.

    Args:
        cells: of the repaired submission.
        source: the instructor's cells.
    """
    answers = {
        mark(cell)["grade_id"]: cell["source"]
        for cell in source
        if cell["cell_type"] == "markdown"
        and mark(cell).get("grade")
        and mark(cell).get("solution")
    }
    handed_out = {as_words(cell["source"]) for cell in source}
    if any(is_prose(cell) and as_words(cell["source"]) not in handed_out for cell in cells):
        return set()
    given = {mark(cell).get("grade_id"): cell["source"] for cell in cells}
    return {name for name, text in answers.items() if not own_lines(given[name], text)}


def untouched(
    stems: Collection[str], cells: Iterable[dict[str, str]], source: list[dict[str, Any]]
) -> set[str]:
    """Those of `stems` whose solution cells are as they were handed out, with no other cell that defines them.

    Texts are compared, nothing is parsed: whoever wants to can get round this look, and gains the marks that training would
    have given for the same functions anyway.

    Args:
        cells: the repaired submission's code.
        source: the instructor's cells.
    """
    given = {cell["id"]: cell["source"] for cell in cells}
    return {
        name
        for cell in source
        if (name := mark(cell).get("grade_id")) in {*stems} & given.keys()
        and not any(line[0] != "#" for line in own_lines(given[name], cell["source"]))
        and not any(map(definition(name).search, (given | {name: ""}).values()))
    }


def definition(name: str) -> re.Pattern[str]:
    """A line that gives the name a meaning."""
    return re.compile(rf"^[ \t]*(?:(?:async )?def {name}\b|{name} *=(?!=))", re.MULTILINE)


def is_prose(cell: dict[str, Any]) -> bool:
    """Whether it could hold an answer that belongs to another cell: Markdown, or code that is nothing but comments."""
    if mark(cell):
        return False
    lines = [line.strip() for line in cell["source"].split("\n")]
    lines = [line for line in lines if line not in ("", NO_WORDS)]
    return bool(lines) and (cell["cell_type"] != "code" or all(line[0] == "#" for line in lines))


def own_lines(text: str, original: str) -> list[str]:
    """What the student's text says beside the instructor's words."""
    there = {STUB, NO_WORDS, *map(str.strip, SOLUTION.sub("", original).splitlines())}
    return [line for line in map(str.strip, text.splitlines()) if line and line not in there]


def as_words(text: str) -> str:
    """The text, whatever blanks are in it."""
    return " ".join(text.split())
