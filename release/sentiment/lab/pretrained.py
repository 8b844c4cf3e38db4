"""Pretrained models: which folder a name means, which device they run on, what to say when they cannot be had.

The two embedded models, `tiny-gpt2` and `tiny-sentiment`, lie in a folder `models/` beside this file or in one
of its parents, so the same name works in the repository, in the student's zip and on the grader's machine.
Every other name goes to `from_pretrained` as it is: a model id of the hub, or a folder.
"""

import os
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lab.errors import ModelUnavailable

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

EMBEDDED = ("tiny-gpt2", "tiny-sentiment")
HEADS = {  # how the names of the architectures of a kind of model end
    "language model": ("LMHeadModel", "ForCausalLM", "ForConditionalGeneration"),
    "sentiment model": ("ForSequenceClassification",),
}


def model_path(name: str) -> str:
    """Return the folder of an embedded model, or `name` itself when it is not the name of one.

    Raises:
        ModelUnavailable: the embedded model's folder is missing, or `name` looks like a folder and is none.
    """
    if name in EMBEDDED:
        for parent in Path(__file__).resolve().parents:
            if (parent / "models" / name / "config.json").is_file():
                return str(parent / "models" / name)
        raise ModelUnavailable(
            f"the embedded model {name!r} is missing: put models/{name} beside this folder"
        )
    folder = Path(name).expanduser()
    looks_like_folder = name.startswith((".", "/", "~")) or len(Path(name).parts) > 2
    if (looks_like_folder or folder.is_dir()) and not (folder / "config.json").is_file():
        inside = (folder / "final/config.json").is_file()
        hint = f"a run's model is {folder / 'final'}" if inside else "check the path"
        raise ModelUnavailable(f"{name!r} is no model folder (no config.json in it): {hint}")
    return str(folder) if folder.is_dir() else name


def device() -> "torch.device":
    """Return this process's GPU (the one of its LOCAL_RANK under `accelerate launch`), or the CPU."""
    import torch

    if torch.cuda.is_available():
        return torch.device("cuda", int(os.environ.get("LOCAL_RANK", 0)))
    return torch.device("cpu")


def compute_dtype() -> "torch.dtype":
    """Return what matrix products are computed in while training; weights, sums and losses stay float32.

    bfloat16 where the hardware has it (GPUs from Ampere on, CPUs with AVX512_BF16: twice as fast as float32 there),
    float16 on older GPUs (T4), float32 elsewhere.
    """
    import torch

    if torch.cuda.is_available():
        ampere = torch.cuda.get_device_capability(device()) >= (8, 0)
        return torch.bfloat16 if ampere else torch.float16
    capabilities: dict[str, bool] = getattr(torch.cpu, "get_capabilities", dict)()
    return torch.bfloat16 if capabilities.get("avx512_bf16") else torch.float32


def autocast() -> "torch.autocast":
    """Return a context in which matrix products are computed in `compute_dtype()`."""
    import torch

    dtype = compute_dtype()
    return torch.autocast(device().type, dtype=dtype, enabled=dtype != torch.float32)


@cache
def hub_reachable() -> bool:
    """Return whether the model hub answers, asked once a process: the libraries themselves retry for a minute."""
    from huggingface_hub import constants, get_session

    try:
        get_session().head(constants.ENDPOINT, timeout=5)
    except Exception:  # whatever is in the way, the answer is the same
        return False
    return True


def load(
    auto_class: Any, name: str, kind: str, dtype: "torch.dtype"
) -> tuple["PreTrainedModel", "PreTrainedTokenizerBase"]:
    """Load a model and its tokenizer in evaluation mode on `device()`.

    Args:
        auto_class: the transformers Auto class of the model's head.
        name: an embedded name, a hub id or a folder.
        kind: what the model is, in words: a key of `HEADS`.
        dtype: floating-point type of the weights.

    Raises:
        ModelUnavailable: there is no such model, it is of another kind, or the hub cannot be reached.
    """
    from transformers import AutoConfig, AutoTokenizer

    architectures = from_pretrained(AutoConfig, name, kind).architectures or []
    if architectures and not any(a.endswith(HEADS[kind]) for a in architectures):
        raise ModelUnavailable(f"{name!r} is a {architectures[0]}, which is no {kind}")
    tokenizer = from_pretrained(AutoTokenizer, name, kind)
    model = from_pretrained(auto_class, name, kind, dtype=dtype)
    return model.to(device()).eval(), tokenizer


def from_pretrained(auto_class: Any, name: str, kind: str, **options: Any) -> Any:
    """Call `auto_class.from_pretrained`; a ModelUnavailable says what to do when that fails."""
    from safetensors import SafetensorError
    from transformers.utils import logging

    path = model_path(name)
    local = Path(path).is_dir() or not hub_reachable()
    logging.disable_progress_bar()
    try:
        return auto_class.from_pretrained(path, local_files_only=local, **options)
    # what hub, network and file errors arrive as
    except (OSError, ValueError, SafetensorError) as error:
        raise ModelUnavailable(
            f"cannot load the {kind} {name!r} ({str(error).splitlines()[0].rstrip('.')}). Check the name and the "
            "network, give a local folder, or use the embedded models, tiny-gpt2 and tiny-sentiment: --preset smoke, in the "
            'notebook PRESET = "smoke"'
        ) from None


def load_language_model(
    name: str, dtype: "torch.dtype | None" = None
) -> tuple["PreTrainedModel", "PreTrainedTokenizerBase"]:
    """Load a causal language model, float32 unless told, with a tokenizer that pads on the left.

    GPT-2 has no pad token: the end-of-text token stands in, and masks keep it out of every sum.
    """
    import torch
    from transformers import AutoModelForCausalLM
    from transformers.utils import logging

    # A pad token that is also the end-of-text token makes transformers warn once a batch holds a finished row.
    logger = logging.get_logger("transformers.modeling_utils")
    logger.addFilter(lambda record: "passing in an `attention_mask`" not in record.getMessage())
    model, tokenizer = load(AutoModelForCausalLM, name, "language model", dtype or torch.float32)
    tokenizer.padding_side = "left"
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    if model.device.type == "cpu" and compute_dtype() is torch.bfloat16:
        # PyTorch's fused attention goes back through bfloat16 on a CPU ten times slower than plain products do
        model.set_attn_implementation("eager")
    model.generation_config.pad_token_id = tokenizer.pad_token_id
    # transformers 5 finds none for GPT-2 and warns at the first loss
    model.loss_type = "ForCausalLM"
    return model, tokenizer
