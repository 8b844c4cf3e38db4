"""What becomes of each student's work when downloads are collected: a table of rows, made without touching anything."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace

from grader.lms.collect.attempts import Attempt, Kept, one
from grader.lms.collect.deciding import Choice, Decision, decide
from grader.lms.collect.owners import Whose, part_namesakes, whose
from grader.lms.collect.picking import Candidate, pick
from grader.lms.collect.table import Row, What, when
from grader.lms.handins import HandIn, Refused
from grader.lms.matching import Index
from grader.lms.people import Roster
from grader.text import as_argument, one_line, some_of


@dataclass(frozen=True)
class Source:
    """One download, read: what it is called, which system it is from, and what it holds."""

    name: str
    system: str
    hand_ins: tuple[HandIn, ...]
    refused: tuple[Refused, ...] = ()


@dataclass(frozen=True)
class There:
    """What lies in a student's folder in submitted/: the digest of the notebook that is graded now, "" for none.

    `odd`: it lies at another place, or there are several, in words.
    """

    sha256: str = ""
    odd: str = ""


@dataclass(frozen=True)
class Course:
    """What collecting needs to know of the course.

    `notebook`: the name that it was given out with; `foreign`: whether a notebook is another assignment's; `there`, `kept`:
    what there is of a student.
    """

    notebook: str
    foreign: Callable[[bytes], bool]
    there: Callable[[str], There]
    kept: Callable[[str], Kept]
    everybody: Sequence[str]  # whose attempts are kept


@dataclass
class Work:
    """What the downloads hold of one student."""

    attempts: list[Attempt] = field(default_factory=list)
    data: dict[str, Callable[[], bytes]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    why: list[str] = field(default_factory=list)
    foreign: bool = False


def plan(
    sources: Iterable[Source],
    roster: Roster,
    course: Course,
    choice: Choice,
    overwrite: bool = False,
) -> list[Row]:
    """One row a student, sorted, then one for each hand-in that is nobody's and each entry that nobody touches."""
    index, works, others = Index(roster), defaultdict[str, Work](Work), list[Row]()
    for source in sources:
        others += [Row("", What.REFUSED, r.path, notes=[r.why]) for r in source.refused]
        matches = [whose(hand_in, index, bool(roster)) for hand_in in source.hand_ins]
        part_namesakes(matches)
        for hand_in, match in zip(source.hand_ins, matches, strict=True):
            others += match.rows(source.name, hand_in)
            if match.students:
                take(works, match, hand_in, source, course)
    known = {person.student for person in roster}
    students = sorted({*works, *known, *course.everybody})
    rows = [row_of(student, works.get(student), course, choice, overwrite) for student in students]
    if roster:
        rows = [row if row.student in known else stranger(row) for row in rows]
    unnamed = sorted(choice.named.keys() - set(students))
    others += [
        Row("", What.UNKNOWN, notes=[f"--attempt {name}=…: nobody is called so"])
        for name in unnamed
    ]
    return [*rows, *others]


def take(
    works: dict[str, Work], match: Whose, hand_in: HandIn, source: Source, course: Course
) -> None:
    """Enter a hand-in with each of its students."""
    picked = pick(hand_in, course.notebook, course.foreign)
    attempts = [attempt_of(c, hand_in, source) for c in picked.candidates]
    if not attempts and picked.why:
        attempts = [attempt_of(None, hand_in, source)]
    for student in match.students:
        work, partners = works[student], [name for name in match.students if name != student]
        work.attempts += [replace(attempt, partners=tuple(partners)) for attempt in attempts]
        work.data |= {c.sha256: c.read for c in picked.candidates}
        notes = [*picked.notes, *match.notes]
        work.notes += [note for note in notes if note not in work.notes]
        work.why += [picked.why] if picked.why and picked.why not in work.why else []
        work.foreign |= not attempts


def attempt_of(candidate: Candidate | None, hand_in: HandIn, source: Source) -> Attempt:
    """What is known of one file, or of a hand-in without a notebook."""
    digest, order = "", hand_in.order
    path = hand_in.files[0].path if hand_in.files else ""
    if candidate:
        digest, path = candidate.sha256, candidate.path
    return Attempt(
        digest,
        source.system,
        order,
        hand_in.label,
        hand_in.moment,
        hand_in.clock,
        hand_in.late,
        one_line(f"{source.name}: {path}", 300),
    )


def row_of(student: str, work: Work | None, course: Course, choice: Choice, overwrite: bool) -> Row:
    """What is done for one student."""
    work, there, before = work or Work(), course.there(student), course.kept(student)
    kept = before.with_more(work.attempts)
    row = Row(student, What.MISSING, notes=list(work.notes), kept=kept, data=work.data)
    if not any(attempt.sha256 for attempt in kept.attempts):
        if work.attempts or work.foreign:
            row.what, row.notes = What.REFUSED, [*work.why, *work.notes]
        elif there.sha256 or there.odd:
            row.what, row.sha256 = What.SAME, there.sha256
            row.notes.append("put there by hand: no download holds anything of this student")
        return row
    new = [a for a in kept.attempts if any(one(a, other) for other in work.attempts)]
    decision = decide(student, kept, new, choice)
    row.kept = decision.kept
    row.notes += [*(work.why if decision.counts is None else ()), *decision.notes]
    return settle(row, decision, there, new, overwrite)


def settle(
    row: Row, decision: Decision, there: There, new: Sequence[Attempt], overwrite: bool
) -> Row:
    """Compare what counts with what lies in submitted/."""
    assert row.kept is not None
    counts = decision.counts
    if counts is None:
        row.what = What.ASKS
        return row
    row.counts, row.sha256 = counts, counts.sha256
    row.file, row.attempt = counts.source, counts.label
    row.moment, row.clock = when(counts.moment) or "not known", counts.clock
    row.notes += notes_on(counts, new)
    ours = there.sha256 in row.kept.collected
    if there.sha256 == counts.sha256 and not there.odd:
        others = {attempt.sha256 for attempt in new} - {counts.sha256, ""}
        held = any(attempt.sha256 == counts.sha256 for attempt in new)
        row.what = What.OLDER if others and not held else What.SAME
    elif (there.sha256 or there.odd) and not (ours and not there.odd) and not overwrite:
        row.what = What.ASKS
        what = there.odd or "another notebook lies in submitted/, and came from no download"
        row.notes.append(f"{what}: it stays; --overwrite puts this one in its place, and keeps it")
    elif not there.sha256:
        row.what = What.NEW
    else:
        row.what = What.CHOSEN if decision.chosen else What.NEWER
    return row


def notes_on(counts: Attempt, new: Sequence[Attempt]) -> list[str]:
    """What a reader should know of the attempt that counts."""
    notes = [f"handed in with {some_of(counts.partners)}"] if counts.partners else []
    notes += [counts.lateness] if counts.lateness else []
    if not new:
        notes.append("nothing in these downloads: collected before")
    return notes


def stranger(row: Row) -> Row:
    """Somebody whose work was collected, and whom the roster does not hold."""
    command = f"`grader remove {as_argument(row.student)}`"
    why = f"collected before, and not in the roster: {command} takes this student out"
    return Row(row.student, What.UNKNOWN, row.file, notes=[why])
