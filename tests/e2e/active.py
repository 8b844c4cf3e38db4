"""What of a page a browser would run, load or follow, found without a browser."""

import re
from html.parser import HTMLParser

RUNS = {"script", "iframe", "frame", "object", "embed", "applet", "base", "meta", "link", "form", "style", "svg", "math", "template", "video", "audio"}  # fmt: skip
ADDRESSES = {
    "href",
    "src",
    "srcset",
    "srcdoc",
    "action",
    "formaction",
    "data",
    "poster",
    "background",
    "xlink:href",
}
PICTURE = re.compile(r"data:image/(png|jpeg);base64,[A-Za-z0-9+/=\s]*")


def active(page, ignored=()):
    """Every element that runs or loads something, event handler and address, as text; `ignored` words are left out of it."""
    reader = Reader()
    reader.feed(page)
    reader.close()
    found = reader.found
    for word in ignored:
        found = [entry.replace(word, "") for entry in found]
    return sorted(set(found))


class Reader(HTMLParser):
    def __init__(self):
        super().__init__()
        self.found, self.inside = [], None

    def handle_starttag(self, tag, attributes):
        if tag in RUNS:
            self.found.append(f"<{tag}> {sorted(attributes, key=str)}")
        self.inside = tag if tag in ("script", "style") else None
        self.found += [
            f"{tag} {name}={value}" for name, value in attributes if calls(name, value or "")
        ]

    def handle_endtag(self, tag):
        self.inside = None

    def handle_data(self, data):
        if self.inside and data.strip():
            self.found.append(f"{self.inside}: {data.strip()}")


def calls(name, value):
    """Whether an attribute runs or loads something; a link within the page and an embedded picture do not."""
    if name == "href" and value.startswith("#"):
        return False
    return name.startswith("on") or (name in ADDRESSES and not PICTURE.fullmatch(value))
