"""Which row of an exported table is whose: by ids alone, never by a name, and only where nothing contradicts."""

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from grader.lms.handins import Key
from grader.lms.people import Roster, same

# Moodle numbers people anew in each assignment: its number decides where nothing else does
LAST = (Key.PARTICIPANT,)


@dataclass
class Rows:
    """`of`: the row of a student; `several`: students who may be meant by more than one row, or rows by more than one student, with
    those rows; `strangers`: rows of nobody here."""

    of: dict[str, int] = field(default_factory=dict)
    several: dict[str, list[int]] = field(default_factory=dict)
    strangers: list[int] = field(default_factory=list)


def assign(
    rows: Mapping[int, Mapping[Key, str]], roster: Roster, students: Mapping[str, str]
) -> Rows:
    """`rows`: what each says of its person; `students`: e-mail addresses by id, in the gradebook: both count where the roster
    knows nothing of a student."""
    known = {person.student for person in roster}
    unknown: dict[str, list[str]] = defaultdict(list)
    for student, email in students.items():
        for value in {same(Key.LOGIN, student), same(Key.EMAIL, email)} - {""}:
            unknown[value] += [] if student in known else [student]
    made, meant = Rows(), defaultdict[str, list[int]](list)
    unclear = set[str]()
    for number, keys in rows.items():
        found = candidates(keys, roster, unknown)
        if not found:
            made.strangers.append(number)
        unclear |= found if len(found) > 1 else set()
        for student in found:
            meant[student].append(number)
    for student, numbers in meant.items():
        if student in unclear or len(numbers) > 1:
            made.several[student] = numbers
        else:
            made.of[student] = numbers[0]
    return made


def candidates(
    keys: Mapping[Key, str], roster: Roster, unknown: Mapping[str, Collection[str]]
) -> set[str]:
    """Everybody whom any of the keys may mean."""
    first = [key for key in keys if key not in (Key.NAME, *LAST)]
    for asked in (first, [key for key in LAST if key in keys]):
        found = {p.student for key in asked for p in roster.find({key: keys[key]})}
        found |= {s for key in asked for s in unknown.get(same(Key.LOGIN, keys[key]), ())}
        if found:
            return found
    return set()
