"""Each form of download is one system's."""

import inspect

import pytest

from grader.lms.downloads.download import open_download
from grader.lms.downloads.systems import SYSTEMS, recognise
from grader.lms.handins import Contents, Download, Told
from tests.lms import archives
from tests.lms.archives import class_of

FORMS = {
    "canvas": [{}, {"unpacked": True}],
    "moodle": [{}, {"flat": True}, {"final": "_"}, {"blind": True}, {"unpacked": True}, {"flat": True, "unpacked": True}],
    "gradescope": [{}, {"unpacked": True}],
    "blackboard": [{}, {"unpacked": True}],
    "classroom": [{}, {"table": True}],
    "classroom_csv": [{}],
    "exchange": [{}],
    "zip_collect": [{}],
}  # fmt: skip
NAMES = {"classroom_csv": "classroom", "exchange": "nbgrader", "zip_collect": "nbgrader"}


@pytest.mark.parametrize("count", [1, 2, 9])
@pytest.mark.parametrize(("maker", "form"), [(m, f) for m, forms in FORMS.items() for f in forms])
def test_each_form_is_its_own_systems_whatever_its_name(tmp_path, maker, form, count):
    path = getattr(archives, maker)(tmp_path / "made", class_of(count, b"{}"), **form)
    renamed = path.rename(tmp_path / "anything")
    if maker == "classroom_csv":
        renamed = renamed.rename(tmp_path / "anything.csv")
    found = recognise(open_download(renamed))
    if (maker, count) == ("zip_collect", 1):
        assert found == [], "one student's folders may be anything"
    else:
        assert [system.name for system in found] == [NAMES.get(maker, maker)]


def test_the_makers_of_all_systems_are_tried():
    makers = {name for name, value in vars(archives).items() if inspect.isfunction(value)}
    assert set(FORMS) < makers
    assert {NAMES.get(name, name) for name in FORMS} == {s.name for s in SYSTEMS} - {"plain"}


@pytest.mark.parametrize("name", [system.name for system in SYSTEMS])
def test_of_nothing_everybody_makes_nothing(tmp_path, name):
    opened = open_download(tmp_path)
    assert recognise(opened) == []
    (system,) = (system for system in SYSTEMS if system.name == name)
    contents = system.hand_ins(opened, Told(pattern="{student}"))
    assert contents.hand_ins == ()
    assert isinstance(contents, Contents)


def test_other_folders_are_nobodys(tmp_path):
    for name in ("ann/exercise.ipynb", "bob/exercise.ipynb", "notes.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("{}")
    assert recognise(open_download(tmp_path)) == []
    assert recognise(Download("", ())) == []
