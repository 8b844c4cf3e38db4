"""Python commands for tests, forked from a process that has imported the packages they need.

Each is the command itself in a process of its own, with its own folder, arguments, environment and output, and it imports
the project's own modules anew; only installed packages are there already, which takes seconds otherwise. Commands whose
start is what a test is about, or that are sent signals, go through `subprocess` as ever.
"""

import atexit
import functools
import gc
import importlib
import json
import os
import runpy
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
GRADING = (
    "docutils.core", "hypothesis", "IPython.display", "jinja2.ext", "nbgrader.api", "nbgrader.apps.nbgraderapp", "numpy",
    "psutil", "psycopg", "pytest", "sqlalchemy.dialects.postgresql.psycopg", "sqlalchemy.dialects.sqlite", "tests.warm", "tqdm",
)  # fmt: skip
TRAINING = ("sklearn.linear_model", "trl.trainer.grpo_trainer", "vaderSentiment.vaderSentiment")
# variables that no package reads while it is imported; torch sets the last two, and nbgrader's settings the path
LATE = {
    "PYTEST_CURRENT_TEST",
    "DASK_CONFIG",
    "PYTHONPATH",
    "PATH",
    "KMP_DUPLICATE_LIB_OK",
    "KMP_INIT_AT_FORK",
}
MOST = 1 << 17  # bytes of a request


def run(arguments, cwd, env, imported=GRADING):
    """What `subprocess.run([python, *arguments], cwd=cwd, env=env, capture_output=True, text=True)` gives.

    Args:
        arguments: "-m" and a module, "-c" and a program, or a script; then what these are given.
        imported: modules that are imported before, in the same environment.
    """
    words, env = [str(word) for word in arguments], {n: str(v) for n, v in env.items()}
    seen = tuple(sorted((name, value) for name, value in env.items() if name not in LATE))
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        request = {"arguments": words, "cwd": str(cwd), "env": env}
        code = server(tuple(imported), seen).run(request, out, err)
        texts = [file.seek(0) or file.read() for file in (out, err)]
    return subprocess.CompletedProcess([sys.executable, *words], code, *texts)


@functools.cache
def server(imported, environment):
    """The one server of this process with these modules and variables."""
    made = Server(imported, dict(environment))
    atexit.register(made.close)
    return made


class Server:
    def __init__(self, imported, environment):
        self.channel, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tests.forks", str(theirs.fileno()), *imported],
                cwd=ROOT,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
            )

    def run(self, request, out, err):
        """The exit code, as `subprocess` gives it."""
        message = json.dumps(request).encode()
        assert len(message) < MOST
        socket.send_fds(self.channel, [message], [out.fileno(), err.fileno()])
        answer = self.channel.recv(16)
        assert answer, "the process that forks has ended"
        return int(answer)

    def close(self):
        self.channel.close()
        self.process.wait()


def serve(channel):
    """Fork for each request. In the child it gives the request, and None here once the tests have ended."""
    while True:
        message, fds, *_ = socket.recv_fds(channel, MOST, 2)
        if not message:
            return None
        child = os.fork()
        if child == 0:
            channel.close()
            for place, fd in enumerate(fds, start=1):
                os.dup2(fd, place)
                os.close(fd)
            return json.loads(message)
        for fd in fds:
            os.close(fd)
        ended = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        channel.send(str(ended).encode())


def become(arguments, cwd, env, installed):
    """Go on as `python ARGUMENTS…` in the folder `cwd`; `installed`: what sys.path then ends with."""
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(env)
    # a shell that started the tests in the background has SIGINT ignored, which children inherit
    signal.signal(signal.SIGINT, signal.default_int_handler)
    folders = [path for path in env.get("PYTHONPATH", "").split(os.pathsep) if path]
    sys.path[:] = ["", *(str(Path(path).absolute()) for path in folders), *installed]
    importlib.invalidate_caches()
    sys.argv = arguments
    if arguments[0] == "-m":
        sys.path[0] = cwd
        sys.argv = arguments[1:]
        runpy.run_module(arguments[1], run_name="__main__", alter_sys=True)
    elif arguments[0] == "-c":
        sys.argv = ["-c", *arguments[2:]]
        exec(arguments[1], {"__name__": "__main__"})
    else:
        script = Path(cwd, arguments[0])
        sys.path[0] = str(script.parent)
        runpy.run_path(str(script), run_name="__main__")


def main():
    channel = socket.socket(fileno=int(sys.argv[1]))
    installed = sys.path[1:]  # the first is this folder
    for name in sys.argv[2:]:
        importlib.import_module(name)
    gc.freeze()  # whoever is forked would look through all of it again, at its end if not before
    request = serve(channel)
    if request is not None:
        become(**request, installed=installed)


if __name__ == "__main__":
    main()
