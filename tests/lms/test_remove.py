"""`grader remove`: a student leaves for good, and nothing is lost."""

import errno
import json
import zipfile

import pytest
from toys import ClassFolder

from grader.errors import CourseError
from grader.lms import removing
from grader.store import sha256


@pytest.fixture
def class_folder(tmp_path):
    """The toy course's folder."""
    return ClassFolder(tmp_path)


def command(here, *words):
    return here.run("python", "-m", "grader", *words)


def traces(here, student):
    """Whatever lies below the course and is named after the student, what was kept apart."""
    kept = here.folder / "build/grading/removed"
    return [path for path in here.folder.rglob(f"{student}*") if not path.is_relative_to(kept)]


def give_by_hand(here, student, points):
    program = (
        "from nbgrader.api import Gradebook\n"
        "with Gradebook('sqlite:///gradebook.db') as book:\n"
        f"    grade = book.find_grade('basket_total_laws', 'exercise', 'toy', '{student}')\n"
        f"    grade.manual_score = {points}\n"
        "    book.db.commit()\n"
    )
    assert here.run("python", "-c", program).returncode == 0


def test_a_student_leaves_for_good_and_everything_is_in_one_zip(class_folder):
    (class_folder.folder / "roster.csv").write_text(
        "id,first_name,last_name\nann,Ann,Example\nbob,Bob,Sample\n"
    )
    data = class_folder.hand_in("ann").read_bytes()
    class_folder.hand_in("bob")
    assert (
        command(class_folder, "collect", "--roster", "roster.csv", "--laws", "hidden").returncode
        == 0
    )
    assert class_folder.grade().returncode == 0
    give_by_hand(class_folder, "ann", 1.5)
    class_folder.nbgrader("generate_feedback", "toy")
    before = traces(class_folder, "ann")
    dry = command(class_folder, "remove", "ann", "--dry-run")
    assert dry.returncode == 0 and "would remove ann: the gradebook's entry" in dry.stdout
    assert traces(class_folder, "ann") == before and "ann" in class_folder.marks()
    done = command(class_folder, "remove", "ann")
    assert done.returncode == 0, done.stderr
    assert (
        "removed ann: the gradebook's entry, submitted/ann, autograded/ann, feedback/ann"
        in done.stdout
    )
    assert "--roster" in done.stdout and traces(class_folder, "ann") == []
    assert list(class_folder.marks()) == ["bob"]
    [kept] = (class_folder.folder / "build/grading/removed").iterdir()
    with zipfile.ZipFile(kept) as archive:
        assert archive.read("submitted/ann/toy/exercise.ipynb") == data
        [submission] = json.loads(archive.read("gradebook.json"))["submissions"]
        assert json.loads(archive.read("roster.json"))["first_name"] == "Ann"
        assert "feedback/ann/toy/exercise.html" in archive.namelist()
    [grade] = submission["notebooks"][0]["grades"]
    assert (grade["automatic"], grade["by_hand"], grade["score"]) == (2.0, 1.5, 1.5)
    assert class_folder.grade().returncode == 0 and list(class_folder.status()) == ["bob"]
    command(class_folder, "collect", "--roster", "roster.csv", "--laws", "hidden")
    class_folder.grade()
    assert class_folder.status()["ann"]["status"] == "missing", "the roster's file names ann again"


def test_training_runs_leave_with_the_student_unless_another_handed_in_the_same(class_folder):
    here, training = class_folder.folder, class_folder.folder / "build/grading/training"
    works = {"ann": b"{}", "bob": b"[]", "cat": b"[]", "dan": b"{ }"}
    for student, data in works.items():
        class_folder.hand_in(student, data)
        run = training / sha256(data)
        run.mkdir(parents=True, exist_ok=True)
        (run / "notebook.ipynb").write_bytes(data)
    (training / f"{sha256(b'{}')}.json").write_text('{"share": 1.0}')
    assert class_folder.grade().returncode == 0
    published = here / "build/grading/toy/publish/csv.csv"
    command(class_folder, "publish", "csv", "--laws", "hidden")
    assert "ann" in published.read_text()
    # an earlier notebook, which only the log knows, has had its run, too
    class_folder.hand_in("ann", b"{} ")
    assert class_folder.grade().returncode == 0
    done = command(class_folder, "remove", "ann", "bob")
    assert done.returncode == 0, done.stderr
    assert {path.name for path in training.iterdir()} == {sha256(b"[]"), sha256(b"{ }")}
    assert not published.exists() and not (here / "build/grading/status.csv").exists()
    [kept] = (here / "build/grading/removed").glob("ann-*.zip")
    with zipfile.ZipFile(kept) as archive:
        name = f"build/grading/training/{sha256(b'{}')}"
        assert archive.read(f"{name}/notebook.ipynb") == b"{}"
        assert f"{name}.json" in archive.namelist()
    assert command(class_folder, "remove", "cat").returncode == 0
    assert [path.name for path in training.iterdir()] == [sha256(b"{ }")]


def test_unknown_names_are_one_line_and_nobody_is_removed(class_folder):
    class_folder.hand_in("ann")
    for names in (["ann", "zoe"], ["../ann"], [".."], [""], ["ann/toy"], ["*"]):
        done = command(class_folder, "remove", *names)
        assert done.returncode == 2 and len(done.stderr.splitlines()) == 1, done.stderr
        assert "nothing is removed" in done.stderr
    assert (class_folder.folder / "submitted/ann/toy/exercise.ipynb").exists()


def test_a_phantom_leaves_whose_folder_holds_links_and_odd_files(class_folder, tmp_path):
    (tmp_path / "precious").write_text("stays")
    class_folder.hand_in("submissions", b"x", "a b.ipynb")
    (class_folder.folder / "submitted/submissions/link").symlink_to(tmp_path / "precious")
    (class_folder.folder / "submitted/submissions/up").symlink_to(tmp_path)
    done = command(class_folder, "remove", "submissions", "submissions")
    assert done.returncode == 0, done.stderr
    assert not (class_folder.folder / "submitted/submissions").exists()
    assert (tmp_path / "precious").read_text() == "stays"
    [kept] = (class_folder.folder / "build/grading/removed").iterdir()
    with zipfile.ZipFile(kept) as archive:
        assert sorted(archive.namelist()) == [
            "submitted/submissions/a b.ipynb",
            "submitted/submissions/link (a link)",
            "submitted/submissions/up (a link)",
        ]


def test_a_linked_student_is_a_link_that_goes(class_folder, tmp_path):
    class_folder.hand_in("ann")
    (class_folder.folder / "submitted/eve").symlink_to(class_folder.folder / "submitted/ann")
    assert command(class_folder, "remove", "eve").returncode == 0
    assert (class_folder.folder / "submitted/ann/toy/exercise.ipynb").exists()
    assert not (class_folder.folder / "submitted/eve").is_symlink()


def test_nobody_is_removed_where_nobody_can_tell_what_there_is(class_folder):
    here = class_folder.folder
    (here / "roster.csv").write_text("id,first_name\nann,Ann\n")
    command(class_folder, "collect", "--roster", "roster.csv", "--laws", "hidden")
    (here / "submitted").rmdir()
    (here / "submitted").symlink_to("submitted")  # as a mount that has gone: no lstat answers
    done = command(class_folder, "remove", "ann")
    assert done.returncode == 2 and "submitted/ann: " in done.stderr
    assert "nothing is removed" in done.stderr and "ann" in class_folder.marks()


def test_a_full_disk_removes_nobody_and_leaves_nothing_behind(class_folder, monkeypatch):
    class_folder.hand_in("ann")
    monkeypatch.chdir(class_folder.folder)

    def full(self, *told):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(zipfile.ZipFile, "write", full)
    with pytest.raises(CourseError, match=f"^{class_folder.folder}: No space left on device"):
        removing.run(["ann"])
    assert [*(class_folder.folder / "build/grading/removed").iterdir()] == []
    assert (class_folder.folder / "submitted/ann/toy/exercise.ipynb").exists()
