"""The ways in which a run computes, and why it left a faster one: said once, and kept in run.json."""

from dataclasses import dataclass, field


@dataclass
class Ways:
    """`taken` says in words how each part of a run is computed ("sampling", "loss"); `left` says why a faster way was left."""

    taken: dict[str, str] = field(default_factory=dict)
    left: dict[str, str] = field(default_factory=dict)

    def leave(self, part: str, way: str, instead: str, reason: str) -> None:
        """Note that a part of the run goes another way than the faster one, and why; say so the first time."""
        if way not in self.left:
            print(f"{part} with {instead}, which is slower than {way}: {reason}", flush=True)
        self.left[way] = reason
        self.taken[part] = instead


def in_a_line(error: Exception) -> str:
    """Return an error's kind and the first line of its words.

    >>> in_a_line(ValueError("too wide.\\nin all rows"))
    'ValueError: too wide'
    """
    lines = str(error).strip().splitlines()
    words = lines[0].rstrip(".") if lines else ""
    return f"{type(error).__name__}: {words}" if words else type(error).__name__
