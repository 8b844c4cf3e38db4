"""Every notebook that a student ever handed in, kept under its digest, and what is known of each."""

import dataclasses
import functools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Self

from grader.store import WORK, load_kept, sha256, whole, write

BY_HAND = "by hand"  # the system of what lay in submitted/ and came from no download


@dataclass(frozen=True)
class Attempt:
    """One notebook that was handed in, or that none was (`sha256` is empty).

    `source`: the download and the file in it; `partners`: ids of those who handed in with this student; the rest is as in
    HandIn.
    """

    sha256: str
    system: str
    order: tuple[float | str, ...] = ()
    label: str = ""
    moment: datetime | None = None
    clock: str = ""
    late: bool | None = None
    source: str = ""
    partners: tuple[str, ...] = ()

    @property
    def lateness(self) -> str:
        """What the system says, where the moment does not; an empty string else."""
        if not self.late or self.moment:
            return ""
        return f"late, as {self.system} says; by how much is not known"

    def stored(self) -> dict[str, Any]:
        """As JSON keeps it."""
        moment = self.moment.isoformat() if self.moment else None
        return dataclasses.asdict(self) | {"moment": moment}

    @classmethod
    def loaded(cls, row: dict[str, Any]) -> Self:
        """What `stored` gave."""
        moment = datetime.fromisoformat(row["moment"]) if row["moment"] else None
        lists = {name: tuple(row[name]) for name in ("order", "partners")}
        return cls(**{**row, **lists, "moment": moment})


@dataclass(frozen=True)
class Kept:
    """What is known of one student's attempts at one assignment.

    `chosen`: the digest that --attempt named, which counts until others come than those of `among`.
    """

    attempts: tuple[Attempt, ...] = ()
    chosen: str = ""
    among: tuple[str, ...] = ()

    @property
    def collected(self) -> set[str]:
        """Digests of what downloads held."""
        return {a.sha256 for a in self.attempts if a.sha256 and a.system != BY_HAND}

    def with_more(self, more: Iterable[Attempt]) -> "Kept":
        """The same and these; one that was known already only adds what was not known of it."""
        attempts = list(self.attempts)
        for new in more:
            place = next((n for n, old in enumerate(attempts) if one(old, new)), None)
            if place is None:
                attempts.append(new)
            else:
                attempts[place] = filled(attempts[place], new)
        return dataclasses.replace(self, attempts=tuple(attempts))


def one(old: Attempt, new: Attempt) -> bool:
    """Whether two records are of the same handing-in: the same file, and nothing that tells two moments apart."""
    if old.sha256 != new.sha256 or (old.system == BY_HAND) != (new.system == BY_HAND):
        return False
    if old.moment and new.moment:
        return old.moment == new.moment
    return old.system != new.system or not _apart(old.order, new.order)


def _apart(a: tuple[float | str, ...], b: tuple[float | str, ...]) -> bool:
    """Whether two orders say two attempts; numbers and words cannot be compared."""
    return list(map(type, a)) == list(map(type, b)) and a != b


def filled(old: Attempt, new: Attempt) -> Attempt:
    """The old record with what it lacked."""
    known = dataclasses.replace(
        old,
        order=old.order or new.order,
        label=old.label or new.label,
        late=new.late if old.late is None else old.late,
        partners=old.partners or new.partners,
    )
    if new.moment and not old.moment:
        order = new.order or known.order
        return dataclasses.replace(known, moment=new.moment, clock=new.clock, order=order)
    return known


def newer(a: Attempt, b: Attempt) -> bool | None:
    """Whether a came after b; None where nobody can tell."""
    if a.moment and b.moment and a.moment != b.moment:
        return a.moment > b.moment
    if a.system == b.system and a.order and b.order and a.order != b.order:
        try:
            return a.order > b.order
        except TypeError:  # numbers and words
            return None
    return None


def last(attempts: Sequence[Attempt]) -> Attempt | None:
    """The one that came after all others; None where nobody can tell."""
    return _extreme(attempts, True)


def first(attempts: Sequence[Attempt]) -> Attempt | None:
    """The one that came before all others; None where nobody can tell."""
    return _extreme(attempts, False)


def _extreme(attempts: Sequence[Attempt], late: bool) -> Attempt | None:
    found: Attempt | None = None
    for a in attempts:
        others = [b for b in attempts if b.sha256 != a.sha256]
        # the same notebook once more is no other work: its first time counts, whichever was collected first
        if all(newer(a, b) is late for b in others) and (found is None or newer(found, a)):
            found = a
    return found


def in_order(attempts: Sequence[Attempt]) -> list[Attempt] | None:
    """The oldest first; None where nobody can tell."""
    pairs = [(a, b) for n, a in enumerate(attempts) for b in attempts[:n]]
    if any(newer(*pair) is None for pair in pairs):
        return None
    return sorted(attempts, key=functools.cmp_to_key(_later))


def _later(a: Attempt, b: Attempt) -> int:
    return 1 if newer(a, b) else -1


class Archive:
    """The attempts of one assignment, below nbgrader's course: a folder a student, a file a digest, one index."""

    def __init__(self, root: Path, assignment: str) -> None:
        self.folder = root / WORK / assignment / "attempts"

    def students(self) -> list[str]:
        """Whose attempts are kept."""
        return sorted(path.parent.name for path in self.folder.glob("*/index.json"))

    def read(self, student: str) -> Kept:
        """What is known; CourseError for an index that cannot be read."""
        found = load_kept(self.folder / student / "index.json")
        attempts = tuple(Attempt.loaded(row) for row in found.get("attempts", []))
        return Kept(attempts, found.get("chosen", ""), tuple(found.get("among", [])))

    def write(self, student: str, kept: Kept) -> None:
        """The index; the files come first."""
        rows = [attempt.stored() for attempt in kept.attempts]
        document = {"attempts": rows, "chosen": kept.chosen, "among": list(kept.among)}
        write(self.folder / student / "index.json", document)

    def file(self, student: str, digest: str) -> Path:
        """Where the notebook of this digest lies."""
        return self.folder / student / f"{digest}.ipynb"

    def put(self, student: str, data: bytes) -> None:
        """Keep a notebook, whole or not at all."""
        path = self.file(student, sha256(data))
        if path.exists():
            return
        with whole(path) as temporary:
            temporary.write_bytes(data)
