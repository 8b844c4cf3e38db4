"""A class, from each system's download to its marks, with the commands that the pages show; and what is no student's."""

import json
import shutil
import zipfile
from pathlib import Path

import archives
import pytest
from toys import RIGHT, ClassFolder, notebook

from grader.lms.collect.strays import Strangers

PEOPLE = archives.students(9)
HALF = RIGHT.replace("        raise ValueError", "        pass  # raise ValueError")
KINDS = (RIGHT, "def basket_total(items, discount=0.0):\n    return {}.5", HALF)


def work(student):
    """What a student hands in: right, wrong, or right in part, and nobody's is another's."""
    solution = KINDS[student.number % 3].format(student.number)
    return json.dumps(notebook(f"# {student.id}\n{solution}")).encode()


CLASS = {one: work(one) for one in PEOPLE[:7]}


@pytest.fixture
def class_folder(tmp_path):
    """The toy course's folder."""
    return ClassFolder(tmp_path)


def collect(here, *words):
    return here.run("python", "-m", "grader", "collect", *words, "--laws", "hidden")


def expected(student):
    return (2.0, 0.0, None)[student.number % 3]


SYSTEMS = {
    "canvas": (archives.canvas, archives.canvas_gradebook, "id", ()),
    "moodle": (archives.moodle, archives.moodle_worksheet, "sis", ("--zone", "UTC")),
    "gradescope": (archives.gradescope, archives.gradescope_roster, "sis", ()),
}


@pytest.mark.parametrize("system", SYSTEMS)
def test_a_class_goes_from_its_systems_download_to_its_marks(class_folder, tmp_path, system):
    make, make_roster, key, more = SYSTEMS[system]
    download, roster = make(tmp_path / "got", CLASS), make_roster(tmp_path / "got", PEOPLE)
    done = collect(class_folder, download, "--roster", roster, *more)
    assert done.returncode == 0, done.stdout + done.stderr
    assert class_folder.grade("--jobs", "2").returncode == 0
    status, halves = class_folder.status(), set()
    assert len(status) == len(PEOPLE)
    for one in PEOPLE:
        row = status[getattr(one, key)]
        if one not in CLASS:
            assert row["status"] == "missing"
            continue
        assert row["status"] == "graded"
        if expected(one) is None:
            halves.add(float(row["total"]))
        else:
            assert float(row["total"]) == expected(one), row
        assert ("when it was handed in is not known" in row["notes"]) == (system == "canvas")
    assert len(halves) == 1 and 0 < halves.pop() < 2
    marks, first = class_folder.marks(), getattr(PEOPLE[0], key)
    assert marks[first] == 2.0
    told = class_folder.run("python", "-m", "grader", "explain", first, "--laws", "hidden").stdout
    assert f"  attempt    1 of 1: {system}, {download}: " in told, told
    again = collect(class_folder, download, *more)
    assert again.returncode == 0 and again.stdout.count("  same  ") == len(CLASS)


def test_late_work_and_a_second_download_reach_the_table(class_folder, tmp_path):
    late, again = PEOPLE[1], PEOPLE[0]
    roster = archives.canvas_gradebook(tmp_path / "got", PEOPLE)
    first = archives.canvas(tmp_path / "1", {again: work(PEOPLE[1])})
    assert collect(class_folder, first, "--roster", roster).returncode == 0
    second = archives.canvas(tmp_path / "2", CLASS, late=[late], resubmitted={again: 1})
    dry = collect(class_folder, second, "--dry-run")
    assert dry.stdout.count("  newer  ") == 1 and "nothing was changed" in dry.stderr
    assert not (tmp_path / "submitted" / late.id).exists()
    assert collect(class_folder, second).returncode == 0
    assert collect(class_folder, first).stdout.count("  older: kept  ") == 1
    class_folder.grade()
    status = class_folder.status()
    assert "late, as canvas says" in status[late.id]["notes"]
    assert float(status[again.id]["total"]) == 2.0
    table = (tmp_path / "build/grading/toy/collected.csv").read_text()
    assert table.startswith("student,what,file,attempt,handed_in,clock,notes,sha256\n")


def test_which_system_it_is_must_be_told_where_nobody_can_tell(class_folder, tmp_path):
    files = archives.plain(tmp_path / "got", CLASS)
    done = collect(class_folder, files)
    assert done.returncode == 2 and len(done.stderr.splitlines()) == 1
    assert "canvas, moodle, gradescope" in done.stderr and "--pattern" in done.stderr
    done = collect(class_folder, archives.canvas_gradebook(tmp_path, CLASS))
    assert done.returncode == 2 and "a list of the class goes to --roster" in done.stderr
    done = collect(class_folder, files, "--pattern", "{student}_{name}.ipynb")
    assert done.returncode == 0 and len(list((tmp_path / "submitted").iterdir())) == len(CLASS)
    assert "no roster" in done.stdout


def test_another_assignments_notebooks_go_nowhere(class_folder, tmp_path):
    other = json.loads(archives.class_of(1, lambda _: json.dumps(notebook()).encode())[PEOPLE[0]])
    for cell in other["cells"]:
        if clues := cell["metadata"].get("nbgrader"):
            clues["grade_id"] = f"hw2_{clues['grade_id']}"
    (tmp_path / "source/hw2").mkdir()
    (tmp_path / "source/hw2/exercise.ipynb").write_text(json.dumps(other))
    download = archives.canvas(
        tmp_path / "got", {PEOPLE[0]: json.dumps(other).encode(), PEOPLE[1]: work(PEOPLE[1])}
    )
    done = collect(class_folder, download)
    assert done.returncode == 1 and "of another assignment" in done.stdout
    assert [path.name for path in (tmp_path / "submitted").iterdir()] == [PEOPLE[1].canvas]


def unpacked(folder, path):
    """Move what an unpacked download holds into submitted/ itself."""
    for inner in path.iterdir():
        shutil.move(inner, folder / "submitted" / inner.name)


STRAYS = {
    "canvas folder": lambda f, c: archives.canvas(f / "submitted", c, unpacked=True),
    "canvas zip": lambda f, c: archives.canvas(f / "submitted", c),
    "canvas files": lambda f, c: unpacked(f, archives.canvas(f / "t", c, unpacked=True)),
    "moodle folder": lambda f, c: archives.moodle(f / "submitted", c, unpacked=True),
    "moodle folders": lambda f, c: unpacked(f, archives.moodle(f / "t", c, unpacked=True)),
    "gradescope": lambda f, c: unpacked(f, archives.gradescope(f / "t", c, unpacked=True)),
    "blackboard": lambda f, c: archives.blackboard(f / "submitted", c, unpacked=True),
    "classroom": lambda f, c: archives.classroom(f / "submitted", c),
    "clones": lambda f, c: unpacked(f, archives.classroom(f / "t", c)),
    "exchange": lambda f, c: archives.exchange(f / "submitted", c),
    "exchange folders": lambda f, c: unpacked(f, archives.exchange(f / "t", c)),
    "a notebook": lambda f, c: (f / "submitted/ann.ipynb").write_bytes(c[PEOPLE[0]]),
}


def named_command(text):
    """The words after `grader` in the one command that a text names, as a shell has them."""
    [line] = [line for line in text.splitlines() if " -m grader collect " in line]
    return line.partition("`")[2].partition("`")[0].partition(" -m grader ")[2]


def typed(here, words):
    """A command typed into a shell, which expands what it finds."""
    program = "import subprocess, sys; sys.exit(subprocess.call(f'{sys.executable} -m grader ' + sys.argv[1], shell=True))"
    return here.run("python", "-c", program, words)


@pytest.mark.parametrize("kind", STRAYS)
def test_the_command_that_is_named_takes_what_is_no_students(
    class_folder, tmp_path, kind, monkeypatch
):
    STRAYS[kind](tmp_path, {one: CLASS[one] for one in PEOPLE[:2]})
    class_folder.hand_in("honest")
    monkeypatch.chdir(tmp_path)
    here = tmp_path / "submitted"
    before = {path.name for path in here.iterdir()} - {"honest"}
    strangers = Strangers(["toy"], Path("hidden"), None)
    assert strangers.names(here) == before
    done = typed(class_folder, named_command("\n".join(strangers.advice(here))))
    assert done.returncode == 0, done.stdout + done.stderr
    placed = list(here.glob("*/toy/exercise.ipynb"))
    assert len(placed) == (2 if kind == "a notebook" else 3), done.stdout


@pytest.mark.parametrize("kind", ["canvas folder", "moodle folders"])
def test_what_is_no_student_becomes_none(class_folder, tmp_path, kind):
    STRAYS[kind](tmp_path, {one: CLASS[one] for one in PEOPLE[:2]})
    before = list((tmp_path / "submitted").iterdir())
    class_folder.hand_in("honest")
    done = class_folder.grade()
    assert done.returncode == 1 and named_command(done.stderr)
    assert list(class_folder.status()) == list(class_folder.marks()) == ["honest"]
    for path in before:
        shutil.rmtree(path)
    assert class_folder.grade().returncode == 0


def test_a_phantom_of_earlier_is_named_with_the_command_that_removes_it(class_folder, tmp_path):
    class_folder.nbgrader("db", "student", "add", "submissions")
    archives.canvas(tmp_path / "submitted", CLASS, unpacked=True)
    class_folder.grade()
    [row] = class_folder.status().values()
    assert row["student"] == "submissions" and "grader remove submissions" in row["notes"]


def test_a_students_own_folder_is_a_students_whatever_it_looks_like(class_folder, tmp_path):
    class_folder.hand_in("ann", name="ann_17_4711_exercise.ipynb")
    class_folder.hand_in("bob", name="Bob Sample_12_assignsubmission_file_/exercise.ipynb")
    packed = class_folder.hand_in("cid", b"", name="work.zip")
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("mine/exercise.ipynb", work(PEOPLE[0]))
        archive.writestr("__MACOSX/mine/._exercise.ipynb", b"x")
    (tmp_path / "submitted/notes.txt").write_text("x")
    assert class_folder.grade().returncode == 0
    status = class_folder.status()
    assert {row["status"] for row in status.values()} == {"graded"} and len(status) == 3
    assert "taken out of work.zip: mine/exercise.ipynb" in status["cid"]["notes"]


def test_the_older_of_two_never_passes_silently(class_folder):
    class_folder.hand_in("ann")
    class_folder.hand_in("ann", work(PEOPLE[1]), name="toy/exercise-1.ipynb")
    class_folder.hand_in("bob")
    class_folder.hand_in("bob", name="toy/exercise (1).ipynb")
    done = class_folder.grade()
    status = class_folder.status()
    assert done.returncode == 1 and status["ann"]["status"] == "infrastructure"
    assert "ann/toy/exercise-1.ipynb lies beside ann/toy/exercise.ipynb" in status["ann"]["notes"]
    assert status["bob"]["status"] == "graded", "equal ones are one"
