"""What a class asks of a cluster: verdicts, and training runs."""

from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from grader.assignment import Assignment
from grader.classroom import room
from grader.classroom.bundle import laid, pack, versions
from grader.classroom.cluster import Cluster
from grader.classroom.slots import Slot
from grader.classroom.training import NOTEBOOK, Elsewhere, Run
from grader.classroom.verdicts import Verdicts, seconds
from grader.errors import ClusterError
from grader.judging.session import Grader
from grader.text import one_line

WAIT = 300  # seconds without any worker after which a run stops
ROOM = 512  # notebooks that are read already, or trained with, at a time


@dataclass(frozen=True)
class Address:
    """Where a cluster is, and how its workers get what they need.

    Args:
        wait: as of Cluster.
        shared: a folder by which the laws reach the workers; None: they travel through the scheduler.
        training: whether what training needs goes along.
    """

    scheduler: str
    wait: float
    shared: Path | None = None
    training: bool = False

    def verdicts(self, grader: Grader) -> Verdicts:
        """Verdicts from there; `grader`: as of `verdicts.here`."""
        grader.validate()
        return Verdicts(grader, Cluster(self.scheduler, self.order(grader), self.wait), ROOM)

    def order(self, grader: Grader) -> room.Order:
        """What a worker there must have."""
        assignment, isolation = grader.assignment, grader.isolation.name
        bundle = pack(assignment, self.training)
        if self.shared:
            bundle = laid(bundle, self.shared)
        found = versions(assignment.packages)
        return room.Order(bundle, grader.stamp, isolation, found, seconds(grader))

    @contextmanager
    def trainers(self, grader: Grader) -> Iterator[Elsewhere]:
        """Those there that take training runs."""
        cluster = Cluster(self.scheduler, self.order(grader), self.wait, (room.GPU,))
        try:
            yield Trainers(cluster, grader.assignment)
        finally:
            cluster.shutdown()


class Trainers:
    """Workers with the resource GPU: the scheduler gives each as many training runs at a time as it has of that."""

    def __init__(self, cluster: Cluster, assignment: Assignment) -> None:
        self.cluster, self.assignment = cluster, assignment
        self.slots = [Slot(cluster.address, {})] * ROOM

    def start(self, sha: str, slot: Slot, out: Path) -> Run:
        """Ask for a run with the notebook in `out`."""
        trainer, most = self.assignment.trainer, self.assignment.training_seconds
        data, isolation = (out / NOTEBOOK).read_bytes(), self.cluster.order.isolation
        for name in room.KEPT:
            (out / name).unlink(missing_ok=True)
        return RunThere(
            sha, slot, out, self.cluster.send(room.train, data, trainer, isolation, most)
        )


@dataclass(frozen=True)
class RunThere:
    """A training run that a worker does."""

    sha: str
    slot: Slot
    out: Path
    future: Future[room.Trained]

    def goes_on(self) -> bool:
        """Whether it waits, or runs; the worker ends it when its time is over."""
        return not self.future.done()

    def end(self) -> str:
        """The words of `Run.end`; ClusterError if nobody can train any more."""
        if not self.future.done():
            self.future.cancel()
            return "stopped"
        error = self.future.exception()
        if isinstance(error, ClusterError):
            raise error
        if error:
            return one_line(str(error))
        found = self.future.result()
        for name, text in found["files"].items():
            (self.out / name).write_text(text, encoding="utf-8")
        return found["trouble"]
