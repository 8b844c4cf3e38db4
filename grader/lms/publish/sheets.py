"""Publishing into a table that the system itself has exported: Canvas and Moodle."""

import argparse
from collections.abc import Iterable
from dataclasses import dataclass, field

from grader.errors import CourseError
from grader.lms.handins import Key
from grader.lms.people import Roster
from grader.lms.publish import canvas, moodle
from grader.lms.publish.fill import Column, Report, alike, chosen, placed
from grader.lms.publish.ledger import Ledger, Options, number, points, some
from grader.lms.publish.pages import publish_pages, write_bytes
from grader.lms.publish.results import Result, Table
from grader.lms.publish.rows import Rows, assign
from grader.lms.publish.sheet import Sheet


@dataclass
class Filling:
    """One sheet on its way: `given`: by student what stands there now, `points` and `comment`; `rows`: those of these students."""

    sheet: Sheet
    column: Column
    table: Table
    options: Options
    report: Report
    most: float | None = None  # Moodle takes no more
    comments: bool = False
    given: dict[str, dict[str, str]] = field(default_factory=dict)
    rows: set[int] = field(default_factory=set)


def publish_sheet(options: argparse.Namespace, table: Table) -> Report:
    """CourseError where nothing can be published at all."""
    work, people = opened(options, table)
    check_out(options)
    report, ledger = work.report, work.column.ledger
    emails = {student: result.email for student, result in table.results.items()}
    rows = assign(people, Roster.kept(table.root), emails)
    name_strangers(work.sheet, rows, report)
    found = chosen(table, work.options, report)
    places = placed(found, rows, work.sheet, report)
    for student, row in places.items():
        fill(work, found[student], row, options.changed)
    kept = [row for row in range(len(work.sheet)) if row not in people or row in work.rows]
    if not options.dry_run and (work.rows or not options.changed):
        write_bytes(options.out, work.sheet.bytes(kept if options.changed else None))
        ledger.keep(work.given)
        report.written.append(options.out)
    if options.feedback:
        handed_in = {student: found[student] for student in places if not found[student].absent}
        names = page_names(options, work, {s: places[s] for s in handed_in}, people)
        publish_pages(options, {s: handed_in[s] for s in names}, names, table, ledger, report)
    return report


def opened(options: argparse.Namespace, table: Table) -> tuple[Filling, dict[int, dict[Key, str]]]:
    """The sheet, and what its rows say of people."""
    report, ledger = Report(), Ledger(table, options.system)
    if options.system == "canvas":
        sheet = canvas.read(options.sheet)
        place = canvas.column(sheet, table.name, options.column)
        most, people = canvas.maximum(sheet, place), canvas.people(sheet)
    else:
        sheet = moodle.read(options.sheet)
        place = sheet.columns.index(moodle.GRADE)
        most, people = moodle.maximum(sheet), moodle.people(sheet)
    wanted = Options(options.missing, options.so_far, worth(most, table, options))
    column = Column(sheet, place, ledger, options.overwrite)
    moodles = options.system == "moodle"
    return Filling(sheet, column, table, wanted, report, most if moodles else None, moodles), people


def worth(most: float, table: Table, options: argparse.Namespace) -> float:
    """What a point is worth there; CourseError where the maximum is another, unless marks are to be scaled."""
    if options.scale:
        return most / table.max_total
    if abs(most - table.max_total) > 1e-6:
        raise CourseError(
            f"{options.sheet}: the maximum is {number(most)} there, and {number(table.max_total)} here: set the same in the LMS"
            " and export again, or publish with --scale"
        )
    return 1.0


def check_out(options: argparse.Namespace) -> None:
    """CourseError if the default place is that of the export itself: that one is overwritten only where --out names it."""
    own, given = options.default_out.resolve(), options.sheet.resolve()
    if options.out is options.default_out and own == given:
        raise CourseError(
            f"{options.sheet} is where the table would go: name another file with --out"
        )


def fill(work: Filling, result: Result, row: int, changed: bool) -> None:
    """One student's mark, and comment where the system has one."""
    value = points(result, work.options)
    assert value is not None  # of those who are chosen
    student, ledger, text = result.student, work.column.ledger, number(value)
    parts = {"points": text}
    if work.comments:
        parts["comment"] = moodle.comment(result, work.table, work.options)
    if changed and all(ledger.last(student, part) == said for part, said in parts.items()):
        return
    if work.most is not None and not takes(work, student, row, value):
        return
    was = work.sheet.get(row, work.column.place)
    if not work.column.write(student, row, value, work.report):
        return
    work.rows.add(row)
    said = parts.pop("comment", "")
    if said and moodle.write_comment(work.sheet, row, said, student, work.report):
        parts["comment"] = said
    work.given[student] = parts | {"was": was}


def takes(work: Filling, student: str, row: int, value: float) -> bool:
    """Whether Moodle would take the mark: it says nothing of those that it leaves out."""
    there = work.sheet.get(row, work.column.place)
    if moodle.locked(work.sheet, row):
        if not alike(there, number(value)):
            work.report.trouble(
                f"{student}: {moodle.OPEN!r} is No in {work.sheet.path.name}: {there or 'no mark'} there, {number(value)} here"
            )
        return False
    if work.most is not None and value > work.most + 1e-6:
        work.report.trouble(
            f"{student}: {number(value)} is more than Moodle takes, {number(work.most)}"
        )
        return False
    return True


def name_strangers(sheet: Sheet, rows: Rows, report: Report) -> None:
    """Rows of nobody here are mentioned, and stay."""
    first = [sheet.get(row, 0) or f"row {row + 1}" for row in rows.strangers]
    names = [name for name in first if name != canvas.TEST_STUDENT]
    if names:
        report.notes.append(f"rows of nobody here, which stay as they are: {some(names)}")


def page_names(
    options: argparse.Namespace,
    work: Filling,
    places: dict[str, int],
    people: dict[int, dict[Key, str]],
) -> dict[str, str]:
    """Under which name a student's page belongs into the zip."""
    notebook = work.table.assignment.notebook.stem
    if options.system == "moodle":
        return {s: moodle.page_name(work.sheet, row, notebook) for s, row in places.items()}
    if not options.submissions:
        raise CourseError(
            "--feedback needs --submissions ZIP, the download of submissions: Canvas knows pages by the names in it"
        )
    known = canvas.page_names(options.submissions, notebook)
    ids = {student: people[row].get(Key.CANVAS, "") for student, row in places.items()}
    absent(
        options, [student for student, number in ids.items() if number not in known], work.report
    )
    return {student: known[number] for student, number in ids.items() if number in known}


def absent(options: argparse.Namespace, students: Iterable[str], report: Report) -> None:
    if names := [*students]:
        report.trouble(f"no file in {options.submissions.name}, so no page for: {some(names, 50)}")
