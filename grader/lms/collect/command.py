"""`grader collect`: what the command line asks for, from the downloads to the table."""

import argparse
import contextlib
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from grader.assignment import Assignment, the_assignment
from grader.errors import CourseError
from grader.gradebook import people
from grader.gradebook.database import cell_ids
from grader.lms.collect.deciding import read_choice
from grader.lms.collect.placing import Place
from grader.lms.collect.plan import Course, Source, plan
from grader.lms.collect.reading import read_downloads, system_of
from grader.lms.collect.table import IN_ORDER, Row, What, lines, write_table
from grader.lms.handins import Key, Told
from grader.lms.matching import Joined, join
from grader.lms.people import Person, Roster
from grader.lms.roster import Read, read_rosters
from grader.options import zone
from grader.reader import Unreadable
from grader.store import WORK, alone
from grader.submission.collect import holds_others
from grader.text import from_here, one_line, some_of

NO_ROSTER = (
    "no roster: folders are called what the system calls people, and nobody is missing; --roster FILE names an export"
    " of the class"
)


def run(options: argparse.Namespace) -> int:
    """Collect, and print the table; 1 where a row asks for something."""
    assignment = the_assignment(options.laws, options.assignment)
    choice, told = read_choice(options.attempt), told_by(options, assignment)
    if not (options.downloads or options.roster or options.attempt):
        raise CourseError("nothing to collect: name a DOWNLOAD, a --roster or an --attempt")
    place = people.course()
    work = place.root / WORK / assignment.name
    with contextlib.nullcontext() if options.dry_run else alone(work):
        tables = read_rosters(options.roster, options.id)
        joined = join(Roster.kept(place.root), tables)
        worksheet = [row for table in tables for row in table.worksheet]
        asked = "plain" if options.pattern and not options.system else options.system
        sources = read_downloads(options.downloads, asked, told, worksheet)
        tell(sources, tables, joined, options.id)
        placed = place_of(place, assignment)
        rows = plan(sources, joined.roster, course_of(placed), choice, options.overwrite)
        rows += [Row("", What.REFUSED, notes=[why]) for why in joined.wrong]
        if not options.dry_run:
            try:
                settle(place, placed, joined.roster, rows, work / "collected.csv")
            except OSError as error:
                raise CourseError(
                    f"{error.filename or place.root}: {error.strerror}; mend it, run again"
                ) from None
    print(*lines(rows), sep="\n")
    return finish(rows, work / "collected.csv", options.dry_run)


def told_by(options: argparse.Namespace, assignment: Assignment) -> Told:
    """What the command line says of the downloads; CourseError for a zone that is none."""
    clock = zone(options.zone) if options.zone else None
    return Told(assignment.name, assignment.notebook.stem, clock, pattern=options.pattern)


def place_of(place: people.Course, assignment: Assignment) -> Place:
    """The assignment's folders."""
    names = (assignment.name, assignment.notebook.stem)
    others = people.other_assignments(place, assignment.name)
    return Place(place.root, place.submitted, names, others, cell_ids(assignment))


def course_of(placed: Place) -> Course:
    """The same, for the plan: a notebook is another assignment's only where there is another one."""
    return Course(
        placed.notebook,
        lambda data: bool(placed.others) and holds_others(data, placed.ids),
        placed.there,
        placed.archive.read,
        placed.archive.students(),
    )


def tell(
    sources: Sequence[Source], tables: Sequence[Read], joined: Joined, asked: str | None
) -> None:
    """What each file was taken for, before anything is done; `asked`: the column that --id names."""
    for source in sources:
        what = f"taken for {system_of(source.system).title}" if source.system else "not touched"
        count = len(source.hand_ins)
        print(f"{one_line(source.name)}: {what}, {count} {'hand-in' if count == 1 else 'hand-ins'}")
    for table in tables:
        left_out = f"; left out: {some_of(table.left_out)}" if table.left_out else ""
        print(f"{table.name}: {len(table.people)} people, ids from {table.column}{left_out}")
    if joined.notes:
        print(f"joined: {some_of(joined.notes, 3)}")
    if asked and joined.renamed:
        names = some_of(joined.renamed)
        print(
            f"--id: {names} keep the ids that an earlier roster gave; `grader remove` takes them out first"
        )
    if not joined.roster:
        print(NO_ROSTER)


def settle(
    place: people.Course, placed: Place, roster: Roster, rows: Sequence[Row], table: Path
) -> None:
    """The roster first, so that ids stay what they are; then each student's work; then the gradebook and the table."""
    if roster:
        roster.save(place.root)
    for row in rows:
        if row.student:
            put(placed, row)
    if roster:
        people.enter(place, {person.student: details(person) for person in roster})
    write_table(rows, table)


def put(placed: Place, row: Row) -> None:
    """One student's folder that cannot be written stops nobody else."""
    try:
        placed.put(row)
    except (OSError, Unreadable) as error:
        row.what = What.REFUSED
        why = one_line(str(error))
        row.notes.append(f"could not be put into its place: {why}: mend it and run again")


def details(person: Person) -> dict[str, str]:
    """What nbgrader keeps of a person."""
    return {
        "first_name": person.first_name,
        "last_name": person.last_name,
        "email": person.keys.get(Key.EMAIL, ""),
        "lms_user_id": person.keys.get(Key.CANVAS, ""),
    }


def finish(rows: Sequence[Row], table: Path, dry_run: bool) -> int:
    """The last lines, and the exit code."""
    counts = Counter(row.what.value for row in rows)
    said = ", ".join(f"{count} {what}" for what, count in sorted(counts.items()))
    where = "nothing was changed" if dry_run else f"one row a student: {from_here(table)}"
    print(f"{said or 'nobody'}; {where}", file=sys.stderr)
    return int(any(row.what not in IN_ORDER for row in rows))
