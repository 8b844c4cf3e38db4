"""The figures name what they show, tell runs apart without colour, and can be saved."""

import base64
import html
import re

import pytest
from matplotlib.figure import Figure

from lab.described import described
from lab.plots import (
    COLOURS,
    INK,
    MARKERS,
    STYLES,
    axes,
    over_optimisation,
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


WAY = {"kl": [-0.5, 4.0, 9.0], "proxy": [0.5, 0.8, 0.95], "judge": [0.45, 0.7, 0.6]}


@pytest.fixture(
    params=[
        "reward_curve",
        "reward",
        "sentiment_histograms",
        "reward_against_divergence",
        "over_optimisation",
    ]
)
def figure(request, three_runs):
    """Every figure of the course with three entries."""
    return {
        "reward_curve": lambda: reward_curve(three_runs),
        "reward": lambda: reward_curve(three_runs, key="reward", label="reward"),
        "sentiment_histograms": lambda: sentiment_histograms(SCORES),
        "reward_against_divergence": lambda: reward_against_divergence(three_runs),
        "over_optimisation": lambda: over_optimisation(dict.fromkeys(three_runs, WAY)),
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


def luminance(colour):
    """WCAG 2's relative luminance."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return sum(w * c for w, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(one, other):
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("page", ["#ffffff", "#f5f5f5", "#111111", "#1e1e1e"])
def test_colours_stand_out_on_light_and_dark_pages_and_styles_do_not_repeat(page):
    """WCAG 2.2, 1.4.11: graphics have 3:1. The pages of Jupyter, Colab and VS Code."""
    assert min(contrast(colour, page) for colour in (*COLOURS, INK)) >= 3
    assert len(set(COLOURS)) == len(set(STYLES)) == len(set(MARKERS)) == len(COLOURS)


def test_figures_are_transparent_and_nothing_in_them_stays_black(figure, tmp_path):
    from matplotlib.image import imread

    figure.axes[0].axhline(0, color="black")
    figure.savefig(tmp_path / "f.png")
    pixels = imread(tmp_path / "f.png")
    assert pixels[0, 0, 3] == 0 and (pixels[..., 3] == 0).mean() > 0.5
    opaque = pixels[pixels[..., 3] > 0.99][:, :3]
    assert len(opaque) and opaque.max(axis=1).min() > 0.35


def test_the_alternative_text_has_the_numbers(three_runs):
    run = three_runs["none"]
    figure = reward_curve({"mine": run})
    data, about = figure._repr_mimebundle_()
    text = about["image/png"]["alt"]
    steps, values = run.curve("sentiment")
    assert data["text/plain"] == text and f"mine: {values[0]:.3g} at {steps[0]}" in text
    assert "Plot of P(positive) of training completions over optimiser step" in text
    _, after = run.curve("validation/mean_sentiment")
    assert f"{after[-1]:.3g} at {run.config['max_steps']}" in text.partition("mine, markers: ")[2]
    text = described(sentiment_histograms({"base": [0.1, 0.1, 0.1, 0.9]}))
    assert "base (mean 0.30, n = 4): most between 0.10 and 0.15, a share of 0.75" in text
    figure, (plot,) = axes()
    plot.bar([0, 1], [0.25, 0.5], label="reference")
    plot.set_xticks([0, 1], ["fine", "good"])
    assert "reference: fine 0.25, good 0.50." in described(figure)


def test_a_notebook_keeps_the_alternative_text_with_the_picture():
    """As matplotlib's own formatter and IPython do it."""
    from IPython.core.formatters import DisplayFormatter
    from IPython.core.pylabtools import print_figure

    formatter = DisplayFormatter()
    formatter.formatters["image/png"].for_type(Figure, lambda f: print_figure(f, "png"))
    data, about = formatter.format(sentiment_histograms(SCORES))
    alternative = about["image/png"]["alt"]
    assert data["image/png"][:4] == b"\x89PNG" and "trained (mean" in alternative


def test_jupyterlab_s_picture_has_the_alternative_text(three_runs):
    """JupyterLab shows HTML where there is any, and of a PNG no alternative text; what it shows is the same picture."""
    figure = reward_curve({'a "name" <b>': three_runs["none"]})
    data, about = figure._repr_mimebundle_()
    (picture,) = re.findall(
        r'<img style="max-width: 100%" alt="([^"<>]*)" src="data:image/png;base64,([^"]+)">',
        data["text/html"],
    )
    assert html.unescape(picture[0]) == about["image/png"]["alt"] == data["text/plain"]
    assert base64.b64decode(picture[1], validate=True)[:4] == b"\x89PNG"


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


def test_over_optimisation_pairs_both_judges_with_the_root_of_the_kl():
    figure = over_optimisation({"a": WAY, "b": WAY}, first=2)
    for plot, key in zip(figure.axes, ("proxy", "judge"), strict=True):
        line = plot.get_lines()[0]
        assert list(line.get_xdata()) == [0, 2, 3]  # an estimate below 0 counts as 0
        assert list(line.get_ydata()) == WAY[key]
        assert line.get_color() == COLOURS[2] and plot.get_ylim()[0] < 0.45
    assert legend_texts(figure) == ["a", "b"]
    assert "a: 0.45 at 0, 0.6 at 3, highest 0.7 at 2" in described(figure)


def test_seven_runs_can_be_told_apart(trained):
    run = load_run(trained)
    figure = reward_against_divergence({str(i): run for i in range(len(COLOURS))})
    looks = [look(line) for line in figure.axes[0].get_lines()]
    assert len(set(looks)) == len(COLOURS)
    assert isinstance(run, Run)
