# ruff: noqa
# fmt: off
"""Work that takes its process down, and everything else it can reach."""

# %% deep_recursion
# stem: exponential_shaping
# hostile: the C stack overflows
# outcome: crash
def exponential_shaping(scores, temperature=1.0):
    chain = iter([1])
    for _ in range(10**6):
        chain = map(str, chain)
    return next(chain)

# %% segmentation_fault
# stem: exponential_shaping
# hostile: reads address 0
# outcome: crash
import ctypes

def exponential_shaping(scores, temperature=1.0):
    return ctypes.string_at(0)

# %% segmentation_fault_in_a_cell
# stem: exponential_shaping
# hostile: a line above the function crashes the process; the function does not need it to have worked
# outcome: pass
# points: 3
# then: right
import ctypes
x = ctypes.string_at(0)
# --- cell

# %% leaves
# stem: exponential_shaping
# hostile: os._exit with a success code
# outcome: crash
import os

def exponential_shaping(scores, temperature=1.0):
    os._exit(0)

# %% kills_itself
# stem: exponential_shaping
# hostile: SIGKILL to its own process
# outcome: crash out_of_memory
import os, signal

def exponential_shaping(scores, temperature=1.0):
    os.kill(os.getpid(), signal.SIGKILL)

# %% system_exit
# stem: exponential_shaping
# hostile: sys.exit
# outcome: wrong
import sys

def exponential_shaping(scores, temperature=1.0):
    sys.exit(0)

# %% system_exit_in_a_cell
# stem: exponential_shaping
# hostile: sys.exit above the function
# outcome: pass
# points: 3
# then: right
import sys
sys.exit("done for today")
# --- cell

# %% keyboard_interrupt
# stem: exponential_shaping
# hostile: raises KeyboardInterrupt
# outcome: wrong
def exponential_shaping(scores, temperature=1.0):
    raise KeyboardInterrupt("stop the batch")

# %% generator_exit
# stem: exponential_shaping
# hostile: raises exceptions that are no errors
# outcome: wrong
def exponential_shaping(scores, temperature=1.0):
    raise GeneratorExit if len(scores) % 2 else StopIteration

# %% fork_bomb
# stem: exponential_shaping
# hostile: forks without end
# outcome: wrong crash timeout
import os

def exponential_shaping(scores, temperature=1.0):
    while True:
        os.fork()

# %% thread_bomb
# stem: exponential_shaping
# hostile: starts threads without end
# outcome: wrong crash timeout out_of_memory
import threading, time

def exponential_shaping(scores, temperature=1.0):
    while True:
        threading.Thread(target=time.sleep, args=(1e6,), daemon=True).start()

# %% kill_everything
# stem: exponential_shaping
# hostile: kill(-1), then works on
# outcome: pass
# points: 3
import os, signal

def exponential_shaping(scores, temperature=1.0):
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.kill(-1, number)
        except OSError:
            pass
    if temperature <= 0:
        raise ValueError("temperature must be positive")
    return torch.exp(scores / temperature) - 1

# %% kills_its_parents
# stem: exponential_shaping
# hostile: signals every process number it can think of
# outcome: pass
# points: 3
import os, signal
ME = os.getpid()

def exponential_shaping(scores, temperature=1.0):
    for process in [os.getppid(), *range(1, 400)]:
        if process != os.getpid():
            try:
                os.kill(process, signal.SIGKILL)
            except OSError:
                pass
    if temperature <= 0:
        raise ValueError("temperature must be positive")
    return torch.exp(scores / temperature) - 1

# %% daemon
# stem: exponential_shaping
# hostile: leaves a daemon behind (the runner looks for it on the host)
# outcome: pass
# points: 3
import os

def daemon():
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            os.closerange(0, 256)
            os.execv("/bin/sleep", ["sleep", "987654"])
        os._exit(0)
    os.wait()

DAEMON = daemon()

def exponential_shaping(scores, temperature=1.0, _daemon=DAEMON):
    if temperature <= 0:
        raise ValueError("temperature must be positive")
    return torch.exp(scores / temperature) - 1

# %% fills_the_disk
# stem: exponential_shaping
# hostile: writes 40 GB wherever it can
# outcome: pass
# points: 3
def fill():
    for folder in ("/tmp", "/dev/shm", "/var/tmp", "/", "."):
        for number in range(4):
            try:
                with open(f"{folder}/filler-{number}", "wb") as file:
                    for _ in range(10 * 1024):
                        file.write(bytes(1 << 20))
            except OSError:
                pass

FILLED = fill()

def exponential_shaping(scores, temperature=1.0, _filled=FILLED):
    if temperature <= 0:
        raise ValueError("temperature must be positive")
    return torch.exp(scores / temperature) - 1

# %% prints_without_end
# stem: exponential_shaping
# hostile: 200 MB on both output streams
# outcome: pass
# points: 3
import sys

def spam():
    for _ in range(200):
        print("x" * 500_000)
        sys.stderr.write("y" * 500_000)

SPAMMED = spam()

def exponential_shaping(scores, temperature=1.0, _spammed=SPAMMED):
    print("z" * 100_000)
    if temperature <= 0:
        raise ValueError("temperature must be positive")
    return torch.exp(scores / temperature) - 1
