"""Which file of a hand-in is graded, and what is said of the others."""

import json
import os
import subprocess

import pytest
from toys import RIGHT, notebook

from grader.judging.feedback import missed
from grader.submission.collect import MAX_FILES, find
from grader.submission.handed_in import NO_NOTEBOOK


@pytest.fixture
def hand_in(tmp_path):
    """Put files into a student's folder, then say what `find` finds there."""

    def make(*names, others=()):
        for name in names:
            path = tmp_path / "ann" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps({"name": name}))
        return find(tmp_path / "ann", "toy", "exercise", others)

    return make


@pytest.mark.parametrize("folder", [".venv/lib", "venv/lib", "node_modules/lib", "toy/data"])
def test_the_notebook_at_its_place_is_found_among_any_number_of_files(hand_in, tmp_path, folder):
    many = (f"{folder}/{number}.py" for number in range(MAX_FILES + 1))
    found = hand_in("toy/exercise.ipynb", *many)
    assert found.notebook == tmp_path / "ann/toy/exercise.ipynb"
    if folder in ("venv/lib", "toy/data"):  # the others belong to nobody's work
        assert f"and at least {MAX_FILES - 6} more" in found.notes[0]
    else:
        assert found.notes == []


def test_a_folder_as_deep_as_an_archive_can_make_it_is_walked_as_far_as_makes_sense(tmp_path):
    (tmp_path / "ann").mkdir()
    at = os.open(tmp_path / "ann", os.O_RDONLY)
    for _ in range(1500):
        os.mkdir("a", dir_fd=at)
        inner = os.open("a", os.O_RDONLY, dir_fd=at)
        os.close(at)
        at = inner
    os.close(at)
    assert find(tmp_path / "ann", "toy", "exercise").notebook is None
    subprocess.run(["rm", "-rf", tmp_path / "ann"], check=True)  # pytest cannot


def test_another_assignments_folder_is_not_looked_at(hand_in, tmp_path):
    names = ("hw2/exercise.ipynb", "hw2/helper.py", "upload/hw2/exercise.ipynb")
    found = hand_in(*names, others=["hw2"])
    assert (found.notebook, found.why_not, found.notes, found.modules) == (None, "", [], [])
    assert hand_in().why_not == "twice", "no assignment is called so"
    found = hand_in("upload/exercise.ipynb", "notes.py", others=["hw2"])
    assert found.notebook == tmp_path / "ann/upload/exercise.ipynb"
    assert found.notes == ["taken from upload/exercise.ipynb", "left out: notes.py"]
    assert found.modules == ["notes"]
    found = hand_in("toy/hw2/mine.ipynb", "toy/exercise.ipynb", others=["hw2", "upload"])
    assert found.notebook == tmp_path / "ann/toy/exercise.ipynb"
    assert found.notes == ["left out: notes.py, toy/hw2/mine.ipynb"], "its own folder is its own"


def test_another_assignments_folder_is_never_too_large_to_find_ones_own(hand_in, tmp_path):
    many = (f"hw2/{number}.txt" for number in range(MAX_FILES + 1))
    found = hand_in("other/exercise.ipynb", *many, others=["hw2"])
    assert found.notebook == tmp_path / "ann/other/exercise.ipynb"


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (("a.ipynb", "b.ipynb"), "none has the name"),
        (("a/exercise.ipynb", "b/exercise.ipynb"), "under the name that it was given out with"),
    ],
)
def test_which_of_several_notebooks_counts_is_asked_in_words_that_are_true(hand_in, names, said):
    assert said in NO_NOTEBOOK[hand_in(*names).why_not]


def test_equal_notebooks_of_one_name_are_one_and_others_are_asked_about(hand_in, tmp_path):
    """A folder that is handed in whole, with the copy that `submit.py` has made."""
    names = ("work/exercise.ipynb", "work/handin/exercise.ipynb")
    assert hand_in(*names).why_not == "twice"
    for name in names:
        (tmp_path / "ann" / name).write_bytes(b"{}")
    found = find(tmp_path / "ann", "toy", "exercise")
    assert found.notebook == tmp_path / "ann/work/exercise.ipynb" and not found.why_not
    assert found.notes[0] == "taken from work/exercise.ipynb, one of 2 equal"


def test_what_a_mac_leaves_beside_a_file_is_no_file(hand_in, tmp_path):
    found = hand_in("toy/mine.ipynb", "toy/._mine.ipynb", ".DS_Store")
    assert found.notebook == tmp_path / "ann/toy/mine.ipynb"
    assert found.notes == ["taken from toy/mine.ipynb"]


@pytest.mark.parametrize(
    "name", ["X.IPYNB", "exercise.ipynb.json", "exercise.ipynb.txt", "exercise.IPYNB.JSON"]
)
def test_a_notebook_that_a_browser_or_an_old_disk_renamed_is_one(hand_in, tmp_path, name):
    found = hand_in(f"toy/{name}", "toy/data.json", "toy/notes.txt")
    assert found.notebook == tmp_path / "ann/toy" / name
    assert found.notes == [f"taken from toy/{name}", "left out: toy/data.json, toy/notes.txt"]


@pytest.mark.parametrize(
    ("names", "why"),
    [
        (["._x.ipynb", ".DS_Store"], ""),
        (["toy/timestamp.txt", "toy/timestamp.txt.refused"], ""),
        (["toy/essay.pdf"], "none"),
        (["toy.ZIP"], "packed"),
    ],
)
def test_without_a_notebook_it_counts_what_else_there_is(hand_in, names, why):
    found = hand_in(*names)
    assert (found.notebook, found.why_not) == (None, why)


def test_a_folder_that_cannot_be_opened_is_our_trouble_and_no_empty_hand_in(hand_in, monkeypatch):
    hand_in("toy/exercise.ipynb")
    scan = os.scandir

    def locked(path):
        if str(path).endswith("toy"):
            raise PermissionError(13, "Permission denied", str(path))
        return scan(path)

    monkeypatch.setattr(os, "scandir", locked)
    monkeypatch.setattr("grader.submission.choosing.is_plain", lambda *_: False)
    found = hand_in()
    assert (found.notebook, found.why_not) == (None, "")
    assert found.trouble == "ann/toy cannot be opened: mend its permissions and run again"
    found = hand_in("other.ipynb")
    assert found.notebook.name == "other.ipynb" and "ann/toy cannot be opened" in found.notes[-1]


def test_a_proper_place_that_a_link_leads_to_is_no_place(hand_in, tmp_path):
    found = hand_in("other/exercise.ipynb")
    (tmp_path / "ann/toy").symlink_to(tmp_path / "ann/other")
    assert hand_in().notebook == found.notebook == tmp_path / "ann/other/exercise.ipynb"
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/exercise.ipynb").write_bytes(b"{}")
    (tmp_path / "ann/toy").unlink()
    (tmp_path / "ann/toy").symlink_to(tmp_path / "elsewhere")
    assert hand_in().notebook == tmp_path / "ann/other/exercise.ipynb"


def test_a_left_out_module_is_named_where_the_notebook_imports_it(hand_in, judge):
    modules = hand_in("toy/exercise.ipynb", "toy/helpers.py", "toy/other.py").modules
    verdict = {"exercises": {"x": judge(RIGHT.replace("    if", "    import helpers\n    if", 1))}}
    [note] = missed(verdict, modules)
    assert note == "only the notebook is graded: put the code of helpers.py into it"
    assert missed({"exercises": {"x": judge()}}, modules) == []


def test_a_notebook_in_nobodys_folder_goes_by_its_cells(tmp_path):
    path = tmp_path / "ann/exercise.ipynb"
    path.parent.mkdir()
    path.write_text(json.dumps(notebook()))

    def found(*ids, others=("hw2",)):
        return find(path.parent, "toy", "exercise", others, ids).notebook

    assert found("basket_total_laws") == path
    assert found("mean_laws") is None, "it is another assignment's"
    assert found("mean_laws", others=()) == path, "there is no other"
    path.write_text('{"cells": [{"cell_type": "code"}], "nbformat": 4}')
    assert found("mean_laws") == path, "nobody can tell whose it is"
    document = notebook()
    for cell in document["cells"]:
        cell["metadata"] = {"nbgrader": {"grade_id": ["no", "text"]}}
    path.write_text(json.dumps(document))
    assert found("mean_laws") == path, "its ids are damaged"
