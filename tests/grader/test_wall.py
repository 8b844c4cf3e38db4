"""The wall: what student code can reach, in the real sandbox."""

import os
import socket
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from walls import LIMITS, alive, ask, only_bubblewrap, only_landlock

from gate import ROOT
from grader.errors import SandboxError
from grader.judging.session import Grader
from grader.wall.inside import landlock
from grader.wall.isolation import Bubblewrap
from grader.wall.sandbox import Sandbox


def status_of(attack):
    """What the kernel tells this machine of the worker that was attacked from last, its doorman's child."""
    doorman = psutil.Process(attack.workers[-1].pid)
    return Path(f"/proc/{doorman.children()[0].pid}/status").read_text()


def test_the_kernel_says_that_a_worker_is_an_unprivileged_user_of_the_host(attack):
    inside = attack("return [os.getuid(), os.geteuid(), os.getgid(), os.getgroups()]")
    assert 0 not in inside and attack.workers[0].uid != 0
    users = status_of(attack).split("Uid:")[1].split("\n")[0].split()
    assert "0" not in users and len({*users}) == 1


def test_a_worker_has_no_capability_and_cannot_gain_one(attack):
    assert attack("return os.getpid()") > 0
    status = status_of(attack)
    for field in ("CapPrm", "CapEff", "CapAmb", *(["CapBnd"] if os.geteuid() == 0 else [])):
        assert int(status.split(f"{field}:")[1].split()[0], 16) == 0
    assert status.split("NoNewPrivs:")[1].split()[0] == "1"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give each worker a user of its own")
@only_landlock
def test_no_two_workers_are_the_same_user(wall):
    several = [wall.worker() for _ in range(3)]
    with Sandbox([], LIMITS, wall.isolation) as another:
        several.append(another.worker())
        assert len({worker.uid for worker in several}) == 4
        for worker in several:
            worker.kill()


def test_files_of_root_and_of_the_course_are_out_of_reach(attack, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("42")
    secret.chmod(0o600)
    places = [
        str(secret),
        "/etc/shadow",
        "/etc/passwd",
        str(Path(__file__).parent),
        str(ROOT / "grader/laws.py"),
        "/root/.bashrc",
    ]
    assert attack(OPENED.format(places)) == []


OPENED = """
found = []
for path in {!r}:
    for look in (os.listdir, open, lambda path: os.open(path, os.O_WRONLY)):
        try:
            look(path)
            found.append(path)
        except OSError:
            pass
return found"""


@only_bubblewrap
def test_what_is_out_of_reach_is_not_there_at_all(attack):
    body = f"return [path for path in {['/etc/passwd', str(ROOT), '/home', '/var']} if os.path.exists(path)]"
    assert attack(body) == []


@only_landlock
def test_nothing_of_this_machine_can_be_changed_by_path(attack, tmp_path):
    """What Landlock leaves to other walls; `chmod` and its like say that they worked, and do nothing."""
    mine = tmp_path / "mine"
    mine.write_text("42")
    for folder in (mine, *mine.parents):
        folder.chmod(folder.stat().st_mode | 0o777)
        if folder == tmp_path.parent.parent:
            break
    before = (mine.stat(), tmp_path.stat())
    for change in (
        *("os.chmod(path, 0)", "os.utime(path, (0, 0))", "os.truncate(path, 0)", "os.unlink(path)"),
        *(
            "os.chown(path, os.getuid(), -1)",
            "os.setxattr(path, 'user.a', b'b')",
            "open(path, 'a')",
        ),
        *("os.rename(path, 'mine')", "os.link(path, 'mine')", "os.mkdir(path + '-too')"),
        "os.rename('/dev/null', path)",
    ):
        attack(f"path = {str(mine)!r}\n{change}")
    assert (mine.stat(), tmp_path.stat()) == before and mine.read_text() == "42"


@only_landlock
def test_of_others_processes_nothing_can_be_changed(attack):
    body = f"""
import resource
pid, failed = {os.getpid()}, []
for change in (
    lambda: resource.prlimit(pid, resource.RLIMIT_NOFILE, (10, 10)), lambda: os.kill(pid, 0), lambda: os.kill(pid, 9),
    lambda: os.setpriority(os.PRIO_PROCESS, pid, 19), lambda: os.setpriority(os.PRIO_USER, 0, 19),
    lambda: os.sched_setaffinity(pid, [0]), lambda: signal.pidfd_send_signal(os.pidfd_open(pid), 9),
    lambda: open(f"/proc/{{pid}}/mem", "r+b"), lambda: open(f"/proc/{{pid}}/environ"), lambda: os.listdir(f"/proc/{{pid}}/fd"),
):
    try:
        change()
    except PermissionError:
        failed.append(1)
return len(failed)"""
    assert attack(body) == 10


@pytest.mark.parametrize("folder", ["/usr/src/app", sys.prefix, sys.base_prefix])
def test_a_course_where_every_worker_reads_is_refused(assignment, folder):
    """A clone below /usr, or one that is itself the Python environment."""
    laws = replace(assignment, folder=Path(folder, "hidden"))
    with pytest.raises(SandboxError, match="move the course"):
        Grader(laws)


def test_nothing_of_the_course_can_be_found_by_walking_the_filesystem(attack):
    found = attack(
        """
hits = []
for top, folders, files in os.walk("/"):
    folders[:] = [f for f in folders if os.path.join(top, f) not in ("/proc", "/usr") and f != "site-packages"]
    hits += [os.path.join(top, f) for f in files if f.startswith("test_basket") or f in ("assignment.py", "laws.py", "gradebook.db", "exercise.ipynb")]
return hits""",
        20,
    )
    assert found == []


def test_there_is_no_network(attack):
    listener = socket.create_server(("127.0.0.1", 0))
    with listener:
        body = f"try:\n    socket.create_connection(('127.0.0.1', {listener.getsockname()[1]}), 1)\nexcept OSError as error:\n    return error.errno\n"
        assert isinstance(attack(body), int)
    assert attack("socket.socket()") == "OSError"


@only_bubblewrap
def test_there_is_no_interface_but_its_own(attack):
    interfaces = attack("return open('/proc/net/dev').read()").splitlines()[2:]
    assert [line.split(":")[0].strip() for line in interfaces] == ["lo"]


def test_kill_everything_leaves_neighbours_zygote_and_grader_alive(wall, attack):
    neighbour = wall.worker()
    assert (
        attack("try:\n    os.kill(-1, 9)\nexcept OSError:\n    pass\nreturn 'still here'")
        == "still here"
    )
    assert alive(neighbour.pid) and wall.process.poll() is None
    neighbour.kill()


@only_bubblewrap
def test_a_worker_sees_no_process_but_its_own(attack):
    assert attack("return sorted(int(p) for p in os.listdir('/proc') if p.isdigit())") == [1, 2]


@only_landlock
def test_a_worker_sees_no_process_at_all(attack):
    for path in ("/proc", "/proc/self", "/proc/1"):
        assert attack(f"return os.listdir({path!r})") == "PermissionError"


def test_the_doorman_can_be_neither_traced_nor_read(attack):
    body = "try:\n    return os.listdir(f'/proc/{os.getppid()}/fd')\nexcept PermissionError:\n    return 'refused'"
    assert attack(body) in ("refused", [])
    assert attack("return ctypes.CDLL(None).ptrace(16, 1, 0, 0)") == -1


def test_no_new_namespaces_mounts_or_devices(attack):
    assert attack("return ctypes.CDLL(None).unshare(0x10000000)") == -1
    assert attack("return ctypes.CDLL(None).mount(b'none', b'/usr', b'tmpfs', 0, None)") == -1
    assert (
        attack(
            "try:\n    os.mknod('/tmp/disk', 0o60666, os.makedev(254, 0))\nexcept OSError:\n    return 'refused'"
        )
        == "refused"
    )


class WithAHole(Bubblewrap):
    """The same with a folder of this machine mounted that can be written, as by a mistake."""

    def __init__(self, folder):
        self.folder = folder

    def argv(self, *arguments):
        options = super().argv(*arguments)
        at = options.index("--proc")
        return [*options[:at], "--bind", self.folder, "/hole", *options[at:]]


@pytest.mark.skipif(landlock.abi() == 0, reason="no Landlock in this kernel")
def test_landlock_is_a_second_wall_inside_bubblewrap():
    with tempfile.TemporaryDirectory() as folder:
        mine = Path(folder, "mine")
        mine.write_text("42")
        for path in (mine, mine.parent):
            path.chmod(0o777)
        body = "found = os.listdir('/hole')\nopen('/tmp/mine', 'w').close()\nopen('/hole/mine', 'w')\nreturn found"
        with Sandbox([], LIMITS, WithAHole(folder)) as wall:
            worker = wall.worker()
            assert ask(worker, "return os.listdir('/hole')") == ["mine"], "there is a hole"
            assert ask(worker, body) == "PermissionError"
            worker.kill()
        assert mine.read_text() == "42"
