"""What no namespace covers: keys of whoever started the grader, sockets of the machine itself, and chance."""

import json
import platform
import subprocess
import sys

import pytest
from toys import ROOT
from walls import LIMITS, ask

from grader.inside.seccomp import MACHINES
from grader.sandbox import Sandbox

NUMBERS = MACHINES.get(platform.machine(), (0, {}))[1]
pytestmark = pytest.mark.skipif(not NUMBERS, reason=f"no filter for {platform.machine()}")

# A session keyring with a ticket in it, as a login leaves one; then the attack in a worker, and what is left of the ticket.
LOGGED_IN = """
import ctypes, json, sys
sys.path[:0] = ["tests/grader", "."]
from walls import LIMITS, ask
from grader.sandbox import Sandbox
libc, text = ctypes.CDLL(None), ctypes.create_string_buffer(100)
add_key, keyctl = map(int, sys.argv[2:])
if libc.syscall(keyctl, 1, None) < 0 or libc.syscall(add_key, b"user", b"ticket", b"secret", 6, -3) < 0:
    sys.exit("no keys")
with Sandbox([], LIMITS) as wall:
    found = ask(wall.worker(), sys.argv[1])
key = libc.syscall(keyctl, 10, -3, b"user", b"ticket", 0)
left = libc.syscall(keyctl, 11, ctypes.c_long(key), text, 100)
print(json.dumps([found, text.raw[:left].decode() if left > 0 else None]))
"""
STEAL = f"""
libc, text = ctypes.CDLL(None), ctypes.create_string_buffer(100)
key = libc.syscall({NUMBERS.get("keyctl")}, 10, ctypes.c_long(-3), b"user", b"ticket", 0)
libc.syscall({NUMBERS.get("keyctl")}, 11, ctypes.c_long(key), text, 100)
libc.syscall({NUMBERS.get("keyctl")}, 3, ctypes.c_long(key))
return [key, text.value.decode()]"""


def test_keys_of_whoever_logged_in_stay_outside():
    numbers = [str(NUMBERS[name]) for name in ("add_key", "keyctl")]
    command = [sys.executable, "-c", LOGGED_IN, STEAL, *numbers]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if done.stderr.strip() == "no keys":
        pytest.skip("this machine has no keys to lose")
    assert json.loads(done.stdout) == [[-1, ""], "secret"], done.stderr


def test_system_calls_that_go_round_the_walls_fail(attack):
    names = [name for name in NUMBERS if name != "socket"]
    body = f"""
libc, found = ctypes.CDLL(None, use_errno=True), []
for number in {[NUMBERS[name] for name in names]}:
    ctypes.set_errno(0)
    found.append([libc.syscall(number, 0, 0, 0, 0, 0), ctypes.get_errno()])
return found"""
    assert attack(body) == [[-1, 38]] * len(names)  # not there


@pytest.mark.parametrize(
    ("family", "there"), [(1, True), (2, True), (10, True), (40, False), (38, False), (17, False)]
)
def test_sockets_are_local_or_of_a_network_that_is_not_there(attack, family, there):
    """40: to the host of a virtual machine; 38: the kernel's own ciphers; 17: packets."""
    body = f"""
try:
    socket.socket({family}, socket.SOCK_STREAM).close()
    return "there"
except OSError as error:
    return error.errno"""
    assert attack(body) == ("there" if there else 97)


def test_chance_is_the_same_in_every_worker():
    body = "import random, numpy\nreturn [random.random(), float(numpy.random.rand())]"
    with Sandbox(["numpy"], LIMITS) as wall:
        assert ask(wall.worker(), body) == ask(wall.worker(), body)
