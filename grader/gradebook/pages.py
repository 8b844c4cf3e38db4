"""What nbgrader's own pages need to survive a class: names and timestamps come from students, and it trusts both.

nbgrader has no hook for either, so `mend` replaces five small things in whichever process loads nbgrader_config.py.
"""

import functools
import html
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import jinja2
import jinja2.ext
import jinja2.filters
import nbgrader
from nbconvert.exporters import HTMLExporter
from nbconvert.filters import Highlight2HTML, ansi2html
from nbconvert.preprocessors import CSSHTMLHeaderPreprocessor
from nbformat import NotebookNode
from nbgrader.api import Gradebook, SubmittedAssignment
from nbgrader.apps.api import NbGraderAPI
from nbgrader.coursedir import CourseDirectory
from nbgrader.preprocessors import GetGrades, NbGraderPreprocessor
from traitlets import List

from grader.gradebook.extensions import course_of
from grader.gradebook.formgrader import end_sessions
from grader.gradebook.formulas import markdown2html
from grader.gradebook.instructors import SolutionPolicy, headings, instructors, solutions
from grader.gradebook.late import Penalties, check_settings
from grader.gradebook.marks import is_open, total
from grader.gradebook.report_html import report_html
from grader.submission.outputs import TEX
from grader.submission.timestamps import read_timestamp
from grader.text import clean

TEMPLATES = Path(__file__).parent / "templates"
NBGRADERS = Path(nbgrader.__file__).parent / "server_extensions/formgrader/templates"
Resources = dict[str, Any]
FORMGRADER = "nbgrader.server_extensions.formgrader.formgrader"
MOST_COLOURED = 10_000  # characters of a cell
# what a submission's page shows of them
NAMES = ("student", "first_name", "last_name", "notebook_path")


def mend(config: Any) -> None:
    """Bad timestamps count as none, as does an extension to no due date; names are shown, never run."""
    SubmittedAssignment.duedate = property(due)
    CourseDirectory.get_existing_timestamp = existing_timestamp
    NbGraderAPI.get_submitted_timestamp = submitted_timestamp
    config.HTMLExporter.preprocessors = [EscapeNames, HideMarks]
    config.HTMLExporter.filters = {
        "float": as_number,
        "round": rounded,
        "highlight_code": coloured,
        "markdown2html": markdown2html,
        "ansi2html": printed,
    }
    # a template of ours stands in front of nbgrader's of the same name
    config.HTMLExporter.extra_template_basedirs = [str(TEMPLATES), str(NBGRADERS)]
    config.FeedbackExporter.template_name = "feedback"  # in Formgrader's process, too
    config.FeedbackExporter.template_file = "page.html.j2"
    config.GenerateFeedback.exporter_class = FeedbackExporter
    config.GenerateFeedback.preprocessors = [GetMarks, CSSHTMLHeaderPreprocessor]
    # in formgrader's process its own pages come from these templates
    if FORMGRADER in sys.modules:
        extensions = [NamesInAddresses]
        made = functools.partial(jinja2.Environment, autoescape=True, extensions=extensions)
        vars(sys.modules[FORMGRADER])["Environment"] = made
        end_sessions(vars(sys.modules[FORMGRADER])["handlers"].BaseHandler)


class NamesInAddresses(jinja2.ext.Extension):
    """A student's name where formgrader's templates make an address of it, in a link or for a script that asks the server."""

    def preprocess(self, source: str, name: str | None, filename: str | None = None) -> str:
        for before in ('"', "/"):
            source = source.replace(
                before + "{{ student_id }}", before + "{{ student_id|urlencode }}"
            )
        return source


class EscapeNames(NbGraderPreprocessor):
    """Names, in what a page's template is given, as HTML."""

    display_data_priority: Any = List(help="nbconvert sets it on every preprocessor").tag(
        config=True
    )

    def preprocess(self, nb: NotebookNode, resources: Resources) -> tuple[NotebookNode, Resources]:
        for name in NAMES:
            if isinstance(resources.get(name), str):
                resources[name] = html.escape(TEX.sub("", clean(resources[name])))
        return nb, resources


class HideMarks(NbGraderPreprocessor):
    """The number below a report is for nbgrader, which reads the mark from it: on pages the mark stands at the top."""

    display_data_priority: Any = List(help="nbconvert sets it on every preprocessor").tag(
        config=True
    )

    def preprocess_cell(
        self, cell: NotebookNode, resources: Resources, index: int
    ) -> tuple[NotebookNode, Resources]:
        if cell.cell_type == "code" and cell.metadata.get("nbgrader", {}).get("grade"):
            cell.outputs = [o for o in cell.outputs if o.output_type != "execute_result"]
        return cell, resources


class FeedbackExporter(HTMLExporter):
    """What students get: nbconvert's exporter under a name of its own, for settings that Formgrader's pages do not share."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        check_settings(self.parent, "no page is made")


class GetMarks(GetGrades):
    """Scores for feedback pages, less what being late costs now; where there is no mark yet the page says so instead of 0."""

    def preprocess(self, nb: NotebookNode, resources: Resources) -> tuple[NotebookNode, Resources]:
        self.waiting = 0.0
        nb, resources = super().preprocess(nb, resources)
        about = resources["nbgrader"]
        with Gradebook(self.db_url) as gradebook:
            where = (self.notebook_id, self.assignment_id, self.student_id)
            notebook = gradebook.find_submission_notebook(*where)
            penalties = Penalties(self)
            about["late_penalty"] = penalties(notebook) or 0.0
            about["free_days"] = penalties.free_days(notebook.assignment)
            about["score"] = total(notebook.score, about["late_penalty"])
            root = Path(course_of(self).root)
            shown = SolutionPolicy(parent=self).shows(gradebook, self.assignment_id, root)
        cells = instructors(self, self.assignment_id, self.notebook_id)
        # as text: a heading may hold formulas and signs
        about["headings"] = {name: html.escape(words) for name, words in headings(cells).items()}
        about["solutions"] = solutions(cells) if shown else {}
        if self.waiting:
            about["score"] = f"{about['score']:g} so far, {self.waiting:g} not marked yet"
        return nb, resources

    def _get_score(self, cell: NotebookNode, resources: Resources) -> None:
        super()._get_score(cell, resources)
        about = cell.metadata.nbgrader
        where = (self.notebook_id, self.assignment_id, self.student_id)
        if is_open(self.gradebook.find_grade(about["grade_id"], *where)):
            self.waiting += about["points"]
            about["score"] = "not marked yet"


def coloured(source: str, language: str | None = None, metadata: Any = None) -> str:
    """In place of nbconvert's filter: long code stays plain, for the time that colouring takes may grow with its square."""
    if len(source) > MOST_COLOURED:
        return f'<div class="highlight"><pre>{html.escape(source)}</pre></div>'
    return Highlight2HTML(pygments_lexer="ipython3")(source, language, metadata)


@jinja2.pass_context
def printed(context: jinja2.runtime.Context, text: str) -> str:
    """In place of `ansi2html`: a report's long lines go on below, far to the right, where no student's word passes for ours."""
    cell = context.get("cell") or {}
    if not cell.get("metadata", {}).get("nbgrader", {}).get("grade"):
        return ansi2html(text)
    return report_html(text)


def as_number(value: Any, default: float = 0.0) -> str | float:
    """In place of jinja's filter `float`, which nbgrader's template applies to scores: words stay words."""
    return value if isinstance(value, str) else jinja2.filters.do_float(value, default)


def rounded(value: Any, *args: Any) -> str | float:
    """In place of `round`, in the same way."""
    return value if isinstance(value, str) else jinja2.filters.do_round(value, *args)


def due(submission: Any) -> datetime | None:
    """In place of nbgrader's, which raises where there is an extension and no due date any more."""
    day, extension = submission.assignment.duedate, submission.extension
    return day + extension if day and extension else day


def existing_timestamp(coursedir: Any, folder: str) -> datetime | None:
    """In place of nbgrader's, which raises, and then stops the batch."""
    return read_timestamp(folder)


def submitted_timestamp(api: Any, assignment: str, student: str) -> datetime | None:
    """In place of nbgrader's, which raises, and then answers 500 on everybody's pages."""
    coursedir = api.coursedir
    return read_timestamp(coursedir.format_path(coursedir.submitted_directory, student, assignment))
