"""Sampling: completions drawn token by token from a language model, faster than `model.generate` draws them.

The distribution is the one of `model.generate(do_sample=True, temperature=T, top_k=0, top_p=1.0)`; four things are
done otherwise. Each distinct prompt is read once, and its keys and values are copied to its completions. A token
costs one random number (its cumulative probabilities are searched) instead of one for each of V tokens. Nothing is
built anew from token to token: every tensor keeps its place in memory. So on a GPU one step is recorded once as a CUDA
graph and then replayed, which spares launching hundreds of small kernels for each token.
"""

import inspect
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from lab.errors import ConfigError

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel

GRAPH_WIDTH = 16  # prompts are padded to a multiple of this before a graph: few widths, few graphs
# steps between questions whether all rows have ended, which a GPU has to be waited for
CHECK_EVERY = 8


class Rows:
    """B completions in the making: tensors that every step reads and overwrites where they are.

    `tokens` and `positions` [B, 1] are the newest token and its place in its own text, `mask` [B, 1, 1, T] is added to
    attention scores (0 seen, lowest float unseen), `done` [B] and `lengths` [B] say which rows have ended and where,
    `output` [B, N] collects the completions up to `column` [1].
    """

    def __init__(self, model: "PreTrainedModel", count: int, width: int, most: int) -> None:
        import torch
        from transformers import StaticCache

        def zeros(*shape: int, dtype: "torch.dtype" = torch.int64) -> "torch.Tensor":
            return torch.zeros(shape, dtype=dtype, device=model.device)

        self.cache = StaticCache(config=model.config, max_cache_len=width + most)
        self.mask = zeros(count, 1, 1, width + most, dtype=model.dtype)
        self.tokens, self.positions = zeros(count, 1), zeros(count, 1)
        self.done, self.lengths = zeros(count, dtype=torch.bool), zeros(count)
        self.output, self.column = zeros(count, most), zeros(1)
        self.width = width

    def start(self, attention_mask: "torch.Tensor") -> None:
        """Forget what was sampled before: the prompts, [B, width] and padded on the left, are all there is."""
        import torch

        self.mask.fill_(torch.finfo(self.mask.dtype).min)
        self.mask[:, 0, 0, : self.width].masked_fill_(attention_mask.bool(), 0)
        self.positions.copy_(attention_mask.sum(dim=1, keepdim=True) - 1)
        for tensor in (self.done, self.lengths, self.column):
            tensor.zero_()


class Decoder:
    """Samples completions of up to `most` tokens from one model at one temperature; keep it for as long as the model.

    Args:
        eos_ids: tokens that end a completion.
        pad_id: what fills a short prompt up on the left; the model never sees it.
        graphs: record steps as CUDA graphs; by default on a GPU.
    """

    def __init__(
        self,
        model: "PreTrainedModel",
        eos_ids: Sequence[int],
        pad_id: int,
        most: int,
        temperature: float,
        graphs: bool | None = None,
    ) -> None:
        import torch

        self.model, self.pad_id, self.most, self.temperature = model, pad_id, most, temperature
        self.eos = torch.tensor(eos_ids, device=model.device)
        self.graphs = model.device.type == "cuda" if graphs is None else graphs
        self.graphs &= most > 1  # recording rehearses two steps
        self.recorded: dict[tuple[int, int], tuple[Rows, Callable[[], None]]] = {}
        self.obstacle = obstacle(model)
        if self.obstacle:
            print(f"sampling with model.generate, which is slower: {self.obstacle}", flush=True)

    def sample(self, prompt_ids: Sequence[Sequence[int]]) -> list[list[int]]:
        """Return a completion of each of B prompts: its token ids, up to and with the token that ended it.

        Draws from PyTorch's global random state; the model's mode is left as it was.

        Raises:
            ConfigError: the model gives NaN, as it does after a step that was too large.
        """
        import torch

        was_training = self.model.training
        self.model.eval()
        try:
            with torch.inference_mode():
                return self.generate(prompt_ids) if self.obstacle else self.decode(prompt_ids)
        finally:
            self.model.train(was_training)

    def decode(self, prompt_ids: Sequence[Sequence[int]]) -> list[list[int]]:
        """Sample with the loop of this module."""
        width = max(map(len, prompt_ids))
        if self.graphs:
            width = -(-width // GRAPH_WIDTH) * GRAPH_WIDTH
        rows, step = self.prepared(prompt_ids, width)
        logits = self.read_prompts(rows, prompt_ids)
        if logits.isnan().any():  # once a rollout: weights that are no numbers stay so
            raise ConfigError(
                "the model's outputs are not numbers: lower --learning_rate of the run that made it"
            )
        self.record(rows, logits)
        for column in range(1, self.most):
            if column % CHECK_EVERY == 0 and rows.done.all():
                break
            step()
        lengths = rows.lengths.tolist()
        return [ids[:n] for ids, n in zip(rows.output.tolist(), lengths, strict=True)]

    def read_prompts(self, rows: Rows, prompt_ids: Sequence[Sequence[int]]) -> "torch.Tensor":
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

    def record(self, rows: Rows, logits: "torch.Tensor") -> None:
        """Draw the next token of every row from its logits [B, V] and note it."""
        rows.tokens.copy_(draw(logits, self.temperature))
        rows.output.index_copy_(1, rows.column, rows.tokens)
        rows.lengths += ~rows.done
        rows.done |= (rows.tokens == self.eos).any(dim=1)
        rows.mask.index_fill_(3, rows.column + rows.width, 0)
        rows.positions += 1
        rows.column += 1

    def advance(self, rows: Rows) -> None:
        """Read every row's newest token and draw the next: all on the device, with no question back to it."""
        logits = self.model(
            input_ids=rows.tokens, attention_mask=rows.mask, position_ids=rows.positions,
            past_key_values=rows.cache, use_cache=True, logits_to_keep=1,
        ).logits[:, -1]  # fmt: skip
        self.record(rows, logits)

    def prepared(
        self, prompt_ids: Sequence[Sequence[int]], width: int
    ) -> tuple[Rows, Callable[[], None]]:
        """Return rows for these prompts and the function that advances them: a recorded graph on a GPU."""
        key = (len(prompt_ids), width)
        if key in self.recorded:
            return self.recorded[key]
        rows = Rows(self.model, len(prompt_ids), width, self.most)
        if not self.graphs:
            return rows, lambda: self.advance(rows)
        # gives the cache its memory before anything is recorded
        self.read_prompts(rows, prompt_ids)
        self.recorded[key] = rows, recorded(lambda: self.advance(rows))
        return self.recorded[key]

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

    The sum is float64: in float32 it would swallow tokens less probable than 1e-7.
    """
    import torch

    probabilities = (logits.float() / temperature).softmax(dim=-1)
    cumulative = probabilities.cumsum(dim=-1, dtype=torch.float64)
    uniform = torch.rand(len(logits), 1, dtype=torch.float64, device=logits.device)
    tokens = torch.searchsorted(cumulative, uniform * cumulative[:, -1:], right=True)
    return tokens.clamp_(max=logits.shape[-1] - 1)  # the product may be rounded up to the whole sum


def obstacle(model: "PreTrainedModel") -> str | None:
    """Return why this module's loop cannot drive a model, or None when it can."""
    from transformers import StaticCache
    from transformers.cache_utils import StaticLayer

    name = type(model).__name__
    model = model.get_base_model() if hasattr(model, "get_base_model") else model
    missing = {"position_ids", "past_key_values", "logits_to_keep"} - set(
        inspect.signature(type(model).forward).parameters
    )
    if missing:
        return f"{name} takes no {', '.join(sorted(missing))}"
    if model.config._attn_implementation not in ("sdpa", "eager"):
        return f"{model.config._attn_implementation} attention takes no mask of ours"
    if any(type(x) is not StaticLayer for x in StaticCache(model.config, max_cache_len=1).layers):
        return f"{name} does not attend to all earlier tokens in every layer"
    return None


def recorded(step: Callable[[], None]) -> Callable[[], None]:
    """Record a step, run twice before as CUDA asks, and return what replays it."""
    import torch

    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        step()
        step()
    torch.cuda.current_stream().wait_stream(stream)
    torch.clear_autocast_cache()  # weights cast before would be today's weights at every replay
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        step()
    torch.clear_autocast_cache()
    return graph.replay


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
