"""Where things stand in the page's figures: across in percent of the width, down in pixels, so that text keeps its size on any screen."""

import math
from collections.abc import Iterable, Sequence
from typing import Any

LEFT, RIGHT = 9.0, 99.0  # percent: the plot between them, numbers of its lines to the left
TOP, FOOT = 10.0, 30.0  # pixels above and below a plot
HIGH, PANEL = 200.0, 110.0  # pixels of the histogram and of a panel
LINES = 4  # across a plot, at most
ROUND = (1, 2, 2.5, 5, 10)
WIDE = 12.0  # largest by smallest value, from which on a scale is logarithmic
Part = dict[str, Any]


def histogram(bars: Sequence[Part]) -> Part:
    """Two stacked bars each, the lines behind them, and the marks below them."""
    most = max((bar["final"] + bar["so_far"] for bar in bars), default=0)
    lines = ticks(0.0, float(max(most, 1)))
    top = max(lines[-1], most)
    step = (RIGHT - LEFT) / max(1, len(bars))
    every = max(1, math.ceil(len(bars) / 11))

    def high(count: float) -> float:
        return count / top * HIGH

    return {
        "height": TOP + HIGH + FOOT,
        "base": TOP + HIGH,
        "lines": [{"y": TOP + HIGH - high(line), "label": f"{line:g}"} for line in lines],
        "bars": [
            {
                "x": LEFT + n * step + 0.08 * step,
                "width": 0.84 * step,
                "final": {"y": TOP + HIGH - high(bar["final"]), "height": high(bar["final"])},
                "so_far": {
                    "y": TOP + HIGH - high(bar["final"] + bar["so_far"]),
                    "height": high(bar["so_far"]),
                },
                "middle": LEFT + (n + 0.5) * step,
                "label": f"{bar['from']:g}" if n % every == 0 or n == len(bars) - 1 else "",
            }
            for n, bar in enumerate(bars)
        ],
    }


def panels(runs: Sequence[Part], figures: Sequence[Part]) -> Part:
    """One panel a figure, below one another; a run stands at the same place in each."""
    step = (RIGHT - LEFT) / max(1, len(runs))
    tall = TOP + PANEL + FOOT
    return {
        "height": tall * len(figures),
        "left": LEFT,
        "right": RIGHT,
        "panels": [
            panel(figure, [run["figures"][figure["name"]] for run in runs], n * tall + FOOT, step)
            for n, figure in enumerate(figures)
        ],
    }


def panel(figure: Part, values: Sequence[float | None], top: float, step: float) -> Part:
    """One of them, `top` pixels down; a value that is none, or no number, has no dot."""
    known = [value for value in (*values, figure["bound"]) if value is not None]
    scale = Scale(known)
    dots = [
        {
            "x": LEFT + (n + 0.5) * step,
            "y": top + scale.down(value),
            "fails": not holds(figure, value),
        }
        for n, value in enumerate(values)
        if value is not None
    ]
    bound = figure["bound"]
    return {
        "name": figure["name"],
        "logarithmic": scale.logarithmic,
        "title": top - 14,
        "lines": [{"y": top + scale.down(line), "label": f"{line:g}"} for line in scale.lines],
        "bound": None if bound is None else top + scale.down(bound),
        "said": "" if bound is None else f"{figure['sense']} {bound:g}",
        "dots": dots,
    }


def holds(figure: Part, value: float) -> bool:
    """Whether a run keeps the bound of a figure."""
    if figure["bound"] is None:
        return True
    return value >= figure["bound"] if figure["sense"] == "at least" else value <= figure["bound"]


class Scale:
    """From values to pixels, logarithmic where they differ by more than WIDE times."""

    def __init__(self, values: Sequence[float]) -> None:
        low, high = (min(values), max(values)) if values else (0.0, 1.0)
        self.logarithmic = low > 0 and high / low > WIDE
        if self.logarithmic:
            powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
            self.lines = [10.0**power for power in powers]
        else:
            self.lines = ticks(min(low, 0.0) if low > -high else low, high)
        self.low, self.high = min(low, self.lines[0]), max(high, self.lines[-1])

    def down(self, value: float) -> float:
        """Pixels below a panel's top."""
        low, high = self.low, self.high
        if self.logarithmic:
            low, high, value = math.log10(low), math.log10(high), math.log10(value)
        return PANEL * (1 - (value - low) / (high - low))


def ticks(low: float, high: float) -> list[float]:
    """Round numbers from at most `low` to at least `high`, LINES steps or fewer."""
    span = high - low or abs(high) or 1.0
    scale = 10.0 ** math.floor(math.log10(span / LINES))
    step = next(scale * r for r in ROUND if span / (scale * r) <= LINES)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(n * step, 10) for n in range(first, max(last, first + 1) + 1)]


def shares(counts: Iterable[tuple[str, int]], total: int) -> list[Part]:
    """Parts of one bar, in percent."""
    return [
        {"name": name, "count": count, "percent": round(100 * count / total, 2)}
        for name, count in counts
        if total and count
    ]
