"""Training with TRL's GRPOTrainer: what a run leaves behind, and where."""

import importlib.metadata
import json
import re
import shutil
from types import SimpleNamespace

import pytest
from transformers import AutoModelForCausalLM, AutoTokenizer

from lab.config import TrainConfig
from lab.runs import load_run
from tests.course.run_folder import history, weights


def test_final_folder_loads_with_plain_from_pretrained_and_has_learned(trained, models):
    model = AutoModelForCausalLM.from_pretrained(trained / "final")
    tokenizer = AutoTokenizer.from_pretrained(trained / "final")
    ids = model.generate(
        **tokenizer("This movie", return_tensors="pt"), max_new_tokens=4, do_sample=False
    )
    assert tokenizer.decode(ids[0]).startswith("This movie")
    before, after = weights(models / "tiny-gpt2"), weights(trained / "final")
    assert before.keys() == after.keys()
    assert max((before[name] - after[name]).abs().max().item() for name in before) > 1e-4


def test_run_json_holds_settings_versions_seconds_and_both_evaluations(trained):
    record = json.loads((trained / "run.json").read_text())
    assert (record["status"], record["step"], record["seed"]) == ("finished", 4, 42)
    assert record["run_name"] == "smoke_exponential_kl-forward"
    assert TrainConfig(**record["config"]).max_completion_length == 8
    assert record["versions"]["torch"] == importlib.metadata.version("torch")
    assert {"python", "trl", "transformers", "peft", "accelerate", "datasets"} <= set(
        record["versions"]
    )
    assert record["device"].startswith("CPU")
    assert record["seconds"]["train"] > 0 < record["seconds"]["validation"]
    assert record["baseline"]["kl"] == 0
    assert record["final"]["kl"] != 0
    for evaluation in (record["baseline"], record["final"]):
        assert 0 < evaluation["mean_sentiment"] < 1
        assert evaluation["perplexity"] > 1


def test_history_has_a_line_for_each_step_and_each_validation(trained):
    steps, validations = history(trained)
    record = json.loads((trained / "run.json").read_text())
    assert [line["step"] for line in steps] == [1, 2, 3, 4]
    assert [line["step"] for line in validations] == [0, 2, 4]
    for line in steps:
        assert {
            "loss",
            "reward",
            "reward_std",
            "learning_rate",
            "sentiment",
            "ref_log_prob",
            "entropy",
        } <= set(line)
        assert 0 < line["sentiment"] < 1
        assert line["ref_log_prob"] < 0
        assert line["completions/max_length"] <= 8
    for name in (
        "mean_sentiment",
        "positive_ratio",
        "std_sentiment",
        "distinct_2",
        "perplexity",
        "kl",
    ):
        assert validations[0][f"validation/{name}"] == record["baseline"][name]
        assert validations[-1][f"validation/{name}"] == record["final"][name]


def test_completions_before_and_after_are_on_the_same_prompts(trained):
    run = load_run(trained)
    before, after = run.before["completions"], run.after["completions"]
    assert [item["prompt"] for item in before] == [item["prompt"] for item in after]
    assert [item["completion"] for item in before] != [item["completion"] for item in after]
    mean = sum(item["score"] for item in after) / len(after)
    assert mean == pytest.approx(run.after["mean_sentiment"], abs=1e-3)
    assert run.gain == pytest.approx(run.after["mean_sentiment"] - run.before["mean_sentiment"])


def test_finished_run_keeps_no_checkpoints_and_prints_its_gain(trained):
    assert sorted(path.name for path in trained.iterdir()) == [
        "completions.json",
        "config.yaml",
        "final",
        "history.jsonl",
        "report.html",
        "run.json",
    ]
    run, printed = load_run(trained), (trained.parent / "stdout.txt").read_text()
    line = f"P(positive) {run.before['mean_sentiment']:.3f} → {run.after['mean_sentiment']:.3f} on held-out prompts"
    assert line in printed
    assert f"model: {trained / 'final'}" in printed


def test_without_the_flag_wandb_is_not_imported(trained):
    assert "wandb imported: False" in (trained.parent / "stdout.txt").read_text()


def test_earlier_run_is_moved_aside(quick, trained, tmp_path, capfd):
    folder = shutil.copytree(trained, tmp_path / "outputs")
    (tmp_path / "outputs-smoke_exponential_kl-forward").mkdir()  # the name is taken
    assert quick(steps=1, output_dir=folder) == 0
    aside = tmp_path / "outputs-smoke_exponential_kl-forward-1"
    assert f"the earlier run is now in {aside}" in capfd.readouterr().out
    assert load_run(aside).history == load_run(trained).history
    assert [line["step"] for line in history(folder)[0]] == [1]


FAILING_STARTS = {
    ("--model", "no/such/model"): "is no model folder",
    ("--model", "tiny-sentiment"): "is a BertForSequenceClassification, which is no language model",
    ("--sentiment_model", "tiny-gpt2"): "is a GPT2LMHeadModel, which is no sentiment model",
    ("--max_completion_length", 1000): "has room for",
}


@pytest.mark.parametrize("flags", FAILING_STARTS, ids=lambda flags: " ".join(map(str, flags)))
def test_a_start_that_fails_leaves_the_finished_run_in_its_place(
    quick, trained, tmp_path, capfd, flags
):
    folder = shutil.copytree(trained, tmp_path / "outputs")
    assert quick(*flags, output_dir=folder) == 1
    error = capfd.readouterr().err
    assert FAILING_STARTS[flags] in error and "Traceback" not in error
    assert load_run(folder).history == load_run(trained).history
    assert not list(tmp_path.glob("outputs-*"))


def test_wandb_without_a_login_is_one_line_and_moves_no_run(
    python, source, solutions, trained, tmp_path
):
    folder = shutil.copytree(trained, tmp_path / "outputs")
    done = python(
        source / "train.py", "--preset", "smoke", "--wandb", "--rewards", solutions, "--output_dir", folder,
        env={"HOME": str(tmp_path), "WANDB_API_KEY": "", "WANDB_MODE": "online"},
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == (
        "train.py: --wandb: No API key configured. Use `wandb login` to log in; or set WANDB_MODE=offline to log to files"
    )
    assert "Traceback" not in done.stderr and not list(tmp_path.glob("outputs-*"))


WANDB_REFUSES = {
    ("team/sentiment:1", "offline"): "--wandb_project: Invalid project name 'sentiment:1': cannot contain characters",
    ("x" * 129, "offline"): "exceeded 128 characters",
    ("sentiment", "off"): "train.py: --wandb: WANDB_MODE=off: Input should be 'online', 'offline'",
}  # fmt: skip


@pytest.mark.parametrize(("project", "mode"), WANDB_REFUSES)
def test_what_wandb_would_refuse_is_one_line_before_any_model_loads(
    python, source, solutions, trained, tmp_path, project, mode
):
    folder = shutil.copytree(trained, tmp_path / "outputs")
    done = python(
        source / "train.py", "--preset", "smoke", "--wandb", "--wandb_project", project, "--rewards", solutions,
        "--output_dir", folder, "--model", "no-such-model", env={"HOME": str(tmp_path), "WANDB_MODE": mode},
    )  # fmt: skip
    assert done.returncode == 1
    (line,) = (line for line in done.stderr.splitlines() if line.startswith("train.py"))
    assert WANDB_REFUSES[project, mode] in line and "Traceback" not in done.stderr
    assert load_run(folder).history == load_run(trained).history
    assert not list(tmp_path.glob("outputs-*"))


@pytest.mark.parametrize("place", ["file", "file/below"])
def test_a_place_where_no_folder_can_be_made_is_one_line(quick, tmp_path, capfd, place):
    (tmp_path / "file").touch()
    assert quick(output_dir=tmp_path / place) == 1
    assert f"{tmp_path / 'file'} is no folder that can be written to" in capfd.readouterr().err


def test_interrupted_before_the_first_checkpoint_there_is_nothing_to_go_on_from(
    tmp_path, capfd, monkeypatch, solutions
):
    def stop(*_):
        raise KeyboardInterrupt

    import train

    monkeypatch.setattr(train, "run", stop)
    command = ["--preset", "smoke", "--rewards", str(solutions), "--output_dir", str(tmp_path)]
    assert train.main(command) == 130
    assert "interrupted before the first checkpoint" in capfd.readouterr().err
    checkpoint = tmp_path / "checkpoints/checkpoint-2"
    checkpoint.mkdir(parents=True)
    (checkpoint / "trainer_state.json").touch()
    assert train.main(command) == 130
    assert f"--resume goes on from {checkpoint}" in capfd.readouterr().err


def test_resuming_where_nothing_is_says_that_it_begins(quick, capfd):
    assert quick("--resume", steps=1) == 0
    assert "holds no run to go on with (no run.json)" in capfd.readouterr().out


def test_working_folder_is_no_output_folder(quick, tmp_path, capfd):
    assert quick(output_dir=".") == 1
    assert "--output_dir .: give a folder of its own" in capfd.readouterr().err


def test_unfinished_or_missing_run_is_not_loaded(tmp_path):
    with pytest.raises(ValueError, match="holds no run"):
        load_run(tmp_path)


def test_curves_skip_lines_without_the_quantity():
    run = SimpleNamespace(
        history=[{"step": 0, "v": 1.0}, {"step": 1, "reward": 0.5}, {"step": 2, "v": None}]
    )
    from lab.runs import Run

    assert Run.curve(run, "v") == ([0], [1.0])


SEEN_REWARD = """
import atexit, os, pathlib, torch
def sentiment_reward(completions, **kwargs):
    def saw(what):
        pathlib.Path(os.environ["SEEN"], f"{os.environ['RANK']} of {os.environ['WORLD_SIZE']}, {what}").touch()
    if completions:
        saw(f"{len(completions)} completions")
        atexit.register(lambda: saw("still joined" if torch.distributed.is_initialized() else "parted"))
    return get_sentiment_scores(completions)
"""


def test_two_processes_train_one_model_and_write_one_history(
    tmp_path, python, source, rewards_file, short_run
):
    """By torchrun, which `accelerate launch` runs for several GPUs; on CPUs accelerate starts one process alone."""
    folder, seen = tmp_path / "outputs", tmp_path / "seen"
    seen.mkdir()
    done = python(
        "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", 2, source / "train.py", *short_run,
        "--max_steps", 2, "--per_device_train_batch_size", 8, "--rewards", rewards_file(SEEN_REWARD),
        "--output_dir", folder, env={"SEEN": str(seen)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    said = {f"{rank} of 2, {what}" for rank in (0, 1) for what in ("8 completions", "parted")}
    assert {path.name for path in seen.iterdir()} == said
    steps, validations = history(folder)
    assert [line["step"] for line in steps] == [1, 2]
    assert [line["step"] for line in validations] == [0, 2]
    assert load_run(folder).config["per_device_train_batch_size"] == 8
    assert (
        len(re.findall(r"^P\(positive\) .* on held-out prompts$", done.stdout, re.MULTILINE)) == 1
    )
    AutoModelForCausalLM.from_pretrained(folder / "final")
