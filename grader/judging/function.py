"""The submitted function as the laws see it: called like a function, answered from behind the wall."""

import contextlib
import re
import time

from grader.judging.calls import Call, Callback, Ended, Evidence, StudentError
from grader.text import clean
from grader.wall.ends import SandboxError, WorkerEnded, out_of_memory
from grader.wall.inside import wire
from grader.wall.inside.worker import PARSING

MAX_CALLBACKS = 200
MAX_RESTARTS = 5
UNHURRIED = 0.25  # seconds a call may take without using up patience …
UNHURRIED_LOAD = 1.0  # … and loading the notebook
ALL_CALLS = 4  # times the patience: what calls may take altogether, however quick each is


def _order(at):
    return (at[1] != PARSING, *at)


@contextlib.contextmanager
def interpreting():
    """Whatever fails here fails because of what the worker sent; its size is bounded, so memory is this machine's matter."""
    try:
        yield
    except MemoryError:
        raise out_of_memory() from None
    except Exception:
        raise WorkerEnded("crash", "the answer was not a value") from None


class Student:
    """`student(*args, **kwargs)` calls the function `stem` of one submission; `calls` are those of the current example."""

    def __init__(self, stem, cells, assignment, sandbox):
        self.stem, self.cells, self.assignment, self.sandbox = stem, cells, assignment, sandbox
        self.calls, self.failures, self.evidence = [], [], Evidence()
        self.worker, self.skip, self.load_errors, self.at = None, [], [], None
        self.strikes, self.over, self.spared, self.before = 0, None, False, None
        self.called, self.changing = False, None  # the first call that changed an argument in place
        self.keeping = self.explaining = False
        self.patience = assignment.limits.exercise_seconds
        self.left = ALL_CALLS * self.patience
        self.answering = assignment.limits.answer_seconds

    def __repr__(self):
        return f"<{self.stem} of the submission>"

    @property
    def last(self):
        return self.calls[-1]

    def __call__(self, *args, **kwargs):
        """The answer; a worker lost in a way that may be this machine's doing is silently replaced, but only once."""
        if self.over is not None:
            raise self.over
        try:
            return self._attempt(args, kwargs)
        except WorkerEnded as end:
            if not self._spares(end):
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
        with self._losing_patience(UNHURRIED):
            self._call(call)
        return call.got

    def _spares(self, end):
        """Whether this end is forgiven: one is, if it may be this machine's doing; the next is put down to the student."""
        if self.spared or not end.doubtful:
            return False
        self.spared = True
        self.patience, self.left, self.over = self.before
        return True

    @contextlib.contextmanager
    def _losing_patience(self, unhurried):
        """Slow calls, far more than many calls, use patience up: a busy machine must not cost marks."""
        worker, start = self.worker, time.monotonic()
        given_back, self.before = worker.given_back, (self.patience, self.left, self.over)
        try:
            yield
        finally:
            seconds = time.monotonic() - start - (worker.given_back - given_back)
            self.patience -= max(0.0, seconds - unhurried)
            self.left -= seconds
            if self.over is None and min(self.patience, self.left) < 0:
                self.over = Ended("timeout", "not run: earlier calls had taken too long altogether")

    @contextlib.contextmanager
    def without_consequences(self):
        """Calls that only serve an explanation: whatever becomes of them, the marks stay what they are."""
        kept = self.calls, self.failures, self.changing
        limits = self.strikes, self.over, self.spared, self.before, self.patience, self.left
        answering = self.answering
        self.calls, self.failures, self.explaining = [], [], True
        try:
            yield self.failures
        finally:
            self.explaining = False
            self.calls, self.failures, self.changing = kept
            self.strikes, self.over, self.spared, self.before, self.patience, self.left = limits
            self.answering = answering

    @contextlib.contextmanager
    def same_objects(self):
        """Within it, arguments of one shape are the objects of the call before, refilled; results stay alive."""
        self.keeping = True
        try:
            yield
        finally:
            self.keeping = False

    def close(self):
        if self.worker is not None:
            self.worker.kill()
        self.worker = None

    def _call(self, call):
        buffers = []
        given = wire.pack_arguments(call.args, call.kwargs, buffers)
        message = {"do": "call", "stem": self.stem, "again": self.keeping, **given}
        reply, arrays = self.worker.request(
            message, buffers, self._seconds(), lambda m, b: self._answer(m, b, call.callbacks)
        )
        with interpreting():
            call.modified = tuple(reply.get("modified", ()))
            if call.modified and self.changing is None:
                self.changing = call
            if reply.get("is") == "error":
                call.got = StudentError(reply, self.load_errors)
            else:
                call.got = wire.unpack(reply.get("value"), arrays, left=self.worker.objects)
                call.earlier = wire.unpack(reply.get("earlier"), arrays, left=self.worker.objects)
                self.evidence.add(call)
        if isinstance(call.got, StudentError):
            raise self._error(call.got)

    def _seconds(self):
        """For one call; the very first may have to import what the notebook imports inside the function."""
        limits, first, self.called = self.assignment.limits, not self.called, True
        return max(limits.call_seconds, limits.load_seconds) if first else limits.call_seconds

    def _error(self, error):
        if error.is_a("NotImplementedError"):
            return Ended("not_implemented", str(error))
        if error.is_a("MemoryError") or "can't allocate memory" in error.message:
            return WorkerEnded("out_of_memory", str(error))
        return error

    def _struck(self, end):
        self.close()
        if end.outcome != "infrastructure":
            self.strikes += 1
        if self.strikes >= self.assignment.limits.strikes:
            self.over = Ended(
                end.outcome,
                f"not run: earlier calls had ended so {self.strikes} times ({end.words})",
            )
        return Ended(end.outcome, end.words)

    def _load(self):
        """A statement that hangs or dies is left out of the next try, so it hurts only what needs it."""
        why = None
        for _ in range(MAX_RESTARTS + 1):
            try:
                self.worker, self.at = self.sandbox.worker(self.assignment.limits), None
                with self._losing_patience(UNHURRIED_LOAD):
                    loaded = self._loaded()
                if loaded:
                    return
                break
            except SandboxError as error:
                raise Ended("infrastructure", str(error)) from error
            except WorkerEnded as end:
                why = end
                self.close()
                if self._spares(end):  # perhaps this machine's doing: the same again
                    continue
                if end.outcome == "infrastructure":
                    raise Ended(end.outcome, end.words) from None
                if self.over is not None:
                    break
                if self.at is None or self.at in self.skip:
                    break
                self.load_errors.append(f"in cell {self._cell()}: {end.words}")
                self.skip.append(self.at)
        self.close()
        self.over = self._not_loaded(why)
        raise self.over

    def _loaded(self):
        end = time.monotonic() + self.patience + UNHURRIED_LOAD
        message = {
            "do": "load",
            "stem": self.stem,
            "cells": self.cells,
            "skip": self.skip,
            "arrays": self.assignment.arrays,
            "provides": list(self.assignment.provides),
        }
        asked = []
        reply, _ = self.worker.request(
            message,
            [],
            min(self.assignment.limits.load_seconds, self.patience + UNHURRIED_LOAD),
            lambda m, b: self._while_loading(m, b, asked, end),
        )
        with interpreting():
            self.load_errors += [
                f"in cell {clean(error.get('cell', '?'))}: {StudentError(error)}"
                for error in reply.get("errors", [])[:20]
            ]
        return reply.get("defined") is True

    def _while_loading(self, message, buffers, asked, end):
        """Each statement has its time, and all together until `end`."""
        if message.get("is") != "progress":
            return self._answer(message, buffers, asked)
        self._move_to(message.get("at"))
        limit = time.monotonic() + self.assignment.limits.load_seconds
        self.worker.deadline = min(limit, end + self.worker.given_back)
        return ()

    def _move_to(self, at):
        """Cells are parsed one after another, then their statements run: [cell, PARSING] or [cell, statement]."""
        cell, statement = at
        known = 0 <= cell < len(self.cells)
        known = known and PARSING <= statement < len(self.cells[cell]["source"])
        if not known or (self.at is not None and _order(at) <= _order(self.at)):
            raise wire.WireError("no such statement, or an earlier one")
        self.at = at

    def _cell(self):
        return clean(str(self.cells[self.at[0]]["id"]))

    def _not_loaded(self, end):
        if self.over is not None:
            where = f" (in cell {self._cell()})" if self.at else ""
            return Ended("timeout", f"loading the notebook took too long altogether{where}")
        if end is not None:
            return Ended(end.outcome, "; ".join(self.load_errors[:6]) or end.words)
        own = self._own_errors()
        if own:
            return Ended("wrong", f"{self.stem} could not be defined: " + "; ".join(own[:3]))
        words = "; ".join([f"the notebook defines no function {self.stem}", *self.load_errors[:1]])
        return Ended("not_implemented", words)

    def _own_errors(self):
        """Those of its own cell, and of others that would define it."""
        defines = re.compile(rf"\bdef\s+{re.escape(self.stem)}\b|\b{re.escape(self.stem)}\s*=")
        cells = [
            f"in cell {clean(str(cell['id']))}: "
            for cell in self.cells
            if cell["id"] == self.stem or defines.search(cell["source"])
        ]
        return [error for error in self.load_errors if error.startswith(tuple(cells))]

    def _answer(self, message, buffers, asked):
        """Answer a call to what the course provides; None if the message is something else."""
        if message.get("is") != "callback":
            return None
        function = self.assignment.provides.get(message.get("name"))
        if function is None:
            raise wire.WireError("unknown function")
        if len(asked) >= MAX_CALLBACKS:
            text = f"called more than {MAX_CALLBACKS} times"
            return {"refused": "RuntimeError", "text": text}, []
        args, kwargs = (
            wire.unpack(message.get(part), buffers, left=self.worker.objects)
            for part in ("args", "kwargs")
        )
        if not isinstance(args, tuple) or not isinstance(kwargs, dict):
            raise wire.WireError("not arguments")
        asked.append(Callback(message["name"]))
        answer = []
        try:
            result = self._provided(asked[-1].name, function, args, kwargs)
            return {"value": wire.pack(result, answer)}, answer
        except (TypeError, ValueError) as error:
            kind = "TypeError" if isinstance(error, TypeError) else "ValueError"
            return {"refused": kind, "text": clean(str(error))}, []
        except Ended:
            self.close()  # the worker waits for an answer that will not come
            raise

    def _provided(self, name, function, args, kwargs):
        """What it answers; TypeError and ValueError refuse what the student gave, Ended ends the law, all else is ours.

        None of this time is the student's, so it has a limit of its own: however quick, answers add up.
        """
        if self.answering < 0:
            self.over = Ended("timeout", f"{name} was given too much to answer altogether")
            raise self.over
        start = time.monotonic()
        try:
            with self.worker.on_our_time():
                return function(*args, **kwargs)
        except (TypeError, ValueError):
            raise
        except Exception as error:
            words = f"{name} failed: {type(error).__name__}: {error}"
            raise Ended("infrastructure", clean(words)) from error
        finally:
            self.answering -= time.monotonic() - start
