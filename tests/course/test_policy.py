"""What the course puts into TRL's trainer: its sampling, and log-probabilities that are those of an independent oracle."""

import pytest
import torch

from lab import policy, trainer
from lab.config import TrainConfig
from lab.decoding import Decoder
from lab.pretrained import load_language_model
from lab.ways import Ways

pytestmark = pytest.mark.usefixtures("float32")

PROMPTS = [[5, 6, 7, 8], [9], [11, 12, 13]]
COMPLETIONS = [[21, 22, 23], [24, 25], [26, 27, 28]]


def constant(completions, **_):
    return [0.0] * len(completions)


@pytest.fixture
def built(tmp_path):
    """Return a function that builds the smoke preset's trainer with some settings replaced."""

    def build(reward=constant, **settings):
        config = TrainConfig.from_preset("smoke", output_dir=str(tmp_path), **settings)
        return trainer.build_trainer(config, reward, *load_language_model("tiny-gpt2"), Ways())

    return build


def batch(prompts=PROMPTS, completions=COMPLETIONS):
    """Lay out as TRL does: prompts padded on the left, completions on the right; ids and mask."""
    left, right = max(map(len, prompts)), max(map(len, completions))
    rows = list(zip(prompts, completions, strict=True))
    ids = [[0] * (left - len(p)) + p + c + [0] * (right - len(c)) for p, c in rows]
    mask = [[0] * (left - len(p)) + [1] * len(p + c) + [0] * (right - len(c)) for p, c in rows]
    return torch.tensor(ids), torch.tensor(mask), right


@pytest.mark.parametrize("way", [policy.with_logits, policy.with_fused_head])
def test_the_reference_model_of_trl_s_own_penalty_is_scored_too(
    built, token_log_probs, monkeypatch, way
):
    monkeypatch.setattr(policy, "with_logits", way)  # what a CPU takes
    ours = built(beta=0.05)
    ids, mask, width = batch()
    with torch.no_grad():
        log_probs, _, _ = ours._get_per_token_logps_and_entropies(ours.ref_model, ids, mask, width)
    for row, (p, c) in enumerate(zip(PROMPTS, COMPLETIONS, strict=True)):
        expected = token_log_probs(ours.ref_model, p, c).tolist()
        assert log_probs[row, : len(c)].tolist() == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("way", [policy.with_logits, policy.with_fused_head])
@pytest.mark.parametrize(("batch_size", "temperature"), [(None, 1.0), (2, 0.5)])
def test_log_probs_are_those_of_the_texts_alone(
    built, token_log_probs, monkeypatch, way, batch_size, temperature
):
    monkeypatch.setattr(policy, "with_logits", way)  # what a CPU takes
    ours = built(temperature=temperature)
    model = ours.model.eval()
    ids, mask, width = batch()
    log_probs, entropies, _ = ours._get_per_token_logps_and_entropies(
        model, ids, mask, width, batch_size=batch_size, compute_entropy=True
    )
    assert log_probs.shape == entropies.shape == (3, width)
    for row, (p, c) in enumerate(zip(PROMPTS, COMPLETIONS, strict=True)):
        with torch.no_grad():
            logits = model(torch.tensor([p + c])).logits[0, len(p) - 1 : -1].double() / temperature
        expected = logits.log_softmax(dim=-1)
        assert log_probs[row, : len(c)].tolist() == pytest.approx(
            expected[range(len(c)), c].tolist(), abs=1e-4
        )
        assert entropies[row, : len(c)].tolist() == pytest.approx(
            torch.distributions.Categorical(logits=logits).entropy().tolist(), abs=1e-3
        )
        if temperature == 1.0:
            assert log_probs[row, : len(c)].tolist() == pytest.approx(
                token_log_probs(model, p, c).tolist(), abs=1e-4
            )


def test_log_probs_and_gradient_are_trls_own_without_padding(built):
    """Prompts of one length: the case in which TRL's positions are right."""
    ids, mask, width = batch([[5, 6], [7, 8], [9, 10]])
    ours = built(temperature=0.7)
    results = []
    for method in (
        ours._get_per_token_logps_and_entropies,
        type(ours)._get_per_token_logps_and_entropies.__get__(ours),
    ):
        ours.model.zero_grad()
        log_probs, entropies, _ = method(ours.model, ids, mask, width, compute_entropy=True)
        (log_probs * mask[:, -width:] * torch.tensor([[1.0], [-2.0], [0.5]])).sum().backward()
        gradient = torch.cat([p.grad.flatten() for p in ours.model.parameters()])
        results.append((log_probs * mask[:, -width:], entropies * mask[:, -width:], gradient))
    for mine, trls in zip(*results, strict=True):
        torch.testing.assert_close(mine, trls, rtol=1e-3, atol=1e-4)
    assert results[0][2].norm() > 1


def test_training_samples_with_the_decoder_and_learns_from_its_tokens(built, monkeypatch):
    sampled, rewarded = [], []

    def spy(self, prompt_ids, sample=Decoder.sample):
        sampled.append(sample(self, prompt_ids))
        return sampled[-1]

    def reward(completions, completion_ids, **_):
        rewarded.append(completion_ids)
        return [float(len(set(ids))) for ids in completion_ids]

    monkeypatch.setattr(Decoder, "sample", spy)
    monkeypatch.setattr("transformers.GPT2LMHeadModel.generate", None)
    ours = built(
        reward,
        max_steps=2,
        per_device_train_batch_size=8,
        completions_per_step=8,
        max_completion_length=5,
        save_steps=100,
    )
    before = [p.detach().clone() for p in ours.model.parameters()]
    ours.train()
    assert sampled == rewarded
    assert [len(ids) for ids in sampled] == [8, 8]
    assert any(not torch.equal(a, b) for a, b in zip(before, ours.model.parameters(), strict=True))


def test_models_that_the_decoder_cannot_drive_keep_trls_way_and_a_line_says_so(
    built, monkeypatch, capsys
):
    monkeypatch.setattr(policy, "obstacle", lambda model: "it is round")
    theirs = built()
    assert theirs.rollout_func is None
    assert "_get_per_token_logps_and_entropies" not in vars(theirs)
    said = "training with TRL's own way, which is slower than the course's way: it is round"
    assert said in capsys.readouterr().out


# --- the fused head proves itself


@pytest.fixture
def with_head(built):
    """A trainer that begins with TRL's kernel, as on a GPU; on a CPU it is computed without Triton."""
    ours = built(per_device_train_batch_size=8, completions_per_step=8)
    ours.course_ways.taken["loss"] = policy.FUSED_HEAD
    return ours


def log_probs_of(ours):
    ids, mask, width = batch()
    log_probs, _, _ = ours._get_per_token_logps_and_entropies(
        ours.model, ids, mask, width, compute_entropy=True
    )
    return log_probs * mask[:, -width:]


def test_the_fused_head_is_used_once_it_has_agreed_with_all_logits(with_head, monkeypatch):
    proofs, differ = [], policy.heads_differ
    monkeypatch.setattr(policy, "heads_differ", lambda *a: proofs.append(1) or differ(*a))
    first = log_probs_of(with_head)
    monkeypatch.setattr(policy, "with_logits", None)
    assert torch.equal(log_probs_of(with_head), first) and proofs == [1]
    assert with_head.course_ways.left == {}


def no_compiler(*_):
    raise RuntimeError("Failed to find C compiler. Please specify via CC environment variable.")


def wrong_temperature(model, inputs, count, temperature, way=policy.with_logits):
    return way(model, inputs, count, temperature * 2)


def wrong_gradient(model, inputs, count, temperature, way=policy.with_logits):
    log_probs, entropies = way(model, inputs, count, temperature)
    return log_probs.detach() * 2 - log_probs, entropies


HEAD_FAULTS = {
    no_compiler: "RuntimeError: Failed to find C compiler",
    wrong_temperature: "nats a token from those of all logits",
    wrong_gradient: "its gradient is another than that of all logits",
}


@pytest.mark.parametrize("fault", HEAD_FAULTS)
def test_a_fused_head_that_fails_is_left_with_one_line(with_head, monkeypatch, capsys, fault):
    monkeypatch.setattr(policy, "with_fused_head", fault)
    found = [log_probs_of(with_head) for _ in range(2)]
    ids, mask, width = batch()
    position_ids = (mask.cumsum(dim=1) - 1).clamp(min=0)
    inputs = {"input_ids": ids, "attention_mask": mask, "position_ids": position_ids}
    expected = policy.with_logits(with_head.model, inputs, width, 1.0)[0] * mask[:, -width:]
    assert all(torch.equal(log_probs, expected) for log_probs in found)
    (line,) = (text for text in capsys.readouterr().out.splitlines() if text.startswith("loss"))
    assert line.startswith(f"loss with {policy.LOGITS}, which is slower than {policy.FUSED_HEAD}: ")
    assert HEAD_FAULTS[fault] in line
    assert with_head.course_ways.taken["loss"] == policy.LOGITS


def test_no_memory_for_the_fused_head_is_no_reason_to_leave_it(with_head, monkeypatch):
    def full(*_):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(policy, "with_fused_head", full)
    with pytest.raises(torch.OutOfMemoryError):
        log_probs_of(with_head)
    assert not with_head.course_ways.left
