"""Gives every cell that nbgrader knows its metadata, type and locked text back, and says what was damaged."""

import re

CONTRACT = ("grade", "solution", "locked", "points", "task")


def mark(cell):
    return cell["metadata"].get("nbgrader", {})


def restore_graded(submission, wanted):
    """Every cell of the source that nbgrader knows is there once, with the source's metadata and locked text."""
    cells, found, position = submission.notebook["cells"], {}, 0
    ids = {mark(cell)["grade_id"] for cell in wanted}
    for cell in cells:
        clue = cell["metadata"].pop("nbgrader", {})
        grade_id = clue.get("grade_id")
        if isinstance(grade_id, str) and grade_id in ids and grade_id not in found:
            found[grade_id] = (cell, clue)
        elif clue:
            submission.notes.append(
                f"a copied or unknown graded cell ({str(grade_id)[:60]!r}) was made an ordinary cell"
            )
    for original in wanted:
        cell, clue = found.get(mark(original)["grade_id"]) or (_lost_cell(cells, original), None)
        if cell is None:
            cell = _blank(original)
            cells.insert(position, cell)
        _restore(submission, original, cell, clue)
        position = next(n for n, other in enumerate(cells) if other is cell) + 1


def _lost_cell(cells, original):
    """A solution cell that lost its metadata is known by the function it defines."""
    defines = re.compile(rf"^def {re.escape(mark(original)['grade_id'])}\b", re.MULTILINE)
    if not mark(original).get("solution") or original["cell_type"] != "code":
        return None
    matches = [
        cell
        for cell in cells
        if cell["cell_type"] == "code" and not mark(cell) and defines.search(cell["source"])
    ]
    return matches[-1] if matches else None


def _blank(original):
    code = {"outputs": [], "execution_count": None} if original["cell_type"] == "code" else {}
    return {"id": None, "cell_type": original["cell_type"], "metadata": {}, "source": "", **code}


def _restore(submission, original, cell, clue):
    official = mark(original)
    damage = []
    if clue is None:
        damage.append("had lost its metadata" if cell["source"] else "was missing")
    elif [clue.get(key) for key in CONTRACT] != [official.get(key) for key in CONTRACT] or clue.get(
        "schema_version", 3
    ) != 3:
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
        submission.notes.append(f"the cell {official['grade_id']} {' and '.join(damage)}: repaired")
        submission.tampered.add(official["grade_id"].removesuffix("_laws"))
