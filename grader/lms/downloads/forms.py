"""What the systems' modules share: whether most files have a system's form, and who is nobody's."""

import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta, timezone, tzinfo

from grader.lms.handins import Download, Entry, Refused, few
from grader.submission.timestamps import plausible
from grader.text import one_line

# as programs write it: ISO 8601, Ruby's YAML, nbgrader's timestamps; blanks, colons and T as archives may have changed them
MOMENT = re.compile(
    r"(?P<day>\d{4}-\d\d-\d\d)[T _-](?P<hour>\d\d)[:_-](?P<minute>\d\d)"
    r"(?:[:_-](?P<second>\d\d)(?:[.,](?P<part>\d+))?)?"
    r" ?(?P<zone>Z|UTC|(?P<sign>[+-])(?P<hours>\d\d):?(?P<minutes>\d\d)?)?",
    re.ASCII,
)


def most(download: Download, fits: Callable[[str], object]) -> bool:
    """Whether more than half of the files, and one at least, have paths that fit."""
    return 2 * sum(bool(fits(entry.path)) for entry in download.entries) > len(download.entries)


def strays(entries: Iterable[Entry], system: str) -> tuple[Refused, ...]:
    """A row for each file that has not the system's form."""
    words = f"not named as {system} names hand-ins"
    return few([Refused(one_line(entry.path), words) for entry in entries])


def last(path: str) -> str:
    """The file's name alone."""
    return path.rpartition("/")[2]


def moment_of(text: str, zone: tzinfo | None = None) -> datetime | None:
    """The moment in UTC that a text names, to the second; None where it names none.

    Args:
        zone: of texts that name none; without it these are no moment.
    """
    found = MOMENT.fullmatch(text.strip())
    if not found:
        return None
    own = zone
    if found["sign"]:
        offset = timedelta(hours=int(found["hours"]), minutes=int(found["minutes"] or 0))
        own = timezone(offset if found["sign"] == "+" else -offset)
    elif found["zone"]:
        own = UTC
    if own is None:
        return None
    try:
        clock = f"{found['day']} {found['hour']}:{found['minute']}:{found['second'] or '00'}"
        moment = datetime.fromisoformat(clock).replace(tzinfo=own).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return moment if plausible(moment) else None
