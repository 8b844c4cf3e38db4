"""What instructors and students are shown of a class full of scripts: every page answers, and none holds more than an honest one."""

import re
from urllib.parse import unquote

import pytest

from tests.e2e.active import active
from tests.e2e.classroom import HONEST, RENAMED
from tests.e2e.conftest import STUDENTS
from tools.formgrader import Formgrader


@pytest.fixture(scope="module")
def answers(room):
    """Every page of formgrader: {page: (status, text)}, and the students by the numbers in its addresses."""
    with Formgrader(room.folder) as formgrader:
        listed = formgrader.listed("api/submitted_notebooks/sentiment/exercise")
        return {page: formgrader.get(page) for page in formgrader.pages()}, {
            submission["id"]: submission["student"] for submission in listed
        }


def test_every_page_answers(answers):
    pages, numbers = answers
    assert {page: status for page, (status, _) in pages.items() if status != 200} == {}
    assert set(numbers.values()) == set(STUDENTS)


def test_a_submissions_page_runs_and_loads_what_an_honest_one_does(answers):
    pages, numbers = answers
    shown = {s: set(active(pages[f"submissions/{n}/"][1], [*numbers])) for n, s in numbers.items()}
    ours = set().union(*(shown[student] for student in HONEST))
    assert any("toggle_name" in entry for entry in ours)  # the comparison is of real pages
    assert {student: found - ours for student, found in shown.items() if found - ours} == {}


def test_a_feedback_page_runs_and_loads_what_an_honest_one_does(room):
    paths = {path.parts[-3]: path for path in room.folder.glob("feedback/*/*/*.html")}
    shown = {student: set(active(path.read_text())) for student, path in paths.items()}
    ours = set().union(*(shown[student] for student in HONEST))
    assert set(shown) == set(STUDENTS) and ours
    assert {student: found - ours for student, found in shown.items() if found - ours} == {}


def test_pages_are_whole_without_the_web_and_formgrader_opens_at_the_written_answer(answers, room):
    """Nothing but Formgrader's own files is loaded; `make browser` sees where the page opens."""
    pages, numbers = answers
    shown = {n: pages[f"submissions/{n}/"][1] for n in numbers}
    shown |= {str(p): p.read_text() for p in room.folder.glob("feedback/*/*/*.html")}
    for name, page in shown.items():
        loads = [entry for entry in active(page) if entry.startswith(("<script>", "<link>", "img"))]
        assert not [entry for entry in loads if "//" in entry], name
        assert "input.score" in page and "<math " in page and "MathJax =" in page
        assert "output_execute_result" not in page, "the mark below a report is nbgrader's"


def test_a_students_page_asks_the_server_for_that_student(answers):
    """Whatever the name holds: quotes, percent signs and ampersands have a meaning in addresses, scripts and HTML."""
    asked = {
        page: re.findall(r'var student_id = "(.*)";|/manage_students/([^"]*)"', text)
        for page, (_, text) in answers[0].items()
        if page.startswith("manage_students/")
    }
    assert len(asked) == 2 * len(STUDENTS)
    for page, found in asked.items():
        name = unquote(page.split("/")[1])
        assert found and {unquote("".join(each)) for each in found} == {name}


def test_names_are_text(answers):
    pages, numbers = answers
    for number, student in numbers.items():
        if student in RENAMED:
            text = pages[f"submissions/{number}/"][1]
            assert "&lt;script&gt;window.pwned" in text and "<script>window.pwned" not in text


def test_what_could_not_be_read_says_why_in_our_words(room):
    words = {student: row["notes"] for student, row in room.status().items()}
    assert "several notebooks" in words["unreadable-several"]
    assert "no cells" in words["unreadable-reason"] and "pwned" not in words["unreadable-reason"]
    for student in ("unreadable", "unreadable-reason", "unreadable-several"):
        page = next(room.folder.glob(f"feedback/{student}/*/*.html")).read_text()
        assert "could not be read" in page
