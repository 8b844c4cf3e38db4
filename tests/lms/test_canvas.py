"""Canvas's downloads: whose a file is, which attempt, and what is late."""

import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grader.lms.downloads import canvas
from grader.lms.downloads.notebooks import notebook_of
from grader.lms.handins import Download, Entry, Key, Told
from tests.lms import archives
from tests.lms.archives import NOTEBOOK, Student, class_of, students
from tests.lms.conftest import owners


def hand_ins(*names, **told):
    """What files of these names are, whose contents are their names."""
    entries = tuple(Entry(name, len(name), name.encode) for name in names)
    return canvas.hand_ins(Download("", entries), Told(**told))


@pytest.mark.parametrize("unpacked", [False, True])
def test_everybody_of_a_class_hands_in_once_whatever_the_name(tmp_path, read, unpacked):
    class_ = class_of(40, lambda one: b"%d" % one.number)
    contents = read(archives.canvas(tmp_path, class_, unpacked=unpacked), "canvas")
    assert owners(contents, Key.CANVAS) == {
        one.canvas: {NOTEBOOK: data} for one, data in class_.items()
    }
    assert contents.refused == ()
    assert {one.moment for one in contents.hand_ins} == {None}
    assert "no time" in contents.hand_ins[0].clock


def test_late_ones_are_late_and_the_others_in_time(tmp_path, read):
    class_ = class_of(4, b"{}")
    late = students(2)
    contents = read(archives.canvas(tmp_path, class_, late=late), "canvas")
    assert [one.late for one in contents.hand_ins] == [True, True, False, False]


def test_a_resubmission_has_the_students_name_of_the_file_and_goes_before_older_downloads(
    tmp_path, read
):
    class_ = class_of(2, b"{}")
    once, again = students(2)
    before = read(archives.canvas(tmp_path / "1", class_), "canvas").hand_ins
    after = read(archives.canvas(tmp_path / "2", class_, resubmitted={again: 2}), "canvas").hand_ins
    assert [one.files[0].own for one in after] == [NOTEBOOK, NOTEBOOK]
    assert after[1].files[0].path.endswith("_exercise-2.ipynb")
    assert [one.label for one in after] == ["", "upload 3"]
    assert after[0].order == before[0].order and after[1].order > before[1].order


def test_uploads_of_one_name_side_by_side_are_attempts_the_newest_last():
    contents = hand_ins(
        "ann_7_102_exercise-1.ipynb", "ann_7_100_exercise.ipynb", "ann_7_101_notes.pdf",
        "ann_7_109_exercise-0b1f7a3e-1111-2222-3333-444455556666.ipynb",
    )  # fmt: skip
    first, second, third = contents.hand_ins
    assert [entry.path for entry in first.files] == ["ann_7_100_exercise.ipynb"]
    assert [entry.path for entry in second.files] == ["ann_7_102_exercise-1.ipynb"]
    assert [entry.own for entry in third.files] == [NOTEBOOK, "notes.pdf"]
    assert first.order < second.order < third.order


def test_names_that_contradict_the_order_of_uploads_are_the_students_own_and_nobody_chooses():
    (one,) = hand_ins("ann_7_100_exercise-1.ipynb", "ann_7_105_exercise.ipynb").hand_ins
    assert {entry.own for entry in one.files} == {"exercise-1.ipynb", "exercise.ipynb"}
    assert notebook_of(one.files, "exercise").asks == ("exercise-1.ipynb", "exercise.ipynb")


def test_brackets_are_a_browsers_and_tell_no_order():
    (one,) = hand_ins("ann_7_100_exercise.ipynb", "ann_7_101_exercise (1).ipynb").hand_ins
    assert notebook_of(one.files, "exercise").asks == ("exercise (1).ipynb", "exercise.ipynb")


def test_a_number_that_the_notebook_was_given_out_with_is_no_upload():
    (one,) = hand_ins("ann_7_100_hw-2.ipynb", notebook="hw-2").hand_ins
    assert (one.files[0].own, one.label) == ("hw-2.ipynb", "")
    (one,) = hand_ins("ann_7_100_hw-2-1.ipynb", notebook="hw-2").hand_ins
    assert (one.files[0].own, one.label) == ("hw-2.ipynb", "upload 2")


def test_texts_and_addresses_are_hand_ins_without_a_notebook():
    contents = hand_ins("ann_7_text.html", "bob_LATE_8_link.html")
    assert [one.by[0][Key.CANVAS] for one in contents.hand_ins] == ["7", "8"]
    assert [notebook_of(one.files, "exercise").why_not for one in contents.hand_ins] == ["none"] * 2
    assert [one.late for one in contents.hand_ins] == [False, True]


def test_anonymous_students_are_told_apart():
    contents = hand_ins("anon_aB3xZ_100_exercise.ipynb", "LATE_anon_77777_101_exercise.ipynb")
    assert [one.by[0][Key.CANVAS] for one in contents.hand_ins] == ["anon_aB3xZ", "anon_77777"]
    assert [one.late for one in contents.hand_ins] == [False, True]


def test_nobodys_work_becomes_anothers_by_a_name_that_ends_in_digits():
    """A student may choose a name: x_7 makes x_7_8_100_…, which reads as user 7's."""
    contents = hand_ins("ann_7_90_exercise.ipynb", "x_7_8_100_exercise.ipynb")
    assert contents.hand_ins == ()
    assert [row.path for row in contents.refused] == [
        "ann_7_90_exercise.ipynb",
        "x_7_8_100_exercise.ipynb",
    ]
    assert "several names" in contents.refused[0].why


def test_what_is_not_named_so_is_a_row_and_a_system_of_few_is_not_recognised(tmp_path, read):
    names = [f"s{n}_{n}_{n}_exercise.ipynb" for n in range(3)]
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for name in [*names, "roster.csv"]:
            archive.writestr(name, "{}")
    contents = read(tmp_path / "a.zip", "canvas")
    assert len(contents.hand_ins) == 3
    assert [row.path for row in contents.refused] == ["roster.csv"]
    entries = tuple(Entry(name, 0, bytes) for name in [names[0], "a.ipynb", "b.ipynb"])
    assert not canvas.recognised(Download("", entries))
    assert not canvas.recognised(Download("", ()))
    packed_again = ("submissions/ann_7_100_a.ipynb", "submissions/bob_8_101_a.ipynb", "roster.csv")
    assert canvas.recognised(Download("", tuple(Entry(path, 0, bytes) for path in packed_again)))
    in_folders = ("ann/ann_7_100_a.ipynb", "bob/bob_8_101_a.ipynb")
    assert not canvas.recognised(Download("", tuple(Entry(path, 0, bytes) for path in in_folders)))


@given(st.text(min_size=1, max_size=30), st.text(max_size=30), st.integers(1, 10**6), st.booleans())
def test_any_name_of_a_person_comes_back_as_the_users_number(last, first, number, late):
    one = Student("s", first, last, number)
    prefix = archives.canvas_prefix(one, late)
    ambiguous = prefix.removesuffix(f"_{one.canvas}").removesuffix("_LATE")
    if ambiguous.rpartition("_")[2].isdigit() and "_" in ambiguous:
        return  # Canvas's own form cannot tell: the test before this one
    (found,) = hand_ins(f"{prefix}_900_my_1_2_work.ipynb").hand_ins
    assert found.by == ({Key.CANVAS: one.canvas},)
    assert (found.files[0].own, found.late) == ("my_1_2_work.ipynb", late)
