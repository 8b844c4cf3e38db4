"""The report as one value, of which page, JSON and CSV are made: none of them says more than it."""

import re
from datetime import UTC, datetime
from typing import Any

import grader
from grader.report.cohort import Cohort
from grader.report.items import items
from grader.report.lookalikes import lookalikes
from grader.report.marks import marks
from grader.report.mistakes import WITHHELD, mistakes
from grader.report.training import training

SCHEMA = 1
# what names a student, or is in a student's own words
NAMING = frozenset({"who", "names", "shown", "note"})
Part = dict[str, Any]


def document(cohort: Cohort, anonymous: bool = False) -> Part:
    """All of it; `anonymous`: without anything in NAMING."""
    made = {
        "schema": SCHEMA,
        "assignment": cohort.table.name,
        "grader": grader.__version__,
        "made": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
        "anonymous": anonymous,
        "class": about(cohort),
        "names": names(cohort),
        "marks": marks(cohort),
        "items": items(cohort),
        "mistakes": [discreet(entry, cohort) if anonymous else entry for entry in mistakes(cohort)],
        "training": training(cohort),
        "lookalikes": lookalikes(cohort),
    }
    return without_names(made) if anonymous else made


def about(cohort: Cohort) -> Part:
    """How many there are, and of how many the verdicts are known."""
    there = cohort.handed_in
    return {
        "students": len(cohort.students),
        "handed_in": len(there),
        "with_verdict": sum(student.verdict is not None for student in there),
    }


def names(cohort: Cohort) -> dict[str, str]:
    """{id: first and last name}, of those who have one."""
    both = {s.id: f"{s.result.first_name} {s.result.last_name}".strip() for s in cohort.students}
    return {student: name for student, name in both.items() if name}


def discreet(mistake: Part, cohort: Cohort) -> Part:
    """Cause and example are a law's own words, which may quote a student: without those that hold a name of the class."""
    results = [student.result for student in cohort.students]
    fields = [(r.student, r.email, *r.first_name.split(), *r.last_name.split()) for r in results]
    known = {word for field in fields for word in field}

    def told(text: str) -> str:
        return WITHHELD if known & set(re.findall(r"[\w.@+-]+", text)) else text

    example = mistake["example"]
    shown = example and {name: told(text) for name, text in example.items()}
    return mistake | {"cause": told(mistake["cause"]), "example": shown}


def without_names(part: Any) -> Any:
    """The same without anything in NAMING, at any depth."""
    if isinstance(part, dict):
        return {key: without_names(value) for key, value in part.items() if key not in NAMING}
    return [without_names(each) for each in part] if isinstance(part, list) else part
