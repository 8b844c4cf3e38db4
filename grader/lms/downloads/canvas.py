"""Canvas: a flat zip of files, `lastnamefirstname[_LATE]_<user id>_<file's number>_<file>`."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from grader.lms.downloads.blackboard import FORM as BLACKBOARD
from grader.lms.downloads.forms import last, most, strays
from grader.lms.handins import Contents, Download, Entry, HandIn, Key, Refused, Told
from grader.submission.copies import uploaded
from grader.text import one_line

# The name has letters and digits alone, and a group's work has the group's. Where students are anonymous to graders, so is the
# download. Texts that were written in Canvas itself have no number. A name that ends in _ and digits reads as another user's
# number; that user's own files, under another name, give it away.
FORMS = (
    re.compile(r"(?P<late>LATE_)?(?P<user>anon_[A-Za-z0-9]+)_(?P<number>[0-9]+)_(?P<file>.+)"),
    re.compile(r"(?P<who>.*?)(?P<late>_LATE)?_(?P<user>[0-9]+)_(?P<number>[0-9]+)_(?P<file>.+)"),
    re.compile(
        r"(?P<who>.*?)(?P<late>_LATE)?_(?P<user>[0-9]+)_(?P<number>)(?P<file>(?:text|link)\.html)"
    ),
)
CLOCK = "Canvas's download tells no time, only who is late"
FIRST = 0.0  # the number of a file that nothing was added to


@dataclass(frozen=True)
class File:
    """One file of a student's; `stem`, `upload`: its name without Canvas's number, and that number."""

    entry: Entry
    who: str
    number: int
    late: bool
    stem: str
    upload: float


def recognised(download: Download) -> bool:
    """Whether most files are named so, side by side in one folder."""
    named = [entry.path for entry in download.entries if _form(entry.path)]
    return len({path.rpartition("/")[0] for path in named}) == 1 and most(download, _form)


def _form(path: str) -> "re.Match[str] | None":
    name = last(path)
    if BLACKBOARD.fullmatch(name):
        return None
    return next((found for form in FORMS if (found := form.fullmatch(name))), None)


def hand_ins(download: Download, told: Told) -> Contents:
    """A student's files, the newest upload of each name; older ones that lie beside it are earlier attempts."""
    files, others = defaultdict[str, list[File]](list), list[Entry]()
    for entry in download.entries:
        if found := _form(entry.path):
            files[found["user"]].append(_file(entry, found, told))
        else:
            others.append(entry)
    found_all, refused = list[HandIn](), list[Refused]()
    for user, own in files.items():
        if len({file.who for file in own}) == 1:
            found_all += _attempts(user, own)
        else:
            words = f"Canvas's user {user} has several names here: whose this is cannot be told"
            refused += [Refused(one_line(file.entry.path), words) for file in own]
    return Contents(tuple(found_all), (*refused, *strays(others, "Canvas")))


def _file(entry: Entry, found: "re.Match[str]", told: Told) -> File:
    """The number of an upload is none where the notebook was given out with it."""
    parts, name = found.groupdict(), found["file"]
    stem, upload = (name, FIRST) if name == f"{told.notebook}.ipynb" else uploaded(name)
    number, late = int(found["number"] or 0), bool(found["late"])
    return File(replace(entry, name=name), parts.get("who", ""), number, late, stem, upload)


def _attempts(user: str, files: Iterable[File]) -> Iterator[HandIn]:
    """Oldest first: a file that came once belongs to the newest, of others the newest does, and so back.

    Files are numbered as they come in. Where that says otherwise than their names, these are the student's own.
    """
    versions = defaultdict[str, list[File]](list)
    for file in sorted(files, key=lambda file: file.upload):
        versions[file.stem].append(file)
    for own in versions.values():
        numbers = [file.number for file in own]
        if sorted(set(numbers)) != numbers:
            yield _hand_in(user, [replace(file, stem=file.entry.own) for file in files])
            return
    for age in reversed(range(max(map(len, versions.values())))):
        yield _hand_in(user, [own[-1 - age] for own in versions.values() if len(own) > age])


def _hand_in(user: str, files: list[File]) -> HandIn:
    """One attempt; a file is named as the student did, without Canvas's number."""
    upload = max(file.upload for file in files)
    return HandIn(
        by=({Key.CANVAS: user},),
        files=tuple(replace(file.entry, name=file.stem) for file in files),
        order=(float(max(file.number for file in files)), upload),
        label=f"upload {upload + 1:.0f}" if upload > FIRST else "",
        clock=CLOCK,
        late=any(file.late for file in files),
    )
