"""Any folder or archive of files whose names follow a pattern, as `{student}_{name}.ipynb`."""

import re
from collections import defaultdict
from dataclasses import replace

from grader.errors import CourseError
from grader.lms.downloads.forms import strays
from grader.lms.handins import Contents, Download, Entry, HandIn, Key, Refused, Told
from grader.text import one_line

KEYS = {
    "student": Key.STUDENT,
    "email": Key.EMAIL,
    "login": Key.LOGIN,
    "sis": Key.SIS,
    "github": Key.GITHUB,
    "canvas": Key.CANVAS,
    "participant": Key.PARTICIPANT,
    "person": Key.NAME,
}
OTHERS = {"name": r"[^/]", "attempt": r"[0-9]", "any": r"."}
FIELD = re.compile(r"\{(\w+)\}")
CLOCK = "files tell no time of hand-in"
TWO_WAYS = "the pattern fits in more than one way: put more of the name into it"


def recognised(download: Download) -> bool:
    """Never: only whoever has the files knows how they are named."""
    return False


def hand_ins(download: Download, told: Told) -> Contents:
    """One for each person and attempt; CourseError for a pattern that is none."""
    short, long = expression(told.pattern, "+?"), expression(told.pattern, "+")
    attempts = defaultdict[tuple[tuple[tuple[Key, str], ...], int], list[Entry]](list)
    others, refused = list[Entry](), list[Refused]()
    deep = told.pattern.count("/") + 1
    for entry in download.entries:
        path = "/".join(entry.path.split("/")[-deep:])
        found, again = short.fullmatch(path), long.fullmatch(path)
        if not found or not again:
            others.append(entry)
        elif _keys(found) != _keys(again):
            refused.append(Refused(one_line(entry.path), TWO_WAYS))
        else:
            attempts[_keys(found)].append(replace(entry, name=_name(found)))
    found_all = [
        HandIn(
            by=(dict(keys),),
            files=tuple(files),
            order=(float(attempt),),
            label=f"attempt {attempt}" if attempt else "",
            clock=CLOCK,
        )
        for (keys, attempt), files in attempts.items()
    ]
    return Contents(tuple(found_all), (*refused, *strays(others, "the pattern")))


def expression(pattern: str, many: str) -> "re.Pattern[str]":
    """The regular expression of a pattern; `many`: whether a field takes as little as it can (`+?`) or as much (`+`)."""
    fields = FIELD.findall(pattern)
    unknown = [name for name in fields if name not in KEYS and name not in OTHERS]
    if unknown or len(set(fields)) < len(fields) or not set(fields) & set(KEYS):
        raise CourseError(
            f"--pattern {pattern!r}: write who it is as {{student}}, {{login}}, {{email}}, {{sis}}, {{github}}, {{canvas}}, {{participant}} or"
            " {person}, and the rest as {name}, {attempt} or {any}, each at most once"
        )
    made = ""
    for place, part in enumerate(FIELD.split(pattern)):
        made += f"(?P<{part}>{OTHERS.get(part, '[^/]')}{many})" if place % 2 else re.escape(part)
    return re.compile(made, re.DOTALL)


def _keys(found: "re.Match[str]") -> tuple[tuple[tuple[Key, str], ...], int]:
    fields = found.groupdict()
    keys = tuple((KEYS[name], value) for name, value in fields.items() if name in KEYS)
    return keys, int(fields.get("attempt", "0"))


def _name(found: "re.Match[str]") -> str:
    """The file's own name, where the pattern has one: with what follows it there."""
    if "name" not in found.groupdict():
        return ""
    return found["name"] + found.string[found.end("name") :].rpartition("/")[2]
