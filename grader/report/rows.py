"""The report as one long table: a row a number, or a student."""

from collections.abc import Iterator
from typing import Any

FIELDS = ("part", "exercise", "item", "measure", "value")
# as they are: programs match them
IDS = ("part", "exercise", "measure")
Part = dict[str, Any]
Row = tuple[str, str, str, str, Any]
MIDDLE = ("count", "mean", "median", "lower_quartile", "upper_quartile")
OF_EXERCISE = (*MIDDLE, "full", "none", "open", "by_hand", "max_points")
OF_LAW = ("judged", "failing", "share_failing", "discrimination", "word")
GROUPS = ("open", "missing", "late", "not_graded", "unreadable")


def rows(report: Part) -> Iterator[Row]:
    """Every number of the report with what it is of, and after the number of students a row for each of them, unless it is anonymous."""
    for measure, value in report["class"].items():
        yield ("class", "", "", measure, value)
    yield from _marks(report["marks"])
    for law in report["items"]["laws"]:
        for measure in OF_LAW:
            yield ("items", law["exercise"], law["test"], measure, law[measure])
    for entry in report["mistakes"]:
        yield from _who(entry, "mistakes", entry["exercise"], entry["cause"])
    yield from _training(report["training"])
    for kind in report["lookalikes"]["kinds"]:
        for number, group in enumerate(kind["groups"], start=1):
            item = f"{kind['kind']} {number}"
            yield ("lookalikes", "", item, "shared", group["shared"])
            yield ("lookalikes", "", item, "share", group["share"])
            yield from _who(group, "lookalikes", "", item)


def _marks(marks: Part) -> Iterator[Row]:
    for measure in (*MIDDLE, "max_total", "final"):
        yield ("marks", "", "total", measure, marks[measure])
    for bar in marks["histogram"]:
        for measure in ("final", "so_far"):
            yield ("marks", "", f"from {bar['from']:g}", measure, bar[measure])
    for exercise in marks["exercises"]:
        for measure in OF_EXERCISE:
            yield ("marks", exercise["exercise"], "", measure, exercise[measure])
        for outcome, count in exercise["outcomes"].items():
            yield ("marks", exercise["exercise"], outcome, "outcome", count)
    for group in GROUPS:
        yield from _who(marks[group], "marks", "", group)
    for times, count in marks["attempts"]["counts"].items():
        yield ("marks", "", f"attempts: {times}", "students", count)


def _training(training: Part) -> Iterator[Row]:
    for number, run in enumerate(training["runs"], start=1):
        item = f"run {number}"
        yield ("training", "", item, "share", run["share"])
        for name, value in run["figures"].items():
            yield ("training", "", item, name, value)
        yield from _who(run, "training", "", item)
    for entry in training["failed"]:
        yield from _who(entry, "training", "", f"does not hold: {entry['claim']}")
    for entry in training["stopped"]:
        yield from _who(entry, "training", "", f"no run to its end: {entry['outcome']}")


def _who(entry: Part, part: str, exercise: str, item: str) -> Iterator[Row]:
    yield (part, exercise, item, "students", entry["students"])
    for student in entry.get("who", ()):
        yield (part, exercise, item, "who", student)
