"""Hand-ins without a download around them, and a course's folders, for tests of what becomes of them."""

from datetime import UTC, datetime, timedelta

from grader.lms.collect.deciding import read_choice
from grader.lms.collect.placing import Place
from grader.lms.collect.plan import Course, Source, plan
from grader.lms.handins import Entry, HandIn, Key
from grader.lms.people import Person, Roster

START = datetime(2026, 11, 20, 10, 0, 0, tzinfo=UTC)


def moment(minutes):
    """A time of hand-in."""
    return START + timedelta(minutes=minutes)


def entry(data, path="exercise.ipynb"):
    """A file of a download."""
    return Entry(path, len(data), lambda: data)


def hand_in(who, data=None, *, files=None, **known):
    """One attempt of one login, or of several; `files`: `{path: bytes}` in place of one notebook."""
    names = [who] if isinstance(who, str) else who
    own = {"exercise.ipynb": data} if files is None else files
    by = tuple({Key.LOGIN: name} for name in names)
    return HandIn(by, tuple(entry(content, path) for path, content in own.items()), **known)


def roster(*names):
    """People whose logins are their ids."""
    return Roster(Person(name, {Key.STUDENT: name, Key.LOGIN: name}) for name in names)


class Class:
    """A course's folders, and the rows that collecting gives there."""

    def __init__(self, root, people=None, foreign=lambda data: False, others=(), ids=()):
        self.people, self.foreign = people or Roster(), foreign
        self.place = Place(root, root / "submitted", ("toy", "exercise"), others, ids)

    def plan(self, *hand_ins, attempt=(), overwrite=False, system="canvas", refused=()):
        """The rows, of one download."""
        place = self.place
        course = Course(
            "exercise", self.foreign, place.there, place.archive.read, place.archive.students()
        )
        source = Source("submissions.zip", system, hand_ins, refused)
        return plan([source], self.people, course, read_choice(attempt), overwrite)

    def collect(self, *hand_ins, **options):
        """The same, and everything is put into its place: `{student: what}`, and rows that are nobody's under ""."""
        self.rows = self.plan(*hand_ins, **options)
        for row in self.rows:
            if row.student:
                self.place.put(row)
        return {row.student: row.what for row in self.rows}

    def row(self, student):
        """The one row of a student."""
        [found] = [row for row in self.rows if row.student == student]
        return found

    def stands(self, student):
        """The bytes that `grader run` would grade."""
        found = self.place.found(student)
        return found.notebook.read_bytes() if found.notebook else None
