"""Stock nbgrader commands with our parts: the same marks, feedback that shows but never runs, hand marks that stay."""

import json
import re

import pytest
from nbgrader.api import Gradebook
from toys import RIGHT, ClassFolder, code, notebook

from grader.store import StateFile

WRONG = RIGHT.replace(" * (1 - discount)", "")
SCRIPT = "<script>alert(1)</script>"


def encoded(document):
    return json.dumps(document).encode()


def scripted():
    """Scripts wherever a student can write."""
    document = notebook(WRONG.replace("return", f"print('{SCRIPT}')\n    return"), after=["1"])
    document["cells"][1]["source"] = document["cells"][1]["source"].replace(
        "    if", f"    if items == ['a']:\n        raise RuntimeError('{SCRIPT}')\n    if"
    )
    document["cells"][-1]["outputs"] = [
        {
            "output_type": "display_data",
            "metadata": {},
            "data": {"text/html": SCRIPT, "image/svg+xml": f"<svg>{SCRIPT}</svg>"},
        },
        {"output_type": "stream", "name": "stdout", "text": SCRIPT},
        {"output_type": "error", "ename": SCRIPT, "evalue": SCRIPT, "traceback": [SCRIPT]},
    ]
    document["cells"].append(
        {
            "cell_type": "markdown",
            "metadata": {},
            "source": SCRIPT + "\n\n<img src=x onerror=alert(1)>\n\n[x](javascript:alert(1))",
        }
    )
    document["cells"].append(
        {"cell_type": "raw", "metadata": {"raw_mimetype": "text/html"}, "source": SCRIPT}
    )
    return document


def damaged():
    document = notebook()
    document["cells"][2]["metadata"]["nbgrader"].update(points=400, schema_version=99)
    document["cells"].append(dict(document["cells"][2]))
    return document


CLASS = {
    "ann": encoded(notebook()),
    "bob": encoded(notebook(WRONG)),
    "cat": encoded(notebook("raise SystemExit")),
    "dan": encoded(notebook(RIGHT.replace("    if", "    while True: pass\n    if"))),
    "eve": encoded(scripted()),
    "fay": encoded(damaged()),
    "gus": b"{",
    "hal": encoded(notebook(after=["import os; os.kill(-1, 9)"])),
}


@pytest.fixture(scope="module")
def graded(tmp_path_factory):
    """A class graded by `nbgrader autograde`, with feedback."""
    folder = ClassFolder(tmp_path_factory.mktemp("class"))
    for student, data in CLASS.items():
        folder.hand_in(student, data)
    (folder.folder / "submitted/ann/toy/evil.py").write_text("print('hello')")
    (folder.folder / "submitted/ann/toy/timestamp.txt").write_text("2026-01-01 10:00:00 UTC")
    (folder.folder / "submitted/bob/toy/timestamp.txt").write_text("yesterday, honestly")
    (folder.folder / "submitted/bob/toy/link").symlink_to("/etc/passwd")
    folder.nbgrader("autograde", "toy", by=ClassFolder.start)
    folder.nbgrader("generate_feedback", "toy", by=ClassFolder.start)
    return folder


def test_stock_autograde_and_our_commands_give_the_same_marks(graded, grader):
    checked = {student: grader.check(data)["total"] for student, data in CLASS.items()}
    assert graded.marks(by=ClassFolder.start) == checked
    assert checked == {
        "ann": 2,
        "bob": 0.8,
        "cat": 0,
        "dan": 0,
        "eve": 0,
        "fay": 2,
        "gus": 0,
        "hal": 2,
    }
    done = graded.grade()
    assert done.returncode == 0, done.stderr
    assert graded.marks() == checked
    assert {student: float(row["total"]) for student, row in graded.status().items()} == checked


def test_only_the_notebook_and_a_sane_timestamp_are_kept(graded):
    assert sorted(p.name for p in (graded.folder / "autograded/ann/toy").iterdir()) >= [
        "exercise.ipynb"
    ]
    assert not list((graded.folder / "autograded").rglob("evil.py")) and not list(
        (graded.folder / "autograded").rglob("link")
    )
    texts = [path.read_text() for path in (graded.folder / "autograded").rglob("timestamp.txt")]
    assert texts and not any("honestly" in text for text in texts)


def page(graded, student):
    return (graded.folder / f"feedback/{student}/toy/exercise.html").read_text()


def test_feedback_shows_law_counterexample_value_and_hint(graded):
    html = page(graded, "bob")
    for words in (
        "0.8 of 2 points",
        "the total is what remains",
        "discount=0.5",
        "discount is ignored",
    ):
        assert words in html
    assert "could not be read" in page(graded, "gus") and "repaired" in page(graded, "fay")
    assert "no answer within" in page(graded, "dan")


def test_feedback_never_shows_the_laws_or_the_solution(graded):
    for path in [
        *(graded.folder / "feedback").rglob("*.html"),
        *(graded.folder / "release").rglob("*.ipynb"),
    ]:
        text = path.read_text()
        assert "likely_cause" not in text and "baskets" not in text and "near(" not in text
    assert "get_prices(items)" not in page(graded, "cat") and "get_prices(items)" not in page(
        graded, "gus"
    )


def test_no_student_markup_survives_in_feedback(graded):
    html = page(graded, "eve")
    body = html[html.index("<body") :]
    assert "alert(1)" in body and "<script>alert(1)" not in body
    assert (
        not re.search(r"<(img|svg)[^>]*(onerror|alert)", body) and 'href="javascript:' not in body
    )


def test_open_marks_stay_open_and_hand_marks_stay(graded):
    with Gradebook(f"sqlite:///{graded.folder}/gradebook.db") as book:
        book.find_grade("basket_total_laws", "exercise", "toy", "bob").manual_score = 1.75
        book.db.commit()
    graded.nbgrader("autograde", "toy", "--student", "bob", "--force")
    assert graded.marks()["bob"] == 1.75
    StateFile(graded.folder, "toy", "bob").change(whole="")
    assert graded.grade().returncode == 0
    assert graded.marks()["bob"] == 1.75


def test_grade_cells_hold_the_mark_that_nbgrader_reads(graded):
    for student, mark in (("ann", 2.0), ("bob", 0.8)):
        document = json.loads(
            (graded.folder / f"autograded/{student}/toy/exercise.ipynb").read_text()
        )
        cell = next(c for c in document["cells"] if c["metadata"].get("nbgrader", {}).get("grade"))
        assert float(cell["outputs"][-1]["data"]["text/plain"][0]) == mark
    assert code("x")["outputs"] == []


def test_trouble_with_the_gradebook_is_named(class_folder):
    class_folder.hand_in("ann")
    (class_folder.folder / "autograded").write_text("a file where nbgrader needs a folder")
    done = class_folder.grade()
    row = class_folder.status()["ann"]
    assert (done.returncode, row["status"]) == (1, "infrastructure")
    assert re.search("gradebook could not be written: .*Error: .*autograded", row["notes"])
    (class_folder.folder / "autograded").unlink()
    assert class_folder.grade().returncode == 0 and class_folder.marks() == {"ann": 2.0}
