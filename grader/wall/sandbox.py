"""The wall: starts the zygote under bubblewrap and hands out one-use workers.

Started by root, the process first becomes an ordinary user (`bwrap --uid` alone would leave it host uid 0); what that
user may not reach by itself, such as a Python below /root, is bound into place before.
"""

import contextlib
import ctypes
import fcntl
import json
import os
import resource
import shutil
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

from grader.errors import SandboxError
from grader.text import program
from grader.wall.cgroup import Group, hierarchies
from grader.wall.inside import wire
from grader.wall.inside.seccomp import new_keyring
from grader.wall.link import Worker

INSIDE_UID = 1000
USERS = range(61000, 64000)  # of this machine, for the workers of a grader that root started
ROOT_NEEDS = {"CAP_SETGID": 6, "CAP_SETUID": 7, "CAP_SYS_ADMIN": 21}
NO_USER = "cannot become an ordinary user"
CONTROL = 200  # the zygote's end of its channel
CLONE_NEWNS, MS_BIND, MS_REC, MS_PRIVATE = 0x20000, 4096, 16384, 1 << 18
SYSTEM = ("/usr", "/lib", "/lib64", "/bin", "/etc/ld.so.cache", "/etc/alternatives")


ENVIRONMENT_INSIDE = (
    "/env"  # wherever it lies outside: a tmpfs covers /tmp, where a fresh one may well be
)


def python_folders():
    """What Python needs to run, and nothing of the course, by its place inside: the base installation, this environment."""
    folders = {os.path.realpath(sys.base_prefix): os.path.realpath(sys.base_prefix)}
    if sys.prefix != sys.base_prefix:
        folders[ENVIRONMENT_INSIDE] = sys.prefix
    return sorted((inside, outside) for inside, outside in folders.items() if outside != "/usr")


def check_outside(*paths):
    """SandboxError if one of these lies where every worker can read."""
    for path in paths:
        for folder in (*SYSTEM, *(outside for _, outside in python_folders())):
            if Path(path).resolve().is_relative_to(Path(folder).resolve()):
                raise SandboxError(
                    f"{path} lies below {folder}, which every submission can read: move the course to another folder,"
                    " or the Python environment to a folder of its own"
                )


def python_inside():
    """The interpreter by its place inside."""
    if sys.prefix == sys.base_prefix:
        return sys.executable
    return sys.executable.replace(sys.prefix, ENVIRONMENT_INSIDE, 1)


def command(control_fd, preload, stage, isolation):
    boot = "import sys; sys.path.insert(0, sys.argv[3]); from inside.zygote import main; sys.path.pop(0); main()"
    inside = str(Path(wire.__file__).parent)
    run = ["-I", "-c", boot, str(control_fd), json.dumps(preload)]
    if isolation == "none":
        return [sys.executable, *run, str(Path(inside).parent)]
    mounts = [part for path in SYSTEM if Path(path).exists() for part in place(path)]
    for number, (place_inside, path) in enumerate(python_folders()):
        mounts += ["--ro-bind", f"{stage}/{number}" if stage else path, place_inside]
    mounts += ["--ro-bind", f"{stage}/inside" if stage else inside, "/grader/inside"]
    return [
        *("bwrap", "--unshare-all", "--die-with-parent", "--new-session", "--cap-drop", "ALL"),
        *("--uid", str(INSIDE_UID), "--gid", str(INSIDE_UID), "--hostname", "worker"),
        *mounts,
        *("--proc", "/proc", *devices(), "--tmpfs", "/tmp"),
        *("--remount-ro", "/dev", "--remount-ro", "/"),
        *("--chdir", "/tmp", "--", python_inside(), *run, "/grader"),
    ]


def devices():
    """A /dev with the four that programs need. bubblewrap's own holds every pseudo-terminal of the machine, too."""
    names = ("null", "zero", "random", "urandom")
    mounts = [part for name in names for part in ("--dev-bind", f"/dev/{name}", f"/dev/{name}")]
    links = {"fd": "", "stdin": "/0", "stdout": "/1", "stderr": "/2"}.items()
    links = [
        part for name, to in links for part in ("--symlink", f"/proc/self/fd{to}", f"/dev/{name}")
    ]
    return ["--tmpfs", "/dev", *mounts, *links, "--dir", "/dev/shm"]


def place(path):
    """Merged-usr systems have /lib and /bin as links; they must be links inside as well."""
    return (
        ["--symlink", str(Path(path).readlink()), path]
        if Path(path).is_symlink()
        else ["--ro-bind", path, path]
    )


ENVIRONMENT = {
    "PATH": "/usr/bin:/bin",
    "HOME": "/tmp",
    "LANG": "C.UTF-8",
    "PYTHONHASHSEED": "0",
    "PYTHONDONTWRITEBYTECODE": "1",
    **dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1"),
    "NBGRADER_EXECUTION": "autograde",
    "HF_HUB_OFFLINE": "1",
    "MPLBACKEND": "agg",
    "TORCHDYNAMO_DISABLE": "1",  # torch.compile's first call takes longer than a law waits; the plain function is as right
}


def become_nobody(stage):
    """In the child of a root grader: bind what the user could not reach, then drop root for good."""
    libc = ctypes.CDLL(None, use_errno=True)

    def mount(source, target, kind, flags):
        if libc.mount(source.encode(), target.encode(), kind, flags, None):
            raise OSError(ctypes.get_errno(), f"mount {target}")

    new_keyring()
    if libc.unshare(CLONE_NEWNS):
        raise OSError(ctypes.get_errno(), "unshare")
    mount("none", "/", None, MS_REC | MS_PRIVATE)
    mount("tmpfs", stage, b"tmpfs", 0)
    Path(stage).chmod(0o755)
    outside = [path for _, path in python_folders()]
    for name, path in [*enumerate(outside), ("inside", str(Path(wire.__file__).parent))]:
        Path(stage, str(name)).mkdir()
        mount(path, f"{stage}/{name}", None, MS_BIND | MS_REC)
    # a user of its own: process counts and signals are not shared with other runs
    uid = USERS[os.getpid() % len(USERS)]
    with contextlib.suppress(ValueError):  # some containers allow 0 alone
        resource.setrlimit(
            resource.RLIMIT_CORE, (1, 1)
        )  # no dump, into a pipe neither (man 5 core)
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)


def check_root():
    """SandboxError if this root is none of the machine's, or not a whole one: it could not do `become_nobody`."""
    held = int(Path("/proc/self/status").read_text().split("CapEff:")[1].split()[0], 16)
    lacks = [name for name, number in ROOT_NEEDS.items() if not held >> number & 1]
    mapped = [line.split() for line in Path("/proc/self/uid_map").read_text().splitlines()]
    ranges = [range(int(first), int(first) + int(count)) for first, _, count in mapped]
    if not any(USERS[0] in users and USERS[-1] in users for users in ranges):
        lacks.append(f"the users {USERS[0]} to {USERS[-1]}")
    if lacks:
        raise SandboxError(
            f"root {NO_USER}, because it lacks {', '.join(lacks)} here: start this as an ordinary user,"
            " without `unshare -r`; a container with `--user`, or with what is lacking"
        )


def prepare(stage):
    """`become_nobody`, or end with the reason: an exception would lose it on its way to the parent."""
    try:
        become_nobody(stage)
    except OSError as error:
        words = f"root {NO_USER} ({error}): start this as an ordinary user"
        os.write(2, words.encode())
        os._exit(1)


def sweep(folders):
    """Empty folders that graders left behind when they were killed; their names hold the process's number."""
    for folder in folders:
        pid = folder.name.split("-")[1]
        if pid.isdigit() and not Path("/proc", pid).exists():
            with contextlib.suppress(OSError):
                folder.rmdir()


class Sandbox:
    """One zygote; `worker()` gives a fresh worker in milliseconds."""

    def __init__(self, preload, limits, isolation="bwrap"):
        self.preload, self.limits, self.isolation = preload, limits, isolation
        self.process = self.control = self.stage = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def start(self):
        """Start the zygote without waiting for its imports, so they overlap with what the caller does next."""
        if self.isolation != "none" and not shutil.which("bwrap"):
            raise SandboxError(
                f"bubblewrap is not installed: apt-get install bubblewrap (or see `{program()} -m grader doctor`)"
            )
        root = os.geteuid() == 0 and self.isolation != "none"
        if root:
            check_root()
        sweep(Path(tempfile.gettempdir()).glob("grader-*-*"))
        sweep(folder for parent in hierarchies() for folder in parent.glob("grader-*-*"))
        self.control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        # the same number in every process: student code can read it
        control = fcntl.fcntl(theirs, fcntl.F_DUPFD_CLOEXEC, CONTROL)
        theirs.close()
        self.stage = tempfile.mkdtemp(prefix=f"grader-{os.getpid()}-") if root else None
        self.errors = tempfile.TemporaryFile()  # noqa: SIM115  closed with the sandbox
        self.process = subprocess.Popen(
            command(control, self.preload, self.stage, self.isolation),
            pass_fds=[control],
            env=ENVIRONMENT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=self.errors,
            cwd="/",
            preexec_fn=(lambda: prepare(self.stage)) if root else None,
        )
        os.close(control)
        self.ready = False

    def wait(self):
        if self.process is None:
            self.start()
        if not self.ready:
            self.control.settimeout(120)
            with contextlib.suppress(OSError):
                self.ready = self.control.recv(16) == b"ready"
            if not self.ready:
                self.errors.seek(0)
                reason = self.errors.read(2000).decode(errors="replace").strip()
                self.close()
                raise SandboxError(
                    f"the sandbox did not start: {reason or 'no reason given'}; see `{program()} -m grader doctor`"
                )
            if self.stage:
                Path(self.stage).rmdir()  # what was mounted there lives on in the sandbox alone

    def worker(self, limits=None):
        """A fresh worker under `limits`, or under the sandbox's own."""
        limits = limits or self.limits
        try:
            self.wait()
            return Worker(self.control, limits, self.isolation)
        except OSError as error:  # the zygote died (out of memory, say): a new one, once
            self.close()
            self.wait()
            try:
                return Worker(self.control, limits, self.isolation)
            except OSError:
                raise SandboxError(f"no worker could be started: {error}") from error

    def close(self):
        if self.process is not None:
            self.control.close()
            try:
                self.process.wait(1)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
            if self.stage and not self.ready:
                Path(self.stage).rmdir()
            self.errors.close()
            Group.remove_all()
        self.process = None
