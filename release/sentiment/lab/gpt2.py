"""GPT-2's forward pass over one new token a row, written out: a third of the operations that transformers' own starts.

Each operation of a small model costs more to start than to compute. What is the same for every layer (masks, positions,
shapes) is found once here, and what only other uses need (dropout, several tokens, other caches) is left out.
"""

from typing import cast

import torch
from transformers import GPT2LMHeadModel, PreTrainedModel
from transformers.models.gpt2.modeling_gpt2 import GPT2Attention

from lab.rows import Rows


def is_gpt2(model: PreTrainedModel) -> bool:
    """Tell whether a model is what `read_newest` knows: GPT-2 without an encoder beside it, and in one number format."""
    other = ("add_cross_attention", "reorder_and_upcast_attn")
    return type(model) is GPT2LMHeadModel and not any(getattr(model.config, n) for n in other)


def read_newest(model: PreTrainedModel, rows: Rows) -> torch.Tensor:
    """Read every row's newest token, note its keys and values in the cache; return the logits [B, V] that follow."""
    model = cast(GPT2LMHeadModel, model)
    network, count = model.transformer, len(rows.tokens)
    place = rows.column + (rows.width - 1)
    hidden = network.wte(rows.tokens[:, 0]) + network.wpe(rows.positions[:, 0])  # [B, E]
    for block, cache in zip(network.h, rows.cache.layers, strict=True):
        attention: GPT2Attention = block.attn
        parts = attention.c_attn(block.ln_1(hidden)).view(count, 3, attention.num_heads, 1, -1)
        query, key, value = parts.unbind(dim=1)  # [B, heads, 1, size]
        cache.keys.index_copy_(2, place, key)
        cache.values.index_copy_(2, place, value)
        scores = torch.matmul(query, cache.keys.mT) * attention.scaling + rows.mask
        weights = scores.softmax(dim=-1).to(value.dtype)  # [B, heads, 1, T]
        seen = torch.matmul(weights, cache.values).reshape(count, -1)
        hidden = hidden + attention.c_proj(seen)
        hidden = hidden + block.mlp(block.ln_2(hidden))
    logits: torch.Tensor = model.lm_head(network.ln_f(hidden))
    return logits
