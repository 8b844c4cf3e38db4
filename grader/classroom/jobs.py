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
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grader
from grader.assignment import CourseError, load_assignment
from grader.judging.patience import ALL_CALLS
from grader.judging.session import Grader, read
from grader.verdict import open_verdict, verdict
from grader.wall.inside.zygote import memory_in_use
from grader.wall.sandbox import Sandbox
from grader.wall.watchdog import watchdog

MEMORY = 2 << 30  # bytes that a job may need beside what it has loaded


def serve():
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
            answer = grader.check(request["path"], request["exercises"], request["name"])
            print(json.dumps(answer), file=answers, flush=True)


def limit_memory():
    """Honest work needs 30 MB above what is loaded: more than MEMORY is a submission's doing, and ends with it."""
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)  # it stays: new workers may be given more
    most = memory_in_use()[0] + MEMORY
    soft = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))


class Job:
    def __init__(self, arguments):
        self.arguments, self.process, self.stopped = arguments, None, False

    def start(self):
        command = [sys.executable, "-m", "grader.classroom.jobs", *self.arguments]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        self.process = subprocess.Popen(
            command, **pipes, cwd=Path(grader.__file__).parents[1], start_new_session=True
        )

    def ask(self, request, seconds):
        """The verdict, or None if the job died or hung; the next request then gets a new process."""
        if self.stopped:
            return None
        if self.process is None:
            self.start()
        try:
            end = time.monotonic() + seconds
            with watchdog(lambda: end, self.process.kill):  # it may hang within a line, too
                self.process.stdin.write(json.dumps(request).encode() + b"\n")
                self.process.stdin.flush()
                answered = select.select([self.process.stdout], [], [], seconds)[0]
                return json.loads(self.process.stdout.readline() if answered else b"")
        except (OSError, ValueError):
            self.close()
            return None

    def stop(self):
        """End the job from another thread than the one that asks it."""
        self.stopped = True
        if self.process is not None:
            self.process.kill()

    def close(self):
        if self.process is not None:
            self.process.kill()  # its sandbox dies with it
            self.process.wait()
            self.process.stdin.close()
            self.process.stdout.close()
        self.process = None


class Pool:
    """`submit` gives a future verdict; whatever happens to a job, it comes."""

    def __init__(self, grader, count, laws):
        """`grader`: a Grader that was never entered, for its plan and settings."""
        self.grader = grader
        arguments = [str(laws), grader.isolation.name, str(grader.training or "")]
        self.jobs = [Job(arguments) for _ in range(count)]
        self.idle, self.lock = list(self.jobs), threading.Lock()
        self.threads = ThreadPoolExecutor(count)

    def __enter__(self):
        """Refuse what no job could do, then let a job start while the caller goes on; the others start once there is work."""
        with Sandbox([], self.grader.assignment.limits, self.grader.isolation) as wall:
            wall.worker().kill()
        self.idle[-1].start()  # the one that is taken first
        self.grader.validate()
        return self

    def __exit__(self, *_):
        for job in self.jobs:
            job.stop()
        self.threads.shutdown(cancel_futures=True)
        for job in self.jobs:
            job.close()

    def submit(self, path, exercises=None, name=None):
        return self.threads.submit(self._verdict, str(path), exercises, name or str(path))

    def _verdict(self, path, exercises, name):
        with self.lock:
            job = self.idle.pop()
        request = {"path": str(Path(path).resolve()), "exercises": exercises, "name": name}
        try:
            # a job that died or hung is no verdict on the student: once more in a new one
            answer = job.ask(request, self._seconds()) or job.ask(request, self._seconds())
            return answer or self._infrastructure(path, exercises, name)
        finally:
            with self.lock:
                self.idle.append(job)

    def _seconds(self):
        """More than all limits of one submission together: its own end comes first, unless this machine hangs."""
        limits = self.grader.assignment.limits
        one = 60 + ALL_CALLS * limits.exercise_seconds + limits.answer_seconds
        one += limits.call_seconds + limits.load_seconds
        return 60 + one * sum(e.kind == "laws" for e in self.grader.plan)

    def _infrastructure(self, path, exercises, name):
        marked = {
            e.stem: open_verdict(e, "infrastructure", "the grading process died or hung twice")
            for e in self.grader.judged(exercises)
        }
        isolation = self.grader.isolation
        return verdict(name, read(path), marked, isolation.name, isolation.notes)


if __name__ == "__main__":
    serve()
