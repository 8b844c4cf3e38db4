"""Where training runs find room: on this machine's GPUs, or on its cores."""

import os
import platform
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import psutil

from grader.wall.cgroup import memory_left

THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
VISIBLE = "CUDA_VISIBLE_DEVICES"


@dataclass(frozen=True)
class Slot:
    """Room for one training run: its name for logs and the environment that keeps a run there."""

    name: str
    environment: dict[str, str]


def cores() -> int:
    """How many processors this process may use: a container or `taskset` may give it fewer than there are."""
    return len(os.sched_getaffinity(0))


def slots(memory_mb: int) -> list[Slot]:
    """As many runs of `memory_mb` as fit in free memory, the machine's, the container's and a GPU's, and never more than cores; one at least."""
    free = min(psutil.virtual_memory().available, memory_left())
    devices, most = gpus(), max(1, int(min(cores(), free // (memory_mb << 20))))
    if not devices:
        alone = {VISIBLE: "", **dict.fromkeys(THREADS, "1")}
        return [Slot(f"core {n}", alone) for n in range(most)]
    room = {name: max(1, (free or 0) // memory_mb) for name, free in devices.items()}
    places = [(name, n) for n in range(most) for name in room if n < room[name]][:most]
    threads = dict.fromkeys(THREADS, str(max(1, cores() // len(places))))
    return [Slot(f"GPU {name}, run {n}", {VISIBLE: name, **threads}) for name, n in places]


def gpus() -> dict[str, int | None]:
    """Free memory (MiB; None: not told) of the GPUs that runs may use, by a name for CUDA_VISIBLE_DEVICES.

    nvidia-smi numbers them by bus and CUDA by speed, so they go by UUID. Names that the operator chose are passed on as
    they stand, and as in CUDA the list ends at the first that is not there.
    """
    known, chosen = driver_gpus(), os.environ.get(VISIBLE)
    if chosen is None:
        return {uuid: free for _, uuid, free in known}
    found = {}
    for name in map(str.strip, chosen.split(",")):
        free = [f for index, uuid, f in known if name == index or (name and uuid.startswith(name))]
        part = name.startswith("MIG-")  # of a GPU: the query does not list it
        if not free and not part:
            break
        found[name] = free[0] if free else None
    return found


def driver_gpus() -> list[tuple[str, str, int | None]]:
    """Index, UUID and free memory of every GPU, as the driver's own tool tells; empty without one."""
    tool = shutil.which("nvidia-smi")
    if not tool:
        return []
    query = [tool, "--query-gpu=index,uuid,memory.free", "--format=csv,noheader,nounits"]
    answer = subprocess.run(query, capture_output=True, text=True)
    rows = [line.split(",") for line in answer.stdout.splitlines() if line.count(",") == 2]
    rows = [[part.strip() for part in row] for row in rows] if not answer.returncode else []
    return [(index, uuid, int(free) if free.isdigit() else None) for index, uuid, free in rows]


def cpu() -> str:
    """Return the processor's name, as far as the machine tells, and how many cores may be used."""
    lines = Path("/proc/cpuinfo").read_text().splitlines() if sys.platform == "linux" else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"{names[0] if names else platform.processor()}, {cores()} cores"
