"""The marks that training runs gave, <sha256 of the notebook>.json each, and which of them count.

A mark holds {"share": 0..1, "note": "…", "laws": […]} and maybe "outcome", as its trainer wrote it. The queue of training
runs adds "made_of": the notebook, the isolation, and a fingerprint of laws, grader and trainer. Once one of them is
another, the mark counts no longer. A mark without "made_of" was put there by the instructor, whose word counts as it is.
"""

from grader.kept import fingerprint, load, write


class TrainingMarks:
    def __init__(self, course, folder, isolation):
        """`folder`: None where nothing was trained."""
        self.folder, self.isolation = folder, isolation
        self.inputs = fingerprint(course, isolation, course.training_files) if folder else ""

    def read(self, sha):
        """The mark that counts for this notebook, or None; a file that holds no mark is a fault on our side."""
        path = self.folder and self.folder / f"{sha}.json"
        if not path or not path.is_file():
            return None
        mark = load(path)
        if not is_mark(mark):
            return open_mark(
                f"{path.name} holds no training mark: `share` from 0 to 1, and maybe `note` and `laws`"
            )
        return mark if mark.get("made_of") in (None, self._made_of(sha)) else None

    def done(self, sha):
        """Whether there is a mark, and one that says something about the student."""
        mark = self.read(sha)
        return mark is not None and mark.get("outcome") != "infrastructure"

    def write(self, sha, mark):
        write(self.folder / f"{sha}.json", {**mark, "made_of": self._made_of(sha)})

    def _made_of(self, sha):
        return {"notebook": sha, "isolation": self.isolation, "inputs": self.inputs}


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
