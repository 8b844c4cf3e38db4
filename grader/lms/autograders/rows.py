"""The exercises of one verdict, as every system's page shows them: the words of the feedback page, cut to what fits."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from grader.judging.feedback import exercise_text, heading
from grader.text import clean
from grader.verdict import OPEN, ExerciseVerdict, Outcome, Verdict

# characters; PrairieLearn reads 1 MB at most, and a character may need 12 bytes there
MAX_WORDS, MAX_ALL_WORDS, MAX_NOTES = 10_000, 60_000, 4_000


@dataclass(frozen=True)
class Row:
    """One exercise; `points`: None where it has none here; `words`: all that its student reads, `heading` first."""

    stem: str
    points: float | None
    max_points: float
    outcome: Outcome
    heading: str
    words: str

    @property
    def scored(self) -> bool:
        return self.points is not None

    @property
    def passed(self) -> bool:
        return self.points is not None and self.points >= self.max_points


def rows(verdict: Verdict, by_laws: Collection[str]) -> list[Row]:
    """In the notebook's order; `by_laws`: the exercises that laws mark.

    The others have no points here, whatever became of them: what a page adds up to is then the same for everybody.
    """
    exercises = verdict["exercises"]
    limit = min(MAX_WORDS, MAX_ALL_WORDS // max(1, len(exercises)))
    return [_row(stem, exercise, stem in by_laws, limit) for stem, exercise in exercises.items()]


def _row(stem: str, exercise: ExerciseVerdict, scored: bool, limit: int) -> Row:
    return Row(
        stem,
        exercise["points"] if scored and exercise["outcome"] not in OPEN else None,
        exercise["max_points"],
        exercise["outcome"],
        clean(heading(stem, exercise), 500),
        clean(exercise_text(stem, exercise).rstrip("\n"), limit),
    )


def notes(verdict: Verdict) -> str:
    """What the verdict says of the notebook as a whole, a line each."""
    return clean("\n".join(f"note: {note}" for note in verdict["notes"]), MAX_NOTES)


def score(marked: Iterable[Row]) -> float:
    """The points of those that have some here."""
    return round(sum(row.points or 0.0 for row in marked), 4)


def most(marked: Iterable[Row]) -> float:
    """What these could have had."""
    return round(sum(row.max_points for row in marked if row.scored), 4)


def waiting(marked: Iterable[Row]) -> str:
    """Which exercises have no mark yet, "" if all have."""
    return "\n".join(row.heading for row in marked if row.outcome in OPEN)
