"""What a run computes on: said when it starts, so that nobody waits an hour for a GPU that is not used."""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping

from lab import pretrained
from lab.config import TrainConfig

COMPILERS = ("gcc", "clang", "cc")  # where Triton looks, if CC names none
HIDDEN = ("", "-1", "none", "NoDevFiles")  # CUDA_VISIBLE_DEVICES of who wants no GPU
WHY_FORMAT = {
    "float32": "no half-precision arithmetic here that pays",
    "bfloat16": "it has bfloat16 arithmetic",
    "float16": "a GPU before Ampere has no bfloat16",
}


def device_name() -> str:
    """Return what this process computes on and in which number format, for run.json."""
    import torch

    threads = torch.get_num_threads()
    name = f"CPU, {threads} thread" if threads == 1 else f"CPU, {threads} threads"
    if torch.cuda.is_available():
        name = torch.cuda.get_device_name(pretrained.device())
    return f"{name}, {format_name()}"


def format_name() -> str:
    """Return the number format of matrix products."""
    return str(pretrained.compute_dtype()).removeprefix("torch.")


def plan(config: TrainConfig, taken: Mapping[str, str]) -> str:
    """Return in one line what was chosen, and why; `taken`: the ways of sampling and of the loss."""
    ways = "; ".join(f"{part}: {way}" for part, way in taken.items())
    return (
        f"computing on {device_name()} ({WHY_FORMAT[format_name()]}); {ways}; {config.max_steps} steps of "
        f"{config.step_completions} completions"
    )


def peak_memory() -> float:
    """Return the most memory that this process has held until now, in GB: the GPU's where there is one, else the machine's."""
    import torch

    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated(pretrained.device()) / 1e9
    if os.name == "nt":
        import psutil

        return float(psutil.Process().memory_info().peak_wset) / 1e9
    import resource

    # kilobytes, but bytes on macOS
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e9


def no_compiler() -> str:
    """Return why Triton cannot compile its kernels, "" where it finds a C compiler."""
    if os.environ.get("CC") or any(map(shutil.which, COMPILERS)):
        return ""
    return "there is no C compiler, which Triton needs: install gcc, or name one in CC"


def unseen_gpu() -> str:
    """Return a warning with its remedy where NVIDIA's driver has a GPU that torch does not use, else ""."""
    import torch

    tool = shutil.which("nvidia-smi")
    hidden = os.environ.get("CUDA_VISIBLE_DEVICES") in HIDDEN
    if torch.cuda.is_available() or hidden or not tool:
        return ""
    asked = [tool, "--query-gpu=name,driver_version", "--format=csv,noheader"]
    try:
        done = subprocess.run(asked, capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    if done.returncode or not done.stdout.strip():
        return ""
    name, _, driver = done.stdout.splitlines()[0].partition(",")
    if torch.version.cuda is None:
        reason, remedy = "is made for CPUs alone", "install the CUDA build"
    else:
        reason = (
            f"needs CUDA {torch.version.cuda}, which driver {driver.strip()} may be too old for"
        )
        remedy = "update the driver, or install a torch made for an older CUDA"
    return (
        f"warning: there is a GPU ({name.strip()}), and this run computes on the CPU: torch {torch.__version__} {reason}. "
        f"To use it, {remedy} (README, Which torch?)"
    )
