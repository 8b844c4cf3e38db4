"""A Dask cluster for tests, of processes of its own as an operator would start them, with TLS as docs/clusters.md sets it up."""

import json
import os
import re
import shlex
import subprocess
import sys
import time
from pathlib import Path

from gate import ROOT

PAGE = (ROOT / "docs/clusters.md").read_text(encoding="utf-8")
PATIENCE = 180  # seconds that a process may take to come up, on a busy machine


def certificate(folder):
    """The certificate that the page makes, in this folder."""
    folder.mkdir()
    [line] = re.findall(r"^openssl req .*$", PAGE, re.MULTILINE)
    done = subprocess.run(shlex.split(line), cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def settings(folder, ttl="60s"):
    """The page's settings of Dask, for the certificate in this folder."""
    [text] = re.findall(r"```yaml\n(distributed:\n.*?)```", PAGE, re.DOTALL)
    return text.replace("/srv/grading", str(folder)).replace(
        "worker-ttl: 60s", f"worker-ttl: {ttl}"
    )


class DaskCluster:
    """A scheduler and its workers, by number; `close` ends them all."""

    def __init__(self, folder, workers=2, ttl="60s"):
        self.folder, self.started = folder, []
        try:
            self.open(workers, ttl)
        except BaseException:
            self.close()
            raise

    def open(self, workers, ttl):
        folder = self.folder
        certificate(folder)
        (folder / "dask.yaml").write_text(settings(folder, ttl))
        self.environment = os.environ | {
            "DASK_CONFIG": str(folder / "dask.yaml"),
            "PYTHONPATH": str(ROOT),
        }
        file = folder / "scheduler.json"
        self.scheduler = self.start("scheduler", "--host", "127.0.0.1", "--port", "0", "--protocol", "tls", "--scheduler-file", file)  # fmt: skip
        self.await_(lambda: file.exists() and file.read_text().endswith("}"))
        self.address = json.loads(file.read_text())["address"]
        self.workers = [self.worker("--resources", "GPU=1") for _ in range(workers)]

    def worker(self, *options, **environment):
        """One more, without a nanny: who dies stays dead."""
        name = f"w{len(self.started)}"
        options = ["--nthreads", "1", "--no-nanny", "--host", "127.0.0.1", *options]
        place = ["--local-directory", self.folder / name]
        return self.start("worker", self.address, *options, *place, **environment)

    def start(self, *arguments, **environment):
        log = (self.folder / f"log{len(self.started)}.txt").open("w")
        process = subprocess.Popen(
            [sys.executable, "-m", "dask", *map(str, arguments), "--no-dashboard"],
            env=self.environment | environment,
            cwd=self.folder,
            stdout=log,
            stderr=log,
        )
        self.started.append(process)
        return process

    def await_(self, there):
        end = time.monotonic() + PATIENCE
        while not there():
            assert time.monotonic() < end, "it did not come up"
            time.sleep(0.1)

    def logs(self):
        return "\n".join(path.read_text() for path in sorted(Path(self.folder).glob("log*.txt")))

    def command(self, room, *arguments):
        """A command in a ClassFolder, with this cluster's settings."""
        room.elsewhere.setdefault("DASK_CONFIG", self.environment["DASK_CONFIG"])
        return room.command(*arguments)

    def grade(self, room, *options):
        """`grader run` of a ClassFolder on this cluster."""
        room.elsewhere.setdefault("DASK_CONFIG", self.environment["DASK_CONFIG"])
        return room.grade("--executor", "dask", "--scheduler", self.address, *options)

    def close(self):
        for process in reversed(self.started):
            process.kill()
            process.wait()
