"""Publishing as a table of our own making: for Gradescope, GitHub Classroom, and anybody."""

import argparse
import json
from collections import Counter

from grader.lms.people import Roster
from grader.lms.publish.fill import Report
from grader.lms.publish.ledger import Ledger, Options, points, some, why_not
from grader.lms.publish.pages import publish_pages, write_bytes
from grader.lms.publish.results import Table
from grader.lms.publish.tables import FORMS, Form, Line, as_csv, lines
from grader.store import sha256


def publish_table(options: argparse.Namespace, table: Table) -> Report:
    """Write the rows of everybody whom the system can know."""
    form, report, ledger = FORMS[options.system], Report(), Ledger(table, options.system)
    wanted = Options(options.missing, getattr(options, "so_far", True))
    found = lines(form, table, Roster.kept(table.root), wanted)
    rows = usable(found, form, report)
    given = {student: parts(line, form) for student, line in rows.items()}
    new = {s: line for s, line in rows.items() if ledger.last(s, "row") != given[s]["row"]}
    for student in new:
        mention(student, ledger.last(student, "points") or "", given[student]["points"], report)
    for student in rows if form.lacks else ():
        if points(table.results[student], wanted) is None:
            report.left[why_not(table.results[student])].append(student)
    written = new if options.changed else rows
    if not options.dry_run and (written or not options.changed):
        write_bytes(options.out, as_csv(line.cells for line in written.values()))
        ledger.keep({student: given[student] for student in written})
        report.written.append(options.out)
    if options.feedback:
        handed_in = {
            s: r for s in rows if not (r := table.results[s]).absent and r.total is not None
        }
        names = {student: rows[student].page for student in handed_in}
        publish_pages(options, handed_in, names, table, ledger, report)
    return report


def mention(student: str, before: str, now: str, report: Report) -> None:
    """What has changed in a row; one without a mark, then and now, is not worth a line."""
    if before or now:
        report.change(student, before, now or "–", "" if before != now else "in another column")


def usable(found: dict[str, Line], form: Form, report: Report) -> dict[str, Line]:
    """The rows of those whom the system can tell apart; the others are troubles."""
    lacking = [student for student, line in found.items() if not line.id]
    if lacking:
        report.trouble(f"the roster does not have {form.lacks} of: {some(lacking, 50)}")
    count = Counter(line.id.casefold() for line in found.values())
    twice = [
        student for student, line in found.items() if line.id and count[line.id.casefold()] > 1
    ]
    if twice and form.lacks:
        report.trouble(f"the roster has {form.lacks} twice: {some(twice, 50)}")
        lacking += twice
    return {student: line for student, line in found.items() if student not in lacking}


def parts(line: Line, form: Form) -> dict[str, str]:
    """What the ledger keeps of a row."""
    return {"points": line.cells[form.total], "row": sha256(json.dumps(line.cells).encode())}
