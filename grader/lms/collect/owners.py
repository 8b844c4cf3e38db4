"""Whose a hand-in is: by the roster, or without one by what the system calls people."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from grader.lms.collect.table import Row, What, when
from grader.lms.handins import HandIn, Key
from grader.lms.matching import BY_NAME, Index, Match
from grader.lms.roster import unfit
from grader.text import one_line, some_of

NAMED = (Key.STUDENT, Key.LOGIN, Key.SIS, Key.EMAIL, Key.GITHUB, Key.CANVAS, Key.PARTICIPANT, Key.NAME)  # fmt: skip


@dataclass
class Whose:
    """Whose a hand-in is, by which keys, and of each name in it that is nobody's, why."""

    students: list[str] = field(default_factory=list)
    keys: dict[str, Mapping[Key, str]] = field(default_factory=dict)
    named: set[str] = field(default_factory=set)  # those found by the name alone
    notes: list[str] = field(default_factory=list)
    unknown: list[tuple[What, str]] = field(default_factory=list)

    def rows(self, source: str, hand_in: HandIn) -> list[Row]:
        """One for each name that is nobody's."""
        path = hand_in.files[0].path if hand_in.files else source
        return [
            Row("", what, path, hand_in.label, when(hand_in.moment), hand_in.clock, [why])
            for what, why in self.unknown
        ]


def whose(hand_in: HandIn, index: Index, listed: bool) -> Whose:
    """The students of a hand-in; `listed`: there is a roster, else folders are called what the system calls people."""
    found = Whose()
    for keys in hand_in.by:
        if not listed:
            name = next((keys[key].strip() for key in NAMED if keys.get(key, "").strip()), "")
            if why := unfit(name) if name else "nothing says whose it is":
                found.unknown.append((What.UNKNOWN, why))
            else:
                found.students.append(name)
            continue
        match = index.match(keys)
        people = match.people or tuple(index.team(keys))
        if len(people) == 1 or (people and not match.people):
            found.students += [person.student for person in people]
            found.keys |= dict.fromkeys((person.student for person in people), keys)
            found.named |= {people[0].student} if match.note == BY_NAME else set()
            found.notes += [match.note] if match.note else []
        else:
            found.unknown.append(nobodys(keys, match))
    found.students = list(dict.fromkeys(found.students))
    return found


def part_namesakes(found: Iterable[Whose]) -> None:
    """Where several in one download are the same student, those found by the name alone are somebody else, maybe: nobody's."""
    found, others = [*found], defaultdict[str, set[frozenset[tuple[Key, str]]]](set)
    for one in found:
        for student, keys in one.keys.items():
            others[student].add(frozenset((k, v) for k, v in keys.items() if k != Key.NAME and v))
    for one in found:
        for student in sorted(one.named):
            if (several := len(others[student])) > 1:
                said = shown(one.keys[student])
                why = f"{said}: {several} in this download may be {student}, this one by the name alone: what the system itself exports, as --roster, tells them apart"
                one.students.remove(student)
                one.unknown.append((What.AMBIGUOUS, why))


def shown(keys: Mapping[Key, str]) -> str:
    """What a download says of a person."""
    return one_line(", ".join(f"{key} {value}" for key, value in keys.items() if value), 200)


def nobodys(keys: Mapping[Key, str], match: Match) -> tuple[What, str]:
    """Why nobody of the roster is meant, or who may be."""
    said = shown(keys)
    if match.people:
        names = some_of([person.student for person in match.people])
        return (
            What.AMBIGUOUS,
            f"{said}: may be {names}: add a column to the roster that tells them apart",
        )
    why = f"; {match.note}" if match.note else ""
    return What.UNKNOWN, f"{said or 'nothing says whose it is'}: not in the roster{why}"
