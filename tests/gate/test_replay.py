"""Proof by replay: what answers as recorded has the recorded verdict, which training gives; what does not is trained with."""

import json
from dataclasses import replace

import pytest

from gate import ROOT
from gate.cases import cases, solution
from gate.gate import Request, Training, bars, run_gate
from gate.replay import Differs, Recording, Recordings, Replay
from gate.submissions import read, replaced
from grader.assignment import load_assignment
from grader.judging.session import Grader
from grader.submission.preflight import repair

TINY = {
    "max_steps": 2,
    "validation_steps": 0,
    "completions_per_step": 16,
    "per_device_train_batch_size": 16,
}
SHAPING = "def exponential_shaping(scores, temperature=1.0):\n    import torch\n    "


@pytest.fixture(scope="module")
def judge():
    with Grader(load_assignment(ROOT / "tests" / "hidden")) as grader:
        yield grader


@pytest.fixture(scope="module")
def replay(judge, tmp_path_factory):
    return Replay(Recordings(tmp_path_factory.mktemp("recordings"), judge))


@pytest.fixture(scope="module")
def config(judge, tmp_path_factory):
    submission = repair(json.dumps(solution()).encode(), judge.assignment)
    return Request(submission, "", tmp_path_factory.mktemp("runs"), settings=TINY).config(7)


def cells(judge, notebook):
    return repair(notebook, judge.assignment).cells


def with_shaping(body):
    return json.dumps(replaced(solution(), "exponential_shaping", SHAPING + body)).encode()


@pytest.fixture
def differs(judge, replay, config):
    """In what a submission differs from the recording."""

    def ask(notebook):
        with pytest.raises(Differs) as end:
            replay(cells(judge, notebook), config)
        return str(end.value)

    return ask


def test_the_recorded_run_is_the_solution_s_own(judge, replay, config, tmp_path):
    own = cells(judge, json.dumps(solution()).encode())
    trained = Training(judge)(own, replace(config, output_dir=str(tmp_path / "run")))
    replayed = replay(own, config)
    assert replayed["figures"] == trained["figures"] and replayed["checks"] == trained["checks"]


STYLES = ("expm1", "numpy", "loop_over_floats", "-double", "-list", "partial", "each_text_once", "shortest_first", "remembers")  # fmt: skip


@pytest.mark.parametrize(
    "case",
    [
        case if case.name.endswith(STYLES) else pytest.param(case, marks=pytest.mark.long)
        for case in cases(["variant"])
    ],
    ids=lambda case: case.name,
)
def test_right_work_in_another_style_has_the_recorded_verdict(judge, replay, config, case):
    assert replay(cells(judge, case.notebook), config) == replay.recordings.recording(config).seed


WRONG = ("exponential_shaping-negated", "exponential_shaping-linear", "sentiment_reward-negative_sentiment", "sentiment_reward-constant")  # fmt: skip


@pytest.mark.parametrize(
    "mutant", [s for s in read("mutants") if s.id in WRONG], ids=lambda mutant: mutant.id
)
def test_wrong_work_differs(differs, mutant):
    assert "rewards are others" in differs(mutant.notebook(solution()))


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("return torch.exp(scores / temperature) - 1.02", "others, by"),
        ("return torch.exp(scores / temperature)[:-1] - 1", "shape"),
        ("return (torch.exp(scores / temperature) - 1) / 0 * 0", "nan"),
        ("raise KeyError('x')", "KeyError"),
        ("__import__('os')._exit(3)", "ended"),
    ],
)
def test_one_answer_that_is_another_or_none_ends_the_replay(differs, body, words):
    said = differs(with_shaping(body))
    assert said.startswith("exercise 2, call ") and words in said


def test_who_counts_calls_meets_the_real_sequence(differs, replay, config):
    """Right as often as the run asks, and once less."""
    recording = replay.recordings.recording(config)
    asked = sum(call.stem == "exponential_shaping" for call in recording.calls)
    right = "global CALLS\n    CALLS += 1\n    return torch.exp(scores / temperature) - (1 if CALLS <= {} else 2)"
    cell = "CALLS = 0\n\n" + SHAPING + right

    def notebook(calls):
        return json.dumps(replaced(solution(), "exponential_shaping", cell.format(calls))).encode()

    assert replay(cells(replay.judge_laws, notebook(asked)), config) == recording.seed
    assert f"call {len(recording.calls) - 1}:" in differs(notebook(asked - 1))


def test_a_recording_is_made_once_and_for_one_configuration(judge, replay, config, monkeypatch):
    folder = replay.recordings.folder
    assert [path.stem for path in folder.glob("*.json")] == [replay.recordings.key(config)]
    again = Recordings(folder, judge)
    monkeypatch.setattr(again, "_record", None)
    assert again.recording(config) == replay.recordings.recording(config)
    others = [{"seed": 8}, {"max_steps": 3}, {"learning_rate": 1e-3}, {"kl_coef": 0.2}]
    keys = {again.key(replace(config, **other)) for other in others}
    monkeypatch.setattr("gate.figures.device_name", lambda: "CPU, 3 threads, float32")
    keys |= {again.key(config), replay.recordings.key(config)}
    assert len(keys) == len(others) + 1


def test_a_recording_that_was_cut_short_is_made_anew(judge, replay, config, tmp_path):
    recordings = Recordings(tmp_path, judge)
    path = tmp_path / f"{recordings.key(config)}.json"
    path.write_text('{"calls": [')
    left = tmp_path / recordings.key(config) / "seed-7"
    left.mkdir(parents=True)
    assert recordings.recording(config).calls == replay.recordings.recording(config).calls
    assert Recording.read(path) == recordings.recording(config) and not left.exists()


def test_on_a_gpu_nothing_is_proved_by_replay(judge, replay, config, monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    with pytest.raises(Differs, match="on a GPU"):
        replay(cells(judge, json.dumps(solution()).encode()), config)


@pytest.mark.parametrize("ends", ["raise NotImplementedError('positive')", "os._exit(3)", "pass"])
def test_right_values_are_trained_with_however_a_lesser_law_ends(judge, ends):
    lesser = f"import os\n    if temperature <= 0:\n        {ends}\n    "
    right = "return torch.exp(scores / temperature) - 1"
    stem = "exponential_shaping"
    row = judge.check(with_shaping(lesser + right), [stem])["exercises"][stem]
    assert 0 < row["points"] < row["max_points"] and not bars(row)


def test_the_gate_says_how_it_was_proved(judge, replay, config, tmp_path):
    submission = repair(json.dumps(solution()).encode(), judge.assignment)
    kept = [{"passed": True, "value": True, "outcome": ""}]
    row = {"points": 2.0, "max_points": 2.0, "outcome": "pass"}
    laws = {"exponential_shaping": row | {"laws": kept}, "group_advantages": row | {"laws": []}}
    request = Request(submission, "ann", tmp_path, seeds=(7,), settings=TINY, laws=laws)
    verdict = run_gate(request, judge, replay)
    assert verdict["proof"] == "replayed" and verdict["laws"] == {"exponential_shaping": row}
    assert verdict["seeds"] == [replay.recordings.recording(config).seed]
    broken = [{"passed": False, "value": True, "outcome": ""}]
    missing = {"exponential_shaping": row | {"outcome": "partial", "laws": broken}}
    verdict = run_gate(replace(request, laws=missing), judge, replay)
    assert verdict["stopped"]["exercise"] == "exponential_shaping" and not verdict["seeds"]
    assert verdict["proof"] is None, "nothing was replayed"
