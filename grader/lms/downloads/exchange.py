"""nbgrader's own: the exchange's inbound folder, and what zip_collect makes.

`<student>+<assignment>+<time>[+<random>]/…` and `[submitted/]<student>/<assignment>/…`.
"""

import re
from collections import defaultdict
from dataclasses import dataclass

from grader.lms.downloads.forms import moment_of, most, strays
from grader.lms.handins import Contents, Download, Entry, HandIn, Key, Refused, Told
from grader.reader import is_notebook
from grader.submission.collect import REFUSED, TIMESTAMP
from grader.text import one_line

INBOUND = re.compile(
    r"(?P<student>.+)\+(?P<assignment>[^+]+)\+"
    r"(?P<time>[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}[:_-][0-9]{2}[:_-][0-9]{2}"
    r"(?:\.[0-9]+)?(?: (?:[+-][0-9]{2}:?(?:[0-9]{2})?|[^+]*))?)(?:\+[^+]+)?",
    re.DOTALL,
)
CLOCK = "the time in the folder's name"
NO_ZONE = "the time in the folder's name has no zone: name it"
NO_CLOCK = "these folders tell no time"


@dataclass(frozen=True)
class Place:
    """What a path says; `time`: "" where it says none."""

    folder: str
    student: str
    assignment: str
    time: str = ""


def recognised(download: Download) -> bool:
    """Whether most files lie in folders named so; folders of zip_collect have one assignment's notebooks of several students."""
    if most(download, _inbound):
        return True
    places = [place for entry in download.entries if (place := _collected(entry.path))]
    notebooks = any(is_notebook(entry.path) for entry in download.entries)
    students = {place.student for place in places}
    assignments = {place.assignment for place in places}
    return (
        notebooks
        and len(assignments) == 1
        and len(students) > 1
        and len(places) == len(download.entries)
    )


def _inbound(path: str) -> Place | None:
    parts = path.split("/")
    for place, part in enumerate(parts[:-1]):
        if found := INBOUND.fullmatch(part):
            folder = "/".join(parts[: place + 1])
            return Place(folder, found["student"], found["assignment"], found["time"])
    return None


def _collected(path: str) -> Place | None:
    parts = path.split("/")
    if parts[0] == "submitted":
        parts = parts[1:]
    if len(parts) < 3:
        return None
    return Place("/".join(parts[:2]), parts[0], parts[1])


def hand_ins(download: Download, told: Told) -> Contents:
    """One for each folder; those of another assignment are refused."""
    place_of = _inbound if most(download, _inbound) else _collected
    files, others = defaultdict[Place, list[Entry]](list), list[Entry]()
    for entry in download.entries:
        if not (place := place_of(entry.path)):
            others.append(entry)
        elif entry.path.rpartition("/")[2] not in (TIMESTAMP, REFUSED):
            files[place].append(entry)
    foreign = [p for p in files if told.assignment and p.assignment != told.assignment]
    refused = [
        Refused(one_line(place.folder), f"another assignment's: {one_line(place.assignment)}")
        for place in foreign
    ]
    found = [_hand_in(place, own, told) for place, own in files.items() if place not in foreign]
    return Contents(tuple(found), (*refused, *strays(others, "nbgrader")))


def _hand_in(place: Place, files: list[Entry], told: Told) -> HandIn:
    moment = moment_of(place.time, told.zone)
    no_clock = NO_ZONE if place.time else NO_CLOCK
    return HandIn(
        by=({Key.STUDENT: place.student},),
        files=tuple(files),
        order=(moment.timestamp() if moment else 0.0, place.time),
        label=place.time,
        moment=moment,
        clock=CLOCK if moment else no_clock,
    )
