"""Dask's scheduler and workers as processes, on this host or on two: the other is a network namespace."""

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from tools.clusters.processes import Processes, done, wait

HERE, THERE = "10.213.77.1", "10.213.77.2"


@contextlib.contextmanager
def two_hosts() -> Iterator[tuple[dict[str, Sequence[str]], Callable[[], object]] | None]:
    """This host and another, by address, with what begins a command there, and how to pull its cable; None where the kernel forbids it."""
    name = f"grader-{os.getpid()}"
    ours, theirs = f"gh{os.getpid()}", f"gt{os.getpid()}"
    inside = ("ip", "netns", "exec", name)
    if subprocess.run(["ip", "netns", "add", name], capture_output=True).returncode:
        yield None
        return
    try:
        done("ip", "link", "add", ours, "type", "veth", "peer", "name", theirs, "netns", name)
        done("ip", "addr", "add", f"{HERE}/30", "dev", ours)
        done("ip", "link", "set", ours, "up")
        done(*inside, "ip", "addr", "add", f"{THERE}/30", "dev", theirs)
        for device in (theirs, "lo"):
            done(*inside, "ip", "link", "set", device, "up")
        yield {HERE: (), THERE: inside}, lambda: done(*inside, "ip", "link", "set", theirs, "down")
    finally:
        # processes that are left in it end with the scheduler's connections; the namespace goes with the last
        subprocess.run(["ip", "netns", "delete", name], capture_output=True)


@contextlib.contextmanager
def dask(folder: Path, env: dict[str, str], hosts: Mapping[str, Sequence[str]]) -> Iterator[str]:
    """A scheduler on the first host, and a worker on each; gives the address.

    Args:
        hosts: what a command begins with to run on the host of this address.
    """
    running, file = Processes(folder), folder / "scheduler.json"
    try:
        base = (sys.executable, "-m", "dask")
        head = (
            "--host",
            next(iter(hosts)),
            "--no-dashboard",
            "--port",
            "0",
            "--protocol",
            "tls",
            "--scheduler-file",
            str(file),
        )
        running.start("scheduler", *base, "scheduler", *head, env=env)
        wait(lambda: file.exists() and file.read_text().endswith("}"), "the scheduler")
        address = str(json.loads(file.read_text())["address"])
        for number, (host, begins) in enumerate(hosts.items()):
            place = folder / f"worker{number}"
            options = ("--host", host, "--nthreads", "1", "--no-nanny", "--no-dashboard")
            command = (*begins, *base, "worker", address, *options)
            running.start(place.name, *command, "--local-directory", str(place), env=env)
        yield address
    finally:
        running.close()
