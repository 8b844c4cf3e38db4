"""Who is in nbgrader's gradebook: students entered from a roster, and taken out again with all that it has of them."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path
from typing import Any

from grader.gradebook.database import check, in_one_line, is_there, take
from grader.gradebook.marks import scores_of, stem_of
from grader.gradebook.settings import assignments, load_quickly

# what nbgrader keeps of a person beside the id
DETAILS = ("first_name", "last_name", "email", "lms_user_id")


@dataclass(frozen=True)
class Course:
    """nbgrader's course in the current folder, by its settings."""

    root: Path
    submitted: Path
    autograded: Path
    feedback: Path
    source: Path
    db_url: str


def course() -> Course:
    """The course as nbgrader_config.py here sets it up."""
    load_quickly()
    from nbgrader.apps.baseapp import NbGrader

    from grader.gradebook.plugins import find_alembic

    find_alembic()
    app = NbGrader()
    app.initialize([])
    found = app.coursedir
    # settings in the course's own file came after the folders were made
    found.update_config(app.config)
    root = Path(found.root)
    names = ("submitted", "autograded", "feedback", "source")
    folders = {name: root / getattr(found, f"{name}_directory") for name in names}
    return Course(root, **folders, db_url=found.db_url)


@contextmanager
def opened(place: Course, writing: bool = True) -> Iterator[Any]:
    """nbgrader's own Gradebook; one that cannot be used is a CourseError in one line."""
    from nbgrader.api import Gradebook

    check(place.db_url, writing)
    with in_one_line(), Gradebook(place.db_url) as book:
        yield book


def known(place: Course) -> set[str]:
    """The ids of the gradebook's students; of none where there is no gradebook yet."""
    if not is_there(place.db_url):
        return set()
    with opened(place, writing=False) as book:
        return {student.id for student in book.students}


def other_assignments(place: Course, name: str) -> set[str]:
    """The course's assignments beside this one: in the gradebook, and in source/."""
    if not is_there(place.db_url):
        return assignments(place.source, None) - {name}
    with opened(place, writing=False) as book:
        return assignments(place.source, book) - {name}


def enter(place: Course, people: Mapping[str, Mapping[str, str]]) -> int:
    """Enter students with what is known of them, `{id: {detail: text}}`; how many are new. What is there is never blanked."""
    from nbgrader.api import Student

    with opened(place) as book:
        there = {student.id: student for student in book.students}
        for name, details in people.items():
            told = {key: value for key, value in details.items() if key in DETAILS and value}
            if name not in there:
                book.db.add(Student(id=name, **told))
                continue
            for key, value in told.items():
                setattr(there[name], key, value)
        book.db.commit()
    return len(people.keys() - there.keys())


def record_of(book: Any, student: str) -> dict[str, Any]:
    """All that the gradebook has of a student, as JSON keeps it; hand marks and comments among it."""
    found = book.find_student(student)
    return {
        "student": student,
        **{name: getattr(found, name) for name in DETAILS},
        "submissions": [
            {
                "assignment": submission.assignment.name,
                "timestamp": str(submission.timestamp) if submission.timestamp else None,
                "extension": str(submission.extension) if submission.extension else None,
                "notebooks": [notebook_of(notebook) for notebook in submission.notebooks],
            }
            for submission in found.submissions
        ],
    }


def notebook_of(notebook: Any) -> dict[str, Any]:
    """One notebook's marks; `score` is null while a mark is open."""
    scores = scores_of(notebook)
    return {
        "notebook": notebook.name,
        "late_submission_penalty": notebook.late_submission_penalty,
        "grades": [
            {
                "exercise": stem_of(grade),
                "automatic": grade.auto_score,
                "by_hand": grade.manual_score,
                "extra_credit": grade.extra_credit,
                "score": scores[stem_of(grade)],
                "max_score": grade.max_score,
            }
            for grade in sorted(notebook.grades, key=attrgetter("name"))
        ],
        "comments": [
            {"cell": c.name, "automatic": c.auto_comment, "by_hand": c.manual_comment}
            for c in sorted(notebook.comments, key=attrgetter("name"))
        ],
    }


def records(place: Course, students: list[str]) -> dict[str, bytes]:
    """`{student: JSON}` of those that the gradebook has."""
    there = known(place) & set(students)
    if not there:
        return {}
    with opened(place, writing=False) as book:
        return {
            name: json.dumps(record_of(book, name), indent=1).encode() for name in sorted(there)
        }


def remove(place: Course, student: str) -> None:
    """Take a student and all marks out of the gradebook; CourseError while somebody grades into it."""
    take(place.db_url)
    with opened(place) as book:
        book.remove_student(student)
