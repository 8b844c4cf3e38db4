"""`--keep best` and `--stop_when`: which validation counts, what final/ then is, and how such a run goes on."""

import json
import re
import signal
from types import SimpleNamespace

import pytest
import torch

import train
from lab.best import Decision, decide, follow
from lab.config import TrainConfig
from lab.errors import ConfigError
from lab.runs import load_run
from tests.course.run_folder import history, weights

FLIPPED = """
def sentiment_reward(completions, **kwargs):
    return [-score for score in get_sentiment_scores(completions)]
"""
KILLED = """
import os, signal, sys, train
from lab.tracking import Tracker
Tracker.on_train_end = lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL)
train.main(sys.argv[1:])
"""
BASE = {"distinct_2": 0.6}
HARD = ["--learning_rate", "2e-3", "--reward_shaping", "none", "--kl_type", "none"]


def measured(mean, distinct_2):
    return SimpleNamespace(mean_sentiment=mean, distinct_2=distinct_2)


@pytest.mark.parametrize(
    ("mean", "distinct_2", "before", "expected"),
    [
        (0.8, 0.5, None, Decision(True, False)),
        (0.8, 0.5, 0.8, Decision(False, False)),  # of two alike the earlier
        (0.95, 0.43, 0.8, Decision(True, True)),
        (0.95, 0.41, 0.8, Decision(False, False)),  # 0.68 times the base's
        (float("nan"), 0.5, None, Decision(True, False)),
    ],
)
def test_only_a_validation_with_varied_text_counts(mean, distinct_2, before, expected):
    config = TrainConfig.from_preset("smoke", keep="best", stop_when=0.9)
    if mean == mean:
        assert decide(config, BASE, measured(mean, distinct_2), before) == expected
    stays = decide(TrainConfig.from_preset("smoke"), BASE, measured(mean, distinct_2), before)
    assert stays == Decision(False, False)


def test_what_follows_stands_in_the_trainers_state():
    state, control = SimpleNamespace(global_step=7, best_metric=None, best_global_step=None), SimpleNamespace()  # fmt: skip
    follow(Decision(), 0.5, state, control)
    assert (vars(control), state.best_metric) == ({}, None)
    follow(Decision(True, True), 0.5, state, control)
    assert vars(control) == {"should_save": True, "should_training_stop": True}
    assert (state.best_metric, state.best_global_step) == (0.5, 7)


@pytest.mark.parametrize("settings", [{"keep": "best"}, {"stop_when": 0.5}])
def test_without_validations_there_is_none_to_choose(settings):
    with pytest.raises(ConfigError, match="needs validations on the way: give --validation_steps"):
        TrainConfig.from_preset("smoke", validation_steps=0, **settings)


@pytest.mark.parametrize("settings", [{"stop_when": 1.1}, {"distinct_floor": -1}, {"keep": "all"}])
def test_what_cannot_be_is_refused(settings):
    with pytest.raises(ConfigError, match=rf"^--{[*settings][0]} "):
        TrainConfig.from_preset("smoke", **settings)


@pytest.fixture
def falling(quick, rewards_file):
    """Train so that P(positive) falls: the best validation is none of the last."""

    def run(*flags, steps=3):
        flags = [*HARD, "--validation_steps", 1, "--validation_samples", 2, *flags]
        return quick(*flags, rewards=rewards_file(FLIPPED), steps=steps)

    return run


@pytest.mark.parametrize(
    "lora",
    [[], pytest.param(["--use_peft"], marks=pytest.mark.long)],
    ids=["all weights", "LoRA"],
)
def test_final_is_the_best_validations_model(falling, tmp_path, capfd, lora):
    from lab.measure import evaluate_model
    from lab.pretrained import load_language_model

    assert falling("--keep", "best", "--distinct_floor", 0, "--save_steps", 100, *lora) == 0
    folder = tmp_path / "outputs"
    record, validations = json.loads((folder / "run.json").read_text()), history(folder)[1]
    assert [line["step"] for line in validations] == [0, 1, 2, 3]
    best = max(validations[1:], key=lambda line: line["validation/mean_sentiment"])
    assert record["step"] == 3 and record["kept"]["step"] == best["step"] < 3
    names = {name for name in best if name.startswith("validation/")}
    assert {n: record["final"][n.removeprefix("validation/")] for n in names} == {n: best[n] for n in names}  # fmt: skip
    assert f"final/ is the model of step {best['step']} of 3: the best validation" in capfd.readouterr().out  # fmt: skip
    model, tokenizer = load_language_model(str(folder / "final"))
    base, _ = load_language_model("tiny-gpt2")
    again = evaluate_model("again", model, tokenizer, base, num_samples=2, max_new_tokens=8)
    assert again.mean_sentiment == pytest.approx(best["validation/mean_sentiment"], abs=0.03)
    assert f"of 3 the best (the best validation: P(positive) {again.mean_sentiment:.1f}"[:-1] in (folder / "final/README.md").read_text()  # fmt: skip


def test_where_no_validation_counts_the_last_model_stays(falling, tmp_path, capfd):
    assert falling("--keep", "best", "--stop_when", 0.01, "--distinct_floor", 9, steps=2) == 0
    kept = json.loads((tmp_path / "outputs/run.json").read_text())["kept"]
    assert kept["step"] == 2
    assert "final/ is the model of step 2 of 2: no validation had distinct-2 at 9 times" in capfd.readouterr().out  # fmt: skip


def test_a_run_stops_where_it_is_good_enough_and_a_kill_there_changes_nothing(
    python, short_run, solutions, source, tmp_path
):
    flags = [*short_run, "--rewards", solutions, "--validation_steps", 1, "--save_steps", 1, "--keep", "best"]  # fmt: skip
    flags += ["--stop_when", 0.01, "--distinct_floor", 0, "--output_dir", tmp_path / "outputs"]
    killed = python("-c", KILLED, *flags, env={"PYTHONPATH": source})
    assert killed.returncode == -signal.SIGKILL
    assert re.search(r"stopped at step 1 of 4: P\(positive\) 0\.\d+, distinct-2 at .* times the base model's: --stop_when 0.01 is reached", killed.stdout)  # fmt: skip
    assert train.main([*map(str, flags), "--resume"]) == 0
    steps, validations = history(tmp_path / "outputs")
    assert [line["step"] for line in steps] == [1]
    assert [line["step"] for line in validations] == [0, 1]
    record = json.loads((tmp_path / "outputs/run.json").read_text())
    assert (record["step"], record["stopped"]["step"], record["kept"]["step"]) == (1, 1, 1)
    assert load_run(tmp_path / "outputs").after["mean_sentiment"] == validations[1]["validation/mean_sentiment"]  # fmt: skip


@pytest.mark.long
def test_processes_agree_on_when_to_stop(tmp_path, python, source, solutions, short_run):
    folder = tmp_path / "outputs"
    done = python(
        "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", 2, source / "train.py", *short_run,
        "--per_device_train_batch_size", 8, "--rewards", solutions, "--output_dir", folder, "--validation_steps", 2,
        "--keep", "best", "--stop_when", 0.01, "--distinct_floor", 0,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert [line["step"] for line in history(folder)[0]] == [1, 2]
    assert json.loads((folder / "run.json").read_text())["kept"]["step"] == 2
    assert all(torch.isfinite(value).all() for value in weights(folder / "final").values())
