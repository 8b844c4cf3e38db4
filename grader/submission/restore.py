"""Gives every cell that nbgrader knows its metadata, type and locked text back, and says what was damaged."""

import re
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, Protocol

from grader.text import some_of

CONTRACT = ("grade", "solution", "locked", "points", "task")
MANY = 4  # notes on repaired cells: more of them are one
Cell = dict[str, Any]
Claims = dict[str, tuple[Cell, dict[str, Any] | None]]  # by grade_id: the cell, and its metadata


class Damaged(Protocol):
    """A submission while it is repaired."""

    notebook: dict[str, Any]
    notes: list[str]
    tampered: set[str]


def mark(cell: Cell) -> dict[str, Any]:
    """What nbgrader has noted on a cell."""
    return cell["metadata"].get("nbgrader", {})


def restore_graded(submission: Damaged, source: list[Cell]) -> None:
    """Every cell of the source that nbgrader knows is there once, with the source's metadata and locked text."""
    cells, position = submission.notebook["cells"], 0
    wanted, repairs = [cell for cell in source if mark(cell)], []
    found = _claimed(submission, {mark(cell)["grade_id"]: mark(cell) for cell in wanted})
    _find_lost(cells, wanted, found)
    _find_lost_prose(cells, source, found)
    for original in wanted:
        cell, clue = found.get(mark(original)["grade_id"], (None, None))
        if cell is None:
            cell = _blank(original)
            cells.insert(position, cell)
        if note := _restore(submission, original, cell, clue):
            repairs.append((mark(original).get("grade"), note))
        position = next(n for n, other in enumerate(cells) if other is cell) + 1
    submission.notes += _summed_up(repairs)


def _summed_up(repairs: Sequence[tuple[Any, str]]) -> list[str]:
    """One note a cell, or one for all of many."""
    if len(repairs) <= MANY:
        return [note for _, note in repairs]
    graded = sum(1 for grade, _ in repairs if grade)
    return [f"{graded} grade cells and {len(repairs) - graded} others repaired"]


def _claimed(
    submission: Damaged, officials: dict[str, dict[str, Any]]
) -> dict[str, tuple[Cell, dict[str, Any] | None]]:
    """{grade_id: (cell, its metadata)}: of several cells that claim one id, that which is most like the source's."""
    claims: dict[str, list[tuple[Cell, dict[str, Any]]]] = {}
    copies, most = [], sum(official.get("points", 0) for official in officials.values())
    for cell in submission.notebook["cells"]:
        clue = cell["metadata"].pop("nbgrader", {})
        grade_id, points = clue.get("grade_id"), clue.get("points")
        if isinstance(grade_id, str) and grade_id in officials:
            if isinstance(points, (int, float)) and 0 <= points <= most:
                # nobody's marks depend on them, and an earlier edition of the course may have had others
                clue = clue | {"points": officials[grade_id].get("points")}
            claims.setdefault(grade_id, []).append((cell, clue))
        elif clue:
            copies.append(grade_id)
    for grade_id, several in claims.items():
        several.sort(key=lambda claim: _differences(claim[1], officials[grade_id]))
        copies += [grade_id] * (len(several) - 1)
    if copies:
        submission.notes.append(_made_ordinary(copies))
    return {grade_id: several[0] for grade_id, several in claims.items()}


def _made_ordinary(grade_ids: Sequence[Any]) -> str:
    names = some_of([repr(str(grade_id)[:60]) for grade_id in grade_ids], MANY)
    if len(grade_ids) == 1:
        return f"a copied or unknown graded cell ({names}) was made an ordinary cell"
    return f"{len(grade_ids)} copied or unknown graded cells ({names}) were made ordinary cells"


def _differences(clue: dict[str, Any], official: dict[str, Any]) -> int:
    return sum(clue.get(key) != official.get(key) for key in CONTRACT)


def _find_lost(cells: list[Cell], wanted: list[Cell], found: Claims) -> None:
    """A solution cell that lost its id is known by the function it defines, even if it claims to be a cell of another kind."""
    solutions = {mark(cell)["grade_id"] for cell in wanted if mark(cell).get("solution")}
    for original in wanted:
        grade_id = mark(original)["grade_id"]
        if grade_id not in solutions or original["cell_type"] != "code":
            continue
        defines = re.compile(rf"^\f*def\s+{re.escape(grade_id)}\b", re.MULTILINE)
        cell, clue = found.get(grade_id, (None, {}))
        if cell is not None and ((clue or {}).get("solution") or defines.search(cell["source"])):
            continue
        claims = {id(cell): name for name, (cell, _) in found.items()}
        matches = [
            cell
            for cell in cells
            if cell["cell_type"] == "code"
            and claims.get(id(cell)) not in solutions
            and defines.search(cell["source"])
        ]
        if matches:
            lost = sorted(matches, key=lambda cell: id(cell) not in claims)[-1]
            found.pop(claims.get(id(lost), ""), None)
            found[grade_id] = (lost, None)


def _find_lost_prose(cells: list[Cell], source: list[Cell], found: Claims) -> None:
    """A written answer that lost its id is the student's own prose right below the source's cell before it."""
    texts, claimed = {cell["source"].strip() for cell in source}, [id(c) for c, _ in found.values()]
    for before, original in pairwise(source):
        grade_id = mark(original).get("grade_id", "")
        prose = original["cell_type"] == "markdown" and mark(original).get("solution")
        if not prose or grade_id in found or mark(before):
            continue
        for box, cell in pairwise(cells):
            at_its_place = box["source"].strip() == before["source"].strip()
            own = cell["cell_type"] == "markdown" and cell["source"].strip() not in {"", *texts}
            if at_its_place and own and id(cell) not in claimed:
                found[grade_id] = (cell, None)
                break


def _blank(original: Cell) -> Cell:
    code: Cell = {"outputs": [], "execution_count": None} if original["cell_type"] == "code" else {}
    return {"id": None, "cell_type": original["cell_type"], "metadata": {}, "source": "", **code}


def _restore(submission: Damaged, original: Cell, cell: Cell, clue: dict[str, Any] | None) -> str:
    """What was damaged, in words, or an empty string."""
    official = mark(original)
    damage = []
    if clue is None:
        lost = "had lost its metadata"
        damage.append(lost if cell["source"] else "was missing, and an empty one is in its place")
    elif _differences(clue, official) or clue.get("schema_version", 3) != 3:
        damage.append("had changed metadata")
    if cell["cell_type"] != original["cell_type"]:
        damage.append(f"had become a {cell['cell_type']} cell")
        source = cell["source"]
        cell.clear()
        cell.update(_blank(original), source=source)
    if not official.get("solution"):  # locked text is the source's; a task cell is too
        if clue is not None and cell["source"].split() != original["source"].split():
            damage.append("had changed text")
        cell["source"] = original["source"]
    cell["metadata"] = {"nbgrader": dict(official)}
    if damage:
        submission.tampered.add(official["grade_id"].removesuffix("_laws"))
        return f"the cell {official['grade_id']} {' and '.join(damage)}: repaired"
    return ""
