"""Gradescope: an export with a folder for each submission, and submission_metadata.yml, which says whose they are.

The metadata are YAML that Ruby wrote, with the names and test results that students had a hand in. They are read as a stream of
events: no object is made of a tag, no alias is followed, and nothing is kept but the few texts that are wanted.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from grader.lms.downloads.forms import last, moment_of, most
from grader.lms.handins import Contents, Download, Entry, HandIn, Key, Refused, Told, few
from grader.reader import Unreadable
from grader.text import one_line

METADATA = "submission_metadata.yml"
KEYS = {":sid": Key.SIS, ":email": Key.EMAIL, ":name": Key.NAME}
CLOCK = "created_at in Gradescope's metadata"
DEEPEST = 50  # levels of the metadata: Gradescope's have six


@dataclass
class Submission:
    """What the metadata say of one."""

    people: list[dict[Key, str]] = field(default_factory=list)
    created_at: str = ""
    earlier: int = 0


def recognised(download: Download) -> bool:
    """Whether the metadata are there, or all files lie in folders `submission_<number>`."""
    named = any(last(entry.path) == METADATA for entry in download.entries)
    return named or most(download, _numbered)


def _numbered(path: str) -> bool:
    folders = [part.rpartition("submission_") for part in path.split("/")[:-1]]
    return any(mark and not before and after.isdecimal() for before, mark, after in folders)


def hand_ins(download: Download, told: Told) -> Contents:
    """One for each submission; a group's has several people."""
    metadata = [entry for entry in download.entries if last(entry.path) == METADATA]
    metadata.sort(key=lambda entry: entry.path.count("/"))
    if not metadata:
        words = f"without {METADATA} nobody can tell whose these submissions are"
        return Contents((), (Refused(one_line(download.name), words),))
    try:
        known = read(metadata[0].read())
    except Unreadable as error:
        return Contents((), (Refused(one_line(metadata[0].path), str(error)),))
    root = metadata[0].path.removesuffix(METADATA)
    files = _by_submission(download, root)
    found, refused = list[HandIn](), list[Refused]()
    for name, submission in known.items():
        if submission.people:
            found.append(_hand_in(name, submission, files.get(name, [])))
        else:
            refused.append(Refused(one_line(name), f"{METADATA} names nobody who handed it in"))
    words = f"{METADATA} says nothing of it"
    refused += [Refused(one_line(name), words) for name in files if name not in known]
    return Contents(tuple(found), few(refused))


def _by_submission(download: Download, root: str) -> dict[str, list[Entry]]:
    """The files below the metadata's folder, by the folder there, or by the name of a file beside it."""
    files = dict[str, list[Entry]]()
    for entry in download.entries:
        below = entry.path.removeprefix(root)
        if entry.path != root + METADATA:
            files.setdefault(below.partition("/")[0], []).append(entry)
    return files


def _hand_in(name: str, submission: Submission, files: list[Entry]) -> HandIn:
    moment = moment_of(submission.created_at)
    return HandIn(
        by=tuple(submission.people),
        files=tuple(files),
        order=(moment.timestamp() if moment else 0.0, name),
        label=f"{name}, attempt {submission.earlier + 1}",
        moment=moment,
        clock=CLOCK if moment else f"{METADATA} names no time",
    )


# --- the metadata


def read(data: bytes) -> dict[str, Submission]:
    """All submissions of the metadata; Unreadable where they are no such thing."""
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    found = dict[str, Submission]()
    try:
        events = (event for event in yaml.parse(data, Loader=loader) if not _frame(event))
        first = next(events, None)
        if not isinstance(first, yaml.MappingStartEvent):
            raise Unreadable(f"{METADATA} is no table of submissions")
        for name, value in _pairs(events):
            found[name] = _submission(events, value)
    except (yaml.YAMLError, ValueError, RuntimeError, StopIteration) as error:
        words = one_line(str(error), 100)
        raise Unreadable(f"{METADATA} cannot be read: {words}") from None
    return found


def _frame(event: Any) -> bool:
    return type(event).__name__.startswith(("Stream", "Document"))


def _pairs(events: Iterator[Any]) -> Iterator[tuple[str, Any]]:
    """Each key of a mapping that has begun, with the event that begins its value, which the caller takes from `events`."""
    import yaml

    while not isinstance(key := next(events), yaml.MappingEndEvent):
        name = key.value if isinstance(key, yaml.ScalarEvent) else ""
        if not name:
            _skip(events, key)
        yield name, next(events)


def _items(events: Iterator[Any], first: Any) -> Iterator[Any]:
    """The event that begins each item of a sequence; of anything else none."""
    import yaml

    if not isinstance(first, yaml.SequenceStartEvent):
        _skip(events, first)
        return
    while not isinstance(item := next(events), yaml.SequenceEndEvent):
        yield item


def _skip(events: Iterator[Any], first: Any) -> None:
    """Take the rest of a value from the events."""
    import yaml

    depth = isinstance(first, yaml.CollectionStartEvent)
    level = int(depth)
    while level:
        event = next(events)
        level += isinstance(event, yaml.CollectionStartEvent)
        level -= isinstance(event, yaml.CollectionEndEvent)
        if level > DEEPEST:
            raise ValueError("it is nested too deeply")


def _submission(events: Iterator[Any], first: Any) -> Submission:
    import yaml

    found = Submission()
    if not isinstance(first, yaml.MappingStartEvent):
        _skip(events, first)
        return found
    for name, value in _pairs(events):
        if name == ":submitters":
            found.people += [
                keys for item in _items(events, value) if (keys := _person(events, item))
            ]
        elif name == ":created_at":
            found.created_at = _time(events, value)
        elif name == ":history":
            for item in _items(events, value):
                found.earlier += 1
                _skip(events, item)
        else:
            _skip(events, value)
    return found


def _person(events: Iterator[Any], first: Any) -> dict[Key, str]:
    told = {KEYS[name]: one_line(t) for name, t in _texts(events, first).items() if name in KEYS}
    return {key: text for key, text in told.items() if text}


def _time(events: Iterator[Any], first: Any) -> str:
    """A scalar, or an object of Rails, which has the time as `utc`."""
    import yaml

    if isinstance(first, yaml.ScalarEvent):
        return str(first.value)
    return _texts(events, first).get("utc", "")


def _texts(events: Iterator[Any], first: Any) -> dict[str, str]:
    """The scalars of a mapping as they are written: a SID keeps its zeros; of anything else nothing."""
    import yaml

    if not isinstance(first, yaml.MappingStartEvent):
        _skip(events, first)
        return {}
    found = dict[str, str]()
    for name, value in _pairs(events):
        if isinstance(value, yaml.ScalarEvent):
            null = value.implicit[0] and value.value in ("", "~", "null")
            found[name] = "" if null else str(value.value)
        else:
            _skip(events, value)
    return found
