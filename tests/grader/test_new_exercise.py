"""A new exercise takes what README says: a solution cell, a grade cell, and the law that stands there, word for word."""

import json
import re
import shutil

from toys import ROOT, TOY, code, notebook

from grader.course import load_course
from grader.session import Grader

SOLUTION = "def mean(scores):\n    return float(sum(scores) / len(scores))"


def with_mean(solution):
    document = notebook()
    document["cells"] += [
        code(solution, grade=False, grade_id="mean", locked=False, solution=True) | {"id": "mean"},
        code("# laws", grade=True, grade_id="mean_laws", locked=True, points=2, solution=False)
        | {"id": "mean-laws"},
    ]
    return json.dumps(document)


def test_the_law_in_readme_marks_a_new_exercise(tmp_path):
    shutil.copytree(TOY, tmp_path / "toy", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "toy/source/toy/exercise.ipynb").write_text(with_mean(SOLUTION))
    [law] = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    (tmp_path / "toy/hidden/test_mean.py").write_text(law)
    wrong = SOLUTION.replace("len(scores)", "2")
    with Grader(load_course(tmp_path / "toy/hidden")) as grader:
        marks = [
            {stem: row["points"] for stem, row in grader.check(data.encode())["exercises"].items()}
            for data in map(with_mean, (SOLUTION, wrong))
        ]
    assert marks == [{"basket_total": 2, "mean": 2}, {"basket_total": 2, "mean": 0}]
