"""When Moodle got each submission: its grading worksheet says so, in local time, and its download does not."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, tzinfo

from grader.lms.downloads.forms import moment_of
from grader.lms.handins import HandIn, Key

IDENTIFIER, MODIFIED = "Identifier", "Last modified (submission)"
CLOCK = f"{MODIFIED} in Moodle's worksheet"
NO_ZONE = f"{CLOCK} is local time: name its zone with --zone"
# an English Moodle's times: Friday, 27 November 2026, 11:59 PM
TIME = re.compile(
    r"(?:[A-Za-z]+, )?(?P<day>[0-9]{1,2}) (?P<month>[A-Za-z]+) (?P<year>[0-9]{4}),? "
    r"(?P<hour>[0-9]{1,2}):(?P<minute>[0-9]{2})(?:\s?(?P<half>[AaPp])[Mm])?"
)
MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]


def dated(
    hand_ins: Iterable[HandIn], worksheet: Iterable[Mapping[str, str]], zone: tzinfo | None
) -> tuple[HandIn, ...]:
    """Hand-ins with the worksheet's times; without the zone that Moodle showed them in these only say which came first."""
    known = times(worksheet, zone or UTC)
    return tuple(_dated(hand_in, known, zone is not None) for hand_in in hand_ins)


def _dated(hand_in: HandIn, known: Mapping[str, datetime], sure: bool) -> HandIn:
    participant = hand_in.by[0].get(Key.PARTICIPANT, "") if hand_in.by else ""
    moment = known.get(participant)
    if hand_in.moment or not moment:
        return hand_in
    if sure:
        return replace(hand_in, order=(moment.timestamp(),), moment=moment, clock=CLOCK)
    # words, which are never compared with the numbers that stand for moments
    return replace(hand_in, order=(f"{moment:%Y-%m-%d %H:%M}",), clock=NO_ZONE)


def times(rows: Iterable[Mapping[str, str]], zone: tzinfo) -> dict[str, datetime]:
    """When each participant handed in; `zone`: that Moodle showed it in.

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
    told = TIME.fullmatch(" ".join(text.split()))
    if not told or told["month"][:3].lower() not in MONTHS:
        return moment_of(text, zone)
    month, hour = 1 + MONTHS.index(told["month"][:3].lower()), int(told["hour"])
    if told["half"] and hour <= 12:
        hour = hour % 12 + 12 * (told["half"] in "Pp")
    elif told["half"]:
        return None
    clock = f"{hour:02}:{told['minute']}"
    return moment_of(f"{told['year']}-{month:02}-{int(told['day']):02} {clock}", zone)
