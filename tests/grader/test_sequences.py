"""`grader collect`, `run`, `extend`, `publish` and `remove` on two assignments in any order: each does its part and nothing else."""

import contextlib
import csv
import io
import itertools
import random
from datetime import timedelta
from pathlib import Path

import archives
import pytest
from terms import FILES, FIRST, RULES, WORKS

from grader.__main__ import arguments
from grader.errors import CourseError
from grader.gradebook.marks_log import MarksLog

PEOPLE = archives.students(3)
BY_ID = {one.id: one for one in PEOPLE}
REMOVED = "build/grading/removed"


def command(*words):
    """As typed: exit code, what is printed, and what is said beside that."""
    out, err = io.StringIO(), io.StringIO()
    course = [] if words[0] == "remove" else ["--laws", "hidden"]
    options = arguments().parse_args([*map(str, words), *course])
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = options.work(options)
    return code, out.getvalue(), err.getvalue()


def download(folder, entries, file):
    """Gradescope's export of `{student: (moment, notebook's bytes)}`."""
    inside, rows = {}, ["---"]
    for student, (moment, data) in entries.items():
        one = BY_ID[student]
        number = 5_000 + one.number
        inside[f"assignment_77_export/submission_{number}/{file}"] = data
        rows += [f"submission_{number}:", "  :submitters:"]
        rows += [f"  - :name: {archives.quoted(one.name)}", f"    :sid: '{one.sis}'"]
        rows += [f"    :email: {one.email}", f"  :created_at: {archives.ruby_time(moment)}"]
        rows += ["  :score: 0.0", "  :results:", "    tests: []", "  :history: []"]
    inside["assignment_77_export/submission_metadata.yml"] = "\n".join([*rows, ""]).encode()
    return archives.written(folder / "submissions.zip", inside)


def published(path):
    """The rows of a table, which goes; of none, none."""
    if not path.exists():
        return {}
    with path.open(encoding="utf-8") as file:
        rows = {row["student"]: row for row in csv.DictReader(file)}
    path.unlink()
    return rows


class Course:
    """A term, the LMS beside it, and what the commands must then have made of both."""

    def __init__(self, term, folder, chance):
        self.term, self.folder, self.chance = term, folder, chance
        self.root, self.done = term.folder.folder, []
        self.clock = FIRST - timedelta(days=4)
        self.handed_in, self.downloads = {}, []  # in the LMS, by student and assignment
        self.attempts, self.roster = {}, set()
        self.told = {name: {} for name in FILES}  # rows that were published

    # what can happen

    def submit(self, student, name, points):
        """To the LMS."""
        self.clock += timedelta(hours=self.chance.choice((1, 13, 30)))
        self.handed_in[student, name] = (self.clock, points)

    def collect(self, name, people, overwrite, again):
        """The LMS's download of now, or one of earlier."""
        entries, words = self._download(name, again)
        if people or not self.roster:
            who = self.chance.sample(PEOPLE, people or len(PEOPLE))
            words += ["--roster", archives.nbgrader_roster(self.folder / f"r{len(self.done)}", who)]
            self.roster |= {one.id for one in who}
        words += ["--overwrite"] if overwrite else []
        before = self._others(name)
        words = ["collect", "--assignment", name, *words]
        foreseen = self._tried_out(*words)
        code, said, _ = command(*words)
        assert (code, said) == foreseen
        assert self._others(name) == before, "nothing of another assignment"
        for student in entries.keys() & self.roster:
            self.attempts.setdefault((student, name), set()).add(entries[student])
        asks = [self._place(key, overwrite) for key in self.attempts if key[1] == name]
        assert code == int("asks" in asks or not entries.keys() <= self.roster), said
        self._check_files()

    def _download(self, name, again):
        earlier = [found for found in self.downloads if found[0] == name]
        if again and earlier:
            _, entries, path = self.chance.choice(earlier)
            return entries, [path]
        entries = {s: found for (s, n), found in self.handed_in.items() if n == name}
        if not entries:
            self.roster |= set(BY_ID)
            roster = archives.nbgrader_roster(self.folder / f"all{len(self.done)}", PEOPLE)
            return {}, ["--roster", roster]
        data = {s: (moment, WORKS[name][points]) for s, (moment, points) in entries.items()}
        path = download(self.folder / f"d{len(self.done)}", data, Path(FILES[name]).name)
        self.downloads.append((name, entries, path))
        return entries, [path]

    def _place(self, key, overwrite):
        """The newest attempt counts, but what was put there by hand asks first."""
        if key[0] not in self.roster:
            return ""
        there, known = self.term.work.get(key), self.attempts[key]
        if there is not None and there not in {p for _, p in known} and not overwrite:
            return "asks"
        moments, points = zip(*sorted(known, reverse=True), strict=True)
        # handed in once more, the same notebook is no other work: its first time counts
        again = itertools.takewhile(
            lambda found: found[1] == points[0], zip(moments, points, strict=True)
        )
        *_, (self.term.came[key], self.term.work[key]) = again
        return ""

    def remove(self, student):
        """All that there is of the student goes, and nothing of anybody else's."""
        rest = {other: self._traces(other) for other in BY_ID if other != student}
        try:
            self._tried_out("remove", student)
            command("remove", student)
        except CourseError as error:
            assert "nobody is called" in str(error) and not self._traces(student)
            return
        term = self.term
        for name in FILES:
            self.told[name].pop(student, None)
            for facts in (term.work, term.came, term.marked, term.moment, self.attempts):
                facts.pop((student, name), None)
            for facts in (term.ours, term.theirs, term.by_hand):
                facts.pop((student, name), None)
            assert student not in MarksLog(self.root).read(name).last()
        self.roster.discard(student)
        assert self._traces(student) == {}
        assert {other: self._traces(other) for other in rest} == rest

    def publish(self, name):
        """What changed since the last time is published once, and all of it together is what everybody has."""
        out = self.folder / "published.csv"
        words = ["publish", "csv", "--assignment", name, "--out", out]
        foreseen = self._tried_out(*words, "--changed")
        changed, said = self._published(words, "--changed"), self.said
        assert foreseen == (0, said)
        self.told[name] |= changed
        assert self._published(words, "--changed") == {}
        rows, expected = self._published(words), self.term.expected()
        assert {s: row for s, row in self.told[name].items() if s in rows} == rows
        assert self.roster <= rows.keys()
        for student, row in rows.items():
            key = student, name
            counts = key in self.term.marked and key in self.term.work
            assert (float(row["total"]) == expected[key][2]) if counts else row["total"] == "", row

    def _published(self, words, *more):
        code, self.said, noted = command(*words, *more)
        assert code == 0, noted
        return published(self.folder / "published.csv")

    # what there is

    def _tried_out(self, *words):
        """What --dry-run says; it writes nothing."""
        before = self._tree()
        code, said, _ = command(*words, "--dry-run")
        assert self._tree() == before, words
        return code, said

    def _tree(self):
        files = [path for path in self.root.rglob("*") if "__pycache__" not in path.parts]
        return {path: (path.lstat().st_mtime_ns, path.lstat().st_size) for path in files}

    def _traces(self, student):
        """Files in folders, or of names, that are the student's."""
        mine = [
            p for p in self.root.rglob(f"{student}*") if not p.is_relative_to(self.root / REMOVED)
        ]
        files = [file for path in mine for file in (path.rglob("*") if path.is_dir() else [path])]
        return {path: path.read_bytes() for path in files if path.is_file()}

    def _others(self, name):
        """All that there is of the other assignment."""
        [other] = FILES.keys() - {name}
        folders = [self.root / "build/grading" / other, *self.root.glob(f"submitted/*/{other}")]
        files = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
        return {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in files}

    def _check_files(self):
        for student in BY_ID:
            for name, file in FILES.items():
                path, points = (
                    self.root / "submitted" / student / file,
                    self.term.work.get((student, name)),
                )
                assert path.exists() == (points is not None), path
                assert points is None or path.read_bytes() == WORKS[name][points], path


def happen(chance):
    """One thing that may happen, and to what."""
    student, name = chance.choice([*BY_ID]), chance.choice([*FILES])
    points, order = chance.choice([*WORKS[name]]), chance.sample([*FILES], chance.choice((1, 2, 2)))
    how, days = chance.choice(("days", "until", "none")), chance.choice((1, 4, 9))
    overwrite, again = chance.random() < 0.3, chance.random() < 0.25
    return chance.choice(
        [
            *[("submit", student, name, points)] * 6,
            *[("collect", name, chance.choice((0, 0, 2, 3)), overwrite, again)] * 5,
            ("term.hand_in", student, points, chance.choice((-3, 2, 6, None)), name),
            ("term.take_back", student, name),
            ("remove", student),
            *[("publish", name)] * 3,
            *[("term.grade", *order)] * 4,
            ("term.set_due", chance.choice((None, -2, 0, 5)), name),
            *[("term.grant", student, how, days, name)] * 2,
            ("term.set_rule", chance.choice([*RULES])),
            *[("term.mark", student, chance.choice((None, 0.5, 1.5)), name)] * 2,
        ]
    )


@pytest.mark.long
@pytest.mark.parametrize("seed", range(6))
def test_commands_in_any_order_on_two_assignments(term, tmp_path, seed):
    chance = random.Random(seed)
    course = Course(term(), tmp_path, chance)
    for name in FILES:
        course.term.set_due(0, name)
    last = [("term.grade", *FILES), *(("publish", name) for name in FILES)]
    for step in range(40 + len(last)):
        event = happen(chance) if step < 40 else last[step - 40]
        course.done.append(event)
        print(event)  # pytest shows it where one fails
        (*owner, name), given = event[0].split("."), event[1:]
        getattr(course.term if owner else course, name)(*given)
        if name == "grade":
            course.term.check(course.done, *given)
