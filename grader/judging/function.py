"""The submitted function as the laws see it: called like a function, answered from behind the wall."""

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

from grader.assignment import Assignment
from grader.errors import CourseError
from grader.judging.calls import Call, Ended, Evidence, StudentError, Value
from grader.judging.connection import Connection, interpreting
from grader.judging.excuses import Excuses
from grader.judging.loading import Loading
from grader.judging.patience import UNHURRIED, Patience
from grader.verdict import Outcome
from grader.wall.ends import WorkerEnded
from grader.wall.inside import wire
from grader.wall.link import Worker
from grader.wall.sandbox import Sandbox

LEFT_BELOW = "code is there, but the line `raise NotImplementedError` still stands below it: delete that line"


class SubmittedFunction:
    """`student(*args, **kwargs)` calls the function `stem` of one submission; `calls` are those of the current example."""

    def __init__(
        self, stem: str, cells: Sequence[dict[str, str]], assignment: Assignment, sandbox: Sandbox
    ) -> None:
        """`cells`: the notebook's code cells, each with its "id" and "source". The first call starts a worker."""
        self.stem, self.assignment = stem, assignment
        self.connection = Connection(assignment, sandbox)
        self.loading = Loading(stem, cells, self.connection)
        self.calls: list[Call] = []
        self.failures: list[dict[str, Any]] = []  # what each failing example shows
        self.evidence = Evidence()
        self.called = False
        self.changing: Call | None = None  # the first call that changed an argument in place
        self.excuses = Excuses()
        self.keeping = self.explaining = False
        self.leaves: tuple[int, ...] = ()

    def __repr__(self) -> str:
        return f"<{self.stem} of the submission>"

    @property
    def last(self) -> Call:
        """The latest call of the current example."""
        return self.calls[-1]

    @property
    def worker(self) -> Worker | None:
        """The one that answers, if there is one now."""
        return self.connection.worker

    @property
    def patience(self) -> Patience:
        """What it may still take."""
        return self.connection.patience

    def __call__(self, *args: Value, **kwargs: Value) -> Value:
        """The answer; a worker lost in a way that may be this machine's doing is silently replaced, but only once.

        Raises:
            StudentError: the function raised.
            Ended: there is no answer, and why.
        """
        if self.patience.over is not None:
            raise self.patience.over
        try:
            return self._attempt(args, kwargs)
        except WorkerEnded as end:
            if not self.connection.spares(end):
                raise self.connection.struck(end) from None
        self.close()
        self.calls.pop()
        try:
            return self._attempt(args, kwargs)
        except WorkerEnded as end:
            raise self.connection.struck(end) from None

    def _attempt(self, args: tuple[Value, ...], kwargs: dict[str, Value]) -> Value:
        worker = self.worker or self.loading.load()
        call = Call(self.stem, args, kwargs, leaves=self.leaves)
        self.calls.append(call)
        with self.connection.losing_patience(worker, UNHURRIED):
            self._call(worker, call)
        return call.got

    @contextlib.contextmanager
    def without_consequences(self) -> Iterator[list[dict[str, Any]]]:
        """Calls that only serve an explanation, and their failures: whatever becomes of them, the marks stay what they are."""
        kept = self.calls, self.failures, self.changing, self.connection.patience
        self.calls, self.failures, self.explaining = [], [], True
        try:
            yield self.failures
        finally:
            self.explaining = False
            self.calls, self.failures, self.changing, self.connection.patience = kept

    @contextlib.contextmanager
    def same_objects(self) -> Iterator[None]:
        """Within it, arguments of one shape are the objects of the call before, refilled; results stay alive."""
        self.keeping = True
        try:
            yield
        finally:
            self.keeping = False

    @contextlib.contextmanager
    def differentiated(self, leaves: Sequence[int]) -> Iterator[None]:
        """Within it the arguments at these places require gradients, and `last.gradients` is what came back."""
        if self.assignment.arrays != "torch":
            raise CourseError('only tensors have gradients: the assignment needs arrays="torch"')
        self.leaves = tuple(leaves)
        try:
            yield
        finally:
            self.leaves = ()

    def close(self) -> None:
        """End the worker, if there is one; the next call starts another."""
        self.connection.close()

    def _call(self, worker: Worker, call: Call) -> None:
        buffers: list[bytes] = []
        given = wire.pack_arguments(call.args, call.kwargs, buffers)
        message = {
            "do": "call",
            "stem": self.stem,
            "again": self.keeping,
            "leaves": list(call.leaves),
            **given,
        }
        reply, arrays = worker.request(
            message,
            buffers,
            self._seconds(),
            lambda m, b: self.connection.answer(worker, m, b, call.callbacks),
        )
        with interpreting():
            call.modified = tuple(reply.get("modified", ()))
            if call.modified and self.changing is None:
                self.changing = call
            if reply.get("is") == "error":
                call.got = self.loading.explained(StudentError(reply))
                self.evidence.fail()
            else:
                call.got = wire.unpack(reply.get("value"), arrays, left=worker.objects)
                call.earlier = wire.unpack(reply.get("earlier"), arrays, left=worker.objects)
                call.gradients = wire.unpack(reply.get("gradients"), arrays, left=worker.objects)
                self.evidence.add(call)
        if isinstance(call.got, StudentError):
            raise _typed(call.got)

    def _seconds(self) -> float:
        """For one call; the very first may have to import what the notebook imports inside the function."""
        limits, first, self.called = self.assignment.limits, not self.called, True
        return max(limits.call_seconds, limits.load_seconds) if first else limits.call_seconds


def _typed(error: StudentError) -> Ended | WorkerEnded | StudentError:
    """What a law ends with for this exception of the student's."""
    # torch raises it too, for a number format that an operation does not take
    if error.is_a("NotImplementedError") and "NotImplementedError" in (error.place or str(error)):
        words = f"{LEFT_BELOW} ({error.place})" if error.written else str(error)
        return Ended(Outcome.NOT_IMPLEMENTED, words)
    if error.is_a("MemoryError") or "can't allocate memory" in error.message:
        return WorkerEnded(Outcome.OUT_OF_MEMORY, str(error))
    return error
