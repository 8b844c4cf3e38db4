"""Hostile and damaged notebooks: edits of the whole file. Each takes the instructor's document and gives a new one, or bytes.

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


# --- no notebook at all


@edit("unreadable")
def empty_file(document):
    """No bytes."""
    return b""


@edit("unreadable")
def cut_off(document):
    """An upload that broke off."""
    data = json.dumps(document).encode()
    return data[: len(data) // 2]


@edit("unreadable")
def another_file(document):
    """A PDF that was renamed."""
    return b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n" + bytes(range(256)) * 40


@edit("unreadable")
def zip_file(document):
    """A zip archive that was renamed."""
    return b"PK\x03\x04" + bytes(1000)


@edit("unreadable")
def python_file(document):
    """A script that was renamed."""
    return b"import torch\nprint('hello')\n"


@edit("unreadable")
def json_list(document):
    """JSON, but no notebook."""
    return json.dumps([document]).encode()


@edit("unreadable")
def deep_json(document):
    """A million opening brackets: no parser may overflow."""
    return b"[" * 1_000_000


@edit("unreadable")
def huge_file(document):
    """30 MB of output."""
    document["cells"][0]["metadata"]["padding"] = "x" * (30 << 20)
    return document


@edit("unreadable")
def no_cells(document):
    """The list of cells is a dict."""
    return document | {"cells": {"0": document["cells"][0]}}


@edit("unreadable")
def old_format(document):
    """nbformat 3, with worksheets."""
    return {
        "nbformat": 3,
        "nbformat_minor": 0,
        "metadata": {},
        "worksheets": [{"cells": document["cells"]}],
    }


@edit("unreadable")
def format_of_the_future(document):
    """nbformat 99."""
    return document | {"nbformat": 99}


@edit("unreadable")
def ten_thousand_cells(document):
    """More cells than anyone writes."""
    return document | {"cells": document["cells"] * (10_000 // len(document["cells"]))}


# --- odd, but gradable


@edit()
def byte_order_mark(document):
    """UTF-8 with a byte order mark."""
    return b"\xef\xbb\xbf" + json.dumps(document).encode()


@edit()
def utf_16(document):
    """Saved as UTF-16 by a Windows editor."""
    return json.dumps(document).encode("utf-16")


@edit()
def not_a_number(document):
    """NaN and Infinity, which are no JSON, in metadata and counts."""
    document["metadata"]["x"] = float("nan")
    cell_of(document, STEM)["execution_count"] = float("inf")
    return document


@edit()
def sources_as_lines(document):
    """Every source a list of lines."""
    for cell in document["cells"]:
        cell["source"] = "".join(cell["source"]).splitlines(keepends=True)
    return document


@edit()
def broken_cells_between(document):
    """Cells that are numbers, strings, null, of unknown type or without source."""
    junk = [
        7,
        None,
        "cell",
        [],
        {},
        {"cell_type": "video"},
        {"cell_type": "code", "source": 5, "metadata": [], "outputs": 3},
    ]
    document["cells"][2:2] = junk
    return document


@edit()
def lone_surrogates(document):
    """Text that UTF-8 cannot hold, in prose, a comment and a name."""
    document["cells"].append(
        {"cell_type": "markdown", "metadata": {}, "id": "\ud800", "source": "\udcff"}
    )
    cell_of(document, STEM)["source"] += "\n# \ud83d alone\n"
    return document


@edit()
def same_ids(document):
    """Every cell id is the same."""
    for cell in document["cells"]:
        cell["id"] = "a"
    return document


@edit()
def ids_as_attack(document):
    """Cell ids with HTML and paths."""
    for number, cell in enumerate(document["cells"]):
        cell["id"] = f"<script>alert({number})</script>/../../.."
    return document


@edit()
def other_kernel(document):
    """A kernel that runs a shell."""
    document["metadata"]["kernelspec"] = {
        "name": "../../bash",
        "display_name": "<script>alert(1)</script>",
        "language": "sh",
    }
    return document


@edit()
def no_metadata(document):
    """The notebook's own metadata is gone."""
    return {key: value for key, value in document.items() if key != "metadata"}


@edit()
def outputs_as_attack(document):
    """Script, HTML, a full-mark result, stderr and a megabyte of text as saved outputs of the graded cells."""
    evil = "<script>alert(1)</script><img src=x onerror=alert(2)>"
    for cell in document["cells"]:
        if cell["cell_type"] == "code":
            cell["outputs"] = [
                {
                    "output_type": "execute_result",
                    "execution_count": 1,
                    "metadata": {},
                    "data": {"text/plain": "1000000"},
                },
                {
                    "output_type": "execute_result",
                    "execution_count": 1,
                    "metadata": {},
                    "data": {"text/plain": "nan"},
                },
                {
                    "output_type": "display_data",
                    "metadata": {},
                    "data": {"text/html": evil, "application/javascript": "alert(3)"},
                },
                {
                    "output_type": "display_data",
                    "metadata": {},
                    "data": {"image/svg+xml": f"<svg onload=alert(4)>{evil}</svg>"},
                },
                {"output_type": "stream", "name": "stderr", "text": "x" * 100_000},
                {
                    "output_type": "error",
                    "ename": evil,
                    "evalue": "\x1b[31m" + evil,
                    "traceback": [evil] * 1000,
                },
                {"output_type": "unknown"},
                5,
            ]
    return document


@edit()
def prose_as_attack(document):
    """Script, frames and links in markdown cells and attachments."""
    source = "<script>alert(1)</script><iframe src='//x'></iframe>[x](javascript:alert(2))\n\n$$\\href{javascript:alert(3)}{x}$$"
    evil = {
        "cell_type": "markdown",
        "id": "evil",
        "metadata": {},
        "source": source,
        "attachments": {"a.svg": {"image/svg+xml": source}},
    }
    document["cells"].insert(1, evil)
    return document


@edit()
def exercises_reversed(document):
    """The exercises in reverse order, below the imports."""
    cells = document["cells"]
    first = next(number for number, cell in enumerate(cells) if mark(cell))
    return document | {"cells": cells[:first] + cells[first:][::-1]}


@edit()
def exercise_copied(document):
    """The stub of an exercise pasted above it, with its id: the first one counts, so the copy stands below."""
    at = document["cells"].index(cell_of(document, STEM))
    document["cells"].insert(at + 1, copy.deepcopy(document["cells"][at]))
    return document


@edit()
def grade_cell_copied(document):
    """A grade cell pasted twenty times."""
    return document | {
        "cells": document["cells"]
        + [copy.deepcopy(cell_of(document, f"{STEM}_laws")) for _ in range(20)]
    }


@edit()
def grade_cell_invented(document):
    """Grade cells of the student's own, worth a hundred points each, with paths as names."""
    for name in ("bonus_laws", "../../tests/hidden/test_bonus", "", None, 7):
        invented = copy.deepcopy(cell_of(document, f"{STEM}_laws"))
        invented["metadata"]["nbgrader"] |= {"grade_id": name, "points": 100}
        document["cells"].append(invented)
    return document


@edit()
def notebook_writes_files(document):
    """Cells that write conftest.py, torch.py, sitecustomize.py and sentiment.py beside the notebook."""
    for number, name in enumerate(("conftest.py", "torch.py", "sitecustomize.py", "sentiment.py")):
        text = f"%%writefile {name}\nraise SystemExit('taken over')\n"
        document["cells"].insert(
            1,
            {
                "cell_type": "code",
                "id": f"w{number}",
                "metadata": {},
                "execution_count": None,
                "outputs": [],
                "source": text,
            },
        )
    return document


# --- damage that matters, repaired and reported


@edit({STEM})
def points_raised(document):
    """1000 points for one exercise."""
    mark(cell_of(document, f"{STEM}_laws"))["points"] = 1000
    return document


@edit({STEM})
def points_not_a_number(document):
    """NaN points."""
    mark(cell_of(document, f"{STEM}_laws"))["points"] = float("nan")
    return document


@edit({STEM})
def grade_cell_deleted(document):
    """A grade cell is missing."""
    document["cells"].remove(cell_of(document, f"{STEM}_laws"))
    return document


@edit({STEM})
def grade_cell_rewritten(document):
    """A locked grade cell that grants itself the marks."""
    cell_of(document, f"{STEM}_laws")["source"] = "3.0"
    return document


@edit({STEM})
def solution_unmarked(document):
    """A solution cell that lost its metadata, as after copy and paste."""
    cell_of(document, STEM)["metadata"] = {}
    return document


@edit({STEM})
def solution_as_markdown(document):
    """A solution cell turned into prose."""
    cell_of(document, STEM)["cell_type"] = "markdown"
    return document


@edit({STEM})
def solution_locked(document):
    """The metadata of solution and grade cell exchanged."""
    solution, grade = cell_of(document, STEM), cell_of(document, f"{STEM}_laws")
    mark(solution)["locked"], mark(grade)["locked"] = True, False
    return document


@edit({STEM})
def schema_of_the_past(document):
    """An nbgrader schema that no longer exists."""
    mark(cell_of(document, STEM))["schema_version"] = 1
    return document


@edit({STEM})
def schema_of_the_future(document):
    """An nbgrader schema that does not exist yet."""
    mark(cell_of(document, STEM))["schema_version"] = 99
    return document


@edit({STEM})
def metadata_emptied(document):
    """The nbgrader entry is there and empty, as nbgrader itself leaves it after it found a copied cell."""
    cell_of(document, STEM)["metadata"] = {"nbgrader": {}}
    return document


@edit({STEM})
def metadata_of_another_type(document):
    """The nbgrader entry is a list."""
    cell_of(document, STEM)["metadata"] = {"nbgrader": ["grade", "solution"]}
    return document
