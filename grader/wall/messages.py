"""What a message of a worker may hold: anything else is none, whatever it means."""

from typing import Any

from grader.wall.inside import wire

Types = dict[str, type | tuple[type, ...]]  # of each field
# every field that the worker may send; anything else is no message
FIELDS: Types = {
    "n": int,
    "is": str,
    "at": list,
    "name": str,
    "defined": bool,
    "errors": list,
    "modified": list,
    "type": str,
    "bases": list,
    "text": str,
    "place": str,
    "written": bool,
}
ERROR: Types = {
    "cell": int,
    "binds": list,
    **{name: FIELDS[name] for name in ("type", "bases", "text", "place", "written")},
}
# what the lists hold
ITEMS: Types = {"at": int, "errors": dict, "modified": (int, str), "bases": str, "binds": str}
MAX_ITEMS = 200  # of each: base classes, errors, arguments that were changed
TREES = ("value", "earlier", "gradients", "args", "kwargs")  # checked by wire.unpack


def check_message(message: dict[str, Any]) -> None:
    """WireError if a field is unknown, of another type, or a list without end; values are for `wire.unpack` to check."""
    check({name: value for name, value in message.items() if name not in TREES}, FIELDS)
    for error in message.get("errors", ()):
        check(error, ERROR)


def check(fields: dict[str, Any], types: Types) -> None:
    """WireError if a field is unknown, of another type, or a list without end."""
    for name, value in fields.items():
        if not isinstance(value, types.get(name, ())):
            raise wire.WireError(f"no such field: {name}")
        if isinstance(value, list) and len(value) > MAX_ITEMS:
            raise wire.WireError(f"far too many {name}")
        if isinstance(value, list) and not all(isinstance(item, ITEMS[name]) for item in value):
            raise wire.WireError(f"not what {name} holds")
