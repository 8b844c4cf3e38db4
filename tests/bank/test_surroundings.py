"""What a function may use is the same where the grader runs it and where the visible checks try it without the course's files."""

import ast
import json

import pytest

from gate import SOURCE
from gate.submissions import HIDDEN, replaced
from grader.assignment import load_assignment
from grader.judging.function import SubmittedFunction
from grader.judging.session import Grader
from grader.submission.preflight import repair
from lab import reader
from lab.alone import PROVIDED, Surroundings, by_itself
from lab.notebook import TRAINING
from lab.slices import describe, parse

STEM = "sentiment_reward"
# the notebook says so to students
MAY_USE = {"math", "np", "torch", "get_sentiment_scores", "sentiment", "sentiment.use_model"}
MAY_NOT = {"base", "tokenizer", "config", "plots", "check", "Reference", "TrainConfig"}


def names_of_the_course(document):
    """What the cells bind that are no exercise: those of the setup, of figures, cousins and probes."""
    cells = [cell for cell in reader.code_cells(document) if not reader.clues(cell)]
    statements = [node for cell in cells for node in parse(reader.source(cell))]
    found = {name for n, node in enumerate(statements) for name in describe(0, n, node).binds}
    return sorted(found - {"*", *TRAINING})


def asks_for(names):
    """An exercise's function that gives the names that are there."""
    lines = [f"def {STEM}(completions, **kwargs):", "    found = []"]
    for name in names:
        lines += ["    try:", f"        {name}", f"        found.append({name!r})"]
        lines += ["    except NameError:", "        pass"]
    own = "n for n in vars(sentiment) if not n.startswith('_')"
    lines += [f"    return found + ['sentiment.' + n for n in sorted({own})]"]
    ast.parse("\n".join(lines))
    return "\n".join(lines)


@pytest.fixture(scope="module")
def document():
    source = json.loads((SOURCE / "exercise.ipynb").read_text(encoding="utf-8"))
    return replaced(source, STEM, asks_for(names_of_the_course(source)))


def behind_the_wall(document):
    with Grader(load_assignment(HIDDEN)) as grader:
        submission = repair(json.dumps(document).encode(), grader.assignment)
        function = SubmittedFunction(STEM, submission.cells, grader.assignment, grader.sandbox)
        try:
            return function([])
        finally:
            function.close()


def test_both_sides_have_the_same_names(document):
    texts = [
        "" if reader.clues(cell).get("grade") else reader.source(cell)
        for cell in reader.code_cells(document)
    ]
    surroundings = Surroundings()
    alone = by_itself(STEM, texts, surroundings)
    with surroundings.left():
        here = alone[STEM]([])
    assert here == behind_the_wall(document)
    assert set(here) >= MAY_USE and not MAY_NOT & set(here)
    assert set(names_of_the_course(document)) >= MAY_NOT


def test_one_list_says_what_the_course_provides():
    provided = load_assignment(HIDDEN).provides
    assert set(provided) == {f"sentiment.{name}" for name in PROVIDED}


def test_the_notebook_tells_students(document):
    (told,) = [c for c in document["cells"] if c["id"] == "setup-about"]
    text = "".join(told["source"])
    for name in ("math", "np", "torch", "get_sentiment_scores", "sentiment.use_model"):
        assert f"`{name}`" in text.split("so they cannot use")[0]
    for name in ("base", "tokenizer", "config"):
        assert f"`{name}`" in text.split("so they cannot use")[1]
