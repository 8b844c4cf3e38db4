"""Starts workers fast: it has imported the heavy packages, forks on request, and never runs student code itself."""

from __future__ import annotations

import gc
import importlib
import json
import signal
import socket
import sys

from . import namespaces, warden
from .nursery import Nursery
from .start import one_thread


def main() -> None:
    """Import what is asked for, say so, and fork a worker for each request until the channel closes."""
    control = socket.socket(fileno=int(sys.argv[1]))
    for name in json.loads(sys.argv[2]):
        importlib.import_module(name)
    one_thread()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the trusted side's to handle
    gc.collect()
    gc.freeze()  # keeps the forks' memory shared
    control.send(b"ready")
    nursery = Nursery()
    while True:
        nursery.wait(control)
        message, descriptors, _, _ = socket.recv_fds(control, 16384, 2)
        if not message:
            nursery.close()
            return
        request, (data, status) = json.loads(message), map(channel, descriptors)
        if request["way"] == "landlock":
            warden.spawn(request, data, status, control, nursery)
        else:
            namespaces.spawn(request, data, status, control)
        data.close()
        status.close()


def channel(descriptor: int) -> socket.socket:
    return socket.socket(fileno=descriptor)
