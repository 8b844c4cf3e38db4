"""Scores in Formgrader's lists, less what being late costs now: nbgrader lists them as if all had come in time."""

import functools
from collections import defaultdict
from collections.abc import Callable
from typing import Any

from nbgrader.api import Assignment, SubmittedAssignment
from nbgrader.apps.api import NbGraderAPI

from grader.errors import CourseError
from grader.gradebook.late import Penalties
from grader.gradebook.marks import total

# what Formgrader's lists ask: each answers with an entry, or a list of them, with an id and a score
ASKED = (
    "get_submission",
    "get_submissions",
    "get_notebook_submissions",
    "get_student_notebook_submissions",
    "get_student",
    "get_students",
)


def show_totals() -> None:
    """From now on, in this process."""
    for name in ASKED:
        nbgraders = getattr(NbGraderAPI, name)
        if not hasattr(nbgraders, "__wrapped__"):
            setattr(NbGraderAPI, name, less_penalties(nbgraders))


def end_sessions(handler: Any) -> None:
    """From now on nbgrader's handlers keep no session with the database between two requests.

    Theirs would show what was there when it began, and for good be of no use once the database's server was away.
    """
    finished = handler.on_finish
    if hasattr(finished, "__wrapped__"):
        return

    @functools.wraps(finished)
    def on_finish(self: Any) -> None:
        finished(self)
        if gradebook := self.settings.get("nbgrader_gradebook"):
            gradebook.close()

    handler.on_finish = on_finish


def less_penalties(nbgraders: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(nbgraders)
    def answer(api: Any, *names: Any, **more: Any) -> Any:
        answered = nbgraders(api, *names, **more)
        entries = [answered] if isinstance(answered, dict) else answered or []
        off = points_off(api)
        for entry in entries:
            if off[entry["id"]]:
                entry["score"] = total(entry["score"], off[entry["id"]])
        return answered

    return answer


def points_off(api: Any) -> dict[str, float]:
    """{id of a submitted notebook, of its submission, of its student: points}; what cannot be told is left out, and logged."""
    off: dict[str, float] = defaultdict(float)
    try:
        penalties = Penalties(api)
    except CourseError as error:
        api.log.error(f"scores are shown without late penalties: {error}")
        return off
    with api.gradebook as database:
        for submission in perhaps_late(database):
            for notebook in submission.notebooks:
                points = told(penalties, notebook, api)
                for identity in (notebook.id, submission.id, submission.student.id):
                    off[identity] += points
    return off


def perhaps_late(database: Any) -> Any:
    """All but those that came in time by everybody's due date: few, in most classes."""
    after = SubmittedAssignment.timestamp > Assignment.duedate
    found = database.db.query(SubmittedAssignment).join(Assignment)
    return found.filter(after | SubmittedAssignment.extension.is_not(None))


def told(penalties: Penalties, notebook: Any, api: Any) -> float:
    try:
        return penalties(notebook) or 0.0
    except CourseError as error:
        api.log.error(f"{notebook.student.id} is shown without a late penalty: {error}")
        return 0.0
