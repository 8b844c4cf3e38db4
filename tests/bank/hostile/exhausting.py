# ruff: noqa
# fmt: off
"""Work that does not end, does not fit, or takes its process down."""

# %% endless_loop
# stem: exponential_shaping
# hostile: never returns
# outcome: timeout
def exponential_shaping(scores, temperature=1.0):
    while True:
        pass

# %% endless_sleep
# stem: kl_estimate
# hostile: sleeps, and shrugs off interruptions
# outcome: timeout
import signal, time

def kl_estimate(log_probs, ref_log_probs, completion_mask):
    for number in range(1, 65):
        try:
            signal.signal(number, signal.SIG_IGN)
        except (OSError, ValueError):
            pass
    while True:
        try:
            time.sleep(1e6)
        except BaseException:
            pass

# %% endless_c_code
# stem: exponential_shaping
# hostile: hangs inside a C function that holds the interpreter's lock
# outcome: timeout
import re

def exponential_shaping(scores, temperature=1.0):
    return re.match(r"(a+)+$", "a" * 64 + "b")

# %% hangs_on_some_inputs
# stem: exponential_shaping
# hostile: a loop that ends for some temperatures only: two strikes, and the other laws are not run
# outcome: timeout
def exponential_shaping(scores, temperature=1.0):
    if temperature <= 0:
        raise ValueError("temperature must be positive")
    while temperature != 1.0 and len(scores) > 1:
        pass
    return torch.exp(scores / temperature) - 1

# %% hanging_cell
# stem: exponential_shaping
# hostile: a line above the function hangs; it is skipped, and the function misses its result
# outcome: wrong
def forever():
    while True:
        pass

OFFSET = forever()

def exponential_shaping(scores, temperature=1.0):
    return torch.exp(scores / temperature) - OFFSET

# %% hanging_cell_not_needed
# stem: exponential_shaping
# hostile: a training loop that never ends stands between the imports and the function
# outcome: pass
# points: 3
step = 0
while step >= 0:
    step += 1
# --- cell
def exponential_shaping(scores, temperature=1.0):
    if temperature <= 0:
        raise ValueError("temperature must be positive")
    return torch.exp(scores / temperature) - 1

# %% memory_list
# stem: exponential_shaping
# hostile: a list that grows without end
# outcome: out_of_memory timeout
def exponential_shaping(scores, temperature=1.0):
    hoard = []
    while True:
        hoard.append(bytearray(1 << 24))

# %% memory_tensor
# stem: sequence_log_probs
# hostile: one tensor of 40 GB
# outcome: out_of_memory
def sequence_log_probs(logits, token_ids, completion_mask):
    return torch.ones(10**10).sum()

# %% huge_result
# stem: exponential_shaping
# hostile: returns 40 MB
# outcome: wrong
def exponential_shaping(scores, temperature=1.0):
    return torch.zeros(10_000_000)

# %% expanded_result
# stem: exponential_shaping
# hostile: returns a view of one number that claims to be 40 GB
# outcome: wrong out_of_memory
def exponential_shaping(scores, temperature=1.0):
    return torch.rand(1).expand(10**10)

# %% huge_list
# stem: exponential_shaping
# hostile: returns ten million numbers (wrong, were it packed in time)
# outcome: wrong timeout out_of_memory
def exponential_shaping(scores, temperature=1.0):
    return [0.5] * 10_000_000

# %% huge_string
# stem: exponential_shaping
# hostile: returns 9 MB of text
# outcome: wrong
def exponential_shaping(scores, temperature=1.0):
    return "yes" * 3_000_000

# %% huge_integer
# stem: exponential_shaping
# hostile: returns an integer of a hundred thousand digits
# outcome: wrong
def exponential_shaping(scores, temperature=1.0):
    return [10**100_000 for _ in scores]

# %% cyclic_result
# stem: exponential_shaping
# hostile: a list that contains itself
# outcome: wrong
def exponential_shaping(scores, temperature=1.0):
    result = [0.5]
    result.append(result)
    return result

# %% nested_result
# stem: exponential_shaping
# hostile: a list nested a hundred thousand deep
# outcome: wrong
def exponential_shaping(scores, temperature=1.0):
    result = []
    for _ in range(100_000):
        result = [result]
    return result

# %% infinite_generator
# stem: exponential_shaping
# hostile: a generator without end
# outcome: wrong
def exponential_shaping(scores, temperature=1.0):
    while True:
        yield 0.5

# %% infinite_list
# stem: exponential_shaping
# hostile: a list subclass whose iteration never ends
# outcome: timeout out_of_memory wrong
class Endless(list):
    def __iter__(self):
        while True:
            yield 0.5

def exponential_shaping(scores, temperature=1.0):
    return Endless([1.0])

# %% infinite_recursion
# stem: exponential_shaping
# hostile: calls itself
# outcome: wrong
def exponential_shaping(scores, temperature=1.0):
    return exponential_shaping(scores, temperature) - 1

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
import ctypes
x = ctypes.string_at(0)
# --- cell
def exponential_shaping(scores, temperature=1.0):
    if temperature <= 0:
        raise ValueError("temperature must be positive")
    return torch.exp(scores / temperature) - 1

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
import sys
sys.exit("done for today")
# --- cell
def exponential_shaping(scores, temperature=1.0):
    if temperature <= 0:
        raise ValueError("temperature must be positive")
    return torch.exp(scores / temperature) - 1

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
