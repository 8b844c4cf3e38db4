"""A PostgreSQL server of a test's own: Debian's package, an ordinary user's process, in a folder that goes with it."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

import psutil
import psycopg

NEEDED = "the tests with PostgreSQL need its server: apt-get install postgresql"
USER = "grader"


def programs():
    """The folder of initdb and postgres, of the newest version that is installed; None where there is none."""
    found = sorted(
        Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: float(path.parts[4])
    )
    on_path = shutil.which("postgres")
    own = [Path(on_path)] if on_path else []
    return next((path.parent for path in [*reversed(found), *own]), None)


class Server:
    """`url(database)` is where nbgrader finds it; `kill` ends it as a power cut would, and `start` starts it again."""

    def __init__(self):
        # a socket's path is short, and another user must come to it
        self.folder = Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp"))
        self.identity = {}
        if os.getuid() == 0:  # PostgreSQL refuses to run as root
            other = pwd.getpwnam("nobody")
            self.identity = {"user": other.pw_uid, "group": other.pw_gid, "extra_groups": []}
            os.chown(self.folder, other.pw_uid, other.pw_gid)
            self.folder.chmod(0o755)
        self.data, self.process = self.folder / "data", None
        self._run("initdb", f"--pgdata={self.data}", f"--username={USER}", *INITDB)
        self.start()

    def _command(self, program, *arguments):
        place = {"cwd": self.folder, "env": {"LC_ALL": "C.UTF-8", "TZ": "UTC"}}
        return {"args": [str(programs() / program), *arguments], **place, **self.identity}

    def _run(self, program, *arguments):
        done = subprocess.run(**self._command(program, *arguments), capture_output=True, text=True)
        assert done.returncode == 0, done.stderr

    def start(self):
        with (self.folder / "log").open("a") as log:
            self.process = subprocess.Popen(
                **self._command("postgres", "-D", str(self.data), "-k", str(self.folder), *SERVER),
                stdout=log,
                stderr=log,
            )
        while not self._answers():
            assert self.process.poll() is None, (self.folder / "log").read_text()[-3000:]
            time.sleep(0.02)

    def _answers(self):
        try:
            self.connect("postgres").close()
        except psycopg.OperationalError:
            return False
        return True

    def kill(self):
        """Nothing is written any more, nobody is told."""
        found = psutil.Process(self.process.pid)
        processes = [found, *found.children(recursive=True)]
        for process in processes:
            process.send_signal(signal.SIGKILL)
        psutil.wait_procs(processes[1:])
        self.process.wait()

    def close(self):
        self.process.send_signal(signal.SIGQUIT)
        self.process.wait()
        shutil.rmtree(self.folder)

    def connect(self, database):
        return psycopg.connect(host=str(self.folder), user=USER, dbname=database, autocommit=True)

    def create(self, database, template="template0"):
        """A database; its address."""
        with self.connect("postgres") as connection:
            connection.execute(f'create database "{database}" template "{template}"')
        return self.url(database)

    def drop(self, database):
        with self.connect("postgres") as connection:
            connection.execute(f'drop database "{database}" with (force)')

    def leave(self, database):
        """End all connections, or nobody can copy it."""
        with self.connect("postgres") as connection:
            connection.execute(f"{END} where datname = %s", [database])

    def url(self, database):
        return f"postgresql+psycopg://{USER}@/{database}?host={self.folder}"


END = "select pg_terminate_backend(pid) from pg_stat_activity"
INITDB = ("--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync", "--no-instructions")
SERVER = (
    *("-c", "listen_addresses="),
    *("-c", "fsync=off"),  # the tests kill the server, never the machine
    *("-c", "shared_buffers=16MB"),
    *("-c", "max_connections=40"),
)
