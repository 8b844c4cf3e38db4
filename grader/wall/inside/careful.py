"""A second filter of system calls, for workers that share this machine's files and processes with others.

Landlock stops neither `chmod` and its like nor what one process may do to another of the same user. So these do nothing and say
that they did, which right code (`shutil.copy2`) does not notice; and limits, priorities and processors are a process's own to
change. Where Landlock cannot bound signals yet (below ABI 6), a process can signal itself alone.
"""

import errno
import os
import platform

from .seccomp import (
    ALLOW,
    DENIED,
    EQUAL,
    FILES,
    LOAD,
    NAMES,
    NUMBER,
    PROCESSES,
    RETURN,
    SIGNALS,
    THREADS,
    Calls,
    allow_if,
    argument,
    install,
    instruction,
    machine_column,
    only_if,
)

# (they take a path, or a file that was opened to be read)
NOTHING_DONE: Calls = {
    name: NAMES[name]
    for name in (
        *("chmod", "fchmod", "fchmodat", "chown", "fchown", "lchown", "fchownat"),
        *("utime", "utimes", "utimensat"),
    )
}
# below Landlock's ABI 3 a path is enough
TRUNCATE: Calls = {"truncate": FILES["truncate"]}
# the position of the process that they are about, of which only 0, the own, is allowed
OWN_PROCESS = {
    "prlimit64": (PROCESSES["prlimit64"], 0),
    "sched_setaffinity": (THREADS["sched_setaffinity"], 0),
    "setpriority": (PROCESSES["setpriority"], 1),
}
# the same of signals: to the own process by its number, too, and to the own group
OWN_SIGNALS = ("kill", "tgkill", "rt_sigqueueinfo", "rt_tgsigqueueinfo")
NO_SIGNALS = ("tkill", "pidfd_send_signal")
SETPRIORITY_PROCESS = 0
PR_SET_DUMPABLE = 4  # the doorman looks at what the worker holds


def program(machine: str, own: int) -> bytes:
    """The filter as instructions; `own`: the process that alone may be signalled, 0 where Landlock sees to signals."""
    column = machine_column(machine)
    lines = [instruction(LOAD, NUMBER)]

    def refuse(numbers: tuple[int, int | None], error: int, before: list[bytes]) -> None:
        """Unless one of `before` allows it."""
        if (number := numbers[column]) is not None:
            refused = instruction(RETURN, DENIED | error)
            lines.extend(only_if(number, [*before, refused]))

    for numbers in NOTHING_DONE.values():
        refuse(numbers, 0, [])
    refuse(TRUNCATE["truncate"], errno.EPERM, [])
    for name, (numbers, position) in OWN_PROCESS.items():
        before = [argument(position), *allow_if(0)]
        if name == "setpriority":
            # of a process, not of a group or a user: else on to the refusal
            before = [argument(0), instruction(EQUAL, SETPRIORITY_PROCESS, otherwise=3), *before]
        refuse(numbers, errno.EPERM, before)
    refuse((157, 167), errno.EINVAL, [argument(0), *_unless(PR_SET_DUMPABLE)])
    if own:
        for name in OWN_SIGNALS:
            refuse(SIGNALS[name], errno.EPERM, [argument(0), *allow_if(own), *allow_if(0)])
        for name in NO_SIGNALS:
            refuse(SIGNALS[name], errno.EPERM, [])
    return b"".join([*lines, instruction(RETURN, ALLOW)])


def _unless(value: int) -> list[bytes]:
    return [instruction(EQUAL, value, then=1), instruction(RETURN, ALLOW)]


def take_care(landlock_abi: int) -> None:
    """For this process and all it starts, before `seccomp.close_doors`, which lets nothing more be installed."""
    own = os.getpid() if landlock_abi < 6 else 0
    install(program(platform.machine(), own))
