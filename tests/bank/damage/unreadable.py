"""No notebook at all: no marks, and the reason said."""

import json

from tests.bank.damage.edits import edit


@edit("unreadable")
def empty_file(document):
    """No bytes."""
    return b""


@edit("unreadable")
def cut_off(document):
    """An upload that broke off."""
    data = json.dumps(document).encode()
    return data[: len(data) // 2]


@edit("unreadable")
def another_file(document):
    """A PDF that was renamed."""
    return b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n" + bytes(range(256)) * 40


@edit("unreadable")
def zip_file(document):
    """A zip archive that was renamed."""
    return b"PK\x03\x04" + bytes(1000)


@edit("unreadable")
def python_file(document):
    """A script that was renamed."""
    return b"import torch\nprint('hello')\n"


@edit("unreadable")
def json_list(document):
    """JSON, but no notebook."""
    return json.dumps([document]).encode()


@edit("unreadable")
def deep_json(document):
    """A million opening brackets: no parser may overflow."""
    return b"[" * 1_000_000


@edit("unreadable")
def huge_file(document):
    """30 MB of output."""
    document["cells"][0]["metadata"]["padding"] = "x" * (30 << 20)
    return document


@edit("unreadable")
def no_cells(document):
    """The list of cells is a dict."""
    return document | {"cells": {"0": document["cells"][0]}}


@edit("unreadable")
def old_format(document):
    """nbformat 3, with worksheets."""
    return {
        "nbformat": 3,
        "nbformat_minor": 0,
        "metadata": {},
        "worksheets": [{"cells": document["cells"]}],
    }


@edit("unreadable")
def format_of_the_future(document):
    """nbformat 99."""
    return document | {"nbformat": 99}


@edit("unreadable")
def ten_thousand_cells(document):
    """More cells than anyone writes."""
    return document | {"cells": document["cells"] * (10_000 // len(document["cells"]))}
