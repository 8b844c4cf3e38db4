"""What is recorded while a model trains: log lines and validations on held-out prompts.

Validation never touches the trainer's own metrics or random state: it writes beside them.
"""

import json
import shutil
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from accelerate.utils import broadcast_object_list
from transformers import TrainerCallback

from lab import best
from lab.config import TrainConfig
from lab.decoding import Decoder
from lab.loggers import start_loggers
from lab.measure import Evaluation, evaluate_model, new_decoder
from lab.runs import history_lines, write_json
from lab.time_left import Pace, say
from lab.ways import Ways

if TYPE_CHECKING:
    from transformers import (
        PreTrainedModel,
        PreTrainedTokenizerBase,
        TrainerControl,
        TrainerState,
        TrainingArguments,
    )

VALIDATION_TEMPERATURE = 0.7  # the same for every run, whatever it trains at


class Tracker(TrainerCallback):
    """Keeps run.json, history.jsonl and completions.json up to date; only the main process writes."""

    def __init__(
        self,
        config: TrainConfig,
        base: "PreTrainedModel",
        tokenizer: "PreTrainedTokenizerBase",
        record: dict[str, Any],
        is_main: bool,
        ways: Ways,
        pace: Pace,
    ) -> None:
        self.config, self.base, self.tokenizer = config, base, tokenizer
        self.record, self.is_main = record, is_main
        self.folder = Path(config.output_dir)
        # what earlier parts of a resumed run have spent
        self.seconds_before = dict(record["seconds"])
        self.after: Evaluation | None = None
        # steps whose validation stands in the history, and the newest one of this process
        lines = history_lines(self.folder)
        self.validated = {line["step"] for line in lines if "validation/kl" in line}
        self.newest: tuple[int, Evaluation] | None = None
        self.ways, self.pace = ways, pace
        self.decoder: Decoder | None = None  # of the model that trains, which is always the same
        step = max((line["step"] for line in lines), default=0)
        self.loggers = start_loggers(config, record, step) if is_main else []

    def on_train_begin(
        self,
        args: "TrainingArguments",
        state: "TrainerState",
        control: "TrainerControl",
        model: Any = None,
        **kwargs: Any,
    ) -> None:
        """Measure the untrained model, unless a resumed run has done so."""
        if not self.is_main or "baseline" in self.record:
            return
        before = self.validate(model, state.global_step)
        self.record["baseline"] = before.metrics()
        write_json(self.folder / "completions.json", {"before": before.completions, "after": []})
        self.write_record()

    def on_log(
        self,
        args: "TrainingArguments",
        state: "TrainerState",
        control: "TrainerControl",
        logs: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        """Append the trainer's metrics to history.jsonl and print the few that matter."""
        if not self.is_main or logs is None or "reward" not in logs:
            return
        self.append({"step": state.global_step, **logs})
        for logger in self.loggers:
            logger.training(state.global_step, logs)
        if state.global_step % max(1, self.config.max_steps // 10) == 0:
            parts = [
                f"reward {logs['reward']:.3f} ± {logs['reward_std']:.3f}",
                f"P(positive) {logs['sentiment']:.3f}",
            ]
            if "ref_log_prob" in logs:
                parts.append(f"log P_ref {logs['ref_log_prob']:.2f}")
            say(f"step {state.global_step:>4}/{self.config.max_steps}  {'  '.join(parts)}")

    def on_step_end(
        self,
        args: "TrainingArguments",
        state: "TrainerState",
        control: "TrainerControl",
        model: Any = None,
        **kwargs: Any,
    ) -> None:
        """Validate every `validation_steps` steps, and do what follows from it."""
        every = self.config.validation_steps
        if not every or state.global_step % every or state.global_step >= self.config.max_steps:
            return
        decision, reached = best.Decision(), 0.0
        if self.is_main:
            result = self.validate(model, state.global_step)
            reached, base = result.mean_sentiment, self.record["baseline"]
            decision = best.decide(self.config, base, result, state.best_metric)
            if decision.stop:
                self.tell_stop(result, state.global_step)
        said = broadcast_object_list([*decision, reached])
        best.follow(best.Decision(*said[:2]), said[2], state, control)

    def tell_stop(self, result: Evaluation, step: int) -> None:
        """Say, and note, that training stops before its last step."""
        figures = best.figures_of(result, self.record["baseline"])
        why = f"{figures}: --stop_when {self.config.stop_when:g} is reached"
        self.record["stopped"] = {"step": step, "because": why}
        self.write_record()
        say(f"stopped at step {step} of {self.config.max_steps}: {why}")

    def on_train_end(
        self,
        args: "TrainingArguments",
        state: "TrainerState",
        control: "TrainerControl",
        model: Any = None,
        **kwargs: Any,
    ) -> None:
        """Measure the trained model, unless the last step was a validation."""
        if not self.is_main:
            return
        step = self.record["step"] = state.global_step
        done = self.newest and self.newest[0] == step
        self.after = self.newest[1] if self.newest and done else self.validate(model, step)
        decision = best.decide(self.config, self.record["baseline"], self.after, state.best_metric)
        if decision.best:
            state.best_metric, state.best_global_step = self.after.mean_sentiment, step

    def kept(self, step: int | None, load: Callable[[int], "PreTrainedModel"]) -> None:
        """Note which step's model becomes final/, and have it measured where it is not the last one's.

        Args:
            step: the best validation's, None where none counts.
            load: puts that step's weights back, and gives the model.
        """
        if self.config.keep == "last":
            return
        assert self.after is not None, "training has ended"
        if step and step != self.record["step"]:
            self.after = self.evaluate(load(step), step)
        if step:
            words = best.figures_of(self.after, self.record["baseline"])
            because = f"the best validation: {words}"
        else:
            because = (
                f"no validation had distinct-2 at {self.config.distinct_floor:g} times the base model's or more, so none "
                "is the best: this is the last step's model"
            )
        step = step or int(self.record["step"])
        self.record["kept"] = {"step": step, "because": because}
        say(f"final/ is the model of step {step} of {self.record['step']}: {because}")

    def on_save(
        self,
        args: "TrainingArguments",
        state: "TrainerState",
        control: "TrainerControl",
        **kwargs: Any,
    ) -> None:
        """Note in run.json how far the newest checkpoint is."""
        if self.is_main:
            self.record["step"] = state.global_step
            self.write_record()

    def validate(self, model: "PreTrainedModel", step: int) -> Evaluation:
        """Evaluate on the held-out prompts; append to the history, print, and tell the loggers."""
        result = self.evaluate(model, step)
        self.newest = step, result
        metrics = {f"validation/{name}": value for name, value in result.figures().items()}
        if step not in self.validated:  # as of a run that was killed at its end
            self.append({"step": step, **metrics})
            self.validated.add(step)
        say(
            f"step {step:>4}/{self.config.max_steps}  held-out prompts: P(positive) {result.mean_sentiment:.3f} ± {result.std_sentiment:.3f}, "
            f"positive {result.positive_ratio:.0%}, distinct-2 {result.distinct_2:.2f}, perplexity {result.perplexity:.1f}"
        )
        for logger in self.loggers:
            logger.validation(step, metrics, result)
        return result

    def evaluate(self, model: "PreTrainedModel", step: int) -> Evaluation:
        """Measure a model on the held-out prompts; the time that takes is no training."""
        started = time.perf_counter()
        model = getattr(model, "module", model)  # under DistributedDataParallel
        settings: dict[str, Any] = {
            "max_new_tokens": self.config.max_completion_length,
            "temperature": VALIDATION_TEMPERATURE,
        }
        self.decoder = self.decoder or new_decoder(
            model, self.tokenizer, **settings, ways=self.ways
        )
        result = evaluate_model(
            f"step {step}",
            model,
            self.tokenizer,
            self.base,
            num_samples=self.config.validation_samples,
            decoder=self.decoder,
            **settings,
        )
        self.pace.validated(step, time.perf_counter() - started)
        return result

    def append(self, line: dict[str, Any]) -> None:
        """Add one line to history.jsonl."""
        with (self.folder / "history.jsonl").open("a", encoding="utf-8") as history:
            history.write(json.dumps(line) + "\n")

    def write_record(self) -> None:
        """Write run.json, with the seconds spent so far: validations apart from the rest."""
        spent = {"train": self.pace.training(), "validation": self.pace.validating()}
        before = self.seconds_before
        self.record["seconds"] = {what: round(before[what] + spent[what], 2) for what in spent}
        self.record["ways"] = asdict(self.ways)
        write_json(self.folder / "run.json", self.record)

    def finish(self) -> None:
        """Write the last evaluation and mark the run finished; its checkpoints have served."""
        assert self.after is not None, "training has ended"
        self.record |= {"status": "finished", "final": self.after.metrics()}
        path = self.folder / "completions.json"
        before = json.loads(path.read_text(encoding="utf-8"))["before"]
        write_json(path, {"before": before, "after": self.after.completions})
        self.write_record()
        shutil.rmtree(self.folder / "checkpoints", ignore_errors=True)
        for logger in self.loggers:
            logger.summary(self.record)

    def close(self) -> None:
        """Close what the figures went to, also when training failed."""
        for logger in self.loggers:
            logger.close()
