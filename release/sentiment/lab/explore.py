"""Two figures to play with: a slider for T or c where ipywidgets is installed, else a still picture for several values."""

import importlib.util
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from lab import plots
from lab.command import in_notebook, nbgrader_executes

if TYPE_CHECKING:
    from lab.plots import Picture

TEMPERATURES, COEFFICIENTS = (2.0, 0.5, 0.2), (0.05, 0.2, 1.0)
MORE = (0.05, 0.1, 0.2, 0.5, 1.0)  # coefficients, where a policy is one word


def shaping() -> Any:
    """Return what shows what the temperature of exponential shaping does: a slider, or a Picture."""
    return slider(lambda t: shaping_curves([t]), "T", 0.1, 3.0, 1.0) or shaping_curves(TEMPERATURES)


def shaping_curves(temperatures: Sequence[float]) -> "Picture":
    """Plot exp(s/T) - 1 over its largest value, a curve a temperature, and say how much more a step at the top counts."""
    figure, (plot,) = plots.axes()
    s = np.linspace(0, 1, 101)
    for i, t in enumerate(temperatures):
        ratio = np.exp(0.7 / t)  # of (0.8 to 0.9) to (0.1 to 0.2)
        label = f"T = {t:.2g}: 0.8 to 0.9 gains {ratio:,.3g} times as much as 0.1 to 0.2"
        look: dict[str, Any] = {"color": plots.COLOURS[i], "linestyle": plots.STYLES[i]}
        plot.plot(s, np.expm1(s / t) / np.expm1(1 / t), label=label, **look)
    plot.set(xlabel="score s", ylabel="shaped reward / its largest value", ylim=(-0.02, 1.02))
    figure.legend(frameon=False, loc="outside upper center")
    return figure


def toy_world(
    reviews: Sequence[str], p_ref: "np.ndarray[Any, Any]", scores: "np.ndarray[Any, Any]"
) -> Any:
    """Return what shows what the coefficient c of the terms does to the best policy: a slider, or a Picture below a table."""
    shown = slider(lambda c: best_policies(reviews, p_ref, scores, c), "c", 0.02, 2.0, 0.2)
    if shown is None:
        print(chosen(reviews, p_ref, scores))
        shown = tilted_policies(reviews, p_ref, scores)
    return shown


def chosen(
    reviews: Sequence[str], p_ref: "np.ndarray[Any, Any]", scores: "np.ndarray[Any, Any]"
) -> str:
    """Return a table of the one review on which each of the two terms puts everything, for several c."""
    row = "{:>6}   {:<21} {}".format
    lines = [row("c", *(name for name in terms(p_ref, scores, 1.0)))]
    for c in MORE:
        lines.append(row(c, *(reviews[int(v.argmax())] for v in terms(p_ref, scores, c).values())))
    return "\n".join(lines)


def terms(
    p_ref: "np.ndarray[Any, Any]", scores: "np.ndarray[Any, Any]", c: float
) -> "dict[str, np.ndarray[Any, Any]]":
    """Return what each review is worth under the objective with either term, by the objective's name."""
    return {"score + c log P_ref": scores + c * np.log(p_ref), "score - c / P_ref": scores - c / p_ref}  # fmt: skip


def best_policies(
    reviews: Sequence[str], p_ref: "np.ndarray[Any, Any]", scores: "np.ndarray[Any, Any]", c: float
) -> "Picture":
    """Plot the policies that are best under each objective, for one c."""
    one = np.eye(len(reviews))
    policies = {
        "reference": p_ref,
        **{name: one[values.argmax()] for name, values in terms(p_ref, scores, c).items()},
        "score - c KL(π‖P_ref)": tilted(p_ref, scores, c),
    }
    return bars(reviews, policies)


def tilted_policies(
    reviews: Sequence[str], p_ref: "np.ndarray[Any, Any]", scores: "np.ndarray[Any, Any]"
) -> "Picture":
    """Plot the best policies under a real KL penalty, for several c."""
    best = {f"score - c KL(π‖P_ref), c = {c:g}": tilted(p_ref, scores, c) for c in COEFFICIENTS}
    return bars(reviews, {"reference": p_ref, **best})


def tilted(
    p_ref: "np.ndarray[Any, Any]", scores: "np.ndarray[Any, Any]", c: float
) -> "np.ndarray[Any, Any]":
    """Return the policy proportional to P_ref exp(score / c)."""
    weights = p_ref * np.exp((scores - scores.max()) / c)
    found: np.ndarray[Any, Any] = weights / weights.sum()
    return found


def bars(reviews: Sequence[str], policies: "dict[str, np.ndarray[Any, Any]]") -> "Picture":
    """Plot policies side by side."""
    figure, (plot,) = plots.axes(width=8)
    places, width = np.arange(len(reviews)), 0.8 / len(policies)
    for i, (name, policy) in enumerate(policies.items()):
        at = places + width * (i - (len(policies) - 1) / 2)
        plot.bar(at, policy, width=width, color=plots.COLOURS[i], label=name)
    plot.set_xticks(range(len(reviews)), reviews)
    plot.set(xlabel="review", ylabel="probability under the policy", ylim=(0, 1.02))
    figure.legend(frameon=False, loc="outside upper center", ncols=2)
    return figure


def slider(
    draw: Callable[[float], "Picture"], name: str, low: float, high: float, first: float
) -> Any:
    """Return a figure with a slider above it, which a cell shows; None where there can be no slider.

    The figure is a widget, too: whatever executes a notebook without a page hangs now and then at outputs within widgets (nbclient #312).
    """
    if not can_slide():
        return None
    import ipywidgets

    handle = ipywidgets.FloatLogSlider(
        base=10, min=np.log10(low), max=np.log10(high), value=first, step=0.02, description=name
    )
    figure = ipywidgets.HTML(draw(first).as_html())
    handle.observe(lambda moved: figure.set_trait("value", draw(moved["new"]).as_html()), "value")
    return ipywidgets.VBox([handle, figure])


def can_slide() -> bool:
    """Tell whether ipywidgets is installed and a person may move a slider: not where nbgrader executes the notebook."""
    live = in_notebook() and not nbgrader_executes()
    return live and importlib.util.find_spec("ipywidgets") is not None
