"""Downloads and rosters of a class as each system gives them: tests read them back. Nobody in them is real.

Each maker takes a folder to write into and a class, `{student: notebook's bytes}`, and returns the path of the download. What is
in the download's own words (attempts, late ones, groups, times) has an argument; without it everybody hands in once, in time.
"""

import csv
import io
import json
import os
import re
import subprocess
import unicodedata
import zipfile
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

NOTEBOOK = "exercise.ipynb"
WHEN = datetime(2026, 11, 20, 10, 0, 0, tzinfo=UTC)  # the first hand-in; one minute later the next
NAMES = (
    ("Ann", "Example"),
    ("Änne", "Größenwahn-Müller"),
    ("Séan", "O'Invented"),
    ("Ann", "Example"),  # of equal name with the first
    ("José María", "de la Prueba y Muestra"),
    ("", "Mononym"),
    ("小明", "测试"),
    ("דוגמה", "בדיקה"),
    ("Zoë  Two", "Blanks"),
    ("Jean-Luc", "D'Exemple"),
    ("Eve", "-Formula"),
    ("Ümit", "Örnek_Under"),
    ("Null", "Null"),
    ("Bob", "Sample, Jr."),
)


@dataclass(frozen=True)
class Student:
    """One row of every roster; `id`: the course's own, which is the login, too."""

    id: str
    first: str
    last: str
    number: int

    @property
    def name(self):
        return f"{self.first} {self.last}".strip()

    @property
    def sortable(self):
        return f"{self.last}, {self.first}" if self.first else self.last

    @property
    def email(self):
        return f"{self.id}@students.example"

    @property
    def sis(self):
        """SIS User ID, ID number or SID: digits with a zero in front."""
        return f"0{7000 + self.number}"

    @property
    def canvas(self):
        return str(48_000 + 7 * self.number)

    @property
    def participant(self):
        return str(1_900 + self.number)

    @property
    def github(self):
        return f"{self.id.capitalize()}-codes"

    @property
    def section(self):
        return f"Section {1 + self.number % 2}"


def students(count):
    """So many students, those with difficult names first."""
    named = [*NAMES, *((f"Given{n}", f"Family{n}") for n in range(count))]
    return [Student(f"s{n:03}", first, last, n) for n, (first, last) in enumerate(named[:count])]


def when(student):
    """The moment of the student's hand-in where the download tells it."""
    return WHEN + timedelta(minutes=student.number)


def written(path, files, unpacked=False):
    """A zip of `{name: bytes}`, or with `unpacked` the folder that unpacking it gives."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if unpacked:
        for name, data in files.items():
            file = path.with_suffix("") / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(data)
        return path.with_suffix("")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


# --- downloads


def canvas(folder, class_, *, late=(), resubmitted=None, files=None, unpacked=False):
    """`submissions.zip`; `resubmitted`: how often each student did; `files`: more of a student's, `{student: {name: bytes}}`."""
    inside = {}
    for student, data in class_.items():
        again = (resubmitted or {}).get(student, 0)
        stem, suffix = NOTEBOOK.split(".")
        own = f"{stem}-{again}.{suffix}" if again else NOTEBOOK
        for place, (name, content) in enumerate(
            {own: data, **(files or {}).get(student, {})}.items()
        ):
            number = 900_000 + 10 * student.number + 1_000 * again + place
            inside[f"{canvas_prefix(student, student in late)}_{number}_{name}"] = content
    return written(folder / "submissions.zip", inside, unpacked)


def canvas_prefix(student, late=False):
    """What begins the names of a student's files in Canvas's zip."""
    kept = [c for c in student.sortable.lower() if unicodedata.category(c)[0] in "LM" or word(c)]
    name = re.sub("_([0-9]+)_", r"\1", "".join(kept))
    return f"{name}{'_LATE' * late}_{student.canvas}"


def word(character):
    """Whether Ruby counts it to a word, beside letters and marks."""
    return unicodedata.category(character) in ("Nd", "Pc")


def moodle(folder, class_, *, flat=False, blind=False, final="", text=(), unpacked=False):
    """A zip of folders or files; `final`: "_" as before Moodle 4.1; `text`: who wrote an online text beside the notebook."""
    inside = {}
    for student, data in class_.items():
        name = "Participant" if blind else student.name.replace("_", " ")
        for plugin, file, content in [
            ("file", NOTEBOOK, data),
            *([("onlinetext", "onlinetext.html", b"<p>hello</p>")] if student in text else []),
        ]:
            start = f"{name}_{student.participant}_assignsubmission_{plugin}"
            inside[f"{start}_{file}" if flat else f"{start}{final}/{file}"] = content
    return written(folder / "Course-Toy-1234.zip", inside, unpacked)


def gradescope(folder, class_, *, groups=(), history=None, unpacked=False):
    """`assignment_77_export`; `groups`: tuples of students, whose first hands in for all; `history`: earlier hand-ins of each."""
    inside, rows = {}, ["---"]
    partners = {group[0]: group for group in groups}
    others = {student for group in groups for student in group[1:]}
    for student, data in class_.items():
        if student in others:
            continue
        number = 5_000 + student.number
        inside[f"assignment_77_export/submission_{number}/{NOTEBOOK}"] = data
        rows += [f"submission_{number}:", "  :submitters:"]
        for one in partners.get(student, (student,)):
            rows += [f"  - :name: {quoted(one.name)}", f"    :sid: '{one.sis}'"]
            rows += [f"    :email: {one.email}"]
        rows += [f"  :created_at: {ruby_time(when(student))}", "  :score: 0.0", "  :results:"]
        rows += ["    tests:", "    - name: a law", "      max_score: 2", "  :history:"]
        for earlier in range((history or {}).get(student, 0)):
            moment = when(student) - timedelta(days=1 + earlier)
            rows += [f"  - :id: {earlier}", f"    :created_at: {ruby_time(moment)}"]
    inside["assignment_77_export/submission_metadata.yml"] = "\n".join([*rows, ""]).encode()
    return written(folder / "submissions.zip", inside, unpacked)


def quoted(text):
    """A YAML scalar in double quotes."""
    return json.dumps(text, ensure_ascii=False)


def ruby_time(moment):
    """As Ruby's YAML writes a time."""
    return f"{moment:%Y-%m-%d %H:%M:%S}.123456000 Z"


def blackboard(folder, class_, *, times=None, assignment="Toy sheet 1", unpacked=False):
    """A `gradebook_…zip`; `times`: local times of each student's attempts, the last with the notebook of `class_`."""
    inside = {}
    for student, data in class_.items():
        moments = (times or {}).get(student, [when(student).replace(tzinfo=None)])
        for moment in moments:
            stamp = f"{moment:%Y-%m-%d-%H-%M-%S}"
            start = f"{assignment}_{student.id}_attempt_{stamp}"
            last = moment == moments[-1]
            inside[f"{start}_{NOTEBOOK}"] = data if last else b"an older one"
            inside[f"{start}.txt"] = receipt(student, assignment, moment, start).encode()
    return written(folder / "gradebook_Course_Toy.zip", inside, unpacked)


def receipt(student, assignment, moment, start):
    """The text that Blackboard puts beside the files of an attempt."""
    return (
        f"Name: {student.name} ({student.id})\nAssignment: {assignment}\n"
        f"Date Submitted: {moment:%A, %B %d, %Y %I:%M:%S %p} EST\nCurrent Mark: Needs Marking\n\n"
        "Submission Field:\nThere is no student submission text data for this assignment.\n\n"
        "Comments:\nThere are no student comments for this assignment.\n\n"
        f"Files:\n\tOriginal filename: {NOTEBOOK}\n\tFilename: {start}_{NOTEBOOK}\n"
    )


def classroom(folder, class_, *, assignment="toy-sheet", table=False):
    """A folder of clones, committed at `when(student)`; with `table` Classroom's CSV lies beside them."""
    place = folder / f"{assignment}-submissions"
    for student, data in class_.items():
        clone = place / f"{assignment}-{student.github}"
        clone.mkdir(parents=True)
        (clone / NOTEBOOK).write_bytes(data)
        (clone / "README.md").write_text("read me\n")
        git(clone, "init", "--quiet", "--initial-branch=main")
        commit(clone, when(student))
    if table:
        (place / "grades.csv").write_text(classroom_table(place, class_, assignment))
    return place


def classroom_csv(folder, class_, *, assignment="toy-sheet"):
    """Classroom's CSV alone; the repositories that it names lie beside it, behind file:// addresses."""
    clones = classroom(folder / "remote", class_, assignment=assignment)
    path = folder / f"{assignment}-grades.csv"
    path.write_text(classroom_table(clones, class_, assignment), encoding="utf-8")
    return path


def classroom_table(clones, class_, assignment):
    """The table's text; a timestamp is ten seconds after the commit, as a push is."""
    rows = [
        {
            "assignment_name": "Toy sheet",
            "assignment_url": "https://classroom.example/toy",
            "starter_code_url": "",
            "github_username": student.github,
            "roster_identifier": student.email,
            "student_repository_name": f"{assignment}-{student.github}",
            "student_repository_url": (clones / f"{assignment}-{student.github}")
            .absolute()
            .as_uri(),
            "submission_timestamp": f"{when(student) + timedelta(seconds=10):%Y-%m-%dT%H:%M:%SZ}",
            "points_awarded": "0",
            "points_available": "20",
        }
        for student in class_
    ]
    return table(rows)


def git(folder, *words, **variables):
    """Run git in a folder, whatever the machine's own settings are."""
    clean = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    names = {"user.name": "A Student", "user.email": "student@students.example"}
    settings = [word for name, value in names.items() for word in ("-c", f"{name}={value}")]
    command = ["git", *settings, *words]
    subprocess.run(command, cwd=folder, env={**os.environ, **clean, **variables}, check=True)


def commit(clone, moment):
    """Commit all that lies there, as a machine whose clock said `moment`."""
    date = f"@{int(moment.timestamp())} +0000"
    git(clone, "add", "--all")
    dates = {"GIT_COMMITTER_DATE": date, "GIT_AUTHOR_DATE": date}
    git(clone, "commit", "--quiet", "--message", "my work", **dates)


def exchange(folder, class_, *, assignment="toy", times=None):
    """nbgrader's inbound folder; `times`: of each student's attempts, the last with the notebook of `class_`."""
    place = folder / "inbound"
    for student, data in class_.items():
        moments = (times or {}).get(student, [when(student)])
        for moment in moments:
            stamp = f"{moment:%Y-%m-%d %H:%M:%S.%f} UTC"
            attempt = place / f"{student.id}+{assignment}+{stamp}+q-{student.number:010}"
            attempt.mkdir(parents=True)
            (attempt / NOTEBOOK).write_bytes(data if moment == moments[-1] else b"an older one")
            (attempt / "timestamp.txt").write_text(stamp)
    return place


def zip_collect(folder, class_, *, assignment="toy"):
    """What `nbgrader zip_collect` makes: `submitted/<student>/<assignment>/`."""
    for student, data in class_.items():
        home = folder / "submitted" / student.id / assignment
        home.mkdir(parents=True)
        (home / NOTEBOOK).write_bytes(data)
    return folder / "submitted"


def plain(folder, class_, *, pattern="{student}_{name}.ipynb", unpacked=True):
    """Files named by a pattern: `{student}`, `{email}`, `{login}`, `{sis}`, `{person}`, `{name}`."""
    inside = {
        pattern.format(
            student=student.id,
            login=student.id,
            email=student.email,
            sis=student.sis,
            person=student.name,
            name=NOTEBOOK.removesuffix(".ipynb"),
        ): data
        for student, data in class_.items()
    }
    return written(folder / "files.zip", inside, unpacked)


# --- rosters, as each system exports them


def nbgrader_roster(folder, people):
    """nbgrader's own columns."""
    rows = [
        {
            "id": one.id,
            "first_name": one.first,
            "last_name": one.last,
            "email": one.email,
            "lms_user_id": one.canvas,
        }
        for one in people
    ]
    return roster(folder / "roster.csv", rows)


def canvas_gradebook(folder, people, *, column="Toy sheet (8812)", points="20", test_student=True):
    """Canvas's gradebook export, with its second row and its test student; UTF-8 with a byte order mark, as Canvas writes it."""
    rows = [
        {
            "Student": one.sortable,
            "ID": one.canvas,
            "SIS User ID": one.sis,
            "SIS Login ID": one.id,
            "Section": one.section,
            column: "",
        }
        for one in people
    ]
    empty = dict.fromkeys(rows[0] if rows else ["Student", column], "")
    rows.insert(0, {**empty, "Student": "    Points Possible", column: points})
    if test_student:
        rows.append({**empty, "Student": "Student, Test", "ID": "999", "Section": "Section 1"})
    return roster(folder / "gradebook-export.csv", rows, "utf-8-sig")


def moodle_worksheet(folder, people, *, blind=False, maximum="20.00", locked=()):
    """Moodle's grading worksheet; blind ones lack name, id and e-mail; `locked`: grades that cannot be changed."""
    rows = []
    for one in people:
        known = {"Full name": one.name, "ID number": one.sis, "Email address": one.email}
        rows.append(
            {
                "Identifier": f"Participant {one.participant}",
                **({} if blind else known),
                "Status": "Submitted for grading",
                "Grade": "",
                "Maximum Grade": maximum,
                "Grade can be changed": "No" if one in locked else "Yes",
                "Last modified (submission)": moodle_time(when(one)),
                "Last modified (grade)": "-",
                "Feedback comments": "",
            }
        )
    return roster(folder / "Grades-Course-Toy-1234.csv", rows, "utf-8-sig")


def moodle_time(moment):
    """As an English Moodle writes a time: local, without a zone."""
    return f"{moment:%A}, {moment.day} {moment:%B %Y, %I:%M %p}"


def gradescope_roster(folder, people):
    """Gradescope's roster export."""
    rows = [
        {
            "First Name": one.first,
            "Last Name": one.last,
            "SID": one.sis,
            "Email": one.email,
            "Sections": one.section,
        }
        for one in people
    ]
    return roster(folder / "gradescope-roster.csv", rows)


def classroom_roster(folder, people, *, groups=()):
    """GitHub Classroom's roster; `groups`: tuples of students, who share a repository."""
    names = {one: f"group {n}" for n, group in enumerate(groups) for one in group}
    rows = [
        {
            "identifier": one.email,
            "github_username": one.github,
            "github_id": str(880_000 + one.number),
            "name": one.name,
            "group_name": names.get(one, ""),
        }
        for one in people
    ]
    return roster(folder / "classroom_roster.csv", rows)


def roster(path, rows, encoding="utf-8"):
    """Write a table there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(table(rows), encoding=encoding, newline="")
    return path


def table(rows):
    """The text of a CSV file."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]) if rows else [])
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def class_of(count, notebook):
    """`{student: notebook's bytes}` of so many; `notebook`: what a student hands in, or the bytes for everybody."""
    return {one: notebook(one) if callable(notebook) else notebook for one in students(count)}
