"""The training gate without training: bounds, intervals, marks, reports, and what a reward function may do behind the wall."""

from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import jsonschema
import numpy as np
import pytest
import torch

from gate import ROOT
from gate.calibration import faults, rate, report
from gate.cases import cases
from gate.figures import KEY, run_key
from gate.gate import Request, bars, not_trained, spare
from gate.mark import DRAWN, training_mark
from gate.report import html, junit, schema
from gate.statistics import paired_gain
from gate.submissions import read
from gate.thresholds import OWN, THRESHOLDS
from grader.assignment import load_assignment
from grader.submission.preflight import Submission
from lab import thresholds
from lab.config import PRESETS, TrainConfig
from lab.runs import new_record, write_json
from lab.thresholds import checked

GOOD = {
    "gain": 0.4,
    "gain_low": 0.33,
    "judge_gain_low": 0.2,
    "vader_gain_low": 0.2,
    "distinct_2_ratio": 0.9,
    "repetition_rise": 0.01,
    "perplexity_ratio": 1.2,
}


# --- runs that are there already


@pytest.mark.parametrize(
    ("preset", "status", "key", "stays"),
    [
        ("medium", "finished", "other", False),
        ("medium", "finished", "same", True),
        ("medium", "training", "other", True),
        ("smoke", "finished", "other", True),
    ],
)
def test_a_finished_run_of_hours_is_moved_aside_for_another(
    tmp_path, capsys, preset, status, key, stays
):
    folder = tmp_path / "seed-42"
    folder.mkdir()
    record = new_record(TrainConfig.from_preset(preset), "CPU") | {"status": status}
    write_json(folder / "run.json", record)
    (folder / KEY).write_text(key)
    spare(folder, "same")
    assert folder.exists() is stays
    assert (tmp_path / f"seed-42-{record['run_name']}/run.json").exists() is not stays
    assert (record["run_name"] in capsys.readouterr().out) is not stays
    spare(tmp_path / "none", "same")


# --- the interval


def test_the_interval_is_that_of_a_direct_resampling_of_prompts():
    rng = np.random.default_rng(5)
    prompts = [f"prompt {i}" for i in range(48) for _ in range(4)]
    before = rng.random(192)
    after = before + np.repeat(rng.normal(0.2, 0.1, 48), 4) + rng.normal(0, 0.2, 192)
    gain = paired_gain(prompts, before, after)
    means = (after - before).reshape(48, 4).mean(axis=1)
    drawn = means[rng.integers(0, 48, (20_000, 48))].mean(axis=1)
    assert gain.mean == pytest.approx(np.mean(after - before))
    assert [gain.low, gain.high] == pytest.approx(np.quantile(drawn, [0.025, 0.975]), abs=0.004)


def test_completions_of_one_prompt_do_not_count_as_independent():
    prompts = [f"prompt {i}" for i in range(40) for _ in range(50)]
    shift = np.repeat(np.random.default_rng(0).normal(0, 0.3, 40), 50)
    wide = paired_gain(prompts, np.zeros(2000), shift)
    one_each = paired_gain(prompts[::50], np.zeros(40), shift[::50])
    assert wide.high - wide.low == pytest.approx(one_each.high - one_each.low)


@pytest.mark.parametrize(
    ("prompts", "words"), [(["a"] * 40, "too few"), ([f"{i % 41}" for i in range(100)], "equally")]
)
def test_too_few_prompts_or_uneven_ones_are_refused(prompts, words):
    with pytest.raises(ValueError, match=words):
        paired_gain(prompts, [0.0] * len(prompts), [1.0] * len(prompts))


# --- the bounds


def test_every_preset_asks_for_what_students_are_told():
    bounds = {threshold.name: threshold.bounds for threshold in THRESHOLDS}
    assert all(set(found) == set(PRESETS) for found in bounds.values())
    told = [threshold for threshold in THRESHOLDS if threshold not in OWN]
    assert told == list(thresholds.THRESHOLDS)
    assert all(threshold.flaw for threshold in told)
    for preset in PRESETS:
        assert bounds["gain"][preset] > bounds["interval"][preset]


def test_the_bounds_are_those_that_were_calibrated():
    """A number here changes with docs/calibration.md, and for no other reason."""
    bounds = {threshold.name: threshold.bounds["smoke"] for threshold in THRESHOLDS}
    assert bounds == {"gain": 0.30, "interval": 0.20, "second_judge": 0.15, "vader": 0.20,
                      "distinct_2": 0.7, "repetition": 0.10, "perplexity": 1.5}  # fmt: skip
    assert list(bounds)[:4] == ["gain", "interval", "second_judge", "vader"]


# --- what a run's figures depend on


@pytest.mark.parametrize(
    "changed",
    ["source/sentiment/lab/policy.py", "source/sentiment/prompts_eval.txt", "gate/statistics.py", "models/ngram-judge/config.json",
     "models/tiny-gpt2/config.json"],
)  # fmt: skip
def test_a_run_counts_no_longer_once_something_it_depends_on_changes(monkeypatch, changed):
    cells, config = [{"source": "x = 1"}], TrainConfig.from_preset("smoke")
    before, read_bytes = run_key(cells, config), Path.read_bytes
    assert run_key(cells, config) == before
    assert run_key(cells, replace(config, seed=7)) != before
    assert run_key(cells, replace(config, output_dir="elsewhere")) == before
    assert run_key([{"source": "x = 2"}], config) != before

    def edited(path):
        data = read_bytes(path)
        return data + b" " if str(path).endswith(changed) else data

    monkeypatch.setattr(Path, "read_bytes", edited)
    assert run_key(cells, config) != before


def test_marks_are_shared_between_those_who_agree_in_all_that_the_gate_uses():
    used = Request(Submission({}, ""), "", Path()).config(42).required_exercises()
    assert list(load_assignment(ROOT / "tests/hidden").training_uses) == used


def test_the_number_format_is_part_of_it(monkeypatch):
    cells, config = [], TrainConfig.from_preset("smoke")
    keys = set()
    for dtype in (torch.float32, torch.bfloat16):
        monkeypatch.setattr("lab.pretrained.compute_dtype", lambda dtype=dtype: dtype)
        keys.add(run_key(cells, config))
    assert len(keys) == 2


@pytest.mark.parametrize("threshold", THRESHOLDS, ids=lambda t: t.name)
def test_each_bound_decides_alone(threshold):
    beyond = -1e-6 if threshold.sense == "at least" else 1e-6
    bound = threshold.bounds["smoke"]
    assert threshold.holds(GOOD, "smoke")
    assert threshold.holds({**GOOD, threshold.figure: bound}, "smoke")
    assert not threshold.holds({**GOOD, threshold.figure: bound + beyond}, "smoke")
    assert not threshold.holds({**GOOD, threshold.figure: float("nan")}, "smoke")


# --- verdicts, marks and reports


def verdict(**changed):
    """A verdict on two seeds, the second with changed figures."""
    seeds = []
    for seed, measured in ((1, GOOD), (2, {**GOOD, **changed})):
        more = {"gain_high": 0.5, "judge_gain": 0.2, "vader_gain": 0.2, "base": 0.5, "trained": 0.9,
                "judge_base": 0.5, "judge_trained": 0.7, "vader_base": 0.1, "vader_trained": 0.6,
                "positive_ratio_base": 0.5, "positive_ratio_trained": 0.9}  # fmt: skip
        checks = [checked(threshold, measured, "smoke") for threshold in THRESHOLDS]
        seeds.append({"seed": seed, "passed": all(c["passed"] for c in checks), "figures": more | measured,
                      "checks": checks, "seconds": {"train": 20.0, "validation": 2.0}, "run": f"seed-{seed}"})  # fmt: skip
    passed = all(seed["passed"] for seed in seeds)
    config = {"preset": "smoke", "model": "tiny-gpt2", "sentiment_model": "tiny-sentiment", "max_steps": 40,
              "reward_shaping": "exponential", "kl_type": "forward", "kl_coef": 0.1, "learning_rate": 7e-5}  # fmt: skip
    return {"schema": 1, "submission": "<script>x</script>.ipynb", "sha256": "0" * 64, "grader": "1", "isolation": "bwrap", "proof": "trained",
            "config": config, "device": "CPU", "versions": {}, "laws": {"exponential_shaping": {"points": 3.0, "max_points": 3.0, "outcome": "pass"}},
            "passed": passed, "outcome": "pass" if passed else "wrong", "stopped": None, "seeds": seeds}  # fmt: skip


def stopped(outcome, words="no answer within 30 seconds"):
    end = {"exercise": "exponential_shaping", "outcome": outcome, "words": words}
    return {**verdict(), "passed": False, "outcome": outcome, "stopped": end, "seeds": []}


def test_verdicts_of_all_kinds_follow_the_schema():
    for document in (verdict(), verdict(gain=0.1), stopped("timeout")):
        jsonschema.validate(document, schema())
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**verdict(), "surprise": 1}, schema())


@pytest.mark.parametrize(
    ("document", "share", "outcome"),
    [
        (verdict(), 1.0, None),
        (verdict(perplexity_ratio=9.0), 0.5, None),
        (verdict(gain=0.2), 0.0, None),
        (verdict(gain_low=0.1, distinct_2_ratio=0.1), 0.0, None),
        (stopped("timeout"), 0.0, "timeout"),
        (stopped("partial"), 0.0, "wrong"),
        (stopped("not_implemented"), 0.0, "wrong"),
        (stopped("infrastructure"), 0.0, "infrastructure"),
    ],
)
def test_marks_need_a_proven_gain_first_and_honest_text_for_the_rest(document, share, outcome):
    mark = training_mark(document)
    assert (mark["share"], mark.get("outcome")) == (share, outcome)
    assert mark["note"]
    assert mark["figures"] == [seed["figures"] for seed in document["seeds"]]
    assert mark["proof"] == "trained"


def test_a_mark_says_how_it_was_proved():
    trained, replayed = (
        training_mark(verdict() | {"proof": how}) for how in ("trained", "replayed")
    )
    assert (trained["proof"], replayed["proof"]) == ("trained", "replayed")
    assert replayed["note"].startswith(trained["note"]) and "reference" in replayed["note"]
    assert {**replayed, "proof": 0, "note": 0} == {**trained, "proof": 0, "note": 0}


@pytest.mark.parametrize(
    ("failing", "ours", "words"),
    [
        (["forward_kl_reward"], [], "Not trained, so 0 marks: exercise 3b (forward_kl_reward) does not keep its main law. "),
        (["sentiment_reward", "sequence_log_probs"], [], "exercises 1 (sentiment_reward) and 3a (sequence_log_probs) do not keep their main laws. "),
        (["sentiment_reward", "forward_kl_reward"], ["forward_kl_reward"], "Not trained yet: exercise 3b (forward_kl_reward) could not be graded for a reason on our side."),
    ],
)  # fmt: skip
def test_who_is_not_trained_reads_which_exercises_are_missing(failing, ours, words):
    needed = ["sentiment_reward", "exponential_shaping", "sequence_log_probs", "forward_kl_reward"]
    said = not_trained(needed, failing, ours)
    assert words in said
    assert ours or said.endswith("Training needs right values from exercises 1, 2, 3a and 3b.")


@pytest.mark.parametrize(
    ("main", "lesser", "outcome", "barred"),
    [
        (True, True, "", False),
        (True, False, "", False),
        (False, True, "", True),
        (False, False, "", True),
        (True, False, "not_implemented", False),
        (True, False, "timeout", False),
        (True, False, "crash", False),
        (True, False, "infrastructure", True),
    ],
)
def test_only_a_main_law_that_is_broken_or_a_fault_of_ours_bars_a_run(
    main, lesser, outcome, barred
):
    laws = [
        {"law": "values", "value": True, "passed": main, "outcome": ""},
        {"law": "an error", "value": False, "passed": lesser, "outcome": outcome},
    ]
    assert bars({"laws": laws}) is barred


def test_a_mark_without_a_run_was_proved_by_nothing():
    document = stopped("partial") | {"proof": None}
    jsonschema.validate(document, schema())
    assert "proof" not in training_mark(document)


def test_without_laws_no_run_is_made():
    assert bars({"laws": []})


def test_a_check_is_a_line_with_the_worst_seed_s_figure():
    lines = {line["law"]: line for line in training_mark(verdict(perplexity_ratio=9.0))["laws"]}
    held = lines["P(positive) rises on held-out prompts"]
    assert held["got"] == "0.400; at least 0.3 is needed" and not held["hint"]
    (failed,) = (line for line in lines.values() if not line["passed"])
    assert failed["got"] == "9.000; at most 1.5 is allowed" and "hacked" in failed["hint"]
    told = {line["figure"]["name"]: line["figure"] for line in lines.values() if "figure" in line}
    assert list(told) == list(DRAWN.values())
    worst = {"name": DRAWN["perplexity_ratio"], "value": 9.0, "bound": 1.5, "sense": "at most"}
    assert told[worst["name"]] == worst


def test_junit_names_what_failed_and_nothing_else():
    root = junit(verdict(gain=0.1)).getroot()
    failed = [
        (suite.get("name"), case.get("name")) for suite in root for case in suite if len(case)
    ]
    assert failed == [("seed 2", "gain")]
    ended = junit(stopped("timeout")).getroot()
    assert [case.get("message") for case in ended.iter("failure")] == [
        "no answer within 30 seconds"
    ]
    ElementTree.fromstring(ElementTree.tostring(root))


def test_the_page_escapes_what_a_submission_says():
    page = html(stopped("wrong", words="<img src=x onerror=alert(1)>"), [])
    assert "<script" not in page and "<img src=x" not in page and "&lt;img src=x" in page


# --- calibration


def test_faults_are_runs_that_went_otherwise_than_they_must():
    def row(kind, trips="", **changed):
        return {"kind": kind, "name": "n", "seed": 0, "trips": trips, "figures": {**GOOD, "trained": 0.9, **changed},
                "date": "2026-01-01", "device": "CPU", "cpu": "a CPU"}  # fmt: skip

    right = [row("honest"), row("control", "gain", gain=0.1, vader_gain_low=-1)]
    wrong = [row("honest", vader_gain_low=-1), row("hacked", "perplexity", gain=0.1)]
    assert faults(right) == [] and len(faults(right + wrong)) == 2
    text = report(right + wrong)
    assert "Honest rewards that fail: 1 of 2" in text
    ended = {**row("control", "gain"), "figures": None, "stopped": {"outcome": "timeout"}}
    assert len(faults([ended])) == 1 and "ended: timeout 1" in report([*right, ended])
    assert faults([row("limit", vader_gain_low=-1), row("limit"), row("compared", gain=0)]) == []
    assert len(faults([row("float32", gain=0.1)])) == 1
    assert rate(0, 20) == "0 of 20 (below 14 %)"


def test_float32_is_what_a_case_of_that_kind_computes_in():
    import torch

    from lab import machine, pretrained, trainer
    from lab.half import HalfWeights

    language_model, _ = pretrained.load_language_model("tiny-gpt2")
    [case], [honest] = cases(["float32"]), cases(["honest"])
    before = pretrained.compute_dtype()
    with case.number_format():
        assert pretrained.compute_dtype() is torch.float32 and not trainer.precision()["bf16"]
        assert not HalfWeights(language_model).places
        assert "float32" in machine.device_name()
    with honest.number_format():
        assert pretrained.compute_dtype() is before
    assert (case.notebook, case.settings) == (honest.notebook, honest.settings)


def test_controls_and_hacked_settings_each_name_a_check_that_exists():
    names = {threshold.name for threshold in THRESHOLDS}
    found = cases(["control", "hacked"])
    assert len(cases(["limit"])) == 1
    assert {case.name for case in found} >= {
        "constant",
        "shuffled",
        "sign_flipped",
        "random",
        "hack",
    }
    assert {case.trips for case in found} <= names
    (hack,) = (case for case in found if case.name == "hack")
    assert hack.settings["kl_type"] == "none", "with its settings it is a hack, without them slow"
    stems = {"sentiment_reward", "exponential_shaping", "forward_kl_reward"}  # 3a is not called
    assert len(cases(["variant"])) == sum(s.stem in stems for s in read("variants"))
    assert {case.name.partition("-")[2] for case in cases(["mutant"])} == {
        "negative_sentiment",
        "exponent_negated",
        "negated",
        "constant",
    }
