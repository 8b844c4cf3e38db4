"""The marks that training runs gave, <SHA-256>.json each, and which of them count.

A mark holds {"share": 0..1, "note": "…", "laws": […]} and maybe "outcome", as its trainer wrote it. Of a run that went to its
end it stands under what the run used (grader/judging/needs.py), for all notebooks that agree in that. One with an "outcome" tells of
a run that did not, which the rest of the notebook may have to do with: it stands under the notebook's own SHA-256.
The queue of training runs adds "made_of": that name, the isolation, and a fingerprint of laws, grader and trainer. Once one
of them is another, the mark counts no longer. A mark without "made_of" was put there by the instructor, whose word counts as
it is, and before any other.
"""

import json
from pathlib import Path
from typing import Any

from grader.assignment import Assignment
from grader.store import fingerprint, load, sha256, write
from grader.verdict import Outcome, TrainingState

Mark = dict[str, Any]  # as its file holds it; `is_mark` says what must be there


class TrainingMarks:
    """The marks in one folder, as they count for one assignment."""

    def __init__(self, assignment: Assignment, folder: Path | None, isolation: str) -> None:
        """`folder`: None where nothing was trained."""
        self.folder, self.isolation = folder, isolation
        self.inputs = (
            fingerprint(assignment, isolation, assignment.training_files) if folder else ""
        )

    def read(self, notebook: str, uses: str = "") -> Mark | None:
        """The mark that counts for the notebook of this SHA-256 that uses this, or None; a file that holds no mark is a fault on our side."""
        own, shared = self._counting(notebook), self._counting(uses)
        return shared if shared and by_machine(own) else own

    def _counting(self, name: str) -> Mark | None:
        if self.folder is None or not name:
            return None
        path = self.folder / f"{name}.json"
        if not path.is_file():
            return None
        mark = load(path)
        if not is_mark(mark):
            return open_mark(
                f"{path.name} holds no training mark: `share` from 0 to 1, and maybe `note` and `laws`"
            )
        return mark if mark.get("made_of") in (None, self._made_of(name)) else None

    def done(self, notebook: str, uses: str = "") -> bool:
        """Whether there is a mark, and one that says something about the student."""
        mark = self.read(notebook, uses)
        return mark is not None and not failed(mark)

    def write(self, mark: Mark, notebook: str, uses: str = "") -> None:
        """Keep what a run gave, under what it used if it went to its end; an instructor's mark, which may have come meanwhile, stays."""
        name = uses if uses and "outcome" not in mark else notebook
        path = self._kept() / f"{name}.json"
        there = load(path)
        if by_machine(there) or not is_mark(there):
            write(path, {**mark, "made_of": self._made_of(name)})

    def withdraw(self, words: str, notebook: str, uses: str = "") -> None:
        """Leave the exercise open, whatever marks there are for the notebook, and say why."""
        if uses:
            (self._kept() / f"{uses}.json").unlink(missing_ok=True)
        self.write(open_mark(words), notebook)

    def runs(self, notebook: str) -> Path:
        """A folder for the files of the notebook's run."""
        return self._kept() / notebook

    def _kept(self) -> Path:
        if self.folder is None:
            raise ValueError("these marks have no folder")
        return self.folder

    def _made_of(self, name: str) -> dict[str, str]:
        return {"of": name, "isolation": self.isolation, "inputs": self.inputs}


def by_machine(mark: Mark | None) -> bool:
    """Whether no instructor has put it there."""
    return mark is None or "made_of" in mark


def state(uses: str, mark: Mark | None) -> TrainingState:
    """What a verdict says of its training: how the mark is looked up, and a digest of that which was found."""
    return {"uses": uses, "mark": sha256(json.dumps(mark, sort_keys=True).encode())}


def is_mark(document: Any) -> bool:
    """Whether it has a share of the marks from 0 to 1, words, a known outcome, and laws that say whether they hold."""
    if not isinstance(document, dict):
        return False
    share, laws = document.get("share"), document.get("laws", [])
    return (
        isinstance(share, (int, float))
        and not isinstance(share, bool)
        and 0 <= share <= 1
        and isinstance(document.get("note", ""), str)
        and document.get("outcome", Outcome.WRONG) in tuple(Outcome)
        and isinstance(laws, list)
        and all(isinstance(law, dict) and {"law", "passed"} <= law.keys() for law in laws)
    )


def failed(mark: Mark | None) -> bool:
    """Whether it tells of a fault on our side, and so nothing of the student."""
    return mark is not None and mark.get("outcome") == Outcome.INFRASTRUCTURE


def open_mark(note: str) -> Mark:
    """In place of a mark: for a reason of ours there is none."""
    return {"share": 0.0, "outcome": Outcome.INFRASTRUCTURE, "note": note}
