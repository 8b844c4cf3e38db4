"""Sampling: completions drawn token by token from a language model, faster than `model.generate` draws them.

The distribution is the one of `model.generate(do_sample=True, temperature=T, top_k=0, top_p=1.0)`; six things are
done otherwise. Each distinct prompt is read once, and its keys and values are copied to its completions. A token
costs one random number (its cumulative probabilities are searched) instead of one for each of V tokens. Nothing is
built anew from token to token: every tensor keeps its place in memory. So on a GPU one step is recorded once as a CUDA
graph and then replayed, which spares launching hundreds of small kernels for each token. Matrices are rounded to half
precision once a rollout (`half.py`) instead of once a token. GPT-2's step is written out (`gpt2.py`), and a small model
on a CPU keeps to one thread (`threads.py`).
"""

import functools
import inspect
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from lab.errors import ConfigError, out_of_memory
from lab.machine import format_name
from lab.pretrained import autocast
from lab.ways import Ways, in_a_line

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel

    from lab.recording import Recording
    from lab.rows import Rows

GRAPH_WIDTH = 16  # prompts are padded to a multiple of this before a graph: few widths, few graphs
# steps between questions whether all rows have ended, which a GPU has to be waited for
CHECK_EVERY = 8
BLOCK = 64  # tokens whose probabilities are added up together
PROOF_ROWS = 4  # rows whose text a plain forward pass reads at the first use
# of the two distributions, in total variation: rounding to bfloat16 moves a few hundredths, a wrong position most of it
FARTHEST = 0.2
# the ways of sampling, the fastest first
RECORDED = "steps recorded as a CUDA graph"
OWN_LOOP = "the loop of lab/decoding.py"
GENERATE = "model.generate"


class Decoder:
    """Samples completions of up to `most` tokens from one model at one temperature; keep it for as long as the model.

    It trusts no way before it was tried: recorded steps must draw what plain ones draw, plain ones must agree with a
    forward pass over the whole text; else it goes on without them, and `ways` says so.

    Args:
        eos_ids: tokens that end a completion.
        pad_id: what fills a short prompt up on the left; the model never sees it.
        graphs: record steps as CUDA graphs; by default on a GPU.
        ways: what the run knows of the ways in which it computes.
    """

    def __init__(
        self,
        model: "PreTrainedModel",
        eos_ids: Sequence[int],
        pad_id: int,
        most: int,
        temperature: float,
        graphs: bool | None = None,
        ways: Ways | None = None,
    ) -> None:
        import torch

        from lab.half import HalfWeights

        self.model, self.pad_id, self.most, self.temperature = model, pad_id, most, temperature
        self.dtype, self.ways = model.dtype, ways or Ways()
        self.eos = torch.tensor(eos_ids, device=model.device)
        self.graphs = model.device.type == "cuda" if graphs is None else graphs
        self.graphs &= most > 1  # recording rehearses two steps
        self.recorded: dict[tuple[int, int], Recording] = {}
        self.tried = False
        if reason := obstacle(model):
            self.ways.leave("sampling", OWN_LOOP, GENERATE, reason)
        with torch.inference_mode():
            self.weights = HalfWeights(model)

    def sample(self, prompt_ids: Sequence[Sequence[int]]) -> list[list[int]]:
        """Return a completion of each of B prompts: its token ids, up to and with the token that ended it.

        Draws from PyTorch's global random state; the model's mode is left as it was.

        Raises:
            ConfigError: the model gives NaN, as it does after a step that was too large.
        """
        import torch

        from lab.threads import one_thread

        was_training = self.model.training
        self.model.eval()
        try:
            with torch.inference_mode(), autocast(), one_thread(self.model):
                completions = None if OWN_LOOP in self.ways.left else self.tried_loop(prompt_ids)
                return self.generate(prompt_ids) if completions is None else completions
        finally:
            self.model.train(was_training)

    def tried_loop(self, prompt_ids: Sequence[Sequence[int]]) -> list[list[int]] | None:
        """Sample with the loop of this module; None when at its first use it cannot be trusted."""
        from lab.recording import generator

        if self.tried:
            return self.decode(prompt_ids)[0]
        randomness = generator(self.model.device)
        state = randomness.get_state()
        try:
            completions, rows = self.decode(prompt_ids)
            reason = self.disagreement(prompt_ids, rows)
        except Exception as error:  # whatever a model's code finds no answer to
            if isinstance(error, ConfigError) or out_of_memory(error):
                raise
            reason = in_a_line(error)
        if reason:
            randomness.set_state(state)
            self.ways.leave("sampling", OWN_LOOP, GENERATE, reason)
            return None
        self.tried = True
        return completions

    def decode(self, prompt_ids: Sequence[Sequence[int]]) -> "tuple[list[list[int]], Rows]":
        """Return completions drawn with the loop of this module, and the rows they were drawn in."""
        from lab.recording import weights_version

        width = max(map(len, prompt_ids))
        graphs = self.graphs and RECORDED not in self.ways.left
        if graphs:
            width = -(-width // GRAPH_WIDTH) * GRAPH_WIDTH
        version = weights_version(self.model)  # copies have none
        with self.weights.in_use():
            recording = self.recording(prompt_ids, width) if graphs else None
            rows = recording.rows if recording else self.new_rows(prompt_ids, width)
            logits = self.read_prompts(rows, prompt_ids)
            if logits.isnan().any():  # once a rollout: weights that are no numbers stay so
                raise ConfigError(not_numbers(self.model))
            rows.note(draw(logits, self.temperature), self.eos)
            start, step = 1, self.step_of(rows)
            self.ways.taken["sampling"] = RECORDED if recording else OWN_LOOP
            if recording:
                start, step = self.proven(recording, step, version)
            for column in range(start, self.most):
                if column % CHECK_EVERY == 0 and rows.done.all():
                    break
                step()
        return rows.completions(), rows

    def new_rows(self, prompt_ids: Sequence[Sequence[int]], width: int) -> "Rows":
        """Return empty rows, one a prompt."""
        from lab.rows import Rows

        return Rows(self.model, self.dtype, len(prompt_ids), width, self.most)

    def read_prompts(self, rows: "Rows", prompt_ids: Sequence[Sequence[int]]) -> "torch.Tensor":
        """Run each distinct prompt through the model once; fill the rows' cache; return the logits [B, V] that follow."""
        import torch
        from transformers import DynamicCache

        prompts, row_prompt = distinct(prompt_ids)
        token_ids, attention_mask = left_padded(prompts, rows.width, self.pad_id)
        token_ids, attention_mask = (t.to(self.model.device) for t in (token_ids, attention_mask))
        cache = DynamicCache(config=self.model.config)
        logits = self.model(
            input_ids=token_ids, attention_mask=attention_mask, past_key_values=cache, use_cache=True, logits_to_keep=1,
            position_ids=(attention_mask.cumsum(dim=1) - 1).clamp(min=0),
        ).logits[:, -1]  # fmt: skip
        chosen = torch.tensor(row_prompt, device=token_ids.device)
        rows.cache.reset()
        for i, layer in enumerate(cache.layers):
            rows.cache.update(layer.keys[chosen], layer.values[chosen], i)
        rows.start(attention_mask[chosen])
        return logits[chosen]

    def read_newest(self, rows: "Rows") -> "torch.Tensor":
        """Read every row's newest token; return the logits [B, V] that follow."""
        from lab import gpt2

        if gpt2.is_gpt2(self.model):
            return gpt2.read_newest(self.model, rows)
        return self.model(
            input_ids=rows.tokens, attention_mask=rows.mask, position_ids=rows.positions,
            past_key_values=rows.cache, use_cache=True, logits_to_keep=1,
        ).logits[:, -1]  # fmt: skip

    def advance(self, rows: "Rows") -> None:
        """Read every row's newest token and draw the next: all on the device, with no question back to it."""
        rows.note(draw(self.read_newest(rows), self.temperature), self.eos)

    def step_of(self, rows: "Rows") -> Callable[[], None]:
        """Return what advances these rows."""
        return functools.partial(self.advance, rows)

    def recording(self, prompt_ids: Sequence[Sequence[int]], width: int) -> "Recording | None":
        """Return what replays a step of as many prompts of this width; None where recording fails.

        Rehearsals draw, so the random state is put back: a run that is resumed records at another time.
        """
        from lab import recording

        key = (len(prompt_ids), width)
        if key in self.recorded:
            return self.recorded[key]
        rows, randomness = self.new_rows(prompt_ids, width), recording.generator(self.model.device)
        state = randomness.get_state()
        try:
            # gives the cache its memory before anything is recorded
            self.read_prompts(rows, prompt_ids)
            replay = recording.recorded(self.step_of(rows))
        except Exception as error:  # as many as there are operations that cannot be recorded
            self.leave_recordings(in_a_line(error))
            return None
        finally:
            randomness.set_state(state)
        self.recorded[key] = recording.Recording(rows, replay)
        return self.recorded[key]

    def proven(
        self, recording: "Recording", step: Callable[[], None], version: int
    ) -> tuple[int, Callable[[], None]]:
        """Return the column to go on at, and how to step there: replayed, unless the proof fails; it takes steps itself."""
        from lab.recording import draws_alike

        count = recording.unproven(version, self.most - 1)
        try:
            reason = "" if draws_alike(recording, step, count) else "it draws other tokens"
        except Exception as error:
            reason = in_a_line(error)
        if reason:
            self.leave_recordings(reason)
            return 1, step
        if count:
            recording.proven_with.append(version)
        return 1 + count, recording.replay

    def leave_recordings(self, reason: str) -> None:
        """Go on without recorded steps, and give their memory back."""
        self.ways.leave("sampling", RECORDED, OWN_LOOP, reason)
        self.recorded.clear()

    def disagreement(self, prompt_ids: Sequence[Sequence[int]], rows: "Rows") -> str:
        """Return how far the loop's next token is from a forward pass over the whole text, "" where it is near.

        Compared are the distributions of a few rows, after all that was drawn; the forward pass has no cache, no
        padding, no mask of ours and no copies of weights.
        """
        import torch

        drawn = int(rows.column)
        if drawn < 1:
            return ""
        with self.weights.in_use():
            ours = self.read_newest(rows).float().softmax(dim=-1)
        rows_of = {tuple(ids): row for row, ids in enumerate(prompt_ids)}
        some, distance = list(rows_of.values())[:PROOF_ROWS], 0.0
        for row in some:
            text = [*prompt_ids[row], *rows.output[row, :drawn].tolist()]
            ids = torch.tensor([text], device=self.model.device)
            plain = self.model(input_ids=ids, use_cache=False).logits[0, -1].float().softmax(dim=-1)
            distance += (ours[row] - plain).abs().sum().item() / 2 / len(some)
        if distance <= FARTHEST:
            return ""
        return f"its next token is {distance:.2f} from a forward pass's (total variation)"

    def generate(self, prompt_ids: Sequence[Sequence[int]]) -> list[list[int]]:
        """Sample with transformers' own loop: the way for models that `obstacle` names."""
        width = max(map(len, prompt_ids))
        token_ids, attention_mask = left_padded(prompt_ids, width, self.pad_id)
        output = self.model.generate(
            input_ids=token_ids.to(self.model.device), attention_mask=attention_mask.to(self.model.device), do_sample=True,
            temperature=self.temperature, top_k=0, top_p=1.0, max_new_tokens=self.most, pad_token_id=self.pad_id,
            eos_token_id=self.eos.tolist(), repetition_penalty=1.0, no_repeat_ngram_size=0,
        )  # fmt: skip
        return [up_to_first(ids, self.eos.tolist()) for ids in output[:, width:].tolist()]


def draw(logits: "torch.Tensor", temperature: float) -> "torch.Tensor":
    """Draw one token a row, [B, 1], from softmax(logits / temperature), logits [B, V], by inverting its cumulative sum.

    Sums are float64: in float32 one would swallow tokens less probable than 1e-7. They are taken of blocks of tokens, and
    then within the one block in which a row's random number falls.
    """
    import torch
    from torch.nn.functional import pad

    entries = logits.shape[-1]
    probabilities = (logits.float() / temperature).softmax(dim=-1)
    if rest := -entries % BLOCK:
        probabilities = pad(probabilities, (0, rest))
    blocks = probabilities.unflatten(1, (-1, BLOCK))
    ends = blocks.sum(dim=2, dtype=torch.float64).cumsum(dim=1)
    uniform = torch.rand(len(logits), 1, dtype=torch.float64, device=logits.device)
    target = uniform * ends[:, -1:]
    block = torch.searchsorted(ends, target, right=True).clamp_(max=ends.shape[1] - 1)
    inside = blocks.gather(1, block[:, :, None].expand(-1, -1, BLOCK))[:, 0]
    rest_of_target = target - pad(ends, (1, 0)).gather(1, block)
    place = torch.searchsorted(
        inside.cumsum(dim=1, dtype=torch.float64), rest_of_target, right=True
    )
    tokens = block * BLOCK + place.clamp_(max=BLOCK - 1)
    return tokens.clamp_(max=entries - 1)  # the product may be rounded up to the whole sum


def obstacle(model: "PreTrainedModel") -> str | None:
    """Return why this module's loop cannot drive a model, or None when it can."""
    from lab.rows import attends_to_all

    name = type(model).__name__
    model = model.get_base_model() if hasattr(model, "get_base_model") else model
    missing = {"position_ids", "past_key_values", "logits_to_keep"} - set(
        inspect.signature(type(model).forward).parameters
    )
    if missing:
        return f"{name} takes no {', '.join(sorted(missing))}"
    if model.config._attn_implementation not in ("sdpa", "eager"):
        return f"{model.config._attn_implementation} attention takes no mask of ours"
    if not attends_to_all(model.config):
        return f"{name} does not attend to all earlier tokens in every layer"
    return None


def not_numbers(model: "PreTrainedModel") -> str:
    """Return why a model's outputs are NaN, and what helps."""
    for name, parameter in model.named_parameters():
        if not parameter.isfinite().all():
            return (
                f"the model's weights are not numbers ({name}, say): lower --learning_rate of the run that made it; where "
                "nothing has been trained yet, its files are damaged"
            )
    return (
        f"the model's outputs are not numbers, though its weights are: in {format_name()}, in which this machine computes, something "
        "in it grows too large; take another model, or another machine"
    )


def distinct(prompt_ids: Sequence[Sequence[int]]) -> tuple[list[tuple[int, ...]], list[int]]:
    """Return every prompt once, and for each row which of them is its own.

    >>> distinct([[5, 7], [5, 7], [8]])
    ([(5, 7), (8,)], [0, 0, 1])
    """
    numbers = {ids: i for i, ids in enumerate(dict.fromkeys(map(tuple, prompt_ids)))}
    return list(numbers), [numbers[tuple(ids)] for ids in prompt_ids]


def left_padded(
    prompt_ids: Sequence[Sequence[int]], width: int, pad_id: int
) -> tuple["torch.Tensor", "torch.Tensor"]:
    """Return token ids and attention mask, [B, width] int64 each."""
    import torch

    padded = [[pad_id] * (width - len(ids)) + list(ids) for ids in prompt_ids]
    seen = [[0] * (width - len(ids)) + [1] * len(ids) for ids in prompt_ids]
    return torch.tensor(padded), torch.tensor(seen)


def up_to_first(ids: list[int], eos_ids: Sequence[int]) -> list[int]:
    """Return the ids up to and with the first of the tokens that end a text.

    >>> up_to_first([5, 7, 0, 0], eos_ids=[0])
    [5, 7, 0]
    """
    ends = [i for i, token in enumerate(ids) if token in eos_ids]
    return ids[: ends[0] + 1] if ends else ids
