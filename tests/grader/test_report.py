"""`grader report` on a class: what it counts, whom it names, and that it names nobody where it is asked not to."""

import csv
import json
import os
import shutil
import sys
from datetime import UTC, datetime

import pytest
from nbgrader.api import Gradebook
from toys import RIGHT, ClassFolder, code, notebook
from two import add_second

from grader.store import alone

HALF = RIGHT.replace(" * (1 - discount)", "")
PROSE = (
    "The shop gives a discount on every basket since people who buy more than one thing come back "
    "more often than those who do not and because the till can work it out without anybody asking"
)
HOSTILE = '<script>alert("Zora")</script>'
RAISES = f"def basket_total(items, discount=0.0):\n    raise KeyError({HOSTILE!r})"
OWN = "class Zora(Exception):\n    pass\n\n\ndef basket_total(items, discount=0.0):\n    raise Zora('by Zora')"
# by student: solution, answer, what a cell of the student's own printed, mark of the answer
WORKS = {
    "ann": (RIGHT, PROSE, "loss 0.123456789 and 0.987654321\n0.555 12345678\n0.12345678 ann", 3),
    "bob": (
        RIGHT,
        PROSE.replace("shop", "store"),
        "loss 0.123456789 and 0.987654321\n0.555 12345678\n0.12345678 ann",
        2,
    ),
    "cat": (HALF, "Discounts are applied once the prices are known.", "", 1.5),
    "dan": (HALF, "I do not know.", "7 s 8 s 9 s 10 s 11 s 12 s", None),
    "eve7": (RAISES, HOSTILE, HOSTILE + " 1234567890123", 0),
    "fay": (OWN, "None.", "", 0),
    "gus": (None, "", "", None),
    "Zoë Zora": (RIGHT, "As it stands in the book.", "", 3),
}
NAMES = {"ann": ("Annegret", "Abel"), "eve7": ("Evangeline", "<b>Zora</b>")}
ABSENT = "hal9"
SECRETS = [*WORKS, ABSENT, "Annegret", "Evangeline", "Zora", "script", "store", "0.123456789"]


def essay():
    clues = {"grade": True, "grade_id": "essay", "locked": False, "points": 3, "solution": True}
    clues |= {"schema_version": 3, "task": False}
    return {
        "cell_type": "markdown",
        "id": "essay",
        "metadata": {"nbgrader": clues},
        "source": "*Your answer here.*",
    }


def document(solution=RIGHT, answer=None, printed=""):
    made = notebook(solution)
    cell = essay()
    cell["source"] = cell["source"] if answer is None else answer
    made["cells"] += [cell, code("# my own")]
    made["cells"][-1]["outputs"] = [{"output_type": "stream", "name": "stdout", "text": printed}]
    return made


class Course(ClassFolder):
    def report(self, *words, code=0):
        command = [sys.executable, "-m", "grader", "report", *map(str, words), "--laws", "hidden"]
        done = self.run(*command)
        assert done.returncode == code, done.stdout + done.stderr
        return done

    def written(self, folder="build/grading/toy/report"):
        return {
            name: (self.folder / folder / f"report.{name}").read_text()
            for name in ("html", "json", "csv")
        }


@pytest.fixture(scope="module")
def graded(tmp_path_factory):
    """A class of nine, graded, marked by hand."""
    course = Course(tmp_path_factory.mktemp("class"))
    source = document()
    del source["cells"][-1]
    course.change(source, "")
    for student, (solution, answer, printed, _) in WORKS.items():
        data = json.dumps(document(solution, answer, printed)).encode() if solution else b"{"
        path = course.hand_in(student, data)
        moment = datetime(2026, 11, 22 if student == "cat" else 20, tzinfo=UTC).timestamp()
        os.utime(path, (moment, moment))
    with Gradebook(f"sqlite:///{course.folder}/gradebook.db") as book:
        book.find_assignment("toy").duedate = datetime(2026, 11, 21, 12)
        book.add_student(ABSENT)
        book.db.commit()
    assert "nobody is graded yet" in course.report().stderr
    assert "Nobody has a mark yet." in course.written()["html"]
    assert course.grade().returncode == 0
    with Gradebook(f"sqlite:///{course.folder}/gradebook.db") as book:
        for student, (*_, mark) in WORKS.items():
            first, last = NAMES.get(student, ("", ""))
            book.update_or_create_student(student, first_name=first, last_name=last)
            if mark is not None:
                grade = book.find_grade("essay", "exercise", "toy", student)
                grade.manual_score, grade.needs_manual_grade = mark, False
        book.db.commit()
    assert course.grade().returncode == 0
    return course


@pytest.fixture(scope="module")
def report(graded):
    graded.report()
    return json.loads(graded.written()["json"])


def test_marks_are_those_of_the_status_table(graded, report):
    status, marks = graded.status(), report["marks"]
    totals = [float(row["total"]) for row in status.values() if row["total"]]
    assert report["class"] == {"students": 9, "handed_in": 8, "with_verdict": 8}
    assert marks["count"] == len(totals) == 8
    assert marks["mean"] == pytest.approx(sum(totals) / 8, abs=1e-4)
    assert sum(bar["final"] + bar["so_far"] for bar in marks["histogram"]) == 8
    assert marks["missing"] == {"students": 1, "who": [ABSENT]}
    assert marks["open"]["who"] == ["dan"]
    assert marks["unreadable"]["who"] == ["gus"]
    assert marks["late"]["who"] == ["cat"] and marks["late"]["hours_most"] == 12
    first = {each["exercise"]: each for each in marks["exercises"]}["basket_total"]
    assert (first["full"], first["outcomes"]["pass"], first["outcomes"]["partial"]) == (3, 3, 2)


def test_laws_are_counted_over_those_whom_they_judged(report):
    laws = {law["test"]: law for law in report["items"]["laws"]}
    assert laws["test_value"]["judged"] == 7
    assert laws["test_value"]["failing"] == 4
    assert laws["test_value"]["discrimination"] is None
    # dan's answer is not marked yet
    assert report["items"]["left_out_of_the_rest"] == ["essay"]


def test_a_mistake_has_its_cause_who_made_it_and_an_example(report):
    first, *others = report["mistakes"]
    assert first["cause"] == "it looks as if the discount is ignored"
    assert first["who"] == ["cat", "dan"] and first["students"] == 2
    assert first["example"]["call"] == "basket_total(['a'], discount=0.5)"
    assert first["example"]["expected"]
    causes = {entry["cause"]: entry for entry in others}
    assert causes["it never returned a value"]["who"] == ["eve7", "fay"]


def test_look_alikes_share_what_hardly_anybody_else_has(report):
    groups = {kind["kind"]: kind["groups"] for kind in report["lookalikes"]["kinds"]}
    [figures], [prose] = groups["figures"], groups["prose"]
    assert figures["who"] == prose["who"] == ["ann", "bob"]
    assert figures["shared"] == 3 and figures["also"] == ["prose"]
    assert "gives a discount on every basket" in " ".join(prose["shown"])
    assert groups["run_times"] == []
    assert report["lookalikes"]["not_read"] == 1  # gus handed in no notebook


def test_page_json_and_csv_say_the_same_and_again_the_same(graded, report):
    before = graded.written()
    graded.report()
    made = [
        text.replace(json.loads(now["json"])["made"], "")
        for now in (before, graded.written())
        for text in [now["json"]]
    ]
    assert made[0] == made[1] and before["csv"] == graded.written()["csv"]
    rows = list(csv.DictReader(before["csv"].splitlines()))
    means = [row["value"] for row in rows if (row["measure"], row["item"]) == ("mean", "total")]
    assert [float(mean) for mean in means] == [report["marks"]["mean"]]
    assert "Annegret Abel (ann)" in before["html"]
    assert "it looks as if the discount is ignored" in before["html"]


def test_what_students_write_is_text(graded, report):
    page = graded.written()["html"]
    assert "<script" not in page and "<b>Zora" not in page
    assert "Evangeline &lt;b&gt;Zora&lt;/b&gt; (eve7)" in page


def test_an_anonymous_report_holds_nothing_that_names_anybody(graded):
    done = graded.report("--anonymous", "--out", "told")
    for name, text in graded.written("told").items():
        found = [secret for secret in SECRETS if secret in without_style(text)]
        assert found == [], name
    assert "told/report.html" in done.stderr
    told = json.loads(graded.written("told")["json"])
    assert told["mistakes"][0]["students"] == 2 and "who" not in told["mistakes"][0]


def without_style(page):
    """A page's own words may be anybody's name: these are its words for what is printed, and for scripts."""
    return page.partition("<style>")[0] + page.partition("</style>")[2]


def test_what_stands_in_the_way_is_one_line(graded, tmp_path):
    (tmp_path / "file").write_text("")
    assert "--out" in graded.report("--out", tmp_path / "file" / "below", code=2).stderr
    with alone(graded.folder / "build/grading/toy"):
        assert "another run is grading here" in graded.report(code=2).stderr
    assert "no such assignment: hw9" in graded.report("--assignment", "hw9", code=2).stderr


def test_a_student_who_is_removed_is_in_no_report_that_lies_there(graded, tmp_path):
    shutil.copytree(graded.folder, tmp_path / "copy")
    course = Course(tmp_path / "copy", None)
    course.report()
    done = course.run(sys.executable, "-m", "grader", "remove", "ann")
    assert done.returncode == 0, done.stderr
    assert not (course.folder / "build/grading/toy/report").exists()
    add_second(course.folder)
    assert "which assignment?" in course.report(code=2).stderr
    course.report("--assignment", "toy")
    assert "Annegret" not in course.written()["html"]
