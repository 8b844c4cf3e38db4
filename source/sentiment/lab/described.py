"""What a figure shows, in words and numbers: the alternative text of its picture."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.collections import PolyCollection
from matplotlib.container import BarContainer
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Polygon

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LONGEST = 1400  # characters


def described(figure: "Figure") -> str:
    """Return the text for all of a figure's plots; of a longer one the beginning."""
    text = " ".join(" ".join(plot_words(plot)) for plot in figure.axes)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 2]} …"


def plot_words(plot: "Axes") -> Iterator[str]:
    """Return the sentences for one plot: its axes, then all that is drawn in it and has a name or markers."""
    title = f", {plot.get_title()}" if plot.get_title() else ""
    over = f" over {plot.get_xlabel()}" if plot.get_xlabel() else ""
    yield f"Plot of {plot.get_ylabel() or 'values'}{over}{title}."
    for bars in plot.containers:
        if isinstance(bars, BarContainer):
            yield f"{bars.get_label()}: {bar_words(plot, bars)}."
    name = ""
    for line in plot.get_lines():
        label = str(line.get_label())
        name = name if label.startswith("_") else label
        if words := line_words(line):
            yield f"{name}, markers: {words}." if label.startswith("_") and name else f"{words}."
    for band in plot.collections:
        label = str(band.get_label())
        if isinstance(band, PolyCollection) and label and not label.startswith("_"):
            yield f"{label}: {band_words(band)}."
    for patch in plot.patches:
        label = str(patch.get_label())
        if label and not label.startswith("_"):
            yield f"{label}{patch_words(patch)}."


def line_words(line: Line2D) -> str:
    """Return where a line begins and ends, and its extremes; "" for one without a name, as a line at 0."""
    label = str(line.get_label())
    x_values, y_values = np.asarray(line.get_xdata()), np.asarray(line.get_ydata())
    points = [(float(x), float(y)) for x, y in zip(x_values, y_values, strict=True)]
    only_marks = len(points) < 2 or line.get_marker() in ("None", "", None)
    if not points or (label.startswith("_") and only_marks):
        return ""
    (x0, y0), (x1, y1) = points[0], points[-1]
    low, high = min(points, key=lambda p: p[1]), max(points, key=lambda p: p[1])
    name = "" if label.startswith("_") else f"{label}: "
    words = f"{name}{y0:.3g} at {x0:.3g}, {y1:.3g} at {x1:.3g}"
    inner = [(w, p) for w, p in (("lowest", low), ("highest", high)) if p[1] not in (y0, y1)]
    return ", ".join([words, *(f"{w} {y:.3g} at {x:.3g}" for w, (x, y) in inner)])


def band_words(band: PolyCollection) -> str:
    """Return where a band between two curves begins and ends: from its lower edge to its upper one."""
    (path,) = band.get_paths()
    corners = [(float(x), float(y)) for x, y in np.asarray(path.vertices)]
    ends = [min(x for x, _ in corners), max(x for x, _ in corners)]
    edges = [[y for x, y in corners if x == end] for end in ends]
    return ", ".join(
        f"{min(ys):.3g} to {max(ys):.3g} at {end:.3g}" for end, ys in zip(ends, edges, strict=True)
    )


def bar_words(plot: "Axes", bars: Sequence[Patch]) -> str:
    """Return the height of each bar, under the tick that it belongs to."""
    ticks = [label.get_text().replace("\n", " ") for label in plot.get_xticklabels()]
    heights = [float(bar.get_height()) for bar in bars]  # type: ignore[attr-defined]
    names = ticks if len(ticks) == len(heights) else [str(i + 1) for i in range(len(heights))]
    return ", ".join(f"{name} {height:.2f}" for name, height in zip(names, heights, strict=True))


def patch_words(patch: Patch) -> str:
    """Return where a histogram's outline is highest; "" for other patches, whose names say all."""
    if not isinstance(patch, Polygon):
        return ""
    corners = [(float(x), float(y)) for x, y in patch.get_xy()]
    top = max(y for _, y in corners)
    at = [x for x, y in corners if y == top]
    return f": most between {min(at):.2f} and {max(at):.2f}, a share of {top:.2f}"
