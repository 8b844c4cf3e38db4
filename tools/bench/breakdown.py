"""Where a training step goes: `python -m tools.bench.breakdown`, the course and TRL's defaults, milliseconds and shares.

Timers around the seams that both have: sampling, the classifier, the reference model, the exercises, loss, backward, the
optimiser; what is left of a step is Python: trainer, tokenizer, logging. On a GPU each seam waits for the device, so that
its own work is what is timed; a step then takes longer than in `make bench`.
"""

import argparse
import contextlib
import functools
import json
import statistics
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

from gate import ROOT
from lab.command import print_anything
from tools.bench.machine import WARM_UP, add_run_options, configuration, hardware

PARTS = ("sampling", "classifier", "reference", "exercises", "loss", "backward", "optimiser")


class Seams:
    """Seconds spent in each part, nested parts subtracted from those around them."""

    def __init__(self) -> None:
        self.seconds = dict.fromkeys(PARTS, 0.0)
        self.inner = [0.0]

    @contextlib.contextmanager
    def timed(self, part: str) -> Iterator[None]:
        """Count what runs inside towards a part."""
        self.wait()
        started = time.perf_counter()
        self.inner.append(0.0)
        try:
            yield
        finally:
            self.wait()
            spent = time.perf_counter() - started
            self.seconds[part] += spent - self.inner.pop()
            self.inner[-1] += spent

    @staticmethod
    def wait() -> None:
        """Let the GPU finish what it was given."""
        import torch

        if torch.cuda.is_available():
            torch.cuda.synchronize()

    def around(self, part: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return the function with a timer around it."""

        @functools.wraps(function)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            with self.timed(part):
                return function(*args, **kwargs)

        return wrapped


def measure(
    name: str, config: Any, reward: Callable[..., Any], seams: Seams, folder: Path
) -> dict[str, float]:
    """Train once and return milliseconds a step, part by part, after the warm-up."""
    from transformers import TrainerCallback

    from tools.bench.contenders import CONTENDERS

    config.output_dir = str(folder)
    trainer = CONTENDERS[name](config, reward)
    for method, part in (("_generate", "sampling"), ("compute_loss", "loss")):
        setattr(trainer, method, seams.around(part, getattr(trainer, method)))
    trainer.accelerator.backward = seams.around("backward", trainer.accelerator.backward)

    class Steps(TrainerCallback):
        def on_step_end(
            self, args: Any, state: Any, control: Any, optimizer: Any = None, **_: Any
        ) -> None:
            if state.global_step == 1:
                optimizer.step = seams.around("optimiser", optimizer.step)
            if state.global_step == WARM_UP:
                seams.wait()
                seams.seconds, self.started = dict.fromkeys(PARTS, 0.0), time.perf_counter()
            if state.global_step == config.max_steps:
                seams.wait()
                self.total = time.perf_counter() - self.started

    steps = Steps()
    trainer.add_callback(steps)
    trainer.train()
    per_step = 1000 / (config.max_steps - WARM_UP)
    parts = {part: seconds * per_step for part, seconds in seams.seconds.items()}
    return {**parts, "Python": steps.total * per_step - sum(parts.values())}


@contextlib.contextmanager
def inside_the_reward(seams: Seams) -> Iterator[None]:
    """Time the classifier, the reference model and the exercises; rewards are loaded inside, for they import these."""
    import sentiment
    import train
    from lab import reference

    with contextlib.ExitStack() as stack:
        for owner, attribute, part in (
            (sentiment, "get_sentiment_scores", "classifier"),
            (reference.Reference, "log_probs", "reference"),
            (train, "call_exercise", "exercises"),
            (reference, "call_exercise", "exercises"),
        ):
            timed = seams.around(part, getattr(owner, attribute))
            stack.enter_context(mock.patch.object(owner, attribute, timed))
        yield


def show(results: dict[str, dict[str, float]]) -> None:
    """Print milliseconds and shares side by side."""
    print(f"\n{'':<12}" + "".join(f"{name:>20}" for name in results))
    for part in (*PARTS, "Python"):
        cells = [(parts[part], parts[part] / sum(parts.values())) for parts in results.values()]
        print(f"{part:<12}" + "".join(f"{ms:>11.1f} ms {share:>5.0%}" for ms, share in cells))
    print(
        f"{'a step':<12}" + "".join(f"{sum(p.values()):>11.1f} ms      " for p in results.values())
    )


def main(argv: list[str] | None = None) -> int:
    """Measure the contenders named, print the table, write the JSON."""
    print_anything()
    parser = argparse.ArgumentParser(
        prog="python -m tools.bench.breakdown", description=__doc__.splitlines()[0]
    )
    parser.add_argument("contenders", nargs="*", default=["TRL", "course"])
    add_run_options(parser, steps=13)
    parser.add_argument("--rounds", type=int, default=3, help="runs of each; medians are shown")
    parser.add_argument("--json", type=Path, default=ROOT / "build" / "bench" / "breakdown.json")
    args = parser.parse_args(argv)
    warnings.filterwarnings("ignore", category=FutureWarning)
    import sentiment
    from tools.bench.contenders import shared_reward

    seams = Seams()
    with tempfile.TemporaryDirectory() as folder, inside_the_reward(seams):
        config = configuration(args, Path(folder))
        sentiment.use_model(config.sentiment_model)
        reward, out = shared_reward(config), Path(folder, "run")
        rounds = [
            {name: measure(name, config, reward, seams, out) for name in args.contenders}
            for _ in range(args.rounds)
        ]
    results = {
        name: {part: statistics.median(r[name][part] for r in rounds) for part in rounds[0][name]}
        for name in args.contenders
    }
    show(results)
    args.json.parent.mkdir(parents=True, exist_ok=True)
    args.json.write_text(json.dumps({"machine": hardware(), "ms": results}, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
