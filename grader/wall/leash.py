"""`python leash.py PARENT ARGUMENTS…`: becomes `python ARGUMENTS…`, which dies with the thread that started it.

However that ends: the kernel sends the signal. It survives exec, which is why this is a program and no preexec_fn.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1  # of <linux/prctl.h>


def command(*arguments: str) -> list[str]:
    """What starts `python ARGUMENTS…` so, from this thread."""
    return [sys.executable, "-IS", __file__, str(os.getpid()), *arguments]


def end_with_parent() -> None:
    """This process dies with the thread that started it; on other systems than Linux nothing happens."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


if __name__ == "__main__":
    end_with_parent()
    if os.getppid() != int(sys.argv[1]):
        sys.exit("the parent has already gone")
    os.execv(sys.executable, [sys.executable, *sys.argv[2:]])
