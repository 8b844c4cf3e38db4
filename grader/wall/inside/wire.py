"""The wire between the two sides: framed JSON and raw buffers, every size bounded; only plain values cross.

frame = header length (4 bytes, big endian) · header (JSON) · buffers, whose lengths stand in header["sizes"].
A value is a JSON scalar, or a list that begins with its kind: ["l", items], ["t", items], ["d", pairs],
["a", dtype, shape, buffer number] for an array or tensor, ["o", type name] for what cannot cross.
"""

from __future__ import annotations

import array
import functools
import json
import math
import sys

TYPE_CHECKING = False  # as in typing, which is not loaded: no worker needs it
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from typing import Any

    import numpy as np

    Value = Any  # whatever there is to cross …
    Tree = Any  # … and how it crosses, as JSON
    Message = dict[str, Any]
    Array = np.ndarray[Any, Any]

MAX_HEADER = 4 << 20
MAX_BUFFERS = 32 << 20
MAX_DEPTH = 20
MAX_NODES = 50_000
MAX_TREE = 2 * MAX_NODES  # of what comes in: several arguments, each as large as may be
DTYPES = {
    "bool",
    "int8",
    "int16",
    "int32",
    "int64",
    "uint8",
    "uint16",
    "uint32",
    "uint64",
    "float16",
    "float32",
    "float64",
}


class WireError(Exception):
    """What came in is no frame of this protocol."""


# what reading forged JSON may raise
NOT_READ = (
    *(ValueError, TypeError, LookupError, AttributeError),
    *(RecursionError, OverflowError, MemoryError),
)


class TooLarge(Exception):
    """The value is too deep or too large to cross."""


class Opaque:
    """Stands for a value that does not cross the wire: only the name of its type does."""

    def __init__(self, type_name: str) -> None:
        self.type_name = type_name

    def __repr__(self) -> str:
        return f"<{self.type_name}>"


def frame(message: Message, buffers: Sequence[bytes] = ()) -> bytes:
    """The message as it crosses; WireError if it is too large."""
    header = json.dumps({**message, "sizes": [len(buffer) for buffer in buffers]}).encode()
    if len(header) > MAX_HEADER or sum(map(len, buffers)) > MAX_BUFFERS:
        raise WireError("too large to cross")
    return b"".join([len(header).to_bytes(4, "big"), header, *buffers])


def read_frame(read: Callable[[int], bytes]) -> tuple[Message, list[bytes]]:
    """A message and its buffers; WireError if it is none.

    `read(n)` gives exactly n bytes. Nothing is allocated before its size was checked.
    """
    size = int.from_bytes(read(4), "big")
    if size > MAX_HEADER:
        raise WireError("header too large")
    try:
        message = json.loads(read(size))
        sizes = message.pop("sizes")
        whole = all(type(n) is int and n >= 0 for n in sizes)
        if not whole or len(sizes) > MAX_TREE or sum(sizes) > MAX_BUFFERS:
            raise WireError("buffers too large")
    except NOT_READ as error:
        raise WireError("not a frame") from error
    return message, [read(n) for n in sizes]


def pack(value: Value, buffers: list[bytes]) -> Tree:
    """The value as a JSON tree; its arrays are appended to `buffers`. What cannot cross becomes opaque."""
    mine: list[bytes] = []
    try:
        tree = _pack(value, mine, 0, [MAX_NODES, MAX_BUFFERS // 2], len(buffers))
    except TooLarge:
        return ["o", "structure too deep or too large"]
    buffers += mine
    return tree


def pack_arguments(args: tuple[Any, ...], kwargs: dict[str, Any], buffers: list[bytes]) -> Message:
    """As fields of a message; what cannot cross becomes opaque by itself, so the call stays a call."""
    if len(args) + len(kwargs) > MAX_NODES:
        raise WireError("too many arguments to cross")
    return {
        "args": ["t", [pack(value, buffers) for value in args]],
        "kwargs": ["d", [[name, pack(value, buffers)] for name, value in kwargs.items()]],
    }


def _pack(value: Value, buffers: list[bytes], depth: int, budget: list[int], first: int) -> Tree:
    budget[0] -= _nodes(value)
    if depth > MAX_DEPTH or budget[0] < 0:
        raise TooLarge
    array = as_array(value)
    if array is not None:
        budget[1] -= array.nbytes
        if budget[1] < 0 or not _holds(array.shape):
            raise TooLarge
        buffers.append(array.tobytes())
        return ["a", _name(array.dtype), list(array.shape), first + len(buffers) - 1]
    if value is None or isinstance(value, (bool, float, str)):
        return value
    if isinstance(value, int):
        return value if -(2**63) <= value < 2**64 else ["o", "very large int"]
    if isinstance(value, (list, tuple)):
        kind = "l" if isinstance(value, list) else "t"
        return [kind, [_pack(item, buffers, depth + 1, budget, first) for item in value]]
    if isinstance(value, dict) and all(isinstance(key, str) for key in value):
        return [
            "d",
            [[key, _pack(item, buffers, depth + 1, budget, first)] for key, item in value.items()],
        ]
    return ["o", value.type_name if isinstance(value, Opaque) else type(value).__name__[:100]]


def _nodes(value: object) -> int:
    """What a value counts for by itself, without what it holds."""
    return 1 + (len(value) // 16 if isinstance(value, str) else 0)


def _holds(shape: Iterable[int]) -> bool:
    """Whether an array of this shape is its bytes: one of [10⁹, 0] has none, and is 10⁹ lists as a list."""
    return 0 not in shape or math.prod(size or 1 for size in shape) <= MAX_NODES


def as_array(value: Value) -> Array | None:
    """A NumPy array if the value is an array of any library's, a tensor or a NumPy scalar, of a plain dtype, else None."""
    numpy, torch = sys.modules.get("numpy"), sys.modules.get("torch")
    if torch is not None and isinstance(value, torch.Tensor):
        try:
            value = value.detach().cpu()
            value = (value.float() if value.dtype == torch.bfloat16 else value).numpy()
        except (TypeError, RuntimeError):  # sparse, quantised, meta: cannot cross
            return None
    if numpy is None or not (hasattr(type(value), "__array__") or isinstance(value, array.array)):
        return None
    try:
        value = numpy.asarray(value)
    except Exception:  # somebody's own class
        return None
    pandas_empty = value.dtype == object and not value.size
    if value.dtype == numpy.longdouble or pandas_empty:
        value = value.astype(numpy.float64)
    return value if _name(value.dtype) in DTYPES else None


@functools.lru_cache(100)
def _name(dtype: object) -> str:
    """What `str` gives, for which NumPy takes as long as for all else here."""
    return str(dtype)


def unpack(
    tree: Tree,
    buffers: Sequence[bytes],
    arrays: Callable[[Array], Any] = lambda array: array,
    left: list[int] | None = None,
) -> Value:
    """The inverse of `pack`.

    Args:
        arrays: turns each NumPy array into what the receiver wants.
        left: [objects], how many may still come in by this tree and whatever shares the list; None for one tree's share.
    """
    try:
        return _Unpacking(buffers, arrays, [MAX_TREE] if left is None else left).value(tree, 0)
    except NOT_READ as error:
        raise WireError("not a value") from error


class _Unpacking:
    """One tree's way in: what it may still hold, and the buffers that no array has taken yet."""

    def __init__(
        self, buffers: Sequence[bytes], arrays: Callable[[Array], Any], left: list[int]
    ) -> None:
        self.left, self.buffers, self.arrays = left, dict(enumerate(buffers)), arrays

    def value(self, tree: Tree, depth: int) -> Value:
        self.left[0] -= _nodes(tree)
        if self.left[0] < 0 or depth > MAX_DEPTH + 1:  # arguments stand in a tuple of their own
            raise WireError("too deep or too large")
        if not isinstance(tree, list):
            if isinstance(tree, dict) or (isinstance(tree, int) and not -(2**63) <= tree < 2**64):
                raise WireError("not a value")
            return tree
        kind, body = tree[0], tree[1]
        if kind == "l" or kind == "t":
            items = [self.value(item, depth + 1) for item in body]
            return items if kind == "l" else tuple(items)
        if kind == "d":
            return {_text(key): self.value(item, depth + 1) for key, item in body}
        if kind == "o":
            return Opaque(_text(body)[:100])
        if kind != "a" or body not in DTYPES:
            raise WireError("unknown kind")
        return self.arrays(self.array(body, tree[2], tree[3]))

    def array(self, dtype: str, shape: list[int], number: int) -> Array:
        import numpy

        if not all(type(size) is int and size >= 0 for size in shape) or not _holds(shape):
            raise WireError("no shape")
        # taken out: a buffer that several arrays named would be copied for each
        return numpy.frombuffer(bytearray(self.buffers.pop(number)), dtype).reshape(shape)


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise WireError("not a text")
    return value
