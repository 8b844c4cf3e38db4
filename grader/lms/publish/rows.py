"""Which row of an exported table is whose: by ids alone, never by a name, and only where nothing contradicts."""

import dataclasses
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from grader.lms.handins import Key
from grader.lms.matching import Index
from grader.lms.people import Person, Roster

IDS = (Key.STUDENT, Key.CANVAS, Key.LOGIN, Key.SIS, Key.PARTICIPANT, Key.GITHUB)


@dataclass
class Rows:
    """`of`: the row of a student; `several`: students who may be meant by several rows, or by rows that may mean others, with
    those rows; `strangers`: rows of nobody here."""

    of: dict[str, int] = field(default_factory=dict)
    several: dict[str, list[int]] = field(default_factory=dict)
    strangers: list[int] = field(default_factory=list)


def assign(
    rows: Mapping[int, Mapping[Key, str]], roster: Roster, students: Mapping[str, str]
) -> Rows:
    """`rows`: what each says of its person; `students`: e-mail addresses by id, as the gradebook has them."""
    index = Index(people(roster, students))
    made, meant, unclear = Rows(), defaultdict[str, list[int]](list), set[str]()
    for number, keys in rows.items():
        said: dict[Key, str] = {key: text for key, text in keys.items() if key != Key.NAME}
        found = {person.student for person in index.match(said).people}
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


def people(roster: Roster, students: Mapping[str, str]) -> Iterator[Person]:
    """Those on the roster; of a student who is not, the id may be any system's."""
    known = {person.student for person in roster}
    for person in roster:
        yield dataclasses.replace(person, keys={**person.keys, Key.STUDENT: person.student})
    for student, email in students.items():
        if student not in known:
            keys = dict.fromkeys(IDS, student) | ({Key.EMAIL: email} if email else {})
            yield Person(student, keys)
