"""`python -m tools.bench.cluster`: where a cluster ends to be faster, by verdicts of known cost on simulated workers.

A simulated worker is a real one of Dask's, with TLS off and one thread, that waits in place of judging and gives back a real verdict. Scheduler,
what sends and keeps (grader/classroom/cluster.py, verdicts.py) and the notebooks' bytes are the real ones; the gradebook is measured by itself.

python -m tools.bench.cluster                     # 50,000 notebooks on the whole, on 1 to 64 workers: some minutes
python -m tools.bench.cluster --notebooks 2000    # a quick look
"""

import argparse
import asyncio
import functools
import json
import logging
import multiprocessing
import resource
import sys
import tempfile
import time
from concurrent.futures import Future, wait
from io import TextIOWrapper
from pathlib import Path
from typing import Any

from gate import ROOT
from grader.assignment import load_assignment
from grader.classroom.bundle import Bundle
from grader.classroom.cluster import Cluster
from grader.classroom.remote import ROOM
from grader.classroom.room import Order
from grader.classroom.verdicts import Question, Verdicts
from grader.judging.session import Grader
from grader.store import StateFile
from grader.verdict import Verdict
from tools.bench.machine import hardware

COUNTS = (1, 4, 16, 64)
PROCESSES = 2  # that hold the simulated workers
ORDER = Order(Bundle("0" * 64, "laws"), "0" * 64, "none", {}, 60.0)


def pretend(name: str, question: Question, cost: float, verdict: Verdict) -> Verdict:
    """In place of judging: the verdict, after so many seconds."""
    time.sleep(cost)
    return {**verdict, "submission": question["name"]}


class Simulated(Cluster):
    """A cluster whose workers are taken as they are, and judge nothing."""

    def __init__(self, address: str, cost: float, verdict: Verdict) -> None:
        self.cost, self.verdict = cost, verdict
        super().__init__(address, ORDER, 60.0)

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        return self.send(pretend, *args, self.cost, self.verdict)

    def _ask(self, address: str, folder: str) -> None:
        pass


def quiet() -> None:
    """A process that says nothing but errors."""
    import distributed  # noqa: F401  which sets levels of its own

    for name in ("distributed", "distributed.scheduler", "distributed.worker", "distributed.core"):
        logging.getLogger(name).setLevel(logging.CRITICAL)


def scheduler(send: Any) -> None:
    """A scheduler, as a process; it tells its address, and when asked, what it has computed."""
    quiet()
    from distributed import Scheduler

    async def serve() -> None:
        async with Scheduler(host="127.0.0.1", port=0, dashboard=False) as made:
            send.send(made.address)
            while await asyncio.to_thread(send.recv):
                send.send(resource.getrusage(resource.RUSAGE_SELF))

    asyncio.run(serve())


def workers(address: str, count: int, folder: str) -> None:
    """So many simulated workers, as one process."""
    quiet()
    from distributed import Worker

    async def serve() -> None:
        made = [
            Worker(address, nthreads=1, resources={ORDER.name: 1}, local_directory=folder, dashboard=False)
            for _ in range(count)
        ]  # fmt: skip
        await asyncio.gather(*made)
        await asyncio.gather(*(worker.finished() for worker in made))

    asyncio.run(serve())


def one(count: int, cost: float, notebooks: int, verdict: Verdict, folder: Path) -> dict[str, Any]:
    """Grade so many notebooks on so many workers; gives what it took."""
    fork = multiprocessing.get_context("spawn")
    ours, theirs = fork.Pipe()
    head = fork.Process(target=scheduler, args=(theirs,), daemon=True)
    head.start()
    address = ours.recv()
    shares = [count // PROCESSES + (n < count % PROCESSES) for n in range(PROCESSES)]
    held = [
        fork.Process(target=workers, args=(address, share, str(folder)), daemon=True)
        for share in shares
        if share
    ]
    for process in held:
        process.start()
    judge = Grader(load_assignment(ROOT / "tests/hidden"))
    path, root = ROOT / "source/sentiment/exercise.ipynb", folder / "course"
    cluster = Simulated(address, cost, verdict)

    def keep(name: str, made: Verdict) -> None:
        StateFile(root, "sentiment", name).change(verdict=made)

    try:
        with Verdicts(judge, cluster, ROOM) as verdicts:
            while len(cluster.able) < count:
                time.sleep(0.1)
            ours.send(True)
            before, mine, began = ours.recv(), time.process_time(), time.monotonic()
            futures = [
                verdicts.submit(
                    path,
                    name=f"s{n}",
                    keep=functools.partial(keep, f"s{n}"),
                )
                for n in range(notebooks)
            ]
            assert not wait(futures).not_done
            assert {future.result()["submission"] for future in futures} == {
                f"s{n}" for n in range(notebooks)
            }
            took, mine = time.monotonic() - began, time.process_time() - mine
            ours.send(True)
            after = ours.recv()
    finally:
        ours.send(False)
        for process in (*held, head):
            process.kill()
            process.join()
    computed = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {
        "workers": count,
        "cost": cost,
        "notebooks": notebooks,
        "rate": notebooks / took,
        "overhead": took / notebooks - cost / count,
        "scheduler": computed / notebooks,
        "sender": mine / notebooks,
        "busy": computed / took,
    }


def canned() -> Verdict:
    """A real verdict, on the instructor's notebook."""
    with Grader(load_assignment(ROOT / "tests/hidden")) as grader:
        return grader.check(ROOT / "source/sentiment/exercise.ipynb", name="anybody")


def main(argv: list[str] | None = None) -> int:
    """Measure, print, write the JSON."""
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    parser = argparse.ArgumentParser(
        prog="python -m tools.bench.cluster", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )  # fmt: skip
    parser.add_argument("--notebooks", type=int, default=50_000, help="on the most workers (default: 50000)")  # fmt: skip
    parser.add_argument("--cost", type=float, default=0.1, help="seconds that a verdict takes (default: 0.1)")  # fmt: skip
    parser.add_argument("--json", type=Path, default=ROOT / "build" / "bench" / "cluster.json")
    args = parser.parse_args(argv)
    print("  ".join(f"{k} {v}" for k, v in hardware().items() if v is not None), flush=True)
    verdict = canned()
    size = len(json.dumps(verdict)) / 1000
    sent = (ROOT / "source/sentiment/exercise.ipynb").stat().st_size / 1000
    print(f"a notebook {sent:.0f} kB, a verdict {size:.0f} kB, {args.cost:g} s each", flush=True)
    print(f"{'workers':>8}{'notebooks':>11}{'a second':>10}{'of ideal':>10}{'ms over':>9}{'scheduler ms':>14}{'sender ms':>11}")  # fmt: skip
    rows = []
    for count in COUNTS:
        with tempfile.TemporaryDirectory() as folder:
            # all but the last run: as long as that would take if nothing were lost
            notebooks = max(count * 10, args.notebooks * count // COUNTS[-1] // 4)
            if count == COUNTS[-1]:
                notebooks = args.notebooks
            row = one(count, args.cost, notebooks, verdict, Path(folder))
        rows.append(row)
        ideal = row["rate"] * args.cost / count
        print(f"{count:>8}{notebooks:>11}{row['rate']:>10.1f}{ideal:>10.0%}{1000 * row['overhead']:>9.2f}{1000 * row['scheduler']:>14.2f}{1000 * row['sender']:>11.2f}", flush=True)  # fmt: skip
    args.json.parent.mkdir(parents=True, exist_ok=True)
    args.json.write_text(json.dumps({"machine": hardware(), "rows": rows}, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
