"""Written answers behind foreign text: whatever stands before or inside an answer, a person gets to read it."""

import base64
import json
import random
import time

import pytest
from test_open_marks import essay
from toys import code, notebook

from grader.assignment import load_assignment
from grader.submission import foreign, preflight
from grader.submission.preflight import repair
from grader.submission.restore import mark

BYTES = random.Random(1).randbytes(30_000)
BASE64 = base64.b64encode(BYTES).decode()  # 40,000 characters
WRAPPED = base64.encodebytes(BYTES).decode()
DATA = f"data:image/png;base64,{BASE64}"
ANSWER = "It hacked the reward: perplexity rose from 14 to 120."
PICTURES = {
    "colab": f"![image.png]({DATA})",
    "title": f'![plot](<{DATA}> "my plot")',
    "link": f"[plot]({DATA})",
    "html": f'<img width="400" src="{DATA}" alt="x"/>',
    "html in lines": f"<img src='data:image/jpg;base64,\n{WRAPPED}'>",
    "reference": f"![][image1]\n\n[image1]: <{DATA}>",
    "capitals": f"![p]({DATA.replace('image/png;base64', 'IMAGE/PNG;charset=x;Base64')})",
}
UNSHOWN = {
    "gif": f"![p](data:image/gif;base64,{BASE64})",
    "drawing": "![p](data:image/svg+xml;utf8,%3Csvg%20" + "x" * 40_000 + "%3E)",
}
DATA_ALONE = {
    "base64": BASE64,
    "base64 in lines": WRAPPED,
    "another kind": f"[f](data:application/pdf;base64,{BASE64})",
    "in quotes": f"> {BASE64}",
}
FOREIGN = {
    "log": "step 1/300 reward 0.512 loss 0.0001\n" * 4_000,
    "table": "| a | b |\n|---|---|\n" + "| 0.123 | 0.456 |\n" * 5_000,
    "one line": "word " * 40_000,
    "html table": "<table>" + "<tr><td>1</td></tr>" * 8_000 + "</table>",
}


@pytest.fixture
def fixed(class_folder):
    """The repaired submission to a course with a written answer, from its text and the cells above it."""
    source = notebook()
    source["cells"].append(essay("*Your answer here.*"))
    (class_folder.folder / "source/toy/exercise.ipynb").write_text(json.dumps(source))

    def repaired(answer, above=()):
        document = notebook()
        document["cells"] += [*map(prose, above), essay(answer)]
        return repair(
            json.dumps(document).encode(), load_assignment(class_folder.folder / "hidden")
        )

    return repaired


def prose(text):
    return {"cell_type": "markdown", "metadata": {}, "source": text}


def shown(submission):
    (cell,) = (c for c in submission.notebook["cells"] if mark(c).get("grade_id") == "essay")
    return cell


def pictures(cell):
    return [data for each in cell.get("attachments", {}).values() for data in each.values()]


@pytest.mark.parametrize("text", (PICTURES | UNSHOWN | DATA_ALONE | FOREIGN).values(), ids=PICTURES | UNSHOWN | DATA_ALONE | FOREIGN)  # fmt: skip
def test_foreign_text_takes_no_room_from_an_answer(fixed, text):
    """Above it, before it in its own cell, and behind it."""
    assert shown(fixed(ANSWER, above=[text] * 3))["source"] == ANSWER
    for answer in (f"{text}\n\n{ANSWER}", f"{ANSWER}\n\n{text}"):
        cell = shown(fixed(answer))
        assert ANSWER in cell["source"] and BASE64[-60:] not in cell["source"]
        assert len(cell["source"]) <= 2 * preflight.MAX_PROSE


@pytest.mark.parametrize("text", PICTURES.values(), ids=PICTURES)
def test_a_picture_in_the_text_is_shown(fixed, text):
    submission = fixed(f"{ANSWER}\n\n{text}\n\nEnd.")
    cell = shown(submission)
    (data,) = pictures(cell)
    assert base64.b64decode(data) == BYTES and "](attachment:picture-1" in cell["source"]
    assert len(cell["source"]) < 300 and "End." in cell["source"]
    assert not submission.notes, "nothing was cut"


@pytest.mark.parametrize(
    ("text", "there"),
    [(text, True) for text in (PICTURES | UNSHOWN).values()]
    + [(text, False) for text in DATA_ALONE.values() if text[0] not in "[>"],
    ids=[*PICTURES, *UNSHOWN, *[name for name in DATA_ALONE if name.startswith("base64")]],
)
def test_a_picture_is_an_answer_and_data_is_none(fixed, text, there):
    for submission in (fixed(text), fixed("*Your answer here.*", above=[text])):
        assert submission.unwritten == (set() if there else {"essay"})


def test_an_answer_in_another_cell_survives_what_is_long(fixed):
    submission = fixed("*Your answer here.*", above=[*FOREIGN.values(), ANSWER])
    assert not submission.unwritten
    assert ANSWER in [cell["source"] for cell in submission.notebook["cells"]]


def test_of_a_long_answer_both_ends_are_shown_and_what_is_missing_is_said(fixed):
    lines = [f"Sentence {n} of the answer." for n in range(5_000)]
    submission = fixed("\n".join(lines))
    text = shown(submission)["source"]
    assert text.startswith("\n".join(lines[:100])) and text.endswith("\n".join(lines[-100:]))
    assert "characters are left out here" in text and len(text) <= preflight.MAX_PROSE
    assert any("was cut" in note for note in submission.notes)


def test_a_page_shows_the_answer_and_its_picture(class_folder):
    """By nbgrader's own command, in the autograded notebook and on the feedback page."""
    source = notebook()
    source["cells"].append(essay("*Your answer here.*"))
    class_folder.change(source, "packages=(),")
    document = notebook()
    document["cells"] += [prose(PICTURES["colab"])] * 3
    document["cells"] += [essay(f"{PICTURES['colab']}\n\n{ANSWER}"), code("x = 1")]
    class_folder.hand_in("ann", json.dumps(document).encode())
    class_folder.nbgrader("autograde", "toy")
    class_folder.nbgrader("generate_feedback", "toy")
    page = (class_folder.folder / "feedback/ann/toy/exercise.html").read_text()
    assert ANSWER in page and page.count(f'src="{DATA}"') == 4
    assert ANSWER in (class_folder.folder / "autograded/ann/toy/exercise.ipynb").read_text()


@pytest.mark.parametrize(
    "unit", ["data:a/b,", "![", "<img ", "<img src=", "![a](data:image/png;base64,", "A" * 61 + " ", "]( ", "data:image/", "A" * 59 + "\n"]
)  # fmt: skip
def test_megabytes_are_looked_through_at_once(unit):
    start = time.process_time()
    foreign.lift(unit * (2_000_000 // len(unit)), None)
    assert time.process_time() - start < 10


def test_short_texts_are_whole_and_long_ones_alike():
    texts = ["x" * n for n in (5, 1_000, 30, 1_000, 0)]
    assert foreign.shares(texts, 1_000, 835) == [5, 400, 30, 400, 0]
    assert foreign.shares(texts, 300, 10_000) == [5, 300, 30, 300, 0]
    assert foreign.shares([], 1, 1) == []
