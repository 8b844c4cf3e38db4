"""From the bytes a student handed in to a notebook that can be graded, repaired from the instructor's notebook.

Only known fields are carried over. Cell metadata, ids and locked text come from the source, so nothing a student
does to them changes a mark; what mattered is reported.
"""

import itertools
import json
import re
from dataclasses import dataclass, field
from typing import Any

from grader import reader
from grader.assignment import Assignment
from grader.submission.foreign import cut, lift, shares
from grader.submission.handed_in import HandedIn
from grader.submission.outputs import safe_markdown, safe_outputs
from grader.submission.restore import mark, restore_graded
from grader.submission.written import untouched, unwritten

# characters, without pictures, of one Markdown cell: what renders it needs minutes for a long line of brackets
MAX_PROSE = 20_000
MAX_ALL_PROSE = 60_000
Cells = list[dict[str, Any]]


@dataclass
class Submission:
    """One notebook, read and repaired once; whoever needs it gets this value.

    `unwritten`: written answers, and functions to train with, that are not there.
    """

    notebook: dict[str, Any]
    sha256: str
    notes: list[str] = field(default_factory=list)
    tampered: set[str] = field(default_factory=set)
    unwritten: set[str] = field(default_factory=set)

    @property
    def cells(self) -> list[dict[str, str]]:
        """What the worker may run: code cells with a name to report errors by; grade cells are the grader's own."""
        code = [
            (cell, mark(cell)) for cell in self.notebook["cells"] if cell["cell_type"] == "code"
        ]
        kept = [(cell["source"], clue) for cell, clue in code if not clue.get("grade")]
        names = reader.first_lines([source for source, _ in kept])
        return [
            {"id": clue.get("grade_id") or name, "source": source}
            for (source, clue), name in zip(kept, names, strict=True)
        ]


def source_notebook(assignment: Assignment) -> dict[str, Any]:
    """The instructor's document, its cells' text as students get it but for the solutions."""
    document: dict[str, Any] = json.loads(assignment.notebook.read_bytes())
    for cell in document["cells"]:
        cell["source"] = reader.source(cell).rstrip("\n")
    return document


def blank(assignment: Assignment) -> Submission:
    """The sheet for what could not be read: every solution cell empty."""
    document = source_notebook(assignment)
    for cell in document["cells"]:
        if mark(cell).get("solution"):
            cell["source"] = ""
    return repair(json.dumps(document).encode(), assignment)


def repair(notebook: HandedIn | bytes, assignment: Assignment) -> Submission:
    """The notebook, whole again; Unreadable if there is none that can be read."""
    handed_in = notebook if isinstance(notebook, HandedIn) else HandedIn(notebook)
    given, source = handed_in.document(), source_notebook(assignment)
    cells = [cell for cell in map(_clean_cell, given["cells"]) if cell]
    whole = {"nbformat": 4, "nbformat_minor": 5, "metadata": _metadata(source), "cells": cells}
    submission = Submission(whole, handed_in.sha256)
    if len(cells) < len(given["cells"]):
        submission.notes.append(f"{len(given['cells']) - len(cells)} broken cells were left out")
    if _kernel(given) != _kernel(source):
        submission.notes.append("the kernel's name was changed; it is the course's again")
    restore_graded(submission, source["cells"])
    prose = _students_prose(cells, source["cells"])
    submission.unwritten = unwritten(cells, source["cells"]) | untouched(
        assignment.training, submission.cells, source["cells"]
    )
    _disarm_markdown(submission, prose)
    _number(cells)
    return submission


def _clean_cell(cell: Any) -> dict[str, Any] | None:
    """Known fields of known types only; None if it is no cell."""
    if not reader.is_cell(cell):
        return None
    clues = reader.clues(cell)
    kept = {
        "id": cell.get("id"),
        "cell_type": cell["cell_type"],
        "metadata": {"nbgrader": clues} if clues else {},
        "source": reader.source(cell),
    }
    if cell["cell_type"] == "code":
        count = cell.get("execution_count")
        kept |= {
            "outputs": safe_outputs(cell.get("outputs")),
            "execution_count": count if type(count) is int and 0 <= count < 10**9 else None,
        }
    else:
        kept["attachments"] = cell.get("attachments")
    return kept


def _metadata(document: dict[str, Any]) -> dict[str, Any]:
    return {
        key: document["metadata"][key]
        for key in ("kernelspec", "language_info")
        if key in document["metadata"]
    }


def _kernel(document: dict[str, Any]) -> Any:
    metadata = document.get("metadata")
    kernel = metadata.get("kernelspec") if isinstance(metadata, dict) else None
    return kernel.get("name") if isinstance(kernel, dict) else None


def _students_prose(cells: Cells, source: Cells) -> Cells:
    """Cells without code that are a student's own, their pictures lifted out; the others get the instructor's pictures."""
    own = {cell["source"].strip(): cell.get("attachments") for cell in source}
    found = []
    for cell in (cell for cell in cells if cell["cell_type"] != "code"):
        text, pictures = cell["source"], cell.pop("attachments", None)
        if text.strip() in own:
            pictures = own[text.strip()]
        else:
            cell["source"], pictures = lift(text, pictures)
            found.append(cell)
        if pictures:
            cell["attachments"] = pictures
    return found


def _disarm_markdown(submission: Submission, prose: Cells) -> None:
    """A student's prose is shown without its HTML and not without end: graded answers first, then every cell's beginning."""
    left, was_cut = MAX_ALL_PROSE, False
    answers = [cell for cell in prose if mark(cell)]
    for cells in (answers, [cell for cell in prose if not mark(cell)]):
        limits = shares([cell["source"] for cell in cells], MAX_PROSE, left)
        left -= sum(limits)
        for cell, limit in zip(cells, limits, strict=True):
            was_cut = was_cut or len(cell["source"]) > limit
            text, pictures = cut(cell["source"], limit), cell.pop("attachments", None)
            cell["source"], pictures = safe_markdown(text, pictures, limit)
            if pictures:
                cell["attachments"] = pictures
    if was_cut:
        submission.notes.append(
            f"prose beyond {MAX_PROSE} characters a cell, or {MAX_ALL_PROSE} in all, was cut"
        )


def _number(cells: Cells) -> None:
    """Cell ids are kept where they are valid and unique."""
    taken, seen = {cell["id"] for cell in cells if isinstance(cell["id"], str)}, set()
    names = (name for n in itertools.count() if (name := f"repaired-{n}") not in taken)
    for cell in cells:
        valid = isinstance(cell["id"], str) and re.fullmatch(r"[A-Za-z0-9_-]{1,64}", cell["id"])
        cell["id"] = cell["id"] if valid and cell["id"] not in seen else next(names)
        seen.add(cell["id"])
