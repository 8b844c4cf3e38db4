"""How far a run is, how fast, and how long it will still take: a bar that renews itself, in a terminal and in a notebook.

Where neither is there, as in a log, one line says after the third step how long the rest takes; where nbgrader executes the notebook, nothing does.
"""

import shutil
import sys
import time
from typing import TYPE_CHECKING, Any

from tqdm import tqdm
from transformers import TrainerCallback

from lab.command import in_notebook, nbgrader_executes

if TYPE_CHECKING:
    from transformers import TrainerControl, TrainerState, TrainingArguments

EVERY = 0.5  # seconds between two bars
WIDTH = 88  # most characters of a bar
TOLD_AFTER = 3  # steps, the first of which warms up
BAR = "{percentage:3.0f}%|{bar}| {n_fmt}/{total_fmt} [{elapsed}LEFT, {rate_fmt}{postfix}]"


class Pace:
    """The one estimate of the time that is left: seconds a step, the first apart, which warms up, and seconds a validation."""

    def __init__(self, steps: int, validation_steps: int) -> None:
        """`steps`: of the whole run; `validation_steps`: steps between validations, 0 for none on the way."""
        self.steps, self.every = steps, validation_steps
        self.begun = self.step = 0
        self.validated_at, self.validations = -1, list[float]()
        self.started = time.perf_counter()
        self.first: float | None = None
        self.now = 0.0

    def training(self) -> float:
        """Return the seconds since the begin that no validation took."""
        return time.perf_counter() - self.started - self.validating()

    def validating(self) -> float:
        """Return the seconds that validations took."""
        return sum(self.validations)

    def begin(self, step: int) -> None:
        """Note the step that a run begins or goes on at."""
        self.begun = self.step = step

    def ended(self, step: int) -> None:
        """Note that a step has ended."""
        self.step, self.now = step, self.training()
        if self.first is None:
            self.first = self.now

    def validated(self, step: int, seconds: float) -> None:
        """Note a validation after a step."""
        self.validated_at = step
        self.validations.append(seconds)

    def a_step(self) -> float | None:
        """Return the seconds that a step takes; None before the second."""
        done = self.step - self.begun - 1
        return None if done < 1 or self.first is None else (self.now - self.first) / done

    def left(self) -> float | None:
        """Return the seconds that steps and validations will still take; None before the second step."""
        pace = self.a_step()
        if pace is None:
            return None
        to_come = 1  # the last
        if self.every:
            last = max(self.step - 1, self.validated_at)
            to_come += max(0, (self.steps - 1) // self.every - last // self.every)
        each = self.validating() / max(1, len(self.validations))
        return pace * (self.steps - self.step) + each * to_come


class TimeLeft(TrainerCallback):
    """Says after each step how far it is; the main process alone."""

    def __init__(self, pace: Pace) -> None:
        """Find out where a bar is shown."""
        self.pace, self.show = pace, bar_shower()
        self.shown = self.started = time.perf_counter()
        self.reward: float | None = None

    def on_train_begin(
        self,
        args: "TrainingArguments",
        state: "TrainerState",
        control: "TrainerControl",
        **kwargs: Any,
    ) -> None:
        """Begin at the step where a resumed run goes on."""
        self.pace.begin(state.global_step)

    def on_log(
        self,
        args: "TrainingArguments",
        state: "TrainerState",
        control: "TrainerControl",
        logs: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        """Take up the newest reward."""
        self.reward = (logs or {}).get("reward", self.reward)

    def on_step_end(
        self,
        args: "TrainingArguments",
        state: "TrainerState",
        control: "TrainerControl",
        **kwargs: Any,
    ) -> None:
        """Renew the bar, or say once how long the rest takes."""
        self.pace.ended(state.global_step)
        if not state.is_world_process_zero:
            return
        now, left = time.perf_counter(), self.pace.left()
        if self.show is None:
            last = state.global_step == self.pace.steps
            if left is not None and self.pace.step - self.pace.begun == TOLD_AFTER and not last:
                say(words(state.global_step, self.pace.steps, left))
        elif now - self.shown >= EVERY:
            self.shown = now
            self.show(bar(self.pace, now - self.started, self.reward))

    def on_train_end(
        self,
        args: "TrainingArguments",
        state: "TrainerState",
        control: "TrainerControl",
        **kwargs: Any,
    ) -> None:
        """Say what it took."""
        if state.is_world_process_zero and self.show:
            took = span(time.perf_counter() - self.started)
            self.show(f"{state.global_step} steps in {took}", last=True)


def bar(pace: Pace, elapsed: float, reward: float | None) -> str:
    """Return tqdm's bar for a run, with the time left of our own, as validations take theirs."""
    left, a_step = pace.left(), pace.a_step()
    encoding = getattr(sys.stderr, "encoding", None) or "ascii"
    return tqdm.format_meter(
        pace.step,
        pace.steps,
        elapsed,
        ncols=width(),
        ascii=not encoding.lower().startswith("utf"),
        unit="step",
        rate=1 / a_step if a_step else None,
        bar_format=BAR.replace("LEFT", "" if left is None else f"<{tqdm.format_interval(left)}"),
        postfix="" if reward is None else f"reward {reward:.3f}",
    )


def width() -> int:
    """Return how many characters a bar has here: one that is broken into two lines cannot be written over."""
    return min(WIDTH, shutil.get_terminal_size().columns - 1)


def say(text: str) -> None:
    """Print a line at once; in a terminal it hides the bar that it is written over, however short it is."""
    print(text.ljust(width()) if sys.stdout.isatty() else text, flush=True)


def words(step: int, steps: int, left: float) -> str:
    """Return how far a run is, for a log.

    >>> words(3, 40, 29.6)
    'step    3/40  about 30 s to go'
    """
    return f"step {step:>4}/{steps}  about {span(left)} to go"


def span(seconds: float) -> str:
    """Return a time as people say it.

    >>> span(0.2), span(59.6), span(3700)
    ('1 s', '1 min', '1 h 2 min')
    """
    whole = max(1, round(seconds))
    if whole < 60:
        return f"{whole} s"
    minutes = round(whole / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


class Terminal:
    """Writes over its own line on stderr, and leaves the cursor at its begin: what is printed next, which is longer, hides it."""

    def __init__(self) -> None:
        """Begin with nothing to write over."""
        self.width = 0

    def __call__(self, text: str, last: bool = False) -> None:
        """Show a line; the `last` one stays."""
        end = "\n" if last else "\r"
        print(f"{text:<{self.width}}", end=end, file=sys.stderr, flush=True)
        self.width = len(text)


class Cell:
    """Renews one output of a notebook's cell, of which the last state is saved."""

    def __init__(self) -> None:
        """Begin without an output."""
        self.handle: Any = None

    def __call__(self, text: str, last: bool = False) -> None:
        """Show a line; the `last` one stays, as every line does."""
        from IPython.display import display

        shown = {"text/plain": text}
        if self.handle is None:
            self.handle = display(shown, raw=True, display_id=True)  # type: ignore[no-untyped-call]
        else:
            self.handle.update(shown, raw=True)


def bar_shower() -> Any:
    """Return what shows a bar here, None in a log and where nbgrader executes the notebook."""
    if nbgrader_executes():
        return None
    if in_notebook():
        return Cell()
    return Terminal() if sys.stderr.isatty() else None
