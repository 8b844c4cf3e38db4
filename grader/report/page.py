"""The report as one HTML page that needs nothing else: no script, no font, no address. Every text in it is escaped."""

from typing import Any

import jinja2

from grader.assignment import Kind
from grader.report import charts
from grader.text import clean
from grader.verdict import Outcome

LONGEST = 4000  # characters of one text
BY_HAND = "marked by hand"
# colours of outcomes in a page's bars, by class; all others are "other"
SHADES: dict[str, str] = {
    Outcome.PASS: "pass",
    Outcome.PARTIAL: "partial",
    Outcome.WRONG: "wrong",
    Outcome.NOT_IMPLEMENTED: "absent",
    BY_HAND: "hand",
}
Part = dict[str, Any]


def page(report: Part) -> str:
    """All of the report's document."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("grader.report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=harmless,
    )
    environment.filters.update(number=number, percent=percent, count=count)
    told = report.get("names", {})

    def named(student: str) -> str:
        return f"{told[student]} ({student})" if student in told else student

    training = report["training"]
    return environment.get_template("report.html.jinja").render(
        report=report,
        named=named,
        shades=shades,
        histogram=charts.histogram(report["marks"]["histogram"]),
        panels=charts.panels(training["runs"], training["figures"]),
    )


def harmless(value: Any) -> Any:
    """Texts without control and direction-changing characters; what is escaped already stays."""
    if isinstance(value, str) and not hasattr(value, "__html__"):
        return clean(value, LONGEST)
    return value


def shades(exercise: Part) -> list[Part]:
    """The outcomes of an exercise as parts of one bar; of one that a person marks, the marks by hand among them."""
    counts: dict[str, int] = exercise["outcomes"]
    if exercise["kind"] == Kind.MANUAL:
        counts = {BY_HAND: exercise["by_hand"], **counts}
    parts = charts.shares(counts.items(), sum(counts.values()))
    return [part | {"shade": SHADES.get(part["name"].partition(",")[0], "other")} for part in parts]


def number(value: float | None, digits: int = 2) -> str:
    """A number with so many decimals at most; a dash for none."""
    if value is None:
        return "–"
    return f"{value:.{digits}f}".rstrip("0").rstrip(".") if digits else f"{value:.0f}"


def percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def count(number_of: int, one: str, many: str = "") -> str:
    """So many, with the word for them: `many` where its plural is more than an s."""
    return f"{number_of:,} {one if number_of == 1 else many or one + 's'}"
