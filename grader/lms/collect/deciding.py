"""Which of a student's attempts counts: the newest, unless --attempt says otherwise; where nobody can tell, nobody guesses."""

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from grader.errors import CourseError
from grader.lms.collect.attempts import BY_HAND, Attempt, Kept, first, in_order, last

LATEST, FIRST, DOWNLOAD = "latest", "first", "download"
DIGEST = 10  # characters that the table shows, and that a choice takes
SHORTEST = 6  # characters of a digest; a number has fewer
FORM = re.compile(r"latest|first|download|[1-9]\d{0,2}|[0-9a-f]{6,64}")


@dataclass(frozen=True)
class Choice:
    """What --attempt says: of everybody ("" where it says nothing), and of students by name."""

    everybody: str = ""
    named: Mapping[str, str] = field(default_factory=dict)

    def of(self, student: str) -> str:
        """What it says of this one."""
        return self.named.get(student, self.everybody)


@dataclass(frozen=True)
class Decision:
    """`counts`: None where nobody can tell, and `notes` say why; `chosen`: not just for being the newest."""

    counts: Attempt | None
    kept: Kept
    chosen: bool = False
    notes: tuple[str, ...] = ()


def read_choice(words: Sequence[str]) -> Choice:
    """The choices of the command line, WHICH or STUDENT=WHICH; CourseError for others."""
    everybody, named = "", dict[str, str]()
    for word in words:
        student, sign, which = word.rpartition("=")
        if not FORM.fullmatch(which) or (
            not sign
            and len(which) > 3
            and which.isalnum()
            and which not in (LATEST, FIRST, DOWNLOAD)
        ):
            raise CourseError(
                f"--attempt {word}: latest, first, download or a number, which counts from the first;"
                " for one student STUDENT= and one of these, or a digest from the table"
            )
        if sign:
            named[student] = which
        else:
            everybody = which
    return Choice(everybody, named)


def decide(student: str, kept: Kept, new: Sequence[Attempt], choice: Choice) -> Decision:
    """The attempt that counts; `new`: those that are in this command's downloads."""
    which = choice.of(student)
    if not which and kept.chosen:
        return remembered(student, kept)
    # what somebody put there has no place among what was handed in: it counts where it is named
    handed_in = [attempt for attempt in kept.attempts if attempt.system != BY_HAND]
    newest = last(handed_in)
    if which in ("", LATEST):
        kept = replace(kept, chosen="", among=())
        if newest and newest.sha256:
            return Decision(newest, kept)
        why = (
            "the newest attempt holds no notebook"
            if newest
            else "which attempt is the newest is not known"
        )
        return Decision(None, kept, notes=(f"{why}: {remedy(student, kept)}",))
    counts = asked_for(which, kept.attempts if len(which) >= SHORTEST else handed_in, new)
    if counts is None or not counts.sha256:
        words = f"--attempt {which} names no attempt of this student: {remedy(student, kept)}"
        return Decision(None, kept, notes=(words,))
    among = tuple(sorted({attempt.sha256 for attempt in kept.attempts}))
    by_itself = newest is not None and newest.sha256 == counts.sha256
    kept = replace(
        kept, chosen="" if by_itself else counts.sha256, among=() if by_itself else among
    )
    return Decision(counts, kept, not by_itself, () if by_itself else ("chosen by --attempt",))


def remembered(student: str, kept: Kept) -> Decision:
    """What was chosen once counts until something else comes."""
    counts = [attempt for attempt in kept.attempts if attempt.sha256 == kept.chosen]
    handed_in = {attempt.sha256 for attempt in kept.attempts if attempt.system != BY_HAND}
    more = handed_in - set(kept.among)
    if counts and not more:
        return Decision(counts[-1], kept, True, ("chosen by --attempt",))
    why = "an attempt was chosen by --attempt, and another one has come since"
    return Decision(None, kept, notes=(f"{why}: {remedy(student, kept)}",))


def asked_for(which: str, attempts: Sequence[Attempt], new: Sequence[Attempt]) -> Attempt | None:
    """The attempt that a word of --attempt means; None where nobody can tell."""
    if which == FIRST:
        return first(attempts)
    if which == DOWNLOAD:
        return last(new)
    if len(which) < SHORTEST:
        ordered = in_order(attempts)
        return ordered[int(which) - 1] if ordered and int(which) <= len(ordered) else None
    found = [attempt for attempt in attempts if attempt.sha256.startswith(which)]
    return found[-1] if len({attempt.sha256 for attempt in found}) == 1 else None


def remedy(student: str, kept: Kept) -> str:
    """What to type, with each attempt that can be chosen."""
    digests = dict.fromkeys(a.sha256 for a in kept.attempts if a.sha256)
    named = [next(a for a in kept.attempts if a.sha256 == digest) for digest in digests]
    listed = "; ".join(f"{a.sha256[:DIGEST]} is {a.source}" for a in named[:5])
    # what begins with a dash would pass for an option
    sign = "=" if student.startswith("-") else " "
    return f"--attempt{sign}{shlex.quote(student)}=… with one of: {listed}"
