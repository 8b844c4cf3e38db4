"""Serves one function of one submission: loads what it needs, then answers calls until it is killed.

Student code shares this process, so nothing it can do to it is worth anything: only values leave, and the trusted
side treats them as the student's answer.
"""

from __future__ import annotations
import __future__

import ast
import builtins
import contextlib
import hashlib
import json
import linecache
import os
import sys
import traceback
import types

from . import slices, wire

if wire.TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Sequence
    from typing import Any, NoReturn

    from .wire import Array, Message, Value

    Before = tuple[tuple[Any, ...], dict[str, Any], Value]  # arguments and result of a call

MAX_TEXT = 2000
MAX_NAMES = 50  # that one failing statement would have bound
PARSING = -1  # stands for a statement's number while a cell is parsed: that can end the process too


class Link:
    """The worker's end of the wire: every message carries the number of the request it belongs to."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock, self.number = sock, 0

    def read(self, size: int) -> bytes:
        """Exactly so many bytes; the process ends with the channel."""
        data = bytearray()
        while len(data) < size:
            chunk = self.sock.recv(min(size - len(data), 1 << 16))
            if not chunk:
                os._exit(0)
            data += chunk
        return bytes(data)

    def receive(self) -> tuple[Message, list[bytes]]:
        """The next request, or the answer to a callback."""
        message, buffers = wire.read_frame(self.read)
        self.number = message["n"]
        return message, buffers

    def send(self, message: Message, buffers: Sequence[bytes] = ()) -> None:
        """Say something about the request that came last."""
        self.sock.sendall(wire.frame({"n": self.number, **message}, buffers))


def describe_error(error: BaseException) -> Message:
    """Type, base classes, message and place of the student's exception; its own __str__ may fail or be endless."""
    try:
        text = str(error)[:MAX_TEXT]
    except BaseException as broken:
        text = f"(its text could not be read: {type(broken).__name__})"
    place, written = "", False
    with contextlib.suppress(BaseException):
        for frame in traceback.extract_tb(error.__traceback__):
            if frame.filename.startswith("<cell "):
                place = f"line {frame.lineno} of {frame.filename[1:-1]}: {frame.line}"[:300]
        written = isinstance(error, NotImplementedError) and stands_below(error.__traceback__)
        if isinstance(error, SyntaxError):
            place = f"line {error.lineno}: {(error.text or '').strip()}"[:300]
    return {
        "type": type(error).__name__[:100],
        "bases": [c.__name__[:100] for c in type(error).__mro__[:20]],
        "text": text,
        "place": place,
        "written": written,
    }


def stands_below(trace: types.TracebackType | None) -> bool:
    """Whether the function that raised has lines of code above the one that did: a docstring is none."""
    innermost = None
    while trace is not None:
        innermost, trace = trace, trace.tb_next
    if innermost is None:
        return False
    code = innermost.tb_frame.f_code
    lines = {line for _, _, line in code.co_lines() if line} - {code.co_firstlineno}
    return any(line < innermost.tb_lineno for line in lines)


def provide(link: Link, names: list[str], namespace: dict[str, Any]) -> None:
    """Each name "module.function" becomes a global and a module's attribute; a call goes back to the trusted side."""
    for full_name in names:
        module_name, name = full_name.rsplit(".", 1)
        module = sys.modules.setdefault(module_name, types.ModuleType(module_name))
        function = _callback(link, full_name, name)
        setattr(module, name, function)
        namespace[name] = function


def _callback(link: Link, full_name: str, name: str) -> Callable[..., Any]:
    def provided(*args: Value, **kwargs: Value) -> Value:
        buffers: list[bytes] = []
        given = wire.pack_arguments(args, kwargs, buffers)
        link.send({"is": "callback", "name": full_name, **given}, buffers)
        message, buffers = link.receive()
        if "refused" in message:
            raise getattr(builtins, message["refused"])(message["text"])
        return wire.unpack(message["value"], buffers)

    provided.__name__ = provided.__qualname__ = name
    return provided


def load(link: Link, request: Message, namespace: dict[str, Any]) -> None:
    """Execute the needed statements one by one: a failing line does not take the function below it."""
    errors: list[Message] = []
    statements: list[slices.Statement] = []
    for number, cell in enumerate(request["cells"]):
        if [number, PARSING] in request["skip"]:
            continue
        link.send({"is": "progress", "at": [number, PARSING]})
        name, text = f"<cell {cell['id']}>", cell["source"]
        lines = [f"{line}\n" for line in text.split("\n")]  # as Python counts them
        linecache.cache[name] = (len(text), None, lines, name)
        try:
            statements += [
                slices.describe(number, index, node)
                for index, node in enumerate(slices.parse(cell["source"]))
            ]
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            errors.append({"cell": number, **describe_error(error)})
    execute(link, request, slices.needed_statements(statements, request["stem"]), namespace, errors)
    defined = callable(namespace.get(request["stem"]))
    link.send({"is": "loaded", "errors": errors[:20], "defined": defined})


def execute(
    link: Link,
    request: Message,
    statements: list[slices.Statement],
    namespace: dict[str, Any],
    errors: list[Message],
) -> None:
    """Run the statements that are not to be skipped; what fails is put with `errors`."""
    future = 0  # `from __future__ import annotations` holds for the cells below it too
    for statement in statements:
        cell, at = request["cells"][statement.cell], [statement.cell, statement.index]
        if at in request["skip"]:
            continue
        link.send({"is": "progress", "at": at})
        try:
            tree = ast.Module([statement.node], [])
            # else it would inherit those of this file
            code = compile(tree, f"<cell {cell['id']}>", "exec", flags=future, dont_inherit=True)
            future |= code.co_flags & __future__.annotations.compiler_flag
            exec(code, namespace)
        except BaseException as error:  # SystemExit and KeyboardInterrupt are the student's too
            binds = sorted(statement.binds)[:MAX_NAMES]
            errors.append({"cell": statement.cell, "binds": binds, **describe_error(error)})


def tell(link: Link, request: Message) -> None:
    """Answer with a digest of all that these functions need of the notebook, of which nothing has run yet.

    A statement counts as Python reads it, whatever its comments and line breaks; a cell that Python cannot read counts whole.
    """
    statements: list[slices.Statement] = []
    said: list[Any] = []
    for number, cell in enumerate(request["cells"]):
        try:
            statements += [
                slices.describe(number, index, node)
                for index, node in enumerate(slices.parse(cell["source"]))
            ]
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            said.append(cell["source"])
    for stem in request["stems"]:
        needed = slices.needed_statements(statements, stem)
        said.append([stem, *(ast.dump(statement.node) for statement in needed)])
    text = json.dumps(said).encode()
    link.send({"is": "told", "text": hashlib.sha256(text).hexdigest()})


def to_arrays(kind: str) -> Callable[[Array], Any]:
    """What makes an argument of a NumPy array: "torch" tensors, or nothing else."""
    if kind == "torch":
        import torch

        make: Callable[[Array], Any] = torch.from_numpy
        return make
    return lambda array: array


def refilled(before: Value, new: Value) -> Value:
    """The object that an earlier call was given, now holding the new values, if it can; else the new one."""
    with contextlib.suppress(Exception):  # whatever student code made of it
        if type(before) is list is type(new):
            before[:] = new
            return before
        if (before.shape, before.dtype) == (new.shape, new.dtype):
            before[...] = new
            return before
    return new


def differentiated(
    function: Callable[..., Any], args: tuple[Value, ...], kwargs: Message, leaves: list[int]
) -> tuple[Value, Value]:
    """What the function gives for tensors of which those at `leaves` require gradients, and the gradients of its one number.

    An item for each leaf, None where no path of autograd leads to it; no list where the result cannot be differentiated.
    """
    import torch

    for place in leaves:
        args[place].requires_grad_()
    # whatever the notebook has set for all that follows
    with torch.enable_grad():
        result = function(*args, **kwargs)
        if not isinstance(result, torch.Tensor) or not result.requires_grad or result.numel() != 1:
            return result, None
        try:
            found = torch.autograd.grad(result.sum(), [args[n] for n in leaves], allow_unused=True)
        except Exception as error:  # autograd's own, or of a backward that the student wrote
            raise RuntimeError(f"its gradient cannot be computed: {error}") from error
    return result, list(found)


def call(
    link: Link,
    function: Callable[..., Any],
    request: Message,
    buffers: list[bytes],
    arrays: Callable[[Array], Any],
    before: Before | None,
) -> Before:
    """Answer one call and give its arguments and result; `before` are those of the call whose objects come again.

    Where the request names `leaves`, gradients come with the result.
    """
    args, kwargs = (wire.unpack(request[part], buffers, arrays) for part in ("args", "kwargs"))
    if before is not None and len(before[0]) == len(args):
        args = tuple(map(refilled, before[0], args))
        kwargs = {name: refilled(before[1].get(name), value) for name, value in kwargs.items()}
    originals = {**dict(enumerate(args)), **kwargs}
    given = {name: fingerprint(value) for name, value in originals.items()}
    result, leaves = None, request.get("leaves")
    try:
        if leaves:
            result, gradients = differentiated(function, args, kwargs, leaves)
        else:
            result = function(*args, **kwargs)
        buffers = []
        answer = {"is": "value", "value": wire.pack(result, buffers)}
        if leaves:
            answer["gradients"] = wire.pack(gradients, buffers)
    except BaseException as error:
        answer, buffers = {"is": "error", **describe_error(error)}, []
    answer["modified"] = [
        name for name, value in originals.items() if fingerprint(value) != given[name]
    ]
    if before is not None:
        answer["earlier"] = wire.pack(before[2], buffers)
    try:
        link.send(answer, buffers)
    except wire.WireError:
        link.send(
            {"is": "value", "value": ["o", "structure too large"], "modified": answer["modified"]}
        )
    return args, kwargs, result


def fingerprint(value: Value) -> tuple[str, list[bytes]]:
    """Equal for what would cross as the same."""
    buffers: list[bytes] = []
    return repr(wire.pack(value, buffers)), buffers


def main(sock: socket.socket) -> NoReturn:
    """Answer requests until the process is killed."""
    link = Link(sock)
    # as stderr: any text can be printed
    sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    # as in Jupyter, it holds the notebook's names
    sys.modules["__main__"] = types.ModuleType("__main__")
    namespace = vars(sys.modules["__main__"])
    namespace |= dict.fromkeys(slices.IN_NOTEBOOKS, slices.Nothing())
    before = None
    while True:
        request, buffers = link.receive()
        if request["do"] == "load":
            arrays = to_arrays(request["arrays"])
            provide(link, request["provides"], namespace)
            load(link, request, namespace)
        elif request["do"] == "tell":
            tell(link, request)
        else:
            function = namespace[request["stem"]]
            again = request["again"]
            before = call(link, function, request, buffers, arrays, before if again else None)
            before = before if again else None  # what is not asked for again is let go
