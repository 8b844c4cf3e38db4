"""What no namespace covers: system calls, keys of whoever started the grader, what tells laws from training, and chance."""

import contextlib
import json
import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest
from toys import ROOT
from walls import LIMITS, ask, only_bubblewrap

from grader.assignment import Limits, load_assignment
from grader.errors import SandboxError
from grader.wall import bare
from grader.wall.inside import careful, landlock, seccomp
from grader.wall.isolation import LANDLOCK, Landlock
from grader.wall.sandbox import Sandbox

MACHINE = platform.machine()
pytestmark = pytest.mark.skipif(MACHINE not in seccomp.MACHINES, reason=f"no filter for {MACHINE}")
COLUMN = int(MACHINE == "aarch64")
KEYCTL = seccomp.KEYCTL.get(MACHINE)
ADD_KEY = {"x86_64": 248, "aarch64": 217}.get(MACHINE)
LISTED = {
    numbers[COLUMN]
    for numbers in [*seccomp.NEEDED.values(), *seccomp.COMMANDS.values(), seccomp.CLONE]
}
# calls that must not be there, by (x86_64, aarch64): the ways out that somebody has tried
WAYS_OUT = {
    "socket": (41, 198), "socketpair": (53, 199), "connect": (42, 203), "bind": (49, 200),
    "memfd_create": (319, 279), "memfd_secret": (447, 447), "shmget": (29, 194), "semget": (64, 190),
    "msgget": (68, 186), "mq_open": (240, 180), "inotify_init1": (294, 26), "fanotify_init": (300, 262),
    "flock": (73, 32), "ptrace": (101, 117), "process_vm_readv": (310, 270), "process_vm_writev": (311, 271),
    "pidfd_getfd": (438, 438), "kcmp": (312, 272), "clone3": (435, 435), "unshare": (272, 97), "setns": (308, 268),
    "mount": (165, 40), "umount2": (166, 39), "pivot_root": (155, 41), "move_mount": (429, 429), "fsopen": (430, 430),
    "open_tree": (428, 428), "mount_setattr": (442, 442), "chroot": (161, 51), "mknodat": (259, 33),
    "keyctl": (250, 219), "add_key": (248, 217), "request_key": (249, 218), "bpf": (321, 280),
    "perf_event_open": (298, 241), "userfaultfd": (323, 282), "io_uring_setup": (425, 425), "io_setup": (206, 0),
    "kexec_load": (246, 104), "seccomp": (317, 277), "personality": (135, 92), "setxattr": (188, 5),
    "sync": (162, 81), "vmsplice": (278, 75), "mincore": (27, 232), "cachestat": (451, 451), "preadv2": (327, 286),
    "name_to_handle_at": (303, 264), "sched_setscheduler": (144, 119), "timer_create": (222, 107),
}  # fmt: skip

# A session keyring with a ticket in it, as a login leaves one; then the attack in a worker, and what is left of the ticket.
LOGGED_IN = """
import ctypes, json, sys
sys.path.insert(0, "tests/grader")
from walls import LIMITS, ask
from grader.wall.isolation import ISOLATIONS
from grader.wall.sandbox import Sandbox
libc, text = ctypes.CDLL(None), ctypes.create_string_buffer(100)
add_key, keyctl = map(int, sys.argv[2:4])
if libc.syscall(keyctl, 1, None) < 0 or libc.syscall(add_key, b"user", b"ticket", b"secret", 6, -3) < 0:
    sys.exit("no keys")
with Sandbox([], LIMITS, ISOLATIONS[sys.argv[4]]) as wall:
    found = ask(wall.worker(), sys.argv[1])
key = libc.syscall(keyctl, 10, -3, b"user", b"ticket", 0)
left = libc.syscall(keyctl, 11, ctypes.c_long(key), text, 100)
print(json.dumps([found, text.raw[:left].decode() if left > 0 else None]))
"""
STEAL = f"""
libc, text = ctypes.CDLL(None), ctypes.create_string_buffer(100)
key = libc.syscall({KEYCTL}, 10, ctypes.c_long(-3), b"user", b"ticket", 0)
libc.syscall({KEYCTL}, 11, ctypes.c_long(key), text, 100)
libc.syscall({KEYCTL}, 3, ctypes.c_long(key))
return [key, text.value.decode()]"""


def test_keys_of_whoever_logged_in_stay_outside(isolation):
    command = [sys.executable, "-c", LOGGED_IN, STEAL, str(ADD_KEY), str(KEYCTL), isolation.name]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if done.stderr.strip() == "no keys":
        pytest.skip("this machine has no keys to lose")
    assert json.loads(done.stdout) == [[-1, ""], "secret"], done.stderr


NOT_THERE = """
libc, found = ctypes.CDLL(None, use_errno=True), []
for number in NUMBERS:
    ctypes.set_errno(0)
    if (libc.syscall(number, 0, 0, 0, 0, 0), ctypes.get_errno()) != (-1, 38):
        found.append(number)
return found"""


def test_system_calls_that_go_round_the_walls_are_not_there(attack):
    numbers = {name: numbers[COLUMN] for name, numbers in WAYS_OUT.items()}
    found = attack(NOT_THERE.replace("NUMBERS", str([*numbers.values()])))
    assert [name for name, number in numbers.items() if number in found] == []


def test_no_system_call_but_those_listed_is_there(attack):
    """Up to numbers that no kernel has yet, and x86_64's second set of them.

    335 and 336 (uretprobe, uprobe) end whoever calls them, before any filter is asked.
    """
    numbers = [*({*range(600)} - LISTED - {335, 336}), *(0x40000000 + n for n in range(600))]
    assert attack(NOT_THERE.replace("NUMBERS", str(numbers))) == []


@pytest.mark.parametrize(
    "flag", [0x20000, 0x2000000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000]
)
def test_no_fork_gets_a_new_namespace(attack, flag):
    body = f"""
libc = ctypes.CDLL(None, use_errno=True)
pid = libc.syscall({seccomp.CLONE[COLUMN]}, {flag} | signal.SIGCHLD, 0, 0, 0, 0)
if pid == 0:
    os._exit(0)
return [pid, ctypes.get_errno()]"""
    assert attack(body) == [-1, 1]


@pytest.mark.parametrize(
    ("body", "number"),
    [
        ("fcntl.flock(file, fcntl.LOCK_SH)", 38),
        ("fcntl.lockf(file, fcntl.LOCK_SH | fcntl.LOCK_NB)", 1),
        ("fcntl.fcntl(file, 37, bytes(32))", 1),  # F_OFD_SETLK
        ("fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_RDLCK)", 1),
        ("fcntl.fcntl(os.open('/usr', os.O_RDONLY), fcntl.F_NOTIFY, fcntl.DN_ACCESS)", 1),
        ("fcntl.fcntl(os.pipe()[1], fcntl.F_SETPIPE_SZ, 1 << 20)", 1),
        ("fcntl.ioctl(0, termios.TIOCSTI, b'x')", 25),
        ("fcntl.ioctl(0, 0x541C, b'\\x02')", 25),  # TIOCLINUX
    ],
)
def test_calls_that_are_many_in_one_do_what_is_listed_only(attack, body, number):
    lines = f"import fcntl, termios\nfile = open(os.__file__)\ntry:\n    {body}\nexcept OSError as error:\n    return error.errno"
    assert attack(lines) == number


def test_the_filter_kills_what_comes_by_another_machine_s_calls():
    """Its first instructions look at nothing else, so 32-bit programs cannot use their own numbers for these calls."""
    for machine, name in seccomp.MACHINES.items():
        lines = seccomp.program(machine)
        assert lines[8:24] == seccomp.instruction(0x15, name, then=1) + seccomp.instruction(
            6, seccomp.KILL
        )
        assert len(lines) // 8 <= 4096  # the kernel takes no more
        assert len(careful.program(machine, own=4711)) > len(careful.program(machine, own=0))


# --- kernels whose Landlock is older: as many bits fewer, and other walls in their place


OLDER = """
import resource
failed = []
for pid in (PID, os.getppid()):
    for change in (lambda: os.kill(pid, 9), lambda: signal.pidfd_send_signal(os.pidfd_open(pid), 9)):
        try:
            change()
        except OSError:
            failed.append(1)
try:
    open(PATH)
except PermissionError:
    failed.append(1)
try:
    os.truncate(PATH, 0)
except PermissionError:
    failed.append(1)
os.kill(os.getpid(), 0)
os.kill(0, 0)
open("mine", "w").write("42")
return [len(failed), subprocess.run(["cat", "mine"], capture_output=True, text=True).stdout]"""


@pytest.mark.parametrize("newest", [*range(1, landlock.NEWEST + 1)])
def test_with_an_older_landlock_the_same_is_out_of_reach(tmp_path, newest):
    if refusal := Landlock(newest).refusal():
        pytest.skip(refusal)
    (tmp_path / "mine").write_text("42")
    (tmp_path / "mine").chmod(0o666)
    body = OLDER.replace("PID", str(os.getpid())).replace("PATH", repr(str(tmp_path / "mine")))
    with Sandbox([], LIMITS, Landlock(newest)) as wall:
        assert ask(wall.worker(), body) == [6, "42"]
    assert (tmp_path / "mine").read_text() == "42"


@pytest.mark.parametrize(
    ("newest", "changed", "words"),
    [
        (0, {}, "this kernel has no Landlock"),
        (2, {"own_user": lambda: False}, "Linux 6.2 is new enough"),
        (
            6,
            {"own_user": lambda: True, "held": lambda number: False},
            "lacks CAP_SETGID, CAP_SETUID",
        ),
        (6, {"own_user": lambda: True, "mapped": lambda users: False}, "lacks the users 60600 to"),
        (6, {"scratch_place": lambda: None}, "mount an empty folder at /tmp"),
    ],
)
def test_where_landlock_cannot_work_it_says_what_to_do(monkeypatch, newest, changed, words):
    for name, value in changed.items():
        monkeypatch.setattr(bare, name, value)
    wanted = Landlock(newest)
    assert words in wanted.refusal()
    with pytest.raises(SandboxError, match=words):
        Sandbox([], LIMITS, wanted).worker()


class Refused(Landlock):
    """As on a kernel that has Landlock, and then takes no rule."""

    def request(self):
        return super().request() | {"readable": ["no\0path"]}


@pytest.mark.skipif(bool(LANDLOCK.refusal()), reason=LANDLOCK.refusal())
def test_what_a_worker_cannot_give_up_is_found_out_before_there_is_one():
    with pytest.raises(SandboxError, match="no worker could be started: failed .*null byte"):
        Sandbox([], LIMITS, Refused()).worker()


@pytest.mark.parametrize("mode", [0o700, 0o755])
def test_a_python_that_workers_cannot_reach_is_said(monkeypatch, tmp_path, mode):
    below = tmp_path / "home" / "python"
    below.mkdir(parents=True)
    for folder in (tmp_path, *tmp_path.parents):
        if folder.stat().st_uid == os.geteuid() and folder != Path("/"):
            folder.chmod(folder.stat().st_mode | 0o111)
    below.parent.chmod(mode)
    monkeypatch.setattr(bare, "needed", lambda: [str(below)])
    monkeypatch.setattr(bare, "own_user", lambda: True)
    monkeypatch.setattr(bare, "mapped", lambda users: True)
    monkeypatch.setattr(bare, "held", lambda number: number != 21)  # all but CAP_SYS_ADMIN
    refusal = bare.refusal(6)
    assert (f"cannot reach Python below {below.parent}" in refusal) == (mode == 0o700)


# --- what right code may use


WORKS = {
    "threads": "import threading\nfound = []\nthreads = [threading.Thread(target=found.append, args=[n]) for n in range(8)]\n[t.start() for t in threads]\n[t.join() for t in threads]\nreturn sorted(found) == [*range(8)]",
    "a pool of threads": "from concurrent.futures import ThreadPoolExecutor\nwith ThreadPoolExecutor(4) as pool:\n    return [*pool.map(abs, [-1, 2])] == [1, 2]",
    "subprocess": "return subprocess.run(['sh', '-c', 'cat; echo there'], input='I am ', text=True, capture_output=True).stdout == 'I am there\\n'",
    "a shell's tools": "return subprocess.run('ls -la . && cp /bin/true copy && ./copy && sort /dev/null && sleep 0.01', shell=True).returncode == 0",
    "another Python": "return subprocess.run([sys.executable, '-I', '-c', 'import json; print(6 * 7)'], text=True, capture_output=True).stdout == '42\\n'",
    "a pool of processes": "import multiprocessing\nwith multiprocessing.get_context('fork').Pool(2) as pool:\n    return pool.map(abs, [-1, 2]) == [1, 2]",
    "an executor of processes": "import multiprocessing\nfrom concurrent.futures import ProcessPoolExecutor\nwith ProcessPoolExecutor(2, multiprocessing.get_context('fork')) as pool:\n    return [*pool.map(abs, [-1, 2])] == [1, 2]",
    "a queue between processes": "import multiprocessing\nq, lock = multiprocessing.Queue(), multiprocessing.Lock()\np = multiprocessing.Process(target=q.put, args=[7])\np.start()\nwith lock:\n    return q.get(timeout=5) == 7",
    "fork and signals": "signal.signal(signal.SIGUSR1, lambda *_: None)\nos.kill(os.getpid(), signal.SIGUSR1)\nsignal.setitimer(signal.ITIMER_REAL, 0.01)\nsignal.signal(signal.SIGALRM, lambda *_: None)\npid = os.fork()\nif pid == 0:\n    os._exit(3)\nreturn os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 3",
    "scratch files": "import shutil, tempfile\nwith tempfile.TemporaryDirectory() as top:\n    path = os.path.join(top, 'a')\n    with open(path, 'w') as file:\n        file.write('x')\n        file.flush()\n        os.fsync(file.fileno())\n    shutil.copy2(path, path + 'b')\n    os.rename(path + 'b', path + 'c')\n    os.symlink('c', path + 'd')\n    shutil.copytree(top, 'tree', symlinks=True)\n    os.chmod(path, 0o600)\n    os.utime(path)\nreturn sorted(os.listdir('tree')) == ['a', 'ac', 'ad']",
    "mmap": "import mmap\nwith mmap.mmap(-1, 1 << 16) as area:\n    area[:2] = b'ab'\n    return area[:2] == b'ab'",
    "shared memory with a name": "from multiprocessing import shared_memory\narea = shared_memory.SharedMemory(create=True, size=100)\narea.buf[0] = 7\narea.close()\narea.unlink()\nreturn True",
    "devices": "open('/dev/null', 'w').write('x')\nreturn len(open('/dev/urandom', 'rb').read(4)) == len(open('/dev/zero', 'rb').read(4)) == 4",
    "chance and clocks": "import secrets, uuid\ntime.sleep(0.001)\nreturn bool(secrets.token_bytes(4) and uuid.uuid4() and time.perf_counter() and time.process_time())",
    "what the machine is": "import getpass, platform, shutil\nplatform.platform(), os.cpu_count(), os.sched_getaffinity(0), os.getloadavg(), socket.gethostname(), shutil.get_terminal_size(), shutil.disk_usage('/tmp')\nreturn not os.isatty(0)",
    "imports with sockets in them": "import asyncio, http.client, multiprocessing.managers, urllib.request, ssl, logging.handlers\nreturn True",
    "sqlite in memory": "import sqlite3\nreturn sqlite3.connect(':memory:').execute('select 1').fetchone() == (1,)",
    "numpy": "import numpy\na = numpy.random.rand(300, 300)\nnumpy.save('a.npy', a)\nreturn bool((numpy.load('a.npy', mmap_mode='r') == a).all() and numpy.linalg.inv(a).shape == a.shape)",
    "matplotlib": "import matplotlib\nmatplotlib.use('agg')\nimport matplotlib.pyplot as plt\nplt.plot([1, 2])\nplt.savefig('figure.png')\nreturn os.path.getsize('figure.png') > 1000",
}


@pytest.fixture(scope="module")
def roomy(isolation):
    """The course's own limits: torch and pools need more than the tests of limits allow."""
    with Sandbox(["numpy", "torch"], Limits(), isolation) as wall:
        yield wall


def works(wall, body):
    worker = wall.worker()
    try:
        return ask(worker, body, 60)
    finally:
        worker.kill()


# named semaphores and memory lie in /dev/shm, which only a namespace makes a worker's own: docs/security.md says so
SHARED_BY_NAME = {
    *("a pool of processes", "an executor of processes", "a queue between processes"),
    *("shared memory with a name", "shared tensors"),
}


def expected(wall, what):
    """With Landlock alone these fail with an error, and never hang."""
    lacking = wall.isolation is LANDLOCK and what in SHARED_BY_NAME
    return ("PermissionError", "RuntimeError") if lacking else (True,)


@pytest.mark.parametrize("what", WORKS)
def test_what_python_needs_is_there(roomy, what):
    assert works(roomy, WORKS[what]) in expected(roomy, what)


TORCH = {
    "threads": "torch.set_num_threads(2)\na = torch.rand(700, 700)\nreturn bool(((a @ a) > 0).all())",
    "gradients": "a = torch.rand(50, requires_grad=True)\n(a.exp() ** 2).sum().backward()\nreturn a.grad is not None",
    "saving": "torch.save({'a': torch.rand(9)}, 'a.pt')\nreturn torch.load('a.pt', mmap=True)['a'].shape == (9,)",
    "a model": "m = torch.nn.TransformerEncoderLayer(16, 2, batch_first=True)\nreturn m(torch.rand(2, 3, 16)).shape == (2, 3, 16)",
    "numpy": "import numpy\nreturn float(torch.from_numpy(numpy.ones(3)).sum()) == 3.0",
    "shared tensors": "a = torch.zeros(3)\na.share_memory_()\nif os.fork() == 0:\n    a += 1\n    os._exit(0)\nos.wait()\nreturn float(a.sum()) == 3.0",
    "batches": "from torch.utils.data import DataLoader\nreturn len([*DataLoader([1.0, 2.0, 3.0], batch_size=2)]) == 2",
    "after a fork": "if os.fork() == 0:\n    os._exit(int(torch.ones(9).sum()))\nreturn os.waitstatus_to_exitcode(os.wait()[1]) == 9",
}


@pytest.mark.parametrize("what", TORCH)
def test_what_torch_needs_is_there(roomy, what):
    assert works(roomy, f"import torch\n{TORCH[what]}") in expected(roomy, what)


# --- laws and training look alike


SURROUNDINGS = """
import re, resource
# not their numbers, nor the sandbox's own user of this machine
mounts = shown = ids = ""
limits = {name: resource.getrlimit(getattr(resource, name)) for name in dir(resource) if name.startswith("RLIMIT_")}
if os.path.samefile("/tmp", "."):
    mounts = re.sub(r"(?m)[ug]id=\\d+|^\\d+ \\d+ \\d+:\\d+ ", "", open("/proc/self/mountinfo").read())
    shown = [open("/proc/self/cgroup").read(), sorted(os.listdir("/dev")), sorted(os.listdir("/proc/self/fd"))]
    ids = [os.getpid(), os.getuid()]
else:
    limits["RLIMIT_NPROC"] = "as many as this user has, and some"
return [re.sub(r"grader-\\d+-\\w+", "its folder", repr(found)) for found in [
    mounts, shown, ids, limits, dict(os.environ), sys.argv, os.getcwd(), os.nice(0), os.getgroups(),
    os.sched_getaffinity(0), os.uname(), os.umask(0), os.get_inheritable(0), [*sys.modules],
]]"""


def test_nothing_around_a_worker_tells_laws_from_training(isolation):
    """Another process, with files open and workers before this one; the limits that training has."""
    from gate.walled_rewards import training_assignment
    from lab.config import TrainConfig

    assignment = load_assignment(ROOT / "tests/hidden")
    trained = training_assignment(assignment, TrainConfig.from_preset("smoke"))
    with Sandbox([], assignment.limits, isolation) as laws:
        first = works(laws, SURROUNDINGS)
    with (
        contextlib.ExitStack() as files,
        Sandbox([], trained.limits, isolation) as training,
    ):
        for _ in range(9):
            files.enter_context(Path(os.devnull).open())
        works(training, "return 1")
        second = works(training, SURROUNDINGS)
    assert first == second


@only_bubblewrap
def test_cgroups_have_no_names_inside(attack):
    names = attack("return open('/proc/self/cgroup').read()").split()
    assert {line.rsplit(":", 1)[1] for line in names} == {"/"}


OPEN_ALL = """
found = []
for name in NAMES:
    try:
        os.close(os.open(f"/dev/{name}", os.O_RDWR | os.O_NOCTTY))
        found.append(name)
    except OSError:
        pass
return found"""


def test_four_devices_can_be_opened_and_no_terminal(attack):
    names = {path.name for path in Path("/dev").iterdir()} - {"fd", "stdin", "stdout", "stderr"}
    names |= {"pts/0", "pts/1"}
    four = ["null", "random", "urandom", "zero"]
    assert sorted(attack(OPEN_ALL.replace("NAMES", str(sorted(names))))) == four
    assert attack("os.openpty()") in ("FileNotFoundError", "PermissionError")


@only_bubblewrap
def test_there_are_four_devices_and_no_terminal(attack):
    assert attack("return sorted(os.listdir('/dev'))") == [
        *("fd", "null", "random", "shm", "stderr", "stdin", "stdout", "urandom", "zero")
    ]
    assert attack("os.openpty()") == "FileNotFoundError"


def test_a_worker_leaves_no_core_anywhere(attack):
    assert attack("import resource\nreturn list(resource.getrlimit(resource.RLIMIT_CORE))") == [
        1,
        1,
    ]


def test_chance_is_the_same_in_every_worker(isolation):
    body = "import random, numpy\nreturn [random.random(), float(numpy.random.rand())]"
    with Sandbox(["numpy"], LIMITS, isolation) as wall:
        assert ask(wall.worker(), body) == ask(wall.worker(), body)
