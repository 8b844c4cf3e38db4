"""The completions in the making, and where the keys and values of their tokens are kept."""

from typing import Any

import torch
from transformers import PreTrainedConfig, PreTrainedModel, StaticCache
from transformers.cache_utils import StaticLayer


class Layer(StaticLayer):
    """Keys and values, [B, heads, T, size] each, in one place and one number format from first to last.

    Under autocast a rotation gives float32 keys beside half-precision values, and transformers' own layer, made for one
    format, refuses the second token. The format here is the wider of the two that come first: nothing is rounded.
    """

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *args: Any, **kwargs: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Note the newest tokens' keys and values; return all of them."""
        if not self.is_initialized:
            wider = torch.promote_types(key_states.dtype, value_states.dtype)
            self.lazy_initialization(key_states.to(wider), value_states.to(wider))
        return super().update(
            key_states.to(self.dtype), value_states.to(self.dtype), *args, **kwargs
        )


def attends_to_all(config: PreTrainedConfig) -> bool:
    """Tell whether every layer of a model attends to all earlier tokens, which is all that `Layer` knows."""
    return all(type(layer) is StaticLayer for layer in StaticCache(config, max_cache_len=1).layers)


class Rows:
    """B completions in the making: tensors that every step reads and overwrites where they are.

    `tokens` and `positions` [B, 1] are the newest token and its place in its own text, `mask` [B, 1, 1, T] is added to
    attention scores (0 seen, lowest float unseen), `done` [B] and `lengths` [B] say which rows have ended and where,
    `output` [B, N] collects the completions up to `column` [1].
    """

    def __init__(
        self, model: PreTrainedModel, dtype: torch.dtype, count: int, width: int, most: int
    ) -> None:
        """`dtype`: the model's, of the mask; `width`, `most`: tokens of a padded prompt, and of a completion."""

        def zeros(*shape: int, dtype: torch.dtype = torch.int64) -> torch.Tensor:
            return torch.zeros(shape, dtype=dtype, device=model.device)

        self.cache = StaticCache(model.config, max_cache_len=width + most)
        self.cache.layers = [Layer(max_cache_len=width + most) for _ in self.cache.layers]
        self.mask = zeros(count, 1, 1, width + most, dtype=dtype)
        self.tokens, self.positions = zeros(count, 1), zeros(count, 1)
        self.done, self.lengths = zeros(count, dtype=torch.bool), zeros(count)
        self.output, self.column = zeros(count, most), zeros(1)
        self.width = width

    def start(self, attention_mask: torch.Tensor) -> None:
        """Forget what was sampled before: the prompts, [B, width] and padded on the left, are all there is."""
        self.mask.fill_(torch.finfo(self.mask.dtype).min)
        self.mask[:, 0, 0, : self.width].masked_fill_(attention_mask.bool(), 0)
        self.positions.copy_(attention_mask.sum(dim=1, keepdim=True) - 1)
        for tensor in (self.done, self.lengths, self.column):
            tensor.zero_()

    def note(self, tokens: torch.Tensor, eos: torch.Tensor) -> None:
        """Take up every row's next token, [B, 1]; `eos` [E] are those that end a row."""
        self.tokens.copy_(tokens)
        self.output.index_copy_(1, self.column, self.tokens)
        self.lengths += ~self.done
        self.done |= (self.tokens == eos).any(dim=1)
        self.mask.index_fill_(3, self.column + self.width, 0)
        self.positions += 1
        self.column += 1

    def state(self) -> list[torch.Tensor]:
        """Return all that a step changes, but for keys and values, which are written again at the same places."""
        lengths = [layer.cumulative_length for layer in self.cache.layers]
        return [
            *(self.tokens, self.positions, self.mask, self.done, self.lengths, self.output),
            *(self.column, *lengths),
        ]

    def completions(self) -> list[list[int]]:
        """Return what was drawn so far, each row up to and with the token that ended it."""
        rows = zip(self.output.tolist(), self.lengths.tolist(), strict=True)
        return [ids[:length] for ids, length in rows]
