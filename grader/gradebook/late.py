"""What handing in late costs: worked out from the gradebook as it is now, wherever a total is shown.

nbgrader works the penalty out once, while it autogrades, and stores it; a due date, an extension, a setting or a hand
mark that comes later leaves the stored one as it was.
"""

from pathlib import Path
from typing import Any

from nbgrader.converters.base import NbGraderException
from nbgrader.preprocessors import AssignLatePenalties, NbGraderPreprocessor
from traitlets import List, TraitError

from grader.errors import CourseError
from grader.gradebook.extensions import course_of, seconds_late
from grader.gradebook.policy import FreeDays, LatePolicy
from grader.text import clean


class Applied(AssignLatePenalties):
    """nbgrader's own, whose base hides a trait that pages configure: traitlets would warn of it for each page."""

    display_data_priority = List(NbGraderPreprocessor.display_data_priority.default()).tag(
        config=True
    )


class Penalties:
    """`penalties(notebook)` is what the configured plugin takes off a submitted notebook's score, as nbgrader would store it."""

    def __init__(self, parent: Any) -> None:
        """`parent`: whose settings count, one of nbgrader's applications or converters."""
        self.root = Path(course_of(parent).root)
        try:
            self.nbgraders = Applied(parent=parent)
            self.nbgraders.init_plugin()
        except Exception as error:
            raise CourseError(
                f"the late submission plugin cannot be used: {words(error)}"
            ) from error
        self.plugin = self.nbgraders.plugin_inst
        self.policy = self.plugin if isinstance(self.plugin, LatePolicy) else None
        if self.policy is None and parent.config.get("LatePolicy"):
            raise CourseError(
                "c.LatePolicy has settings, but c.AssignLatePenalties.plugin_class is another plugin: keep one of them"
            )

    def __call__(self, notebook: Any) -> float | None:
        """None where there is none; CourseError where the plugin, which may be the course's own, fails."""
        seconds = self.seconds_late(notebook.assignment)
        if seconds <= 0:
            return None
        if self.policy:
            self.policy.notebook = notebook
        try:
            points = self.plugin.late_submission_penalty(
                notebook.student.id, notebook.score, seconds
            )
            return None if points is None else self.nbgraders._check_late_penalty(notebook, points)
        except Exception as error:
            raise CourseError(f"the late submission plugin failed: {words(error)}") from error

    @property
    def shared(self) -> bool:
        """Whether a penalty depends on what the student handed in for other assignments."""
        return bool(self.policy and self.policy.free_late_days)

    def seconds_late(self, submission: Any) -> float:
        return seconds_late(submission, self.root)

    def free_days(self, submission: Any) -> FreeDays | None:
        """The student's free late days; None where the course gives none."""
        return self.policy.free_days(submission) if self.policy else None


def check_settings(converter: Any, so: str) -> None:
    """Say once what is wrong with them, before nbgrader removes what it then cannot make; `so`: what follows, in words."""
    try:
        Penalties(converter)
    except CourseError as error:
        converter.log.error(f"{so}: {error}")
        raise NbGraderException("the late submission plugin cannot be used") from error


def words(error: Exception) -> str:
    """What went wrong; traitlets' own words, which the settings' are, need no name of a class before them."""
    named = "" if isinstance(error, TraitError) else f"{type(error).__name__}: "
    return clean(f"{named}{error}")
