"""Training with other settings of TRL, on other devices, and on machines that are too small."""

import pytest
import torch
from transformers import AutoModelForCausalLM

from lab import trainer
from lab.config import TrainConfig
from lab.errors import ConfigError
from lab.pretrained import load_language_model
from lab.runs import prepare_folder
from tests.course.run_folder import history, weights


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
    # LoRA trains the linear layers alone
    assert all("wte" not in name and "ln" not in name for name in changed)


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


def test_a_folder_that_cannot_be_made_is_one_line():
    """/proc can be written to, by its mode, and holds no folder of anybody's."""
    config = TrainConfig.from_preset("smoke", output_dir="/proc/x")
    with pytest.raises(ConfigError, match="^--output_dir /proc/x: .*: give another folder$"):
        prepare_folder(config)
