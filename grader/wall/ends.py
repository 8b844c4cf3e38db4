"""How a worker may end, as typed outcomes: who or what ended it, and whether the student deserves a second chance."""

import signal

from grader.assignment import Limits
from grader.verdict import Outcome


class WorkerEnded(Exception):
    """The worker is gone; `outcome` is the typed reason, `words` says it to the student.

    `doubtful`: this machine or somebody on it may have ended it, so the student deserves a second chance.
    """

    def __init__(self, outcome: Outcome, words: str, doubtful: bool = False) -> None:
        super().__init__(words)
        self.outcome, self.words, self.doubtful = outcome, words, doubtful


def how_it_ended(word: str | None, short_of_memory: str, limits: Limits) -> WorkerEnded:
    """The typed end of a worker.

    Args:
        word: its doorman's last: "exit 3", "signal 9", "beyond memory"; "" when the doorman went without one; None while it lives.
        short_of_memory: what `Group.out_of_memory` says.
    """
    if word is None and short_of_memory not in ("machine", "own"):
        # or this machine is so slow that the doorman had no turn
        return WorkerEnded(Outcome.CRASH, "the process closed the grader's channel", doubtful=True)
    kind, _, number = (word or "").partition(" ")
    if kind == "exit":
        return WorkerEnded(Outcome.CRASH, f"the process ended itself (exit code {number})")
    if kind == "beyond":
        return beyond(number, limits)
    sent = int(number) if kind == "signal" else None  # None: the doorman is gone or silent
    if sent == signal.SIGXCPU:
        return WorkerEnded(Outcome.TIMEOUT, f"more than {limits.cpu_seconds} seconds of computing")
    killed = sent in (None, signal.SIGKILL)
    if killed and short_of_memory == "machine":
        return out_of_memory()
    if killed and short_of_memory == "own":
        return WorkerEnded(Outcome.OUT_OF_MEMORY, f"more than {limits.memory_mb} MB of memory")
    if sent is None:  # and nothing inside can end it
        return WorkerEnded(Outcome.INFRASTRUCTURE, "the sandbox went down", doubtful=True)
    if killed and short_of_memory == "unknown":
        words = f"more than {limits.memory_mb} MB of memory"
        return WorkerEnded(Outcome.OUT_OF_MEMORY, words, doubtful=True)
    words = f"the process was ended by signal {sent} ({signal.strsignal(sent)})"
    return WorkerEnded(Outcome.CRASH, words, doubtful=sent in (signal.SIGKILL, signal.SIGTERM))


def beyond(what: str, limits: Limits) -> WorkerEnded:
    """The end of a worker whose doorman has counted too much of something."""
    if what == "memory":
        return WorkerEnded(Outcome.OUT_OF_MEMORY, f"more than {limits.memory_mb} MB of memory")
    most = {
        "scratch": f"{limits.scratch_mb} MB of scratch space",
        "processes": f"{limits.processes} processes",
    }
    return WorkerEnded(Outcome.CRASH, f"far more than {most.get(what, what)}")


def out_of_memory() -> WorkerEnded:
    """The end of a worker because this process, not that one, is short of memory: sizes are bounded on the wire."""
    return WorkerEnded(Outcome.INFRASTRUCTURE, "this machine ran out of memory", doubtful=True)
