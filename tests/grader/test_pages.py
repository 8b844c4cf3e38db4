"""What nbgrader's pages are given: timestamps that can be read and shown, names that are text, formulas, wrapped reports."""

import html
import json
import os
import re
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from toys import ROOT, notebook

from grader.gradebook.formulas import as_html
from grader.gradebook.pages import EscapeNames
from grader.gradebook.report_html import report_html
from grader.submission.timestamps import read_timestamp
from tests.e2e.active import active


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-01-02 10:00:00 UTC", datetime(2026, 1, 2, 10)),
        ("1999-12-31 23:59:59 UTC", datetime(1999, 12, 31, 23, 59, 59)),
        ("", None),
        ("yesterday, honestly", None),
        ("<script>alert(1)</script>", None),
        ("99999-01-01 00:00:00 UTC", None),
        ("9999-12-31 23:59:59 UTC", None),
        ("0001-01-01 00:00:00 UTC", None),
        ("2026-01-02 10:00:00 99999999999999999999", None),
        ("2026-01-02 10:00:00 ../../../../etc/passwd", None),
        ("2026-01-02 10:00:00 UTC" + " " * 1000, None),
    ],
)  # fmt: skip
def test_a_timestamp_is_a_moment_or_nothing(tmp_path, text, moment):
    (tmp_path / "timestamp.txt").write_text(text)
    assert read_timestamp(tmp_path) == moment


def test_links_folders_pipes_and_bytes_are_no_timestamps(tmp_path):
    path = tmp_path / "timestamp.txt"
    assert read_timestamp(tmp_path) is None and read_timestamp(tmp_path / "nowhere") is None
    path.mkdir()
    assert read_timestamp(tmp_path) is None
    path.rmdir()
    os.mkfifo(path)
    assert read_timestamp(tmp_path) is None
    path.unlink()
    (tmp_path / "other").write_text("2026-01-02 10:00:00 UTC")
    path.symlink_to("other")
    assert read_timestamp(tmp_path) is None
    path.unlink()
    path.write_bytes(bytes(range(256))[:90])
    assert read_timestamp(tmp_path) is None


@given(
    st.text(max_size=60) | st.from_regex(r"\A\d{1,5}-\d{1,2}-\d{1,2} \d{1,2}:\d\d:\d\d .{0,9}\Z")
)
def test_no_timestamp_raises(tmp_path_factory, text):
    folder = tmp_path_factory.getbasetemp()
    (folder / "timestamp.txt").write_bytes(text.encode("utf-8", "replace"))
    moment = read_timestamp(folder)
    assert moment is None or moment.strftime("%Y-%m-%d %H:%M:%S %Z")


def test_names_reach_a_page_as_text():
    names = {
        "student": "<b>jo",
        "first_name": "\"'&",
        "last_name": None,
        "notebook_path": 'a/" x="',
        "total": 3,
    }
    shown = EscapeNames().preprocess(None, names | {"first_name": "\"'& \\\\href{x}{y}"})[1]
    assert shown == {
        "student": "&lt;b&gt;jo",
        "first_name": "&quot;&#x27;&amp; href{x}{y}",
        "last_name": None,
        "notebook_path": "a/&quot; x=&quot;",
        "total": 3,
    }


def prose():
    cells = json.loads((ROOT / "source/sentiment/exercise.ipynb").read_text())["cells"]
    return ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown"]


def test_every_formula_of_the_course_is_shown_without_a_script():
    written = shown = 0
    for text in prose():
        page = as_html(text)
        words = re.sub(r"<code>.*?</code>|<pre>.*?</pre>", "", page, flags=re.DOTALL)
        assert "$" not in words and "\\" not in words
        written += len(re.findall(r"\$\$.+?\$\$|\$[^$\n]+\$", text, re.DOTALL))
        shown += page.count("<math ")
    assert shown == written > 60


def test_a_formula_on_a_line_of_its_own_keeps_its_number():
    page = as_html(r"$$r(y) = P(\text{positive} \mid y) \tag{1}$$")
    assert 'display="block"' in page and "<span>(1)</span>" in page and "tag" not in page
    assert "<mtable" in as_html(r"\begin{align} a &= b \\ c &= d \end{align}")


@pytest.mark.parametrize(
    "tex", [r"\nosuchmacro{x}", r"\frac{1}", "{" * 3_000, r"\left( x", "a" * 3_000, "&", r"\tag{<b>}"]
)  # fmt: skip
def test_what_is_no_formula_stays_as_it_was_written(tex):
    page = as_html(f"${tex}$")
    assert "<math" not in page or "<b>" not in page
    assert "<math" in page or html.escape(tex)[:1_000] in page


@pytest.mark.parametrize(
    "tex",
    [r"\text{<script>alert(1)</script>}", '<img src=x onerror="alert(1)">', r'\hspace{1em" onclick="x}', r"\text{x</mtext></math><b>}",
     r'\begin{array}{c" onload="x}a\end{array}', r"\operatorname{<b>}", r'\mathrm{a" b="}', r"a \tag{<script>}"],
)  # fmt: skip
def test_no_formula_holds_markup(tex):
    for text in (f"${tex}$", f"$${tex}$$", f"\\begin{{equation}}{tex}\\end{{equation}}"):
        assert {entry.split()[0] for entry in active(as_html(text))} <= {"<math>"}


WIDE = """def basket_total(items, discount=0.0):
    raise RuntimeError("1.1 2.2 3.3 " * 20)"""


def test_a_feedback_page_names_exercises_and_shows_reports_whole(class_folder):
    class_folder.hand_in("ann", json.dumps(notebook(WIDE, after=["print('<b>')"])).encode())
    class_folder.nbgrader("autograde", "toy")
    class_folder.nbgrader("generate_feedback", "toy")
    page = (class_folder.folder / "feedback/ann/toy/exercise.html").read_text()
    listed = re.search(r'<div id="toc">.*?</div>', page, re.DOTALL)[0]
    assert re.findall(r"<a [^>]*>([^<]*)</a>", listed) == ["basket_total"]
    assert '<span class="report">basket_total: 0 of 2 points' in page
    assert "Out[" not in page and "Test cell" not in page and '<html lang="en">' in page
    assert '<span class="report broken">✗ BROKEN' in page
    assert not re.search(r'(src|href)="(https?:)?//', page), "a page is whole without the web"
    graded = json.loads((class_folder.folder / "autograded/ann/toy/exercise.ipynb").read_text())
    kinds = [o["output_type"] for cell in graded["cells"] for o in cell.get("outputs", [])]
    assert kinds == ["stream", "execute_result"], "nbgrader reads the mark there"
    assert class_folder.marks() == {"ann": 0.0}


REPORT = """basket_total: 1 of 2 points, partly right
  holds  (0.5)  one call
  BROKEN (1, the main law)  the <total>
          at   basket_total(["a"])
          gave 1.0
               holds  (0.5)  what a student says
          want 2.0
          hint half of it
  BROKEN (0.5)  refused
          gave 3.0
"""


def test_a_report_has_signs_and_two_columns_and_loses_no_word():
    shown = report_html(REPORT)
    assert shown.count("✓") == 1 and shown.count("✗") == 2 and "&lt;total&gt;" in shown
    [pair] = re.findall(r'<span class="pair">.*?</span></span></span>', shown)
    assert "gave 1.0" in pair and "what a student says" in pair and "want 2.0" in pair
    plain = html.unescape(re.sub(r"<[^>]*>", " ", shown)).replace("✓", "").replace("✗", "")
    assert plain.split() == REPORT.split()
    assert shown.count("<span") == shown.count("</span>")


@given(st.text(alphabet="\n <agvewnthldsBROKEN", max_size=200))
def test_any_report_keeps_its_words(text):
    shown = report_html(text)
    plain = html.unescape(re.sub(r"<[^>]*>", " ", shown)).replace("✓", "").replace("✗", "")
    assert "".join(plain.split()) == "".join(text.split())
    assert shown.count("<span") == shown.count("</span>")
