"""What nbgrader's own pages need to survive a class: names and timestamps come from students, and it trusts both.

nbgrader has no hook for either, so `mend` replaces four small things in whichever process loads nbgrader_config.py.
"""

import functools
import html
import os
import stat
import sys
from pathlib import Path

import jinja2
from nbgrader.apps.api import NbGraderAPI
from nbgrader.coursedir import CourseDirectory
from nbgrader.preprocessors import NbGraderPreprocessor
from nbgrader.utils import parse_utc

from grader.outputs import TEX
from grader.text import clean

FORMGRADER = "nbgrader.server_extensions.formgrader.formgrader"
NAMES = (
    "student",
    "first_name",
    "last_name",
    "notebook_path",
)  # what a submission's page shows of them


def mend(config):
    """Bad timestamps count as none; names are shown, never run."""
    CourseDirectory.get_existing_timestamp = existing_timestamp
    NbGraderAPI.get_submitted_timestamp = submitted_timestamp
    config.HTMLExporter.preprocessors = [EscapeNames]
    if (
        FORMGRADER in sys.modules
    ):  # this is formgrader's process: its own pages come from these templates
        escaping = functools.partial(jinja2.Environment, autoescape=True)
        sys.modules[FORMGRADER].Environment = escaping


class EscapeNames(NbGraderPreprocessor):
    """Names, in what a page's template is given, as HTML."""

    def preprocess(self, nb, resources):
        for name in NAMES:
            if isinstance(resources.get(name), str):
                resources[name] = html.escape(TEX.sub("", clean(resources[name])))
        return nb, resources


def existing_timestamp(coursedir, folder):
    """In place of nbgrader's, which raises, and then stops the batch."""
    return read_timestamp(folder)


def submitted_timestamp(api, assignment, student):
    """In place of nbgrader's, which raises, and then answers 500 on everybody's pages."""
    coursedir = api.coursedir
    return read_timestamp(coursedir.format_path(coursedir.submitted_directory, student, assignment))


def read_timestamp(folder):
    """The moment that a folder's timestamp.txt names, in UTC; None if there is none that can be read and shown."""
    path = Path(folder, "timestamp.txt")
    try:
        if not stat.S_ISREG(os.lstat(path).st_mode) or path.stat().st_size > 100:
            return None
        moment = parse_utc(path.read_text().strip())
    except Exception:  # noqa: BLE001  a date that a student wrote has many ways to be none
        return None
    return (
        moment if moment and 1970 < moment.year < 3000 else None
    )  # others overflow in some time zone
