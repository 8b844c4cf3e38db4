"""TRL's `GRPOTrainer`, set up for this course: precision, LoRA, what is changed of TRL's defaults, what is checked first."""

import contextlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from data import load_prompts
from lab import pretrained
from lab.config import TrainConfig, world_size
from lab.errors import ConfigError
from lab.policy import attach
from lab.ways import Ways

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase
    from trl import GRPOTrainer


def precision() -> dict[str, bool]:
    """Return TRL's precision flags for this device, from `compute_dtype`."""
    import torch

    dtype = pretrained.compute_dtype()
    return {
        "use_cpu": not torch.cuda.is_available(),
        "bf16": dtype is torch.bfloat16,
        "fp16": dtype is torch.float16,
    }


@contextlib.contextmanager
def hidden_module(name: str, hide: bool) -> Iterator[None]:
    """Make a package look not installed while TRL is imported: TRL imports wandb whenever it finds it."""
    if not hide or name in sys.modules:
        yield
        return
    modules: dict[str, Any] = sys.modules  # None in it stands for a package that is not there
    modules[name] = None
    try:
        yield
    finally:
        del sys.modules[name]


def show_wandb() -> None:
    """Give wandb to the parts of TRL that an earlier run of this process imported without it."""
    import wandb

    for name, module in list(sys.modules.items()):
        if name.startswith("trl.") and "wandb" not in vars(module):
            vars(module)["wandb"] = wandb


def build_trainer(
    config: TrainConfig,
    reward: Callable[..., Any],
    model: "PreTrainedModel",
    tokenizer: "PreTrainedTokenizerBase",
    ways: Ways,
) -> "GRPOTrainer":
    """Return TRL's trainer for this configuration, before its first step; `reward` is `compose_reward`'s function."""
    with_wandb = "wandb" in config.loggers
    with hidden_module("wandb", hide=not with_wandb), hidden_module("trackio", hide=True):
        from trl import GRPOConfig, GRPOTrainer
    if with_wandb:
        show_wandb()
    from transformers import PrinterCallback

    trainer = GRPOTrainer(
        model=model,
        reward_funcs=reward,
        args=GRPOConfig(**grpo_settings(config)),
        train_dataset=load_prompts("train"),
        processing_class=tokenizer,
        peft_config=lora_config() if config.use_peft else None,
    )
    # resuming warns of weights that a checkpoint leaves out, unless they are named here: GPT-2's head is its embedding
    model._keys_to_ignore_on_save = set(model.all_tied_weights_keys)
    trainer.remove_callback(PrinterCallback)
    # TRL writes a model card, and asks wandb for its address, at every checkpoint
    trainer.create_model_card = lambda **_: None
    attach(trainer, ways)
    return trainer


def grpo_settings(config: TrainConfig) -> dict[str, Any]:
    """Return the arguments of TRL's `GRPOConfig`.

    Two of its defaults are changed. Dropout is off, so that rollouts and gradients see the same policy. Gradient
    checkpointing is off: models of this size fit without it, and it recomputes every forward pass.
    """
    same = ["per_device_train_batch_size", "num_generations", "max_completion_length", "temperature",
            "learning_rate", "beta", "max_steps", "logging_steps", "save_steps", "seed"]  # fmt: skip
    return {
        **{name: getattr(config, name) for name in same},
        "output_dir": str(Path(config.output_dir) / "checkpoints"),
        "gradient_accumulation_steps": config.accumulation,
        "save_total_limit": 2,
        "report_to": ["wandb"] if "wandb" in config.loggers else [],
        "run_name": config.wandb_run_name or config.run_name,
        "disable_dropout": True,
        "activation_checkpointing": False,
        "disable_tqdm": True,
        "dataloader_pin_memory": False,
        **precision(),
    }


def lora_config() -> Any:
    """Return the LoRA adapter of `--use_peft`, on every linear layer; GPT-2 stores theirs transposed."""
    from peft import LoraConfig

    settings = {"r": 16, "lora_alpha": 32, "target_modules": "all-linear", "fan_in_fan_out": True}
    return LoraConfig(task_type="CAUSAL_LM", **settings)


def check_machine(config: TrainConfig) -> None:
    """Raise ConfigError when several GPUs are visible to one process: TRL would split one group over them."""
    import torch

    if torch.cuda.device_count() > 1 and world_size() == 1:
        raise ConfigError(
            f"{torch.cuda.device_count()} GPUs are visible: pick one (CUDA_VISIBLE_DEVICES=0 python train.py …) or use them "
            f"all (accelerate launch --num_processes {torch.cuda.device_count()} train.py …)"
        )


def load_step(trainer: "GRPOTrainer", step: int) -> "PreTrainedModel":
    """Put the weights of an earlier step's checkpoint back into the model that was trained; return it."""
    trainer.state.best_model_checkpoint = str(Path(trainer.args.output_dir) / f"checkpoint-{step}")
    trainer._load_best_model()
    return trainer.accelerator.unwrap_model(trainer.model)


def save_final(trainer: "GRPOTrainer", tokenizer: "PreTrainedTokenizerBase", folder: Path) -> None:
    """Save the trained model, LoRA merged in, with its tokenizer: a folder that `from_pretrained` reads alone."""
    model = trainer.accelerator.unwrap_model(trainer.model)
    if hasattr(model, "merge_and_unload"):
        model = model.merge_and_unload()
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
