"""Lets student code ask of the kernel what Python, numpy and torch need, and nothing else.

Everything that is not listed here fails with ENOSYS, as on a kernel without it, and libraries then do without: sockets
(a network that is not there, the host of a virtual machine, netlink), memory that no limit of a process counts (memfd_create,
SysV), watching and locking files that others use (inotify, fanotify, flock), ptrace, new namespaces and mounts, keys, bpf,
perf, userfaultfd, io_uring; and whatever a later kernel adds. glibc falls back from clone3, whose flags no filter can see,
to clone.

No socketpair either: its buffers are memory of the kernel that only a cgroup counts (30 MB a process, 2 GB a worker). So `asyncio.run`
fails, which in a notebook it does anyway, since Jupyter's own loop is running; pipes, pools and subprocess work.
"""

import ctypes
import errno
import os
import platform
import struct

PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 38, 22, 2
KEYCTL_JOIN_SESSION_KEYRING = 1
KEYCTL = {"x86_64": 250, "aarch64": 219}  # not for student code: the doorman asks before the filter
# how <linux/audit.h> calls each machine, in the order of the numbers below, which are those of its <asm/unistd.h>;
# None: that machine has a newer call only
MACHINES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}

Calls = dict[str, tuple[int, int | None]]
# their contents: modules, the scratch folder, pipes
FILES: Calls = {
    "read": (0, 63), "write": (1, 64), "readv": (19, 65), "writev": (20, 66),
    "pread64": (17, 67), "pwrite64": (18, 68), "preadv": (295, 69), "pwritev": (296, 70),
    "lseek": (8, 62), "sendfile": (40, 71), "copy_file_range": (326, 285), "openat": (257, 56),
    "openat2": (437, 437), "close": (3, 57), "close_range": (436, 436), "open": (2, None),
    "creat": (85, None), "dup": (32, 23), "dup3": (292, 24), "dup2": (33, None),
    "umask": (95, 166), "fsync": (74, 82), "fdatasync": (75, 83), "ftruncate": (77, 46),
    "truncate": (76, 45), "fallocate": (285, 47), "fadvise64": (221, 223),
}  # fmt: skip
# their names: `import`, `os`, `shutil`, `tempfile`
NAMES: Calls = {
    "newfstatat": (262, 79), "fstat": (5, 80), "statx": (332, 291), "statfs": (137, 43),
    "fstatfs": (138, 44), "stat": (4, None), "lstat": (6, None), "faccessat": (269, 48),
    "faccessat2": (439, 439), "access": (21, None), "readlinkat": (267, 78),
    "readlink": (89, None), "getdents64": (217, 61), "getdents": (78, None), "getcwd": (79, 17),
    "chdir": (80, 49), "fchdir": (81, 50), "mkdirat": (258, 34), "mkdir": (83, None),
    "unlinkat": (263, 35), "unlink": (87, None), "rmdir": (84, None), "renameat2": (316, 276),
    "renameat": (264, 38), "rename": (82, None), "linkat": (265, 37), "link": (86, None),
    "symlinkat": (266, 36), "symlink": (88, None), "fchmodat": (268, 53), "fchmod": (91, 52),
    "chmod": (90, None), "fchownat": (260, 54), "fchown": (93, 55), "chown": (92, None),
    "lchown": (94, None), "utimensat": (280, 88), "utimes": (235, None), "utime": (132, None),
    "getxattr": (191, 8), "lgetxattr": (192, 9), "fgetxattr": (193, 10), "listxattr": (194, 11),
    "llistxattr": (195, 12), "flistxattr": (196, 13),
}  # fmt: skip
# subprocess, pools of processes: `select` and pipes
WAITING: Calls = {
    "pipe2": (293, 59), "pipe": (22, None), "ppoll": (271, 73), "poll": (7, None),
    "pselect6": (270, 72), "select": (23, None), "epoll_create1": (291, 20),
    "epoll_create": (213, None), "epoll_ctl": (233, 21), "epoll_pwait": (281, 22),
    "epoll_wait": (232, None), "eventfd2": (290, 19),
}  # fmt: skip
# the one socket that is there from the start; none can be made
CHANNEL: Calls = {
    "sendto": (44, 206), "recvfrom": (45, 207), "sendmsg": (46, 211), "recvmsg": (47, 212),
    "shutdown": (48, 210), "getsockname": (51, 204), "getpeername": (52, 205),
    "getsockopt": (55, 209), "setsockopt": (54, 208),
}  # fmt: skip
# allocators of Python, numpy and torch; `mmap`
MEMORY: Calls = {
    "brk": (12, 214), "mmap": (9, 222), "munmap": (11, 215), "mremap": (25, 216),
    "mprotect": (10, 226), "madvise": (28, 233), "msync": (26, 227), "mlock": (149, 228),
    "munlock": (150, 229), "membarrier": (324, 283),
}  # fmt: skip
# faults, `signal`, the end of a process of one's own
SIGNALS: Calls = {
    "rt_sigaction": (13, 134), "rt_sigprocmask": (14, 135), "rt_sigreturn": (15, 139),
    "rt_sigsuspend": (130, 133), "rt_sigpending": (127, 136), "rt_sigtimedwait": (128, 137),
    "rt_sigqueueinfo": (129, 138), "rt_tgsigqueueinfo": (297, 240), "sigaltstack": (131, 132),
    "restart_syscall": (219, 128), "kill": (62, 129), "tkill": (200, 130), "tgkill": (234, 131),
    "pidfd_open": (434, 434), "pidfd_send_signal": (424, 424), "pause": (34, None),
    "alarm": (37, None), "setitimer": (38, 103), "getitimer": (36, 102),
}  # fmt: skip
# clocks, `sleep`
TIME: Calls = {
    "clock_gettime": (228, 113), "clock_getres": (229, 114), "clock_nanosleep": (230, 115),
    "nanosleep": (35, 101), "gettimeofday": (96, 169), "time": (201, None), "times": (100, 153),
}  # fmt: skip
# locks of threads and OpenMP, and how many processors there are
THREADS: Calls = {
    "futex": (202, 98), "futex_waitv": (449, 449), "set_robust_list": (273, 99),
    "get_robust_list": (274, 100), "set_tid_address": (218, 96), "rseq": (334, 293),
    "gettid": (186, 178), "sched_yield": (24, 124), "sched_getaffinity": (204, 123),
    "sched_setaffinity": (203, 122), "sched_getparam": (143, 121),
    "sched_getscheduler": (145, 120), "sched_get_priority_max": (146, 125),
    "sched_get_priority_min": (147, 126), "getcpu": (309, 168), "arch_prctl": (158, None),
}  # fmt: skip
# fork by the doorman, subprocess, multiprocessing; limits can only be lowered
PROCESSES: Calls = {
    "fork": (57, None), "vfork": (58, None), "execve": (59, 221), "execveat": (322, 281),
    "exit": (60, 93), "exit_group": (231, 94), "wait4": (61, 260), "waitid": (247, 95),
    "getpid": (39, 172), "getppid": (110, 173), "getuid": (102, 174), "geteuid": (107, 175),
    "getgid": (104, 176), "getegid": (108, 177), "getresuid": (118, 148),
    "getresgid": (120, 150), "getgroups": (115, 158), "getpgid": (121, 155),
    "getpgrp": (111, None), "setpgid": (109, 154), "getsid": (124, 156), "setsid": (112, 157),
    "capget": (125, 90), "getpriority": (140, 141), "setpriority": (141, 140),
    "prlimit64": (302, 261), "getrlimit": (97, 163), "setrlimit": (160, 164),
    "getrusage": (98, 165),
}  # fmt: skip
# what Python and torch ask at start; chance
MACHINE: Calls = {
    "uname": (63, 160), "sysinfo": (99, 179), "getrandom": (318, 278),
}  # fmt: skip
NEEDED = FILES | NAMES | WAITING | CHANNEL | MEMORY | SIGNALS | TIME | THREADS | PROCESSES | MACHINE

# Calls that are many in one: by (x86_64, aarch64), the argument that says what is asked, and what may be.
COMMANDS: dict[str, tuple[int, int, int, dict[str, int]]] = {
    # descriptors and their flags; no locks, leases or notes of changes (dnotify), no larger pipes
    "fcntl": (72, 25, 1, {"F_DUPFD": 0, "F_GETFD": 1, "F_SETFD": 2, "F_GETFL": 3, "F_SETFL": 4, "F_DUPFD_CLOEXEC": 1030}),
    # is it a terminal, how wide, how much is there to read; nothing that types into a terminal (TIOCSTI, TIOCLINUX)
    "ioctl": (16, 29, 1, {"TCGETS": 0x5401, "TIOCGWINSZ": 0x5413, "FIONREAD": 0x541B, "FIONBIO": 0x5421,
                          "FIONCLEX": 0x5450, "FIOCLEX": 0x5451}),
    # names of threads and of memory, huge pages, the doorman's and the worker's own dumpability, death with a parent
    "prctl": (157, 167, 0, {"PR_SET_PDEATHSIG": 1, "PR_GET_PDEATHSIG": 2, "PR_GET_DUMPABLE": 3, "PR_SET_DUMPABLE": 4,
                            "PR_SET_NAME": 15, "PR_GET_NAME": 16, "PR_CAPBSET_READ": 23, "PR_SET_NO_NEW_PRIVS": 38,
                            "PR_GET_NO_NEW_PRIVS": 39, "PR_SET_THP_DISABLE": 41, "PR_GET_THP_DISABLE": 42,
                            "PR_SET_VMA": 0x53564D41}),
}  # fmt: skip
REFUSED = {"fcntl": errno.EPERM, "ioctl": errno.ENOTTY, "prctl": errno.EINVAL}  # as from the kernel
# threads and forks, but no flag that asks for a namespace: cgroup, host name, IPC, user, process, network, mount
CLONE = (56, 220)
NEW_NAMESPACES = (
    0x02000000 | 0x04000000 | 0x08000000 | 0x10000000 | 0x20000000 | 0x40000000 | 0x20000
)

LOAD, EQUAL, ANY_BIT, RETURN = 0x20, 0x15, 0x45, 0x06  # instructions of <linux/filter.h>
NUMBER, MACHINE_NAME, ARGUMENTS = 0, 4, 16  # offsets in <linux/seccomp.h>'s seccomp_data
ALLOW, KILL = 0x7FFF0000, 0x80000000
DENIED = 0x00050000  # with the error's number in its lower half


def new_keyring() -> None:
    """Leave the session keyring that came along from whoever logged in: it passes through every fork and namespace."""
    number = KEYCTL.get(platform.machine())
    if number is not None:
        ctypes.CDLL(None).syscall(number, KEYCTL_JOIN_SESSION_KEYRING, None)


def instruction(code: int, value: int, then: int = 0, otherwise: int = 0) -> bytes:
    """`then` and `otherwise` say how many instructions to skip."""
    return struct.pack("HBBI", code, then, otherwise, value)


def allow_if(value: int) -> list[bytes]:
    return [instruction(EQUAL, value, otherwise=1), instruction(RETURN, ALLOW)]


def only_if(number: int, lines: list[bytes]) -> list[bytes]:
    return [instruction(EQUAL, number, otherwise=len(lines)), *lines]


def argument(position: int) -> bytes:
    """The lower half, which is all that the kernel looks at in the calls above."""
    return instruction(LOAD, ARGUMENTS + 8 * position)


def machine_column(machine: str) -> int:
    """Where its numbers stand in the tables above."""
    return list(MACHINES).index(machine)


def program(machine: str) -> bytes:
    """The filter as instructions."""
    column = machine_column(machine)
    lines = [
        instruction(LOAD, MACHINE_NAME),
        instruction(EQUAL, MACHINES[machine], then=1),
        instruction(RETURN, KILL),  # the calls of another machine, such as 32-bit ones
        instruction(LOAD, NUMBER),
    ]
    for numbers in NEEDED.values():
        if (known := numbers[column]) is not None:
            lines += allow_if(known)
    for name, (on_x86_64, on_aarch64, position, commands) in COMMANDS.items():
        allowed = [line for command in commands.values() for line in allow_if(command)]
        refused = instruction(RETURN, DENIED | REFUSED[name])
        number = (on_x86_64, on_aarch64)[column]
        lines += only_if(number, [argument(position), *allowed, refused])
    refused = instruction(RETURN, DENIED | errno.EPERM)
    new = [argument(0), instruction(ANY_BIT, NEW_NAMESPACES, otherwise=1), refused]
    lines += only_if(CLONE[column], [*new, instruction(RETURN, ALLOW)])
    return b"".join([*lines, instruction(RETURN, DENIED | errno.ENOSYS)])


class Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("lines", ctypes.c_char_p)]


def close_doors() -> None:
    """For this process and all it starts, for good; on a machine of a kind not listed only the other walls stand."""
    if platform.machine() in MACHINES:
        install(program(platform.machine()))


def install(lines: bytes) -> None:
    """Ask the kernel to put every call through this filter; OSError if it refuses."""
    libc = ctypes.CDLL(None, use_errno=True)
    filter_ = Program(len(lines) // 8, lines)
    if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) or libc.prctl(
        PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.byref(filter_), 0, 0
    ):
        raise OSError(ctypes.get_errno(), f"seccomp: {os.strerror(ctypes.get_errno())}")
