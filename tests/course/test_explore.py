"""Sliders where ipywidgets is installed, still pictures with the same numbers where not."""

import json

import nbformat
import numpy as np
import pytest

from lab import explore
from lab.described import described

WORLD = (["fine", "good", "odd"], np.array([0.6, 0.3, 0.1]), np.array([0.5, 0.8, 0.9]))


def test_still_pictures_where_nobody_can_slide(capsys):
    text = described(explore.shaping())
    for t in explore.TEMPERATURES:
        assert f"T = {t:.2g}: 0.8 to 0.9 gains {np.exp(0.7 / t):.3g} times" in text
    text = described(explore.toy_world(*WORLD))
    assert "reference: fine 0.60, good 0.30, odd 0.10." in text
    assert all(f"c = {c:g}: fine " in text for c in explore.COEFFICIENTS)
    rows = [line.split() for line in capsys.readouterr().out.splitlines()[1:]]
    assert [float(c) for c, *_ in rows] == list(explore.MORE)
    assert rows[1][1:] == ["good", "good"] and rows[-1][1:] == ["fine", "fine"]


@pytest.mark.parametrize("c", [0.05, 0.2, 1.0])
def test_the_best_policies_are_best(c):
    _, p_ref, scores = WORLD
    best = explore.tilted(p_ref, scores, c)
    assert best.sum() == pytest.approx(1)

    def value(p):
        return p @ scores - c * (p * np.log(p / p_ref)).sum()

    others = np.random.default_rng(0).dirichlet([1, 1, 1], 200)
    assert all(value(best) >= value(other) for other in others)


def test_a_moved_slider_draws_its_figure_anew(monkeypatch):
    pytest.importorskip("ipywidgets")
    monkeypatch.setattr(explore, "can_slide", lambda: True)
    handle, figure = explore.shaping().children
    before, handle.value = figure.value, 0.5
    assert "T = 1: 0.8 to 0.9 gains 2.01 times" in before
    assert "T = 0.5: 0.8 to 0.9 gains 4.06 times" in figure.value
    assert figure.value != before and 'alt="Plot of' in figure.value


def test_a_notebook_with_widgets_has_sliders_and_nbgrader_none(source, monkeypatch):
    pytest.importorskip("ipywidgets")
    from nbclient import NotebookClient

    code = "%matplotlib inline\nfrom lab import explore\nexplore.shaping()"
    for run, there in (("", True), ("validate", False)):
        monkeypatch.setenv("NBGRADER_EXECUTION", run)
        book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)])
        NotebookClient(book, timeout=120, resources={"metadata": {"path": str(source)}}).execute()
        kinds = {kind for output in book.cells[0].outputs for kind in output.get("data", {})}
        assert ("application/vnd.jupyter.widget-view+json" in kinds) is there
        assert ("image/png" in kinds) is not there
        widgets = json.dumps(book.metadata.get("widgets", {}))
        assert ("HTMLModel" in widgets) is there
        assert "OutputModel" not in widgets, "with one, nbclient waits for ever now and then"
