"""Daemons of a cluster as processes of this machine, and what docs/clusters.md shows for them."""

import contextlib
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from gate import ROOT

PAGE = ROOT / "docs/clusters.md"
PATIENCE = 300.0  # seconds that something may take to come up


def wait(there: Callable[[], object], what: str) -> None:
    """Until it is there; SystemExit after PATIENCE."""
    end = time.monotonic() + PATIENCE
    while not there():
        if time.monotonic() > end:
            sys.exit(f"{what} did not come up in {PATIENCE:g} seconds")
        time.sleep(0.2)


def done(*command: str, env: dict[str, str] | None = None, cwd: Path | None = None) -> str:
    """What a command says, which must succeed."""
    ran = subprocess.run(command, env=env, cwd=cwd, capture_output=True, text=True)
    if ran.returncode:
        sys.exit(f"{command[0]}: {ran.stderr.strip()[-2000:]}")
    return ran.stdout


class Processes:
    """What was started, to be ended in the other order."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.started = folder, list[subprocess.Popen[bytes]]()

    def start(self, name: str, *command: str, env: dict[str, str]) -> None:
        """Start it; it writes to a log of this name."""
        with (self.folder / f"{name}.out").open("w") as log:
            self.started.append(
                subprocess.Popen(command, env=env, cwd=self.folder, stdout=log, stderr=log)
            )

    def close(self) -> None:
        """End all of them."""
        for process in reversed(self.started):
            process.send_signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(20)
            process.kill()
            process.wait()


def shown(pattern: str) -> str:
    """What docs/clusters.md shows, once."""
    [found] = re.findall(pattern, PAGE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    return str(found)


def encryption(folder: Path) -> dict[str, str]:
    """The key and the settings that docs/clusters.md shows, in this folder; gives the environment that names them."""
    done(*shlex.split(shown(r"^(openssl req [^\n]*)$")), cwd=folder)
    text = shown(r"```yaml\n(distributed:\n.*?)```").replace("/srv/grading", str(folder))
    (folder / "dask.yaml").write_text(text)
    return {"DASK_CONFIG": str(folder / "dask.yaml")}
