"""What a student handed in, as one value: a notebook's bytes, or the reason why there are none."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from grader import reader
from grader.reader import Unreadable
from grader.store import sha256
from grader.submission.packed import unpack_file

NO_NOTEBOOK = {
    "several": "several notebooks were handed in, and none has the name that it was given out with",
    "twice": "several notebooks were handed in under the name that it was given out with: hand in one of them",
    "locked": "the notebook's file cannot be opened: its permissions or its disk forbid it",
    "linked": "the notebook is a link or no ordinary file: hand in the file itself",
    "none": "no notebook is among the files that were handed in: hand in the .ipynb file itself",
    "packed": "no notebook was handed in, but an archive: hand in the .ipynb file that is in it, by itself",
}


@dataclass(frozen=True)
class HandedIn:
    """`why_not`: a key of NO_NOTEBOOK where there is no notebook; no file that a student writes says so."""

    data: bytes = b""
    why_not: str = ""

    @property
    def sha256(self) -> str:
        """By which the notebook is known; "" where there is none."""
        return "" if self.why_not else sha256(self.data)

    @property
    def known_as(self) -> str:
        """The same, and where there is no notebook, why: another reason is another hand-in."""
        return self.why_not or self.sha256

    def document(self) -> dict[str, Any]:
        """The notebook as Jupyter stores it; Unreadable with the reason."""
        if self.why_not:
            raise Unreadable(NO_NOTEBOOK[self.why_not])
        return reader.parse(self.data)


def read(path: str | Path, inside: str = "") -> HandedIn:
    """At most what preflight accepts, and one byte more, so that it can say so; or that the file cannot be opened.

    `inside`: the notebook's name, where the file is a zip.
    """
    try:
        if inside:
            packed = unpack_file(Path(path))
            return HandedIn(packed.data) if packed.name == inside else HandedIn(why_not="packed")
        return HandedIn(reader.read(path))
    except OSError:
        return HandedIn(why_not="locked")
