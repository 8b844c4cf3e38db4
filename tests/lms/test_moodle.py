"""Moodle's downloads in all their forms."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grader.lms.downloads import moodle
from grader.lms.downloads.notebooks import notebook_of
from grader.lms.handins import Download, Entry, Key, Told
from tests.lms import archives
from tests.lms.archives import NOTEBOOK, class_of, students
from tests.lms.conftest import owners

FORMS = [{}, {"final": "_"}, {"flat": True}, {"unpacked": True}, {"flat": True, "unpacked": True}]


def hand_ins(*paths, **told):
    entries = tuple(Entry(path, len(path), path.encode) for path in paths)
    return moodle.hand_ins(Download("", entries), Told(**told))


@pytest.mark.parametrize("blind", [False, True])
@pytest.mark.parametrize("form", FORMS)
def test_everybody_of_a_class_is_found_in_every_form(tmp_path, read, form, blind):
    class_ = class_of(40, lambda one: b"%d" % one.number)
    contents = read(archives.moodle(tmp_path, class_, blind=blind, **form), "moodle")
    assert owners(contents, Key.PARTICIPANT) == {
        one.participant: {NOTEBOOK: data} for one, data in class_.items()
    }
    assert contents.refused == ()
    names = {one.by[0][Key.NAME] for one in contents.hand_ins}
    assert names == ({"Participant"} if blind else {s.name.replace("_", " ") for s in class_})
    assert {(one.moment, one.late) for one in contents.hand_ins} == {(None, None)}


@pytest.mark.parametrize("flat", [False, True])
def test_online_text_and_files_are_one_hand_in(tmp_path, read, flat):
    class_ = class_of(3, b"{}")
    contents = read(archives.moodle(tmp_path, class_, flat=flat, text=students(2)), "moodle")
    names = [sorted(entry.own for entry in one.files) for one in contents.hand_ins]
    assert names == [[NOTEBOOK, "onlinetext.html"]] * 2 + [[NOTEBOOK]]
    chosen = notebook_of(contents.hand_ins[0].files, "exercise")
    assert (chosen.entry.own, chosen.notes) == (NOTEBOOK, ("left out: onlinetext.html",))


def test_a_text_alone_is_a_hand_in_without_a_notebook():
    (one,) = hand_ins("Ann Example_19_assignsubmission_onlinetext/onlinetext.html").hand_ins
    assert notebook_of(one.files, "exercise").why_not == "none"


def test_folders_of_a_students_own_are_kept():
    (one,) = hand_ins("Ann E_19_assignsubmission_file/src/deep/exercise.ipynb").hand_ins
    assert (one.files[0].own, one.by[0][Key.PARTICIPANT]) == ("exercise.ipynb", "19")


def test_a_students_file_cannot_pass_for_anothers():
    evil = "Bob_66_assignsubmission_file_exercise.ipynb"
    contents = hand_ins(
        f"Ann E_19_assignsubmission_file_{evil}", f"Eve_20_assignsubmission_file/{evil}"
    )
    assert [one.by[0][Key.PARTICIPANT] for one in contents.hand_ins] == ["19", "20"]


def test_a_team_without_a_number_is_told_by_its_name():
    (one,) = hand_ins("Default group_assignsubmission_file/exercise.ipynb").hand_ins
    assert one.by == ({Key.NAME: "Default group"},)


def test_two_of_one_name_are_two():
    contents = hand_ins(*(f"Ann E_{n}_assignsubmission_file/exercise.ipynb" for n in (19, 20)))
    assert len(contents.hand_ins) == 2


def test_what_is_not_named_so_is_a_row():
    contents = hand_ins("Ann E_19_assignsubmission_file/x.ipynb", "grades.csv")
    assert [row.path for row in contents.refused] == ["grades.csv"]


@given(
    st.text(st.characters(exclude_characters="/\\\0", codec="utf-8"), max_size=40), st.integers(0)
)
def test_any_name_comes_back(name, participant):
    name = name.replace("_", " ")
    (one,) = hand_ins(
        f"{name}_{participant}_assignsubmission_file_/a_1_assignsubmission.ipynb"
    ).hand_ins
    assert one.by[0][Key.PARTICIPANT] == str(participant)
    assert one.files[0].own == "a_1_assignsubmission.ipynb"
