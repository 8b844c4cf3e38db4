"""The policy inside TRL's trainer: how its completions are sampled, and how probable it finds them.

`attach` replaces two parts of `GRPOTrainer`. What is computed stays what TRL computes, with one correction: a prompt
that is padded on the left keeps its own positions. TRL counts the padding, which a model with learned positions, such
as GPT-2, takes for another place in the text than the one its completion was sampled at.
"""

import functools
from typing import TYPE_CHECKING, Any

from lab.config import world_size
from lab.decoding import OWN_LOOP, RECORDED, Decoder, obstacle
from lab.errors import out_of_memory
from lab.machine import no_compiler
from lab.pretrained import autocast
from lab.ways import Ways, in_a_line

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel
    from trl import GRPOTrainer


PROOF_ROWS = 4  # rows of the first batch whose log-probabilities are computed both ways
FARTHEST = 0.05  # nats a token, on average: rounding to bfloat16 makes up to some hundredths
FARTHEST_GRADIENT = 0.1  # of the gradient's norm
FUSED_HEAD = "TRL's fused head"
LOGITS = "all logits of a completion"
TRLS_OWN = "TRL's own way"


def attach(trainer: "GRPOTrainer", ways: Ways) -> None:
    """Let a trainer sample with `decoding.Decoder` and compute log-probabilities here, before its first step.

    A model that is sharded over processes (FSDP, DeepSpeed), or that the decoder cannot drive, keeps TRL's own way.
    """
    sharded = trainer.is_fsdp_enabled or trainer.is_deepspeed_enabled
    if reason := "the model is sharded" if sharded else obstacle(trainer.model):
        ways.leave("training", "the course's way", TRLS_OWN, reason)
        return
    on_cpu = trainer.accelerator.device.type == "cpu"
    ways.taken["sampling"] = OWN_LOOP if on_cpu else RECORDED
    trainer.course_ways = ways
    trainer.rollout_func = rollout
    if not trainer.aux_loss_enabled:
        trainer._get_per_token_logps_and_entropies = functools.partial(token_log_probs, trainer)
    ways.taken["loss"] = LOGITS if on_cpu else FUSED_HEAD
    if not on_cpu and (reason := no_compiler()):
        ways.leave("loss", FUSED_HEAD, LOGITS, reason)


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
            ways=trainer.course_ways,
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

    ways: Ways = trainer.course_ways
    step, parts = batch_size or len(input_ids), []
    for start in range(0, len(input_ids), step):
        mask = attention_mask[start : start + step]
        inputs = {
            "input_ids": input_ids[start : start + step],
            "attention_mask": mask,
            "position_ids": (mask.cumsum(dim=1) - 1).clamp(min=0),
        }
        with trainer.accelerator.autocast():
            if ways.taken["loss"] == FUSED_HEAD and not hasattr(trainer, "course_fused_head"):
                trainer.course_fused_head = prove_fused_head(trainer, model, inputs, logits_to_keep)
            compute = (
                with_fused_head if ways.taken["loss"] == FUSED_HEAD else with_logits_side_by_side
            )
            parts.append(compute(model, inputs, logits_to_keep, trainer.temperature))
    log_probs, entropies = zip(*parts, strict=True)
    return torch.cat(log_probs), None if entropies[0] is None else torch.cat(entropies), None


def prove_fused_head(
    trainer: "GRPOTrainer", model: "PreTrainedModel", inputs: dict[str, "torch.Tensor"], count: int
) -> bool:
    """Try TRL's kernel on a few rows beside all logits, forward and backward; note that it is left where it fails.

    It is compiled at its first use, which needs a C compiler and Python's headers.
    """
    alone = trainer.accelerator.unwrap_model(model)
    few = {name: tensor[:PROOF_ROWS] for name, tensor in inputs.items()}
    try:
        reason = heads_differ(alone, few, count, trainer.temperature)
    except Exception as error:  # of Triton, of a compiler, of CUDA
        if out_of_memory(error):
            raise
        reason = in_a_line(error)
    if reason:
        trainer.course_ways.leave("loss", FUSED_HEAD, LOGITS, reason)
    return not reason


def heads_differ(
    model: "PreTrainedModel", inputs: dict[str, "torch.Tensor"], count: int, temperature: float
) -> str:
    """Return how far the fused head is from all logits, in log-probabilities and their gradient; "" where it is near."""
    import torch

    counted = inputs["attention_mask"][:, -count:]
    trained = [p for p in model.parameters() if p.requires_grad][-1:]
    found = []
    with torch.enable_grad():
        for way in (with_fused_head, with_logits):
            log_probs, _ = way(model, inputs, count, temperature)
            total = (log_probs * counted).sum()
            found.append((log_probs.detach().float(), torch.autograd.grad(total, trained)))
    (fused, fused_gradient), (plain, gradient) = found
    distance = ((fused - plain).abs() * counted).sum() / counted.sum()
    if not distance <= FARTHEST:
        return f"its log-probabilities are {distance:.2g} nats a token from those of all logits"
    for mine, exact in zip(fused_gradient, gradient, strict=True):
        if not (mine - exact).norm() <= FARTHEST_GRADIENT * exact.norm():
            return "its gradient is another than that of all logits"
    return ""


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


def with_logits_side_by_side(
    model: "PreTrainedModel", inputs: dict[str, "torch.Tensor"], count: int, temperature: float
) -> tuple["torch.Tensor", "torch.Tensor"]:
    """Do as `with_logits`, forward and back: a small model on a CPU with some of the rows on each thread."""
    import torch

    from lab.threads import SideBySide, parts, side_by_side

    def compute(part: slice) -> tuple["torch.Tensor", "torch.Tensor"]:
        with autocast():
            return with_logits(
                model, {name: t[part] for name, t in inputs.items()}, count, temperature
            )

    whole = world_size() > 1  # processes wrap the model in what knows no threads
    rows = [slice(None)] if whole else parts(model, len(inputs["input_ids"]))
    if len(rows) == 1:
        return compute(rows[0])
    if not torch.is_grad_enabled():
        log_probs, entropies = zip(*side_by_side(compute, rows), strict=True)
        return torch.cat(log_probs), torch.cat(entropies)
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    both: tuple[torch.Tensor, torch.Tensor] = SideBySide.apply(compute, rows, *trained)  # type: ignore[no-untyped-call]
    return both
