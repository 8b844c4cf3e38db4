"""Half-precision copies of a model's matrices: autocast would cast each of them again for every token."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn
from transformers import PreTrainedModel
from transformers.pytorch_utils import Conv1D

from lab import pretrained

LINEAR = (nn.Linear, Conv1D)  # what autocast casts whole, weights and bias


class HalfWeights:
    """Copies, in `compute_dtype()`, of the float32 weights of a model's linear layers; none where that is float32.

    A copy keeps its place in memory, where a recorded CUDA graph finds it. Under autocast results are the same to the
    bit. An embedding that is the head's matrix, too, is looked up in float32 as ever.
    """

    def __init__(self, model: PreTrainedModel) -> None:
        dtype = pretrained.compute_dtype()
        here = dtype != torch.float32 and model.device.type == pretrained.device().type
        self.places = [
            (module, name, parameter)
            for module in model.modules()
            if here and isinstance(module, LINEAR)
            for name, parameter in module.named_parameters(recurse=False)
            if parameter.dtype == torch.float32
        ]
        self.copies = {
            id(parameter): nn.Parameter(torch.empty_like(parameter, dtype=dtype), False)
            for _, _, parameter in self.places
        }

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """Let the model compute with copies of its weights as they are now."""
        for _, _, parameter in self.places:
            self.copies[id(parameter)].copy_(parameter)
        try:
            for module, name, parameter in self.places:
                module._parameters[name] = self.copies[id(parameter)]
            yield
        finally:
            for module, name, parameter in self.places:
                module._parameters[name] = parameter
