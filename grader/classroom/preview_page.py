"""The page of an early look: one a student, by itself, without marks and without a word of any law."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import jinja2

from grader.assignment import Exercise
from grader.text import clean
from grader.verdict import Outcome

# a word of grader.classroom.preview: sign, words, class
SAID: dict[str, tuple[str, str, str]] = {
    "holds": ("✓", "the main law holds", "holds"),
    "broken": ("✗", "the main law is broken", "broken"),
    Outcome.NOT_IMPLEMENTED: ("–", "not written yet", "open"),
    Outcome.NEEDS_TRAINING: ("…", "a training run decides, after the due date", "open"),
    Outcome.NEEDS_MANUAL: ("…", "a person reads it, after the due date", "open"),
}


def page(
    assignment: str,
    student: str,
    plan: Sequence[Exercise],
    looks: Sequence[Any],
    left: int | None,
    moment: datetime | None,
    trouble: str,
) -> str:
    """The page of the last look; `left`: how many more there are, None for any number; `moment`: from when on; `trouble`: why there is none."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("grader.classroom"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    last = looks[-1] if looks else None
    found = last.found if last else {}
    rows = [(e.stem, f"{e.max_points:g}", *SAID[found[e.stem]]) for e in plan if e.stem in found]
    return environment.get_template("preview.html.jinja").render(
        assignment=assignment,
        student=clean(student),
        rows=rows,
        look=last,
        number=len(looks),
        left=left,
        moment=moment,
        trouble=trouble,
    )
