"""nbgrader's records of a class with all that hangs on them, in a handful of queries instead of several for each student."""

from typing import Any

from nbgrader import api
from sqlalchemy.orm import joinedload, selectinload, undefer

from grader.assignment import Assignment


def handed_in(book: Any, assignment: Assignment) -> list[Any]:
    """What `notebook_submissions` of nbgrader's Gradebook gives."""
    submission = joinedload(api.SubmittedNotebook.assignment)
    found: list[Any] = (
        book.db.query(api.SubmittedNotebook)
        .join(api.Notebook, api.SubmittedNotebook.notebook_id == api.Notebook.id)
        .join(api.Assignment, api.Notebook.assignment_id == api.Assignment.id)
        .filter(api.Notebook.name == assignment.notebook.stem)
        .filter(api.Assignment.name == assignment.name)
        .options(
            *of_notebook(),
            submission.joinedload(api.SubmittedAssignment.student),
            submission.joinedload(api.SubmittedAssignment.assignment),
        )
        .all()
    )
    return found


def submissions(book: Any, assignment: str) -> dict[str, Any]:
    """{student: what `find_submission` of nbgrader's Gradebook gives}"""
    found = (
        book.db.query(api.SubmittedAssignment)
        .join(api.Assignment, api.SubmittedAssignment.assignment_id == api.Assignment.id)
        .filter(api.Assignment.name == assignment)
        .options(
            undefer(api.SubmittedAssignment.score),
            joinedload(api.SubmittedAssignment.student),
            selectinload(api.SubmittedAssignment.notebooks).options(*of_notebook()),
        )
        .all()
    )
    return {submission.student.id: submission for submission in found}


def of_notebook() -> list[Any]:
    """What a submitted notebook is loaded with."""
    grades = selectinload(api.SubmittedNotebook.grades)
    return [
        joinedload(api.SubmittedNotebook.notebook),
        grades.joinedload(api.Grade.cell),
        grades.undefer(api.Grade.max_score),
        selectinload(api.SubmittedNotebook.comments).joinedload(api.Comment.cell),
        undefer(api.SubmittedNotebook.score),
        undefer(api.SubmittedNotebook.max_score),
    ]
