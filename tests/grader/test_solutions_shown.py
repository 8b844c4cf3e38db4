"""Solutions on feedback pages: only if the course says so, and never while anybody may still hand in in time."""

import json
import sys
from datetime import UTC, datetime, timedelta

import pytest
from nbgrader.api import Gradebook
from test_batch import WRONG, encoded

from grader.errors import CourseError
from grader.gradebook.instructors import SolutionPolicy, headings, solutions

ON = "c.SolutionPolicy.days_after_due = 0"
SECRET = "        # <b>the & solution</b>\n"
SHOWN = '<details class="solution">'


@pytest.fixture
def pages(class_folder):
    """Return a function that makes pages; gives ann's, and what was said. Ann is graded, the instructor's solution has markup."""
    path = class_folder.folder / "source/toy/exercise.ipynb"
    document = json.loads(path.read_text())
    [cell] = [c for c in document["cells"] if c["metadata"].get("nbgrader", {}).get("solution")]
    text = "".join(cell["source"])
    assert "### BEGIN SOLUTION\n" in text
    cell["source"] = text.replace("### BEGIN SOLUTION\n", f"### BEGIN SOLUTION\n{SECRET}")
    path.write_text(json.dumps(document))
    class_folder.hand_in("ann", encoded(WRONG))
    assert class_folder.grade().returncode == 0

    def make():
        done = class_folder.run(sys.executable, "-m", "grader", "feedback", "--laws", "hidden")
        page = class_folder.folder / "feedback/ann/toy/exercise.html"
        return page.read_text() if page.is_file() else "", done.stdout + done.stderr

    return make


def set_due(class_folder, moment):
    with Gradebook(f"sqlite:///{class_folder.folder}/gradebook.db", "toy") as book:
        book.update_or_create_assignment("toy", duedate=moment)


def hours(number):
    return f"{datetime.now(UTC) + timedelta(hours=number):%Y-%m-%d %H:%M:%S} UTC"


def extend(class_folder, student, *words):
    command = (sys.executable, "-m", "grader", "extend", student, *words, "--laws", "hidden")
    assert class_folder.run(*command).returncode == 0


def test_off_by_default_and_never_before_the_last_extension_has_passed(class_folder, pages):
    set_due(class_folder, hours(-48))
    assert SHOWN not in pages()[0], "off by default"
    class_folder.configure(ON)
    set_due(class_folder, hours(1))
    assert SHOWN not in pages()[0]
    set_due(class_folder, hours(-48))
    extend(class_folder, "bob", "--days", "3")
    assert SHOWN not in pages()[0], "bob, who is in no gradebook yet, may still hand in"
    extend(class_folder, "bob", "--none")
    page, said = pages()
    assert "1 pages made" in said and SHOWN in page and "A solution of basket_total" in page
    assert "&lt;b&gt;the &amp; solution&lt;/b&gt;" in page and "<b>the" not in page
    assert "END SOLUTION" not in page and "NotImplementedError" not in page
    assert "0 pages made, 1 as they were" in pages()[1]
    extend(class_folder, "ann", "--days", "3")
    assert SHOWN not in pages()[0], "the page is made anew without"
    extend(class_folder, "ann", "--none")
    class_folder.configure("c.SolutionPolicy.days_after_due = 7")
    assert SHOWN not in pages()[0]


def test_without_a_due_date_never_and_nbgraders_own_command_shows_the_same(class_folder, pages):
    class_folder.configure(ON)
    assert SHOWN not in pages()[0]
    set_due(class_folder, hours(-1))
    first, _ = pages()
    assert SHOWN in first
    class_folder.nbgrader("generate_feedback", "toy", "--force")
    assert (class_folder.folder / "feedback/ann/toy/exercise.html").read_text() == first
    class_folder.configure("c.SolutionPolicy.days_after_due = -1")
    assert "c.SolutionPolicy.days_after_due = -1: it is a whole number" in pages()[1]


def test_a_setting_that_there_is_not_is_said():
    from traitlets.config import Config

    with pytest.raises(CourseError, match="c.SolutionPolicy.days: no such setting"):
        SolutionPolicy(config=Config(SolutionPolicy={"days": 1}))


def test_what_is_taken_from_the_instructors_notebook():
    def cell(kind, source, **clues):
        return {"cell_type": kind, "source": source, "metadata": {"nbgrader": clues}}

    cells = [
        cell("markdown", "# Course\n\ntext\n## Exercise 1 · <b>"),
        cell("code", "x = 1\n### BEGIN SOLUTION\n  a\n    b\n### END SOLUTION", grade_id="one", solution=True),
        cell("code", "check(one)", grade_id="one_laws", grade=True),
        cell("markdown", "### Cousin"),
        cell("markdown", "### Cousin"),
        cell("markdown", "### A heading in an answer", grade_id="none", solution=True),
        cell("markdown", "the whole cell", grade_id="two", solution=True, grade=True),
    ]  # fmt: skip
    assert headings(cells) == dict.fromkeys(["one", "one_laws", "none", "two"], "Exercise 1 · <b>")
    assert solutions(cells) == {
        "one": "a\n  b",
        "none": "### A heading in an answer",
        "two": "the whole cell",
    }
