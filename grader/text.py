"""Student-controlled text made harmless and short; escaping stays with whatever renders it."""

import re
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ANSI = re.compile(r"\x1b(\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(\x07|\x1b\\)?|[@-Z\\-_])")
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ufffe\uffff]")
# characters of a table's cell: Excel's limit is 32,767, that of Python's csv 131,072
LONGEST_CELL = 30_000
# what begins a cell where commas, semicolons, bars or tabs separate them
FORMULA = re.compile(r"(^|[,;|\t]\s*)(?=[=+\-@\t])")

# no formula that does anything: those need brackets, quotes, bars or blanks
ADDRESS = re.compile(r"[\w.+=\-]+@[\w\-]+(\.[\w\-]+)*")


def clean(text: str, limit: int = 300) -> str:
    """No ANSI, control or direction-changing characters, no lone surrogates, at most `limit` characters."""
    text = CONTROL.sub("", ANSI.sub("", text[: 4 * limit])).encode("utf-8", "replace").decode()
    return text if len(text) <= limit else text[: limit - 1] + "…"


def one_line(text: str, limit: int = 300) -> str:
    """The same for a log or a table, where a second line may pass for a command or for another row."""
    return clean(" ⏎ ".join(text.splitlines()), limit)


def harmless(value: Any) -> Any:
    """A student's text as one line that a spreadsheet takes for no formula, whatever separates the columns there."""
    if not isinstance(value, str):
        return value
    line = " ⏎ ".join(value.splitlines())[:LONGEST_CELL]
    return FORMULA.sub(r"\1'", line)


def identifier(value: Any) -> Any:
    """An id as it is, for programs match it; one that nothing can match becomes one line."""
    return value if isinstance(value, str) and value.isprintable() else harmless(value)


def address(value: Any) -> Any:
    """An e-mail address as it is, for it is an id; any other text is made harmless."""
    return value if isinstance(value, str) and ADDRESS.fullmatch(value) else harmless(value)


def some_of(names: Sequence[str], most: int = 5) -> str:
    """A list in a note, however long it is."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def show(value: Any, limit: int = 300) -> str:
    """A value as a student would write it: arrays as nested lists, numbers with six digits."""
    return clean(_show(value, [60]), limit)


def _cut(array: Any, most: int) -> Any:
    """The part of it that may be shown: an array of millions is no list of millions."""
    return array[(slice(most),) * array.ndim]


def _show(value: Any, budget: list[int]) -> str:
    budget[0] -= 1
    if budget[0] < 0:
        return "…"
    if hasattr(value, "tolist"):  # a NumPy array: the dtype says what kind of tensor it was
        shown = _show(_cut(value, budget[0] + 1).tolist(), budget)
        return f"{value.dtype}{shown}" if value.ndim else f"{value.dtype}({shown})"
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, (list, tuple)):
        items = ", ".join(_show(item, budget) for item in value[: max(budget[0], 0) + 1])
        return f"[{items}]" if isinstance(value, list) else f"({items})"
    if isinstance(value, dict):
        return (
            "{" + ", ".join(f"{key!r}: {_show(item, budget)}" for key, item in value.items()) + "}"
        )
    return repr(value[:200] if isinstance(value, str) else value)


def program(name: str = "python") -> str:
    """`.venv/bin/<name>` where the environment lies below this folder; the bare name outside of environments."""
    if sys.prefix == sys.base_prefix:
        return name
    path = Path(sys.executable).with_name(name)
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)


def from_here(path: Path) -> Path:
    """As it would be typed in this folder."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def as_argument(name: str) -> str:
    """A name as it is typed into a shell where no option may be meant."""
    return ("-- " if name.startswith("-") else "") + shlex.quote(name)
