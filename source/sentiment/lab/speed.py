"""What a training step costs: tokens a second, peak memory, distance from the reference; beside the trainer's own metrics."""

from typing import TYPE_CHECKING, Any

from transformers import TrainerCallback

from lab.config import TrainConfig
from lab.machine import peak_memory
from lab.measure import kl_ref
from lab.time_left import Pace

if TYPE_CHECKING:
    from transformers import TrainerControl, TrainerState, TrainingArguments


class Speed(TrainerCallback):
    """Adds to each log line, before history, W&B and others see it; what it adds nothing else reads."""

    def __init__(self, config: TrainConfig, pace: Pace) -> None:
        self.config, self.pace = config, pace
        self.tokens, self.seconds = 0.0, 0.0

    def on_train_begin(
        self,
        args: "TrainingArguments",
        state: "TrainerState",
        control: "TrainerControl",
        **kwargs: Any,
    ) -> None:
        """Begin to count where a resumed run goes on."""
        self.tokens, self.seconds = float(state.num_input_tokens_seen), self.pace.training()

    def on_log(
        self,
        args: "TrainingArguments",
        state: "TrainerState",
        control: "TrainerControl",
        logs: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        """Add `tokens_per_second` (prompts and completions of all processes, validations apart), `peak_memory_gb`, `kl_ref`."""
        if logs is None or "num_tokens" not in logs:
            return
        tokens, seconds = logs["num_tokens"], self.pace.training()
        logs["tokens_per_second"] = (tokens - self.tokens) / max(1e-9, seconds - self.seconds)
        self.tokens, self.seconds = tokens, seconds
        logs["peak_memory_gb"] = peak_memory()
        if self.config.temperature == 1 and {"entropy", "ref_log_prob"} <= logs.keys():
            logs["kl_ref"] = kl_ref(logs["entropy"], logs["ref_log_prob"])
