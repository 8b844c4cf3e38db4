"""What a submission shows: saved outputs, prose and pictures stay, whatever could run, load or never end does not."""

import json
import time

import nbformat
import pytest
from hypothesis import given
from hypothesis import strategies as st
from toys import notebook

from grader.gradebook.formulas import as_html
from grader.submission import outputs, preflight
from grader.text import clean

PICTURE = {"image/png": "aGk="}


def test_saved_outputs_stay_but_harmless(fix):
    document = notebook(after=["1"])
    document["cells"][-1]["outputs"] = [
        {
            "output_type": "execute_result",
            "metadata": {},
            "data": {
                "text/html": "<script>",
                "text/plain": "\x1b[31m20",
                "image/svg+xml": "<svg/>",
                "image/png": "aGk=",
            },
        },
        {"output_type": "display_data", "data": {"image/png": '"><script>'}, "metadata": {}},
        {
            "output_type": "display_data",
            "data": {"application/javascript": "alert(1)"},
            "metadata": {},
        },
        {"output_type": "stream", "name": "stdout", "text": "y" * 10**6},
        *[{"output_type": "stream", "name": "stderr", "text": "z"}] * 100,
    ]
    kept = fix(document).notebook["cells"][-1]["outputs"]
    assert kept[0] == {
        "output_type": "display_data",
        "data": {"image/png": "aGk=", "text/plain": "20"},
        "metadata": {"image/png": {"alt": outputs.NO_ALT}},
    }
    assert len(kept) <= outputs.MAX_OUTPUTS and len(kept[1]["text"]) <= outputs.MAX_TEXT
    assert "script" not in json.dumps(kept)


@pytest.mark.parametrize("metadata", [None, [], {"image/png": 3}, {"image/png": {"alt": 7}}])
def test_a_figure_says_what_its_notebook_says_that_it_shows(fix, metadata):
    data = {"image/png": "aGk="}
    document = notebook(after=["1"])
    alts = ({"image/png": {"alt": 'two "curves" <b>\x1b[31m', "width": 9e9}}, metadata)
    document["cells"][-1]["outputs"] = [
        {"output_type": "display_data", "data": data, "metadata": each} for each in alts
    ]
    told, untold = fix(document).notebook["cells"][-1]["outputs"]
    assert told["metadata"] == {"image/png": {"alt": 'two "curves" <b>'}}
    assert untold["metadata"] == {"image/png": {"alt": outputs.NO_ALT}}


def test_markdown_of_a_student_is_disarmed_and_ours_is_not(fix):
    document = notebook()
    texts = [
        "[x](javascript:alert(1)) [y](\n java&#115;cript:z) [z]: vbscript:x",
        "[no](https://example.org) ![p](attachment:p.png) [1]: https://example.org",
        r"$\href{javascript:alert(1)}{x}$",
        "<script>alert(1)</script>",
        "a < b and `x<y`",
        '<img src=x onerror="alert(1)">',
        "</details><b>",
    ]
    document["cells"] += [
        {"cell_type": "markdown", "metadata": {}, "source": text} for text in texts
    ]
    shown = [cell["source"] for cell in fix(document).notebook["cells"][-7:]]
    assert not any(outputs.TAG.search(text) for text in shown)
    assert shown[:3] == [
        "[x] (javascript:alert(1)) [y] (\n java&amp;#115;cript:z) [z] : vbscript:x",
        "[no] (https&#58;//example.org) ![p] (attachment:p.png) [1] : https&#58;//example.org",
        r"$href{javascript:alert(1)}{x}$",
    ]
    assert shown[4] == "a < b and `x&lt;y`"


@pytest.mark.parametrize(
    ("fence", "end"),
    [
        ("```systemd", "```"),
        ("~~~ `systemd`", "~~~"),
        ("> ```systemd", "> ```"),
        ("- ~~~systemd", "- ~~~"),
    ],
)
def test_a_student_chooses_no_lexer(fix, fence, end):
    """Some need hours for a few thousand blanks."""
    text = prose(fix, f"{fence}\nx{' ' * 19_000}x\n{end}")["source"]
    assert "systemd" not in text and text.startswith(end)
    start = time.process_time()
    as_html(text)
    assert time.process_time() - start < 5


def test_entities_bring_nothing_back(fix):
    text = prose(fix, "&#36;&#92;href{https&#58;//evil.example/x}{click}&#36; R&D &amp; a & b")[
        "source"
    ]
    assert "&#36;" not in text.replace("&amp;#36;", "") and "R&amp;D" in text and "a & b" in text


def test_code_that_takes_long_to_colour_is_shown_plain_or_without_its_emptiness(class_folder):
    for student, source in {
        "ann": "x = 1" + "\n\t" * 140_000 + "\ny = 1",
        "bob": "x = (" + "\n(" * 60_000,
    }.items():
        class_folder.hand_in(student, json.dumps(notebook(after=[source])).encode())
    assert class_folder.grade().returncode == 0
    start = time.monotonic()
    class_folder.nbgrader("generate_feedback", "toy", "--force")
    assert time.monotonic() - start < 60, "it took more than ten minutes"
    assert class_folder.marks() == {"ann": 2.0, "bob": 2.0}


@pytest.mark.parametrize("word", ["href", "style", "html", "class", "require"])
def test_what_tex_loses_leaves_no_tag(fix, word):
    """MathJax's own commands are taken out; what stood around them must not become markup."""
    text = prose(fix, f"<\\{word}x autofocus onfocus=alert(1)>x</{word}x> <\\\\{word}>")["source"]
    assert not outputs.TAG.search(text) and f"&lt;{word}" in text


def prose(fix, source, attachments=None):
    """The last cell of a submission, a student's Markdown."""
    document = notebook()
    cell = {"cell_type": "markdown", "metadata": {}, "source": source}
    document["cells"].append(cell | ({"attachments": attachments} if attachments else {}))
    return fix(document).notebook["cells"][-1]


def rendered(cell):
    """As the pages do it; nbconvert's part raises where an attachment is missing."""
    return as_html(cell["source"], cell.get("attachments"))


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("image.png", "image.png"),
        ("my shot (1).png", "my%20shot%20%281%29.png"),
        ("größe.png", "gr%C3%B6%C3%9Fe.png"),
        ("a/b.png", "a/b.png"),
    ],
)
def test_attached_pictures_are_shown_whatever_their_names(fix, name, written):
    cell = prose(fix, f"before ![x](attachment:{written}) after", {name: PICTURE})
    assert '<img src="data:image/png;base64,aGk=" alt="x"' in rendered(cell)
    nbformat.validate(cell, ref="markdown_cell", version=4, version_minor=5)


@pytest.mark.parametrize(
    "attachments",
    [None, {}, {"other.png": PICTURE}, {"a.png": {"image/svg+xml": "<svg/>"}}, {"a.png": 3}, {"a.png": {}}, 7],
)  # fmt: skip
@pytest.mark.parametrize(
    "source", ["![x](attachment:a.png)", "[x](&#97;ttachment:a.png)", "![x][1]\n\n[1]: attachment:a.png"]
)  # fmt: skip
def test_a_picture_that_is_not_there_breaks_no_page(fix, source, attachments):
    assert "<img" not in rendered(prose(fix, source, attachments))


def test_the_instructors_prose_has_the_instructors_pictures(assignment, fix):
    """A student who deletes them, or puts others in their place, changes nothing."""
    own = {
        "cell_type": "markdown",
        "source": "![x](attachment:a.png)",
        "attachments": {"a.png": PICTURE},
    }
    for attachments in (None, {"a.png": {"image/svg+xml": "<svg/>"}}):
        cells = [own | {"attachments": attachments}]
        assert not preflight._students_prose(cells, [own])
        assert cells == [own]


@pytest.mark.parametrize(
    "source",
    [
        "![x](http://localhost:8888/formgrader/?path=submitted/eve)",
        "[x](https://example.org)",
        "<https://example.org>",
        "see https://example.org, xhttps://example.org, HTTP://example.org",
        "[x][1]\n\n[1]: https://example.org",
        "[x](<https://example.org>)",
        "[x](https&#58;//example.org)",
        "![x](/formgrader) [x](#top) [x](mailto:a@b.org)",
    ],
)
def test_nothing_is_loaded_or_linked(fix, source):
    """Formgrader runs the nbgrader_config.py of any folder that a GET names: no address of a student's is asked."""
    assert "href=" not in rendered(prose(fix, source)) and "src=" not in rendered(
        prose(fix, source)
    )


@pytest.mark.parametrize(
    "macro", ["href", "HREF", "cssId", "mmlToken", "style", "csname", "require"]
)
@pytest.mark.parametrize("slashes", [1, 2, 3, 4])
def test_tex_that_makes_links_or_styles_is_disarmed(fix, macro, slashes):
    assert "\\" not in prose(fix, "$" + "\\" * slashes + macro + "{x}$")["source"]


UNIT = {
    "brackets": "[",
    "pictures": "![",
    "pairs": "[](",
    "spaces": " ",
    "titles": '[a](b "',
    "tasks": "- [ ] ",
}
UNIT |= {
    "math": "\\\\[",
    "quotes": "> ",
    "lists": "- ",
    "tags": "<a",
    "slashes": "\\",
    "attached": "](attachment:",
}


@pytest.mark.parametrize("unit", UNIT.values(), ids=UNIT)
def test_prose_without_end_is_cut_before_a_renderer_hangs(fix, unit):
    start = time.process_time()
    cell = prose(fix, "a" + unit * (1_000_000 // len(unit)) + "b")
    rendered(cell)
    assert time.process_time() - start < 20, "minutes without the cut, 2 s with it"


def test_cut_prose_is_reported_and_bounded_in_all(fix):
    document = notebook()
    long = {"cell_type": "markdown", "metadata": {}, "source": "word " * 10_000}
    document["cells"] += [dict(long) for _ in range(50)]
    submission = fix(document)
    lengths = [len(cell["source"]) for cell in submission.notebook["cells"][-50:]]
    assert max(lengths) <= preflight.MAX_PROSE and sum(lengths) <= preflight.MAX_ALL_PROSE
    assert any("was cut" in note for note in submission.notes)
    assert not fix(notebook()).notes


@given(st.text(max_size=400))
def test_cleaned_text_is_short_and_plain(text):
    got = clean(text, 100)
    got.encode("utf-8")
    assert len(got) <= 100 and "\x1b" not in got and "\x00" not in got
