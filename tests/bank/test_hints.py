"""How hints are counted, and what the slips they are counted on must be. `python -m tests.bank.hints` grades them."""

import json

import pytest

from gate.submissions import read
from tests.bank import hints
from tests.bank.judge import laws

SLIPS = read(hints.KIND)


def test_there_are_enough_slips_of_every_exercise():
    assert len(SLIPS) == len({slip.id for slip in SLIPS}) >= 120
    assert {slip.stem for slip in SLIPS} == set(laws())


def test_a_slip_says_what_is_wrong_and_defines_its_function():
    for slip in SLIPS:
        names = {}
        exec(slip.cells[-1], names)
        assert slip.notes["truth"] and callable(names[slip.stem]), slip.id


def test_judgements_are_of_slips_that_exist():
    judged = json.loads(hints.JUDGED.read_text())
    assert set(judged) <= {slip.id for slip in SLIPS}
    opinions = {opinion for texts in judged.values() for opinion in texts.values()}
    assert opinions <= {"true", "wrong", "vague"}


@pytest.mark.parametrize(
    ("hint", "cause"),
    [
        ("", ""),
        ("the result has shape [4], expected [2]", ""),
        ("no error was raised, expected ValueError", ""),
        ("kl_coef=0.1 and kl_coef=0.5 give the same", ""),
        ("the sign is wrong", "the sign is wrong"),
        # what describes a result without a reason is judged, too
        ("every result is 2 times what is asked for", "every result is 2 times what is asked for"),
        ("only the last row is wrong", "only the last row is wrong"),
        ("no result is above 3: are large ones cut off?",) * 2,
        ("the result holds nan or infinite values; it looks like a sum", "it looks like a sum"),
    ],
)
def test_a_fact_is_no_cause(hint, cause):
    assert hints.cause({"hint": hint}) == cause


@pytest.mark.parametrize(
    ("causes", "verdict"),
    [
        ([], "none"),
        (["led astray"], "none"),
        (["right", "led astray"], "true"),
        (["right", "new"], "unjudged"),
        (["right", "new", "false"], "wrong"),
    ],
)
def test_one_wrong_cause_outweighs_a_true_one(causes, verdict):
    judged = {"slip": {"right": "true", "false": "wrong", "led astray": "vague"}}
    assert hints.verdict_on({"id": "slip", "causes": causes}, judged) == verdict


def test_the_command_fails_on_what_is_not_judged_and_on_full_marks():
    row = {"id": "slip", "stem": "s", "truth": "t", "points": 1.0, "max_points": 2.0}
    row |= {"causes": ["new"], "verdict": "unjudged"}
    assert hints.unjudged([row], {}) == [(row, "new")]
    assert hints.unjudged([row], {"slip": {"new": "vague"}}) == []
    assert hints.full_marks([row]) == []
    survivor = row | {"points": 2.0}
    assert hints.full_marks([survivor]) == [survivor]
    assert hints.shares([survivor], {})[-2:] == [
        "keeps full marks: slip: t",
        "unjudged: slip: new",
    ]
