"""Moodle: a zip of folders, `Full name_<participant>_assignsubmission_file/…`, or of files whose names begin so."""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime, tzinfo

from grader.lms.forms import moment_of, most, strays
from grader.lms.handins import Contents, Download, Entry, HandIn, Key, Told

# Moodle writes blanks for _ in names. A team has its own number, and whoever is in none has none. Before 4.1 a folder's name
# ends in _.
FORM = re.compile(
    r"(?P<name>.*?)(?:_(?P<participant>[0-9]+))?_assignsubmission_[a-z]+(?:_(?P<file>.*))?",
    re.DOTALL,
)
NO_CLOCK = "Moodle's download tells no time; its worksheet does"
CLOCK = "Last modified (submission) in Moodle's worksheet"
IDENTIFIER, MODIFIED = "Identifier", "Last modified (submission)"
# an English Moodle's times: Friday, 27 November 2026, 11:59 PM
TIME = re.compile(
    r"(?:[A-Za-z]+, )?(?P<day>[0-9]{1,2}) (?P<month>[A-Za-z]+) (?P<year>[0-9]{4}),? "
    r"(?P<hour>[0-9]{1,2}):(?P<minute>[0-9]{2})(?:\s?(?P<half>[AaPp])[Mm])?"
)
MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]


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
    found_all = [_hand_in(*who, own, told) for who, own in files.items()]
    return Contents(tuple(found_all), strays(others, "Moodle"))


def _hand_in(participant: str, name: str, files: list[Entry], told: Told) -> HandIn:
    keys = {Key.PARTICIPANT: participant, Key.NAME: unicodedata.normalize("NFC", name)}
    moment = told.times.get(participant)
    return HandIn(
        by=({key: value for key, value in keys.items() if value},),
        files=tuple(files),
        order=(moment.timestamp(),) if moment else (),
        moment=moment,
        clock=CLOCK if moment else NO_CLOCK,
    )


def times(rows: Iterable[Mapping[str, str]], zone: tzinfo) -> dict[str, datetime]:
    """When each participant handed in, by the rows of Moodle's worksheet; `zone`: that Moodle showed it in.

    Whoever handed in nothing is not in it, nor where Moodle speaks another language than English.
    """
    found = dict[str, datetime]()
    for row in rows:
        participant = (row.get(IDENTIFIER) or "").rpartition(" ")[2]
        moment = _moment(row.get(MODIFIED) or "", zone)
        if participant.isdecimal() and moment:
            found[participant] = moment
    return found


def _moment(text: str, zone: tzinfo) -> datetime | None:
    told = TIME.fullmatch(text.strip())
    if not told or told["month"][:3].lower() not in MONTHS:
        return moment_of(text, zone)
    month, hour = 1 + MONTHS.index(told["month"][:3].lower()), int(told["hour"])
    if told["half"] and hour <= 12:
        hour = hour % 12 + 12 * (told["half"] in "Pp")
    elif told["half"]:
        return None
    clock = f"{hour:02}:{told['minute']}"
    return moment_of(f"{told['year']}-{month:02}-{int(told['day']):02} {clock}", zone)
