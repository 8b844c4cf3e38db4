"""One verdict in the forms of Gradescope, PrairieLearn and GitHub Classroom, as their own documents have them."""

import base64
import json
import re

import pytest

from grader.assignment import Exercise, Kind
from grader.errors import CourseError
from grader.judging.feedback import exercise_text
from grader.lms.autograders import classroom, gradescope, prairielearn
from grader.lms.autograders.command import SHOWN
from grader.verdict import (
    CAPPED,
    Outcome,
    exercise_verdict,
    open_verdict,
    training_verdict,
    unread_verdict,
    verdict,
)

NASTY = (
    "\x00\x1b[31m\ud800</pre><script>alert(1)</script>\n::error::forged\n##[error]forged\n"
    + "x" * 10**6
)
MADE = {
    "laws": {"version": "", "sha256": "1a"},
    "grader": {"version": "1", "sha256": "2b"},
    "packages": {},
}


def exercise(stem, points=2.0, kind=Kind.LAWS):
    return Exercise(stem, points, kind, f"{stem}_laws")


def law(words, passed, weight=1.0, got="0", **more):
    row = {"law": words, "test": "test_it", "weight": weight, "value": False, "passed": passed}
    return (
        row
        | {"counterexample": "mean([1])", "got": got, "expected": "1", "hint": "", "outcome": ""}
        | more
    )


def graded(*laws, stem="mean"):
    return exercise_verdict(exercise(stem, float(len(laws))), laws, "")


def made(**exercises):
    return verdict("ann", "5ha", exercises, "bwrap", MADE, ["the kernel's name was changed"])


@pytest.fixture
def mixed():
    """Right, partly right, wrong, and two that wait."""
    return made(
        right=graded(law("adds up", True), stem="right"),
        half=graded(law("adds up", True), law("divides", False), stem="half"),
        wrong=graded(law("adds up", False), stem="wrong"),
        train=training_verdict(exercise("train", 3, Kind.TRAINING), None),
        essay=open_verdict(exercise("essay", 4, Kind.MANUAL), Outcome.NEEDS_MANUAL, "by hand"),
    )


@pytest.fixture
def nasty():
    return made(**{f"e{n}": graded(law("adds up", False, got=NASTY)) for n in range(30)})


@pytest.fixture
def unread():
    made_ = {"mean": unread_verdict(exercise("mean"), "the file is not a notebook")}
    notes = ["graded on a Sunday", "the file is not a notebook"]
    return verdict("ann", "", made_, "bwrap", MADE, notes, unreadable=True)


def by_laws(made):
    return [stem for stem in made["exercises"] if stem not in ("train", "essay")]


def in_gradescope(made, points="visible", words="visible", **told):
    return gradescope.results(made, by_laws(made), gradescope.Shown(points, words), 12.4, told)


def in_prairielearn(made):
    return prairielearn.results(made, by_laws(made))


def in_classroom(made):
    return classroom.results(made, by_laws(made))


# --- Gradescope


def test_gradescope_gets_a_test_an_exercise_in_the_feedback_pages_words(mixed):
    document = in_gradescope(mixed, attempt=2)
    assert document["score"] == 2.0 and document["execution_time"] == 12
    tests = {test["name"].partition(":")[0]: test for test in document["tests"]}
    assert list(tests) == list(mixed["exercises"])
    assert [(tests[n]["score"], tests[n]["max_score"]) for n in ("right", "half", "wrong")] == [(1, 1), (1, 2), (0, 1)]  # fmt: skip
    assert [tests[n]["status"] for n in ("right", "half", "wrong")] == [
        "passed",
        "failed",
        "failed",
    ]
    for name in ("right", "half", "wrong"):
        assert tests[name]["output"] + "\n" == exercise_text(name, mixed["exercises"][name])
    assert document["extra_data"]["outcomes"] == {"right": "pass", "half": "partial", "wrong": "wrong", "train": "needs_training", "essay": "needs_manual"}  # fmt: skip
    assert document["extra_data"]["gradescope"] == {"attempt": 2}
    assert "note: the kernel's name was changed" in document["output"]


def test_what_waits_is_no_zero_in_gradescope(mixed):
    document = in_gradescope(mixed)
    waiting = [test for test in document["tests"] if "not marked yet" in test["name"]]
    assert len(waiting) == 2
    assert not any({"score", "max_score", "status"} & set(test) for test in waiting)
    assert "essay: not marked yet, 4 points: a person reads it" in document["output"]


def test_nothing_is_html_in_gradescope(mixed):
    document = in_gradescope(mixed)
    assert document["output_format"] == "text"
    assert {t["output_format"] for t in document["tests"]} | {t["name_format"] for t in document["tests"]} == {"text"}  # fmt: skip


@pytest.mark.parametrize("points", gradescope.VISIBILITIES)
def test_gradescopes_visibility_is_that_which_was_asked_for(mixed, points):
    document = in_gradescope(mixed, points, points)
    assert document["visibility"] == points and document["stdout_visibility"] == "hidden"
    assert {test["visibility"] for test in document["tests"]} == {points}
    assert len(document["tests"]) == len(mixed["exercises"])


def test_words_may_be_seen_at_another_time_than_points(mixed):
    tests = in_gradescope(mixed, "visible", "hidden")["tests"]
    seen = [test for test in tests if test["visibility"] == "visible"]
    kept = [test for test in tests if test["visibility"] == "hidden"]
    assert sum(test.get("score", 0) for test in seen) == 2.0
    assert not any("divides" in test["output"] or "mean([1])" in test["output"] for test in seen)
    assert [test["name"].partition(":")[0] for test in kept] == ["right", "half", "wrong"]
    assert not any("score" in test for test in kept) and "divides" in kept[1]["output"]


def test_the_commands_words_for_visibility_are_gradescopes():
    assert SHOWN == gradescope.VISIBILITIES


METADATA = {
    "id": 7,
    "created_at": "2026-12-01T12:00:00.000000-08:00",
    "assignment": {"due_date": "2026-12-01T19:00:00.000000+00:00"},
    "users": [{"name": "Ann Example", "email": "ann@example.com"}],
    "previous_submissions": [{"score": 1.0}, {"score": 2.0}],
}


def test_metadata_is_told_without_names(tmp_path):
    path = tmp_path / "submission_metadata.json"
    path.write_text(json.dumps(METADATA))
    told = gradescope.told(path)
    assert told == {
        "submission": 7,
        "attempt": 3,
        "handed_in": "2026-12-01T12:00:00-08:00",
        "late": True,
    }


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{", "[" * 10**5, '{"assignment": [], "created_at": 3, "previous_submissions": {}, "id": "x"}',
     '{"created_at": "yesterday", "assignment": {"due_date": null}}', "\udcff\udcfe"],
)  # fmt: skip
def test_no_mark_depends_on_metadata(tmp_path, text):
    path = tmp_path / "submission_metadata.json"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    assert gradescope.told(path) == {}


def test_no_metadata_is_none(tmp_path):
    assert gradescope.told(None) == gradescope.told(tmp_path / "none.json") == {}


def test_times_without_a_zone_say_nothing_of_lateness(tmp_path):
    path = tmp_path / "submission_metadata.json"
    path.write_text(json.dumps({**METADATA, "created_at": "2026-12-01T12:00:00"}))
    assert "late" not in gradescope.told(path)


def test_points_are_out_of_the_same_for_everybody():
    """An essay that was not written has its 0 already, one that was is open: neither is part of these scores."""
    essay = exercise("essay", 4, Kind.MANUAL)
    right = graded(law("adds up", True))
    for outcome in (Outcome.NOT_IMPLEMENTED, Outcome.NEEDS_MANUAL):
        made_ = made(mean=right, essay=open_verdict(essay, outcome))
        tests = in_gradescope(made_)["tests"]
        assert sum(test.get("max_score", 0) for test in tests) == 1 and len(tests) == 2
        assert tests[1]["name"].startswith("essay: ") and "status" not in tests[1]
        assert in_prairielearn(made_)["score"] == 1
        assert in_classroom(made_)["max_score"] == 1 and in_classroom(made_)["status"] == "pass"


# --- what a student writes


@pytest.mark.parametrize("write", [in_gradescope, in_prairielearn, in_classroom])
def test_hostile_words_stay_words_and_short(nasty, write):
    text = json.dumps(write(nasty))
    assert len(text) < 1_000_000  # PrairieLearn reads no more
    found = json.dumps(json.loads(text), ensure_ascii=False)
    found.encode()  # no half of a surrogate pair
    assert not re.search(r"\\u00(0[0-8bcef]|1|7f)", found)


# --- PrairieLearn


def test_prairielearns_score_is_the_share_of_what_is_marked(mixed):
    document = in_prairielearn(mixed)
    assert document["gradable"] is True and document["score"] == 2 / 4
    tests = document["tests"]
    assert (
        sum(test["points"] for test in tests) / sum(test["max_points"] for test in tests) == 2 / 4
    )
    assert [test["max_points"] for test in tests if "not marked yet" in test["name"]] == [0, 0]
    assert "a person reads it" in document["message"]


def test_an_unreadable_notebook_costs_no_attempt_in_prairielearn(unread):
    document = in_prairielearn(unread)
    assert document["gradable"] is False and document["format_errors"] == [
        "the file is not a notebook"
    ]


def test_prairielearn_gets_no_score_where_nothing_is_marked():
    waits = open_verdict(exercise("essay"), Outcome.NEEDS_MANUAL, "by hand")
    with pytest.raises(CourseError, match="no exercise here is marked"):
        in_prairielearn(made(essay=waits))


# --- GitHub Classroom


def test_classroom_reads_points_from_base64(mixed):
    document = json.loads(base64.b64decode(classroom.encoded(in_classroom(mixed))))
    # as the reporter adds them up
    assert sum(test["score"] for test in document["tests"]) == 2 and document["max_score"] == 4
    assert document["version"] == 1 and document["status"] == "fail"
    assert [test["status"] for test in document["tests"]] == ["pass", "fail", "fail"]
    assert "\n" not in classroom.encoded(document)


def test_classroom_is_green_where_all_that_is_marked_is_right():
    waits = open_verdict(exercise("essay"), Outcome.NEEDS_MANUAL, "by hand")
    assert in_classroom(made(mean=graded(law("adds up", True)), essay=waits))["status"] == "pass"


def test_no_words_are_a_runners_command():
    tamed = classroom.tame("::error::a\n   ::warning::b\n##[add-mask]c\n\t##[group]d\nat ::e")
    assert not any(line.lstrip().startswith(("::", "##[")) for line in tamed.splitlines())
    assert tamed.endswith("\nat ::e")


def test_a_capped_exercise_says_so_everywhere():
    main = law("the value", False, weight=1.0) | {"value": True}
    half = exercise_verdict(exercise("mean", 2.0), [main, law("a", True)], "")
    words = CAPPED
    assert words in in_gradescope(made(mean=half))["tests"][0]["output"]
