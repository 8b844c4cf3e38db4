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
    # elsewhere: stems that may lose marks as well (hostile)
    # then: what stands below the last cell's own lines: "right", a right exponential_shaping, or "spy", one that raises
    #       what the cell's look() has found
"""

import copy
import json
import re
from dataclasses import dataclass, field

from gate import ROOT

FOLDER = ROOT / "tests" / "bank"
HIDDEN = ROOT / "tests" / "hidden"


@dataclass(frozen=True)
class Submission:
    kind: str
    stem: str
    name: str
    notes: dict = field(hash=False)
    cells: tuple = ()

    @property
    def id(self):
        return f"{self.stem}-{self.name}"

    def notebook(self, source):
        """The submission as bytes: the notebook `source`, its other solutions kept, with this one's cells."""
        document = replaced(source, self.stem, self.cells[-1])
        at = document["cells"].index(solution_cell(document, self.stem))
        document["cells"][at:at] = [
            helper(text, f"helper-{n}") for n, text in enumerate(self.cells[:-1])
        ]
        return json.dumps(document).encode()


def solution_cell(document, stem):
    """The cell where the notebook asks for the exercise."""
    return next(
        cell
        for cell in document["cells"]
        if cell["metadata"].get("nbgrader", {}).get("grade_id") == stem
    )


def replaced(document, stem, text):
    """The notebook with another text in the exercise's cell."""
    document = copy.deepcopy(document)
    solution_cell(document, stem)["source"] = text
    return document


def helper(text, identity):
    return {
        "cell_type": "code",
        "id": identity,
        "metadata": {},
        "execution_count": None,
        "outputs": [],
        "source": text,
    }


def read(kind):
    """All submissions of mutants/, variants/, hostile/ or unseen/, or the "trivial" ones."""
    if kind == "trivial":
        return list(trivial())
    found = []
    for path in sorted((FOLDER / kind).glob("*.py")):
        for block in path.read_text().split("\n# %% ")[1:]:
            name, _, rest = block.partition("\n")
            notes, cells = _notes(rest)
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


def trivial():
    """What earns nothing in any exercise, whatever laws it happens to keep."""
    for stem in sorted(path.stem.removeprefix("test_") for path in HIDDEN.glob("test_*.py")):
        for name, (outcome, body) in TRIVIAL.items():
            first = "    first = [*args, *kwargs.values()][0]\n"
            cell = f"def {stem}(*args, **kwargs):\n{first}    {body.format(stem=stem)}\n"
            yield Submission("trivial", stem, name, {"outcome": outcome}, (cell,))
        yield Submission(
            "trivial", stem, "empty_cell", {"outcome": "not_implemented"}, ("# to do\n",)
        )
        yield Submission(
            "trivial",
            stem,
            "syntax_error",
            {"outcome": "wrong"},
            (f"def {stem}(x)\n    return x\n",),
        )


def _notes(text):
    lines, notes = text.split("\n"), {}
    while lines and re.match(r"# (?!raw: )[\w ]+: ", lines[0]):
        key, _, value = lines.pop(0)[2:].partition(": ")
        notes[key] = value
    body = "\n".join(lines).replace("# raw: ", "")
    cells = [cell.strip("\n") + "\n" for cell in body.split("\n# --- cell\n")]
    cells[-1] = (
        (cells[-1] + "\n" + THEN[notes["then"]]).lstrip("\n") if "then" in notes else cells[-1]
    )
    return notes, tuple(cells)
