"""Blackboard: a flat zip, `<assignment>_<user>_attempt_<time>_<file>`, and beside each attempt's files a receipt in words."""

import re
from collections import defaultdict
from dataclasses import replace
from datetime import datetime

from grader.lms.downloads.forms import last, moment_of, most, strays
from grader.lms.downloads.names import why_odd
from grader.lms.handins import Contents, Download, Entry, HandIn, Key, Told
from grader.reader import Unreadable

FORM = re.compile(
    # as little as possible before the time: what follows, a student named
    r"(?P<before>.+?)_attempt_(?P<time>[0-9]{4}(?:-[0-9]{2}){5})"
    r"(?:_(?P<file>.+)|(?P<receipt>\.txt))",
    re.DOTALL,
)
USER = re.compile(r"^Name:.*\((?P<user>[^()\n]+)\)[ \t]*$", re.MULTILINE)
# a student's words may look like it; the list comes after them, and what is said last counts
FILE = re.compile(
    r"^\s*Original filename: (?P<own>[^\n]+)\n\s*Filename: (?P<name>[^\n]+)$", re.MULTILINE
)
NO_ZONE = "the file's name tells a local time: name its zone"


def recognised(download: Download) -> bool:
    """Whether most files are named so."""
    return most(download, lambda path: FORM.fullmatch(last(path)))


def hand_ins(download: Download, told: Told) -> Contents:
    """One for each attempt."""
    attempts, others = defaultdict[tuple[str, str], list[Entry]](list), list[Entry]()
    receipts = dict[tuple[str, str], str]()
    for entry in download.entries:
        found = FORM.fullmatch(last(entry.path))
        if not found:
            others.append(entry)
            continue
        attempt = (found["before"], found["time"])
        if found["receipt"]:
            attempts[attempt] += []
            receipts[attempt] = _text(entry)
        else:
            attempts[attempt].append(replace(entry, name=found["file"]))
    found_all = [
        _hand_in(attempt, files, receipts.get(attempt, ""), told)
        for attempt, files in attempts.items()
    ]
    return Contents(tuple(found_all), strays(others, "Blackboard"))


def _text(entry: Entry) -> str:
    try:
        return entry.read().decode("utf-8", "replace").replace("\r\n", "\n")
    except Unreadable:
        return ""


def _hand_in(attempt: tuple[str, str], files: list[Entry], receipt: str, told: Told) -> HandIn:
    before, time = attempt
    listed = {found["name"].strip(): found["own"].strip() for found in FILE.finditer(receipt)}
    own_names = {name: own for name, own in listed.items() if not why_odd(own)}
    moment, clock = _moment(time, told)
    return HandIn(
        by=({Key.LOGIN: _user(before, receipt)},),
        files=tuple(replace(f, name=own_names.get(last(f.path), f.own)) for f in files),
        order=(time,),
        label=f"attempt of {time}",
        moment=moment,
        clock=clock,
    )


def _user(before: str, receipt: str) -> str:
    """The receipt knows where the user's name begins if there is _ in it; without one, none is."""
    found = USER.search(receipt)
    if found and before.endswith(f"_{found['user']}"):
        return found["user"]
    return before.rpartition("_")[2]


def _moment(time: str, told: Told) -> tuple[datetime | None, str]:
    day, clock = time[:10], time[11:]
    moment = moment_of(f"{day} {clock.replace('-', ':')}", told.zone)
    return moment, f"the attempt's time in the file's name, {told.zone}" if moment else NO_ZONE
