"""The bridge: your functions, out of the notebook and into `train.py` and the command line.

You write the exercises in the notebook's solution cells. `load_rewards()` finds them in the *saved* notebook
beside this file, or in any notebook or `.py` that defines them, and runs only the statements they need: their
imports, helper functions and constants. Training cells, plots and probes of the notebook never run here.

    python rewards.py                       # sample texts with their scores; which exercises are implemented
    python rewards.py --rewards mine.py     # the same for functions kept in a file of your own
    python rewards.py --preset smoke        # with the embedded sentiment model, offline
"""

import argparse
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lab import reader
from lab.command import OneLineErrors, says_errors
from lab.errors import ExerciseError
from lab.exercises import NUMBERS, TABLE, call_exercise, checked, probe
from lab.notebook import exercises_of, marks

__all__ = [
    "EXERCISES",
    "ExerciseError",
    "Rewards",
    "call_exercise",
    "checked",
    "from_namespace",
    "load_rewards",
]

NOTEBOOK = Path(__file__).resolve().parent / "exercise.ipynb"
EXERCISES = {stem: row.number for stem, row in TABLE.items()}
SAMPLE_TEXTS = (
    "This movie was absolutely wonderful! The acting was superb.",
    "A warm and funny film that I would gladly see again.",
    "The movie starts with a man who walks into a bar.",
    "The plot made no sense and the jokes fell flat.",
    "This movie was a disaster. A complete waste of time.",
)


@dataclass(frozen=True)
class Rewards:
    """The students' functions by stem; `problems` holds, for a stem that could not be loaded, the reason."""

    source: str
    functions: Mapping[str, Callable[..., Any]]
    problems: Mapping[str, str] = field(default_factory=dict)

    def __getitem__(self, stem: str) -> Callable[..., Any]:
        """Return the function of one exercise; raises ExerciseError when it is missing."""
        if stem not in self.functions:
            reason = self.problems.get(stem, f"no function of that name in {self.source}")
            raise ExerciseError(f"{TABLE[stem].title}: {reason}")
        return self.functions[stem]

    def status(self, stem: str) -> str:
        """Return "implemented", "NotImplementedError" or what is wrong, from one call on a tiny input."""
        try:
            checked(stem, self[stem](*probe(stem)), TABLE[stem].results)
        except NotImplementedError:
            return "NotImplementedError"
        except ExerciseError as error:
            return str(error).removeprefix(TABLE[stem].title).lstrip(",: ")
        # student code may raise anything; here it is only described
        except (Exception, SystemExit) as error:
            return f"raises {type(error).__name__}: {error}"
        return "implemented"

    def require(self, stems: Iterable[str]) -> None:
        """Check that the exercises a run needs are implemented.

        Raises:
            ExerciseError: one line that names every exercise that is not, and why.
        """
        missing = {stem: status for stem in stems if (status := self.status(stem)) != "implemented"}
        if missing:
            listed = "; ".join(
                f"Exercise {TABLE[stem].number} {stem} ({status})"
                for stem, status in missing.items()
            )
            raise ExerciseError(
                f"this run needs work that {self.source} does not hold yet: {listed}"
            )


def from_namespace(namespace: Mapping[str, Any]) -> Rewards:
    """Return the exercises defined in a running notebook: `from_namespace(globals())`."""
    return Rewards("this notebook", callables(namespace))


def load_rewards(path: str | Path | None = None) -> Rewards:
    """Load the exercises from a saved notebook or a Python file.

    Args:
        path: an `.ipynb` or `.py`; the notebook beside this file when None.

    Raises:
        ExerciseError: the file is missing, or is no notebook or Python file that can be read.
    """
    path = Path(path) if path else NOTEBOOK
    found, failures = exercises_of(path)
    return Rewards(path.name, callables(found), failures)


def callables(namespace: Mapping[str, Any]) -> dict[str, Callable[..., Any]]:
    """Return the exercises among the names of a module or notebook that can be called."""
    return {stem: namespace[stem] for stem in TABLE if callable(namespace.get(stem))}


def __getattr__(name: str) -> Callable[..., Any]:
    """Let `from rewards import exponential_shaping` give the function of the notebook beside this file."""
    if name in EXERCISES:
        return load_rewards()[name]
    raise AttributeError(f"module 'rewards' has no attribute {name!r}")


def arguments(argv: list[str] | None) -> argparse.Namespace:
    """Return the command line's arguments."""
    parser = OneLineErrors(
        description="Sentiment scores of sample texts, and which exercises are implemented."
    )
    parser.add_argument(
        "--rewards",
        metavar="FILE",
        help="notebook or .py with your functions (default: exercise.ipynb beside this file)",
    )
    parser.add_argument(
        "--sentiment_model",
        help="classifier: a hub id or a folder (default: nlptown's five-star model)",
    )
    parser.add_argument(
        "--preset", choices=["smoke"], help="smoke: the embedded tiny classifier, no network"
    )
    return parser.parse_args(argv)


def strangers(path: Path) -> list[str]:
    """Return the exercises that a notebook has marks for and TABLE has no row for."""
    found = marks(path) if reader.is_notebook(path) else {}
    return [stem for stem in found if stem not in NUMBERS]


@says_errors("rewards.py")
def main(argv: list[str] | None = None) -> int:
    """Print sample texts with their scores and the state of every exercise; 1 when something cannot be read."""
    import sentiment

    args = arguments(argv)
    if args.sentiment_model or args.preset:
        sentiment.use_model(args.sentiment_model or "tiny-sentiment")
    rewards = load_rewards(args.rewards)
    print("Exercises in", rewards.source)
    for stem, number in EXERCISES.items():
        print(f"  {number:>2}  {stem:<20} {rewards.status(stem)}")
    for stem in strangers(Path(args.rewards or NOTEBOOK)):
        print(f"   ?  {stem:<20} not tried: it has no row in lab/exercises.py")
    print("\nP(positive) of sample texts")
    scores = sentiment.get_sentiment_scores(list(SAMPLE_TEXTS))
    for text, score in zip(SAMPLE_TEXTS, scores, strict=True):
        print(f"  {score:.3f}  {text}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
