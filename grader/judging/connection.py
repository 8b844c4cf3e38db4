"""One exercise's connection to its worker, which may have to be replaced: what it may still take, and our answers to it."""

import contextlib
import time
from collections.abc import Callable, Iterator
from typing import Any

from grader.assignment import Assignment
from grader.judging.calls import Callback, Ended, Value
from grader.judging.patience import whole
from grader.text import clean
from grader.verdict import Outcome
from grader.wall.ends import WorkerEnded, out_of_memory
from grader.wall.inside import wire
from grader.wall.link import Answer, Worker
from grader.wall.sandbox import Sandbox

MAX_CALLBACKS = 200


@contextlib.contextmanager
def interpreting() -> Iterator[None]:
    """Whatever fails here fails because of what the worker sent; its size is bounded, so memory is this machine's matter."""
    try:
        yield
    except MemoryError:
        raise out_of_memory() from None
    except Exception:
        raise WorkerEnded(Outcome.CRASH, "the answer was not a value") from None


class Connection:
    """At most one worker at a time, and the patience that all of them share."""

    def __init__(self, assignment: Assignment, sandbox: Sandbox) -> None:
        self.assignment, self.sandbox = assignment, sandbox
        self.worker: Worker | None = None
        self.patience = whole(assignment.limits)

    def open(self) -> Worker:
        """A fresh worker; SandboxError if none can be had."""
        self.worker = self.sandbox.worker(self.assignment.limits)
        return self.worker

    def close(self) -> None:
        """End the worker, if there is one."""
        if self.worker is not None:
            self.worker.kill()
        self.worker = None

    @contextlib.contextmanager
    def losing_patience(self, worker: Worker, unhurried: float) -> Iterator[None]:
        """What the worker takes within it is taken of the patience, beyond `unhurried` seconds: a busy machine must not cost marks."""
        start, given_back = time.monotonic(), worker.given_back
        self.patience = self.patience.begun()
        try:
            yield
        finally:
            seconds = time.monotonic() - start - (worker.given_back - given_back)
            self.patience = self.patience.after(seconds, unhurried)

    def spares(self, end: WorkerEnded) -> bool:
        """Whether this end is forgiven, and then as if it had not been."""
        if not self.patience.spares(end):
            return False
        self.patience = self.patience.sparing()
        return True

    def struck(self, end: WorkerEnded) -> Ended:
        """How the law ends whose worker ended so."""
        self.close()
        self.patience = self.patience.struck(end, self.assignment.limits.strikes)
        return Ended(end.outcome, end.words)

    def answer(
        self, worker: Worker, message: dict[str, Any], buffers: list[bytes], asked: list[Callback]
    ) -> Answer:
        """Answer a call to what the course provides, and note it in `asked`; None if the message is something else."""
        if message.get("is") != "callback":
            return None
        function = self.assignment.provides.get(message.get("name", ""))
        if function is None:
            raise wire.WireError("unknown function")
        if len(asked) >= MAX_CALLBACKS:
            text = f"called more than {MAX_CALLBACKS} times"
            return {"refused": "RuntimeError", "text": text}, []
        args, kwargs = (
            wire.unpack(message.get(part), buffers, left=worker.objects)
            for part in ("args", "kwargs")
        )
        if not isinstance(args, tuple) or not isinstance(kwargs, dict):
            raise wire.WireError("not arguments")
        asked.append(Callback(message["name"]))
        answer: list[bytes] = []
        try:
            result = self._provided(worker, asked[-1].name, function, args, kwargs)
            return {"value": wire.pack(result, answer)}, answer
        except (TypeError, ValueError) as error:
            kind = "TypeError" if isinstance(error, TypeError) else "ValueError"
            return {"refused": kind, "text": clean(str(error))}, []
        except Ended:
            self.close()  # the worker waits for an answer that will not come
            raise

    def _provided(
        self,
        worker: Worker,
        name: str,
        function: Callable[..., Value],
        args: tuple[Value, ...],
        kwargs: dict[str, Value],
    ) -> Value:
        """What it answers; TypeError and ValueError refuse what the student gave, Ended ends the law, all else is ours.

        None of this time is the student's, so it has a limit of its own: however quick, answers add up.
        """
        if self.patience.answering < 0:
            over = Ended(Outcome.TIMEOUT, f"{name} was given too much to answer altogether")
            self.patience = self.patience.ended(over)
            raise over
        start = time.monotonic()
        try:
            with worker.on_our_time():
                return function(*args, **kwargs)
        except (TypeError, ValueError):
            raise
        except Exception as error:
            words = f"{name} failed: {type(error).__name__}: {error}"
            raise Ended(Outcome.INFRASTRUCTURE, clean(words)) from error
        finally:
            self.patience = self.patience.answered(time.monotonic() - start)
