"""Which person of a roster is meant, and several tables of people made one roster."""

import dataclasses
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from grader.lms.handins import Key
from grader.lms.people import Person, Roster, same
from grader.lms.roster import Read
from grader.text import one_line

# what one system calls a login, another calls a number, and a course its own id
LIKE_IDS = (Key.STUDENT, Key.LOGIN, Key.SIS, Key.EMAIL, Key.GITHUB)
BY_NAME = "found by the name alone"


@dataclass(frozen=True)
class Match:
    """Who is meant: nobody, one person, or several where nobody can tell; `note`: what a reader should know of how."""

    people: tuple[Person, ...] = ()
    note: str = ""


class Index:
    """The people of a roster by each of their keys."""

    def __init__(self, people: Iterable[Person]) -> None:
        self.by: dict[tuple[Key, str], list[Person]] = defaultdict(list)
        self.alike: dict[str, list[Person]] = defaultdict(list)
        self.groups: dict[str, list[Person]] = defaultdict(list)
        for person in people:
            self.add(person)

    def add(self, person: Person) -> None:
        """One more of them."""
        for key in Key:
            for value in person.values(key):
                self.by[key, value].append(person)
        for like in {same(Key.EMAIL, value) for key in LIKE_IDS for value in person.values(key)}:
            self.alike[like].append(person)
        if person.group:
            self.groups[slug(person.group)].append(person)

    def match(self, keys: Mapping[Key, str]) -> Match:
        """By a key that both have; else by what is an id to one and a login to the other; a name alone comes last.

        Where one key says one person, and another key another, nobody can tell.
        """
        given = {key: same(key, value) for key, value in keys.items() if value.strip()}
        sure = [
            self.by[key, v] for key, v in given.items() if key != Key.NAME and (key, v) in self.by
        ]
        if sure:
            return agreeing(sure)
        like = {same(Key.EMAIL, v): key for key, v in given.items() if key in LIKE_IDS}
        if found := [self.alike[value] for value in like if value in self.alike]:
            by = ", ".join(one_line(value, 100) for value in like if value in self.alike)
            return dataclasses.replace(agreeing(found), note=f"known by {by} under another heading")
        named = self.by.get((Key.NAME, given.get(Key.NAME, "")), [])
        fitting = tuple(person for person in named if not contradict(person, given))
        if named and not fitting:
            return Match(
                note=f"{named[0].student} has this name, and is somebody else: another key differs"
            )
        return Match(fitting, BY_NAME if fitting else "")

    def team(self, keys: Mapping[Key, str]) -> list[Person]:
        """The members of the group whose name a system gives in a person's place."""
        names = (keys.get(key, "") for key in (Key.GITHUB, Key.NAME))
        return next((self.groups[slug(n)] for n in names if n and slug(n) in self.groups), [])


def agreeing(found: list[list[Person]]) -> Match:
    """Those that every key allows, else all that any does."""
    ids = [{person.student for person in people} for people in found]
    everyone = {person.student: person for people in found for person in people}
    common = set.intersection(*ids)
    return Match(tuple(everyone[name] for name in sorted(common or everyone)))


def contradict(person: Person, given: Mapping[Key, str]) -> bool:
    """Whether a key that both have differs; Moodle's number is another one in each assignment."""
    shared = given.keys() & person.keys.keys() - {Key.NAME, Key.PARTICIPANT, Key.STUDENT}
    return any(given[key] not in person.values(key) for key in shared)


def slug(group: str) -> str:
    """A group's name as GitHub writes it into a repository's."""
    return "-".join("".join(c if c.isalnum() else " " for c in group.casefold()).split())


@dataclass
class Joined:
    """One roster of several tables; `wrong`: rows that could not be joined, and why; `notes` on the others; `renamed`: whose id another table has otherwise."""

    people: dict[str, Person]
    wrong: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    renamed: list[str] = field(default_factory=list)

    @property
    def roster(self) -> Roster:
        return Roster(self.people.values())


def join(kept: Roster, tables: Iterable[Read]) -> Joined:
    """The first that holds a person gives the id; later ones add what they know."""
    joined = Joined({person.student: person for person in kept})
    for table in tables:
        joined.wrong += table.wrong
        _add(joined, table)
    return joined


def _add(joined: Joined, table: Read) -> None:
    index, seen = Index(joined.people.values()), dict[str, str]()
    for person in table.people:
        # an id that was made of a login says no more than the login does
        keys = {k: v for k, v in person.keys.items() if k != Key.STUDENT or table.own}
        match = index.match(keys)
        shown = one_line(person.student, 100)
        if len(match.people) > 1:
            names = ", ".join(found.student for found in match.people)
            joined.wrong.append(f"{table.name}: {shown}: may be {names}: their keys contradict")
            continue
        merged = merge(match.people[0], person) if match.people else person
        if earlier := seen.get(merged.student):
            joined.wrong.append(
                f"{table.name}: {shown}: is {merged.student} as much as {earlier} is: add a key that tells them apart"
            )
            continue
        if merged.student != person.student:
            joined.renamed.append(merged.student)
        if match.note:
            joined.notes.append(f"{table.name}: {shown}: {match.note}")
        seen[merged.student] = shown
        joined.people[merged.student] = merged


def merge(known: Person, more: Person) -> Person:
    """What is known stays, but for Moodle's number, which each assignment has anew; what else a table has is known, too."""
    keys = {**more.keys, **known.keys}
    if Key.PARTICIPANT in more.keys:
        keys[Key.PARTICIPANT] = more.keys[Key.PARTICIPANT]
    lasting = known.keys.keys() & more.keys.keys() - {Key.STUDENT, Key.PARTICIPANT}
    changed = sorted(key for key in lasting if same(key, more.keys[key]) not in known.values(key))
    return Person(
        known.student,
        keys,
        known.first_name or more.first_name,
        known.last_name or more.last_name,
        known.section or more.section,
        known.group or more.group,
        (*known.others, *((key, more.keys[key]) for key in changed)),
    )
