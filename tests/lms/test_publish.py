"""`grader publish`: what each system would read back, a mark for a mark; what nobody can tell is left and said."""

import csv
import io
import json
import os
import re
import shutil
import sys
import unicodedata
import zipfile
from datetime import UTC, datetime

import archives
import pytest
from nbgrader.api import Gradebook
from toys import RIGHT, ClassFolder, notebook

from grader.lms.matching import join
from grader.lms.people import Roster
from grader.lms.publish.canvas import page_names
from grader.lms.publish.ledger import Ledger
from grader.lms.publish.results import Result, Table
from grader.lms.roster import read_roster
from grader.verdict import Status

HALF = RIGHT.replace(" * (1 - discount)", "")
WRONG = "def basket_total(items, discount=0.0):\n    return 1.0"
MOST = 5.0
LATE = """
from nbgrader.plugins import BasePlugin
class Course(BasePlugin):
    def late_submission_penalty(self, student, score, seconds):
        return 0.25
c.AssignLatePenalties.plugin_class = Course
"""
ODD = [archives.Student("-eve", "=1+1", "@SUM(A1)", 90), archives.Student("=2+2", "Eq", "Ual", 91)]
PEOPLE = [*archives.students(8), *ODD]
# by student: solution, mark of the essay, None while nobody has given one
WORKS = {
    "s000": (RIGHT, 3),
    "s001": (HALF, 2.5),
    "s002": (WRONG, 0),
    "s003": (RIGHT, None),  # of equal name with s000
    "s004": (HALF, 1.3333),
    "s005": (RIGHT, 1),  # late
    "-eve": (RIGHT, 1.5),
    "=2+2": (HALF, 0.5),
    "s006": (None, None),  # hands in what is no notebook
}  # s007 nothing
OPEN, ABSENT = {"s003"}, {"s007"}


def essay(text):
    clues = {"grade": True, "grade_id": "essay", "locked": False, "points": 3, "solution": True}
    clues |= {"schema_version": 3, "task": False}
    metadata = {"nbgrader": clues}
    return {"cell_type": "markdown", "id": "essay", "metadata": metadata, "source": text}


def document(solution=RIGHT, answer="my answer"):
    made = notebook(solution)
    made["cells"] += [essay(answer)]
    return made


def zipped(data):
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w") as archive:
        archive.writestr("exercise.ipynb", data)
    return memory.getvalue()


class Course(ClassFolder):
    def publish(self, *words, code=0, by=ClassFolder.run):
        done = by(
            self, sys.executable, "-m", "grader", "publish", *map(str, words), "--laws", "hidden"
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done

    def written(self, name):
        return self.folder / "build/grading/toy/publish" / f"{name}.csv"

    def by_hand(self, student, points, exercise="essay"):
        with Gradebook(f"sqlite:///{self.folder}/gradebook.db") as book:
            grade = book.find_grade(exercise, "exercise", "toy", student)
            grade.manual_score, grade.needs_manual_grade = points, False
            book.db.commit()

    def exported(self):
        self.nbgrader("export")
        return {row["student_id"]: row for row in rows_of(self.folder / "grades.csv")}

    def scores(self):
        """What each student has in the end, as nbgrader exports it; those without a mark are left out."""
        told = {s: r for s, r in self.exported().items() if not r["open"] and s not in ABSENT}
        return {student: float(row["score"]) for student, row in told.items()}


def rows_of(path, encoding="utf-8"):
    with path.open(encoding=encoding, newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def graded(tmp_path_factory):
    """The class, graded, marked by hand, its roster known from two systems."""
    folder = tmp_path_factory.mktemp("class")
    course = Course(folder)
    course.change(document(answer="*Your answer here.*"), "")
    with (folder / "nbgrader_config.py").open("a") as file:
        file.write(LATE)
    for student, (solution, _) in WORKS.items():
        data = json.dumps(document(solution)).encode() if solution else b"{"
        path = course.hand_in(student, data)
        if student == "s004":  # handed in as a zip
            path.unlink()
            path = course.hand_in(student, zipped(data), "toy/work.zip")
        moment = datetime(2026, 11, 22 if student == "s005" else 20, tzinfo=UTC).timestamp()
        os.utime(path, (moment, moment))
    people = [one for one in PEOPLE if one.id != "s004"]  # whom the gradebook has no name of
    course.nbgrader("db", "student", "import", archives.nbgrader_roster(folder, people))
    due = ["--duedate", "2026-11-21 12:00:00 UTC"]
    course.nbgrader("db", "assignment", "add", "toy", *due)
    makers = (
        archives.nbgrader_roster,
        archives.canvas_gradebook,
        archives.classroom_roster,
        archives.moodle_worksheet,
    )
    kept = join(Roster(), [read_roster(make(folder / "rosters", PEOPLE)) for make in makers])
    assert kept.wrong == []
    kept.roster.save(folder)
    assert course.grade().returncode == 0
    for student, (_, mark) in WORKS.items():
        if mark is not None:
            course.by_hand(student, mark)
    course.by_hand("s002", 1, "basket_total_laws")
    assert course.grade().returncode == 0
    course.nbgrader("generate_feedback", "toy")
    return folder


@pytest.fixture
def course(graded, tmp_path):
    """A copy of that class, to do with as a test likes."""
    shutil.copytree(graded, tmp_path / "course", symlinks=True)
    return Course(tmp_path / "course", None)


def gradebook(folder, **words):
    return archives.canvas_gradebook(folder, PEOPLE, column="Toy (8812)", points="5.00", **words)


def canvas_import(before, after):
    """Scores by user id as Canvas's importer takes them, with every other byte as it was exported."""
    old, new = before.read_bytes(), after.read_bytes()
    assert old[:3] == new[:3] == b"\xef\xbb\xbf"
    tables = [list(csv.reader(io.StringIO(d.decode("utf-8-sig"), newline=""))) for d in (old, new)]
    place = tables[0][0].index("Toy (8812)")
    blank = [[[*row[:place], "", *row[place + 1 :]] for row in table] for table in tables]
    assert blank[0] == blank[1] and old.count(b"\r\n") == new.count(b"\r\n")
    assert tables[1][1][0].strip() == "Points Possible" and tables[1][1][place] == "5.00"
    return {row[1]: row[place] for row in tables[1][2:]}


# --- the table


def test_the_table_agrees_with_status_csv_and_with_nbgraders_export(course):
    course.publish("csv")
    made = {row["student"]: row for row in rows_of(course.written("csv"))}
    status, exported = course.status(), course.exported()
    assert set(made) == set(status) == set(exported) == {*WORKS, *ABSENT}
    for student, row in made.items():
        assert row["status"] == status[student]["status"]
        assert (row["total"] == "") == (status[student]["total"] == "") == (student in ABSENT)
        if row["total"]:
            assert float(row["total"]) == float(status[student]["total"])
            assert float(row["total"]) == float(exported[student]["score"])
            assert row["sha256"] == status[student]["sha256"]
        assert float(row["penalty"]) == float(exported[student]["late_submission_penalty"])
        assert row["open"] == exported[student]["open"]
        raw = sum(float(row[stem] or 0) for stem in ("basket_total", "essay"))
        assert raw == pytest.approx(float(exported[student]["raw_score"]))
        assert (row["max_total"], row["note"]) == ("5", "")
    assert made["s005"]["penalty"] == "0.25" and "0.25 of 3 points off" in status["s005"]["notes"]
    assert made["s003"]["essay"] == "" and made["s003"]["open"] == "essay"
    assert made["s002"]["by_hand"] == "basket_total (automatic: 0); essay"
    assert made["s001"]["outcomes"] == "basket_total: partial"
    assert made["s006"]["status"] == "unreadable" and made["s006"]["total"] == "0"
    assert made["s005"]["handed_in"] == "2026-11-22T00:00:00+00:00"


def test_ids_are_written_as_they_are_and_text_as_none_that_a_spreadsheet_runs(course):
    course.publish("csv")
    for row in (*rows_of(course.written("csv")), *course.exported().values()):
        student = row.get("student") or row["student_id"]
        if student == "-eve":
            assert (row["first_name"], row["last_name"]) == ("'=1+1", "'@SUM(A1)")
            assert row["email"] == "-eve@students.example"
    assert {"-eve", "=2+2"} <= course.status().keys() & course.exported().keys()


# --- there and back


def test_canvas_reads_back_the_marks(course):
    export = gradebook(course.folder)
    done = course.publish("canvas", "--gradebook", export)
    ids = {one.canvas: one.id for one in PEOPLE}
    read = {
        ids[n]: t for n, t in canvas_import(export, course.written("canvas")).items() if n in ids
    }
    assert {s: float(t) for s, t in read.items() if t} == course.scores()
    assert {s for s, t in read.items() if not t} == OPEN | ABSENT
    assert "s001: – → 3.3" in done.stdout.splitlines() and len(done.stdout.splitlines()) == 8
    assert "open: essay: s003" in done.stderr and "nothing handed in: s007" in done.stderr
    assert "--so-far writes what there is" in done.stderr


@pytest.mark.parametrize("blind", [False, True])
def test_moodle_reads_back_marks_comments_and_pages(course, blind):
    sheet = archives.moodle_worksheet(course.folder, PEOPLE, blind=blind, maximum="5.00")
    course.publish("moodle", "--worksheet", sheet, "--feedback", "pages.zip")
    data = course.written("moodle").read_bytes()
    assert data[:3] == b"\xef\xbb\xbf"
    rows = list(csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline="")))
    numbers = {one.participant: one.id for one in PEOPLE}
    read = {numbers[row["Identifier"].removeprefix("Participant ")]: row for row in rows}
    marks = {s: float(row["Grade"]) for s, row in read.items() if row["Grade"]}
    assert marks == course.scores() and max(marks.values()) <= MOST
    commented = {s for s, row in read.items() if row["Feedback comments"]}
    assert commented == set(marks)
    assert read["s005"]["Feedback comments"] == (
        "basket_total: 2 of 2 (pass); essay: 1 of 3 (by hand); late: 0.25 off; together 2.75 of 5"
    )
    before = list(csv.DictReader(io.StringIO(sheet.read_text("utf-8-sig"), newline="")))
    changed = ("Grade", "Feedback comments")
    assert [{**row, **dict.fromkeys(changed)} for row in rows] == [
        {**row, **dict.fromkeys(changed)} for row in before
    ]
    found = moodle_feedback(course.folder / "pages.zip", numbers)
    pages = {s: (course.folder / f"feedback/{s}/toy/exercise.html").read_bytes() for s in marks}
    assert found == pages


def moodle_feedback(path, participants):
    """Pages by student, as Moodle's upload sorts them: the parts of a path, each cut at four underscores at most."""
    found = {}
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            assert not name.rpartition("/")[2].startswith((".", "~"))
            for part in name.split("/"):
                info = part.split("_", 4)
                if len(info) >= 4 and info[1].isdecimal() and info[1] in participants:
                    assert info[2:4] == ["assignsubmission", "file"]
                    found[participants[info[1]]] = archive.read(name)
    return found


def test_gradescope_and_classroom_read_back_the_marks(course):
    for system in ("gradescope", "classroom"):
        course.publish(system)
    scores = course.scores()
    by_sid = {one.sis: one.id for one in PEOPLE}
    rows = rows_of(course.written("gradescope"))
    assert {by_sid[r["SID"]]: float(r["Total Score"]) for r in rows if r["Total Score"]} == scores
    assert {r["Status"] for r in rows if not r["Total Score"]} == {"Ungraded", "Missing"}
    assert {r["Email"] for r in rows} == {one.email for one in PEOPLE}
    late = next(r for r in rows if by_sid[r["SID"]] == "s005")
    assert late["Lateness (H:M:S)"] == "12:00:00" and late["1: basket_total (2 pts)"] == "2"
    by_github = {one.github: one.id for one in PEOPLE}
    rows = rows_of(course.written("classroom"))
    given = {by_github[r["github_username"]]: r["points_awarded"] for r in rows}
    assert {s: float(points) for s, points in given.items() if points} == scores
    assert {r["points_available"] for r in rows} == {"5"}
    assert rows[0]["student_repository_name"] == f"toy-{rows[0]['github_username']}"


def test_canvas_takes_pages_under_the_names_of_its_own_download(course):
    class_ = {one: b"{}" for one in PEOPLE if one.id in WORKS and one.id != "s006"}
    download = archives.canvas(course.folder, class_, late=[PEOPLE[5]])
    words = ["--gradebook", gradebook(course.folder), "--feedback", "pages.zip"]
    assert "--submissions" in course.publish("canvas", *words, code=2).stderr
    done = course.publish("canvas", *words, "--submissions", download, code=1)
    assert "no file in submissions.zip, so no page for: s006" in done.stderr
    ids = {one.canvas: one.id for one in PEOPLE}
    with zipfile.ZipFile(course.folder / "pages.zip") as pages, zipfile.ZipFile(download) as given:
        attachments = {numbers(name) for name in given.namelist()}
        found = {ids[numbers(name)[0]]: pages.read(name) for name in pages.namelist()}
        assert {numbers(name) for name in pages.namelist()} <= attachments
    assert set(found) == set(WORKS) - OPEN - {"s006"}
    assert found["s001"] == (course.folder / "feedback/s001/toy/exercise.html").read_bytes()


def numbers(name):
    """User and attachment, as Canvas reads them from a file's name."""
    return tuple(part for part in name.split("_") if part.isdecimal())[:2]


# --- again, and after something has changed


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_canvas_takes_pages_of_names_with_marks_that_are_no_letters(tmp_path, form):
    people = [archives.Student("a", "दीपा", "शर्मा", 1), archives.Student("b", "Änne", "Müller", 2)]
    folder = archives.canvas(tmp_path, dict.fromkeys(people, b"{}"), unpacked=True)
    for path in [*folder.iterdir()]:
        path.rename(path.with_name(unicodedata.normalize(form, path.name)))
    assert page_names(folder, "exercise").keys() == {one.canvas for one in people}


def test_only_what_changed_since_the_last_time(course):
    export = gradebook(course.folder)
    words = ("canvas", "--gradebook", export, "--changed")
    course.publish(*words)
    course.written("canvas").unlink()
    done = course.publish(*words)
    assert done.stdout == "" and "nothing changed; nothing is written" in done.stderr
    assert not course.written("canvas").exists()
    course.by_hand("s001", 3)
    course.by_hand("s003", 3)
    done = course.publish(*words, "--dry-run")
    assert done.stdout.splitlines() == ["s001: – → 3.8 (published last: 3.3)", "s003: – → 5"]
    assert not course.written("canvas").exists()
    export.write_bytes(export.read_bytes().replace(b"s001,Section 2,", b"s001,Section 2,3.30"))
    assert course.publish(*words).stdout.splitlines() == ["s001: 3.30 → 3.8", "s003: – → 5"]
    rows = list(csv.reader(io.StringIO(course.written("canvas").read_text("utf-8-sig"))))
    assert [row[3] for row in rows] == ["SIS Login ID", "", "s001", "s003"]
    assert [row[5] for row in rows] == ["Toy (8812)", "5.00", "3.8", "5"]


def test_a_system_is_not_told_by_what_another_was_given(course):
    first = course.publish("classroom", "--changed").stdout
    assert course.publish("gradescope", "--changed").stdout == first != ""
    course.by_hand("s001", 3)
    for system in ("classroom", "gradescope", "csv"):
        told = course.publish(system, "--changed").stdout
        assert ("s001: 3.3 → 3.8" in told) == (system != "csv")
        assert len(rows_of(course.written(system))) == (1 if system != "csv" else 10)


def test_pages_that_tell_another_mark_are_left_out_until_they_are_made_anew(course):
    words = ("csv", "--feedback", "pages.zip", "--changed")
    course.publish(*words)
    course.by_hand("s001", 3)
    (course.folder / "feedback/s002/toy/exercise.html").unlink()
    (course.folder / "pages.zip").unlink()
    done = course.publish(*words, code=1)
    assert "the page tells another mark: s001: " in done.stderr
    assert "no feedback page: s002: " in done.stderr
    assert "nbgrader generate_feedback toy --force" in done.stderr
    assert not (course.folder / "pages.zip").exists()
    course.nbgrader("generate_feedback", "toy", "--force")
    course.publish(*words)
    with zipfile.ZipFile(course.folder / "pages.zip") as archive:
        assert "s001/exercise.html" in archive.namelist()
    course.publish("csv", "--feedback", "pages")
    assert (course.folder / "pages/=2+2/exercise.html").is_file()


def test_what_somebody_has_changed_in_the_lms_stays(course):
    export = gradebook(course.folder)
    words = ("canvas", "--gradebook", export)
    course.publish(*words)
    text = export.read_text("utf-8-sig")
    for student, there in (("s000", "4.5"), ("s001", "2"), ("s002", "EX")):
        text = re.sub(rf"(,{student},Section \d,)", rf"\g<1>{there}", text)
    export.write_text(text, "utf-8-sig", newline="")
    course.by_hand("s001", 3)
    done = course.publish(*words, code=1)
    assert "changed there by hand, and stays (--overwrite): s000" in done.stderr
    assert "s001: 2 stands there, 3.3 was published last" in done.stderr
    assert "'EX' stands there and stays (--overwrite): s002" in done.stderr
    read = canvas_import(export, course.written("canvas"))
    assert [read[one.canvas] for one in PEOPLE[:3]] == ["4.5", "2", "EX"]
    course.publish(*words, "--overwrite")
    read = canvas_import(export, course.written("canvas"))
    assert [read[one.canvas] for one in PEOPLE[:3]] == ["5", "3.8", "1"]


def test_the_same_export_again_is_filled_again_though_marks_stood_in_it(course):
    export = gradebook(course.folder)
    text = export.read_text("utf-8-sig").replace(",s001,Section 2,", ",s001,Section 2,2")
    export.write_text(text, "utf-8-sig", newline="")
    for _ in range(2):
        done = course.publish("canvas", "--gradebook", export)
        assert "s001: 2 → 3.3" in done.stdout
        assert canvas_import(export, course.written("canvas"))[PEOPLE[1].canvas] == "3.3"


# --- what cannot be told is said


def test_ids_that_the_export_does_not_hold_are_refused_and_the_rest_is_written(course):
    left_out = [one for one in PEOPLE if one.id not in ("s000", "=2+2")]
    export = archives.canvas_gradebook(course.folder, left_out, column="Toy (1)", points="5")
    with export.open("a", encoding="utf-8", newline="") as file:
        file.write(f"Twin,{PEOPLE[4].canvas},,,,\r\n")
        file.write(f"Mixed,{PEOPLE[1].canvas},{PEOPLE[2].sis},,,\r\n")
        file.write("Somebody,12,0,nobody,,7\r\n")
    done = course.publish("canvas", "--gradebook", export, code=1)
    assert "not in gradebook-export.csv: =2+2, s000" in done.stderr
    for student in ("s001", "s002", "s004"):
        assert f"{student}: nobody can tell which row" in done.stderr
    assert "rows of nobody here, which stay as they are: Somebody" in done.stderr
    rows = {row["Student"]: row for row in rows_of(course.written("canvas"), "utf-8-sig")}
    assert rows["Twin"]["Toy (1)"] == rows["Mixed"]["Toy (1)"] == ""
    assert rows["Somebody"]["Toy (1)"] == "7"
    assert rows[PEOPLE[5].sortable]["Toy (1)"] == "2.75"
    assert rows[PEOPLE[1].sortable]["Toy (1)"] == ""


def test_a_name_alone_gives_nobody_a_mark(course):
    strangers = [
        archives.Student(f"x{one.number}", one.first, one.last, 500 + one.number) for one in PEOPLE
    ]
    export = archives.canvas_gradebook(course.folder, strangers, column="Toy (1)", points="5")
    course.publish("canvas", "--gradebook", export, code=1)
    assert course.written("canvas").read_bytes() == export.read_bytes()


def test_moodles_locked_rows_and_comments_by_hand_stay(course):
    sheet = archives.moodle_worksheet(course.folder, PEOPLE, maximum="5.00", locked=PEOPLE[:1])
    rows = list(csv.DictReader(io.StringIO(sheet.read_text("utf-8-sig"), newline="")))
    rows[1]["Feedback comments"] = "<p>See me; together we look</p>"
    sheet.write_text(archives.table(rows), "utf-8-sig", newline="")
    done = course.publish("moodle", "--worksheet", sheet, code=1)
    assert "s000: 'Grade can be changed' is No" in done.stderr
    assert "a comment stands there and stays: s001" in done.stderr
    read = rows_of(course.written("moodle"), "utf-8-sig")
    assert (read[0]["Grade"], read[0]["Feedback comments"]) == ("", "")
    assert (read[1]["Grade"], read[1]["Feedback comments"]) == ("3.3", rows[1]["Feedback comments"])
    # as Moodle exports it after the upload: the comment in a paragraph, to be replaced by the next
    read[4]["Feedback comments"] = f"<p>{read[4]['Feedback comments']}</p>"
    sheet.write_text(archives.table(read), "utf-8-sig", newline="")
    course.by_hand("s004", 3)
    course.publish("moodle", "--worksheet", sheet, code=1)
    told = rows_of(course.written("moodle"), "utf-8-sig")[4]["Feedback comments"]
    assert told == "basket_total: 0.8 of 2 (partial); essay: 3 of 3 (by hand); together 3.8 of 5"


def test_a_worksheet_in_another_language_is_one_line_that_says_so(course):
    sheet = archives.moodle_worksheet(course.folder, PEOPLE)
    german = sheet.read_bytes().replace(b"Identifier", b"ID", 1).replace(b"Grade", b"Bewertung", 1)
    sheet.write_bytes(german)
    said = course.publish("moodle", "--worksheet", sheet, code=2).stderr
    assert len(said.splitlines()) == 1 and "Moodle's language set to English" in said


def test_a_mark_above_moodles_maximum_is_a_trouble_for_moodle_would_leave_it_out(course):
    course.by_hand("s000", 4)
    sheet = archives.moodle_worksheet(course.folder, PEOPLE, maximum="5.00")
    assert (
        "s000: 6 is more than Moodle takes, 5"
        in course.publish("moodle", "--worksheet", sheet, code=1).stderr
    )


def test_another_maximum_is_an_error_or_scales(course):
    export = archives.canvas_gradebook(course.folder, PEOPLE, column="Toy (1)", points="100")
    done = course.publish("canvas", "--gradebook", export, code=2)
    assert "the maximum is 100 there, and 5 here" in done.stderr and "--scale" in done.stderr
    course.publish("canvas", "--gradebook", export, "--scale")
    rows = {r["SIS Login ID"]: r["Toy (1)"] for r in rows_of(course.written("canvas"), "utf-8-sig")}
    assert rows["s000"] == "100" and rows["s001"] == "66" and rows["s005"] == "55"


def test_missing_and_marks_so_far_are_published_where_that_is_asked_for(course):
    export = gradebook(course.folder)
    course.publish("canvas", "--gradebook", export, "--missing", "0", "--so-far")
    read = canvas_import(export, course.written("canvas"))
    assert [read[one.canvas] for one in PEOPLE if one.id in ("s003", "s007")] == ["2", "0"]
    sheet = archives.moodle_worksheet(course.folder, PEOPLE, maximum="5.00")
    course.publish("moodle", "--worksheet", sheet, "--so-far")
    told = {
        r["ID number"]: r["Feedback comments"]
        for r in rows_of(course.written("moodle"), "utf-8-sig")
    }
    assert told["07003"].endswith("essay: open; so far 2 of 5")
    assert told["07000"].endswith("; together 5 of 5")
    # a notebook that was taken away is not "nothing handed in"
    shutil.rmtree(course.folder / "submitted/s000")
    done = course.publish("canvas", "--gradebook", export, "--missing", "0")
    assert (
        "the notebook lies in submitted/ no more; its marks stay in the gradebook: s000"
        in done.stderr
    )
    assert canvas_import(export, course.written("canvas"))[PEOPLE[0].canvas] == ""


def test_work_that_is_not_graded_yet_is_neither_missing_nor_passed_over(course):
    course.hand_in("s007", json.dumps(document()).encode())
    course.hand_in("s001", json.dumps(document(RIGHT + "\n")).encode())
    done = course.publish("canvas", "--gradebook", gradebook(course.folder), "--missing", "0")
    assert "left: handed in and not graded yet: s007" in done.stderr
    assert "a newer notebook is not graded yet" in done.stderr and ": s001" in done.stderr


def test_columns_are_chosen_and_never_guessed(course):
    text = (
        "Student,ID,SIS Login ID,Section,Toy (1),toy (2),My toy sheet (3),Total (4),Current Score\n"
        "    Points Possible,,,,5,5,5,(read only),(read only)\nAnn,1,s000,,,,,,\n"
    )
    export = course.folder / "export.csv"
    export.write_text(text)
    words = ("canvas", "--gradebook", export)
    done = course.publish(*words, code=2)
    assert "several columns fit 'toy': choose with --column: Toy (1); toy (2)" in done.stderr
    for column, place in (("2", 5), ("toy (2)", 5), ("My toy sheet", 6), ("Toy (1)", 4)):
        course.publish(*words, "--column", column, "--out", "out.csv", "--overwrite", code=1)
        [row] = list(csv.reader((course.folder / "out.csv").open()))[2:]
        assert [i for i, cell in enumerate(row) if cell == "5"] == [place]
    assert "is read only" in course.publish(*words, "--column", "4", code=2).stderr
    assert "no column fits '7'" in course.publish(*words, "--column", "7", code=2).stderr
    export.write_text(text.replace("Toy (1),toy (2),", "Toyota (1),Toys (2),"))
    course.publish(*words, code=1)
    assert "My toy sheet (3)" in course.written("canvas").read_text()


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"\xff\xfeS\x00", "no CSV file"),
        ("Student,ID,Toy (1)\nMüller,1,\n".encode("cp1252"), "is not UTF-8"),
        (b"Name,ID\nAnn,1\n", "has no column 'Student'"),
        (b'Student,ID,Toy (1)\n"Ann,1,\n', "row 2: quotes that do not fit"),
        (b"Student,ID,Toy (1)\nAnn,1,\n", "has no points possible"),
        (b"", "has no column 'Student'"),
        (None, "No such file"),
    ],
)
def test_what_is_no_export_is_an_error_in_one_line_and_nothing_is_written(course, data, said):
    export = course.folder / "export.csv"
    if data is not None:
        export.write_bytes(data)
    done = course.publish("canvas", "--gradebook", export, code=2)
    assert said in done.stderr and done.stderr.count("\n") == 1
    assert not course.written("canvas").exists()


def test_the_export_itself_is_written_over_only_by_name(course):
    export = gradebook(course.folder)
    course.publish("canvas", "--gradebook", export)
    filled = course.written("canvas")
    done = course.publish("canvas", "--gradebook", filled, code=2)
    assert "name another file with --out" in done.stderr
    course.by_hand("s001", 3)
    course.publish("canvas", "--gradebook", filled, "--out", filled)
    assert canvas_import(export, filled)[PEOPLE[1].canvas] == "3.8"


def test_nothing_is_published_while_a_class_is_graded_or_before(course, tmp_path):
    import fcntl

    with (course.folder / "build/grading/toy/lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert "another run is grading" in course.publish("csv", code=2).stderr
    (course.folder / "gradebook.db").unlink()
    assert "nobody is graded yet" in course.publish("csv", code=2).stderr
    assert not (course.folder / "gradebook.db").exists()


def test_a_disk_that_takes_nothing_is_one_line(course):
    work = course.folder / "build/grading/toy"
    shutil.move(work / "students/.lock", work / "aside")
    (work / "students/.lock").mkdir()
    assert "does not count as published; mend it" in course.publish("csv", code=2).stderr
    shutil.rmtree(work)
    work.write_text("in the way")
    assert "cannot be written: Not a directory" in course.publish("csv", code=2).stderr


def test_what_two_commands_publish_at_one_time_is_remembered_of_both(course, monkeypatch):
    monkeypatch.chdir(course.folder)
    table = Table(None, (), {"s001": Result("s001", Status.GRADED)}, *[course.folder] * 3)
    monkeypatch.setattr(Table, "name", "toy")
    one, other = Ledger(table, "canvas"), Ledger(table, "csv")
    one.keep({"s001": {"points": "1"}})
    other.keep({"s001": {"points": "2"}})
    assert Ledger(table, "canvas").last("s001", "points") == "1"
    assert Ledger(table, "csv").last("s001", "points") == "2"


def test_the_command_line_starts_from_scratch(course):
    course.publish("csv", by=ClassFolder.start)
    done = course.start(sys.executable, "-m", "grader", "publish", "csv", "--missing", "-1")
    assert done.returncode == 2 and "a number, 0 or above" in done.stderr
