"""report.html: all of a run on one page that needs nothing else, in which no text is markup; a page that cannot be written loses no run."""

import json
import re
import shutil
from html.parser import HTMLParser

import pytest

from lab import report
from lab.report import html, write_report
from lab.runs import load_run

HOSTILE = '<script>alert(1)</script> & "\u2028 {{ 7*7 }} </td>\ud800'


class Page(HTMLParser):
    """What a browser would make of a page: its tags, the attributes, the text."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.attributes, self.text = [], [], ""
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.attributes += attributes

    def handle_data(self, data):
        self.text += data


@pytest.fixture
def run(trained, tmp_path):
    """A copy of a finished run."""
    return load_run(shutil.copytree(trained, tmp_path / "outputs"))


def test_a_run_ends_with_its_report(trained):
    page = Page((trained / "report.html").read_text(encoding="utf-8"))
    run = load_run(trained)
    assert f"report: {trained / 'report.html'}" in (trained.parent / "stdout.txt").read_text()
    assert f"{run.before['mean_sentiment']:.3f} [" in page.text
    assert "tiny-gpt2 with tiny-sentiment, 4 steps" in page.text and "torch 2." in page.text
    assert "The visible check does not pass. P(positive) on held-out prompts " in page.text
    assert page.text.count("FAILS") + page.text.count("holds") == 4
    assert run.after["completions"][0]["completion"].split()[0] in page.text


def test_the_page_needs_nothing_else(trained):
    page = Page((trained / "report.html").read_text(encoding="utf-8"))
    assert not {"script", "link", "iframe", "object", "form", "a"} & set(page.tags)
    sources = [value for name, value in page.attributes if name in ("src", "href")]
    assert len(sources) == 2 and all(s.startswith("data:image/png;base64,") for s in sources)
    assert not [name for name, _ in page.attributes if name.startswith("on")]
    alts = [value for name, value in page.attributes if name == "alt"]
    assert all("Plot of" in alt and re.search(r"\d at \d|between 0", alt) for alt in alts)


def test_no_text_is_markup(run):
    record = json.loads((run.folder / "run.json").read_text())
    record |= {"kept": {"step": 2, "because": HOSTILE}, "stopped": {"step": 4, "because": HOSTILE}}
    record |= {"commands": [HOSTILE, None], "git": {"commit": HOSTILE, "changed": True}}
    record["ways"]["left"] = {HOSTILE: HOSTILE}
    (run.folder / "run.json").write_text(json.dumps(record))
    run.config["model"] = run.config["output_dir"] = HOSTILE
    for side in (run.before, run.after):
        for item in side["completions"]:
            item["completion"] = HOSTILE
            item["prompt"] += HOSTILE
    object.__setattr__(run, "name", HOSTILE)
    said = write_report(run)
    page = Page((run.folder / "report.html").read_text(encoding="utf-8"))
    assert said == f"report: {run.folder / 'report.html'}"
    assert "script" not in page.tags and "{{ 7*7 }}" in page.text
    assert page.text.count("<script>alert(1)</script>") > 12
    assert "final/ is the model of step 2" in page.text and "Stopped at step 4" in page.text


def test_a_record_of_an_earlier_version_has_a_page(run):
    record = json.loads((run.folder / "run.json").read_text())
    for name in ("git", "commands", "ways"):
        del record[name]
    (run.folder / "run.json").write_text(json.dumps(record))
    assert "commit" not in Page(html(run)).text


def test_settings_that_exercise_5_does_not_ask_for_are_named(run):
    run.config["kl_coef"] = 3
    assert "It was made with kl_coef 3 (asked for: 0.1)." in Page(html(run)).text


@pytest.mark.parametrize(
    "error", [OSError("full\nof it"), ZeroDivisionError(), MemoryError("none")]
)
def test_a_report_that_fails_loses_no_run(run, monkeypatch, error):
    def fail(*_):
        raise error

    monkeypatch.setattr(report, "write_whole", fail)
    line = write_report(run)
    assert line.startswith(f"no report was written ({type(error).__name__}") and "\n" not in line
    assert load_run(run.folder).history == run.history


def test_a_folder_that_cannot_be_written_to_any_more_is_one_line(run):
    (run.folder / "report.html.tmp").mkdir()
    assert "no report was written (IsADirectoryError" in write_report(run)
