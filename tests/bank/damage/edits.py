"""How an edit of the whole notebook is written down. Each takes the instructor's document and gives a new one, or bytes.

`expected` is "unreadable" (no marks, and the reason said), or the stems whose outcome becomes "tampered"; the marks are
always those of the undamaged notebook.
"""

import copy
import json
from dataclasses import dataclass

STEM = "exponential_shaping"
EDITS = []


@dataclass(frozen=True)
class Edit:
    name: str
    change: object
    expected: object
    about: str

    def notebook(self, source):
        changed = self.change(copy.deepcopy(source))
        return changed if isinstance(changed, bytes) else json.dumps(changed).encode()


def edit(expected=()):
    def register(change):
        about = " ".join(change.__doc__.split())
        EDITS.append(
            Edit(
                change.__name__,
                change,
                expected if expected == "unreadable" else set(expected),
                about,
            )
        )
        return change

    return register


def cell_of(document, grade_id):
    return next(cell for cell in document["cells"] if mark(cell).get("grade_id") == grade_id)


def mark(cell):
    return cell["metadata"].get("nbgrader", {})


def marks(document):
    return [mark(cell) for cell in document["cells"] if mark(cell)]
