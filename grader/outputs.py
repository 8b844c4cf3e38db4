"""Saved outputs and markdown of a submission, made safe to show: plain text and pictures stay, markup and scripts go."""

import re

from grader.text import clean

MAX_OUTPUTS, MAX_TEXT, MAX_PICTURE = 20, 10_000, 2_000_000
BASE64 = re.compile(r"[A-Za-z0-9+/=\s]+")
PICTURES = ("image/png", "image/jpeg")
TAG = re.compile(r"<(?=[A-Za-z/!?])")
LINK = re.compile(
    r"\](?=\((?!\s*(https?://|mailto:|attachment:|#))|:(?!\s*https?://))"
)  # of markdown, but to the web
TEX = re.compile(
    r"\\(?=href|require|csname|class|style|cssId|unicode|Html)", re.IGNORECASE
)  # MathJax makes links of it


def joined(text):
    """Jupyter stores text as a string or as a list of lines; anything else counts as empty."""
    if isinstance(text, list):
        return "".join(line for line in text if isinstance(line, str))
    return text if isinstance(text, str) else ""


def safe_outputs(outputs):
    kept = [
        _safe(output) for output in (outputs if isinstance(outputs, list) else [])[:MAX_OUTPUTS]
    ]
    return [output for output in kept if output]


def _safe(output):
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
    if kind in (
        "execute_result",
        "display_data",
    ):  # as display_data, no saved number can pass for a mark
        data = safe_data(output.get("data"))
        return {"output_type": "display_data", "data": data, "metadata": {}} if data else None
    return None


def safe_data(data):
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


def safe_attachments(attachments):
    attachments = attachments if isinstance(attachments, dict) else {}
    pictures = {
        str(name): safe_data(data) for name, data in list(attachments.items())[:MAX_OUTPUTS]
    }
    return {
        name: {k: v for k, v in data.items() if k in PICTURES}
        for name, data in pictures.items()
        if re.fullmatch(r"[\w .-]{1,100}", name)
    }


def safe_markdown(text):
    """Tags and script links show as text, in code spans too: what counts as code would be the attacker's choice."""
    return TEX.sub("", LINK.sub("] ", TAG.sub("&lt;", clean(text, 200_000))))
