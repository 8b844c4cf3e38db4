"""log P_ref: how probable the frozen reference model finds each completion, given its prompt.

The reference is the model that training started from. Its log-probabilities feed the KL terms of exercises 3b
and 3c; the mean over a completion's tokens is yours: `sequence_log_probs`, exercise 3a.
"""

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from lab.errors import ExerciseError
from lab.exercises import call_exercise
from lab.pretrained import autocast

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

MOST_LOGITS = 2**27  # 0.5 GiB of float32 logits at a time, whatever the vocabulary


@dataclass(frozen=True)
class Sequences:
    """Prompts and completions as one right-padded batch: `token_ids`, `attention_mask`, `completion_mask`, each [B, T].

    `completion_mask` is 1 on completion tokens and 0 on prompt and padding; masks and ids are int64.
    """

    token_ids: "torch.Tensor"
    attention_mask: "torch.Tensor"
    completion_mask: "torch.Tensor"

    def rows(self, start: int, stop: int) -> "Sequences":
        """Return some rows, cut to the longest sequence among them."""
        longest = int(self.attention_mask[start:stop].sum(dim=1).max())
        return Sequences(
            *(
                t[start:stop, :longest]
                for t in (self.token_ids, self.attention_mask, self.completion_mask)
            )
        )


def to_sequences(
    tokenizer: "PreTrainedTokenizerBase",
    prompts: Sequence[str],
    completions: Sequence[str],
    completion_ids: Sequence[Sequence[int]] | None = None,
) -> Sequences:
    """Lay B prompts and their completions out as token sequences.

    Args:
        prompts, completions: B strings each.
        completion_ids: the very tokens that were sampled, when they are known; else the completions are
            tokenized again, which may split a text otherwise than it was sampled.
    """
    import torch

    if completion_ids is None:
        completion_ids = [
            tokenizer(text, add_special_tokens=False).input_ids for text in completions
        ]
    prompt_ids = [tokenizer(text).input_ids for text in prompts]  # as they are sampled from
    lengths = [(len(p), len(c)) for p, c in zip(prompt_ids, completion_ids, strict=True)]
    width = max(p + c for p, c in lengths)
    token_ids = torch.full((len(lengths), width), tokenizer.pad_token_id, dtype=torch.int64)
    attention_mask, completion_mask = torch.zeros_like(token_ids), torch.zeros_like(token_ids)
    for row, (p, c) in enumerate(lengths):
        token_ids[row, : p + c] = torch.tensor(
            [*prompt_ids[row], *completion_ids[row]], dtype=torch.int64
        )
        attention_mask[row, : p + c] = 1
        completion_mask[row, p : p + c] = 1
    return Sequences(token_ids, attention_mask, completion_mask)


@dataclass(frozen=True)
class Reference:
    """The frozen reference model with the student's `sequence_log_probs`; `on_cpu` says why that gets no tensors of a GPU."""

    model: "PreTrainedModel"
    tokenizer: "PreTrainedTokenizerBase"
    sequence_log_probs: Callable[["torch.Tensor", "torch.Tensor", "torch.Tensor"], "torch.Tensor"]
    on_cpu: list[str] = field(default_factory=list)

    def log_probs(
        self,
        prompts: Sequence[str],
        completions: Sequence[str],
        completion_ids: Sequence[Sequence[int]] | None = None,
    ) -> "torch.Tensor":
        """Return log P_ref of B completions, [B] float32 on the CPU: mean nats per completion token, at most 0.

        The tensors that `sequence_log_probs` sees are float32 logits [b, T, V] and int64 ids and mask [b, T], a few
        rows b at a time, on the model's device (on the CPU where that fails); position 0 is the last token of the shortest prompt among them.

        Raises:
            ExerciseError: `sequence_log_probs` raised, or did not return b finite numbers.
        """
        import torch

        batch = to_sequences(self.tokenizer, prompts, completions, completion_ids)
        count, width = batch.token_ids.shape
        step = max(1, MOST_LOGITS // (width * self.model.config.vocab_size))
        results = []
        for start in range(0, count, step):
            rows = batch.rows(start, start + step)
            ids, attention, mask = (
                t.to(self.model.device)
                for t in (rows.token_ids, rows.attention_mask, rows.completion_mask)
            )
            # the position before a completion predicts its first token; those before that, in all rows, are left out
            first = max(0, int(mask.any(dim=0).int().argmax()) - 1)
            logits = self.logits(ids, attention, first)
            results.append(self.mean_log_probs(logits, ids[:, first:], mask[:, first:]))
        return torch.cat(results)

    def logits(
        self, token_ids: "torch.Tensor", attention_mask: "torch.Tensor", first: int
    ) -> "torch.Tensor":
        """Return the reference model's logits, float32 [b, T - first, V], from position `first` on."""
        import torch

        from lab.threads import parts, side_by_side

        kept = token_ids.shape[1] - first

        def compute(part: slice) -> "torch.Tensor":
            with torch.no_grad(), autocast():
                output = self.model(
                    input_ids=token_ids[part],
                    attention_mask=attention_mask[part],
                    logits_to_keep=kept,
                )
            return output.logits

        found = side_by_side(compute, parts(self.model, len(token_ids)))
        return (found[0] if len(found) == 1 else torch.cat(found)).float()

    def mean_log_probs(self, *tensors: "torch.Tensor") -> "torch.Tensor":
        """Call the exercise with tensors on their device; on the CPU from where it fails there and does not on the CPU on."""
        call = functools.partial(
            call_exercise, "sequence_log_probs", self.sequence_log_probs, count=len(tensors[0])
        )
        where = tensors[0].device
        if where.type == "cpu":
            return call(*tensors)
        if self.on_cpu:
            return call(*(tensor.cpu() for tensor in tensors))
        try:
            return call(*tensors)
        except ExerciseError as error:
            try:
                result = call(*(tensor.cpu() for tensor in tensors))
            except (ExerciseError, RuntimeError):  # after some errors a GPU gives nothing back
                raise error from None
            reason = str(error)
        self.on_cpu.append(reason)
        print(
            f"{reason}. It works with tensors on the CPU, and gets those from now on, which is slower: this run computes on "
            f"{where}, so give what you make yourself the device of an argument, as in torch.zeros(…, device=logits.device)",
            flush=True,
        )
        return result
