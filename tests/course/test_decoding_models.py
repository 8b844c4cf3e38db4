"""The decoder drives models of every family in every number format, and goes another way where it does not.

Each model is tiny, with random weights; what its tokens are drawn from is compared with a plain forward pass, and what comes
out with `model.generate`.
"""

import copy
import math
import re

import pytest
import torch
import transformers

from lab import decoding, pretrained
from lab.decoding import GENERATE, OWN_LOOP, Decoder, draw
from lab.half import HalfWeights

VOCABULARY = 48
SIZES = {"vocab_size": VOCABULARY, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4,
         "initializer_range": 0.3, "max_position_embeddings": 64, "bos_token_id": 0, "eos_token_id": 0, "pad_token_id": 0}  # fmt: skip
GROUPED = SIZES | {"num_key_value_heads": 2}
FAMILIES = {
    "GPT2": {"vocab_size": VOCABULARY, "n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 64, "initializer_range": 0.3},
    "OPT": {**SIZES, "ffn_dim": 48, "word_embed_proj_dim": 32, "init_std": 0.3},
    "Llama": GROUPED,
    "Qwen2": GROUPED,
    "Qwen3": GROUPED | {"head_dim": 8},
    "GPTNeoX": SIZES,
    "Gemma": GROUPED | {"head_dim": 8},
    "Mistral": GROUPED | {"sliding_window": None},
}  # fmt: skip
PROMPTS = [[5, 6, 7], [9], [5, 6, 7], [11, 12, 13, 14, 15]]
FORMATS = [torch.float32, torch.bfloat16, torch.float16]


def tiny(family, **settings):
    config = getattr(transformers, f"{family}Config")(**FAMILIES[family] | settings)
    torch.manual_seed(0)
    model = transformers.AutoModelForCausalLM.from_config(config).eval()
    model.generation_config.pad_token_id = 0
    return model


@pytest.fixture
def computing_in(monkeypatch):
    """Return a function that chooses the number format of this machine."""

    def choose(dtype):
        monkeypatch.setattr(pretrained, "compute_dtype", lambda: dtype)

    return choose


@pytest.fixture
def seen(monkeypatch):
    """The logits [B, V] of every draw."""
    logits = []
    monkeypatch.setattr(
        decoding, "draw", lambda values, t: logits.append(values.clone()) or draw(values, t)
    )
    return logits


def assert_drawn_from_plain_forward_passes(model, prompts, completions, logits):
    for row, (prompt, completion) in enumerate(zip(prompts, completions, strict=True)):
        ids = torch.tensor([[*prompt, *completion]])
        with torch.no_grad(), pretrained.autocast():
            plain = model(ids).logits[0, len(prompt) - 1 : -1].float().softmax(dim=-1)
        ours = torch.stack([step[row] for step in logits[: len(completion)]]).float()
        distance = (ours.softmax(dim=-1) - plain).abs().sum(dim=-1).max() / 2
        assert distance < 0.02


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
@pytest.mark.parametrize("dtype", FORMATS, ids=str)
@pytest.mark.parametrize("family", FAMILIES)
def test_tokens_are_drawn_from_a_plain_forward_passes_distribution(
    computing_in, seen, family, dtype, attention
):
    computing_in(dtype)
    model = tiny(family)
    model.set_attn_implementation(attention)
    sampler = Decoder(model, [], 0, 6, 0.8)
    completions = sampler.sample(PROMPTS)
    assert (sampler.ways.taken, sampler.ways.left) == ({"sampling": OWN_LOOP}, {})
    assert_drawn_from_plain_forward_passes(model, PROMPTS, completions, seen)


@pytest.mark.parametrize("dtype", FORMATS, ids=str)
@pytest.mark.parametrize("family", FAMILIES)
def test_two_tokens_come_up_as_often_as_model_generate_draws_them(computing_in, family, dtype):
    """The second token needs the cache, where keys and values meet: each pair's share, within four standard errors."""
    computing_in(dtype)
    model, rows = tiny(family), 2048
    torch.manual_seed(1)
    ours = Decoder(model, [], 0, 2, 1.0).sample([[5, 6, 7]] * rows)
    with pretrained.autocast():
        theirs = model.generate(
            torch.tensor([[5, 6, 7]] * rows), do_sample=True, top_k=0, temperature=1.0, max_new_tokens=2, eos_token_id=[]
        )[:, 3:].tolist()  # fmt: skip
    for place in (0, 1):
        mine, other = (
            torch.bincount(torch.tensor([ids[place] for ids in drawn]), minlength=VOCABULARY) / rows
            for drawn in (ours, theirs)
        )
        bound = 4 * (2 * torch.maximum(mine, other) / rows).sqrt() + 2 / rows
        assert ((mine - other).abs() <= bound).all()


# --- copies of weights


@pytest.mark.parametrize("family", ["GPT2", "Llama"])
def test_copies_give_the_bits_that_autocast_gives_and_follow_the_weights(computing_in, family):
    computing_in(torch.bfloat16)
    model, ids = tiny(family), torch.tensor([[5, 6, 7, 8]])
    copies = HalfWeights(model)
    places = {id(parameter): parameter.data_ptr() for parameter in copies.copies.values()}

    def logits():
        with torch.inference_mode(), pretrained.autocast():
            plain = model(ids).logits
            with copies.in_use():
                assert any(p.dtype == torch.bfloat16 for p in model.parameters())
                return plain, model(ids).logits

    first = logits()
    assert torch.equal(*first)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(1.5)
    second = logits()
    assert torch.equal(*second) and not torch.equal(first[1], second[1])
    assert {id(p): p.data_ptr() for p in copies.copies.values()} == places
    assert all(p.dtype == torch.float32 and p.requires_grad for p in model.parameters())


def test_a_tied_embedding_is_still_looked_up_in_float32_and_comes_back_when_the_model_fails(
    computing_in,
):
    computing_in(torch.bfloat16)
    model = tiny("GPT2")
    copies, head, embedding = HalfWeights(model), model.lm_head.weight, model.transformer.wte.weight
    assert head is embedding
    with pytest.raises(KeyError), torch.inference_mode(), copies.in_use():
        assert model.lm_head.weight.dtype == torch.bfloat16
        assert model.transformer.wte.weight is embedding
        raise KeyError
    assert model.lm_head.weight is embedding


def test_in_float32_there_are_no_copies(computing_in):
    computing_in(torch.float32)
    assert not HalfWeights(tiny("Llama")).places


# --- a loop that proves itself


def decoder(model, **settings):
    return Decoder(model, [], 0, 6, 0.8, **settings)


@pytest.fixture
def model(float32):
    return tiny("Llama")


def ignoring_positions(forward):
    """A model that counts positions itself, and wrongly so where prompts are padded or read before."""

    def lying(*args, position_ids=None, past_key_values=None, **kwargs):
        if position_ids is not None:
            position_ids = torch.zeros_like(position_ids)
        return forward(*args, position_ids=position_ids, past_key_values=past_key_values, **kwargs)

    return lying


def refusing_one_token(forward):
    """A model whose own code cannot go on from a cache of ours."""

    def refusing(*args, input_ids, **kwargs):
        if (
            input_ids.shape[1] == 1
            and kwargs.get("attention_mask") is not None
            and kwargs["attention_mask"].dim() == 4
        ):
            raise RuntimeError("no such layout\nat line 3")
        return forward(*args, input_ids=input_ids, **kwargs)

    return refusing


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (ignoring_positions, r"its next token is 0\.\d\d from a forward pass's"),
        (refusing_one_token, "RuntimeError: no such layout"),
    ],
)
def test_a_model_that_the_loop_gets_wrong_is_sampled_with_generate_and_one_line_says_so(
    model, monkeypatch, capsys, fault, reason
):
    plain = copy.deepcopy(model)
    signature = type(model).forward
    monkeypatch.setattr(model, "forward", fault(model.forward))
    monkeypatch.setattr(type(model), "forward", signature)
    sampler = decoder(model)
    monkeypatch.setattr(
        model, "generate", lambda **inputs: plain.generate(**inputs)
    )  # a forward that lies would lie there, too
    torch.manual_seed(3)
    found = [sampler.sample(PROMPTS), sampler.sample(PROMPTS)]
    torch.manual_seed(3)
    expected = decoder(plain)
    assert found == [expected.generate(PROMPTS), expected.generate(PROMPTS)]
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith(f"sampling with {GENERATE}, which is slower than {OWN_LOOP}: ")
    assert re.search(reason, line)
    assert sampler.ways.taken == {"sampling": GENERATE}


def test_the_proof_draws_nothing_and_happens_once(model, monkeypatch):
    calls = []
    disagreement = Decoder.disagreement
    monkeypatch.setattr(Decoder, "disagreement", lambda *a: calls.append(1) or disagreement(*a))
    sampler = decoder(model)
    torch.manual_seed(3)
    proven, after = sampler.sample(PROMPTS), torch.get_rng_state()
    monkeypatch.setattr(Decoder, "disagreement", None)
    torch.manual_seed(3)
    assert sampler.sample(PROMPTS) == proven and torch.equal(torch.get_rng_state(), after)
    assert len(calls) == 1


@pytest.mark.parametrize(
    "error",
    [torch.OutOfMemoryError("CUDA out of memory"), RuntimeError("CUDA error: out of memory")],
)
def test_running_out_of_memory_is_no_reason_to_go_another_way(model, monkeypatch, error):
    def full(*_, **__):
        raise error

    sampler = decoder(model)
    monkeypatch.setattr(sampler, "advance", full)
    with pytest.raises(type(error)):
        sampler.sample(PROMPTS)
    assert not sampler.ways.left


def test_a_distribution_that_is_no_number_agrees_with_nothing(model):
    sampler = decoder(model)
    with torch.inference_mode():
        _, rows = sampler.decode(PROMPTS)
        sampler.read_newest = lambda rows: torch.full((len(PROMPTS), VOCABULARY), math.nan)
        assert "nan" in sampler.disagreement(PROMPTS, rows)
