"""Feedback pages of a class: nbgrader's own, several at a time, and only those that would say something else than before."""

import json
import multiprocessing
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nbgrader.api import Gradebook
from nbgrader.converters import GenerateFeedback
from nbgrader.converters.base import NbGraderException
from tqdm import tqdm

from grader.assignment import Assignment
from grader.errors import CourseError
from grader.gradebook.autograde import Reports
from grader.gradebook.database import check, in_one_line, is_there, named
from grader.gradebook.instructors import SolutionPolicy
from grader.gradebook.late import Penalties
from grader.gradebook.people import notebook_of
from grader.gradebook.prefetch import handed_in
from grader.gradebook.sessions import transaction
from grader.gradebook.settings import application
from grader.store import WORK, StateFile, alone, fingerprint, sha256, version
from grader.text import program
from grader.wall import leash

AT_ONCE = 8  # pages, before another process may take over


@dataclass(frozen=True)
class Made:
    """What became of the pages: made, left because nothing changed, and {student: why there is none}; of whom nothing is graded."""

    made: list[str]
    same: list[str]
    troubles: dict[str, str]
    unknown: set[str]


def make(
    assignment: Assignment, jobs: int, students: Sequence[str] = (), everybody: bool = False
) -> Made:
    """Make the pages of these students, or of all; `everybody`: those that are as they were, too."""
    app = application(assignment)
    root, url = Path(app.coursedir.root), app.coursedir.db_url
    if not is_there(url):
        raise CourseError(
            f"there is no gradebook ({named(url)}): nobody is graded yet; `{program()} -m grader run` does it"
        )
    check(url, writing=False)
    with alone(root / WORK / assignment.name):
        stamps = dict(wanted(app, assignment, students))
        files = {s: StateFile(root, assignment.name, s) for s in stamps}
        same = {s for s in stamps if not everybody and is_made(app, assignment, s, stamps[s])}
        new = [s for s in stamps if s not in same]
        troubles: dict[str, str] = {}
        for student, why in made(assignment, new, jobs):
            if why:
                troubles[student] = why
            else:
                files[student].change(page=stamps[student])
    unknown = set(students) - set(stamps)
    return Made([s for s in new if s not in troubles], sorted(same), troubles, unknown)


def wanted(app: Any, assignment: Assignment, students: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Each student who has a graded notebook, with a digest of all that the page depends on."""
    root = Path(app.coursedir.root)
    config = root / "nbgrader_config.py"
    common = [fingerprint(assignment, ""), sha256(config.read_bytes()) if config.exists() else ""]
    common += map(version, ("nbgrader", "nbconvert"))
    penalties = Penalties(app)
    with in_one_line(named(app.coursedir.db_url)), Gradebook(app.coursedir.db_url) as book:
        common.append(str(SolutionPolicy(parent=app).shows(book, assignment.name, root)))
        for notebook in handed_in(book, assignment):
            student, path = notebook.student, graded(app, assignment, notebook.student.id)
            if (students and student.id not in students) or not path.is_file():
                continue
            told = [student.first_name, student.last_name, notebook.max_score]
            told += [notebook_of(notebook), lateness(notebook, penalties), sha256(path.read_bytes())]  # fmt: skip
            yield student.id, sha256(json.dumps([*common, *told]).encode())


def lateness(notebook: Any, penalties: Penalties) -> list[Any]:
    """What being late costs now; why nobody can tell, which is then the page's trouble, too."""
    try:
        return [penalties(notebook), str(penalties.free_days(notebook.assignment))]
    except CourseError as error:
        return [str(error)]


def graded(app: Any, assignment: Assignment, student: str) -> Path:
    """The student's graded notebook, from which the page is made."""
    folder = app.coursedir.format_path(app.coursedir.autograded_directory, student, assignment.name)
    return Path(folder, assignment.notebook.name)


def page(app: Any, assignment: Assignment, student: str) -> Path:
    """Its place."""
    folder = app.coursedir.format_path(app.coursedir.feedback_directory, student, assignment.name)
    return Path(folder, f"{assignment.notebook.stem}.html")


def is_made(app: Any, assignment: Assignment, student: str, stamp: str) -> bool:
    """Whether the page is there, and says what it would say now."""
    known = StateFile(Path(app.coursedir.root), assignment.name, student).read()
    return known.page == stamp and page(app, assignment, student).is_file()


def made(assignment: Assignment, students: list[str], jobs: int) -> Iterator[tuple[str, str]]:
    """Each student, as the page is made, with what went wrong, or an empty string."""
    if not students:
        return
    # nothing of the gradebook is open here, and all that takes long to load is there already
    context = multiprocessing.get_context("fork")
    count = min(jobs, -(-len(students) // AT_ONCE))
    # else whoever makes pages waits for more for ever, once the command was killed
    pool = ProcessPoolExecutor(count, mp_context=context, initializer=leash.end_with_parent)
    try:
        waiting: list[Future[dict[str, str]]] = [
            pool.submit(several, assignment, students[start : start + AT_ONCE])
            for start in range(0, len(students), AT_ONCE)
        ]
        with tqdm(total=len(students), desc="pages", unit="page", disable=None) as bar:
            for future in as_completed(waiting):
                found = future.result()
                bar.update(len(found))
                yield from found.items()
    except BrokenProcessPool:
        raise CourseError(
            "a process that made pages was killed (out of memory?): the same command goes on, with --jobs 1 more slowly"
        ) from None
    finally:
        # after Ctrl-C, too, when nobody waits for the pages that are not begun
        pool.shutdown(cancel_futures=True)


class Pages(GenerateFeedback):
    """nbgrader's own for the students who are named."""

    assignments: Any  # {folder: notebooks}

    def __init__(self, places: set[str], **kwargs: Any) -> None:
        self.places = places
        super().__init__(**kwargs)

    def init_notebooks(self) -> None:
        super().init_notebooks()
        kept = {f: n for f, n in self.assignments.items() if os.path.normpath(f) in self.places}
        self.assignments = kept


def several(assignment: Assignment, students: list[str]) -> dict[str, str]:
    """In a process of the pool: {student: what went wrong, or an empty string}."""
    app, reports = application(assignment), Reports()
    reports.listen(app)
    places = {os.path.normpath(graded(app, assignment, s).parent) for s in students}
    for student in students:
        page(app, assignment, student).unlink(missing_ok=True)
    why = ""
    try:
        url = app.coursedir.db_url
        with in_one_line(named(url)), transaction(url):
            Pages(places, coursedir=app.coursedir, parent=app, force=True).start()
    except NbGraderException as error:
        why = reports.reason(error)
    lacking = [s for s in students if not page(app, assignment, s).is_file()]
    return {s: (why or "nbgrader made none") if s in lacking else "" for s in students}
