"""What runs in a Dask worker: it lets laws in, looks whether it can grade by them, and has jobs of its own that do.

The worker's process itself judges nothing, so it stays in touch with its scheduler whatever a submission does. Functions here are
called by name, from another machine: grader/classroom/cluster.py.
"""

import asyncio
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypedDict

from grader.classroom.bundle import Bundle, differences, unpack
from grader.classroom.jobs import Jobs
from grader.classroom.slots import THREADS, cores
from grader.classroom.training import LOG, MARK, NOTEBOOK, PAUSE, ended, launch
from grader.classroom.verdicts import begin
from grader.errors import GraderError, SandboxError
from grader.wall.choice import trial

GPU = "GPU"  # the resource that a training run takes one of: `dask worker --resources GPU=1`
KEPT = (MARK, LOG)  # of a run's files


@dataclass(frozen=True)
class Order:
    """What a worker is to grade by, and what it must be like."""

    bundle: Bundle
    stamp: str
    isolation: str
    versions: dict[str, str]
    seconds: float  # what one submission may take

    @property
    def name(self) -> str:
        """Of the room, and of the resource by which the scheduler knows who has one."""
        return f"grader-{self.bundle.name[:16]}-{self.stamp[:16]}-{self.isolation}"


@dataclass(frozen=True)
class Room:
    """A worker's place for one order: the course's folder, the laws in it, and jobs that have loaded them."""

    folder: Path
    laws: Path
    jobs: Jobs


class Trained(TypedDict):
    """What a training run left: the texts of its files, and how it ended if there is no mark among them."""

    trouble: str
    files: dict[str, str]


ROOMS: dict[str, Room] = {}  # of this process, by the order's name
LOCK = threading.Lock()


async def prepare(order: Order, dask_worker: Any) -> str:
    """Why this worker cannot grade by this order; "" once it can, which the scheduler then knows as well."""
    threads, scratch = dask_worker.state.nthreads, Path(dask_worker.local_directory)
    try:
        await asyncio.to_thread(furnish, order, threads, scratch)
    except GraderError as error:
        return str(error)
    # not twice, for the scheduler then takes what it has begun for ended
    if order.name not in dask_worker.state.total_resources:
        await dask_worker.set_resources(**{order.name: threads})
    return ""


def furnish(order: Order, threads: int, scratch: Path) -> None:
    """Have a room for this order; GraderError with the reason why there is none."""
    with LOCK:
        if order.name in ROOMS:
            return
        if differ := differences(order.versions):
            raise GraderError(differ)
        folder = scratch / order.name
        laws = unpack(order.bundle, folder)
        jobs = Jobs(threads, order.seconds, begin, (str(laws), order.isolation, order.stamp))
        try:
            jobs.submit(ready, order.isolation).result()
        except BaseException:
            jobs.shutdown(cancel_futures=True)
            raise
        ROOMS[order.name] = Room(folder, laws, jobs)


def ready(isolation: str) -> None:
    """Asked of a job, which has begun by then: SandboxError if no worker of its sandbox starts."""
    if refusal := trial(isolation):
        raise SandboxError(refusal)


def present() -> None:
    """Asked of the scheduler, which must have the grader to pass on what is asked."""


def in_job(name: str, function: Callable[..., Any], *arguments: Any) -> Any:
    """What the function gives in one of this worker's jobs."""
    return ROOMS[name].jobs.submit(function, *arguments).result()


def train(
    name: str, notebook: bytes, trainer: tuple[str, ...], isolation: str, most: float
) -> Trained:
    """A training run here, with the trainer that came with the laws; it ends once nobody waits for it any more."""
    from distributed import get_worker

    worker, room = get_worker(), ROOMS[name]
    task = worker.get_current_task()
    runs = int(worker.state.total_resources.get(GPU, 1))
    threads = dict.fromkeys(THREADS, str(max(1, cores() // runs)))
    with tempfile.TemporaryDirectory(dir=room.folder.parent) as folder:
        out, end = Path(folder), time.monotonic() + most
        (out / NOTEBOOK).write_bytes(notebook)
        process = launch(trainer, out, isolation, threads, room.folder)
        try:
            while process.poll() is None and time.monotonic() < end and _wanted(worker, task):
                time.sleep(PAUSE)
            code = process.poll()
        finally:
            process.kill()
            process.wait()
        there = (out / name for name in KEPT if (out / name).exists())
        files = {path.name: path.read_text("utf-8", "replace") for path in there}
        return {"trouble": ended(code, most), "files": files}


def _wanted(worker: Any, task: Any) -> bool:
    known = worker.state.tasks.get(task)
    return known is not None and known.state == "executing"
