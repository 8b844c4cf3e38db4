"""Saved outputs and markdown of a submission, made safe to show: plain text and pictures stay, markup and scripts go."""

import re
from typing import Any
from urllib.parse import unquote

from grader.reader import joined
from grader.text import clean

Attachments = dict[str, dict[str, str]]  # name → MIME type → base64
MAX_OUTPUTS, MAX_TEXT, MAX_PICTURE = 20, 10_000, 2_000_000
MAX_ALT, NO_ALT = 1500, "a figure of this notebook, saved without words for it"
BASE64 = re.compile(r"[A-Za-z0-9+/=\s]+")
PICTURES = ("image/png", "image/jpeg")
TAG = re.compile(r"<(?=[A-Za-z/!?])")
LINK = re.compile(r"\](?=[(:])")  # of Markdown: [text](address), ![text](address), [name]: address
ADDRESS = re.compile(r"(https?|ftp):(?=//)", re.IGNORECASE)  # which renderers make a link of
ATTACHED = re.compile(r"(?<=\]\(attachment:)[^\s()]+(?=[\s)])")
TEX = re.compile(  # MathJax, in Jupyter itself, makes links and styles of it
    r"(?<!\\)\\+(?=href|require|csname|class|style|cssId|unicode|Html|mmlToken)", re.IGNORECASE
)


FENCE = re.compile(  # whose word chooses a lexer, and some of those take hours
    r"^([ \t>*+\-\d.)]*)(`{3,}(?=[^`\n]+$)|~{3,})[^\n]+$", re.MULTILINE
)
ENTITY = re.compile(r"&(?=[#A-Za-z])")  # would bring back what is taken out here


def safe_outputs(outputs: Any) -> list[dict[str, Any]]:
    """What may be shown of a cell's saved outputs."""
    kept = [
        _safe(output) for output in (outputs if isinstance(outputs, list) else [])[:MAX_OUTPUTS]
    ]
    return [output for output in kept if output]


def _safe(output: Any) -> dict[str, Any] | None:
    kind = output.get("output_type") if isinstance(output, dict) else None
    if kind == "stream":
        name = "stderr" if output.get("name") == "stderr" else "stdout"
        return {
            "output_type": "stream",
            "name": name,
            "text": clean(joined(output.get("text")), MAX_TEXT),
        }
    if kind == "error":
        text = {key: clean(joined(output.get(key)), 1000) for key in ("ename", "evalue")}
        return {
            "output_type": "error",
            **text,
            "traceback": [clean(joined(output.get("traceback")), MAX_TEXT)],
        }
    # as display_data, no saved number can pass for a mark
    if kind in ("execute_result", "display_data"):
        data = safe_data(output.get("data"))
        about = {kind: {"alt": alt(output, kind)} for kind in data if kind in PICTURES}
        return {"output_type": "display_data", "data": data, "metadata": about} if data else None
    return None


def alt(output: dict[str, Any], kind: str) -> str:
    """What a picture's metadata say that it shows, as plain text."""
    metadata = output.get("metadata")
    about = metadata.get(kind) if isinstance(metadata, dict) else None
    text = about.get("alt") if isinstance(about, dict) else None
    return (clean(text, MAX_ALT) if isinstance(text, str) else "") or NO_ALT


def safe_data(data: Any) -> dict[str, str]:
    """Pictures and plain text, by MIME type."""
    data = data if isinstance(data, dict) else {}
    kept = {kind: joined(data[kind]) for kind in PICTURES if kind in data}
    kept = {
        kind: text
        for kind, text in kept.items()
        if len(text) <= MAX_PICTURE and BASE64.fullmatch(text)
    }
    if "text/plain" in data:
        kept["text/plain"] = clean(joined(data["text/plain"]), MAX_TEXT)
    return kept


def safe_markdown(text: str, attachments: Any, limit: int) -> tuple[str, Attachments]:
    """Tags, links and addresses show as text, in code spans too: what counts as code would be the attacker's choice.

    A link or a picture from elsewhere would ask a server of the student's choice, formgrader itself for one, in the
    instructor's name. Attached pictures stay, under names that no renderer quotes. Gives text and attachments.
    """
    pictures, names = _pictures(attachments)
    text = TEX.sub("", clean(text, limit))  # first: what it leaves may be a tag
    text = FENCE.sub(r"\1\2", ENTITY.sub("&amp;", text))
    text = ATTACHED.sub(lambda match: names.get(unquote(match[0]), match[0]), text)
    text = ADDRESS.sub(r"\1&#58;", TAG.sub("&lt;", text))
    kept = "|".join(re.escape(f"(attachment:{name}") + r"[\s)]" for name in pictures) or r"(?!)"
    return re.sub(rf"{LINK.pattern}(?!{kept})", "] ", text), pictures


def _pictures(attachments: Any) -> tuple[Attachments, dict[str, str]]:
    """Attached pictures by new names, and the new names by the student's."""
    pictures: Attachments = {}
    names: dict[str, str] = {}
    given = attachments.items() if isinstance(attachments, dict) else ()
    for name, data in list(given)[:MAX_OUTPUTS]:
        found = {kind: text for kind, text in safe_data(data).items() if kind in PICTURES}
        if found:
            names[str(name)] = f"picture-{len(pictures) + 1}"
            pictures[names[str(name)]] = found
    return pictures, names
