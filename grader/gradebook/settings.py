"""nbgrader as this course has it set up: its own application, with the grader's parts in their places."""

import sys
import warnings
from pathlib import Path
from typing import Any

from grader.assignment import Assignment


def load_quickly() -> None:
    """To be called before nbgrader is imported: what it leaves out takes as long as all the rest."""
    warnings.filterwarnings("ignore", module="nbgrader")
    # a check of web addresses that jsonschema would load: it compiles 38 grammars, a second lost
    modules: dict[str, Any] = sys.modules
    modules.setdefault("rfc3987_syntax", None)


def application(assignment: Assignment) -> Any:
    """nbgrader's Autograde application for the assignment, configured and not started."""
    load_quickly()
    from nbgrader.apps import AutogradeApp

    from grader.gradebook.plugins import configure

    app = AutogradeApp()
    app.initialize([assignment.name])
    configure(app.config, str(assignment.folder))
    app.coursedir.assignment_id = assignment.name
    return app


def other_assignments(app: Any, gradebook: Any) -> set[str]:
    """The names that the course has for its other assignments: in the gradebook, and in source/."""
    source = Path(app.coursedir.root, app.coursedir.source_directory)
    return assignments(source, gradebook) - {app.coursedir.assignment_id}


def assignments(source: Path, gradebook: Any | None) -> set[str]:
    """The names of all of them: in source/, and in the gradebook, where there is one."""
    known = {assignment.name for assignment in gradebook.assignments} if gradebook else set[str]()
    return known | {path.parent.name for path in source.glob("*/*.ipynb")}
