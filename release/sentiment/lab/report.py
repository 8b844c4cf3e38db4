"""report.html: one page on a run, without scripts, links or other files: verdict, curves, histograms, texts before and after.

The gate's own report is made of the same parts.
"""

import base64
import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lab.intervals import Interval, clustered, clustered_change
from lab.measure import FIGURES, first_of_each_prompt, spread
from lab.runs import Run, read_record, write_whole
from lab.thresholds import THRESHOLDS, checked, flaw, other_settings, run_figures

if TYPE_CHECKING:
    import jinja2
    from matplotlib.figure import Figure

TEMPLATES = Path(__file__).parent / "templates"
SHOWN_PROMPTS = 6  # pairs of completions


def write_report(run: Run) -> str:
    """Write the report on a finished run into its folder; return one line that says where, or why not. Never raises."""
    path = run.folder / "report.html"
    try:
        write_whole(path, html(run).encode(errors="backslashreplace"))
    except Exception as error:  # whatever it is, the run itself is whole
        reason = str(error).strip().splitlines()[:1]
        return f"no report was written ({': '.join([type(error).__name__, *reason])}): the run itself is whole"
    return f"report: {path}"


def html(run: Run) -> str:
    """Return the page on a run."""
    record = read_record(run.folder) or {}
    others = other_settings(run.config)
    asked = f"It was made with {', '.join(others)}." if others else ""
    page = {
        "run": run,
        "record": {"git": None, "commands": [], **record},
        "notes": notes(record),
        "figures": figure_rows(run),
        "change": shown(paired(run), sign="+"),
        "flaw": asked or flaw(run),
        "checks": [checked(t, run_figures(run), run.config["preset"]) for t in THRESHOLDS],
        "pairs": pairs(run),
        **pictures(run, "this run"),
    }
    return environment().get_template("report.html.jinja").render(page)


def environment(*folders: Path) -> "jinja2.Environment":
    """Return jinja for our templates and those in other folders; every value is escaped."""
    import jinja2

    return jinja2.Environment(
        loader=jinja2.FileSystemLoader([*folders, TEMPLATES]),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )


def notes(record: dict[str, Any]) -> list[str]:
    """Return what else is to be known: a model that is not the last step's, a run that stopped, ways that were left."""
    found = []
    if kept := record.get("kept"):
        found.append(f"final/ is the model of step {kept['step']}: {kept['because']}.")
    if stopped := record.get("stopped"):
        found.append(f"Stopped at step {stopped['step']}: {stopped['because']}.")
    left = record.get("ways", {}).get("left", {})
    return [*found, *(f"Left {way}: {reason}." for way, reason in left.items())]


def figure_rows(run: Run) -> list[dict[str, str]]:
    """Return the figures before and after, as text; P(positive) with its interval."""
    sides = {"before": run.before, "after": run.after}
    rows = [{"name": "P(positive)", **{w: shown(interval(side)) for w, side in sides.items()}}]
    for key, name in FIGURES.items():
        rows.append({"name": name, **{who: f"{side[key]:.3f}" for who, side in sides.items()}})
    return rows


def columns(side: dict[str, Any]) -> tuple[list[str], list[float]]:
    """Return the prompt and the score of each completion."""
    return [c["prompt"] for c in side["completions"]], [c["score"] for c in side["completions"]]


def interval(side: dict[str, Any]) -> Interval:
    """Return P(positive) of an evaluation with its interval."""
    return clustered(*columns(side))


def paired(run: Run) -> Interval:
    """Return the change of P(positive) with its interval."""
    prompts, before = columns(run.before)
    return clustered_change(prompts, before, columns(run.after)[1])


def shown(found: Interval, sign: str = "") -> str:
    """Return an interval as text."""
    return f"{found.mean:{sign}.3f} [{found.low:.3f}, {found.high:.3f}]"


def pictures(run: Run, label: str) -> dict[str, dict[str, str]]:
    """Return the curve of a run and the histograms before and after, each with its alternative text."""
    from lab import plots

    sides = {"base": run.before, "trained": run.after}
    scores = {who: columns(side)[1] for who, side in sides.items()}
    return {
        "curve": picture(plots.reward_curve({label: run})),
        "histogram": picture(plots.sentiment_histograms(scores)),
    }


def picture(figure: "Figure") -> dict[str, str]:
    """Return a figure as a data URI, and in words."""
    from lab.described import described

    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=90)
    data = "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()
    return {"data": data, "words": described(figure)}


def pairs(run: Run) -> list[dict[str, Any]]:
    """Return a few prompts, spread over the set, with the first completion of each model and its score."""
    sides = {"before": run.before["completions"], "after": run.after["completions"]}
    places = spread(first_of_each_prompt(sides["before"]), SHOWN_PROMPTS)
    return [
        {"prompt": sides["before"][i]["prompt"], **{who: side[i] for who, side in sides.items()}}
        for i in places
    ]
