"""How far a run is and how long it will still take: a line that renews itself, in a terminal and in a notebook.

Where neither is there, as in a log, it stays silent: `lab/tracking.py` prints the figures anyway.
"""

import sys
import time
from typing import TYPE_CHECKING, Any

from transformers import TrainerCallback

from lab.command import in_notebook

if TYPE_CHECKING:
    from transformers import TrainerControl, TrainerState, TrainingArguments

EVERY = 0.5  # seconds between two lines


class TimeLeft(TrainerCallback):
    """Says after each step how far it is; the main process alone."""

    def __init__(self) -> None:
        """Find out where lines are shown."""
        self.show, self.shown = line_shower(), 0.0
        self.started = self.first = self.now = time.perf_counter()
        self.begun = 0

    def on_train_begin(
        self,
        args: "TrainingArguments",
        state: "TrainerState",
        control: "TrainerControl",
        **kwargs: Any,
    ) -> None:
        """Start the clock, at the step where a resumed run goes on."""
        self.started = self.first = time.perf_counter()
        self.begun = state.global_step

    def on_step_end(
        self,
        args: "TrainingArguments",
        state: "TrainerState",
        control: "TrainerControl",
        **kwargs: Any,
    ) -> None:
        """Renew the line; the first step, which warms up, does not count for what is left."""
        self.now = time.perf_counter()
        done = state.global_step - self.begun
        if done == 1:
            self.first = self.now
        if not state.is_world_process_zero or self.now - self.shown < EVERY:
            return
        self.shown = self.now
        self.show(words(state.global_step, state.max_steps, self.left(done, state.max_steps)))

    def left(self, done: int, steps: int) -> float | None:
        """Return the seconds that the steps will still take, validations among them; None before the second step."""
        if done < 2:
            return None
        return (self.now - self.first) / (done - 1) * (steps - self.begun - done)

    def on_train_end(
        self,
        args: "TrainingArguments",
        state: "TrainerState",
        control: "TrainerControl",
        **kwargs: Any,
    ) -> None:
        """Say what it took."""
        if state.is_world_process_zero:
            took = span(time.perf_counter() - self.started)
            self.show(f"{state.global_step} steps in {took}", last=True)


def words(step: int, steps: int, seconds: float | None) -> str:
    """Return how far a run is.

    >>> words(10, 40, 29.6)
    'step 10 of 40, 25 %, about 30 s left'
    """
    rest = "" if seconds is None else f", about {span(seconds)} left"
    return f"step {step} of {steps}, {100 * step // max(1, steps)} %{rest}"


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


def silent(text: str, last: bool = False) -> None:
    """Show nothing: a log has no line that renews itself."""


def line_shower() -> Any:
    """Return what shows a line here."""
    if in_notebook():
        return Cell()
    return Terminal() if sys.stderr.isatty() else silent
