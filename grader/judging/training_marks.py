"""The marks that training runs gave, <SHA-256>.json each, and which of them count.

A mark holds {"share": 0..1, "note": "…", "laws": […]} and maybe "outcome", as its trainer wrote it. Of a run that went to its
end it stands under what the run used (grader/judging/needs.py), for all notebooks that agree in that. One with an "outcome" tells of
a run that did not, which the rest of the notebook may have to do with: it stands under the notebook's own SHA-256.
The queue of training runs adds "made_of": that name, the isolation, and a fingerprint of laws, grader and trainer. Once one
of them is another, the mark counts no longer. A mark without "made_of" was put there by the instructor, whose word counts as
it is, and before any other.
"""

import hashlib
import json

from grader.store import fingerprint, load, write


class TrainingMarks:
    def __init__(self, assignment, folder, isolation):
        """`folder`: None where nothing was trained."""
        self.folder, self.isolation = folder, isolation
        self.inputs = (
            fingerprint(assignment, isolation, assignment.training_files) if folder else ""
        )

    def read(self, sha256, uses=""):
        """The mark that counts for a notebook that uses this, or None; a file that holds no mark is a fault on our side."""
        own, shared = self._counting(sha256), self._counting(uses)
        return shared if shared and by_machine(own) else own

    def _counting(self, name):
        path = self.folder and name and self.folder / f"{name}.json"
        if not path or not path.is_file():
            return None
        mark = load(path)
        if not is_mark(mark):
            return open_mark(
                f"{path.name} holds no training mark: `share` from 0 to 1, and maybe `note` and `laws`"
            )
        return mark if mark.get("made_of") in (None, self._made_of(name)) else None

    def done(self, sha256, uses=""):
        """Whether there is a mark, and one that says something about the student."""
        mark = self.read(sha256, uses)
        return mark is not None and mark.get("outcome") != "infrastructure"

    def write(self, mark, sha256, uses=""):
        name = uses if uses and "outcome" not in mark else sha256
        write(self.folder / f"{name}.json", {**mark, "made_of": self._made_of(name)})

    def _made_of(self, name):
        return {"of": name, "isolation": self.isolation, "inputs": self.inputs}


def by_machine(mark):
    """Whether no instructor has put it there."""
    return mark is None or "made_of" in mark


def state(known, mark):
    """What a verdict says of its training: how the mark is looked up, and a digest of that which was found."""
    text = json.dumps(mark, sort_keys=True).encode()
    return {"uses": known["uses"], "mark": hashlib.sha256(text).hexdigest()}


def is_mark(document):
    """Whether it has a share of the marks from 0 to 1, words, and laws that say whether they hold."""
    if not isinstance(document, dict):
        return False
    share, laws = document.get("share"), document.get("laws", [])
    return (
        type(share) in (int, float)
        and 0 <= share <= 1
        and isinstance(document.get("note", ""), str)
        and isinstance(laws, list)
        and all(isinstance(law, dict) and {"law", "passed"} <= law.keys() for law in laws)
    )


def open_mark(note):
    """In place of a mark: for a reason of ours there is none."""
    return {"share": 0.0, "outcome": "infrastructure", "note": note}
