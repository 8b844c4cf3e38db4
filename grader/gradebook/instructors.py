"""What a feedback page takes from the instructor's notebook: what exercises are called and, once nobody can hand in in time
any more, their solutions."""

import json
import re
import textwrap
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from grader.gradebook.extensions import course_of, last_due
from grader.gradebook.policy import Days, Policy
from grader.reader import clues, is_cell, source

HEADING = re.compile(r"^#{1,6} +(.+?) *$", re.MULTILINE)
REGION = re.compile(
    r"^[^\n]*BEGIN SOLUTION[^\n]*\n(.*?)^[^\n]*END SOLUTION[^\n]*$", re.DOTALL | re.MULTILINE
)


class SolutionPolicy(Policy):
    """Whether feedback pages show solutions: `c.SolutionPolicy` in nbgrader_config.py; by itself never."""

    days_after_due = Days(
        None,
        allow_none=True,
        help="so many whole days after the due date, and after the last extension of anybody; None: never",
    ).tag(config=True)

    def shows(self, book: Any, assignment: str, root: Path) -> bool:
        """Whether solutions may be seen now; never without a due date."""
        if self.days_after_due is None:
            return False
        due = last_due(book, assignment, root)
        now = datetime.now(UTC).replace(tzinfo=None)
        return due is not None and now >= due + timedelta(days=self.days_after_due)


def instructors(part: Any, assignment: str, notebook: str) -> list[dict[str, Any]]:
    """The cells of the instructor's notebook, as the course of one of nbgrader's parts has it; none where it is not there."""
    course = course_of(part)
    folder = course.format_path(course.source_directory, ".", assignment)
    try:
        cells = json.loads(Path(folder, f"{notebook}.ipynb").read_bytes())["cells"]
    except (OSError, ValueError, KeyError, TypeError):
        return []
    return [cell for cell in cells if is_cell(cell)]


def headings(cells: list[dict[str, Any]]) -> Mapping[str, str]:
    """{grade id: the heading above the cell, as text}; one that is there more than once names nothing."""
    prose = [cell for cell in cells if cell["cell_type"] == "markdown" and not is_solution(cell)]
    titles = {id(cell): HEADING.findall(source(cell)) for cell in prose}
    often = Counter(title for found in titles.values() for title in found)
    found, last = {}, ""
    for cell in cells:
        for title in titles.get(id(cell), ()):
            last = title if often[title] == 1 else last
        if name := clues(cell).get("grade_id"):
            found[name] = last
    return found


def is_solution(cell: dict[str, Any]) -> bool:
    """Whether students write there."""
    return bool(clues(cell).get("solution"))


def solutions(cells: list[dict[str, Any]]) -> Mapping[str, str]:
    """{grade id: what a solution cell's regions hold, or the whole cell where it has none}"""
    found = {}
    for cell in cells:
        if is_solution(cell):
            text = source(cell)
            parts = [textwrap.dedent(part).strip("\n") for part in REGION.findall(text)]
            found[str(clues(cell).get("grade_id"))] = "\n\n".join(parts) if parts else text
    return found
