"""`make cluster`: one class on this machine, on Dask, on two hosts of which one loses its network, and on a real SLURM.

The verdicts must be the same to the byte. All daemons run on loopback, or in a network namespace, as docs/clusters.md shows them, with TLS.
Needs root, as slurmd and the namespace do.

python -m tools.clusters --students 4     # a smaller class
"""

import argparse
import importlib.util
import json
import os
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from io import TextIOWrapper
from pathlib import Path

from gate.submissions import read
from tools.classroom import Classroom
from tools.clusters.hosts import dask, two_hosts
from tools.clusters.processes import done, encryption
from tools.clusters.slurm import head, slurm

NEEDS = ("munged", "slurmctld", "slurmd", "sbatch", "squeue", "openssl", "ip")
MODULES = ("distributed", "dask_jobqueue")
REMOTE = ("--executor", "dask", "--scheduler")
Verdicts = dict[str, str]  # as JSON has them, by student


def hand_in(room: Classroom, students: int) -> None:
    """So many different notebooks: right and wrong work of the bank."""
    bank = [submission for kind in ("variants", "mutants") for submission in read(kind)]
    for number, submission in enumerate(bank[:: max(1, len(bank) // students)][:students]):
        room.hand_in(f"s{number:03}", submission.notebook(room.source))


def kept(room: Classroom) -> Verdicts:
    """The verdicts that are there."""
    states = (room.folder / "build/grading/sentiment/students").glob("*.json")
    found = {path.stem: json.loads(path.read_text()).get("verdict") for path in states}
    return {student: json.dumps(verdict) for student, verdict in found.items() if verdict}


def graded(room: Classroom, words: str, env: dict[str, str], *options: str) -> Verdicts:
    """The verdicts of one `grader run` of the class, from nothing."""
    shutil.rmtree(room.folder / "build", ignore_errors=True)
    os.environ.update(env)
    began = time.monotonic()
    ran = room.run("grader", "run", *options)
    print(f"{words:<44}{time.monotonic() - began:7.1f} s", flush=True)
    if ran.returncode:
        sys.exit(ran.stderr[-3000:])
    return kept(room)


def unplugged(room: Classroom, folder: Path, key: dict[str, str]) -> Verdicts | None:
    """The same on two hosts, the other of which loses its network at a quarter of the class; None where there cannot be two."""
    settings = Path(key["DASK_CONFIG"]).read_text().replace("worker-ttl: 60s", "worker-ttl: 10s")
    (folder / "dask.yaml").write_text(settings)
    env = {"DASK_CONFIG": str(folder / "dask.yaml")}
    with two_hosts() as found:
        if not found:
            print("this kernel lets nobody make network namespaces: one host alone")
            return None
        hosts, pull = found
        with dask(folder, os.environ | env, hosts) as address:
            students = len(list((room.folder / "submitted").iterdir()))
            shutil.rmtree(room.folder / "build", ignore_errors=True)
            threading.Thread(target=once, args=(room, students // 4, pull), daemon=True).start()
            return graded(room, "on two hosts, one of which goes", env, *REMOTE, address)


def once(room: Classroom, count: int, act: Callable[[], object]) -> None:
    """Act when so many verdicts are there."""
    while len(kept(room)) < count:
        time.sleep(0.2)
    print(f"    {len(kept(room))} verdicts are there: the cable is pulled", flush=True)
    act()


def differing(here: Verdicts, found: Verdicts | None) -> int:
    """Print and return how many verdicts differ from this machine's."""
    if found is None:
        return 0
    count = sum(found.get(student) != here[student] for student in here)
    print(f"    {count} of {len(here)} verdicts differ from this machine's", flush=True)
    return count


def main(argv: list[str] | None = None) -> int:
    """Grade the class in all these ways; 1 if the verdicts differ."""
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    parser = argparse.ArgumentParser(prog="python -m tools.clusters", description=__doc__)
    parser.add_argument("--students", type=int, default=40, help="the class (default: 40)")
    students = parser.parse_args(argv).students
    if missing := [name for name in NEEDS if not shutil.which(name)]:
        sys.exit(f"{', '.join(missing)}: apt-get install slurm-wlm munge openssl iproute2")
    if missing := [name for name in MODULES if not importlib.util.find_spec(name)]:
        sys.exit(f"{', '.join(missing)}: `make cluster` installs what is missing")
    with tempfile.TemporaryDirectory(prefix="cluster-") as place:
        folder = Path(place)
        room = Classroom(folder / "class")
        hand_in(room, students)
        folders = {name: folder / name for name in ("key", "slurm", "dask", "hosts", "head")}
        for made in folders.values():
            made.mkdir()
        key = encryption(folders["key"])
        here = graded(room, f"{students} notebooks on this machine", {})
        # a second address of loopback, so that there are two workers
        alone = {"127.0.0.1": (), "127.0.0.2": ()}
        with dask(folders["dask"], os.environ | key, alone) as address:
            found = graded(room, "by Dask's workers, with TLS", key, *REMOTE, address)
            count = differing(here, found)
        count += differing(here, unplugged(room, folders["hosts"], key))
        with slurm(folders["slurm"]) as env, head(folders["head"], env | key) as address:
            words = "by Dask's workers in SLURM's jobs"
            count += differing(here, graded(room, words, key, *REMOTE, address))
            jobs = done("squeue", "-h", "-o", "%i %j %T %N", env=env).splitlines()
            print(f"    SLURM's jobs: {'; '.join(jobs)}")
        return int(count > 0)


if __name__ == "__main__":
    sys.exit(main())
