"""Training runs for the exercises that are marked by one: a queue over this machine's GPUs, or its cores.

The course says how a notebook is trained (`Course.trainer`, a command); each run gets a slot of its own. A verdict is
kept under the notebook's SHA-256, so nothing is trained twice: equal notebooks share one, and a run of the queue that was
killed goes on with what is missing.
"""

import json
import os
import queue
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import psutil
from tqdm import tqdm

from grader.course import TRAINING, CourseError

THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


@dataclass(frozen=True)
class Slot:
    """Room for one training run: its name for logs and the environment that keeps a run there."""

    name: str
    environment: dict


def gpus():
    """Index and free memory (MiB) of every GPU, as the driver's own tool tells; empty without one."""
    tool = shutil.which("nvidia-smi")
    if not tool:
        return []
    query = [tool, "--query-gpu=index,memory.free", "--format=csv,noheader,nounits"]
    answer = subprocess.run(query, capture_output=True, text=True)
    rows = [line.split(",") for line in answer.stdout.splitlines() if "," in line]
    return [(index.strip(), int(free)) for index, free in rows] if not answer.returncode else []


def slots(memory_mb):
    """A GPU takes as many runs of `memory_mb` as fit in what is free, and at least one; without a GPU each core takes one."""
    devices = gpus()
    if not devices:
        fit = psutil.virtual_memory().available // (memory_mb << 20)
        alone = {"CUDA_VISIBLE_DEVICES": "", **dict.fromkeys(THREADS, "1")}
        return [Slot(f"core {n}", alone) for n in range(max(1, min(os.cpu_count() or 1, fit)))]
    return [
        Slot(f"GPU {index}, run {n}", {"CUDA_VISIBLE_DEVICES": index})
        for index, free in devices
        for n in range(max(1, min(free // memory_mb, (os.cpu_count() or 1) // len(devices))))
    ]


class TrainingQueue:
    """`TrainingQueue(course, folder).run({sha256: notebook})` leaves a verdict for each in `folder`."""

    def __init__(self, course, folder=TRAINING, isolation="bwrap"):
        if not course.trainer:
            raise CourseError("the course declares no `trainer`, so nothing can be trained here")
        self.course, self.folder, self.isolation = course, Path(folder).resolve(), isolation
        self.slots = queue.SimpleQueue()
        self.places = slots(course.training_memory_mb)
        for slot in self.places:
            self.slots.put(slot)

    def run(self, notebooks):
        """Train what has no verdict yet, and return how many were missing."""
        missing = {sha: path for sha, path in notebooks.items() if not self.done(sha)}
        self.folder.mkdir(parents=True, exist_ok=True)
        names = ", ".join(slot.name for slot in self.places)
        print(f"training {len(missing)} notebooks on: {names}", file=sys.stderr)
        with ThreadPoolExecutor(len(self.places)) as pool:
            work = pool.map(self.train, missing, missing.values())
            for _ in tqdm(work, "training", total=len(missing), unit="notebook", disable=None):
                pass
        return len(missing)

    def done(self, sha):
        """Whether there is a verdict, and one that says something about the student."""
        try:
            verdict = json.loads((self.folder / f"{sha}.json").read_text())
        except (OSError, ValueError):
            return False
        return verdict.get("outcome") != "infrastructure"

    def train(self, sha, notebook):
        """Run the course's command in a free slot; without a verdict of its own the exercise stays open, with the reason."""
        slot = self.slots.get()
        target, out = self.folder / f"{sha}.json", self.folder / sha
        out.mkdir(parents=True, exist_ok=True)
        try:
            target.unlink(missing_ok=True)
            trouble = self.call(slot, notebook, target, out)
        finally:
            self.slots.put(slot)
        if not target.is_file():
            note = f"the training run gave no verdict: {trouble}; see {out}/log.txt"
            target.write_text(json.dumps({"share": 0.0, "outcome": "infrastructure", "note": note}))

    def call(self, slot, notebook, target, out):
        """Start the command, wait for its end, and return how it ended."""
        places = {"notebook": notebook, "mark": target, "out": out, "isolation": self.isolation}
        command = [part.format(**places) for part in self.course.trainer]
        with (out / "log.txt").open("w") as log:
            process = subprocess.Popen(
                [sys.executable, *command],
                cwd=self.course.folder,
                env={**os.environ, **slot.environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
            try:
                return f"exit code {process.wait(self.course.training_seconds)}"
            except subprocess.TimeoutExpired:
                return f"no end within {self.course.training_seconds} seconds"
            finally:
                process.kill()  # also when this queue is interrupted
                process.wait()
