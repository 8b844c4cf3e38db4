"""What handing in late costs: worked out from the gradebook as it is now, wherever a total is shown.

nbgrader works the penalty out once, while it autogrades, and stores it; a due date, an extension, a setting or a hand
mark that comes later leaves the stored one as it was.
"""

from typing import Any

from nbgrader.preprocessors import AssignLatePenalties

from grader.errors import CourseError
from grader.text import clean


class Penalties:
    """`penalties(notebook)` is what the configured plugin takes off a submitted notebook's score, as nbgrader would store it."""

    def __init__(self, parent: Any) -> None:
        """`parent`: whose settings count, one of nbgrader's applications or converters."""
        self.nbgraders = AssignLatePenalties(parent=parent)
        try:
            self.nbgraders.init_plugin()
        except Exception as error:
            raise CourseError(
                f"the late submission plugin cannot be used: {words(error)}"
            ) from error

    def __call__(self, notebook: Any) -> float | None:
        """None where there is none; CourseError where the plugin, which may be the course's own, fails."""
        seconds = notebook.assignment.total_seconds_late
        if seconds <= 0:
            return None
        plugin, student = self.nbgraders.plugin_inst, notebook.student.id
        try:
            points = plugin.late_submission_penalty(student, notebook.score, seconds)
            return None if points is None else self.nbgraders._check_late_penalty(notebook, points)
        except Exception as error:
            raise CourseError(f"the late submission plugin failed: {words(error)}") from error


def words(error: Exception) -> str:
    return clean(f"{type(error).__name__}: {error}")
