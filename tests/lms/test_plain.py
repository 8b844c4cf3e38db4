"""Files named by a pattern."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grader.errors import CourseError
from grader.lms.downloads import plain
from grader.lms.downloads.download import open_download
from grader.lms.downloads.systems import recognise
from grader.lms.handins import Download, Entry, Key, Told
from tests.lms import archives
from tests.lms.archives import NOTEBOOK, class_of


def hand_ins(pattern, *paths):
    entries = tuple(Entry(path, 2, "{}".encode) for path in paths)
    return plain.hand_ins(Download("", entries), Told(pattern=pattern))


@pytest.mark.parametrize("unpacked", [False, True])
@pytest.mark.parametrize(
    ("pattern", "key", "known"),
    [
        ("{student}_{name}.ipynb", Key.STUDENT, lambda one: one.id),
        ("{email}-{name}.ipynb", Key.EMAIL, lambda one: one.email),
        ("hw/{sis}/{name}.ipynb", Key.SIS, lambda one: one.sis),
        ("{person} ({login}).ipynb", Key.NAME, lambda one: one.name),
    ],
)
def test_everybody_of_a_class_is_found(tmp_path, unpacked, pattern, key, known):
    class_ = class_of(40, lambda one: b"%d" % one.number)
    opened = open_download(archives.plain(tmp_path, class_, pattern=pattern, unpacked=unpacked))
    assert [system.name for system in recognise(opened)] in ([], ["nbgrader"])
    contents = plain.hand_ins(opened, Told(pattern=pattern))
    found = [(one.by[0][key], one.files[0].read()) for one in contents.hand_ins]
    assert sorted(found) == sorted((known(one), data) for one, data in class_.items())
    assert (opened.refused, contents.refused) == ((), ())
    if "{name}" in pattern:
        assert {one.files[0].own for one in contents.hand_ins} == {NOTEBOOK}


def test_a_name_that_fits_in_two_ways_is_a_row_and_nobodys():
    contents = hand_ins("{student}_{name}.ipynb", "ann_b_exercise.ipynb", "bob_exercise.ipynb")
    assert [one.by for one in contents.hand_ins] == [({Key.STUDENT: "bob"},)]
    assert [row.why for row in contents.refused] == [plain.TWO_WAYS]
    (one,) = hand_ins("{student}_exercise.ipynb", "ann_b_exercise.ipynb").hand_ins
    assert one.by == ({Key.STUDENT: "ann_b"},)


def test_attempts_have_numbers_and_other_files_of_one_person_come_along():
    contents = hand_ins(
        "{student}-{attempt}-{name}",
        "ann-2-a.ipynb",
        "ann-10-a.ipynb",
        "ann-10-b.txt",
        "bob-1-a.ipynb",
    )
    second, tenth, bobs = contents.hand_ins
    assert second.order < tenth.order
    assert ([e.own for e in tenth.files], tenth.label) == (["a.ipynb", "b.txt"], "attempt 10")
    assert bobs.by == ({Key.STUDENT: "bob"},)


def test_what_does_not_fit_is_a_row():
    contents = hand_ins("{student}.ipynb", "sub/folder/ann.ipynb", "notes.txt")
    assert [one.by for one in contents.hand_ins] == [({Key.STUDENT: "ann"},)]
    assert [row.path for row in contents.refused] == ["notes.txt"]


@pytest.mark.parametrize(
    "pattern",
    [
        "",
        "*.ipynb",
        "{name}.ipynb",
        "{student}_{student}.ipynb",
        "{nobody}.ipynb",
        "{student}_{}{x.y}{a!r}",
    ],
)
def test_a_pattern_that_is_none_is_an_error_in_one_line(pattern):
    if pattern == "{student}_{}{x.y}{a!r}":
        assert hand_ins(pattern, "ann_{}{x.y}{a!r}").hand_ins, "only words in braces are fields"
        return
    with pytest.raises(CourseError, match="--pattern") as caught:
        hand_ins(pattern, "a.ipynb")
    assert "\n" not in str(caught.value)


@given(st.text(st.characters(exclude_characters="/_", codec="utf-8"), min_size=1, max_size=30))
def test_any_id_comes_back(student):
    (one,) = hand_ins("{student}_{name}.ipynb", f"{student}_a.ipynb").hand_ins
    assert one.by == ({Key.STUDENT: student},)


def test_a_patterns_own_characters_are_themselves():
    assert hand_ins("{student}.(x)+[a]$.ipynb", "annXxa.ipynb").hand_ins == ()
    assert hand_ins("{student}.(x)+[a]$.ipynb", "ann.(x)+[a]$.ipynb").hand_ins
