"""Closes doors of the kernel that no namespace covers: keys, sockets of the machine itself, and ways around this filter.

A session keyring passes through every fork and every namespace, and a socket of the family AF_VSOCK reaches the host of a
virtual machine. What is denied here fails with an ordinary error, as on a kernel without it.
"""

import ctypes
import errno
import os
import platform
import struct

PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 38, 22, 2
KEYCTL_JOIN_SESSION_KEYRING = 1
# of <linux/audit.h> and <asm/unistd.h>, by machine: its name for the filter, then the numbers of system calls
MACHINES = {
    "x86_64": (
        0xC000003E,
        {"socket": 41, "add_key": 248, "request_key": 249, "keyctl": 250, "perf_event_open": 298, "bpf": 321,
         "userfaultfd": 323, "io_uring_setup": 425, "io_uring_enter": 426, "io_uring_register": 427},
    ),
    "aarch64": (
        0xC00000B7,
        {"socket": 198, "add_key": 217, "request_key": 218, "keyctl": 219, "perf_event_open": 241, "bpf": 280,
         "userfaultfd": 282, "io_uring_setup": 425, "io_uring_enter": 426, "io_uring_register": 427},
    ),
}  # fmt: skip
FAMILIES = (1, 2, 10, 16)  # sockets that stay: local, IPv4 and IPv6 (there is no network), netlink
OTHER_NUMBERS = 0x40000000  # of x86_64's second set of system calls, which nothing here needs

LOAD, EQUAL, AT_LEAST, RETURN = 0x20, 0x15, 0x35, 0x06  # instructions of <linux/filter.h>
NUMBER, MACHINE, FIRST_ARGUMENT = 0, 4, 16  # offsets in <linux/seccomp.h>'s seccomp_data
ALLOW, KILL = 0x7FFF0000, 0x80000000
DENIED = 0x00050000  # with the error's number in its lower half


def new_keyring():
    """Leave the session keyring that came along from whoever logged in; an empty one of one's own takes its place."""
    numbers = MACHINES.get(platform.machine(), (None, {}))[1]
    if numbers:
        ctypes.CDLL(None).syscall(numbers["keyctl"], KEYCTL_JOIN_SESSION_KEYRING, None)


def instruction(code, value, then=0, otherwise=0):
    return struct.pack("HBBI", code, then, otherwise, value)


def program(machine, numbers):
    """The filter as instructions: `then` and `otherwise` say how many to skip."""
    denied = [number for name, number in numbers.items() if name != "socket"]
    lines = [
        instruction(LOAD, MACHINE),
        instruction(EQUAL, machine, then=1),
        instruction(RETURN, KILL),
        instruction(LOAD, NUMBER),
        instruction(AT_LEAST, OTHER_NUMBERS, otherwise=1),
        instruction(RETURN, DENIED | errno.ENOSYS),
    ]
    for number in denied:
        lines += [
            instruction(EQUAL, number, otherwise=1),
            instruction(RETURN, DENIED | errno.ENOSYS),
        ]
    lines += [
        instruction(EQUAL, numbers["socket"], then=1),
        instruction(RETURN, ALLOW),
        instruction(LOAD, FIRST_ARGUMENT),
    ]
    for family in FAMILIES:
        lines += [instruction(EQUAL, family, otherwise=1), instruction(RETURN, ALLOW)]
    return b"".join([*lines, instruction(RETURN, DENIED | errno.EAFNOSUPPORT)])


class Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("lines", ctypes.c_char_p)]


def close_doors():
    """For this process and all it starts, for good; on a machine of a kind not listed only the other walls stand."""
    known = MACHINES.get(platform.machine())
    if known is None:
        return
    libc, lines = ctypes.CDLL(None, use_errno=True), program(*known)
    filter_ = Program(len(lines) // 8, lines)
    if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) or libc.prctl(
        PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.byref(filter_), 0, 0
    ):
        raise OSError(ctypes.get_errno(), f"seccomp: {os.strerror(ctypes.get_errno())}")
