"""Verdicts from any executor: one is a pure function of the assignment's fingerprint, the notebook's bytes and what is asked.

`judge` is that function; it runs in a process that keeps one Grader, warm, on this machine or another. What depends on more
than that, the training marks, is added here (`Grader.trained`).
"""

import atexit
import base64
import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self, TypedDict

from grader.assignment import Kind, load_assignment
from grader.classroom.jobs import Jobs
from grader.errors import ClusterError, CourseError, GraderError
from grader.judging.patience import ALL_CALLS
from grader.judging.session import Grader
from grader.store import fingerprint
from grader.submission.handed_in import HandedIn, read
from grader.verdict import Outcome, Verdict, open_verdict, verdict
from grader.wall.sandbox import Sandbox

DIFFER = "laws, grader or packages differ from those of whoever asks; if they were changed during this run, run it again"
WARM: dict[str, Grader] = {}  # this process's one Grader, by its stamp


class Question(TypedDict):
    """What a verdict depends on, as JSON has it."""

    stamp: str  # the assignment's fingerprint: whoever has another must not answer
    data: str  # the notebook's bytes in base64
    why_not: str
    exercises: list[str] | None
    name: str


def judge(question: Question) -> Verdict:
    """The verdict as it is without any training mark; GraderError if it cannot be had here."""
    if question["stamp"] not in WARM:
        raise CourseError(DIFFER)
    handed_in = HandedIn(base64.b64decode(question["data"]), question["why_not"])
    return WARM[question["stamp"]].check(handed_in, question["exercises"], question["name"])


def begin(laws: str, isolation: str, stamp: str) -> None:
    """Get this process ready to judge by these laws; CourseError if they, grader or packages are not those of the stamp."""
    assignment = load_assignment(laws)
    if fingerprint(assignment, isolation) != stamp:
        raise CourseError(DIFFER)
    grader = Grader(assignment, isolation).__enter__()
    atexit.register(grader.__exit__)
    WARM[stamp] = grader


def seconds(grader: Grader) -> float:
    """More than all limits of one submission together: its own end comes first, unless the machine hangs."""
    limits = grader.assignment.limits
    one = 60 + ALL_CALLS * limits.exercise_seconds + limits.answer_seconds
    one += limits.call_seconds + limits.load_seconds
    return 60 + one * sum(e.kind == Kind.LAWS for e in grader.plan)


@dataclass(frozen=True)
class Asked:
    """A verdict that somebody waits for."""

    path: Path
    exercises: list[str] | None
    name: str
    why_not: str
    keep: Callable[[Verdict], object]
    made: Future[Verdict] = field(default_factory=Future)


class Verdicts:
    """`with Verdicts(grader, executor) as verdicts: verdicts.submit(path)` gives future verdicts, read and sent as there is room.

    A notebook that the executor could not judge gets a verdict that says so; ClusterError alone stops them all.
    """

    def __init__(self, grader: Grader, executor: Executor, room: int) -> None:
        """`grader`: as of `here`; `room`: how many notebooks the executor may have at a time."""
        self.grader, self.executor = grader, executor
        self.stamp = grader.stamp
        self.room, self.closed = threading.Semaphore(room), False
        self.sender, self.keeper = ThreadPoolExecutor(1), ThreadPoolExecutor(1)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None = None,
        error: BaseException | None = None,
        trace: TracebackType | None = None,
    ) -> None:
        self.closed = True
        self.room.release()  # the sender may wait for it
        self.executor.shutdown(cancel_futures=True)
        for threads in (self.sender, self.keeper):
            threads.shutdown(cancel_futures=True)

    def submit(
        self,
        path: str | Path,
        exercises: list[str] | None = None,
        name: str | None = None,
        why_not: str = "",
        keep: Callable[[Verdict], object] = lambda _: None,
    ) -> Future[Verdict]:
        """The verdict on the notebook at this path, or on there being none (`why_not`, a key of NO_NOTEBOOK).

        Args:
            keep: is given the verdict before anybody else, in the order in which verdicts come.
        """
        asked = Asked(Path(path), exercises, name or str(path), why_not, keep)
        self.sender.submit(self._send, asked)
        return asked.made

    def _send(self, asked: Asked) -> None:
        self.room.acquire()
        if self.closed:
            asked.made.cancel()
            return
        handed_in = HandedIn(why_not=asked.why_not) if asked.why_not else read(asked.path)
        try:
            future = self.executor.submit(judge, self._question(asked, handed_in))
        except (GraderError, RuntimeError) as error:  # RuntimeError: it was shut down
            future = Future()
            future.set_exception(error)
        future.add_done_callback(partial(self._arrived, asked, handed_in))

    def _question(self, asked: Asked, handed_in: HandedIn) -> Question:
        return {
            "stamp": self.stamp,
            "data": base64.b64encode(handed_in.data).decode(),
            "why_not": handed_in.why_not,
            "exercises": asked.exercises,
            "name": asked.name,
        }

    def _arrived(self, asked: Asked, handed_in: HandedIn, future: Future[Verdict]) -> None:
        self.room.release()
        with suppress(RuntimeError):  # closed: nobody waits any more
            self.keeper.submit(self._settle, asked, handed_in, future)

    def _settle(self, asked: Asked, handed_in: HandedIn, future: Future[Verdict]) -> None:
        if future.cancelled():
            asked.made.cancel()
            return
        try:
            found = self.grader.trained(self._found(asked, handed_in, future), handed_in)
            asked.keep(found)
        except BaseException as error:
            asked.made.set_exception(error)
        else:
            asked.made.set_result(found)

    def _found(self, asked: Asked, handed_in: HandedIn, future: Future[Verdict]) -> Verdict:
        error = future.exception()
        if error is None:
            return future.result()
        if isinstance(error, ClusterError):
            raise error
        words = str(error) if isinstance(error, GraderError) else f"{type(error).__name__}: {error}"
        marked = {
            e.stem: open_verdict(e, Outcome.INFRASTRUCTURE, words)
            for e in self.grader.judged(asked.exercises)
        }
        isolation = self.grader.isolation
        made_with, sha = self.grader.made_with, handed_in.sha256
        return verdict(asked.name, sha, marked, isolation.name, made_with, isolation.notes)


Judging = Callable[[Grader], Verdicts]  # how a class gets its verdicts


def here(grader: Grader, count: int) -> Verdicts:
    """Verdicts from so many jobs of this machine; refuses what none of them could do.

    Args:
        grader: one that was never entered, for its plan and settings.
    """
    with Sandbox([], grader.assignment.limits, grader.isolation) as wall:
        wall.worker().kill()
    where = (str(grader.assignment.folder), grader.isolation.name, grader.stamp)
    jobs = Jobs(count, seconds(grader), begin, where)
    jobs.start()
    try:
        grader.validate()
    except BaseException:
        jobs.shutdown(cancel_futures=True)
        raise
    return Verdicts(grader, jobs, 2 * count)
