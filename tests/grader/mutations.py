"""Ways to spoil a notebook: in its bytes, its JSON, its cells and what nbgrader reads of them."""

import copy
import json

KEYS = ["cells", "metadata", "nbformat", "nbformat_minor", "cell_type", "source", "outputs", "id", "execution_count", "attachments",
        "nbgrader", "grade", "grade_id", "points", "locked", "solution", "schema_version", "task", "kernelspec", "name", "output_type",
        "text", "data", "text/plain", "text/html", "image/png", "traceback", "evalue", "ename", "worksheets", "why_not"]  # fmt: skip
ODD = [None, True, False, 0, -1, 4, 1e308, 10**400, float("nan"), float("inf"), "", "code", "markdown", "raw", "basket_total", "basket_total_laws",
       "\ud800", "\x00", "\x1b[31m", "é" * 50, "<script>alert(1)</script>", "![x](attachment:a.png)", "[x](javascript:1)", "../../x", "9" * 5000,
       "[" * 300, "def basket_total(items, discount=0.0):\n    return 1.0", "%%bash\nls", [], {}, [[]], {"": ""}, {"a.png": {"image/png": "aGk="}}]  # fmt: skip


def mutated_bytes(document, chance):
    """Bits, bytes, runs and halves of the file."""
    data = bytearray(json.dumps(document).encode())
    for _ in range(chance.choice([1, 1, 2, 5, 50])):
        at, size = chance.randrange(len(data)), chance.choice([0, 1, 1, 9, 500])
        new = bytes(chance.randrange(256) for _ in range(chance.choice([0, 1, 1, 4])))
        data[at : at + size] = chance.choice([new, new, bytes(data[at : at + size]) * 2, b""])
        data = data or bytearray(b"{")
    return bytes(data[: chance.randrange(len(data))] if chance.random() < 0.05 else data)


def mutated_json(document, chance):
    """Any value anywhere replaced, removed, repeated or renamed."""
    for _ in range(chance.choice([1, 1, 2, 8])):
        places = list(containers(document))
        holder = chance.choice(places)
        keys = list(holder) if isinstance(holder, dict) else list(range(len(holder)))
        if not keys or chance.random() < 0.2:
            put(holder, chance.choice(KEYS), tree(chance))
        elif chance.random() < 0.2:
            del holder[chance.choice(keys)]
        else:
            holder[chance.choice(keys)] = chance.choice(
                [tree(chance), copy.deepcopy(chance.choice(places))]
            )
    return document


def mutated_cells(document, chance):
    """Cells copied, dropped, moved, swapped, retyped and invented."""
    cells = document["cells"]
    for _ in range(chance.choice([1, 2, 5])):
        at = chance.randrange(len(cells) + 1)
        cell = copy.deepcopy(chance.choice(cells)) if cells else {}
        action = chance.randrange(5)
        if action == 0:
            cells.insert(at, cell)
        elif action == 1 and cells:
            del cells[at - 1]
        elif action == 2:
            chance.shuffle(cells)
        elif action == 3:
            cells.insert(
                at,
                cell
                | {
                    chance.choice(KEYS): tree(chance),
                    "cell_type": chance.choice(["code", "markdown", "raw"]),
                },
            )
        else:
            cells.insert(at, {key: tree(chance) for key in chance.sample(KEYS, 5)})
    return document


def mutated_metadata(document, chance):
    """What nbgrader reads: ids, points, flags, schema, in graded cells and where there were none."""
    for cell in chance.sample(document["cells"], min(3, len(document["cells"]))):
        clues = cell["metadata"].setdefault("nbgrader", {})
        clues[chance.choice(KEYS[10:18])] = tree(chance)
        if chance.random() < 0.2:
            cell["metadata"] = tree(chance)
    document["metadata"][chance.choice(KEYS)] = tree(chance)
    return document


MUTATIONS = [mutated_bytes, mutated_json, mutated_cells, mutated_metadata]


def containers(value):
    """Every list and dict of a document."""
    if isinstance(value, (list, dict)):
        yield value
        for item in value.values() if isinstance(value, dict) else value:
            yield from containers(item)


def put(holder, key, value):
    if isinstance(holder, dict):
        holder[key] = value
    else:
        holder.append(value)


def tree(chance, depth=3):
    if depth and chance.random() < 0.3:
        items = [tree(chance, depth - 1) for _ in range(chance.randrange(4))]
        return items if chance.random() < 0.5 else {chance.choice(KEYS): item for item in items}
    return copy.deepcopy(chance.choice(ODD))
