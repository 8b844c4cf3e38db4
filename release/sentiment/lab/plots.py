"""The figures: reward curves, sentiment histograms, reward against divergence, over-optimisation.

They are transparent: every colour has a contrast of 3:1 or more on white and on the dark themes' #111111 and #1e1e1e. The first
three are Okabe and Ito's, and all are as far apart as that leaves them for readers with any colour vision; line styles and
markers differ too, so that a black-and-white print still reads. Every function returns a Picture, a matplotlib Figure that
describes itself.
"""

import html
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.text import Text

from lab.described import described
from lab.intervals import over_runs

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.backend_bases import RendererBase

    from lab.runs import Run

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#AC22FC", "#A16739", "#F80CD5", "#767676")
INK = "#767676"  # text, axes and whatever is drawn in black: 4.54:1 on white, 4.16:1 on #111111
BLACK = ("black", "k", "#000000")
STYLES = ("-", "--", "-.", ":", (0, (5, 1)), (0, (3, 1, 1, 1)), (0, (1, 1)))
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
BINS = 20


class Picture(Figure):
    """A Figure for light and dark pages, whose picture in a notebook has an alternative text with its numbers."""

    def draw(self, renderer: "RendererBase") -> None:
        """Draw, with INK wherever nobody chose another colour than black."""
        for artist in self.findobj():
            if isinstance(artist, (Text, Line2D)) and artist.get_color() in BLACK:
                artist.set_color(INK)
        super().draw(renderer)

    def as_html(self) -> str:
        """Return the figure as an `<img>` with its alternative text."""
        from IPython.core.pylabtools import print_figure

        png = print_figure(self, base64=True)  # type: ignore[no-untyped-call]
        return f'<img style="max-width: 100%" alt="{html.escape(described(self))}" src="data:image/png;base64,{png}">'

    def _repr_mimebundle_(self, **_: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        """Add the alternative text: to HTML, for JupyterLab drops a PNG's own, to the PNG of matplotlib's formatter, and alone."""
        text = described(self)
        return {"text/html": self.as_html(), "text/plain": text}, {"image/png": {"alt": text}}


def axes(width: float = 7.0, height: float = 4.0, columns: int = 1) -> "tuple[Picture, list[Axes]]":
    """Return a figure with `columns` plots side by side, in the course's style; sizes in inches."""
    figure = Picture(figsize=(width, height), dpi=110, layout="constrained", facecolor="none")
    plots = [figure.add_subplot(1, columns, i + 1) for i in range(columns)]
    for plot in plots:
        plot.set_facecolor("none")
        plot.spines[["top", "right"]].set_visible(False)
        plot.spines[["bottom", "left"]].set_edgecolor(INK)
        plot.tick_params(color=INK, labelcolor=INK)
        plot.grid(color=INK, alpha=0.25)
    return figure, plots


def reward_curve(
    runs: Mapping[str, "Run"],
    key: str = "sentiment",
    label: str = "P(positive) of training completions",
) -> Figure:
    """Plot one logged quantity against the step, one line a run, with a dot at every held-out validation.

    Args:
        runs: label → run.
        key: a column of history.jsonl: "reward", "sentiment", "entropy", "ref_log_prob" …
        label: the y axis, with its unit.
    """
    figure, (plot,) = axes()
    for index, (name, run) in enumerate(runs.items()):
        colour = COLOURS[index % len(COLOURS)]
        plot.plot(*run.curve(key), color=colour, linestyle=STYLES[index % len(STYLES)], label=name)
        if key == "sentiment":
            plot.plot(
                *run.curve("validation/mean_sentiment"),
                color=colour,
                marker=MARKERS[index % len(MARKERS)],
                linestyle="none",
            )
    plot.set(xlabel="optimiser step", ylabel=label)
    if key == "sentiment":
        plot.set_title("lines: training batches; markers: held-out prompts", fontsize=9)
    plot.legend(frameon=False)
    return figure


def over_seeds(
    runs: "Sequence[Run]",
    key: str = "sentiment",
    label: str = "P(positive)",
) -> Figure:
    """Plot the mean of a logged quantity over runs that differ in their seed, with its 95 % interval as a band, and the same of validations.

    A step counts where every run has it.
    """
    figure, (plot,) = axes()
    shown: list[tuple[str, str, dict[str, Any]]] = [
        (key, "training batches", {"linestyle": STYLES[0]})
    ]
    if key == "sentiment":
        look: dict[str, Any] = {"linestyle": STYLES[1], "marker": MARKERS[1]}
        shown.append(("validation/mean_sentiment", "held-out prompts", look))
    for index, (name, what, look) in enumerate(shown):
        curves = [dict(zip(*run.curve(name), strict=True)) for run in runs]
        steps = sorted(set.intersection(*map(set, curves)))
        found = [over_runs([curve[step] for curve in curves]) for step in steps]
        colour = COLOURS[index]
        plot.plot(steps, [i.mean for i in found], color=colour, label=f"{what}, mean of {len(runs)} seeds", **look)  # fmt: skip
        plot.fill_between(steps, [i.low for i in found], [i.high for i in found], color=colour, alpha=0.25, linewidth=0, label=f"{what}, 95 % interval")  # fmt: skip
    plot.set(xlabel="optimiser step", ylabel=label)
    plot.legend(frameon=False)
    return figure


def sentiment_histograms(scores: Mapping[str, Sequence[float]]) -> Figure:
    """Plot the distribution of P(positive) over completions, one outline a model, the mean marked.

    Args:
        scores: label → scores in [0, 1].
    """
    figure, (plot,) = axes()
    for index, (name, values) in enumerate(scores.items()):
        colour, style = COLOURS[index % len(COLOURS)], STYLES[index % len(STYLES)]
        mean = sum(values) / len(values)
        weights = [1 / len(values)] * len(values)
        plot.hist(values, bins=BINS, range=(0, 1), weights=weights, histtype="step", linewidth=1.8,
                  color=colour, linestyle=style, label=f"{name} (mean {mean:.2f}, n = {len(values)})")  # fmt: skip
        plot.axvline(mean, color=colour, linestyle=style, linewidth=0.9)
    plot.set(xlabel="P(positive) of a completion", ylabel="share of completions", xlim=(0, 1))
    figure.legend(frameon=False, loc="outside upper center")
    return figure


def reward_against_divergence(runs: Mapping[str, "Run"]) -> Figure:
    """Plot, for several runs, P(positive) against what it cost: divergence from the base, and variety.

    Each run is a path through its validations, from the base model at the left. A healthy run climbs steeply and
    stays near the base; a hacked one goes far right; a collapsed one falls in the right-hand plot.
    """
    figure, (left, right) = axes(width=10.5, columns=2)
    for index, (name, run) in enumerate(runs.items()):
        look: dict[str, Any] = {
            "color": COLOURS[index % len(COLOURS)],
            "linestyle": STYLES[index % len(STYLES)],
            "marker": MARKERS[index % len(MARKERS)],
            "label": name,
        }
        sentiment = run.curve("validation/mean_sentiment")[1]
        left.plot(run.curve("validation/kl")[1], sentiment, **look)
        right.plot(run.curve("validation/distinct_2")[1], sentiment, **look)
    left.set(
        xlabel="kl: log π - log P_ref of what the policy writes, nats per token",
        ylabel="P(positive), held-out prompts",
    )
    right.set(
        xlabel="distinct-2 (share of different word pairs)", ylabel="P(positive), held-out prompts"
    )
    right.legend(frameon=False)
    return figure


def over_optimisation(ways: Mapping[str, Mapping[str, Sequence[float]]], first: int = 0) -> Figure:
    """Plot what the trained-for classifier and a second judge say over √KL, a path a run: the curve of Gao et al. 2022.

    Args:
        ways: label → `kl` (nats; an estimate below 0 counts as 0), `proxy` and `judge` (mean scores), values of equal number.
        first: the number of the first way's colour, so that runs look as they do in other figures.
    """
    figure, panels = axes(width=10.5, columns=2)
    titles = {"proxy": "the classifier, which is trained for", "judge": "the second judge"}
    for index, (name, way) in enumerate(ways.items(), first):
        look: dict[str, Any] = {
            "color": COLOURS[index % len(COLOURS)],
            "linestyle": STYLES[index % len(STYLES)],
            "marker": MARKERS[index % len(MARKERS)],
            "markersize": 4,
            "label": name,
        }
        distances = [math.sqrt(max(0, nats)) for nats in way["kl"]]
        for plot, key in zip(panels, titles, strict=True):
            plot.plot(distances, way[key], **look)
    lowest = min(min(way[key]) for way in ways.values() for key in titles)
    for plot, title in zip(panels, titles.values(), strict=True):
        plot.set(xlabel="√KL(π ‖ P_ref), KL in nats of a completion", ylabel="mean score")
        plot.set(title=title, ylim=(lowest - 0.03, 1))
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, frameon=False, loc="outside lower center", ncols=3)
    return figure
