"""The exercises of one verdict, as every system's page shows them: the words of the feedback page, cut to what fits."""

from collections.abc import Iterable
from dataclasses import dataclass

from grader.judging.feedback import exercise_text, heading
from grader.text import clean
from grader.verdict import OPEN, ExerciseVerdict, Outcome, Verdict

# characters; PrairieLearn reads 1 MB at most, and a character may need 12 bytes there
MAX_WORDS, MAX_ALL_WORDS, MAX_NOTES = 10_000, 60_000, 4_000


@dataclass(frozen=True)
class Row:
    """One exercise; `points`: None while it is open; `words`: all that its student reads, `heading` first."""

    stem: str
    points: float | None
    max_points: float
    outcome: Outcome
    heading: str
    words: str

    @property
    def open(self) -> bool:
        return self.points is None

    @property
    def passed(self) -> bool:
        return self.points is not None and self.points >= self.max_points


def rows(verdict: Verdict) -> list[Row]:
    """In the notebook's order."""
    exercises = verdict["exercises"]
    limit = min(MAX_WORDS, MAX_ALL_WORDS // max(1, len(exercises)))
    return [_row(stem, exercise, limit) for stem, exercise in exercises.items()]


def _row(stem: str, exercise: ExerciseVerdict, limit: int) -> Row:
    is_open = exercise["outcome"] in OPEN
    return Row(
        stem,
        None if is_open else exercise["points"],
        exercise["max_points"],
        exercise["outcome"],
        clean(heading(stem, exercise), 500),
        clean(exercise_text(stem, exercise).rstrip("\n"), limit),
    )


def notes(verdict: Verdict) -> str:
    """What the verdict says of the notebook as a whole, a line each."""
    return clean("\n".join(f"note: {note}" for note in verdict["notes"]), MAX_NOTES)


def most(marked: Iterable[Row]) -> float:
    """The points of what has a mark."""
    return round(sum(row.max_points for row in marked if not row.open), 4)


def waiting(marked: Iterable[Row]) -> str:
    """Which exercises have no mark yet, "" if all have."""
    return "\n".join(row.heading for row in marked if row.open)
