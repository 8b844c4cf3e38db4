"""The figures name what they show, tell runs apart without colour, and can be saved."""

import pytest

from lab.plots import (
    COLOURS,
    MARKERS,
    STYLES,
    reward_against_divergence,
    reward_curve,
    sentiment_histograms,
)
from lab.runs import Run, load_run

SCORES = {"base": [0.1, 0.5, 0.9, 0.55], "trained": [0.8, 0.9, 0.95, 0.7], "other": [0.2, 0.3]}


@pytest.fixture(scope="module")
def three_runs(trained):
    """One real run under three names."""
    run = load_run(trained)
    return {"none": run, "forward": run, "backward": run}


@pytest.fixture(
    params=["reward_curve", "reward", "sentiment_histograms", "reward_against_divergence"]
)
def figure(request, three_runs):
    """Every figure of the course with three entries."""
    return {
        "reward_curve": lambda: reward_curve(three_runs),
        "reward": lambda: reward_curve(three_runs, key="reward", label="reward"),
        "sentiment_histograms": lambda: sentiment_histograms(SCORES),
        "reward_against_divergence": lambda: reward_against_divergence(three_runs),
    }[request.param]()


def test_every_axis_has_a_label(figure):
    for plot in figure.axes:
        assert plot.get_xlabel()
        assert plot.get_ylabel()


def test_a_legend_names_every_entry(figure):
    names = (
        ("none", "forward", "backward")
        if "base" not in str(legend_texts(figure))
        else tuple(SCORES)
    )
    for name in names:
        assert any(text.startswith(name) for text in legend_texts(figure)), name


def legend_texts(figure):
    """Return the texts of all legends of a figure."""
    legends = [*figure.legends, *(plot.get_legend() for plot in figure.axes)]
    return [text.get_text() for legend in legends if legend for text in legend.get_texts()]


def look(handle):
    """Return colour, line style and marker of a legend's entry."""
    from matplotlib.colors import to_hex
    from matplotlib.patches import Patch

    if isinstance(handle, Patch):
        return to_hex(handle.get_edgecolor()), str(handle.get_linestyle()), ""
    return to_hex(handle.get_color()), str(handle._unscaled_dash_pattern), str(handle.get_marker())


def test_entries_differ_in_colour_and_in_line_style(figure):
    handles = [handle for plot in figure.axes for handle in plot.get_legend_handles_labels()[0]]
    looks = {look(handle) for handle in handles}
    assert len({colour for colour, _, _ in looks}) == 3
    assert len({style for _, style, _ in looks}) == 3


def test_colours_are_okabe_and_itos_and_styles_do_not_repeat():
    """Colour Universal Design, Okabe & Ito (2008), yellow left out: too faint on white."""
    okabe_ito = {"#000000", "#E69F00", "#56B4E9", "#009E73", "#0072B2", "#D55E00", "#CC79A7"}
    assert set(COLOURS) == okabe_ito
    assert len(COLOURS) == len(set(STYLES)) == len(set(MARKERS))


@pytest.mark.parametrize(
    ("suffix", "start"), [("png", b"\x89PNG"), ("svg", b"<?xml"), ("pdf", b"%PDF")]
)
def test_figures_are_saved(tmp_path, suffix, start):
    sentiment_histograms(SCORES).savefig(tmp_path / f"f.{suffix}")
    content = (tmp_path / f"f.{suffix}").read_bytes()
    assert content.startswith(start)
    assert len(content) > 4000


def test_curve_shows_the_logged_values(three_runs):
    run = three_runs["none"]
    (plot,) = reward_curve({"none": run}).axes
    line, dots = plot.get_lines()
    steps = [entry for entry in run.history if "reward" in entry]
    validations = [entry for entry in run.history if "validation/kl" in entry]
    assert list(line.get_xdata()) == [entry["step"] for entry in steps]
    assert list(line.get_ydata()) == [entry["sentiment"] for entry in steps]
    assert list(dots.get_ydata()) == [entry["validation/mean_sentiment"] for entry in validations]


def test_histogram_gives_shares_and_the_mean():
    (plot,) = sentiment_histograms({"base": [0.1, 0.1, 0.1, 0.9]}).axes
    heights = plot.patches[0].get_xy()[:, 1]
    assert max(heights) == pytest.approx(0.75)
    assert plot.get_lines()[0].get_xdata()[0] == pytest.approx(0.3)
    assert "base (mean 0.30, n = 4)" in legend_texts(plot.figure)


def test_divergence_plot_pairs_sentiment_with_kl_and_variety(three_runs):
    left, right = reward_against_divergence(three_runs).axes
    validations = [entry for entry in three_runs["none"].history if "validation/kl" in entry]
    for plot, key in ((left, "kl"), (right, "distinct_2")):
        line = plot.get_lines()[0]
        assert list(line.get_xdata()) == [entry[f"validation/{key}"] for entry in validations]
        assert list(line.get_ydata()) == [
            entry["validation/mean_sentiment"] for entry in validations
        ]


def test_seven_runs_can_be_told_apart(trained):
    run = load_run(trained)
    figure = reward_against_divergence({str(i): run for i in range(len(COLOURS))})
    looks = [look(line) for line in figure.axes[0].get_lines()]
    assert len(set(looks)) == len(COLOURS)
    assert isinstance(run, Run)
