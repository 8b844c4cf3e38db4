"""The policy inside TRL's trainer: how its completions are sampled, and how probable it finds them.

`attach` replaces two parts of `GRPOTrainer`. What is computed stays what TRL computes, with one correction: a prompt
that is padded on the left keeps its own positions. TRL counts the padding, which a model with learned positions, such
as GPT-2, takes for another place in the text than the one its completion was sampled at.
"""

import functools
from typing import TYPE_CHECKING, Any

from lab.decoding import Decoder, obstacle

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel
    from trl import GRPOTrainer


def attach(trainer: "GRPOTrainer") -> None:
    """Let a trainer sample with `decoding.Decoder` and compute log-probabilities here, before its first step.

    A model that is sharded over processes (FSDP, DeepSpeed), or that the decoder cannot drive, keeps TRL's own way.
    """
    sharded = trainer.is_fsdp_enabled or trainer.is_deepspeed_enabled
    if reason := "the model is sharded" if sharded else obstacle(trainer.model):
        print(f"training goes TRL's own way, which is slower: {reason}", flush=True)
        return
    trainer.rollout_func = rollout
    if not trainer.aux_loss_enabled:
        trainer._get_per_token_logps_and_entropies = functools.partial(token_log_probs, trainer)


def rollout(prompts: list[str], trainer: "GRPOTrainer") -> dict[str, Any]:
    """Sample one completion of each prompt; TRL's `rollout_func`. `logprobs` None: the loss computes them anyway."""
    prompt_ids = trainer.processing_class(text=prompts)["input_ids"]
    completion_ids = decoder_of(trainer).sample(prompt_ids)
    return {"prompt_ids": prompt_ids, "completion_ids": completion_ids, "logprobs": None}


def decoder_of(trainer: "GRPOTrainer") -> Decoder:
    """Return the trainer's decoder, made when training has put the model where it stays."""
    if not hasattr(trainer, "course_decoder"):
        trainer.course_decoder = Decoder(
            trainer.accelerator.unwrap_model(trainer.model_wrapped),
            trainer.eos_token_ids,
            trainer.processing_class.pad_token_id,
            trainer.max_completion_length,
            trainer.temperature,
        )
    return trainer.course_decoder


def token_log_probs(
    trainer: "GRPOTrainer",
    model: "PreTrainedModel",
    input_ids: "torch.Tensor",
    attention_mask: "torch.Tensor",
    logits_to_keep: int,
    batch_size: int | None = None,
    **_: Any,
) -> tuple["torch.Tensor", "torch.Tensor | None", None]:
    """Return log-probabilities and entropies [B, C], in nats, of the last C = `logits_to_keep` tokens of each row.

    TRL asks this of its own reference model, too (`beta` > 0), whose head gives no entropies: None then.
    """
    import torch

    compute = with_logits if input_ids.device.type == "cpu" else with_fused_head
    step, parts = batch_size or len(input_ids), []
    for start in range(0, len(input_ids), step):
        mask = attention_mask[start : start + step]
        inputs = {
            "input_ids": input_ids[start : start + step],
            "attention_mask": mask,
            "position_ids": (mask.cumsum(dim=1) - 1).clamp(min=0),
        }
        with trainer.accelerator.autocast():
            parts.append(compute(model, inputs, logits_to_keep, trainer.temperature))
    log_probs, entropies = zip(*parts, strict=True)
    return torch.cat(log_probs), None if entropies[0] is None else torch.cat(entropies), None


def with_fused_head(
    model: "PreTrainedModel", inputs: dict[str, "torch.Tensor"], count: int, _: float
) -> tuple["torch.Tensor", "torch.Tensor | None"]:
    """Let TRL's kernel do it, which never holds all logits and knows the temperature: the way on a GPU."""
    labels = inputs["input_ids"].masked_fill(inputs["attention_mask"] == 0, -100)
    labels[:, :-count] = -100
    output = model(**inputs, use_cache=False, labels=labels, fused_lm_head=True)
    entropy = None if output.entropy is None else output.entropy[:, -count:]
    return output.log_probs[:, -count:], entropy


def with_logits(
    model: "PreTrainedModel", inputs: dict[str, "torch.Tensor"], count: int, temperature: float
) -> tuple["torch.Tensor", "torch.Tensor"]:
    """Keep the logits [B, C, V] of the completion, float32: on a CPU TRL's kernel scores prompts too, and all twice."""
    import torch

    width = inputs["input_ids"].shape[1]
    before = torch.arange(width - count - 1, width - 1)  # the positions that predict the completion
    logits = model(**inputs, use_cache=False, logits_to_keep=before).logits.float()
    log_probs = logits.div_(temperature).log_softmax(dim=-1)
    with torch.no_grad():  # the entropy is only logged
        entropies = -log_probs.exp().mul_(log_probs).sum(dim=-1)
    completion_ids = inputs["input_ids"][:, -count:, None]
    return log_probs.gather(-1, completion_ids).squeeze(-1), entropies
