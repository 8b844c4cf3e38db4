"""Moodle: a zip of folders, `Full name_<participant>_assignsubmission_file/…`, or of files whose names begin so."""

import re
import unicodedata
from collections import defaultdict
from dataclasses import replace

from grader.lms.downloads.forms import most, strays
from grader.lms.handins import Contents, Download, Entry, HandIn, Key, Told

# Moodle writes blanks for _ in names. A team has its own number, and whoever is in none has none. Before 4.1 a folder's name
# ends in _.
FORM = re.compile(
    r"(?P<name>.*?)(?:_(?P<participant>[0-9]+))?_assignsubmission_[a-z]+(?:_(?P<file>.*))?",
    re.DOTALL,
)
CLOCK = "Moodle's download tells no time"


def recognised(download: Download) -> bool:
    """Whether most files, or folders on the way to them, are named so."""
    return most(download, _form)


def _form(path: str) -> "tuple[re.Match[str], str] | None":
    """The part of the path that is named so, and the student's own path of the file."""
    parts = path.split("/")
    for place, part in enumerate(parts):
        if found := FORM.fullmatch(part):
            own = "/".join(parts[place + 1 :]) or found["file"]
            return (found, own) if own else None
    return None


def hand_ins(download: Download, told: Told) -> Contents:
    """One for each participant: files and online text together."""
    files, others = defaultdict[tuple[str, str], list[Entry]](list), list[Entry]()
    for entry in download.entries:
        if form := _form(entry.path):
            found, own = form
            who = (found["participant"] or "", found["name"])
            files[who].append(replace(entry, name=own.rpartition("/")[2]))
        else:
            others.append(entry)
    found_all = [_hand_in(*who, own) for who, own in files.items()]
    return Contents(tuple(found_all), strays(others, "Moodle"))


def _hand_in(participant: str, name: str, files: list[Entry]) -> HandIn:
    keys = {Key.PARTICIPANT: participant, Key.NAME: unicodedata.normalize("NFC", name)}
    return HandIn(
        by=({key: value for key, value in keys.items() if value},), files=tuple(files), clock=CLOCK
    )
