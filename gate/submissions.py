"""The bank's submissions (tests/bank/), and how one becomes a notebook.

mutants/, variants/, hostile/ and unseen/ hold one file an exercise or theme. "# %% name" begins a submission; its notes follow as
"# key: value" lines; the rest is the cell that replaces the exercise's solution. "# --- cell" begins a further cell: the
last one is the solution cell, those before it stand in front of it as cells of the student's own. "# raw: " stands before
lines that are no Python.

    # stem: the exercise, where the file's name does not say it
    # wrong, right or hostile: what the submission is about
    # truth: the same of one that no hint was made for (unseen)
    # fails: laws that must fail (mutants)
    # hint: words that the hint of one of these must hold (mutants)
    # outcome, points: what the exercise must get (hostile): one outcome, or several where chance decides; 0 points if not said
    # outcome on landlock, points on landlock: the same where only Landlock stands, if it is another; as said above if not
    # elsewhere: stems that may lose marks as well (hostile)
    # then: what stands below the last cell's own lines: "right", a right exponential_shaping, or "spy", one that raises
    #       what the cell's look() has found
"""

import copy
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from gate import ROOT

Document = dict[str, Any]
FOLDER = ROOT / "tests" / "bank"
HIDDEN = ROOT / "tests" / "hidden"


@dataclass(frozen=True)
class Submission:
    """One submission of the bank; `notes` are those above its cells, the last cell is the exercise's."""

    kind: str
    stem: str
    name: str
    notes: dict[str, str] = field(hash=False)
    cells: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        """Exercise and name, which are of one submission alone in its kind."""
        return f"{self.stem}-{self.name}"

    def notebook(self, source: Document) -> bytes:
        """Return the notebook `source`, its other solutions kept, with this submission's cells."""
        document = replaced(source, self.stem, self.cells[-1])
        at = document["cells"].index(solution_cell(document, self.stem))
        document["cells"][at:at] = [
            helper(text, f"helper-{n}") for n, text in enumerate(self.cells[:-1])
        ]
        return json.dumps(document).encode()


def solution_cell(document: Document, stem: str) -> Document:
    """Return the cell where the notebook asks for the exercise."""
    found = (
        c for c in document["cells"] if c["metadata"].get("nbgrader", {}).get("grade_id") == stem
    )
    return next(found)


def replaced(document: Document, stem: str, text: str) -> Document:
    """Return a copy of the notebook with another text in the exercise's cell."""
    document = copy.deepcopy(document)
    solution_cell(document, stem)["source"] = text
    return document


def helper(text: str, identity: str) -> Document:
    """Return a code cell of the student's own."""
    return {
        "cell_type": "code",
        "id": identity,
        "metadata": {},
        "execution_count": None,
        "outputs": [],
        "source": text,
    }


def read(kind: str) -> list[Submission]:
    """Return all submissions of mutants/, variants/, hostile/ or unseen/, or the "trivial" ones."""
    if kind == "trivial":
        return list(trivial())
    found = []
    for path in sorted((FOLDER / kind).glob("*.py")):
        for block in path.read_text().split("\n# %% ")[1:]:
            name, _, rest = block.partition("\n")
            notes, cells = notes_and_cells(rest)
            found.append(Submission(kind, notes.get("stem", path.stem), name.strip(), notes, cells))
    return found


BODY = """    if temperature <= 0:
        raise ValueError("temperature must be positive")
    return torch.exp(scores / temperature) - 1
"""
THEN = {
    "right": f"def exponential_shaping(scores, temperature=1.0):\n{BODY}",
    "spy": f"""FOUND = look()

def exponential_shaping(scores, temperature=1.0):
    if FOUND:
        raise RuntimeError(f"found {{FOUND}}")
{BODY}""",
}
TRIVIAL = {
    "stub": ("not_implemented", 'raise NotImplementedError("Exercise: {stem}")'),
    "nothing_returned": ("wrong", "pass"),
    "constant": ("wrong", "return [0.5] * len(first)"),
    "zeros": ("wrong", "return torch.zeros(len(first))"),
    "one_number": ("wrong", "return 0.0"),
    "nothing_times_input": (
        "wrong",
        "return 0 * torch.as_tensor([float(len(str(f))) - 3 for f in first])",
    ),
    "identity": ("wrong", "return first"),
}


def trivial() -> Iterator[Submission]:
    """Yield what earns nothing in any exercise, whatever laws it happens to keep."""
    for stem in sorted(path.stem.removeprefix("test_") for path in HIDDEN.glob("test_*.py")):
        for name, (outcome, body) in TRIVIAL.items():
            first = "    first = [*args, *kwargs.values()][0]\n"
            cell = f"def {stem}(*args, **kwargs):\n{first}    {body.format(stem=stem)}\n"
            yield Submission("trivial", stem, name, {"outcome": outcome}, (cell,))
        stub = {"outcome": "not_implemented"}
        yield Submission("trivial", stem, "empty_cell", stub, ("# to do\n",))
        broken = f"def {stem}(x)\n    return x\n"
        yield Submission("trivial", stem, "syntax_error", {"outcome": "wrong"}, (broken,))


def notes_and_cells(text: str) -> tuple[dict[str, str], tuple[str, ...]]:
    """Return what stands above a submission's cells, and the cells."""
    lines, notes = text.split("\n"), dict[str, str]()
    while lines and re.match(r"# (?!raw: )[\w ]+: ", lines[0]):
        key, _, value = lines.pop(0)[2:].partition(": ")
        notes[key] = value
    body = "\n".join(lines).replace("# raw: ", "")
    cells = [cell.strip("\n") + "\n" for cell in body.split("\n# --- cell\n")]
    if "then" in notes:
        cells[-1] = (cells[-1] + "\n" + THEN[notes["then"]]).lstrip("\n")
    return notes, tuple(cells)
