"""Markup, names and cells of the student's own that reach for pages, kernels or marks: they gain nothing."""

import copy

from tests.bank.damage.edits import STEM, cell_of, edit


@edit()
def ids_as_attack(document):
    """Cell ids with HTML and paths."""
    for number, cell in enumerate(document["cells"]):
        cell["id"] = f"<script>alert({number})</script>/../../.."
    return document


@edit()
def other_kernel(document):
    """A kernel that runs a shell."""
    document["metadata"]["kernelspec"] = {
        "name": "../../bash",
        "display_name": "<script>alert(1)</script>",
        "language": "sh",
    }
    return document


@edit()
def outputs_as_attack(document):
    """Script, HTML, a full-mark result, stderr and a megabyte of text as saved outputs of the graded cells."""
    evil = "<script>alert(1)</script><img src=x onerror=alert(2)>"
    for cell in document["cells"]:
        if cell["cell_type"] == "code":
            cell["outputs"] = [
                {
                    "output_type": "execute_result",
                    "execution_count": 1,
                    "metadata": {},
                    "data": {"text/plain": "1000000"},
                },
                {
                    "output_type": "execute_result",
                    "execution_count": 1,
                    "metadata": {},
                    "data": {"text/plain": "nan"},
                },
                {
                    "output_type": "display_data",
                    "metadata": {},
                    "data": {"text/html": evil, "application/javascript": "alert(3)"},
                },
                {
                    "output_type": "display_data",
                    "metadata": {},
                    "data": {"image/svg+xml": f"<svg onload=alert(4)>{evil}</svg>"},
                },
                {"output_type": "stream", "name": "stderr", "text": "x" * 100_000},
                {
                    "output_type": "error",
                    "ename": evil,
                    "evalue": "\x1b[31m" + evil,
                    "traceback": [evil] * 1000,
                },
                {"output_type": "unknown"},
                5,
            ]
    return document


@edit()
def prose_as_attack(document):
    """Script, frames and links in markdown cells and attachments."""
    source = "<script>alert(1)</script><iframe src='//x'></iframe>[x](javascript:alert(2))\n\n$$\\href{javascript:alert(3)}{x}$$"
    evil = {
        "cell_type": "markdown",
        "id": "evil",
        "metadata": {},
        "source": source,
        "attachments": {"a.svg": {"image/svg+xml": source}},
    }
    document["cells"].insert(1, evil)
    return document


@edit()
def grade_cell_copied(document):
    """A grade cell pasted twenty times."""
    return document | {
        "cells": document["cells"]
        + [copy.deepcopy(cell_of(document, f"{STEM}_laws")) for _ in range(20)]
    }


@edit()
def grade_cell_invented(document):
    """Grade cells of the student's own, worth a hundred points each, with paths as names."""
    for name in ("bonus_laws", "../../tests/hidden/test_bonus", "", None, 7):
        invented = copy.deepcopy(cell_of(document, f"{STEM}_laws"))
        invented["metadata"]["nbgrader"] |= {"grade_id": name, "points": 100}
        document["cells"].append(invented)
    return document


@edit()
def notebook_writes_files(document):
    """Cells that write conftest.py, torch.py, sitecustomize.py and sentiment.py beside the notebook."""
    for number, name in enumerate(("conftest.py", "torch.py", "sitecustomize.py", "sentiment.py")):
        text = f"%%writefile {name}\nraise SystemExit('taken over')\n"
        document["cells"].insert(
            1,
            {
                "cell_type": "code",
                "id": f"w{number}",
                "metadata": {},
                "execution_count": None,
                "outputs": [],
                "source": text,
            },
        )
    return document
