"""nbgrader's formgrader over a classroom: a Jupyter server on a loopback port, and every page that an instructor clicks."""

import contextlib
import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote

TOKEN = "loopback"


class Formgrader:
    """`with Formgrader(folder) as pages: pages.get("gradebook")`"""

    def __init__(self, folder: Path, token: str = TOKEN) -> None:
        """`folder`: of the class; `token`: what the server asks for, "" for nothing at all. Nothing starts yet."""
        self.folder, self.token, self.log = folder, token, folder / "jupyter.log"
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.base = f"http://127.0.0.1:{free.getsockname()[1]}/formgrader"

    def __enter__(self) -> Self:
        settings: dict[str, Any] = {
            "ServerApp.ip": "127.0.0.1",
            "ServerApp.port": self.base.split(":")[2].split("/")[0],
        }
        settings |= {"ServerApp.open_browser": False, "IdentityProvider.token": self.token}
        command = [sys.executable, "-m", "jupyter_server", "--allow-root"]
        command += [f"--{name}={value}" for name, value in settings.items()]
        own = {
            f"JUPYTER_{name}_DIR": str(self.folder / "jupyter")
            for name in ("CONFIG", "DATA", "RUNTIME")
        }
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                command, cwd=self.folder, env=os.environ | own, stdout=log, stderr=log
            )
        for _ in range(600):
            with contextlib.suppress(OSError):
                self.get("api/status")
                return self
            assert self.process.poll() is None, self.log.read_text()[-3000:]
            time.sleep(0.2)
        self.__exit__()
        raise TimeoutError(self.log.read_text()[-3000:])

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def get(self, page: str, method: str = "GET", sent: Any = None) -> tuple[int, str]:
        """Return HTTP status and text; `sent`: what goes along, as JSON."""
        headers = {"Authorization": f"token {self.token}"}
        data = None if sent is None else json.dumps(sent).encode()
        request = urllib.request.Request(f"{self.base}/{page}", data, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=120) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def listed(self, page: str, method: str = "GET") -> Any:
        """Return what the server answers in JSON."""
        status, text = self.get(page, method)
        assert status == 200, f"{page}: {status}"
        return json.loads(text)

    def pages(self, assignment: str = "sentiment", notebook: str = "exercise") -> Iterator[str]:
        """Yield what can be reached by clicking: lists, students' pages, submissions, and what these ask the server for."""
        students = [student["id"] for student in self.listed("api/students")]
        submissions = self.listed(f"api/submitted_notebooks/{assignment}/{notebook}")
        yield from ("", "manage_assignments", f"manage_submissions/{assignment}", "manage_students")
        yield from ("gradebook", f"gradebook/{assignment}", f"gradebook/{assignment}/{notebook}")
        yield from (
            f"api/{name}"
            for name in ("assignments", f"submissions/{assignment}", f"notebooks/{assignment}")
        )
        for student in map(quote, students):
            yield from (f"manage_students/{student}", f"manage_students/{student}/{assignment}")
            yield f"api/student_submissions/{student}"
            yield f"api/student_notebook_submissions/{student}/{assignment}"
            yield f"api/submission/{assignment}/{student}"
        for submission in submissions:
            yield f"submissions/{submission['id']}/"
            yield f"api/grades?submission_id={submission['id']}"
            yield f"api/comments?submission_id={submission['id']}"
