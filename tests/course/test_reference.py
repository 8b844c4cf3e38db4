"""log P_ref is that of each completion alone after its prompt, whatever it is batched with."""

import copy

import pytest
import torch
from tokenizers.processors import TemplateProcessing

from lab import reference
from lab.reference import Reference, to_sequences
from rewards import ExerciseError, load_rewards

pytestmark = pytest.mark.usefixtures("float32")

PROMPTS = [
    "This movie is",
    "The story",
    "I watched this film on television with my brother and",
    "It",
    "The film",
]
COMPLETIONS = [
    " a film about love.",
    " was the best one of all the films that I have seen!",
    " laughed.",
    "",
    " 電影 café.",
]


@pytest.fixture
def log_p_ref(language_model, solutions):
    """The reference with the reference solution of exercise 3a."""
    return Reference(*language_model, load_rewards(solutions)["sequence_log_probs"])


def ids_of(tokenizer, texts):
    """Return the token ids of each text."""
    return [tokenizer(text, add_special_tokens=False)["input_ids"] for text in texts]


def test_value_is_the_mean_log_probability_of_the_completions_own_tokens(
    log_p_ref, language_model, token_log_probs
):
    model, tokenizer = language_model
    expected = [
        float(token_log_probs(model, prompt, completion).mean()) if completion else 0.0
        for prompt, completion in zip(
            ids_of(tokenizer, PROMPTS), ids_of(tokenizer, COMPLETIONS), strict=True
        )
    ]
    values = log_p_ref.log_probs(PROMPTS, COMPLETIONS)
    assert values.tolist() == pytest.approx(expected, abs=1e-4)
    assert values.dtype == torch.float32
    assert len({round(value, 2) for value in expected}) == len(expected)  # five different answers
    assert expected[3] == 0 > max(expected[:3])


def test_a_row_does_not_depend_on_the_others(log_p_ref):
    together = log_p_ref.log_probs(PROMPTS, COMPLETIONS).tolist()
    alone = [
        log_p_ref.log_probs([p], [c]).item() for p, c in zip(PROMPTS, COMPLETIONS, strict=True)
    ]
    backwards = log_p_ref.log_probs(PROMPTS[::-1], COMPLETIONS[::-1]).tolist()[::-1]
    assert together == pytest.approx(alone, abs=1e-4)
    assert together == pytest.approx(backwards, abs=1e-4)


def test_sampled_tokens_are_scored_as_they_were_sampled(log_p_ref, language_model, token_log_probs):
    model, tokenizer = language_model
    # not how the tokenizer splits "film"
    letters = [tokenizer.convert_tokens_to_ids(letter) for letter in "film"]
    assert ids_of(tokenizer, ["film"]) != [letters]
    (prompt_ids,) = ids_of(tokenizer, ["The "])
    ended = [*letters, tokenizer.eos_token_id]
    for ids in (letters, ended):
        expected = float(token_log_probs(model, prompt_ids, ids).mean())
        assert log_p_ref.log_probs(["The "], ["film"], [ids]).item() == pytest.approx(
            expected, abs=1e-4
        )


def test_chunks_of_rows_give_the_same_values(log_p_ref, monkeypatch):
    sizes = []
    watched = Reference(
        log_p_ref.model,
        log_p_ref.tokenizer,
        lambda logits, ids, mask: (
            sizes.append(tuple(logits.shape[:2])) or log_p_ref.sequence_log_probs(logits, ids, mask)
        ),
    )
    whole = watched.log_probs(PROMPTS, COMPLETIONS)
    for most in (1, 2 * 30 * log_p_ref.model.config.vocab_size):
        monkeypatch.setattr(reference, "MOST_LOGITS", most)
        assert watched.log_probs(PROMPTS, COMPLETIONS).tolist() == pytest.approx(
            whole.tolist(), abs=1e-4
        )
    counts = [rows for rows, _ in sizes]
    assert counts[0] == 5
    assert counts[1:6] == [1] * 5
    assert 1 < max(counts[6:]) < 5
    assert len({width for _, width in sizes[1:6]}) > 1  # each chunk is cut to its own longest row


def test_students_function_gets_what_exercise_3a_promises(log_p_ref, language_model):
    seen = {}

    def spy(logits, token_ids, completion_mask):
        seen.update(logits=logits, token_ids=token_ids, completion_mask=completion_mask)
        return torch.zeros(len(logits))

    model, tokenizer = language_model
    Reference(model, tokenizer, spy).log_probs(PROMPTS, COMPLETIONS)
    rows, width = seen["token_ids"].shape
    assert seen["logits"].shape == (rows, width, model.config.vocab_size)
    assert seen["logits"].dtype == torch.float32
    assert not seen["logits"].requires_grad
    assert seen["token_ids"].dtype == seen["completion_mask"].dtype == torch.int64
    assert seen["token_ids"].min() >= 0
    assert seen["token_ids"].max() < model.config.vocab_size
    assert seen["completion_mask"].sum(dim=1).tolist() == [
        len(ids) for ids in ids_of(tokenizer, COMPLETIONS)
    ]
    assert seen["completion_mask"][:, 0].sum() == 0  # position 0 is never scored
    assert seen["completion_mask"][:, 1].sum() > 0  # and no position before it is kept


@pytest.mark.parametrize(
    ("result", "reason"),
    [
        (lambda rows: torch.zeros(rows, 2), r"returned shape \[5, 2\]"),
        (lambda rows: torch.zeros(()), r"returned shape \[\]"),
        (lambda rows: torch.full((rows,), torch.nan), "returned nan"),
        (lambda rows: None, "returned no numbers"),
    ],
    ids=["matrix", "scalar", "nan", "None"],
)
def test_wrong_result_of_exercise_3a_is_named(language_model, result, reason):
    wrong = Reference(*language_model, lambda logits, ids, mask: result(len(logits)))
    with pytest.raises(ExerciseError, match=f"Exercise 3a, sequence_log_probs, {reason}"):
        wrong.log_probs(PROMPTS, COMPLETIONS)


def test_sequences_are_prompt_then_completion_then_padding(language_model):
    _, tokenizer = language_model
    batch = to_sequences(tokenizer, PROMPTS, COMPLETIONS)
    rows = zip(ids_of(tokenizer, PROMPTS), ids_of(tokenizer, COMPLETIONS), strict=True)
    for row, (prompt, completion) in enumerate(rows):
        length, padding = (
            len(prompt) + len(completion),
            batch.token_ids.shape[1] - len(prompt) - len(completion),
        )
        assert batch.token_ids[row, :length].tolist() == prompt + completion
        assert batch.attention_mask[row].tolist() == [1] * length + [0] * padding
        assert (
            batch.completion_mask[row].tolist()
            == [0] * len(prompt) + [1] * len(completion) + [0] * padding
        )


def test_a_prompt_is_read_as_it_was_sampled_from(language_model):
    """A tokenizer that begins every text with a token of its own (Llama, OPT): completions have none."""
    tokenizer = copy.deepcopy(language_model[1])
    bos = tokenizer.bos_token
    tokenizer.backend_tokenizer.post_processor = TemplateProcessing(
        single=f"{bos} $A", special_tokens=[(bos, tokenizer.bos_token_id)]
    )
    prompt, completion = "This movie", " was good."
    batch = to_sequences(tokenizer, [prompt], [completion])
    ids, mask = batch.token_ids[0], batch.completion_mask[0].bool()
    assert ids[~mask].tolist() == tokenizer(prompt).input_ids != language_model[1](prompt).input_ids
    assert ids[mask].tolist() == tokenizer(completion, add_special_tokens=False).input_ids


def test_prompts_and_completions_must_pair_up(log_p_ref):
    with pytest.raises(ValueError, match="zip"):
        log_p_ref.log_probs(PROMPTS, COMPLETIONS[:2])


def test_half_precision_is_near(language_model, solutions, monkeypatch):
    """Where the processor multiplies bfloat16 fast: two decimals of a nat, and float32 tensors for the exercise."""
    model, tokenizer = language_model
    rewards = load_rewards(solutions)
    seen = []

    def spy(logits, token_ids, completion_mask):
        seen.append(logits.dtype)
        return rewards["sequence_log_probs"](logits, token_ids, completion_mask)

    measured = Reference(model, tokenizer, spy)
    exact = measured.log_probs(PROMPTS, COMPLETIONS)
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": True}, raising=False)
    rounded = measured.log_probs(PROMPTS, COMPLETIONS)
    assert seen == [torch.float32] * 2
    assert 0 < (rounded - exact).abs().max() < 0.05


class OnGpu(torch.Tensor):
    """A tensor that says it lies on a GPU, and meets no tensor of the CPU but a number, as there."""

    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        if func == torch.Tensor.device.__get__:
            return torch.device("cuda", 0)
        if func == torch.Tensor.cpu:
            with torch._C.DisableTorchFunctionSubclass():
                return args[0].as_subclass(torch.Tensor)
        flat = [x for a in args for x in (a if isinstance(a, (list, tuple)) else [a])]
        if any(type(x) is torch.Tensor and x.dim() for x in flat):
            raise RuntimeError(
                "Expected all tensors to be on the same device, but found at least two devices, cuda:0 and cpu!"
            )
        return super().__torch_function__(func, types, args, kwargs or {})


def on_the_cpu(logits, token_ids, completion_mask):
    return torch.zeros(len(logits)) + logits.sum(dim=(1, 2)) * 0 - 1.5


def where_they_lie(logits, token_ids, completion_mask):
    return torch.zeros_like(logits[:, 0, 0]) - 1.5


def wrong_everywhere(logits, token_ids, completion_mask):
    raise ValueError("no")


@pytest.fixture
def gpu_tensors():
    return [
        torch.zeros(2, 3, 5).as_subclass(OnGpu),
        *(torch.ones(2, 3, dtype=torch.int64).as_subclass(OnGpu) for _ in range(2)),
    ]


def test_tensors_made_on_the_cpu_are_told_once_and_training_goes_on(
    language_model, gpu_tensors, capsys
):
    seen = []

    def mine(logits, ids, mask):
        seen.append(logits.device.type)
        return on_the_cpu(logits, ids, mask)

    measured = Reference(*language_model, mine)
    for _ in range(2):
        assert measured.mean_log_probs(*gpu_tensors).tolist() == [-1.5, -1.5]
    assert seen == ["cuda", "cpu", "cpu"]
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith("Exercise 3a, sequence_log_probs, raises RuntimeError: Expected all")
    assert "device=logits.device" in line and "computes on cuda:0" in line


def test_tensors_of_a_gpu_stay_there_for_who_can_use_them(language_model, gpu_tensors, capsys):
    measured = Reference(*language_model, where_they_lie)
    assert measured.mean_log_probs(*gpu_tensors).tolist() == [-1.5, -1.5]
    assert not measured.on_cpu and not capsys.readouterr().out


def test_an_error_that_the_cpu_has_too_is_the_students(language_model, gpu_tensors, capsys):
    measured = Reference(*language_model, wrong_everywhere)
    with pytest.raises(ExerciseError, match="Exercise 3a, sequence_log_probs, raises ValueError"):
        measured.mean_log_probs(*gpu_tensors)
    assert not measured.on_cpu and not capsys.readouterr().out
