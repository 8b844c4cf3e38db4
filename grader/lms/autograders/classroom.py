"""What GitHub Classroom's autograding reporter reads of a step's output `result`: JSON in base64.

By the source of classroom-resources/autograding-grading-reporter, v1. It adds up the scores of the tests and `max_score`, and
turns red where `status` is not "pass". Its runner takes a line of a log that begins with :: for a command of its own.
"""

import base64
import json
import re
from collections.abc import Collection
from typing import Any

from grader.lms.autograders.rows import Row, most, rows
from grader.verdict import Verdict

COMMAND = re.compile(r"^(\s*)(::|##\[)", re.MULTILINE)


def results(verdict: Verdict, by_laws: Collection[str]) -> dict[str, Any]:
    """The document; what laws do not mark has no place in it: a 0 there would look final."""
    marked = [row for row in rows(verdict, by_laws) if row.scored]
    passed = all(row.passed for row in marked)
    return {
        "version": 1,
        "status": "pass" if passed else "fail",
        "max_score": most(marked),
        "tests": [_test(row) for row in marked],
    }


def _test(row: Row) -> dict[str, Any]:
    return {
        "name": row.stem,
        "status": "pass" if row.passed else "fail",
        "score": row.points,
        "message": tame(row.words),
        "test_code": "",
        "filename": "",
        "line_no": 0,
        "duration": 0,
    }


def encoded(document: dict[str, Any]) -> str:
    """One line, for $GITHUB_OUTPUT."""
    return base64.b64encode(json.dumps(document).encode()).decode()


def tame(text: str) -> str:
    """The text with no line that a runner takes for a command."""
    return COMMAND.sub(r"\1> \2", text)
