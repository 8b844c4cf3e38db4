"""Sampling with the course's own loop: the distribution of `model.generate`, whatever the prompts, the model and the end."""

import copy

import pytest
import torch
from transformers import AutoModelForCausalLM, BloomConfig, LlamaConfig, MistralConfig

from lab import decoding, recording
from lab.decoding import Decoder, draw, up_to_first
from lab.errors import ConfigError
from lab.measure import generate, new_decoder

pytestmark = pytest.mark.usefixtures("float32")

PROMPTS = [[5, 6, 7], [9], [5, 6, 7], [11, 12, 13, 14, 15], [9]]  # two of them twice
EOS, VOCABULARY = 0, 64


def decoder(model, most=6, temperature=0.8, eos_ids=(EOS,), **settings):
    return Decoder(model, eos_ids, 0, most, temperature, **settings)


@pytest.fixture
def seen(monkeypatch):
    """The logits that every draw of this test was made from: a list of [B, V], one a step."""
    logits = []

    def spy(values, temperature):
        logits.append(values.clone())
        return draw(values, temperature)

    monkeypatch.setattr(decoding, "draw", spy)
    return logits


@pytest.fixture
def scripted(monkeypatch):
    """Return a function that makes the draws a script: one list of B tokens a step."""

    def play(script):
        steps = iter(script)
        monkeypatch.setattr(decoding, "draw", lambda *_: torch.tensor(next(steps))[:, None])

    return play


def random_model(config_class, **settings):
    """A small model of another architecture, with random weights that prefer some tokens clearly."""
    torch.manual_seed(0)
    sizes = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4,
             "vocab_size": VOCABULARY, "initializer_range": 0.5, "eos_token_id": EOS, "pad_token_id": 0}  # fmt: skip
    return AutoModelForCausalLM.from_config(config_class(**{**sizes, **settings})).eval()


def lora(language_model):
    """The embedded model with an adapter that changes what it says."""
    from peft import get_peft_model

    from lab.trainer import lora_config

    model = AutoModelForCausalLM.from_pretrained(language_model[0].config._name_or_path)
    model = get_peft_model(model, lora_config())
    torch.manual_seed(1)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "lora_B" in name:
                parameter.normal_(std=0.05)
    return model


def assert_logits_are_a_plain_forward_passes(model, prompts, completions, logits):
    """One text at a time, without padding and without a cache, the model gives the logits each token was drawn from."""
    for row, (prompt, completion) in enumerate(zip(prompts, completions, strict=True)):
        with torch.no_grad():
            plain = model(torch.tensor([[*prompt, *completion]])).logits[0, len(prompt) - 1 : -1]
        drawn_from = torch.stack([step[row] for step in logits[: len(completion)]])
        torch.testing.assert_close(drawn_from, plain, rtol=1e-4, atol=1e-4)


# --- the distribution


@pytest.mark.parametrize("temperature", [0.25, 1.0, 3.0])
def test_draw_inverts_the_cumulative_softmax(monkeypatch, temperature):
    """Over an even grid of uniform numbers, a token comes up as often as its probability says, to one in the grid."""
    grid = 20_000
    uniform = (torch.arange(grid, dtype=torch.float64)[:, None] + 0.5) / grid
    monkeypatch.setattr(torch, "rand", lambda *_, **__: uniform)
    logits = torch.tensor([0.0, 2.0, -30.0, 1.0, -1.0])
    counts = torch.bincount(draw(logits.expand(grid, -1), temperature)[:, 0], minlength=5)
    expected = (logits.double() / temperature).softmax(dim=0)
    assert (counts / grid - expected).abs().max() <= 1.01 / grid


@pytest.mark.parametrize(("uniform", "token"), [(0.0, 1), (1 - 2**-53, 2)])
def test_impossible_tokens_are_never_drawn(monkeypatch, uniform, token):
    monkeypatch.setattr(
        torch, "rand", lambda *_, **__: torch.tensor([[uniform]], dtype=torch.float64)
    )
    assert draw(torch.tensor([[-1e4, 0.0, 0.0, -1e4]]), 1.0).tolist() == [[token]]


def test_a_number_rounded_up_to_one_is_still_a_token(monkeypatch):
    monkeypatch.setattr(torch, "rand", lambda *_, **__: torch.ones(1, 1, dtype=torch.float64))
    assert draw(torch.zeros(1, 4), 1.0).tolist() == [[3]]


def test_rare_tokens_keep_their_probability(monkeypatch):
    """4,096 tokens of probability 1e-8 each: a float32 sum that starts at 1 would step over five of six."""
    logits = torch.full((4097,), -18.42)
    logits[0] = 0.0
    rare = logits.double().softmax(dim=0)[1]
    uniform = 1 - rare * (torch.arange(4096, dtype=torch.float64)[:, None] + 0.5)
    monkeypatch.setattr(torch, "rand", lambda *_, **__: uniform)
    assert len(draw(logits.expand(4096, -1), 1.0).unique()) > 4000


@pytest.mark.parametrize("prompts", [PROMPTS, [[5, 6]], [[5]] * 4], ids=["mixed", "one", "same"])
def test_tokens_are_drawn_from_what_a_plain_forward_pass_gives(language_model, seen, prompts):
    model, _ = language_model
    completions = decoder(model).sample(prompts)
    assert_logits_are_a_plain_forward_passes(model, prompts, completions, seen)


def test_dropout_is_off_while_sampling(models, seen):
    rates = {"resid_pdrop": 0.1, "embd_pdrop": 0.1, "attn_pdrop": 0.1}
    model = AutoModelForCausalLM.from_pretrained(models / "tiny-gpt2", **rates).train()
    completions = decoder(model).sample(PROMPTS)
    assert model.training
    assert_logits_are_a_plain_forward_passes(model.eval(), PROMPTS, completions, seen)


@pytest.mark.parametrize("implementation", ["sdpa", "eager"])
def test_rotary_positions_and_both_attentions(seen, implementation):
    model = random_model(LlamaConfig, num_key_value_heads=2)
    model.set_attn_implementation(implementation)
    completions = decoder(model, eos_ids=[]).sample(PROMPTS)
    assert_logits_are_a_plain_forward_passes(model, PROMPTS, completions, seen)


def test_lora_adapter_takes_part(language_model, seen):
    model = lora(language_model)
    completions = decoder(model).sample(PROMPTS)
    assert_logits_are_a_plain_forward_passes(model, PROMPTS, completions, seen)
    with torch.no_grad(), model.disable_adapter():
        without = model(torch.tensor([PROMPTS[0]])).logits[0, -1]
    assert (seen[0][0] - without).abs().max() > 0.1


def test_a_full_context_fits(language_model, seen):
    model, _ = language_model
    most = 5
    prompts = [[7] * (model.config.n_positions - most), [8, 9]]
    completions = decoder(model, most, eos_ids=[]).sample(prompts)
    assert [len(ids) for ids in completions] == [most, most]
    assert_logits_are_a_plain_forward_passes(model, prompts, completions, seen)


# --- the end of a completion


@pytest.mark.parametrize(
    ("eos_ids", "expected"), [([EOS], [[4, EOS], [EOS], [3, 3, 5, 6]]), ([6, 5], [[4, EOS, 7, 6], [EOS, 8, 7, 6], [3, 3, 5]])]
)  # fmt: skip
def test_completions_end_with_the_first_end_token(language_model, scripted, eos_ids, expected):
    scripted([[4, EOS, 3], [EOS, 8, 3], [7, 7, 5], [6, 6, 6]])
    assert decoder(language_model[0], 4, eos_ids=eos_ids).sample(PROMPTS[:3]) == expected


def test_sampling_stops_when_every_row_has_ended(language_model, scripted):
    # a later draw would find no script
    scripted([[EOS, EOS]] + [[1, 1]] * (decoding.CHECK_EVERY - 1))
    assert decoder(language_model[0], most=200).sample(PROMPTS[:2]) == [[EOS], [EOS]]


def test_one_token_is_a_completion(language_model, seen):
    completions = decoder(language_model[0], most=1).sample(PROMPTS)
    assert [len(ids) for ids in completions] == [1] * len(PROMPTS)
    assert len(seen) == 1


# --- randomness


def test_seed_decides(language_model):
    sampler = decoder(language_model[0], temperature=1.0)

    def sample(seed):
        torch.manual_seed(seed)
        return sampler.sample(PROMPTS)

    assert sample(3) == sample(3) != sample(4)


def test_evaluation_uses_it_and_leaves_random_state_and_mode_alone(language_model, monkeypatch):
    model, tokenizer = language_model
    monkeypatch.setattr(model, "generate", None)
    model.train()
    torch.manual_seed(11)
    expected = torch.rand(3)
    torch.manual_seed(11)
    assert (
        len(generate(new_decoder(model, tokenizer, 4, 1.0), tokenizer, ["The film", "It"], 2, 0))
        == 4
    )
    assert torch.equal(torch.rand(3), expected)
    assert model.training
    model.eval()


# --- graphs, and models that the loop cannot drive


def test_recorded_steps_sample_the_same(language_model, monkeypatch):
    """As on a GPU, but for the recording: buffers are kept, prompts padded, and the step runs before it is recorded."""
    recordings = []

    def pretend(step):
        recordings.append(step)
        step()
        step()
        return step

    monkeypatch.setattr(recording, "recorded", pretend)
    plain, graphs = (decoder(language_model[0], graphs=flag) for flag in (False, True))
    for prompts in (PROMPTS, [[21, 22], [23], [24], [25], [26]], PROMPTS[:2], PROMPTS):
        torch.manual_seed(5)
        expected = plain.sample(prompts)
        torch.manual_seed(5)
        assert graphs.sample(prompts) == expected
    assert len(recordings) == len(graphs.recorded) == 2  # one a batch size


def test_one_token_needs_no_recording(language_model, monkeypatch):
    monkeypatch.setattr(recording, "recorded", None)
    assert all(
        len(ids) == 1 for ids in decoder(language_model[0], most=1, graphs=True).sample(PROMPTS)
    )


def test_a_model_that_gives_nan_is_one_line(language_model):
    broken = copy.deepcopy(language_model[0])
    broken.transformer.ln_f.weight.data.fill_(float("nan"))
    with pytest.raises(
        ConfigError,
        match="weights are not numbers .transformer.ln_f.weight, say.: lower --learning_rate",
    ):
        decoder(broken).sample(PROMPTS)


def test_finite_weights_whose_outputs_are_not_numbers_do_not_blame_the_learning_rate(
    language_model, monkeypatch
):
    large = copy.deepcopy(language_model[0])
    large.lm_head = torch.nn.Linear(192, 4096, bias=False)
    torch.nn.init.constant_(large.lm_head.weight, 3e38)
    with pytest.raises(ConfigError, match="outputs are not numbers, though its weights are") as one:
        decoder(large).sample(PROMPTS)
    assert "float32" in str(one.value) and "learning_rate" not in str(one.value)


@pytest.mark.parametrize(
    ("config", "settings", "reason"),
    [
        (MistralConfig, {"num_key_value_heads": 4, "sliding_window": 4}, "does not attend to all"),
        (BloomConfig, {"n_layer": 2, "n_head": 4}, "takes no position_ids"),
    ],
)
def test_other_models_are_sampled_with_generate_and_a_line_says_so(
    capsys, config, settings, reason
):
    model = random_model(config, **settings)
    completions = decoder(model, temperature=1e-4).sample(PROMPTS)
    printed = capsys.readouterr().out
    assert "sampling with model.generate, which is slower" in printed and reason in printed
    assert printed.count("\n") == 1
    for prompt, completion in zip(PROMPTS, completions, strict=True):
        greedy = model.generate(torch.tensor([prompt]), do_sample=False, max_new_tokens=6)[0]
        assert completion == up_to_first(greedy[len(prompt) :].tolist(), [EOS])
