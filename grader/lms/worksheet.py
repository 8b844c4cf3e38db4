"""What Moodle's worksheet says of when work came in, where nobody says the time zone: which came first, and no more."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime

from grader.lms.handins import HandIn, Key
from grader.lms.moodle import times

NO_ZONE = (
    "Last modified (submission) in Moodle's worksheet is local time: name its zone with --zone"
)


def in_order(
    hand_ins: Iterable[HandIn], worksheet: Iterable[Mapping[str, str]]
) -> tuple[HandIn, ...]:
    """Hand-ins whose order is that of the local times."""
    local = times(worksheet, UTC)
    return tuple(_ordered(hand_in, local) for hand_in in hand_ins)


def _ordered(hand_in: HandIn, local: Mapping[str, datetime]) -> HandIn:
    participant = hand_in.by[0].get(Key.PARTICIPANT, "") if hand_in.by else ""
    if hand_in.moment or participant not in local:
        return hand_in
    # words, which are never compared with the numbers that stand for moments
    words = f"{local[participant]:%Y-%m-%d %H:%M}"
    return replace(hand_in, order=(words,), clock=NO_ZONE)
