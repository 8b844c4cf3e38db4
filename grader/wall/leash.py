"""`python leash.py PARENT ARGUMENTS…`: becomes `python ARGUMENTS…`, which dies with the thread that started it.

However that ends: the kernel sends the signal. It survives exec, which is why this is a program and no preexec_fn.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1  # of <linux/prctl.h>

if __name__ == "__main__":
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != int(sys.argv[1]):
        sys.exit("the parent has already gone")
    os.execv(sys.executable, [sys.executable, *sys.argv[2:]])
