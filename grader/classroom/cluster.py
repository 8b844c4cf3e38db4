"""An executor of other machines: Dask's workers, of a scheduler that is already there (docs/clusters.md).

Each worker that joins is asked whether it can grade (room.py); the scheduler gives notebooks to those alone that can, and to others
when a worker dies, hangs or leaves. What is done is kept by whoever asked, so this holds nothing.
"""

import logging
import sys
import threading
import time
import warnings
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from grader.classroom import room
from grader.errors import ClusterError, CourseError, GraderError
from grader.text import one_line

LOOK = 1.0  # seconds between two looks at who is there
CONNECT = 20.0  # seconds in which the scheduler must answer
AHEAD = 3  # notebooks for each thread that the scheduler has at a time, so that none waits
MISSING = "--executor dask needs Dask: pip install 'nbgrader-laws[dask]', or distributed"
GO_ON = "what is done is kept; run the same command again to go on"
# a worker by address and folder, for another may come to the same address
Process = tuple[str, str]
LOOPBACK = ("127.0.0.1", "localhost", "[::1]")


def connect(address: str) -> Any:
    """A client of the scheduler at this address; CourseError without Dask, ClusterError if nobody answers."""
    try:
        import dask
        from distributed import Client
    except ImportError as error:
        raise CourseError(MISSING) from error
    for name in ("distributed", "distributed.client", "tornado.application"):
        # what it says beside its errors, which we tell in a line
        logging.getLogger(name).setLevel(logging.CRITICAL)
    warnings.filterwarnings("ignore", module="distributed")
    dask.config.set({"distributed.admin.large-graph-warning-threshold": "1 GB"})
    if not address.startswith("tls://") and not any(host in address for host in LOOPBACK):
        said = f"{address} is not encrypted: whoever is in between reads laws and notebooks, and may run code there"
        print(f"{said} (docs/clusters.md)", file=sys.stderr)
    try:
        client: Any = Client
        return client(address, timeout=CONNECT, set_as_default=False, name="grader")
    except (OSError, TypeError, ValueError, RuntimeError) as error:
        why = one_line(str(error)) or type(error).__name__
        raise ClusterError(f"--scheduler {address}: no scheduler answers: {why}") from error


@dataclass(eq=False)
class Task:
    """What somebody waits for, and the future that Dask has for it once it is sent."""

    call: tuple[Any, ...]
    made: Future[Any] = field(default_factory=Future)
    sent: Future[Any] | None = None


class Cluster(Executor):
    """`submit(judge, question)` gives the future verdict of a worker that can grade by this order.

    Nothing is at the scheduler while no worker is there that can do it, for it would not look at it again; and never much, for it
    blames all that a dying worker had before it.
    """

    def __init__(
        self, address: str, order: room.Order, wait: float, also: tuple[str, ...] = ()
    ) -> None:
        """`wait`: seconds without a worker after which all that is asked ends in ClusterError.

        Args:
            also: resources that a worker must have, beside that which says that it can grade.
        """
        self.address, self.order, self.wait = address, order, wait
        self.needs = (order.name, *also)
        self.client = connect(address)
        try:
            self.client.run_on_scheduler(room.present)
        except ImportError as error:
            words = f"the scheduler at {address} lacks the grader: {error}"
            raise ClusterError(f"{words}; it needs the workers' environment") from error
        self.lock, self.closed = threading.RLock(), threading.Event()
        self.waiting: deque[Task] = deque()
        self.sent: set[Task] = set()
        self.trouble: GraderError | None = None
        self.able: dict[Process, int] = {}  # who can, and how much at a time
        self.asked: set[Process] = set()
        self.refusals: dict[str, str] = {}
        self.seen = time.monotonic()  # when last a worker was there that can …
        self.ever = False  # … if there was one
        for work in (self._look, self._guard):
            threading.Thread(target=work, daemon=True).start()

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """The future result of `fn(*args)` in a job of a worker that can grade."""
        if kwargs:
            raise TypeError("a job takes its arguments by their places")
        return self.send(room.in_job, fn, *args)

    def send(self, fn: Callable[..., Any], *args: Any) -> Future[Any]:
        """The future result of `fn(name of the room, *args)` in a worker that has it, in the worker's own process."""
        task = Task((fn, self.order.name, *args))
        with self.lock:
            if self.trouble:
                raise self.trouble
            self.waiting.append(task)
            self._fill()
        return task.made

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Leave the cluster, which forgets what was asked; a scheduler that hangs is not waited for."""
        self.closed.set()
        self._end(ClusterError("this run has left the cluster"))
        leaving = threading.Thread(target=self.client.close, args=(5,), daemon=True)
        leaving.start()
        leaving.join(10)

    def _fill(self) -> None:
        """Send what there is room for; the lock is held."""
        resources = dict.fromkeys(self.needs, 1)
        while self.waiting and len(self.sent) < AHEAD * sum(self.able.values()):
            task = self.waiting.popleft()
            if task.made.cancelled():
                continue
            try:
                executor = self.client.get_executor(pure=False, resources=resources)
                task.sent = executor.submit(*task.call)
            except Exception:
                # the connection has gone meanwhile
                self.able = {}
                self.waiting.appendleft(task)
                return
            self.sent.add(task)
            task.sent.add_done_callback(partial(self._settle, task))
            task.made.add_done_callback(partial(self._forget, task))

    def _forget(self, task: Task, made: Future[Any]) -> None:
        """Nobody waits for it any more."""
        if made.cancelled() and task.sent:
            task.sent.cancel()

    def _settle(self, task: Task, sent: Future[Any]) -> None:
        with self.lock:
            if task not in self.sent or task.sent is not sent:
                return
            self.sent.discard(task)
            if sent.cancelled() and not task.made.cancelled():
                # the connection is lost: whoever is there when it comes back, is seen then
                self.able = {}
                self.waiting.appendleft(task)
                return
            self._fill()
        if not task.made.set_running_or_notify_cancel():
            return
        if error := sent.exception():
            task.made.set_exception(in_words(error))
        else:
            task.made.set_result(sent.result())

    def _end(self, trouble: GraderError) -> None:
        """Nothing that is asked, or will be, has another result than this."""
        with self.lock:
            self.trouble = self.trouble or trouble
            ended = [*self.sent, *self.waiting]
            self.sent, self.waiting = set(), deque()
        for task in ended:
            if task.made.set_running_or_notify_cancel():
                task.made.set_exception(self.trouble)

    def _look(self) -> None:
        """See who can, and ask whoever joins whether it can."""
        while not self.closed.wait(LOOK):
            try:
                # not `scheduler_info`, which gives what it heard last when nobody answers
                info = self.client.sync(self.client.scheduler.identity, n_workers=-1)
                workers = known(info, self.needs)
            except Exception:
                # it is being connected to again, or has gone for good: _guard decides
                continue
            self._see({worker: units for worker, units in workers.items() if units})
            for worker in workers.keys() - self.asked:
                self.asked.add(worker)
                threading.Thread(target=self._ask, args=worker, daemon=True).start()

    def _see(self, able: dict[Process, int]) -> None:
        """These can; where none of those is left that could, what they had is sent anew."""
        with self.lock:
            if not able.keys() & self.able.keys():
                left, self.sent = self.sent, set()
                for task in left:
                    if task.sent:
                        task.sent.cancel()
                self.waiting.extendleft(left)
            self.able = able
            if able:
                self.seen, self.ever = time.monotonic(), True
            self._fill()

    def _ask(self, address: str, folder: str) -> None:
        """Whether this worker can grade; it says why not."""
        prepare = partial(self.client.run, room.prepare, self.order, on_error="return")
        try:
            said = prepare(workers=[address]).get(address, "it left")
        except Exception as error:
            said = error
        if isinstance(said, Exception):
            said = f"{type(said).__name__}: {said}"
        if said and not self.closed.is_set():
            self.refusals[address] = said
            print(one_line(f"the worker {address} refuses: {said}", 2000), file=sys.stderr)

    def _guard(self) -> None:
        """End it all when for too long nobody was there that can grade."""
        while not self.closed.wait(LOOK):
            if time.monotonic() - self.seen < self.wait:
                continue
            self._end(self._nobody())
            return

    def _nobody(self) -> GraderError:
        """Why there is nobody; where all refuse it is each notebook's trouble, for its row to tell."""
        refusals = "; ".join(f"{address}: {said}" for address, said in self.refusals.items())
        if refusals and not self.ever:
            return GraderError(f"no worker at {self.address} can grade this: {refusals}")
        also = (f"with {name} (`dask worker … --resources {name}=1`)" for name in self.needs[1:])
        what = " ".join(["no worker", *also])
        return ClusterError(f"{what} at {self.address} for {self.wait:g} seconds: {GO_ON}")


def known(info: dict[str, Any], needs: tuple[str, ...]) -> dict[Process, int]:
    """A scheduler's workers, and how many tasks at a time each has these resources for."""
    return {
        (address, told["local_directory"]): int(min(told["resources"].get(n, 0) for n in needs))
        for address, told in info["workers"].items()
    }


def in_words(error: BaseException) -> BaseException:
    """What Dask says of a notebook whose workers died, in a line."""
    if type(error).__name__ == "KilledWorker":
        return GraderError("every worker that graded this died or left, several in turn")
    return error
