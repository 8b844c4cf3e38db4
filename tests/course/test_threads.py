"""Threads of a small model: rows computed side by side are the rows computed together, in order, with the same gradient."""

import threading

import pytest
import torch

from lab import decoding, gpt2, policy, threads
from lab.decoding import Decoder
from lab.pretrained import load_language_model
from lab.trainer import lora_config

pytestmark = pytest.mark.usefixtures("float32")

ROWS = 37
HALVES = [slice(0, 18), slice(18, 37)]


@pytest.fixture
def two_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def model():
    return load_language_model("tiny-gpt2")[0]


@pytest.fixture
def inputs():
    torch.manual_seed(0)
    ids = torch.randint(1, 4096, (ROWS, 9))
    mask = torch.ones_like(ids)
    mask[::3, -2:] = 0
    return {"input_ids": ids, "attention_mask": mask}


def log_probs_and_gradient(way, model, inputs):
    model.zero_grad()
    log_probs, entropies = way(model, inputs, 5, 0.7)
    (log_probs * torch.linspace(-1, 1, ROWS)[:, None]).sum().backward()
    gradient = [p.grad.flatten() for p in model.parameters() if p.grad is not None]
    return log_probs.detach(), entropies, torch.cat(gradient)


# --- which rows, which threads


@pytest.mark.parametrize(
    ("count", "rows", "expected"),
    [
        (2, 64, [32, 32]),
        (2, 33, [16, 17]),
        (2, 31, [31]),
        (1, 64, [64]),
        (8, 64, [16, 16, 16, 16]),
        (8, 640, [160, 160, 160, 160]),
        (2, 0, [0]),
    ],
)
def test_parts_are_as_many_as_threads_where_rows_are_enough(
    monkeypatch, model, count, rows, expected
):
    monkeypatch.setattr(torch, "get_num_threads", lambda: count)
    found = threads.parts(model, rows)
    assert [part.stop - part.start for part in found] == expected
    assert [i for part in found for i in range(rows)[part]] == list(range(rows))


def test_large_models_stay_whole(monkeypatch, two_threads, model):
    monkeypatch.setattr(threads, "SMALL", 1000)
    assert threads.parts(model, 64) == [slice(0, 64)]
    with threads.one_thread(model):
        assert torch.get_num_threads() == 2


def test_each_part_has_a_thread_with_its_share_of_the_cores(two_threads):
    meeting = threading.Barrier(2, timeout=20)  # nobody passes it alone

    def compute(part):
        meeting.wait()
        return part.start, torch.get_num_threads(), torch.is_grad_enabled()

    with torch.no_grad():
        assert threads.side_by_side(compute, HALVES) == [(0, 1, False), (18, 1, False)]
    assert torch.get_num_threads() == 2


def test_an_error_of_one_part_is_the_error_of_all(two_threads):
    def compute(part):
        raise ValueError(f"rows from {part.start}")

    with pytest.raises(ValueError, match="rows from 0"):
        threads.side_by_side(compute, HALVES)
    assert torch.get_num_threads() == 2


def test_sampling_keeps_to_one_thread_and_gives_the_others_back(monkeypatch, two_threads, model):
    seen = []

    def spy(*args):
        seen.append(torch.get_num_threads())
        raise decoding.ConfigError("no number")

    monkeypatch.setattr(decoding, "draw", spy)
    with pytest.raises(decoding.ConfigError):
        Decoder(model, [0], 0, 4, 1.0).sample([[5, 6]])
    assert (seen, torch.get_num_threads()) == ([1], 2)


# --- the same results


@pytest.mark.parametrize("peft", [False, True], ids=["all weights", "LoRA"])
def test_rows_side_by_side_have_the_log_probs_and_the_gradient_of_rows_together(
    two_threads, model, inputs, peft
):
    if peft:
        from peft import get_peft_model

        model = get_peft_model(model, lora_config())
        torch.manual_seed(1)
        for name, parameter in model.named_parameters():
            if "lora_B" in name:
                torch.nn.init.normal_(parameter, std=0.05)
    together = log_probs_and_gradient(policy.with_logits, model, inputs)
    apart = log_probs_and_gradient(policy.with_logits_side_by_side, model, inputs)
    for mine, expected in zip(apart, together, strict=True):
        torch.testing.assert_close(mine, expected, rtol=1e-4, atol=1e-5)
    assert together[2].norm() > 1


def test_no_graph_is_kept_where_none_is_asked_for(two_threads, model, inputs):
    with torch.no_grad():
        found = policy.with_logits_side_by_side(model, inputs, 5, 0.7)
        expected = policy.with_logits(model, inputs, 5, 0.7)
    for mine, theirs in zip(found, expected, strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-4, atol=1e-5)
        assert not mine.requires_grad


def test_one_of_several_processes_computes_its_rows_together(
    monkeypatch, two_threads, model, inputs
):
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setattr(threads, "side_by_side", None)
    assert policy.with_logits_side_by_side(model, inputs, 5, 0.7)[0].shape == (ROWS, 5)


def test_gpt2_written_out_draws_what_transformers_model_draws(monkeypatch, model):
    def sample():
        torch.manual_seed(3)
        return Decoder(model, [0], 0, 12, 1.0).sample([[5, 6, 7], [9], [5, 6, 7], [11, 12]] * 4)

    found, read = [], gpt2.read_newest
    monkeypatch.setattr(gpt2, "read_newest", lambda *args: found.append(1) or read(*args))
    ours = sample()
    assert found
    monkeypatch.setattr(gpt2, "is_gpt2", lambda _: False)
    assert sample() == ours


@pytest.mark.parametrize("setting", ["add_cross_attention", "reorder_and_upcast_attn"])
def test_other_kinds_of_gpt2_are_left_to_transformers(model, setting):
    assert gpt2.is_gpt2(model)
    setattr(model.config, setting, True)
    assert not gpt2.is_gpt2(model)
