"""A new exercise takes what docs/authoring.md says: the solution cell, a grade cell, and the law that stand there, word for word."""

import json
import re
import shutil

from toys import ROOT, TOY, code, notebook

from grader.assignment import load_assignment
from grader.judging.session import Grader

PAGE = (ROOT / "docs/authoring.md").read_text()
[SOLUTION] = re.findall(r"```\n(def mean.*?)```", PAGE, re.DOTALL)
REGION = re.compile(r" *### BEGIN SOLUTION.*### END SOLUTION\n", re.DOTALL)


def with_mean(solution):
    document = notebook()
    document["cells"] += [
        code(solution, grade=False, grade_id="mean", locked=False, solution=True) | {"id": "mean"},
        code("# laws", grade=True, grade_id="mean_laws", locked=True, points=2, solution=False)
        | {"id": "mean-laws"},
    ]
    return json.dumps(document)


def test_the_law_in_docs_marks_a_new_exercise(tmp_path):
    shutil.copytree(TOY, tmp_path / "toy", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "toy/source/toy/exercise.ipynb").write_text(with_mean(SOLUTION))
    [law] = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    (tmp_path / "toy/hidden/test_mean.py").write_text(law)
    wrong = SOLUTION.replace("/ len(scores)", "/ 2")
    with Grader(load_assignment(tmp_path / "toy/hidden")) as grader:
        verdicts = [
            grader.check(with_mean(text).encode())["exercises"]
            for text in (SOLUTION, wrong, REGION.sub("", SOLUTION))
        ]
    assert [(v["basket_total"]["points"], v["mean"]["points"]) for v in verdicts] == [
        (2, 2),
        (2, 0.8),
        (2, 0),
    ]
    assert verdicts[2]["mean"]["outcome"] == "not_implemented", "as students get it"
