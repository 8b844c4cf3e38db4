"""The wall: how much of the machine student code can take, in the real sandbox."""

import contextlib
import os
import time
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from walls import LIMITS, ask, ended, only_landlock

from grader.assignment import Limits
from grader.wall import cgroup, link
from grader.wall.cgroup import hierarchies
from grader.wall.ends import WorkerEnded
from grader.wall.inside import scratch
from grader.wall.isolation import BUBBLEWRAP
from grader.wall.sandbox import Sandbox


def test_only_scratch_space_is_writable_it_is_small_and_nobody_else_sees_it(wall, attack):
    writable = """
found = []
for top in ("/", "/usr", "/dev", "/grader", "/grader/inside", "/tmp", "/dev/shm", sys.prefix, os.path.dirname(os.__file__)):
    try:
        open(os.path.join(top, "mine"), "w").close()
        found.append(top)
    except OSError:
        pass
return found"""
    assert attack(writable) == (["/tmp", "/dev/shm"] if wall.isolation is BUBBLEWRAP else [])
    look = "return os.listdir() + (os.path.samefile('.', '/tmp') and os.listdir('/dev/shm') or [])"
    assert attack(f"open('mine', 'w').close()\n{look}") == ["mine"]
    assert attack(look) == []
    flood = "size = 0\ntry:\n    with open('big', 'wb') as f:\n        while True:\n            size += f.write(bytes(1 << 20))\nexcept OSError:\n    return size"
    assert attack(flood) <= 16 << 20


def test_a_fork_bomb_is_bounded_and_leaves_nothing(wall, attack):
    body = """
pids = []
try:
    while len(pids) < 500:
        pid = os.fork()
        if pid == 0:
            time.sleep(60)
        pids.append(pid)
except OSError:
    pass
return len(pids)"""
    # an ordinary user's other processes count as well where there is no namespace: then it is the doorman who counts, a moment later
    most = 20 if wall.isolation is BUBBLEWRAP or os.geteuid() == 0 else 4 * 20
    assert attack(body) < most
    worker = attack.workers[0]
    worker.kill()
    assert only_the_zygote_is_left(wall)


def test_a_daemon_dies_with_its_worker(wall, attack):
    body = """
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        time.sleep(100)
    os._exit(0)
os.wait()
return 1"""
    assert attack(body) == 1
    assert len(psutil.Process(attack.workers[0].pid).children(recursive=True)) == 2
    attack.workers[0].kill()
    assert only_the_zygote_is_left(wall)


def only_the_zygote_is_left(wall):
    """The zygote and, with bubblewrap, those above it: nothing else may live once a worker was killed."""
    above = 2 if wall.isolation is BUBBLEWRAP else 0
    for _ in range(30):
        if len(psutil.Process(wall.process.pid).children(recursive=True)) == above:
            return True
        time.sleep(0.1)
    return False


def test_memory_is_bounded(attack):
    assert attack("return len(bytearray(1 << 30))") == "MemoryError"
    hoard = """
data = []
while True:
    try:
        data.append(bytearray(10 << 20))
    except MemoryError:
        os._exit(9)"""
    # the process's own limit or its group's, whichever comes first; a busy machine gives memory slowly
    assert ended(attack, hoard, 60) in ("crash", "out_of_memory")


@pytest.mark.skipif(
    not hierarchies(), reason="no cgroups here (not root, or a container): one limit per process"
)
def test_forking_does_not_multiply_the_memory(attack):
    body = """
filled, mine = os.pipe()
for _ in range(8):
    if os.fork() == 0:
        data = bytearray(b"x") * (150 << 20)
        os.write(mine, b"x")
        time.sleep(60)
os.set_blocking(filled, False)
full = dead = 0
while full + dead < 8:
    time.sleep(0.1)
    try:
        full += len(os.read(filled, 8))
    except BlockingIOError:
        pass
    while os.waitpid(-1, os.WNOHANG)[0]:
        dead += 1
return full"""
    try:
        full = attack(body, 60)
    except WorkerEnded as end:
        assert end.outcome == "out_of_memory"
    else:
        assert full <= 1


# --- the same where there are no cgroups: an ordinary user's machine, most containers


@pytest.fixture
def ungrouped(monkeypatch, isolation):
    """Run a body in a worker that no cgroup counts, of the course's size or with little memory; torch is there."""
    for module in (cgroup, link):
        monkeypatch.setattr(module, "hierarchies", dict)
    walls, workers = [], []

    def run(body, seconds=60, **limits):
        walls.append(Sandbox(["torch"], replace(Limits(), **limits), isolation))
        workers.append(walls[-1].worker())
        return ask(workers[-1], body, seconds)

    run.workers = workers
    yield run
    for worker, wall in zip(workers, walls, strict=True):
        worker.kill()
        wall.close()


FORKS = """
filled, mine = os.pipe()
for _ in range(12):
    if os.fork() == 0:
        {take}
        os.write(mine, b"x")
        time.sleep(60)
full = 0
while full < 12:
    full += len(os.read(filled, 12))
time.sleep(1)  # they hold it: who lets go at once may be gone before anybody looks
return full"""


@pytest.mark.parametrize(
    "take",
    [
        "data = bytearray(b'x') * (100 << 20)",
        "import mmap; area = mmap.mmap(-1, 100 << 20); area.write(bytes(100 << 20))",  # shared: no limit on data
        "ctypes.CDLL(None).prctl(4, 0, 0, 0, 0); data = bytearray(b'x') * (100 << 20)",  # not to be looked at
    ],
)
def test_without_cgroups_forking_does_not_multiply_the_memory_either(ungrouped, take):
    with pytest.raises(WorkerEnded) as end:
        ungrouped(FORKS.format(take=take), memory_mb=300)
    assert end.value.outcome == "out_of_memory"


def test_what_forks_share_counts_once(ungrouped):
    """12 times torch and 150 MB, and 8 programs started by a process that holds two thirds of its memory."""
    body = "data = bytearray(b'x') * (150 << 20)\n" + FORKS.format(take="time.sleep(1)")
    assert ungrouped(body, memory_mb=300) == 12
    body = "data = bytearray(b'x') * (200 << 20)\nfor _ in range(8):\n    subprocess.run(['sleep', '0.05'])\nreturn 8"
    assert ungrouped(body, memory_mb=300) == 8


def test_memory_that_no_process_maps_is_not_to_be_had(ungrouped, isolation):
    """memfds and files: what is in them is counted for nobody."""
    memfds = "try:\n    os.memfd_create('m')\nexcept OSError as error:\n    return error.errno"
    assert ungrouped(memfds) == 38
    pairs = "try:\n    socket.socketpair()\nexcept OSError as error:\n    return error.errno"
    assert ungrouped(pairs) == 38
    for folder in ("/tmp", "/dev/shm") if isolation is BUBBLEWRAP else (".",):
        files = f"for n in range(10 ** 6):\n    try:\n        open(f'{folder}/{{n}}', 'w').close()\n    except OSError as error:\n        return [n, error.errno]"
        made, error = ungrouped(files)
        # no space left; with Landlock alone no more files are opened once they were counted
        assert (made < 5000 and error == 28) or (made < 10_000 and error == 24)


# --- scratch space where no file system of its own can be mounted


FILLED = """
held = 0
try:
    for number in range(1000):
        {open}
        for _ in range(8):
            held += file.write(bytes(1 << 20))
            file.flush()
        time.sleep(0.03)  # a disk is not as fast as memory
except OSError as error:
    return [held >> 20, error.errno]"""


@only_landlock
@pytest.mark.parametrize(
    "how",
    [
        "file = open(str(number), 'wb')",
        "import tempfile; file = tempfile.TemporaryFile(); globals().setdefault('kept', []).append(file)",
        "name = str(number); file = open(name, 'wb'); os.unlink(name); globals().setdefault('kept', []).append(file)",
    ],
)
def test_scratch_space_is_added_up_even_of_deleted_files(attack, how):
    held, error = attack(FILLED.format(open=how), 30)
    assert 16 <= held < 64 and error == 27  # file too large


@only_landlock
def test_what_is_written_through_mapped_and_deleted_files_is_added_up_too(attack):
    body = """
import mmap
areas = []
try:
    for number in range(100):
        with open("mapped", "w+b") as file:
            os.ftruncate(file.fileno(), 1 << 20)
            areas.append(mmap.mmap(file.fileno(), 1 << 20))
        os.unlink("mapped")
        areas[-1][:] = bytes(b"x" * (1 << 20))
        time.sleep(0.05)
except OSError as error:
    return [len(areas), error.errno]"""
    made, error = attack(body, 60)
    assert 16 <= made < 64 and error == 27  # file too large


@only_landlock
@pytest.mark.parametrize(
    "make",
    [
        "for n in range(1500):\n    os.mkdir('d')\n    os.chdir('d')\nreturn 1",
        "os.mkdir('closed', 0o700)\nopen('closed/file', 'w').close()\nos.mkdir('none', 0)\nreturn 1",
        "os.mkdir('a')\nos.symlink('/', 'a/root')\nos.symlink('..', 'a/up')\nos.mkfifo('a/pipe')\nreturn 1",
        "for n in range(300):\n    open(os.fsdecode(bytes([n % 200 + 55])) * (n // 2 + 1), 'w').close()\nreturn 1",
    ],
)
def test_whatever_is_in_a_scratch_folder_is_removed(wall, attack, make):
    ours = f"grader-{os.getpid()}-*"
    folder = Path(attack("return os.getcwd()"))
    others = {*folder.parent.glob(ours)} - {folder}  # of graders that other tests left open
    assert folder.name.startswith(f"grader-{os.getpid()}-") and not folder.stat().st_mode & 0o077
    with contextlib.suppress(WorkerEnded):
        attack(make, 30)
    for worker in attack.workers:
        worker.kill()
    for _ in range(300):  # some disks take milliseconds a folder
        if {*folder.parent.glob(ours)} <= others:
            break
        time.sleep(0.1)
    assert only_the_zygote_is_left(wall)
    assert {*folder.parent.glob(ours)} <= others


@only_landlock
def test_what_a_killed_grader_left_is_removed_by_the_next_and_nothing_else(wall, tmp_path):
    place = Path(wall.worker().isolation.request()["scratch"])
    left, held = (Path(scratch.make(str(place), 4_000_000)) for _ in range(2))
    (left / "deep").mkdir()
    (left / "deep" / "file").write_text("42")
    descriptor = scratch.hold(str(held))  # by a grader whose process number means nothing here
    with Sandbox([], LIMITS, wall.isolation) as another:
        another.start()
        assert held.exists() and not left.exists()
    os.close(descriptor)
    with Sandbox([], LIMITS, wall.isolation) as another:
        another.start()
        assert not held.exists()


@pytest.fixture
def tree(tmp_path, monkeypatch):
    """A tree of cgroup v2 as files, where the kernel's part is a mind of its own: nothing written there changes it."""

    def make(own, **given):
        for name, controllers in given.items():
            folder = tmp_path / name.replace("_", "/").removeprefix("root").lstrip("/")
            folder.mkdir(parents=True, exist_ok=True)
            for file, text in {
                "subtree_control": controllers,
                "procs": "",
                "controllers": "cpu",
            }.items():
                with (folder / f"cgroup.{file}").open("w") as opened:
                    opened.write(text)
        with (tmp_path / "own").open("w") as opened:
            opened.write(f"0::{own}\n")
        monkeypatch.setattr(cgroup, "ROOT", tmp_path)
        monkeypatch.setattr(cgroup, "OWN", tmp_path / "own")
        monkeypatch.setattr(cgroup.Path, "write_text", lambda *_: None)
        return tmp_path

    return make


@pytest.mark.parametrize(
    ("given", "usable"),
    [
        ("memory pids", True),
        ("cpu memory pids", True),
        ("", False),
        ("pids", False),
        ("cpu", False),
    ],
)
def test_cgroups_that_limit_nothing_do_not_count(tree, monkeypatch, given, usable):
    """Root in a container may make groups where the controllers are not his to give."""
    monkeypatch.setattr(cgroup.os, "geteuid", lambda: 0)
    top = tree("/", root=given)
    files = ("memory.max", "pids.max", *(["cpu.weight"] if "cpu" in given else []))
    assert hierarchies() == ({top: files} if usable else {})


@pytest.mark.parametrize(("mine", "found"), [("app", True), ("", False)])
def test_an_ordinary_user_has_the_nearest_folder_that_is_his_own(tree, monkeypatch, mine, found):
    """As systemd gives it to each user: user@1000.service and what is below; the slices above are root's."""
    top = tree(
        "/user/app/run",
        root="memory pids",
        user="memory pids",
        user_app="memory pids cpu",
        user_app_run="",
    )
    monkeypatch.setattr(cgroup.os, "geteuid", lambda: 1000)
    monkeypatch.setattr(cgroup, "writable", lambda folder: folder.name in (mine, "run"))
    files = ("memory.max", "pids.max", "cpu.weight")
    assert hierarchies() == ({top / "user/app": files} if found else {})


def test_a_group_says_its_limits_in_every_file(tmp_path, monkeypatch):
    monkeypatch.setattr(
        cgroup, "hierarchies", lambda: {tmp_path: ("memory.max", "pids.max", "cpu.weight")}
    )
    group = cgroup.Group(4711, LIMITS)
    (folder,) = group.folders
    said = {path.name: path.read_text() for path in folder.iterdir()}
    assert said == {
        **{"memory.max": str(200 << 20), "memory.swap.max": "0", "pids.max": "20"},
        **{"cpu.weight": "50", "cgroup.procs": "4711"},
    }


def test_computing_time_is_bounded_even_with_patience(attack):
    assert ended(attack, "while True: pass", 20) == "timeout"


def test_output_floods_go_nowhere(attack):
    assert (
        attack(
            "for _ in range(300):\n    print('x' * 100_000)\n    os.write(2, b'y' * 100_000)\nreturn 1"
        )
        == 1
    )


def test_a_50_mb_exception_text_is_cut(wall, attack):
    assert attack("raise ValueError('x' * (50 << 20))") == "ValueError"
