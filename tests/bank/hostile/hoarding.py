# ruff: noqa
# fmt: off
"""Work that takes what limits of one process do not count: the machine's memory and its processors."""

# %% memfds
# stem: exponential_shaping
# hostile: 48 files in memory without a name, 63 MB each: 3 GB that belong to nobody
# outcome: pass
# points: 3
# then: spy
import os

def look():
    files = []
    try:
        for number in range(48):
            files.append(os.memfd_create(f"m{number}"))
            for _ in range(63):
                os.write(files[-1], bytes(1 << 20))
    except OSError:
        pass
    return [f"{len(files)} memfds"] if files else []

# %% system_v
# stem: exponential_shaping
# hostile: shared memory, semaphores and message queues that outlive whoever made them
# outcome: pass
# points: 3
# then: spy
import ctypes

def look():
    libc = ctypes.CDLL(None)
    made = {"memory": libc.shmget(0, 60 << 20, 0o1600), "semaphores": libc.semget(0, 250, 0o1600), "queue": libc.msgget(0, 0o1600)}
    return [name for name, number in made.items() if number >= 0]

# %% socket_buffers
# stem: exponential_shaping
# hostile: fills the buffers of as many pairs of sockets as there may be
# outcome: pass
# points: 3
# then: spy
import socket

def look():
    pairs, held = [], 0
    try:
        while True:
            pairs.append(socket.socketpair())
            pairs[-1][0].setblocking(False)
            while True:
                try:
                    held += pairs[-1][0].send(bytes(1 << 16))
                except BlockingIOError:
                    break
    except OSError:
        pass
    return [f"{held} bytes"] if held else []

# %% empty_files
# stem: exponential_shaping
# hostile: a million files without content, a kilobyte and a half of the kernel's memory each
# outcome: pass
# points: 3
# then: spy
def look():
    made = 0
    for folder in ("/tmp", "/dev/shm"):
        try:
            for number in range(500_000):
                open(f"{folder}/{number}", "w").close()
                made += 1
        except OSError:
            pass
    return [f"{made} files"] if made > 10_000 else []

# %% memory_in_many_processes
# stem: exponential_shaping
# hostile: 30 processes with 600 MB each, none above its own limit
# outcome: wrong out_of_memory crash timeout
import os, time

def hoard():
    for _ in range(30):
        if os.fork() == 0:
            data = bytearray(b"x") * (600 << 20)
            time.sleep(60)
            os._exit(len(data) % 2)
    time.sleep(1)

def exponential_shaping(scores, temperature=1.0):
    hoard()
    return torch.zeros(len(scores))

# %% memory_shared_by_many
# stem: exponential_shaping
# hostile: the same in memory without a file, which a limit on data does not see
# outcome: wrong out_of_memory crash timeout
import mmap, os, time

def hoard():
    for _ in range(30):
        if os.fork() == 0:
            area = mmap.mmap(-1, 600 << 20)
            area.write(bytes(600 << 20))
            time.sleep(60)
    time.sleep(1)

def exponential_shaping(scores, temperature=1.0):
    hoard()
    return torch.zeros(len(scores))

# %% hogs
# stem: exponential_shaping
# hostile: eight processes that compute while whoever comes next is graded
# outcome: wrong timeout
import os

def hogs():
    for _ in range(8):
        if os.fork() == 0:
            while True:
                pass

HOGS = hogs()

def exponential_shaping(scores, temperature=1.0, _hogs=HOGS):
    return torch.zeros(len(scores))
