"""The wall: what student code can reach, in the real sandbox."""

import socket
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from walls import alive

from gate import ROOT
from grader.judging.session import Grader
from grader.wall.ends import SandboxError


def test_the_kernel_says_that_a_worker_is_an_unprivileged_user_of_the_host(attack):
    assert attack("return os.getuid()") == 1000
    assert attack.workers[0].uid != 0
    assert (
        Path(f"/proc/{attack.workers[0].pid}/status").read_text().split("Uid:")[1].split()[0] != "0"
    )


def test_a_worker_has_no_capability_and_cannot_gain_one(attack):
    status = attack("return open('/proc/self/status').read()")
    for field in ("CapPrm", "CapEff", "CapBnd", "CapAmb"):
        assert int(status.split(f"{field}:")[1].split()[0], 16) == 0
    assert status.split("NoNewPrivs:")[1].split()[0] == "1"


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
    body = f"found = []\nfor path in {places!r}:\n    if os.path.exists(path):\n        found.append(path)\nreturn found"
    assert attack(body) == []


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


def test_a_worker_sees_no_process_but_its_own(attack):
    assert attack("return sorted(int(p) for p in os.listdir('/proc') if p.isdigit())") == [1, 2]


def test_the_doorman_can_be_neither_traced_nor_read(attack):
    body = (
        "try:\n    return os.listdir('/proc/1/fd')\nexcept PermissionError:\n    return 'refused'"
    )
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
