"""The notebooks that one hand-in may mean: the one, or all of those of which nobody can tell the newest."""

from collections.abc import Callable
from dataclasses import dataclass

from grader.lms.downloads.notebooks import Choice, notebook_of
from grader.lms.handins import Entry, HandIn
from grader.reader import Unreadable, is_notebook
from grader.store import sha256
from grader.text import one_line, some_of


@dataclass(frozen=True)
class Candidate:
    """A notebook in a hand-in; `path`: as the download has it; `read`: again, so that no class lies in memory as a whole."""

    path: str
    sha256: str
    read: Callable[[], bytes]


@dataclass(frozen=True)
class Picked:
    """`candidates`: one, none, or several where nobody can tell; `why`: there is none, or which several there are."""

    candidates: tuple[Candidate, ...] = ()
    notes: tuple[str, ...] = ()
    why: str = ""


def pick(hand_in: HandIn, name: str, foreign: Callable[[bytes], bool]) -> Picked:
    """The hand-in's notebook, whatever it is called.

    Args:
        name: that the notebook was given out with, without .ipynb.
        foreign: whether a notebook is another assignment's.
    """
    notes, ours = list[str](), list[Candidate]()
    strange = [e for e in hand_in.files if is_notebook(e.own) and foreign(_bytes(e, []))]
    choice = notebook_of([entry for entry in hand_in.files if entry not in strange], name)
    for entry in _meant(choice, hand_in, strange):
        data = _bytes(entry, notes)
        if foreign(data):  # out of an archive
            strange.append(entry)
        elif data:
            ours.append(Candidate(entry.path, sha256(data), entry.read))
    others = [one_line(entry.path, 100) for entry in strange]
    if others:
        notes.append(f"of another assignment: {some_of(others)}")
    notes += choice.notes if ours else ()
    if not ours:
        held = some_of([one_line(entry.path, 100) for entry in hand_in.files]) or "nothing"
        words = f"no notebook that can be read was handed in, but {held}"
        return Picked((), tuple(notes), "" if others else words)
    several = some_of([one_line(candidate.path, 100) for candidate in ours])
    return Picked(
        tuple(ours),
        tuple(notes),
        f"which of these is the newest is not known: {several}" if len(ours) > 1 else "",
    )


def _meant(choice: Choice, hand_in: HandIn, strange: list[Entry]) -> list[Entry]:
    """The files that a choice leaves."""
    if choice.entry:
        return [choice.entry]
    notebooks = [e for e in hand_in.files if is_notebook(e.own) and e not in strange]
    asked = [entry for entry in notebooks if one_line(entry.own, 100) in choice.asks]
    return asked if choice.asks else notebooks


def _bytes(entry: Entry, notes: list[str]) -> bytes:
    """A file's bytes, none where it cannot be read."""
    try:
        return entry.read()
    except (OSError, Unreadable) as error:
        notes.append(f"{one_line(entry.path, 100)} cannot be read: {one_line(str(error))}")
        return b""
