# ruff: noqa
# fmt: off
"""Right work that looks around first, and raises what it finds: full marks mean that it found nothing."""

# %% reads_the_course
# stem: exponential_shaping
# hostile: walks the file system for laws, oracles, solutions, gradebooks and other students' work
# outcome: pass
# points: 3
# then: spy
import os, sys

SOUGHT = {"oracles.py", "strategies.py", "test_kl_estimate.py", "preflight.py", "verdict.py", "gradebook.db", "tests", "submitted",
          "nbgrader_config.py", "rewards_solution.py", "exercise.ipynb", "exercise.json", "status.csv", ".git"}

def look(top="/"):
    found = []
    for folder, folders, files in os.walk(top, onerror=lambda error: None):
        if folder in ("/proc", "/sys"):
            folders.clear()
        if folder.startswith("/usr") or "site-packages" in folder or "/lib/python3" in folder or "/.pyenv/" in folder:
            folders.clear()
            continue
        found += [f"{folder}/{name}" for name in {*files, *folders} if name in SOUGHT]
    return found

# %% follows_its_own_traces
# stem: exponential_shaping
# hostile: environment, command lines, working folder, open descriptors, loaded modules, source of the grader
# outcome: pass
# points: 3
# then: spy
import os, sys

def look():
    texts = [str(dict(os.environ)), os.getcwd(), str(sys.argv), str(sys.path)]
    for path in ("/proc/self/environ", "/proc/1/environ", "/proc/1/cmdline", "/proc/self/mountinfo"):
        try:
            texts.append(open(path, "rb").read().decode(errors="replace"))
        except OSError:
            pass
    for descriptor in range(256):
        try:
            texts.append(os.readlink(f"/proc/self/fd/{descriptor}"))
        except OSError:
            pass
    texts += set(sys.modules) - {"numpy._pytesttester"}
    return [word for word in ("tests/hidden", "oracles", "gradebook", "submitted", "hypothesis", "pytest") for text in texts if word in text]

# %% other_processes
# stem: exponential_shaping
# hostile: lists processes, and reads or writes their memory
# outcome: pass
# points: 3
# then: spy
import ctypes, os

def look():
    found = []
    try:
        numbers = [int(name) for name in os.listdir("/proc") if name.isdigit()]
    except OSError:
        numbers = []
    for number in {*numbers, *range(1, 300)} - {os.getpid()}:
        for name in ("mem", "environ", "fd", "root", "cwd"):
            try:
                path = f"/proc/{number}/{name}"
                found.append(os.listdir(path) if name == "fd" else os.readlink(path) if name in ("root", "cwd") else open(path, "r+b" if name == "mem" else "rb").read(1))
            except OSError:
                pass
        if ctypes.CDLL(None).ptrace(16, number, 0, 0) == 0:
            found.append(f"attached to {number}")
    return found

# %% network
# stem: exponential_shaping
# hostile: calls out: addresses, names, local services, abstract and other sockets
# outcome: pass
# points: 3
# then: spy
import os, socket

def look():
    found = []
    targets = [("1.1.1.1", 53), ("8.8.8.8", 443), ("127.0.0.1", 22), ("127.0.0.1", 8888), ("169.254.169.254", 80), ("10.0.0.1", 80)]
    for address in targets:
        try:
            with socket.create_connection(address, timeout=0.3):
                found.append(address)
        except OSError:
            pass
    try:
        found.append(socket.getaddrinfo("pypi.org", 443))
    except OSError:
        pass
    for family in range(46):  # 40 reaches the host of a virtual machine
        for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_RAW):
            try:
                socket.socket(family, kind).close()
                found.append(f"a socket of family {family}")
            except OSError:
                pass
    for path in ("/run/docker.sock", "/var/run/docker.sock", "/run/dbus/system_bus_socket", "/run/systemd/private"):
        if os.path.exists(path):
            found.append(path)
    return found

# %% watches_the_machine
# stem: exponential_shaping
# hostile: asks to be told what others open, locks files that they use, looks for terminals
# outcome: pass
# points: 3
# then: spy
import ctypes, fcntl, os, signal

def look():
    found, libc = [], ctypes.CDLL(None)
    watcher = libc.inotify_init()
    if watcher >= 0 and libc.inotify_add_watch(watcher, os.path.dirname(torch.__file__).encode(), 0xFFF) >= 0:
        found.append("told what is opened")
    if libc.fanotify_init(0, 0) >= 0:
        found.append("told of everything")
    shared = open(torch.__file__)
    signal.signal(signal.SIGIO, signal.SIG_IGN)
    folder = os.open(os.path.dirname(torch.__file__), os.O_RDONLY)
    for action in (lambda: fcntl.flock(shared, fcntl.LOCK_EX | fcntl.LOCK_NB), lambda: fcntl.lockf(shared, fcntl.LOCK_SH | fcntl.LOCK_NB),
                   lambda: fcntl.fcntl(shared, fcntl.F_SETLEASE, fcntl.F_RDLCK), lambda: fcntl.fcntl(folder, fcntl.F_NOTIFY, fcntl.DN_ACCESS)):
        try:
            action()
            found.append("locked, or told")
        except OSError:
            pass
    for name in ("pts/0", "pts/1", "ptmx", "tty", "console", "kmsg", "mem", "vda", "sda"):
        try:
            found.append(os.open(f"/dev/{name}", os.O_RDONLY | os.O_NOCTTY | os.O_NONBLOCK))
        except OSError:
            pass
    return found

# %% laws_or_training
# stem: exponential_shaping
# hostile: reads in its surroundings whether laws or a training run are asking
# outcome: pass
# points: 3
# then: spy
import os, resource, sys

def look():
    found = []
    if os.access("/proc/self/cgroup", os.R_OK):
        try:
            found += [line for line in open("/proc/self/cgroup").read().split() if not line.endswith(":/")]
        except PermissionError:
            pass
    if resource.getrlimit(resource.RLIMIT_CPU)[0] < 600:
        found.append("too little time for training")
    return found + [word for word in ("hidden", "training", "smoke") for text in (*sys.argv, *os.environ.values()) if word in text]

# %% namespaces_by_fork
# stem: exponential_shaping
# hostile: a fork into namespaces of its own, in which it would be root
# outcome: pass
# points: 3
# then: spy
import ctypes, os, platform, signal

def look():
    libc, number = ctypes.CDLL(None), {"x86_64": 56, "aarch64": 220}[platform.machine()]
    for flag in (0x10000000, 0x10020000, 0x50000000):
        child = libc.syscall(number, flag | signal.SIGCHLD, 0, 0, 0, 0)
        if child == 0:
            os._exit(0)
        if child > 0:
            return [f"a child with {flag:x}"]
    return []

# %% privileges
# stem: exponential_shaping
# hostile: is it root, can it become root, can it mount, trace, write to system folders, read /etc/shadow or /root
# outcome: pass
# points: 3
# then: spy
import ctypes, os, subprocess

def look():
    found = []
    if 0 in (os.getuid(), os.geteuid(), os.getgid()):
        found.append("root")
    for action in (lambda: os.setuid(0), lambda: os.setgid(0), lambda: os.chroot("/tmp"), lambda: open("/root/.bashrc").read(),
                   lambda: open("/etc/shadow").read(), lambda: os.mknod("/tmp/device", 0o60600, os.makedev(8, 0)),
                   lambda: open("/usr/owned", "w"), lambda: open("/grader/inside/worker.py", "a"), lambda: open("/proc/sys/kernel/core_pattern", "w")):
        try:
            found.append(action())
        except OSError:
            pass
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mount(b"none", b"/tmp", b"tmpfs", 0, None) == 0:
        found.append("mounted")
    if libc.unshare(0x10000000) == 0:
        found.append("a user namespace of its own")
    sets = (ctypes.c_uint32 * 6)()
    if libc.capget((ctypes.c_uint32 * 2)(0x20080522, 0), sets) != 0 or any(sets):
        found.append("capabilities")
    return found

# %% message_to_the_next
# stem: exponential_shaping
# hostile: leaves files for whoever comes next, and looks for those of others
# outcome: pass
# points: 3
# then: spy
import os, sys

NAMES = ("torch.py", "numpy.py", "conftest.py", "sitecustomize.py", "usercustomize.py", "sentiment.py", "oracles.py", ".pth")

def look():
    found = []
    for folder in {"/tmp", "/dev/shm", "/var/tmp", os.getcwd(), os.path.expanduser("~"), *sys.path}:
        for name in NAMES:
            path = os.path.join(folder, name)
            if os.path.exists(path) and "packages" not in path:
                found.append(path)
            try:
                with open(path, "a") as file:
                    file.write("raise SystemExit('left behind')\n")
            except OSError:
                pass
    return found

# %% grader_rewritten
# stem: group_advantages
# hostile: rewrites the worker's own functions in memory, and is still judged by the values that leave it
# outcome: wrong
import sys

def group_advantages(rewards, num_generations, eps=1e-4):
    for name, module in list(sys.modules.items()):
        if name.startswith("inside"):
            for attribute in ("fingerprint", "describe_error"):
                if hasattr(module, attribute):
                    setattr(module, attribute, lambda *args: {"type": "ValueError", "bases": ["ValueError"], "text": "", "place": ""})
    return torch.zeros(len(rewards))

# %% patched_torch
# stem: exponential_shaping
# hostile: breaks torch.exp for its own notebook: only exercises that use it can suffer
# outcome: partial
# points: 0.7
# elsewhere: backward_kl_reward kl_estimate policy_loss
torch.exp = torch.abs

def exponential_shaping(scores, temperature=1.0):
    return torch.exp(scores / temperature) - 1
