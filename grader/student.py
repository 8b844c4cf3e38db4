"""The submitted function as the laws see it: called like a function, answered from behind the wall."""

import time

from grader.calls import Call, Callback, Ended, Evidence, StudentError
from grader.inside import wire
from grader.link import SandboxError, WorkerEnded
from grader.text import clean

MAX_CALLBACKS = 200
MAX_RESTARTS = 5
UNHURRIED = 0.25  # seconds a call may take without using up patience


class Student:
    """`student(*args, **kwargs)` calls the function `stem` of one submission; `calls` are those of the current example."""

    def __init__(self, stem, cells, course, sandbox):
        self.stem, self.cells, self.course, self.sandbox = stem, cells, course, sandbox
        self.calls, self.failures, self.evidence = [], [], Evidence()
        self.worker, self.skip, self.load_errors, self.at = None, [], [], None
        self.strikes, self.over, self.patience = 0, None, course.limits.exercise_seconds
        self.answering = 0.0  # seconds of the current call that answers from this side took

    def __repr__(self):
        return f"<{self.stem} of the submission>"

    @property
    def last(self):
        return self.calls[-1]

    def __call__(self, *args, **kwargs):
        """The answer; a worker lost in a way that may be this machine's doing is silently replaced, once a call."""
        if self.over is not None:
            raise self.over
        try:
            return self._attempt(args, kwargs)
        except WorkerEnded as end:
            if not end.doubtful:
                raise self._struck(end) from None
        self.close()
        self.calls.pop()
        try:
            return self._attempt(args, kwargs)
        except WorkerEnded as end:
            raise self._struck(end) from None

    def _attempt(self, args, kwargs):
        if self.worker is None:
            self._load()
        call = Call(self.stem, args, kwargs)
        self.calls.append(call)
        start, self.answering = time.monotonic(), 0.0
        try:
            self._call(call)
        finally:
            self._lose_patience(time.monotonic() - start - self.answering)
        return call.got

    def _lose_patience(self, seconds):
        """Slow calls, not many calls, use patience up: a busy machine must not cost marks."""
        self.patience -= max(0.0, seconds - UNHURRIED)
        if self.over is None and self.patience < 0:
            self.over = Ended("timeout", "not run: earlier calls had taken too long altogether")

    def _give_back(self, seconds):
        """What the trusted side takes for its own answers is not the student's time."""
        self.answering += seconds
        self.worker.deadline += seconds

    def close(self):
        if self.worker is not None:
            self.worker.kill()
        self.worker = None

    def _call(self, call):
        buffers = []
        given = wire.pack_arguments(call.args, call.kwargs, buffers)
        message = {"do": "call", "stem": self.stem, **given}
        reply, arrays = self.worker.request(
            message,
            buffers,
            self.course.limits.call_seconds,
            lambda m, b: self._answer(m, b, call.callbacks),
        )
        call.modified = tuple(reply.get("modified", ()))
        call.requires_grad = reply.get("grad", False)
        if reply.get("is") == "error":
            call.got = self._error(reply)
            raise call.got
        try:
            call.got = wire.unpack(reply.get("value"), arrays)
        except wire.WireError:
            raise WorkerEnded("crash", "the answer was not a value") from None
        self.evidence.add(call)

    def _error(self, reply):
        error = StudentError(reply, self.load_errors)
        if error.is_a("NotImplementedError"):
            raise Ended("not_implemented", str(error))
        if error.is_a("MemoryError") or "can't allocate memory" in error.message:
            raise WorkerEnded("out_of_memory", str(error))
        return error

    def _struck(self, end):
        self.close()
        if end.outcome != "infrastructure":
            self.strikes += 1
        if self.strikes >= self.course.limits.strikes:
            self.over = Ended(
                end.outcome,
                f"not run: earlier calls had ended so {self.strikes} times ({end.words})",
            )
        return Ended(end.outcome, end.words)

    def _load(self):
        """A statement that hangs or dies is left out of the next try, so it hurts only what needs it."""
        why, spared = None, False
        for _ in range(MAX_RESTARTS + 1):
            try:
                if self._loaded():
                    return
                break
            except SandboxError as error:
                raise Ended("infrastructure", str(error)) from error
            except WorkerEnded as end:
                why = end
                self.close()
                if end.doubtful and not spared:  # perhaps this machine's doing: the same again
                    spared = True
                    continue
                if end.outcome == "infrastructure":
                    raise Ended(end.outcome, end.words) from None
                if self.at is None or self.at in self.skip:
                    break
                self.load_errors.append(f"in cell {self._cell(self.at)}: {end.words}")
                self.skip.append(self.at)
        self.close()
        self.over = self._not_loaded(why)
        raise self.over

    def _loaded(self):
        self.at = None
        self.worker = self.sandbox.worker(self.course.limits)
        message = {
            "do": "load",
            "stem": self.stem,
            "cells": self.cells,
            "skip": self.skip,
            "arrays": self.course.arrays,
            "provides": list(self.course.provides),
        }
        asked = []
        reply, _ = self.worker.request(
            message,
            [],
            self.course.limits.load_seconds,
            lambda m, b: self._while_loading(m, b, asked),
        )
        for error in reply.get("errors", [])[:3]:
            if isinstance(error, dict):
                self.load_errors.append(
                    f"in cell {clean(str(error.get('cell')))}: {StudentError(error)}"
                )
        return reply.get("defined") is True

    def _while_loading(self, message, buffers, asked):
        if message.get("is") != "progress":
            return self._answer(message, buffers, asked)
        self.at = message.get("at")
        self.worker.deadline = time.monotonic() + self.course.limits.load_seconds
        return ()

    def _cell(self, at):
        try:
            return clean(self.cells[at[0]]["id"])
        except (TypeError, IndexError, KeyError):
            return "?"

    def _not_loaded(self, end):
        if end is not None:
            return Ended(end.outcome, "; ".join(self.load_errors) or end.words)
        if self.load_errors:
            return Ended(
                "wrong", f"{self.stem} could not be defined: " + "; ".join(self.load_errors[:3])
            )
        return Ended("not_implemented", f"the notebook defines no function {self.stem}")

    def _answer(self, message, buffers, asked):
        """Answer a call to what the course provides; None if the message is something else."""
        if message.get("is") != "callback":
            return None
        function = self.course.provides.get(message.get("name"))
        if function is None:
            raise wire.WireError("unknown function")
        args, kwargs = (
            wire.unpack(message.get("args"), buffers),
            wire.unpack(message.get("kwargs"), buffers),
        )
        if not isinstance(args, tuple) or not isinstance(kwargs, dict):
            raise wire.WireError("not arguments")
        if len(asked) >= MAX_CALLBACKS:
            text = f"called more than {MAX_CALLBACKS} times"
            return {"refused": "RuntimeError", "text": text}, []
        asked.append(Callback(message["name"], args, kwargs))
        try:
            asked[-1].result = self._provided(function, asked[-1])
        except (TypeError, ValueError) as error:
            kind = "TypeError" if isinstance(error, TypeError) else "ValueError"
            return {"refused": kind, "text": clean(str(error))}, []
        except Ended:
            self.close()  # the worker waits for an answer that will not come
            raise
        answer = []
        return {"value": wire.pack(asked[-1].result, answer)}, answer

    def _provided(self, function, asked):
        """What it answers; TypeError and ValueError refuse what the student gave, Ended ends the law, all else is ours."""
        start = time.monotonic()
        try:
            return function(*asked.args, **asked.kwargs)
        except (TypeError, ValueError):
            raise
        except Exception as error:
            words = f"{asked.name} failed: {type(error).__name__}: {error}"
            raise Ended("infrastructure", clean(words)) from error
        finally:
            self._give_back(time.monotonic() - start)
