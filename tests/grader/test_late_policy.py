"""The late policy by itself: days, percentages, free days; what it says of settings that make no sense."""

import random
import re
from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nbgrader import api
from nbgrader.apps import NbGrader
from nbgrader.coursedir import CourseDirectory
from sqlalchemy import create_engine
from sqlalchemy.orm import Session
from traitlets.config import Config

from gate import ROOT
from grader.errors import CourseError
from grader.gradebook.late import Penalties
from grader.gradebook.plugins import configure
from grader.gradebook.policy import LatePolicy
from grader.store import StateFile

PAGE = (ROOT / "docs/grading.md").read_text(encoding="utf-8")
PAGE = PAGE[PAGE.index("### Late work") : PAGE.index("### An extension")]
FIRST = datetime(2026, 11, 2, 12)
NO_FOLDER = "/nonexistent"  # where no extension is kept


def penalties(text="", root=NO_FOLDER, **policy):
    """Those of a course whose nbgrader_config.py says this."""
    config = Config(LatePolicy=policy) if policy else Config()
    exec(text, {"c": config})
    configure(config)
    app = NbGrader(config=config)
    app.coursedir = CourseDirectory(parent=app, root=str(root))
    return Penalties(app)


@pytest.fixture(scope="module")
def database():
    engine = create_engine("sqlite://")
    api.Base.metadata.create_all(engine)
    with Session(engine) as session:
        yield session


def hand_ins(database, *rows, most=20.0, student="ann"):
    """The submitted notebooks of a student with all marks: rows of name, due date, moment of hand-in."""
    database.rollback()
    owner = api.Student(id=student)
    database.add(api.Course(id="course"))
    for name, due, moment in rows:
        assignment = api.Assignment(name=name, duedate=due, course_id="course")
        notebook = api.Notebook(name="exercise", assignment=assignment)
        cell = api.GradeCell(name="laws", max_score=most, notebook=notebook, cell_type="code")
        database.add(cell)
        submission = api.SubmittedAssignment(assignment=assignment, student=owner, timestamp=moment)
        submitted = api.SubmittedNotebook(notebook=notebook, assignment=submission)
        database.add(api.Grade(cell=cell, notebook=submitted, auto_score=most))
    database.flush()
    database.expire_all()
    found = database.query(api.SubmittedNotebook).all()
    return {notebook.assignment.assignment.name: notebook for notebook in found}


def cells(line):
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


def test_the_worked_example_of_the_page(database):
    lines = [cells(line) for line in PAGE.splitlines() if line.startswith("| hw")]
    rows = [(name, *map(datetime.fromisoformat, (due, came))) for name, due, came, *_ in lines]
    [written] = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    costs = penalties(written)
    for name, notebook in hand_ins(database, *rows).items():
        [(_, _, _, days, free, off, _)] = [line for line in lines if line[0] == name]
        submission = notebook.assignment
        assert costs.policy.days(costs.seconds_late(submission)) == int(days), name
        assert costs.free_days(submission).used == int(free), name
        assert (costs(notebook) or 0.0) == float(off), name


def test_the_page_names_every_setting_with_its_default():
    listed = re.findall(r"^\| `(\w+)` \| `?([^`|]+?)`? \|", PAGE, re.MULTILINE)
    policy, own = LatePolicy(), set(LatePolicy.class_own_traits(config=True))
    assert {name: eval(value) for name, value in listed} == {
        name: getattr(policy, name) for name in own
    }


def test_by_itself_late_work_costs_nothing(database):
    found = hand_ins(database, ("hw1", FIRST, FIRST + timedelta(days=400)))
    assert (
        penalties()(found["hw1"]) is None and penalties().free_days(found["hw1"].assignment) is None
    )


@pytest.mark.parametrize(
    ("minutes", "off"),
    [(0, 0), (15, 0), (15.1, 2), (24 * 60 + 15, 2), (24 * 60 + 15.1, 4), (10**5, 20)],
)
def test_a_day_begins_when_the_grace_period_or_the_day_before_ends(database, minutes, off):
    found = hand_ins(database, ("hw1", FIRST, FIRST + timedelta(minutes=minutes)))
    assert (penalties(grace_minutes=15, percent_per_day=10)(found["hw1"]) or 0) == off


def test_percentages_of_the_maximum_and_of_the_mark(database):
    found = hand_ins(database, ("hw1", FIRST, FIRST + timedelta(days=3)))
    for submitted in found.values():
        submitted.grades[0].manual_score = 10.0
    database.flush()
    database.expire_all()
    costs = [
        penalties(percent_per_day=15, percent_of=what)(found["hw1"]) for what in ("maximum", "mark")
    ]
    assert costs == [9.0, 4.5]
    assert penalties(percent_per_day=30)(found["hw1"]) == 10.0, "no more than there is"


def test_nbgraders_zero_is_for_what_is_late_after_grace_and_free_days(database):
    zero = 'c.LateSubmissionPlugin.penalty_method = "zero"\n'
    found = hand_ins(
        database,
        ("hw1", FIRST, FIRST + timedelta(minutes=5)),
        ("hw2", FIRST, FIRST + timedelta(days=1)),
        ("hw3", FIRST, FIRST + timedelta(days=1)),
    )
    costs = penalties(zero + "c.LatePolicy.grace_minutes = 9\nc.LatePolicy.free_late_days = 1")
    assert [costs(found[name]) for name in ("hw1", "hw2", "hw3")] == [None, None, 20.0]
    assert [penalties(zero)(n) for n in found.values()] == [20.0] * 3


def test_an_extension_to_one_assignment_leaves_free_days_to_the_next(database, tmp_path):
    rows = [(name, FIRST, FIRST + timedelta(days=2)) for name in ("hw1", "hw2")]
    costs = penalties(root=tmp_path, percent_per_day=10, free_late_days=2)
    found = hand_ins(database, *rows)
    assert [costs(found[name]) for name in ("hw1", "hw2")] == [None, 4.0]
    StateFile(tmp_path, "hw1", "ann").change(longer=86400.0)
    assert [costs(found[name]) for name in ("hw1", "hw2")] == [None, 2.0]
    StateFile(tmp_path, "hw1", "ann").change(until=f"{FIRST + timedelta(days=2)}+00:00")
    assert [costs(found[name]) for name in ("hw1", "hw2")] == [None, None]


MOMENTS = st.one_of(st.none(), st.integers(-50, 400))  # hours
ROWS = st.lists(
    st.tuples(st.sampled_from([None, 0, 0, 24, 168, 336]), MOMENTS), min_size=1, max_size=6
)
POLICIES = st.fixed_dictionaries(
    {
        "grace_minutes": st.sampled_from([0, 60, 1500]),
        "percent_per_day": st.sampled_from([0, 10, 34, 100]),
        "cap_percent": st.sampled_from([0, 50, 100]),
        "zero_after_days": st.sampled_from([None, 0, 2, 9]),
        "free_late_days": st.integers(0, 9),
    }
)


def one_day_after_another(dated, policy):
    """{name: (free days, points off)}: each begun day is paid by a free one while there is one."""
    left, found = policy["free_late_days"], {}
    for _, name, hours in sorted(dated):
        begun = used = 0
        while begun * 24 < hours - policy["grace_minutes"] / 60:
            begun += 1
        past = policy["zero_after_days"]
        if past is not None and begun > past:
            found[name] = (0, 20.0)
            continue
        while used < begun and left:
            used, left = used + 1, left - 1
        percent = sum(policy["percent_per_day"] for _ in range(begun - used))
        found[name] = (used, 20 * min(percent, policy["cap_percent"], 100) / 100)
    return found


@settings(max_examples=60)
@given(rows=ROWS, policy=POLICIES, seed=st.integers(0, 99))
def test_free_days_and_points_are_those_of_a_count_day_by_day_in_any_order(
    database, rows, policy, seed
):
    named = [
        (f"hw{number}", FIRST + timedelta(hours=due) if due is not None else None, hours)
        for number, (due, hours) in enumerate(rows)
    ]
    dated = [(due, name, hours) for name, due, hours in named if due and hours is not None]
    expected = one_day_after_another(dated, policy)
    random.Random(seed).shuffle(named)
    found = hand_ins(
        database,
        *[
            (name, due, None if hours is None else (due or FIRST) + timedelta(hours=hours))
            for name, due, hours in named
        ],
    )
    costs, total = penalties(**policy), policy["free_late_days"]
    for name, notebook in found.items():
        used, off = expected.get(name, (0, 0.0))
        assert (costs(notebook) or 0.0) == pytest.approx(off), name
        free = costs.free_days(notebook.assignment)
        left = total - sum(days for days, _ in expected.values())
        assert (free and (free.used, free.left)) == ((used, left) if total else None), name


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("percent_per_day = -5", "c.LatePolicy.percent_per_day = -5: it is a number from 0 to 100"),
        ("percent_per_day = 101", "c.LatePolicy.percent_per_day = 101: it is a number"),
        ("percent_per_day = '10'", "c.LatePolicy.percent_per_day = '10': it is a number"),
        ("cap_percent = float('nan')", "c.LatePolicy.cap_percent = nan: it is a number"),
        ("grace_minutes = True", "c.LatePolicy.grace_minutes = True: it is a number from 0 up"),
        ("grace_minutes = float('inf')", "c.LatePolicy.grace_minutes = inf: it is a number"),
        ("grace_minutes = None", "c.LatePolicy.grace_minutes = None: it is a number from 0 up"),
        ("zero_after_days = -1", "c.LatePolicy.zero_after_days = -1: it is a whole number"),
        ("free_late_days = 1.5", "c.LatePolicy.free_late_days = 1.5: it is a whole number"),
        ("percent_of = 'score'", "'percent_of'"),
        ("percent_a_day = 5", "c.LatePolicy.percent_a_day: no such setting; there are cap_percent"),
    ],
)
def test_a_bad_setting_is_one_line(setting, said):
    with pytest.raises(CourseError) as error:
        penalties(f"c.LatePolicy.{setting}")
    text = str(error.value)
    assert text.startswith("the late submission plugin cannot be used: ") and said in text
    assert "\n" not in text


def test_settings_for_a_plugin_that_is_not_used_are_an_error():
    other = "from nbgrader.plugins import LateSubmissionPlugin as Other\n"
    other += "c.AssignLatePenalties.plugin_class = Other\n"
    assert penalties(other).policy is None
    with pytest.raises(CourseError, match="plugin_class is another plugin"):
        penalties(other + "c.LatePolicy.percent_per_day = 10")


def test_a_plugin_made_of_the_policy_keeps_its_settings(database):
    own = """
from grader.gradebook.policy import LatePolicy
class Course(LatePolicy):
    def days(self, seconds):
        return 5
c.AssignLatePenalties.plugin_class = Course
c.LatePolicy.percent_per_day = 10
"""
    found = hand_ins(database, ("hw1", FIRST, FIRST + timedelta(minutes=1)))
    assert penalties(own)(found["hw1"]) == 10.0
