"""When Moodle got each submission: its grading worksheet says so, in local time, and its download does not."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, tzinfo

from grader.lms.handins import HandIn, Key

# as Moodle writes it in English, with and without AM and PM, and as a spreadsheet program may have rewritten it
FORMS = ("%A, %d %B %Y, %I:%M %p", "%A, %d %B %Y, %H:%M", "%d %B %Y, %H:%M", "%Y-%m-%d %H:%M", "%d/%m/%y, %H:%M")  # fmt: skip
SAYS = "'Last modified (submission)' in the worksheet"


def dated(
    hand_ins: Iterable[HandIn], modified: Mapping[str, str], zone: tzinfo | None
) -> tuple[HandIn, ...]:
    """Hand-ins with the worksheet's times; `modified`: by participant; `zone`: of them, without which they only order attempts."""
    return tuple(_dated(hand_in, modified, zone) for hand_in in hand_ins)


def _dated(hand_in: HandIn, modified: Mapping[str, str], zone: tzinfo | None) -> HandIn:
    participant = hand_in.by[0].get(Key.PARTICIPANT, "") if hand_in.by else ""
    text = modified.get(participant, "")
    if hand_in.moment or text in ("", "-"):
        return hand_in
    local = read_time(text)
    if local is None:
        return replace(hand_in, clock=f"{SAYS} is in words that cannot be read: {text}")
    dated = replace(hand_in, order=(local.isoformat(),))
    if zone is None:
        return replace(dated, clock=f"{SAYS} is local time: name its zone with --zone")
    moment = local.replace(tzinfo=zone).astimezone(UTC)
    return replace(dated, moment=moment, clock=f"{SAYS}, {zone}")


def read_time(text: str) -> datetime | None:
    """The local time, without a zone; None where the text is none, or in another language than English."""
    for form in FORMS:
        try:
            return datetime.strptime(" ".join(text.split()), form)
        except ValueError:
            continue
    return None
