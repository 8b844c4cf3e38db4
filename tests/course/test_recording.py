"""Recorded steps are trusted when they have drawn what plain steps draw, and left for good where they have not.

No GPU is needed: `replays.recorded` replays operations as a CUDA graph does. What that cannot show: CUDA's own errors, and
kernels that compute otherwise while they are captured.
"""

import pytest
import torch
from transformers import AutoModelForCausalLM, LlamaConfig

from lab import decoding, recording
from lab.decoding import OWN_LOOP, RECORDED, Decoder
from lab.half import HalfWeights
from lab.ways import Ways
from tests.course import replays
from tests.course.test_decoding_models import FORMATS, GROUPED, PROMPTS, computing_in, tiny

__all__ = ["computing_in"]
MOST = 12


@pytest.fixture(autouse=True)
def without_a_gpu(monkeypatch):
    monkeypatch.setattr(recording, "recorded", replays.recorded)
    # prompts of another width are rounded otherwise in half precision
    monkeypatch.setattr(decoding, "GRAPH_WIDTH", 1)


@pytest.fixture
def proofs(monkeypatch):
    """How many steps each proof took, in order."""
    counts, alike = [], recording.draws_alike

    def spy(*args):
        counts.append(args[-1])
        return alike(*args)

    monkeypatch.setattr(recording, "draws_alike", spy)
    return counts


def decoder(model, graphs, most=MOST, ways=None):
    return Decoder(model, [0], 0, most, 1.0, graphs=graphs, ways=ways)


def train_a_step(model):
    """What an optimiser does: weights change where they are."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.05)
    model(torch.tensor([[5, 6, 7, 8]]), labels=torch.tensor([[5, 6, 7, 8]])).loss.backward()
    optimizer.step()
    optimizer.zero_grad()


def rollouts(sampler, model, between=train_a_step, prompts=PROMPTS):
    """Four rollouts from one seed, with training between them, and the random state in the end."""
    torch.manual_seed(7)
    found = []
    for _ in range(4):
        found.append(sampler.sample(prompts))
        between(model)
    return found, torch.get_rng_state().tolist()


@pytest.mark.parametrize("dtype", FORMATS[:2], ids=str)
@pytest.mark.parametrize("family", ["GPT2", "Llama"])
def test_replayed_steps_draw_what_plain_steps_draw_while_weights_change(
    computing_in, proofs, family, dtype
):
    """The random state is that of plain sampling, too: a run that is resumed records at another time."""
    computing_in(dtype)
    plain, model = tiny(family), tiny(family)
    expected = rollouts(decoder(plain, graphs=False), plain)
    sampler = decoder(model, graphs=True)
    assert rollouts(sampler, model) == expected
    assert (sampler.ways.taken, sampler.ways.left) == ({"sampling": RECORDED}, {})
    steps = [recording.PROOF_STEPS, MOST - 1, 0, 0]
    assert proofs == steps and len({str(row) for row in expected[0]}) == 4


def test_the_second_proof_waits_for_other_weights_and_each_shape_has_its_own(float32, proofs):
    model = tiny("Llama")
    sampler = decoder(model, graphs=True)
    sampler.sample(PROMPTS)
    sampler.sample(PROMPTS)
    sampler.sample(PROMPTS[:2])
    train_a_step(model)
    for prompts in (PROMPTS, PROMPTS[:2], PROMPTS, PROMPTS[:2]):
        sampler.sample(prompts)
    assert proofs == [8, 0, 8, 11, 11, 0, 0]


@pytest.mark.parametrize("most", [2, 3])
def test_short_completions_are_proven_whole(float32, proofs, most):
    plain, model = tiny("Llama"), tiny("Llama")
    expected = rollouts(decoder(plain, graphs=False, most=most), plain)
    assert rollouts(decoder(model, graphs=True, most=most), model) == expected
    assert proofs == [most - 1, most - 1, 0, 0]


# --- faults


def copies_elsewhere(self):
    """Copies are made anew at each rollout: the recording reads those of the first."""
    for _, _, parameter in self.places:
        self.copies[id(parameter)] = torch.nn.Parameter(
            parameter.to(torch.bfloat16), requires_grad=False
        )
    return in_use(self)


in_use = HalfWeights.in_use


def idle(step, recorded=replays.recorded):
    recorded(step)
    return lambda: None


def drawing_once_more(step, recorded=replays.recorded):
    replay = recorded(step)
    return lambda: (replay(), torch.rand(1))


def breaking(step, recorded=replays.recorded):
    replay, calls = recorded(step), []

    def broken():
        calls.append(1)
        if len(calls) == 3:
            raise RuntimeError("CUDA error: an illegal memory access\nwas encountered")
        replay()

    return broken


def refused(error):
    def refusing(step):
        step()
        raise error

    return refusing


FAULTS = {
    "idle": (idle, "it draws other tokens"),
    "random state": (drawing_once_more, "it draws other tokens"),
    "breaks": (breaking, "RuntimeError: CUDA error: an illegal memory access"),
    "no room": (refused(torch.OutOfMemoryError("no room")), "OutOfMemoryError: no room"),
    "refused": (refused(NotImplementedError()), "NotImplementedError"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_recording_that_fails_is_left_with_one_line_and_nothing_is_lost(
    float32, monkeypatch, capsys, fault
):
    """The very tokens are drawn that plain steps would have drawn, from the first to the last."""
    faulty, reason = FAULTS[fault]
    monkeypatch.setattr(recording, "recorded", faulty)
    plain, model, ways = tiny("Llama"), tiny("Llama"), Ways()
    expected = rollouts(decoder(plain, graphs=False), plain)
    sampler = decoder(model, graphs=True, ways=ways)
    assert rollouts(sampler, model) == expected
    assert not sampler.recorded
    # as validation's decoder does, later in the same run
    monkeypatch.setattr(recording, "recorded", None)
    assert decoder(model, graphs=True, ways=ways).sample(PROMPTS)
    said = f"sampling with {OWN_LOOP}, which is slower than {RECORDED}: {reason}\n"
    assert capsys.readouterr().out == said
    assert ways == Ways({"sampling": OWN_LOOP}, {RECORDED: reason})


def test_stale_weights_are_found_at_the_first_use_after_a_step(
    computing_in, monkeypatch, capsys, proofs
):
    computing_in(torch.bfloat16)
    plain, model = tiny("Llama"), tiny("Llama")
    expected = rollouts(decoder(plain, graphs=False), plain)
    monkeypatch.setattr(HalfWeights, "in_use", copies_elsewhere)
    sampler = decoder(model, graphs=True)
    assert rollouts(sampler, model) == expected
    assert proofs == [8, 11] and "it draws other tokens" in capsys.readouterr().out


def test_a_model_that_asks_the_device_cannot_be_recorded(float32):
    """Rotary positions that grow with the text ask for the largest one at every token."""
    rope = {"rope_type": "dynamic", "factor": 2.0, "rope_theta": 10000.0}
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(LlamaConfig(**GROUPED, rope_parameters=rope)).eval()
    sampler = decoder(model, graphs=True)
    sampler.sample(PROMPTS)
    assert "not permitted when stream is capturing" in sampler.ways.left[RECORDED]
    assert sampler.ways.taken == {"sampling": OWN_LOOP}


def test_nan_is_no_fault_of_the_recording(float32):
    model = tiny("Llama")
    model.lm_head.weight.data.fill_(float("nan"))
    sampler = decoder(model, graphs=True)
    with pytest.raises(decoding.ConfigError, match="weights are not numbers"):
        sampler.sample(PROMPTS)
    assert not sampler.ways.left
