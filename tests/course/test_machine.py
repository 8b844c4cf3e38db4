"""What a run is started on is said, and a GPU that is not used has its remedy."""

import re
import stat

import pytest
import torch

from lab import machine, policy
from lab.config import TrainConfig
from lab.decoding import RECORDED
from lab.ways import Ways

SMI = """#!/bin/sh
echo "NVIDIA T4, 470.57.02"
"""


@pytest.fixture
def driver(tmp_path, monkeypatch):
    """Return a function that puts a program nvidia-smi on the path."""

    def install(text=SMI):
        tool = tmp_path / "bin/nvidia-smi"
        tool.parent.mkdir()
        tool.write_text(text, encoding="utf-8")
        tool.chmod(stat.S_IRWXU)
        monkeypatch.setenv("PATH", str(tool.parent), prepend=":")
        monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)

    return install


@pytest.mark.parametrize(
    ("cuda", "words"),
    [
        ("13.0", "needs CUDA 13.0, which driver 470.57.02 may be too old for. To use it, update the driver"),
        (None, "is made for CPUs alone. To use it, install the CUDA build"),
    ],
)  # fmt: skip
def test_a_gpu_that_torch_does_not_see_is_a_warning_with_its_remedy(
    driver, monkeypatch, cuda, words
):
    driver()
    monkeypatch.setattr(torch.version, "cuda", cuda)
    warning = machine.unseen_gpu()
    assert warning.startswith("warning: there is a GPU (NVIDIA T4), and this run computes on the")
    assert words in warning and "\n" not in warning


@pytest.mark.parametrize("text", ["#!/bin/sh\nexit 9\n", "#!/bin/sh\n", "no program"])
def test_a_driver_that_does_not_answer_is_none(driver, text):
    driver(text)
    assert machine.unseen_gpu() == ""


def test_a_gpu_that_was_hidden_on_purpose_or_is_used_is_no_warning(driver, monkeypatch):
    driver()
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert machine.unseen_gpu() == ""
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    assert machine.unseen_gpu()
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert machine.unseen_gpu() == ""


def test_the_plan_names_device_format_ways_and_steps(float32):
    taken = {"sampling": "a", "loss": "b"}
    assert re.fullmatch(
        r"computing on CPU, 1 thread, float32 \(no half-precision arithmetic here that pays\); sampling: a; loss: b; "
        r"40 steps of 64 completions",
        machine.plan(TrainConfig.from_preset("smoke"), taken),
    )


@pytest.mark.parametrize("compiler", [None, "gcc", "CC"])
def test_without_a_c_compiler_a_gpu_begins_with_all_logits(monkeypatch, tmp_path, capsys, compiler):
    from types import SimpleNamespace

    monkeypatch.setattr(policy, "obstacle", lambda _: None)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CC", raising=False)
    if compiler == "CC":
        monkeypatch.setenv("CC", "/opt/cc")
    elif compiler:
        (tmp_path / compiler).touch(mode=0o755)
    trainer = SimpleNamespace(
        is_fsdp_enabled=False, is_deepspeed_enabled=False, model=None, aux_loss_enabled=False,
        accelerator=SimpleNamespace(device=torch.device("cuda")),
    )  # fmt: skip
    ways = Ways()
    policy.attach(trainer, ways)
    expected = policy.FUSED_HEAD if compiler else policy.LOGITS
    assert ways.taken == {"sampling": RECORDED, "loss": expected}
    assert ("install gcc, or name one in CC" in capsys.readouterr().out) == (not compiler)


def test_a_run_says_at_its_start_what_it_computes_on_and_then_how_long(trained):
    printed = (trained.parent / "stdout.txt").read_text().splitlines()
    assert printed[0].startswith("computing on CPU, 1 thread, ")
    assert "; 4 steps of 16 completions" in printed[0]
    (told,) = (line for line in printed if line.endswith("to go"))
    assert re.fullmatch(r"step    3/4  about \d+ s to go", told)


def test_history_has_speed_memory_and_the_distance_from_the_reference(trained):
    """Before the first update the policy is the reference: their distance is chance alone, of 16 completions."""
    from tests.course.run_folder import history

    lines = history(trained)[0]
    assert all(line["tokens_per_second"] > 0 for line in lines)
    assert all(0.1 < line["peak_memory_gb"] < 64 for line in lines)
    assert abs(lines[0]["kl_ref"]) < 0.5
    for line in lines:
        assert line["kl_ref"] == pytest.approx(-line["entropy"] - line["ref_log_prob"])


FIRST = """
import os, sys
class Finder:
    def find_spec(self, name, *_):
        if name == "torch":
            print(os.environ.get("OMP_WAIT_POLICY"), flush=True)
            os._exit(0)
sys.meta_path.insert(0, Finder())
__import__(sys.argv[1])
import torch
"""


@pytest.mark.parametrize("own", ["", "ACTIVE"])
@pytest.mark.parametrize("script", ["train", "evaluate", "sentiment", "rewards"])
def test_threads_wait_without_spinning_from_before_torch_loads(source, script, own):
    """OpenMP reads the variable once, as torch loads; a user's own setting stays."""
    import os
    import subprocess
    import sys

    env = {name: value for name, value in os.environ.items() if name != "OMP_WAIT_POLICY"}
    env |= {"PYTHONPATH": str(source)} | ({"OMP_WAIT_POLICY": own} if own else {})
    command = [sys.executable, "-c", FIRST, script]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=True)
    assert done.stdout.split() == [own or "PASSIVE"]
