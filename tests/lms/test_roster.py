"""Rosters in every system's form: whose id counts, who is nobody, and how several tables become one."""

import unicodedata

import archives
import pytest

from grader.errors import CourseError
from grader.lms.handins import Key
from grader.lms.matching import Index, join
from grader.lms.people import Person, Roster
from grader.lms.roster import Read, read_roster, read_rosters

PEOPLE = archives.students(16)
FORMER = {
    Key.SIS: "07",
    Key.LOGIN: "maiden1",
    Key.EMAIL: "maiden@x.example",
    Key.NAME: "Ann Maiden",
}
LATTER = {Key.LOGIN: "married1", Key.EMAIL: "married@x.example", Key.NAME: "Ann Married"}


def written(tmp_path, text, encoding="utf-8", name="roster.csv"):
    path = tmp_path / name
    path.write_text(text, encoding=encoding, newline="")
    return path


def ids(read):
    return [person.student for person in read.people]


@pytest.mark.parametrize(
    ("maker", "column", "expected"),
    [
        (archives.nbgrader_roster, "id", "id"),
        (archives.canvas_gradebook, "SIS Login ID", "id"),
        (archives.moodle_worksheet, "ID number", "sis"),
        (archives.gradescope_roster, "SID", "sis"),
        (archives.classroom_roster, "identifier", "email"),
    ],
)
def test_every_systems_table_gives_everybody_and_says_which_column_the_ids_are(
    tmp_path, maker, column, expected
):
    read = read_roster(maker(tmp_path, PEOPLE))
    assert read.column == column and read.wrong == ()
    assert ids(read) == [getattr(one, expected) for one in PEOPLE]


def test_names_and_sections_come_as_the_system_has_them(tmp_path):
    canvas = read_roster(archives.canvas_gradebook(tmp_path, PEOPLE)).people
    assert [(p.first_name.split(), p.last_name) for p in canvas] == [
        (one.first.split(), one.last) for one in PEOPLE
    ]
    assert {p.section for p in canvas} == {"Section 1", "Section 2"}
    assert {
        p.section for p in read_roster(archives.gradescope_roster(tmp_path, PEOPLE)).people
    } == {
        "Section 1",
        "Section 2",
    }


def test_canvas_points_row_and_test_student_are_nobody_and_are_named(tmp_path):
    read = read_roster(archives.canvas_gradebook(tmp_path, PEOPLE))
    assert read.left_out == ("Points Possible", "Canvas's test student")
    assert "999" not in ids(read)


def test_staff_on_a_gradescope_roster_is_no_student(tmp_path):
    text = "First Name,Last Name,SID,Email,Role\nA,B,1,a@x.example,Student\nC,D,2,c@x.example,TA\n"
    read = read_roster(written(tmp_path, text))
    assert ids(read) == ["1"] and len(read.left_out) == 1 and "TA" in read.left_out[0]


def test_a_blind_worksheet_knows_numbers_alone(tmp_path):
    read = read_roster(archives.moodle_worksheet(tmp_path, PEOPLE, blind=True))
    assert read.column == "Identifier" and ids(read) == [one.participant for one in PEOPLE]
    assert read.people[0].keys[Key.PARTICIPANT] == PEOPLE[0].participant


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"]
)
@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_whatever_a_spreadsheet_program_made_of_it(tmp_path, encoding, separator):
    lines = [
        ["id", "first_name", "last_name"],
        ["s1", "Änne", "Größenwahn"],
        ["s2", "José", "O'Invented"],
    ]
    text = "\r\n".join(separator.join(line) for line in lines)
    read = read_roster(written(tmp_path, text, encoding))
    assert [(p.student, p.first_name, p.last_name) for p in read.people] == [
        tuple(r) for r in lines[1:]
    ]


def test_the_column_of_the_ids_can_be_told(tmp_path):
    path = archives.canvas_gradebook(tmp_path, PEOPLE)
    assert ids(read_roster(path, "sis user id")) == [one.sis for one in PEOPLE]
    with pytest.raises(
        CourseError, match="no column 'nonsense'; there are Student, ID, SIS User ID"
    ):
        read_roster(path, "nonsense")


def test_a_column_that_not_everybody_has_gives_way_to_one_that_everybody_has(tmp_path):
    text = "Full name,ID number,Email address\nA B,17,a@x.example\nC D,,c@x.example\n"
    read = read_roster(written(tmp_path, text))
    assert read.column == "Email address" and ids(read) == ["a@x.example", "c@x.example"]
    read = read_roster(written(tmp_path, text), "ID number")
    assert ids(read) == ["17"] and "no id in the column ID number" in read.wrong[0]


@pytest.mark.parametrize("bad", ["a/b", "..", ".hidden", "a*", "x" * 300, "a\x07b", "a[1]"])
def test_an_id_that_can_be_no_folder_is_a_row_of_its_own(tmp_path, bad):
    read = read_roster(written(tmp_path, f'id,first_name\nann,Ann\n"{bad}",Bob\n'))
    assert ids(read) == ["ann"] and len(read.wrong) == 1


@pytest.mark.parametrize("id_", ["1.23457E+11", "1,23457E+11"])
def test_a_number_that_a_spreadsheet_program_has_shortened_is_nobodys_id(tmp_path, id_):
    read = read_roster(written(tmp_path, f"id;first_name\n{id_};Ann\n1E5;Bob\n"))
    assert ids(read) == ["1E5"]
    assert f"a spreadsheet program has shortened {id_} in the column id" in read.wrong[0]


def test_two_rows_with_one_id_are_both_wrong(tmp_path):
    read = read_roster(written(tmp_path, "id,first_name\nann,Ann\nbob,Bob\nann,Anna\n"))
    assert ids(read) == ["bob"] and len(read.wrong) == 2
    assert "2 rows have the id ann in the column id" in read.wrong[0]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "is empty"),
        (b"PK\x03\x04\0\0\0\0not a table", "is no text"),
        (b"colour,size\nred,1\n", "none of its columns tells who a student is"),
        (b"id,id\n1,2\n", "two columns 'id'"),
        (b'id,"name\n' + b"x" * 200_000, "cannot be read as CSV"),
    ],
)
def test_what_is_no_roster_is_one_line(tmp_path, data, said):
    path = tmp_path / "roster.csv"
    path.write_bytes(data)
    with pytest.raises(CourseError, match=said) as told:
        read_roster(path)
    assert len(str(told.value).splitlines()) == 1


def test_several_tables_become_one_the_first_gives_the_ids(tmp_path):
    makers = (
        archives.nbgrader_roster,
        archives.canvas_gradebook,
        archives.moodle_worksheet,
        archives.gradescope_roster,
        archives.classroom_roster,
    )
    joined = join(Roster(), [read_roster(maker(tmp_path, PEOPLE)) for maker in makers])
    assert joined.wrong == []
    assert list(joined.people) == [one.id for one in PEOPLE]
    for one in PEOPLE:
        keys = joined.people[one.id].keys
        wanted = (one.canvas, one.sis, one.participant, one.github, one.email)
        kinds = (Key.CANVAS, Key.SIS, Key.PARTICIPANT, Key.GITHUB, Key.EMAIL)
        assert tuple(keys[kind] for kind in kinds) == wanted
    again = join(
        joined.roster, [read_roster(maker(tmp_path, PEOPLE)) for maker in reversed(makers)]
    )
    assert again.people == joined.people and again.wrong == []


def test_equal_names_join_nobody(tmp_path):
    first = written(
        tmp_path, "id,first_name,last_name\na1,Ann,Example\na2,Ann,Example\n", name="1.csv"
    )
    second = written(tmp_path, "Full name,Identifier\nAnn Example,Participant 7\n", name="2.csv")
    joined = join(Roster(), [read_roster(first), read_roster(second)])
    assert list(joined.people) == ["a1", "a2"] and "may be a1, a2" in joined.wrong[0]


def test_a_namesake_with_another_address_is_somebody_else(tmp_path):
    first = written(
        tmp_path, "id,first_name,last_name,email\na1,Ann,Example,a1@x.example\n", name="1.csv"
    )
    second = written(
        tmp_path, "Full name,Email address\nAnn Example,other@x.example\n", name="2.csv"
    )
    joined = join(Roster(), [read_roster(first), read_roster(second)])
    assert list(joined.people) == ["a1", "other@x.example"]
    assert "somebody else" in joined.notes[0]


def test_a_letter_and_its_mark_are_the_umlaut_that_a_roster_has():
    person = Person("änne", {Key.STUDENT: "änne", Key.NAME: "Änne Müller"})
    for key, value in person.keys.items():
        apart = {key: unicodedata.normalize("NFD", value)}
        assert Index([person]).match(apart).people == (person,)


def test_keys_that_say_two_people_find_nobody_for_sure():
    people = [
        Person("ann", {Key.SIS: "1", Key.EMAIL: "ann@x.example"}),
        Person("bob", {Key.SIS: "2", Key.EMAIL: "bob@x.example"}),
    ]
    index = Index(people)
    assert [p.student for p in index.match({Key.SIS: "1", Key.EMAIL: "bob@x.example"}).people] == [
        "ann",
        "bob",
    ]
    assert [p.student for p in index.match({Key.SIS: "1", Key.EMAIL: "ANN@x.example"}).people] == [
        "ann"
    ]


def test_what_is_an_id_to_one_and_a_login_to_the_other_is_said():
    match = Index([Person("ann", {Key.STUDENT: "ann"})]).match({Key.LOGIN: "Ann"})
    assert [p.student for p in match.people] == ["ann"] and "another heading" in match.note


def test_a_student_whose_login_address_and_name_have_changed_is_found_by_both(tmp_path):
    before = Read("old.csv", "id", False, (Person("s1", FORMER),))
    after = Read("new.csv", "id", False, (Person("s1", FORMER | LATTER),))
    for _ in range(2):
        join(Roster.kept(tmp_path), [before]).roster.save(tmp_path)
        join(Roster.kept(tmp_path), [after]).roster.save(tmp_path)
    [person] = Roster.kept(tmp_path)
    assert (person.student, person.keys) == ("s1", FORMER) and len(person.others) == len(LATTER)
    for keys in (FORMER, LATTER):
        for key, value in keys.items():
            assert Index([person]).match({key: value}).people == (person,), key
    assert Index([person]).match(LATTER).people == (person,), "nothing of it contradicts"


def test_a_roster_is_kept_whole(tmp_path):
    joined = join(
        Roster(), [read_roster(archives.classroom_roster(tmp_path, PEOPLE, groups=[PEOPLE[:2]]))]
    )
    joined.roster.save(tmp_path)
    assert list(Roster.kept(tmp_path)) == list(joined.people.values())
    team = Index(Roster.kept(tmp_path)).team({Key.GITHUB: "group-0"})
    assert [person.keys[Key.EMAIL] for person in team] == [one.email for one in PEOPLE[:2]]


def test_a_column_that_one_of_several_tables_has_counts_there(tmp_path):
    paths = [
        archives.canvas_gradebook(tmp_path, PEOPLE),
        archives.gradescope_roster(tmp_path, PEOPLE),
    ]
    first, second = read_rosters(paths, "SIS User ID")
    assert (first.column, second.column) == ("SIS User ID", "SID")
    with pytest.raises(CourseError, match="no column 'nonsense'"):
        read_rosters(paths, "nonsense")


def test_ids_that_people_have_stay_whatever_column_a_later_command_names(tmp_path):
    path = archives.canvas_gradebook(tmp_path, PEOPLE)
    kept = join(Roster(), [read_roster(path)]).roster
    joined = join(kept, [read_roster(path, "SIS User ID")])
    assert list(joined.people) == [one.id for one in PEOPLE] == joined.renamed
