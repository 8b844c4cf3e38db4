"""An executor of this machine: jobs are processes of their own, replaced when they die or hang, which end with whoever started them.

A job reads one call a line (JSON) and answers with one result a line. docs/benchmarks.md says why these and no library's pool.
"""

import contextlib
import importlib
import json
import os
import resource
import select
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from typing import IO, Any

from grader.errors import GraderError
from grader.wall.inside.limits import memory_in_use
from grader.wall.watchdog import watchdog

MEMORY = 2 << 30  # bytes that a job may need beside what it has loaded
IDLE = 900.0  # seconds without a call after which a job ends; the next call starts another
DIED = "the grading process died or hung twice"


def serve() -> None:
    """A job process: `python -m grader.classroom.jobs CALL`, a call that every other one needs to have gone before."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever prints must not end up among the answers
    first = answer(json.loads(sys.argv[1]))
    limit_memory()
    while select.select([sys.stdin], [], [], IDLE)[0] and (line := sys.stdin.readline()):
        made = first if "error" in first else answer(json.loads(line))
        print(json.dumps(made), file=answers, flush=True)


def call(function: Callable[..., Any], *arguments: Any) -> dict[str, Any]:
    """A call as JSON has it: `function` stands in a module, and its arguments are plain."""
    return {"function": [function.__module__, function.__qualname__], "arguments": arguments}


def answer(request: dict[str, Any]) -> dict[str, Any]:
    """The `result` of a call, or the `error` that the grader has words for; any other one ends the process."""
    module, name = request["function"]
    try:
        return {"result": getattr(importlib.import_module(module), name)(*request["arguments"])}
    except GraderError as error:
        return {"error": str(error)}


def limit_memory() -> None:
    """Honest work needs 30 MB above what is loaded: more than MEMORY is a submission's doing, and ends with it."""
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)  # it stays: new workers may be given more
    most = memory_in_use()[0] + MEMORY
    soft = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))


class Job:
    """One process that answers calls, and the next once it died."""

    def __init__(self, arguments: list[str]) -> None:
        self.arguments, self.stopped = arguments, False
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "grader.classroom.jobs", *self.arguments]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
        )
        return self.process

    def ask(self, request: dict[str, Any], seconds: float) -> dict[str, Any] | None:
        """The answer, or None if the job died or hung; the next request then gets a new process."""
        if self.stopped:
            return None
        if self.process is not None and self.process.poll() is not None:
            self.close()  # it had nothing to do for long, or died by itself
        process = self.process or self.start()
        if self.stopped:  # meanwhile
            process.kill()
        questions, answers = _pipes(process)
        try:
            end = time.monotonic() + seconds
            with watchdog(lambda: end, process.kill):  # it may hang within a line, too
                questions.write(json.dumps(request).encode() + b"\n")
                questions.flush()
                answered = select.select([answers], [], [], seconds)[0]
                made: dict[str, Any] = json.loads(answers.readline() if answered else b"")
                return made
        except (OSError, ValueError):
            self.close()
            return None

    def stop(self) -> None:
        """End the job from another thread than the one that asks it."""
        self.stopped = True
        if self.process is not None:
            self.process.kill()

    def close(self) -> None:
        if self.process is not None:
            self.process.kill()  # its sandbox dies with it
            self.process.wait()
            for pipe in _pipes(self.process):
                # a request that a dead job never read still waits in its pipe
                with contextlib.suppress(OSError):
                    pipe.close()
        self.process = None


def _pipes(process: subprocess.Popen[bytes]) -> tuple[IO[bytes], IO[bytes]]:
    assert process.stdin is not None
    assert process.stdout is not None
    return process.stdin, process.stdout


class Jobs(Executor):
    """`submit` gives the future result of a module's function for plain arguments; whatever happens to a job, it comes.

    GraderError in place of a result: what the function said, or that two jobs died of this call.
    """

    def __init__(
        self, count: int, seconds: float, initializer: Callable[..., Any], initargs: tuple[Any, ...]
    ) -> None:
        """`seconds`: what a call may take; `initializer` runs first in each new job."""
        first = json.dumps(call(initializer, *initargs))
        self.jobs, self.seconds = [Job([first]) for _ in range(count)], seconds
        self.idle, self.lock = list(self.jobs), threading.Lock()
        self.threads = ThreadPoolExecutor(count)

    def start(self) -> None:
        """Let a job begin while the caller goes on; the others begin once there is work."""
        self.idle[-1].start()  # the one that is taken first

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """The future result of `fn(*args)`."""
        if kwargs:
            raise TypeError("a job takes its arguments by their places")
        return self.threads.submit(self._answer, call(fn, *args))

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """End all jobs, whatever they are at, unless `cancel_futures` is false: then once they have answered."""
        if cancel_futures:
            for job in self.jobs:
                job.stop()
        self.threads.shutdown(wait, cancel_futures=cancel_futures)
        for job in self.jobs:
            job.close()

    def _answer(self, request: dict[str, Any]) -> Any:
        with self.lock:
            job = self.idle.pop()
        try:
            # a job that died or hung is no verdict on the student: once more in a new one
            made = self._once(job, request)
            if "result" not in made:
                made = self._once(job, request)
        finally:
            with self.lock:
                self.idle.append(job)
        if "result" in made:
            return made["result"]
        raise GraderError(made["error"])

    def _once(self, job: Job, request: dict[str, Any]) -> dict[str, Any]:
        made = job.ask(request, self.seconds) or {"error": DIED}
        if "error" in made:
            job.close()
        return made


if __name__ == "__main__":
    serve()
