"""Train a language model to write positive reviews: GRPO with your rewards.

python train.py --preset smoke                                   # tiny embedded models: CPU, offline, under a minute
python train.py --preset quick                                   # GPT-2, 50 steps
python train.py --preset full --reward_shaping exponential --kl_type forward --kl_coef 0.1
accelerate launch --num_processes 2 train.py --preset medium     # several GPUs

reward = shaping(sentiment_reward(completions)) + KL term of log P_ref(completions)
"""

import errno
import functools
import gc
import sys
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sentiment
from data import SPLITS, prompt_texts
from lab import seeds
from lab.card import write_card
from lab.command import says_errors
from lab.config import TrainConfig, is_first_process, parse_command
from lab.config_file import write_settings
from lab.errors import ConfigError, OutOfMemory, out_of_memory
from lab.exercises import call_exercise, chosen
from lab.loggers import check_loggers
from lab.machine import device_name, plan, unseen_gpu
from lab.measure import check_length
from lab.origin import command_line, commit
from lab.pretrained import load_language_model
from lab.reference import Reference
from lab.runs import (
    Run,
    check_folder,
    checkpoint_step,
    last_checkpoint,
    load_run,
    new_record,
    prepare_folder,
    read_record,
    saved_run,
)
from lab.trainer import build_trainer, check_machine, load_step, save_final
from lab.ways import Ways
from rewards import Rewards, load_rewards

if TYPE_CHECKING:
    import torch
    from accelerate import PartialState
    from trl import GRPOTrainer

    from lab.tracking import Tracker

DISK_FULL = (errno.ENOSPC, errno.EDQUOT)


def compose_reward(
    config: TrainConfig, rewards: Rewards, reference: Reference | None
) -> Callable[..., list[float]]:
    """Return the reward function that TRL calls: shaping(sentiment) + KL term, one float a completion.

    TRL must be given a function, never the classifier's id: from an id it would build a head with one label.
    """
    shaping = chosen("reward_shaping", config.reward_shaping)
    kl_term = chosen("kl_type", config.kl_type)

    def reward(
        prompts: list[str],
        completions: list[str],
        completion_ids: list[list[int]] | None = None,
        **kwargs: Any,
    ) -> list[float]:
        count = len(completions)

        def call(stem: str, *args: Any, **keywords: Any) -> "torch.Tensor":
            return call_exercise(stem, rewards[stem], *args, count=count, **keywords)

        scores = call("sentiment_reward", completions, prompts=prompts, **kwargs)
        total = scores
        if shaping:
            total = call(shaping, scores.clone(), config.shaping_temperature)
        log_metric = kwargs.get("log_metric")
        if kl_term:
            assert reference is not None, "a KL term needs log P_ref"
            ref_log_probs = reference.log_probs(prompts, completions, completion_ids)
            total = total + call(kl_term, ref_log_probs.clone(), config.kl_coef)
            if log_metric:
                log_metric("ref_log_prob", ref_log_probs.mean().item())
        if log_metric:
            log_metric("sentiment", scores.mean().item())
        return total.tolist()

    return reward


def run(config: TrainConfig, rewards: Rewards) -> Run:
    """Train, evaluate before and after on the held-out prompts, and keep everything in `config.output_dir`.

    Args:
        config: a checked configuration.
        rewards: the exercises, from `load_rewards()` or, in a notebook, `from_namespace(globals())`.

    Raises:
        ConfigError, ExerciseError, ModelUnavailable: one line each, before any training where possible.
        OutOfMemory: with what to try.
    """
    import torch
    from accelerate import PartialState

    rewards.require(config.required_exercises())
    check_machine(config)
    check_folder(config)
    folder = Path(config.output_dir)
    record = read_record(folder) if config.resume else None
    if record and record["status"] == "finished":
        print(f"the run in {folder} is already finished")
        return load_run(folder)
    state = PartialState(cpu=not torch.cuda.is_available())
    if state.is_main_process and (warning := unseen_gpu()):
        print(warning, flush=True)
    if state.is_main_process:
        check_loggers(config)
    try:
        with warnings.catch_warnings():
            # TRL still asks for an attribute that transformers has renamed
            warnings.filterwarnings("ignore", "`is_gradient_checkpointing` is", FutureWarning)
            return train_in_folder(config, rewards, state)
    except (RuntimeError, MemoryError) as error:
        if out_of_memory(error):
            raise OutOfMemory(remedies(config)) from error
        raise
    except OSError as error:
        if error.errno in DISK_FULL:
            raise ConfigError(disk_full(config)) from error
        raise


def experiment(name: str, config: TrainConfig, rewards: Rewards) -> Run:
    """Run a configuration in `runs/<name>`, from a notebook; when nbgrader executes it, return saved results instead.

    Raises:
        TypeError: the arguments are others, or in another order.
    """
    if not isinstance(name, str) or not isinstance(config, TrainConfig):
        raise TypeError(
            f'experiment(name, config, rewards): first a name such as "mine", then TrainConfig.from_preset(...), then rewards; not a {type(name).__name__} and a {type(config).__name__}'
        )
    if saved := saved_run(name):
        return saved
    if not isinstance(rewards, Rewards):
        raise TypeError(
            f"experiment(name, config, rewards): rewards are from_namespace(globals()), not a {type(rewards).__name__}"
        )
    return reported(run(replace(config, output_dir=f"runs/{name}"), rewards))


def reported(finished: Run) -> Run:
    """Write the report on a finished run, in one process; return the run."""
    from lab.report import write_report

    if is_first_process():
        print(write_report(finished), flush=True)
    return finished


def train_in_folder(config: TrainConfig, rewards: Rewards, state: "PartialState") -> Run:
    """Load the models, train to the end and return the finished run."""
    from lab.speed import Speed
    from lab.time_left import Pace, TimeLeft
    from lab.tracking import Tracker

    folder = Path(config.output_dir)
    sentiment.use_model(config.sentiment_model)
    sentiment.get_sentiment_scores(["warm-up: an unknown model fails here"])
    policy, tokenizer = load_language_model(config.model)
    most = config.max_completion_length
    check_length("--max_completion_length", most, config.model, policy, tokenizer)
    base, _ = load_language_model(config.model)
    # Whatever could fail before the first step has: now an earlier run's folder may be moved out of the way.
    with state.main_process_first():
        if state.is_main_process:
            prepare_folder(config)
    record = begun(config)
    checkpoint = last_checkpoint(folder) if config.resume else None
    reference = None
    if config.kl_type != "none":
        reference = Reference(base, tokenizer, rewards["sequence_log_probs"])
    ways = Ways()
    reward = compose_reward(config, rewards, reference)
    trainer = build_trainer(config, reward, policy, tokenizer, ways)
    if state.is_main_process:
        print(plan(config, ways.taken), flush=True)
    pace = Pace(config.max_steps, config.validation_steps)
    tracker = Tracker(config, base, tokenizer, record, state.is_main_process, ways, pace)
    # the first to see a log line: it adds to it for the others
    trainer.callback_handler.callbacks.insert(0, Speed(config, pace))
    trainer.add_callback(TimeLeft(pace))
    trainer.add_callback(tracker)
    try:
        train_on(trainer, tracker, checkpoint)
        if state.is_main_process:
            tracker.kept(trainer.state.best_global_step, functools.partial(load_step, trainer))
            save_final(trainer, tokenizer, folder / "final")
            tracker.finish()
            write_card(folder / "final", record, *map(len, map(prompt_texts, SPLITS)))
        trainer.accelerator.wait_for_everyone()
        trainer.accelerator.end_training()  # several processes part before they exit: else one may abort
    finally:
        tracker.close()
    return load_run(folder)


def train_on(trainer: "GRPOTrainer", tracker: "Tracker", checkpoint: Path | None) -> None:
    """Train to the end, from a checkpoint where there is one; from one of the last step no more: transformers would take another."""
    from transformers import TrainerState

    done = checkpoint_step(checkpoint) if checkpoint else 0
    stopped = tracker.record.get("stopped", {}).get("step")
    if checkpoint and done in (stopped, tracker.config.max_steps):
        trainer.state = TrainerState.load_from_json(str(checkpoint / "trainer_state.json"))
        model = load_step(trainer, done)
        tracker.on_train_end(trainer.args, trainer.state, trainer.control, model=model)
        return
    tracker.record.pop("stopped", None)
    trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)


def begun(config: TrainConfig) -> dict[str, Any]:
    """Return the run's record as it begins or goes on, with where it comes from; the settings are written beside it."""
    folder = Path(config.output_dir)
    kept = read_record(folder) if config.resume else None
    record = kept or {**new_record(config, device_name()), "git": commit()}
    record["commands"] = [*record.get("commands", []), command_line()]
    if is_first_process():
        write_settings(folder / "config.yaml", config.as_dict())
    return record


def remedies(config: TrainConfig) -> str:
    """Return what to try, in this order, when memory runs out."""
    return (
        "the device ran out of memory. Try, in this order:\n"
        f"  1. --per_device_train_batch_size 1   (now {config.per_device_train_batch_size}; the step stays as large, in more passes)\n"
        f"  2. --num_generations 2               (now {config.num_generations})\n"
        f"  3. --use_peft                        (LoRA; now {'on' if config.use_peft else 'off'})\n"
        f"  4. --max_completion_length 32        (now {config.max_completion_length})"
    )


def disk_full(config: TrainConfig) -> str:
    """Return what to do when nothing more can be written."""
    kept = last_checkpoint(Path(config.output_dir))
    again = f"--resume goes on from {kept}" if kept else "run it again"
    return f"the disk that holds {config.output_dir} is full: make room, then the same command; {again}"


def after_ctrl_c(config: TrainConfig, several: bool = False) -> str:
    """Return how to go on with a run that was interrupted; `several`: it is one of several seeds' runs."""
    if kept := last_checkpoint(Path(config.output_dir)):
        return f"interrupted. The same command with --resume goes on from {kept}"
    if several:
        return f"interrupted in {config.output_dir}. The same command with --resume goes on with this seed"
    return (
        f"interrupted before the first checkpoint (--save_steps {config.save_steps}): run it again"
    )


def train_seeds(config: TrainConfig, numbers: list[int], rewards: Rewards) -> None:
    """Train with each seed in turn; with `--resume`, finished ones are kept. Print the table, write it and the figure."""
    configs, runs = seeds.seed_configs(config, numbers), []
    for own in configs:
        print(f"seed {own.seed}: {own.output_dir}", flush=True)
        try:
            runs.append(reported(run(own, rewards)))
        except KeyboardInterrupt:
            raise KeyboardInterrupt(after_ctrl_c(own, several=True)) from None
        gc.collect()  # a trainer and its models hold each other; the next run needs their memory
    print(seeds.table(runs))
    seeds.save(runs, Path(config.output_dir))
    print(f"table and figure: {Path(config.output_dir) / 'seeds.json'}, seeds.png beside it")


def train_one(config: TrainConfig, rewards: Rewards) -> None:
    """Train once, and say what came of it."""
    try:
        finished = reported(run(config, rewards))
    except KeyboardInterrupt:
        raise KeyboardInterrupt(after_ctrl_c(config)) from None
    if is_first_process():
        print(
            f"P(positive) {finished.before['mean_sentiment']:.3f} → {finished.after['mean_sentiment']:.3f} on held-out prompts"
        )
        print(f"model: {Path(config.output_dir) / 'final'}")


@says_errors("train.py")
def main(argv: list[str] | None = None) -> int:
    """Train from the command line; 0 when the run finished, 1 for an error that one line explains, 130 for Ctrl-C."""
    command = parse_command(argv)
    rewards = load_rewards(command.config.rewards or None)
    if command.seeds:
        train_seeds(command.config, command.seeds, rewards)
    else:
        train_one(command.config, rewards)
    return 0


if __name__ == "__main__":
    sys.exit(main())
