"""Notebooks that look alike, for a person to look at: what two of them share and hardly anybody else has. No verdict.

What the course gave out is left out, and so is what a large share of the class has: right answers, the figures that one seed
gives on one kind of processor. Two students are linked where what they share is so many traces and such a share of the
traces of that one of them who has fewer; a group is all who are linked, directly or through others.
"""

import itertools
import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from grader import reader
from grader.reader import Unreadable
from grader.report.cohort import Cohort, Student
from grader.report.traces import Given, Traces, given, traces
from grader.text import one_line

# so many students may share a trace that counts in a class of any size, which bounds the work, too …
FEWEST, LARGEST = 6, 50
MOST_OF_ALL = 0.5  # … but never more than this share of it
MOST_SHOWN = 3
LONGEST = 240  # characters of a passage that is shown
Part = dict[str, Any]
Pair = tuple[str, str]


@dataclass(frozen=True)
class Kind:
    """What is compared, and from what on it is worth a look; chosen by judgement.

    `least` traces and this `share` of them make a link; `common`: what a larger part of the class has counts for nobody.
    """

    name: str
    what: str
    unit: str
    least: int
    share: float
    common: float = 0.1


KINDS = (
    Kind("run_times", "the same run times in saved outputs", "passages of four run times", 2, 0.25),
    Kind(
        "figures",
        "the same figures and pictures in saved outputs, to the last digit",
        "lines",
        3,
        0.25,
        # all who have one kind of processor get the same ones from one seed
        common=0.02,
    ),
    Kind("prose", "the same written answers", "passages of five words", 8, 0.3),
    Kind("code", "the same unusual code, whatever its names", "passages of ten signs", 20, 0.5),
)


@dataclass(frozen=True)
class Link:
    """Two students, and what hardly anybody else has of what they share."""

    pair: Pair
    shared: int
    share: float


def lookalikes(cohort: Cohort) -> Part:
    """Groups by kind, the closest first."""
    known, found = given(_given_out(cohort)), dict[str, Traces]()
    unread = 0
    for student in cohort.handed_in:
        made = _traces(cohort, student, known)
        if made:
            found[student.id] = made
        else:
            unread += 1
    partners = {s.id: s.partners for s in cohort.students}
    kinds = [_kind(kind, found, partners) for kind in KINDS]
    _also(kinds)
    pairs = math.comb(len(found), 2)
    return {
        "notebooks": len(found),
        "not_read": unread,
        "pairs": pairs,
        "kinds": kinds,
    }


def _given_out(cohort: Cohort) -> Iterator[dict[str, Any]]:
    """The instructor's notebook and, where the course keeps it, the released one."""
    notebook = cohort.table.assignment.notebook
    for path in (notebook, cohort.table.release / cohort.table.name / notebook.name):
        try:
            yield reader.parse(reader.read(path))
        except (OSError, Unreadable):
            continue


def _traces(cohort: Cohort, student: Student, known: Given) -> Traces | None:
    """None where there is no notebook, or none that can be read."""
    data = cohort.notebook(student)
    try:
        return traces(reader.parse(data), known) if data else None
    except Unreadable:
        return None


def most_of(count: int, common: float) -> int:
    """How many of so many students may share a trace that counts."""
    wanted = min(max(FEWEST, math.ceil(common * count)), LARGEST)
    return min(wanted, int(MOST_OF_ALL * count))


def _kind(kind: Kind, found: Mapping[str, Traces], partners: Mapping[str, frozenset[str]]) -> Part:
    most = most_of(len(found), kind.common)
    entries = {name: getattr(made, kind.name) for name, made in found.items()}
    rare = rare_of(entries, most)
    linked = links(rare, kind.least, kind.share, partners)
    groups: list[Part] = []
    for members in connected(link.pair for link in linked):
        inner = [link for link in linked if link.pair[0] in members]
        closest = max(inner, key=lambda link: (link.shared, link.share, link.pair))
        a, b = closest.pair
        groups.append(
            {
                "students": len(members),
                "who": sorted(members),
                "shared": closest.shared,
                "share": round(closest.share, 4),
                "shown": shown(kind, entries[a], entries[b], rare[a]),
                "also": [],
            }
        )
    return {
        "kind": kind.name,
        "what": kind.what,
        "unit": kind.unit,
        "least": kind.least,
        "least_share": kind.share,
        "most_sharing": most,
        "groups": groups,
    }


def rare_of(entries: Mapping[str, Sequence[str]], most: int) -> dict[str, frozenset[str]]:
    """Of each student the traces that at most `most` have."""
    counts = Counter(itertools.chain.from_iterable(entries.values()))
    return {
        name: frozenset(entry for entry in own if counts[entry] <= most)
        for name, own in entries.items()
    }


def links(
    rare: Mapping[str, frozenset[str]],
    least: int,
    share: float,
    partners: Mapping[str, frozenset[str]],
) -> list[Link]:
    """All pairs that share enough, found through the traces: those who share none are never compared."""
    owners: dict[str, list[str]] = defaultdict(list)
    for name in sorted(rare):
        for entry in rare[name]:
            owners[entry].append(name)
    together = Counter(tuple(those) for those in owners.values() if len(those) > 1)
    shared: Counter[Pair] = Counter()
    for those, count in together.items():
        for pair in itertools.combinations(those, 2):
            shared[pair] += count
    found = []
    for (a, b), count in shared.items():
        part = count / min(len(rare[a]), len(rare[b]))
        if count >= least and part >= share and b not in partners[a] and a not in partners[b]:
            found.append(Link((a, b), count, part))
    return found


def connected(pairs: Iterable[Pair]) -> list[set[str]]:
    """The groups that pairs make."""
    group_of: dict[str, set[str]] = {}
    for a, b in pairs:
        one, other = group_of.get(a, {a}), group_of.get(b, {b})
        if one is not other:
            one |= other
        for name in other | {a, b}:
            group_of[name] = one
    return list({id(group): group for group in group_of.values()}.values())


def shown(kind: Kind, one: Sequence[str], other: Sequence[str], rare: frozenset[str]) -> list[str]:
    """Of two students' traces some that they share: a few lines, or the longest passage."""
    both = rare & set(other)
    lines = [entry for entry in one if entry in both]
    if kind.name == "figures":
        return [one_line(line, LONGEST) for line in lines[:MOST_SHOWN]]
    return [one_line(longest_run(one, both), LONGEST)]


def longest_run(entries: Sequence[str], both: set[str] | frozenset[str]) -> str:
    """The longest stretch of passages that follow one another, as one text."""
    best = end = length = 0
    for n, entry in enumerate(entries):
        if entry not in both:
            length = 0
            continue
        follows = length and entry.rpartition(" ")[0] == entries[n - 1].partition(" ")[2]
        length = length + 1 if follows else 1
        if length > best:
            best, end = length, n
    first, *more = entries[end - best + 1 : end + 1]
    return " ".join([first, *(entry.rpartition(" ")[2] for entry in more)])


def _also(kinds: Sequence[Part]) -> None:
    """Where two of a group are together in a group of another kind, too, that is said; these come first."""
    for one, other in itertools.permutations(kinds, 2):
        for group in one["groups"]:
            if any(len({*group["who"]} & {*there["who"]}) > 1 for there in other["groups"]):
                group["also"].append(other["kind"])
    for kind in kinds:
        kind["groups"].sort(key=lambda g: (-len(g["also"]), -g["shared"], g["who"]))
