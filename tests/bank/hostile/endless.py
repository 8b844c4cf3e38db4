# ruff: noqa
# fmt: off
"""Work that does not end."""

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
# waits: for ever
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
# then: right
step = 0
while step >= 0:
    step += 1
# --- cell

# %% urgent_byte
# stem: exponential_shaping
# hostile: one urgent byte on every descriptor: announced to the grader, and never there to be read
# outcome: crash timeout
# waits: for ever
import os, socket

def exponential_shaping(scores, temperature=1.0):
    for descriptor in range(3, 256):
        try:
            socket.socket(fileno=os.dup(descriptor)).send(b"!", socket.MSG_OOB)
        except OSError:
            pass
    while True:
        pass

# %% urgent_bytes_without_end
# stem: exponential_shaping
# hostile: urgent bytes in a flood, so that there is always something to read
# outcome: crash timeout
import os, socket

def exponential_shaping(scores, temperature=1.0):
    sockets = []
    for descriptor in range(3, 256):
        try:
            sockets.append(socket.socket(fileno=os.dup(descriptor)))
        except OSError:
            pass
    while True:
        for end in sockets:
            try:
                end.send(b"\0", socket.MSG_OOB | socket.MSG_DONTWAIT)
            except OSError:
                pass
