"""What a notebook shows of how it was made: run times and figures in saved outputs, passages of prose, passages of code.

Nothing is parsed or run: code is scanned for names, numbers, texts and signs in one pass, whose time is bounded by the length of
what a student wrote, be it Python or not. All of it is cut to the lengths below.
"""

import builtins
import hashlib
import keyword
import re
import sys
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

from grader import reader

DIGITS = 8  # in a line of output, below which it may be the same by chance
TIMES = 4  # run times, one after another, make a passage
WORDS = 5  # of prose
TOKENS = 10  # of code
LONGEST_LINE = 300  # characters
MOST_TEXT = 400_000  # characters of a notebook's outputs, of its prose and of its code
MOST = 4000  # of each kind, of one notebook

WORD = re.compile(r"[\u3040-\u9fff]|[^\W\u3040-\u9fff]+")  # a sign of Chinese or Japanese is one
TIME = re.compile(
    r"(?<![\w.])(?:\d++(?:\.\d++)? ?(?:ms|µs|s|sec|seconds|min|minutes|it/s|s/it)\b|\d++:\d\d(?::\d\d)?)"
)
# every branch takes what it began with, closed or not: no character is looked at twice
TOKEN = re.compile(
    r"""(?P<comment>\#[^\n]*+)
    |(?P<text>[rbfuRBFU]{0,2}(?:\"{3}(?:[^"\\]|\\.|\"(?!\"\"))*+(?:\"{3})?+|'{3}(?:[^'\\]|\\.|'(?!''))*+(?:'{3})?+
        |"(?:[^"\\\n]|\\.)*+"?+|'(?:[^'\\\n]|\\.)*+'?+))
    |(?P<number>\d[\w.]*+)
    |(?P<name>[^\W\d]\w*+)
    |(?P<sign>\*\*|//|->|[-+*/%@&|^=<>!:]=|\S)""",
    re.DOTALL | re.VERBOSE,
)
OWN, TEXT = "_", "''"  # in place of a name of one's own, and of a text
PYTHONS = frozenset((*keyword.kwlist, *dir(builtins), "self"))


@dataclass(frozen=True)
class Traces:
    """Of one notebook: each list in the notebook's order, without repetitions."""

    run_times: Sequence[str]
    figures: Sequence[str]
    prose: Sequence[str]
    code: Sequence[str]


@dataclass(frozen=True)
class Given:
    """What everybody was given: the cells' texts, the traces in them, and the names that its code uses."""

    cells: frozenset[str]
    names: frozenset[str]
    traces: frozenset[str]


NOTHING = Given(frozenset(), frozenset(), frozenset())


def given(documents: Iterable[dict[str, Any]]) -> Given:
    """Of the instructor's notebook, its solutions among it, and of the released one."""
    documents = list(documents)
    cells = [reader.source(cell) for document in documents for cell in document["cells"]]
    code = [reader.source(cell) for document in documents for cell in reader.code_cells(document)]
    names = {name for text in code for name in re.findall(r"[^\W\d]\w*", text)}
    known = Given(frozenset(), frozenset(names), frozenset())
    found = [traces(document, known, sys.maxsize) for document in documents]
    every = {entry for one in found for part in vars(one).values() for entry in part}
    return Given(frozenset(cells), frozenset(names), frozenset(every))


def traces(document: dict[str, Any], known: Given = NOTHING, most: int = MOST) -> Traces:
    """Of a notebook as Jupyter stores it, but for what was given; `most` of each kind."""
    kept = [cell for cell in document["cells"] if reader.is_cell(cell)]
    code = [cell for cell in kept if cell["cell_type"] == "code"]
    own = [(cell["cell_type"], reader.source(cell)) for cell in kept]
    own = [(kind, text) for kind, text in own if text not in known.cells]
    prose = bounded(text for kind, text in own if kind != "code")
    scanned = bounded(text for kind, text in own if kind == "code")
    outputs = list(bounded(_texts(code)))
    times = (time for text in outputs for time in TIME.findall(text))
    spoken = (passages(words(text), WORDS) for text in prose)
    written = (passages(tokens(text, known.names), TOKENS) for text in scanned)
    parts = (
        passages([time.replace(" ", "") for time in times], TIMES),
        figures(outputs),
        chain.from_iterable(spoken),
        chain.from_iterable(written),
    )
    return Traces(*(some(part, known.traces, most) for part in parts))


def some(entries: Iterable[str], without: Collection[str], most: int) -> list[str]:
    """The first `most` of them, each once."""
    found: dict[str, None] = {}
    for entry in entries:
        if entry not in without:
            found[entry] = None
            if len(found) == most:
                break
    return list(found)


def bounded(texts: Iterable[str]) -> Iterator[str]:
    """MOST_TEXT characters of them at most."""
    left = MOST_TEXT
    for text in texts:
        yield text[:left]
        left -= min(left, len(text))
        if not left:
            return


def figures(texts: Iterable[str]) -> Iterator[str]:
    """Lines that hold enough digits to be no accident, and pictures by their digest."""
    for text in texts:
        for line in text.splitlines():
            shown = line.strip()[:LONGEST_LINE]
            if sum(map(str.isdecimal, shown)) >= DIGITS:
                yield shown


def _texts(cells: Iterable[dict[str, Any]]) -> Iterator[str]:
    for cell in cells:
        outputs = cell.get("outputs")
        for output in outputs if isinstance(outputs, list) else ():
            if not isinstance(output, dict):
                continue
            data = output.get("data")
            data = data if isinstance(data, dict) else {}
            yield reader.joined(output.get("text"))
            yield reader.joined(data.get("text/plain"))
            if picture := reader.joined(data.get("image/png")):
                digest = hashlib.sha256(picture.encode("utf-8", "replace")).hexdigest()
                yield f"a picture, SHA-256 {digest}"


def words(text: str) -> list[str]:
    """Of prose, in small letters."""
    return WORD.findall(text.lower())


def tokens(text: str, known: Collection[str]) -> list[str]:
    """Of code, without comments and layout; names that are neither Python's nor the course's are all the same one."""
    found: list[str] = []
    for match in TOKEN.finditer(text):
        kind, token = match.lastgroup, match[0]
        if kind == "text":
            found.append(TEXT)
        elif kind == "name":
            kept = token in known or token in PYTHONS or (found and found[-1] == ".")
            found.append(token if kept else OWN)
        elif kind != "comment":
            found.append(token)
    return found


def passages(parts: Sequence[str], length: int) -> Iterator[str]:
    """Every `length` of them one after another, joined by blanks."""
    for n in range(len(parts) - length + 1):
        yield " ".join(parts[n : n + length])
