"""The trusted end of one worker: numbered requests, deadlines, and a typed word on how it ended."""

import contextlib
import dataclasses
import json
import math
import os
import select
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, TypeVar

from grader.assignment import Limits
from grader.errors import SandboxError
from grader.verdict import Outcome
from grader.wall.cgroup import Group, hierarchies
from grader.wall.ends import WorkerEnded, how_it_ended, out_of_memory
from grader.wall.inside import wire
from grader.wall.isolation import Isolation
from grader.wall.messages import check_message
from grader.wall.watchdog import watchdog

MAX_ANSWER = 2 * (wire.MAX_HEADER + wire.MAX_BUFFERS)  # bytes to one request, callbacks included
MAX_OBJECTS = 2 * wire.MAX_TREE  # to one request, callbacks included
# seconds: how long a wait is at most, and how late this process may be back from it
LOOK, LATE = 0.5, 1.0
AGAIN = 0.01  # seconds until a channel is read again that had nothing though it said so

# what is made of a message: another one with its buffers, nothing, or None: this was the reply
Answer = tuple[dict[str, Any], list[bytes]] | tuple[()] | None
Moved = TypeVar("Moved")  # what is sent or received: bytes, or their number
OnMessage = Callable[[dict[str, Any], list[bytes]], Answer]


class Worker:
    """A process that runs one function of one submission; it lives until `kill`, or its own end."""

    since: float  # on the monotonic clock: when the worker's was last read …
    deadline: float  # … and when its time is up
    room: int  # bytes that it may still send in answer to this request …
    objects: list[int]  # … and objects

    def __init__(self, control: socket.socket, limits: Limits, isolation: Isolation) -> None:
        """Ask the zygote at the other end of `control` for a worker; OSError if it gives none."""
        self.limits, self.isolation, self.number = limits, isolation, 0
        self.pidfd: int | None = None
        self.given_back, self.shot = 0.0, False  # seconds; whether the watchdog had to end it
        self.ending = threading.Lock()
        self.data, data = socket.socketpair()
        # an urgent byte is read like any other: else it is announced, and never comes
        self.data.setsockopt(socket.SOL_SOCKET, socket.SO_OOBINLINE, 1)
        self.status, status = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.status.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        request = {
            **isolation.request(),
            "limits": dataclasses.asdict(limits),
            "grouped": bool(hierarchies()),
        }
        with data, status:
            socket.send_fds(
                control, [json.dumps(request).encode()], [data.fileno(), status.fileno()]
            )
        self.status.settimeout(30)
        message, ancillary, _, _ = self.status.recvmsg(1024, socket.CMSG_SPACE(12))
        if message != b"ready":
            self.data.close()
            self.status.close()
            raise OSError(message.decode(errors="replace") or "the zygote is gone")
        # the kernel, not the worker, says which process and user of the host this is
        self.pid, self.uid, _ = struct.unpack("3i", ancillary[0][2][:12])
        self.pidfd = os.pidfd_open(self.pid)
        self.group = Group(self.pid, limits)
        if self.uid == 0 and isolation.walled:
            self.kill()
            raise SandboxError("the worker would run as root of this machine: refused")
        self.status.send(b"go")

    def request(
        self,
        message: dict[str, Any],
        buffers: list[bytes],
        seconds: float,
        on_message: OnMessage,
    ) -> tuple[dict[str, Any], list[bytes]]:
        """Send a request; give the first reply that `on_message` leaves alone (None) instead of answering it.

        Raises:
            WorkerEnded: no reply within that time, or none that can be read, or the worker has gone.
        """
        self.number += 1
        self.since = time.monotonic()
        self.deadline, self.room, self.objects = self.since + seconds, MAX_ANSWER, [MAX_OBJECTS]
        question = wire.frame({"n": self.number, **message}, buffers)
        try:
            with watchdog(lambda: self.deadline, self._shoot):
                return self._asked(question, on_message)
        except (TimeoutError, EOFError, ConnectionError) as error:
            if not self.shot and not isinstance(error, TimeoutError):
                raise self._ended() from None
            self.kill()
            raise WorkerEnded(Outcome.TIMEOUT, f"no answer within {seconds:g} seconds") from None
        except MemoryError:
            self.kill()
            raise out_of_memory() from None
        except wire.WireError:
            self.kill()
            raise WorkerEnded(
                Outcome.CRASH, "the process wrote to the grader's channel or returned far too much"
            ) from None

    def _asked(self, question: bytes, on_message: OnMessage) -> tuple[dict[str, Any], list[bytes]]:
        self._send(question)
        while True:
            reply, arrays = wire.read_frame(self._read)
            answer = self._understood(on_message, reply, arrays)
            if answer is None:
                return reply, arrays
            if answer:
                self._send(wire.frame({"n": self.number, **answer[0]}, answer[1]))

    def _understood(
        self, on_message: OnMessage, reply: dict[str, Any], arrays: list[bytes]
    ) -> Answer:
        """What `on_message` makes of it; if it fails, then because of what the worker wrote."""
        if reply.get("n") != self.number:
            raise wire.WireError("out of step")
        check_message(reply)
        try:
            return on_message(reply, arrays)
        except MemoryError:
            raise
        except Exception as error:
            raise wire.WireError("not understood") from error

    def give_back(self, seconds: float) -> None:
        """What took so long was not the worker: it has that much longer."""
        self.given_back += seconds
        self.deadline += seconds

    @contextlib.contextmanager
    def on_our_time(self) -> Iterator[None]:
        """What the trusted side computes for the worker: its clock stands still, and the watchdog's."""
        start, held, self.deadline = time.monotonic(), self.deadline, math.inf
        try:
            yield
        finally:
            self.since, self.deadline = time.monotonic(), held
            self.give_back(self.since - start)

    def _wait(self, event: int) -> None:
        """Until the worker is ready or its time is up, which stands still while this process does (a paused machine).

        Its time is up also while it is ready: what never ends may always be. `since` is when its clock was last read.
        """
        poll = select.poll()
        poll.register(self.data, event)
        while True:
            asked = min(max(self.deadline - time.monotonic(), 0.0), LOOK)
            ready = poll.poll(asked * 1000)
            before, self.since = self.since, time.monotonic()
            late = self.since - before - asked
            if late > LATE:
                self.give_back(late)
            elif self.since >= self.deadline:
                raise TimeoutError
            elif ready:
                return

    def _moved(self, event: int, move: Callable[[], Moved]) -> Moved:
        """What `move` gives once the channel is ready. It never waits itself: only `_wait` does."""
        while True:
            self._wait(event)
            try:
                return move()
            except BlockingIOError:
                time.sleep(AGAIN)

    def _send(self, data: bytes) -> None:
        view, flags = memoryview(data), socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL
        while view:
            send = partial(self.data.send, view, flags)
            view = view[self._moved(select.POLLOUT, send) :]

    def _read(self, size: int) -> bytes:
        self.room -= size
        if self.room < 0:
            raise wire.WireError("far too much")
        data = bytearray()
        while len(data) < size:
            most = min(size - len(data), 1 << 20)
            receive = partial(self.data.recv, most, socket.MSG_DONTWAIT)
            chunk = self._moved(select.POLLIN, receive)
            if not chunk:
                raise EOFError
            data += chunk
        return bytes(data)

    def _ended(self) -> WorkerEnded:
        """How the worker came to its end, as its doorman and the kernel tell it."""
        self.status.settimeout(2)
        word: str | None
        try:
            word = self.status.recv(64).decode(errors="replace")
        except TimeoutError:
            word = None
        except OSError:
            word = ""
        short_of_memory = self.group.out_of_memory()
        self.kill()
        return how_it_ended(word, short_of_memory, self.limits)

    def kill(self) -> None:
        """Ends the worker and, as its first process goes, everything it started."""
        with self.ending:
            if self.pidfd is None:
                return
            self._signal(self.pidfd)
            os.close(self.pidfd)
            self.pidfd = None
            self.data.close()
            self.status.close()
        self.group.remove()

    def _shoot(self) -> None:
        """What the watchdog does: end the worker, and with it whatever waits for it."""
        with self.ending:
            if self.pidfd is not None:
                self.shot = True
                self._signal(self.pidfd)
                self.data.shutdown(socket.SHUT_RDWR)

    def _signal(self, pidfd: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            self.isolation.kill(self.pid, pidfd)
