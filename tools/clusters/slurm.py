"""A real SLURM on loopback, in a temporary folder: Debian's munged, slurmctld and slurmd; and the head that starts workers by it."""

import contextlib
import os
import re
import secrets
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil

from tools.clusters.processes import PATIENCE, Processes, shown, wait

CONF = """ClusterName=loopback
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ctld}
SlurmdPort={d}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
SlurmUser=root
SlurmdUser=root
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
ReturnToService=2
NodeName={host} NodeAddr=127.0.0.1 CPUs={cores} RealMemory={memory} State=UNKNOWN
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""


def free_port() -> int:
    """A port of loopback that nobody has now."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return int(held.getsockname()[1])


@contextlib.contextmanager
def slurm(folder: Path) -> Iterator[dict[str, str]]:
    """A SLURM of one machine, this one; gives the environment in which its commands know it."""
    for name in ("state", "spool"):
        (folder / name).mkdir()
    key, host = folder / "munge.key", socket.gethostname().partition(".")[0]
    key.write_bytes(secrets.token_bytes(1024))
    key.chmod(0o400)
    memory = psutil.virtual_memory().total >> 20
    facts = {
        "host": host,
        "folder": folder,
        "cores": len(os.sched_getaffinity(0)),
        "memory": memory,
    }
    conf = folder / "slurm.conf"
    conf.write_text(CONF.format(**facts, ctld=free_port(), d=free_port()))
    env = os.environ | {"SLURM_CONF": str(conf)}
    running = Processes(folder)
    try:
        places = {"socket": "socket", "pid-file": "pid", "log-file": "log", "seed-file": "seed"}
        options = [f"--{option}={folder}/munge.{end}" for option, end in places.items()]
        running.start("munged", "munged", "-F", "--force", f"--key-file={key}", *options, env=env)
        wait((folder / "munge.socket").exists, "munged")
        running.start("slurmctld", "slurmctld", "-D", env=env)
        running.start("slurmd", "slurmd", "-D", env=env)
        idle = ("sinfo", "-h", "-o", "%t")
        wait(lambda: "idle" in subprocess.run(idle, env=env, capture_output=True, text=True).stdout, "slurmd")  # fmt: skip
        yield env
    finally:
        running.close()


@contextlib.contextmanager
def head(folder: Path, env: dict[str, str]) -> Iterator[str]:
    """The head of docs/clusters.md, whose workers are SLURM's jobs; gives the address."""
    settings = shown(r"```yaml\n(jobqueue:\n.*?)```")
    changes = {
        "cores: 4": "cores: 1",
        "processes: 4": "processes: 1",
        "memory: 12GB": "memory: 2GB",
        "queue: short": "queue: all",
        "interface: ib0": "interface: lo",
        "/opt/course/.venv/bin/python": sys.executable,
        "local-directory: /scratch": f"local-directory: {folder}",
        "log-directory: /srv/grading/logs": f"log-directory: {folder}",
    }
    for old, new in changes.items():
        assert old in settings, old
        settings = settings.replace(old, new)
    # one folder of settings: Dask reads all files in it
    both = folder / "settings"
    both.mkdir()
    shutil.copy(env["DASK_CONFIG"], both)
    (both / "jobqueue.yaml").write_text(settings)
    program = shown(r"```python\n(from dask_jobqueue.*?)```")
    jobs = f"jobs={len(os.sched_getaffinity(0))}"
    (folder / "head.py").write_text(program.replace("jobs=16", jobs))
    with (folder / "head.out").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "head.py"],
            env=env | {"DASK_CONFIG": str(both)},
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
        )
    try:
        said = folder / "head.out"
        wait(lambda: "tls://" in said.read_text() or process.poll() is not None, "the head")
        address = re.search(r"tls://\S+", said.read_text())
        if not address:
            sys.exit(f"the head: {said.read_text()[-2000:]}")
        yield address.group()
    finally:
        process.communicate(b"\n", timeout=PATIENCE)
