"""Messages that no worker of ours sends: whatever a submission makes of its channel, the fault stays its own."""

import dataclasses
import json

import pytest
from toys import RIGHT

from grader.judging.calls import Ended
from grader.judging.function import SubmittedFunction
from grader.submission.preflight import repair

LINK = """
import os, sys, time
def link():
    frame = sys._getframe()
    while not hasattr(frame.f_locals.get("link"), "sock"):
        frame = frame.f_back
    return frame.f_locals["link"]
"""
ERROR = {"type": "E", "text": "t", "bases": [], "place": ""}
BAD = [
    *({**ERROR, "bases": 5}, {**ERROR, "bases": [[]]}, {**ERROR, "text": {}}),
    *({**ERROR, "type": 7}, {**ERROR, "cell": []}, {**ERROR, "place": None}, {**ERROR, "new": 1}),
]


@pytest.fixture
def outcome(assignment, grader, submission):
    """How the first call to a solution ends, and the student."""
    made = []

    def run(solution, **limits):
        changed = dataclasses.replace(
            assignment, limits=dataclasses.replace(assignment.limits, strikes=1, **limits)
        )
        cells = repair(submission(solution), changed).cells
        made.append(SubmittedFunction("basket_total", cells, changed, grader.sandbox))
        with pytest.raises(Ended) as end:
            made[-1](["a"], discount=0.0)
        return end.value.outcome

    yield run
    for each in made:
        each.close()


def needing(statement):
    """A solution that needs what this statement binds: `needed`."""
    return LINK + statement + RIGHT.replace("\ndef", "\n\ndef").replace("=0.0", "=needed or 0.0")


@pytest.mark.parametrize("error", BAD)
def test_an_error_of_other_fields_is_a_crash(outcome, error):
    patch = f"sys.modules['inside.worker'].describe_error = lambda error: {error}\n"
    raising = f"def basket_total(items, discount=0.0):\n    {patch}    raise ValueError"
    assert outcome(LINK + raising) == "crash"
    in_a_cell = f"def bad():\n    {patch}    return 1 / 0\nneeded = bad()\n"
    assert outcome(needing(in_a_cell)) == "crash"


@pytest.mark.parametrize(
    "at",
    [
        '["x" * 4_190_000]',
        *("[]", "[0]", "[0, 0, 0]", "[[], []]", "[0.0, 0]", "[True, 0]", "None", "5"),
        *("[-1, 0]", "[0, -2]", "[10**6, 0]", "[0, 10**6]"),
    ],
)
def test_a_place_that_no_cell_has_is_a_crash(outcome, at):
    forged = f'def bad():\n    link().send({{"is": "progress", "at": {at}}})\n    os._exit(0)\n'
    assert outcome(needing(forged + "needed = bad()\n")) == "crash"


def test_progress_that_goes_nowhere_wins_no_time(outcome):
    stalls = 'def bad():\n    for n in range(9):\n        time.sleep(1)\n        link().send({"is": "progress", "at": [0, 0]})\n'
    assert outcome(needing(stalls + "needed = bad()\n")) == "crash"


def test_progress_that_runs_ahead_wins_no_more_than_the_patience(outcome):
    runs = 'def bad():\n    for n in range(200):\n        time.sleep(0.5)\n        link().send({"is": "progress", "at": [1, 20 + n]})\n'
    assert outcome(needing(runs + "needed = bad()\n"), exercise_seconds=2.0) == "timeout"


@pytest.mark.parametrize(
    "tree",
    [
        '["l", [["a", "uint8", [30 << 20], 0]] * 70]',
        '["l", [["a", "uint8", [1], 0]] * 130_000]',
        '["a", "uint8", [10**9, 0], 1]',
        '["l", [0] * 1_000_000]',
    ],
)
def test_a_value_that_would_fill_this_machine_is_a_crash(outcome, tree):
    patch = (
        f"def pack(value, buffers):\n    buffers += [bytes(30 << 20), bytes()]\n    return {tree}\n"
    )
    answer = "def basket_total(items, discount=0.0):\n    sys.modules['inside.wire'].pack = pack\n    return 0\n"
    assert outcome(LINK + patch + answer, memory_mb=800) == "crash"


def test_texts_that_an_array_would_multiply_are_a_wrong_answer(judge):
    vast = "def basket_total(items, discount=0.0):\n    return ['x' * 400_000] + [''] * 24_000"
    assert judge(vast)["outcome"] == "wrong"


@pytest.mark.parametrize(
    ("error", "said"),
    [(TypeError, "crash"), (RecursionError, "crash"), (MemoryError, "infrastructure")],
)
def test_whatever_fails_while_an_answer_is_read_is_a_crash(outcome, monkeypatch, error, said):
    """But for memory: what is read is small, so this machine has none left."""

    def add(self, call):
        raise error

    monkeypatch.setattr("grader.judging.calls.Evidence.add", add)
    assert outcome("def basket_total(items, discount=0.0):\n    return 1.0") == said


@pytest.mark.parametrize("name", ["\ud800", "\x1b[32mPASS\x1b[0m", "\u202egnorw", "A" * 100])
def test_a_type_s_name_is_the_student_s_text(judge, name):
    """Whatever it holds, the verdict can be printed, and colours and directions are gone."""
    forged = f"def basket_total(items, discount=0.0):\n    sys.modules['inside.wire'].pack = lambda *_: ['o', {name!a}]\n    return 1.0"
    named = f"def basket_total(items, discount=0.0):\n    return type({name!a}.replace(chr(0xd800), '?'), (), {{}})()"
    for solution in (LINK + forged, named):
        verdict = judge(solution)
        assert verdict["outcome"] == "wrong"
        text = json.dumps(verdict, ensure_ascii=False)
        text.encode()
        assert "\\u001b" not in text and "\u202e" not in text
