"""Odd, but gradable: it costs nothing."""

import copy
import json

from tests.bank.damage.edits import STEM, cell_of, edit, mark


@edit()
def byte_order_mark(document):
    """UTF-8 with a byte order mark."""
    return b"\xef\xbb\xbf" + json.dumps(document).encode()


@edit()
def utf_16(document):
    """Saved as UTF-16 by a Windows editor."""
    return json.dumps(document).encode("utf-16")


def with_line_ends(document, end):
    for cell in document["cells"]:
        cell["source"] = "".join(cell["source"]).replace("\n", end)
    return document


@edit()
def line_ends_of_windows(document):
    """Every line ends with a carriage return and a line feed."""
    return with_line_ends(document, "\r\n")


@edit()
def line_ends_doubled(document):
    """Every line ends with two carriage returns and a line feed, as text mode makes of the former."""
    return with_line_ends(document, "\r\r\n")


@edit()
def line_ends_of_old_macs(document):
    """Every line ends with a carriage return."""
    return with_line_ends(document, "\r")


@edit()
def lone_carriage_returns(document):
    """A carriage return in a comment and in a string above a magic line: Python ends a line there."""
    own = cell_of(document, STEM)
    above = '# progress:\r# done\nNOTE = """a\rb"""\n%matplotlib inline\n'
    own["source"] = above + "".join(own["source"]) + "\nassert NOTE == 'a\\nb'\n%time 1\n"
    return document


@edit()
def separators_that_end_no_line(document):
    """What `str.splitlines` takes for line ends, and Python does not, in a comment and a string above a magic line."""
    own, odd = cell_of(document, STEM), "\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029"
    above = f"# {odd}\nNOTE = '{odd}'\n%matplotlib inline\n\x0c\n"
    own["source"] = above + "".join(own["source"]) + "\n%time 1\n"
    return document


@edit()
def not_a_number(document):
    """NaN and Infinity, which are no JSON, in metadata and counts."""
    document["metadata"]["x"] = float("nan")
    cell_of(document, STEM)["execution_count"] = float("inf")
    return document


@edit()
def sources_as_lines(document):
    """Every source a list of lines."""
    for cell in document["cells"]:
        cell["source"] = "".join(cell["source"]).splitlines(keepends=True)
    return document


@edit()
def broken_cells_between(document):
    """Cells that are numbers, strings, null, of unknown type or without source."""
    junk = [
        7,
        None,
        "cell",
        [],
        {},
        {"cell_type": "video"},
        {"cell_type": "code", "source": 5, "metadata": [], "outputs": 3},
    ]
    document["cells"][2:2] = junk
    return document


@edit()
def lone_surrogates(document):
    """Text that UTF-8 cannot hold, in prose, a comment and a name."""
    document["cells"].append(
        {"cell_type": "markdown", "metadata": {}, "id": "\ud800", "source": "\udcff"}
    )
    cell_of(document, STEM)["source"] += "\n# \ud83d alone\n"
    return document


@edit()
def same_ids(document):
    """Every cell id is the same."""
    for cell in document["cells"]:
        cell["id"] = "a"
    return document


@edit()
def no_metadata(document):
    """The notebook's own metadata is gone."""
    return {key: value for key, value in document.items() if key != "metadata"}


@edit()
def exercises_reversed(document):
    """The exercises in reverse order, below the imports."""
    cells = document["cells"]
    first = next(number for number, cell in enumerate(cells) if mark(cell))
    return document | {"cells": cells[:first] + cells[first:][::-1]}


@edit()
def exercise_copied(document):
    """The stub of an exercise pasted above it, with its id: the first one counts, so the copy stands below."""
    at = document["cells"].index(cell_of(document, STEM))
    document["cells"].insert(at + 1, copy.deepcopy(document["cells"][at]))
    return document


@edit()
def pictures_in_prose(document):
    """Three pictures of 40,000 characters pasted into the text above the written answer, and one inside it."""
    picture = f"![image.png](data:image/png;base64,{'iVBORw0KGgo+' * 3_400})"
    answer = cell_of(document, "analysis")
    answer["source"] = f"{picture}\n\n{''.join(answer['source'])}"
    at = document["cells"].index(answer)
    document["cells"][at:at] = [_prose(f"plot-{n}", picture) for n in range(3)]
    return document


@edit()
def long_text_everywhere(document):
    """A training log of 150,000 characters, a table, base64 without a kind and one long line above the written answer."""
    texts = [
        "step 1 reward 0.5\n" * 8_000,
        "| 0.1 | 0.2 |\n" * 5_000,
        "QUJD" * 9_000,
        "a b " * 30_000,
    ]
    at = document["cells"].index(cell_of(document, "analysis"))
    document["cells"][at:at] = [_prose(f"long-{n}", text) for n, text in enumerate(texts)]
    return document


def _prose(identity, text):
    return {"cell_type": "markdown", "id": identity, "metadata": {}, "source": text}
