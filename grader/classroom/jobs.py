"""Grades many notebooks at once: each job is a process of its own with its own sandbox, replaced if it dies.

A job reads one request a line (JSON) and answers with one verdict a line.
"""

import contextlib
import json
import os
import resource
import select
import subprocess
import sys
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import IO, Any, Self

from grader.assignment import Kind, load_assignment
from grader.errors import CourseError
from grader.judging.patience import ALL_CALLS
from grader.judging.session import Grader
from grader.submission.handed_in import HandedIn, read
from grader.verdict import Outcome, Verdict, open_verdict, verdict
from grader.wall.inside.limits import memory_in_use
from grader.wall.sandbox import Sandbox
from grader.wall.watchdog import watchdog

MEMORY = 2 << 30  # bytes that a job may need beside what it has loaded


def serve() -> None:
    """A job process: `python -m grader.classroom.jobs LAWS ISOLATION TRAINING`."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever prints must not end up among the answers
    laws, isolation, training = sys.argv[1:4]
    with (
        contextlib.suppress(CourseError),  # the process that started this one has seen it, too
        Grader(load_assignment(laws), isolation, training or None) as grader,
    ):
        limit_memory()
        for line in sys.stdin:
            request = json.loads(line)
            answer = grader.check(asked_for(request), request["exercises"], request["name"])
            print(json.dumps(answer), file=answers, flush=True)


def asked_for(request: dict[str, Any]) -> HandedIn:
    """The notebook that a request is about, or that there is none."""
    why_not = request["why_not"]
    return HandedIn(why_not=why_not) if why_not else read(request["path"])


def limit_memory() -> None:
    """Honest work needs 30 MB above what is loaded: more than MEMORY is a submission's doing, and ends with it."""
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)  # it stays: new workers may be given more
    most = memory_in_use()[0] + MEMORY
    soft = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))


class Job:
    """One process that grades, and the next once it died."""

    def __init__(self, arguments: list[str]) -> None:
        self.arguments, self.stopped = arguments, False
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "grader.classroom.jobs", *self.arguments]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
        )
        return self.process

    def ask(self, request: dict[str, Any], seconds: float) -> Verdict | None:
        """The verdict, or None if the job died or hung; the next request then gets a new process."""
        if self.stopped:
            return None
        process = self.process or self.start()
        questions, answers = _pipes(process)
        try:
            end = time.monotonic() + seconds
            with watchdog(lambda: end, process.kill):  # it may hang within a line, too
                questions.write(json.dumps(request).encode() + b"\n")
                questions.flush()
                answered = select.select([answers], [], [], seconds)[0]
                made: Verdict = json.loads(answers.readline() if answered else b"")
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


class Pool:
    """`submit` gives a future verdict; whatever happens to a job, it comes."""

    def __init__(self, grader: Grader, count: int) -> None:
        """`grader`: one that was never entered, for its plan and settings."""
        self.grader = grader
        laws = grader.assignment.folder
        arguments = [str(laws), grader.isolation.name, str(grader.training or "")]
        self.jobs = [Job(arguments) for _ in range(count)]
        self.idle, self.lock = list(self.jobs), threading.Lock()
        self.threads = ThreadPoolExecutor(count)

    def __enter__(self) -> Self:
        """Refuse what no job could do, then let a job start while the caller goes on; the others start once there is work."""
        with Sandbox([], self.grader.assignment.limits, self.grader.isolation) as wall:
            wall.worker().kill()
        self.idle[-1].start()  # the one that is taken first
        self.grader.validate()
        return self

    def __exit__(self, *_: object) -> None:
        for job in self.jobs:
            job.stop()
        self.threads.shutdown(cancel_futures=True)
        for job in self.jobs:
            job.close()

    def submit(
        self,
        path: str | Path,
        exercises: list[str] | None = None,
        name: str | None = None,
        why_not: str = "",
    ) -> Future[Verdict]:
        """The verdict on the notebook at this path, or on there being none (`why_not`, a key of NO_NOTEBOOK)."""
        request = {
            "path": str(Path(path).resolve()),
            "exercises": exercises,
            "name": name or str(path),
            "why_not": why_not,
        }
        return self.threads.submit(self._verdict, request)

    def _verdict(self, request: dict[str, Any]) -> Verdict:
        with self.lock:
            job = self.idle.pop()
        try:
            # a job that died or hung is no verdict on the student: once more in a new one
            answer = job.ask(request, self._seconds()) or job.ask(request, self._seconds())
            return answer or self._infrastructure(request)
        finally:
            with self.lock:
                self.idle.append(job)

    def _seconds(self) -> float:
        """More than all limits of one submission together: its own end comes first, unless this machine hangs."""
        limits = self.grader.assignment.limits
        one = 60 + ALL_CALLS * limits.exercise_seconds + limits.answer_seconds
        one += limits.call_seconds + limits.load_seconds
        return 60 + one * sum(e.kind == Kind.LAWS for e in self.grader.plan)

    def _infrastructure(self, request: dict[str, Any]) -> Verdict:
        words = "the grading process died or hung twice"
        marked = {
            e.stem: open_verdict(e, Outcome.INFRASTRUCTURE, words)
            for e in self.grader.judged(request["exercises"])
        }
        digest, wall = asked_for(request).sha256, self.grader.isolation
        made_with = self.grader.made_with
        return verdict(request["name"], digest, marked, wall.name, made_with, wall.notes)


if __name__ == "__main__":
    serve()
