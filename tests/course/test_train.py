"""Training with TRL's GRPOTrainer: what a run leaves behind, how it ends when it cannot go on, and how it goes on."""

import json
import re
import shutil
import signal
from types import SimpleNamespace

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

import train
import trainer
from config import TrainConfig
from pretrained import load_language_model
from reference import Reference
from rewards import load_rewards
from runs import load_run
from sentiment import get_sentiment_scores

STOPPING_REWARD = """
import os, signal
CALLS = [0]
def sentiment_reward(completions, **kwargs):
    CALLS[0] += bool(completions)
    if os.environ.get("STOP_SIGNAL") and CALLS[0] == 4:  # in the fourth step
        os.kill(os.getpid(), int(os.environ["STOP_SIGNAL"]))
    return get_sentiment_scores(completions)
"""


@pytest.fixture
def quick(short_run, solutions, tmp_path):
    """Return a function that trains in this process with a few more flags; gives the exit code."""

    def run(*flags, rewards=solutions, steps=2, output_dir=None):
        target = output_dir or tmp_path / "outputs"
        fixed = [
            "--rewards",
            rewards,
            "--output_dir",
            target,
            "--max_steps",
            steps,
            "--validation_steps",
            0,
        ]
        return train.main([*short_run, *map(str, [*fixed, *flags])])

    return run


def history(folder):
    """Return the lines of a run's history: of training steps, and of validations."""
    lines = [json.loads(line) for line in (folder / "history.jsonl").read_text().splitlines()]
    return [line for line in lines if "reward" in line], [
        line for line in lines if "validation/kl" in line
    ]


def weights(folder):
    """Return the weights of a model folder as plain `from_pretrained` reads them."""
    return {
        name: value.detach()
        for name, value in AutoModelForCausalLM.from_pretrained(folder).named_parameters()
    }


# --- what a run leaves behind


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
    assert record["versions"]["torch"] == torch.__version__
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
        "final",
        "history.jsonl",
        "run.json",
    ]
    run, printed = load_run(trained), (trained.parent / "stdout.txt").read_text()
    line = f"P(positive) {run.before['mean_sentiment']:.3f} → {run.after['mean_sentiment']:.3f} on held-out prompts"
    assert line in printed
    assert f"model: {trained / 'final'}" in printed


def test_without_the_flag_wandb_is_not_imported(trained):
    assert "wandb imported: False" in (trained.parent / "stdout.txt").read_text()


# --- the reward


PROMPTS = ["This movie is", "The story", "It", "The film"]
COMPLETIONS = [
    " a film about love.",
    " was the best of all!",
    " bored me to death.",
    " opens in Rome",
]


@pytest.mark.parametrize("shaping", ["none", "exponential"])
@pytest.mark.parametrize("kl_type", ["none", "forward", "backward"])
def test_reward_is_shaped_sentiment_plus_kl_term(
    float32, language_model, solutions, token_log_probs, shaping, kl_type
):
    model, tokenizer = language_model
    config = TrainConfig.from_preset(
        "smoke", reward_shaping=shaping, shaping_temperature=0.5, kl_type=kl_type, kl_coef=0.3
    )
    rewards = load_rewards(solutions)
    reward = train.compose_reward(
        config, rewards, Reference(model, tokenizer, rewards["sequence_log_probs"])
    )
    ids = [tokenizer(text)["input_ids"] for text in COMPLETIONS]
    log_p = torch.stack(
        [
            token_log_probs(model, tokenizer(p)["input_ids"], c).mean()
            for p, c in zip(PROMPTS, ids, strict=True)
        ]
    )
    expected = torch.tensor(get_sentiment_scores(COMPLETIONS), dtype=torch.float64)
    if shaping == "exponential":
        expected = torch.expm1(expected / 0.5)
    if kl_type == "forward":
        expected = expected + 0.3 * log_p
    elif kl_type == "backward":
        expected = expected - 0.3 * torch.exp(-log_p)
    logged = {}
    values = reward(
        prompts=PROMPTS,
        completions=COMPLETIONS,
        completion_ids=ids,
        trainer_state=None,
        log_metric=logged.__setitem__,
    )
    assert values == pytest.approx(expected.tolist(), rel=1e-4)
    assert all(type(value) is float for value in values)
    assert ("ref_log_prob" in logged) == (kl_type != "none")
    assert logged["sentiment"] == pytest.approx(
        sum(get_sentiment_scores(COMPLETIONS)) / 4, abs=1e-6
    )


def test_student_functions_cannot_change_each_others_inputs(
    solutions, rewards_file, language_model
):
    spoiling = rewards_file(
        "def exponential_shaping(scores, temperature=1.0):\n    scores.zero_()\n    return scores + 1\n"
    )
    rewards = load_rewards(spoiling)
    logged = {}
    config = TrainConfig.from_preset("smoke", kl_type="none")
    train.compose_reward(config, rewards, None)(
        prompts=PROMPTS, completions=COMPLETIONS, log_metric=logged.__setitem__
    )
    assert logged["sentiment"] > 0


@pytest.mark.parametrize(
    ("function", "message"),
    [
        ("def sentiment_reward(completions, **kwargs):\n    return [float('nan')] * len(completions)", "Exercise 1, sentiment_reward, returned nan"),
        ("def sentiment_reward(completions, **kwargs):\n    return get_sentiment_scores(completions)[:-1]", "Exercise 1, sentiment_reward, returned shape [15] for 16"),
        ("def exponential_shaping(scores, temperature=1.0):\n    return torch.exp(1000 * scores)", "Exercise 2, exponential_shaping, returned inf"),
        ("def forward_kl_reward(ref_log_probs, kl_coef=0.1):\n    return ref_log_probs.mean()", "Exercise 3b, forward_kl_reward, returned shape []"),
    ],
    ids=["nan", "one too few", "inf", "scalar"],
)  # fmt: skip
def test_reward_that_trl_would_swallow_ends_the_run_with_one_line(
    quick, rewards_file, capfd, function, message
):
    assert quick(rewards=rewards_file(function)) == 1
    errors = [line for line in capfd.readouterr().err.splitlines() if line.startswith("train.py:")]
    assert len(errors) == 1
    assert message in errors[0]


def test_unimplemented_exercise_is_one_line_before_any_model_loads(
    quick, rewards_file, capfd, monkeypatch
):
    def never(*_, **__):
        raise AssertionError("a model was loaded")

    monkeypatch.setattr("sentiment.load", never)
    monkeypatch.setattr("train.load_language_model", never)
    stub = rewards_file(
        "def forward_kl_reward(x, kl_coef=0.1):\n    raise NotImplementedError('Exercise 3b')\n"
    )
    assert quick(rewards=stub) == 1
    error = capfd.readouterr().err
    assert len(error.splitlines()) == 1
    assert "Exercise 3b forward_kl_reward (NotImplementedError)" in error
    with pytest.raises(AssertionError, match="a model was loaded"):  # the trap works
        quick()


def test_only_the_exercises_that_a_run_uses_are_needed(rewards_file):
    stub = rewards_file(
        "def backward_kl_reward(x, kl_coef=0.1):\n    raise NotImplementedError('Exercise 3c')\n"
    )
    load_rewards(stub).require(TrainConfig.from_preset("smoke").required_exercises())


# --- other settings of TRL


def test_trl_kl_penalty_runs_and_the_logged_reward_is_the_composed_one(quick, tmp_path):
    assert (
        quick("--beta", 0.05, "--reward_shaping", "none", "--kl_coef", 0.2, "--temperature", 0.9)
        == 0
    )
    steps, validations = history(tmp_path / "outputs")
    assert [line["step"] for line in steps] == [1, 2]
    assert [line["step"] for line in validations] == [0, 2]
    for line in steps:
        assert line["kl"] >= 0
        assert line["reward"] == pytest.approx(
            line["sentiment"] + 0.2 * line["ref_log_prob"], abs=1e-4
        )
    assert steps[1]["kl"] > 0


def test_lora_is_merged_into_a_plain_folder_that_differs_from_the_base(quick, tmp_path, models):
    assert quick("--use_peft", "--learning_rate", 0.01) == 0
    final = tmp_path / "outputs" / "final"
    assert not (final / "adapter_config.json").exists()
    before, after = weights(models / "tiny-gpt2"), weights(final)
    assert before.keys() == after.keys()
    changed = {name for name in before if (before[name] - after[name]).abs().max() > 1e-3}
    assert changed
    assert all(
        "wte" not in name and "ln" not in name for name in changed
    )  # LoRA trains the linear layers alone


def test_dropout_and_checkpointing_are_off(float32, models, solutions, tmp_path, monkeypatch):
    """With GPT-2's own dropout of 0.1 in the configuration, which the embedded model does not have."""
    monkeypatch.chdir(tmp_path)
    model = AutoModelForCausalLM.from_pretrained(
        models / "tiny-gpt2", resid_pdrop=0.1, embd_pdrop=0.1, attn_pdrop=0.1
    )
    _, tokenizer = load_language_model("tiny-gpt2")
    ids = torch.tensor([[5, 6, 7, 8]])
    model.train()
    assert not torch.equal(model(ids).logits, model(ids).logits)  # dropout would be noticed
    config = TrainConfig.from_preset("smoke", output_dir=str(tmp_path))
    built = trainer.build_trainer(
        config, lambda completions, **_: [0.0] * len(completions), model, tokenizer
    )
    built.model.train()
    with torch.no_grad():
        assert torch.equal(built.model(ids).logits, built.model(ids).logits)
    assert not built.args.activation_checkpointing
    assert not built.args.gradient_checkpointing
    assert not any(
        getattr(module, "gradient_checkpointing", False) for module in built.model.modules()
    )
    assert (built.args.bf16, built.args.fp16) == (False, False)


@pytest.mark.parametrize(
    ("capability", "cpu", "flags"),
    [
        (None, {}, {"use_cpu": True, "bf16": False, "fp16": False}),
        (None, {"avx512_bf16": False}, {"use_cpu": True, "bf16": False, "fp16": False}),
        (None, {"avx512_bf16": True}, {"use_cpu": True, "bf16": True, "fp16": False}),
        ((7, 5), {"avx512_bf16": True}, {"use_cpu": False, "bf16": False, "fp16": True}),
        ((8, 0), {}, {"use_cpu": False, "bf16": True, "fp16": False}),
        ((9, 0), {}, {"use_cpu": False, "bf16": True, "fp16": False}),
    ],
    ids=["ARM", "AVX2", "AVX512_BF16", "T4", "A100", "H100"],
)
def test_precision_follows_the_device(monkeypatch, capability, cpu, flags):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: capability is not None)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda *_: capability)
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: cpu, raising=False)
    assert trainer.precision() == flags


def test_several_visible_gpus_are_one_line_that_says_what_to_do(quick, capfd, monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert quick() == 1
    error = capfd.readouterr().err
    assert len(error.splitlines()) == 1
    assert "CUDA_VISIBLE_DEVICES=0 python train.py" in error
    assert "accelerate launch --num_processes 2 train.py" in error


def test_completions_longer_than_the_context_are_one_line(quick, capfd):
    assert quick("--max_completion_length", 250) == 1
    assert (
        "--max_completion_length 250: tiny-gpt2 has room for"
        in capfd.readouterr().err.splitlines()[-1]
    )


def test_out_of_memory_lists_the_four_remedies_in_order(quick, rewards_file, capfd):
    hungry = "def sentiment_reward(completions, **kwargs):\n    if completions:\n        raise torch.OutOfMemoryError('CUDA out of memory')\n    return []\n"
    assert quick(rewards=rewards_file(hungry)) == 1
    error = capfd.readouterr().err
    assert "Traceback" not in error
    order = [
        error.index(flag)
        for flag in (
            "--per_device_train_batch_size 1",
            "--num_generations 2",
            "--use_peft",
            "--max_completion_length 32",
        )
    ]
    assert order == sorted(order)


def test_missing_model_is_one_line_that_names_the_smoke_preset(quick, capfd, models):
    assert quick("--model", "./nowhere") == 1
    error = capfd.readouterr().err
    assert len(error.splitlines()) == 1
    assert "./nowhere" in error


# --- ending and going on


@pytest.fixture(scope="module")
def stopping(rewards_file):
    """Rewards that stop their own process in the fourth step when STOP_SIGNAL says with which signal."""
    return rewards_file(STOPPING_REWARD)


@pytest.fixture(scope="module")
def stopped(tmp_path_factory, python, short_run, stopping):
    """Return a function that runs the command line until a signal stops it in step 4: (folder, process)."""

    def run(number):
        folder = tmp_path_factory.mktemp("stopped") / "outputs"
        arguments = [*short_run, "--rewards", stopping, "--output_dir", folder]
        return folder, python("train.py", *arguments, env={"STOP_SIGNAL": str(int(number))})

    return run


@pytest.fixture(scope="module")
def killed(stopped):
    """The folder of a run that kill -9 ended in its fourth step, two steps after its last checkpoint."""
    folder, done = stopped(signal.SIGKILL)
    assert done.returncode == -signal.SIGKILL
    return folder


def test_killed_run_left_its_record_and_a_checkpoint(killed):
    record = json.loads((killed / "run.json").read_text())
    assert (record["status"], record["step"]) == ("running", 2)
    assert [line["step"] for line in history(killed)[0]] == [1, 2, 3]
    with pytest.raises(ValueError, match="stopped at step 2: finish it with --resume"):
        load_run(killed)


def test_resumed_run_equals_an_undisturbed_one(killed, trained, short_run, stopping, tmp_path):
    folder = shutil.copytree(killed, tmp_path / "outputs")
    (folder / "checkpoints" / "checkpoint-3").mkdir()  # as a kill in the middle of saving leaves it
    assert (
        train.main(
            [*short_run, "--rewards", str(stopping), "--output_dir", str(folder), "--resume"]
        )
        == 0
    )
    (steps, validations), (expected_steps, expected_validations) = history(folder), history(trained)
    assert [line["step"] for line in steps] == [1, 2, 3, 4]
    for key in ("reward", "sentiment", "ref_log_prob", "entropy", "learning_rate"):
        assert [line[key] for line in steps] == pytest.approx(
            [line[key] for line in expected_steps], rel=1e-4
        )
    assert len({line["reward"] for line in steps}) == 4
    assert [line["step"] for line in validations] == [0, 2, 4]
    for line, expected in zip(validations, expected_validations, strict=True):
        assert line == pytest.approx(expected, rel=1e-3, abs=1e-5)
    assert json.loads((folder / "run.json").read_text())["status"] == "finished"
    mine, undisturbed = weights(folder / "final"), weights(trained / "final")
    assert all(torch.allclose(mine[name], undisturbed[name], atol=1e-5) for name in mine)


def test_resuming_with_other_settings_is_refused_and_changes_nothing(
    killed, short_run, stopping, capfd
):
    before = (killed / "history.jsonl").read_text()
    arguments = [
        *short_run,
        "--rewards",
        str(stopping),
        "--output_dir",
        str(killed),
        "--resume",
        "--learning_rate",
        "5e-5",
    ]
    assert train.main(arguments) == 1
    error = capfd.readouterr().err
    assert len(error.splitlines()) == 1
    began_with = TrainConfig.from_preset("smoke").learning_rate
    assert f"learning_rate is 5e-05 here and was {began_with}" in error
    assert (killed / "history.jsonl").read_text() == before


def test_resuming_a_finished_run_trains_no_more(trained, solutions, short_run, capfd, tmp_path):
    folder = shutil.copytree(trained, tmp_path / "outputs")
    before = (folder / "history.jsonl").read_text()
    assert (
        train.main(
            [*short_run, "--rewards", str(solutions), "--output_dir", str(folder), "--resume"]
        )
        == 0
    )
    assert "already finished" in capfd.readouterr().out
    assert (folder / "history.jsonl").read_text() == before


def test_ctrl_c_is_exit_130_with_advice_and_the_run_can_go_on(stopped):
    folder, done = stopped(signal.SIGINT)
    assert done.returncode == 130
    assert "Traceback" not in done.stderr
    assert "--resume" in done.stderr.splitlines()[-1]
    assert (folder / "checkpoints" / "checkpoint-2" / "trainer_state.json").is_file()


def test_earlier_run_is_moved_aside(quick, trained, tmp_path, capfd):
    folder = shutil.copytree(trained, tmp_path / "outputs")
    (tmp_path / "outputs-smoke_exponential_kl-forward").mkdir()  # the name is taken
    assert quick(steps=1, output_dir=folder) == 0
    aside = tmp_path / "outputs-smoke_exponential_kl-forward-1"
    assert f"the earlier run is now in {aside}" in capfd.readouterr().out
    assert load_run(aside).history == load_run(trained).history
    assert [line["step"] for line in history(folder)[0]] == [1]


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
    from runs import Run

    assert Run.curve(run, "v") == ([0], [1.0])


SEEN_REWARD = """
import os, pathlib
def sentiment_reward(completions, **kwargs):
    if completions:
        process = f"{os.environ['RANK']} of {os.environ['WORLD_SIZE']}, {len(completions)} completions"
        pathlib.Path(os.environ["SEEN"], process).touch()
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
    assert done.returncode == 0, done.stderr[-2000:]
    assert {path.name for path in seen.iterdir()} == {
        "0 of 2, 8 completions",
        "1 of 2, 8 completions",
    }
    steps, validations = history(folder)
    assert [line["step"] for line in steps] == [1, 2]
    assert [line["step"] for line in validations] == [0, 2]
    assert load_run(folder).config["per_device_train_batch_size"] == 8
    assert (
        len(re.findall(r"^P\(positive\) .* on held-out prompts$", done.stdout, re.MULTILINE)) == 1
    )
    AutoModelForCausalLM.from_pretrained(folder / "final")
