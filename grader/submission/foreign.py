"""What stands in prose and is none: pictures and other data that an editor writes into the text as base64.

Colab and Google Docs do so with every pasted picture. A picture becomes an attachment, so that it is shown and takes no
room from words; other data, which nobody can read, becomes a note.
"""

import re
from collections.abc import Sequence
from typing import Any

from grader.submission.outputs import safe_data

NO_WORDS = "[data, left out]"
MOST_UNBROKEN = 500  # characters of base64's alphabet in a row: no language has such words
# Lines of a block are 60 and more characters long, but for the last. No part gives back what it took: linear time.
LINE = r"[A-Za-z0-9+/=]{60,}"
BLOCK = rf"{LINE}(?:\s+{LINE})*(?:[ \t]*\r?\n[A-Za-z0-9+/=]{{1,59}}(?=[\"'>)\r\n]|$))?"
UNBROKEN = re.compile(rf"(?<![A-Za-z0-9+/=]){BLOCK}")
EMBEDDED = re.compile(
    rf"""
    (?P<link> !?\[(?P<alt>[^\[\]\n]{{0,200}})\]\(\s*<? )?           # ![alt](data:…), or a link to it
    (?P<tag> <img\b[^<>]{{0,500}}?\bsrc\s*=\s*["']? )?
    data:(?P<kind>\w+/[\w.+-]{{1,60}})(?P<how>[^\s,()<>"']{{0,60}}),
    (?P<data> \s*{BLOCK} | [^\s()<>"']* )
    (?(tag) [^<>]{{0,500}}> | >? )
    """,
    re.IGNORECASE | re.VERBOSE,
)


def lift(text: str, attachments: Any) -> tuple[str, dict[str, Any]]:
    """The text with short words in place of data, and the attachments with the pictures that stood in the text."""
    given = attachments if isinstance(attachments, dict) else {}
    lifted: dict[str, Any] = {}

    def short(match: re.Match[str]) -> str:
        kind = match["kind"].lower().replace("image/jpg", "image/jpeg")
        picture = safe_data({kind: match["data"]}) if "base64" in match["how"].lower() else {}
        if picture and kind != "text/plain":
            name = f"embedded-{len(lifted) + 1}"
            lifted[name] = picture
            # the bracket that ends a link still follows
            return f"![{match['alt'] or ''}](attachment:{name}" + ("" if match["link"] else ")")
        return (match["link"] or "") + ("[picture]" if kind.startswith("image/") else NO_WORDS)

    text = UNBROKEN.sub(_unreadable, EMBEDDED.sub(short, text))
    return text, lifted | given


def _unreadable(match: re.Match[str]) -> str:
    return NO_WORDS if len(match[0]) > MOST_UNBROKEN else match[0]


def shares(texts: Sequence[str], most_each: int, most: int) -> list[int]:
    """How many characters of each text are shown: short ones whole, long ones cut to the same length."""
    found: dict[int, int] = {}
    left = most
    for rank, n in enumerate(sorted(range(len(texts)), key=lambda n: len(texts[n]))):
        found[n] = min(len(texts[n]), most_each, left // (len(texts) - rank))
        left -= found[n]
    return [found[n] for n in range(len(texts))]


def cut(text: str, limit: int) -> str:
    """Beginning and end of a text that is too long, and how much of it is missing between them."""
    if len(text) <= limit:
        return text
    words = f"\n\n[… {len(text) - limit} characters are left out here: the submitted notebook holds them …]\n\n"
    room = limit - len(words)
    if room < 0:  # of many long texts there is only a beginning
        return (text[: limit - 1] + "…")[:limit]
    return text[: room - room // 4] + words + text[len(text) - room // 4 :]
