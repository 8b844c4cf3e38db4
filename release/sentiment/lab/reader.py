"""Reads a notebook's code as the grader does: one set of limits, reasons and line ends for both sides."""

import json
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

MAX_BYTES = 20 << 20
MAX_CELLS = 2000
MAX_CODE = 300_000  # characters
NAMES = (".ipynb", ".ipynb.json", ".ipynb.txt")  # browsers add the last part
KINDS = ("code", "markdown", "raw")
LINE_END = re.compile(r"\r\n?")
LONGEST_NAME = 40  # characters of a line that stands for its cell
# in the name of a cell, which is the name of its code, too
NOT_SHOWN = re.compile(r"[<>\x00-\x1f\x7f]")


class Unreadable(Exception):
    """The file is no notebook; the text says why, for the student, and is no student's: pages show it as it is."""


def is_notebook(path: str | Path) -> bool:
    """Tell by its name whether a file is a notebook."""
    return Path(path).name.lower().endswith(NAMES)


def no_file(path: str | Path) -> str:
    """Return why there is nothing to read at a path, "" where a file lies there."""
    if Path(path).is_dir():
        return "it is a folder: name a notebook (.ipynb) or a .py file"
    return "" if Path(path).is_file() else "there is no such file"


def read(path: str | Path) -> bytes:
    """Return at most what is accepted, and one byte more, so that `text` can say so; raises OSError."""
    with Path(path).open("rb") as file:
        return file.read(MAX_BYTES + 1)


def text(data: bytes) -> str:
    r"""Return a file's text, from UTF-8, UTF-16 or UTF-32, with or without a byte order mark.

    Raises:
        Unreadable: the file is too large.
        UnicodeDecodeError: it is in none of these.

    >>> text("x = 1".encode("utf-16"))
    'x = 1'
    """
    if len(data) > MAX_BYTES:
        raise Unreadable(
            f"the file is larger than {MAX_BYTES >> 20} MB: clear its outputs and hand it in again"
        )
    return data.decode(json.detect_encoding(data))


def parse(data: bytes) -> dict[str, Any]:
    """Return the notebook as Jupyter stores it; raises Unreadable with the reason."""
    try:
        document = json.loads(text(data))
    except UnicodeDecodeError:
        raise Unreadable("the file is not a notebook: its text is not UTF-8") from None
    except (ValueError, RecursionError):
        raise Unreadable(
            "the file is not a notebook: it is not valid JSON (cut off, or another kind of file?)"
        ) from None
    if not isinstance(document, dict) or not isinstance(document.get("cells"), list):
        old = isinstance(document, dict) and "worksheets" in document
        raise Unreadable(
            "the notebook is in an old format: open it in a current Jupyter and save it"
            if old
            else "the file is JSON, but no notebook: it has no cells"
        )
    if document.get("nbformat") != 4:
        raise Unreadable("the notebook's format is not 4: open it in a current Jupyter and save it")
    if len(document["cells"]) > MAX_CELLS:
        raise Unreadable(f"the notebook has more than {MAX_CELLS} cells")
    if sum(len(source(cell)) for cell in code_cells(document)) > MAX_CODE:
        raise Unreadable(f"the notebook's code is longer than {MAX_CODE} characters")
    return document


def code_cells(document: dict[str, Any]) -> list[dict[str, Any]]:
    """Return a notebook's code cells in order; what is no cell is left out."""
    return [cell for cell in document["cells"] if is_cell(cell) and cell["cell_type"] == "code"]


def is_cell(cell: Any) -> bool:
    """Tell whether an entry of a notebook's list of cells is one."""
    return isinstance(cell, dict) and cell.get("cell_type") in KINDS


def clues(cell: dict[str, Any]) -> dict[str, Any]:
    """Return what nbgrader has noted on a cell, {} where it has nothing."""
    metadata = cell.get("metadata")
    noted = metadata.get("nbgrader") if isinstance(metadata, dict) else None
    return noted if isinstance(noted, dict) else {}


def source(cell: dict[str, Any]) -> str:
    """Return a cell's text, of UTF-8's characters only."""
    return with_newlines(joined(cell.get("source")).encode("utf-8", "replace").decode())


def joined(stored: Any) -> str:
    """Jupyter stores text as a string or as a list of lines; anything else counts as empty."""
    if isinstance(stored, list):
        return "".join(line for line in stored if isinstance(line, str))
    return stored if isinstance(stored, str) else ""


def with_newlines(text: str) -> str:
    r"""Return the text with "\n" for each line end that Python sees, in strings too, as Python itself reads a file.

    Form feeds, vertical tabs and Unicode's separators, at which `str.splitlines` would break, end no line of code.

    >>> with_newlines("a\r\nb\rc\r\r\nd\x0ce")
    'a\nb\nc\n\nd\x0ce'
    """
    return LINE_END.sub("\n", text)


def first_lines(sources: Sequence[str]) -> list[str]:
    r"""Return a name for each cell by which it is found in Jupyter: its first line that is not blank, shortened.

    >>> first_lines(["\nimport math\nx = 1", "x = 1", "import math"])
    ['“import math”', '“x = 1”', '“import math”, number 2 of those']
    """
    found: list[str] = []
    seen: Counter[str] = Counter()
    for text in sources:
        line = next((line.strip() for line in text.split("\n") if line.strip()), "")
        name = "“{}”{}".format(
            NOT_SHOWN.sub(" ", line[:LONGEST_NAME]), "…" * (len(line) > LONGEST_NAME)
        )
        seen[name] += 1
        found.append(name if seen[name] == 1 else f"{name}, number {seen[name]} of those")
    return found
