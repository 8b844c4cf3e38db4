"""The bridge: your functions, out of the notebook and into `train.py` and the command line.

You write the exercises in the notebook's solution cells. `load_rewards()` finds them in the *saved* notebook
beside this file, or in any notebook or `.py` that defines them, and runs only the statements they need: their
imports, helper functions and constants. Training cells, plots and probes of the notebook never run here.

    python rewards.py                       # sample texts with their scores; which exercises are implemented
    python rewards.py --rewards mine.py     # the same for functions kept in a file of your own
    python rewards.py --preset smoke        # with the embedded sentiment model, offline
"""

import __future__

import ast
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from lab import reader
from lab.slices import IN_NOTEBOOKS, Nothing, Statement, describe, needed_statements, parse

if TYPE_CHECKING:
    import torch

NOTEBOOK = Path(__file__).resolve().parent / "exercise.ipynb"

LARGEST = 1e12  # of a reward: the squares of larger ones overflow in float32 sums
EXERCISES = {  # stem → number; the stem is the function's name everywhere
    "sentiment_reward": "1",
    "exponential_shaping": "2",
    "sequence_log_probs": "3a",
    "forward_kl_reward": "3b",
    "backward_kl_reward": "3c",
    "group_advantages": "4a",
    "kl_estimate": "4b",
}

TRAINING = {
    "train",
    "experiment",
}  # a statement that uses these trains: never run here, whoever needs its names

SAMPLE_TEXTS = (
    "This movie was absolutely wonderful! The acting was superb.",
    "A warm and funny film that I would gladly see again.",
    "The movie starts with a man who walks into a bar.",
    "The plot made no sense and the jokes fell flat.",
    "This movie was a disaster. A complete waste of time.",
)


class ExerciseError(RuntimeError):
    """An exercise that cannot be used as it is; the message is one line that says which and why."""


@dataclass(frozen=True)
class Rewards:
    """The students' functions by stem; `problems` holds, for a stem that could not be loaded, the reason."""

    source: str
    functions: Mapping[str, Callable]
    problems: Mapping[str, str] = field(default_factory=dict)

    def __getitem__(self, stem: str) -> Callable:
        """Return the function of one exercise; raises ExerciseError when it is missing."""
        if stem not in self.functions:
            reason = self.problems.get(stem, f"no function of that name in {self.source}")
            raise ExerciseError(f"Exercise {EXERCISES[stem]}, {stem}: {reason}")
        return self.functions[stem]

    def status(self, stem: str) -> str:
        """Return "implemented", "NotImplementedError" or what is wrong, from one call on a tiny input."""
        try:
            arguments = probe(stem)
            checked(stem, self[stem](*arguments), PROBED.get(stem, 1))
        except NotImplementedError:
            return "NotImplementedError"
        except ExerciseError as error:
            return str(error).removeprefix(f"Exercise {EXERCISES[stem]}, {stem}").lstrip(",: ")
        except (
            Exception,
            SystemExit,
        ) as error:  # student code may raise anything; here it is only described
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
                f"Exercise {EXERCISES[stem]} {stem} ({status})" for stem, status in missing.items()
            )
            raise ExerciseError(
                f"this run needs work that {self.source} does not hold yet: {listed}"
            )


def call_exercise(
    stem: str, function: Callable, *args: Any, count: int, **kwargs: Any
) -> "torch.Tensor":
    """Call a student's function on a batch of `count` and return its result, checked.

    Raises:
        NotImplementedError, torch.OutOfMemoryError: as they are.
        ExerciseError: it raises something else, or does not return `count` finite numbers.
    """
    import torch

    try:
        values = function(*args, **kwargs)
    except (NotImplementedError, torch.OutOfMemoryError):
        raise
    except (Exception, SystemExit) as error:
        reason = f"raises {type(error).__name__}: {error}"
        raise ExerciseError(f"Exercise {EXERCISES[stem]}, {stem}, {reason}") from error
    return checked(stem, values, count)


def checked(stem: str, values: Any, count: int) -> "torch.Tensor":
    """Return what an exercise gave as a float32 tensor [count] on the CPU.

    Raises:
        ExerciseError: it is not `count` finite numbers within ±1e12. TRL itself would train on: a NaN or inf
            silently gives its whole group an advantage of 0.
    """
    import torch

    try:
        tensor = torch.as_tensor(values, dtype=torch.float32).detach().cpu()
    except (TypeError, ValueError, RuntimeError) as error:
        raise ExerciseError(
            f"Exercise {EXERCISES[stem]}, {stem}, returned no numbers: {error}"
        ) from error
    if tensor.shape != (count,):
        raise ExerciseError(
            f"Exercise {EXERCISES[stem]}, {stem}, returned shape {list(tensor.shape)} for {count} completions: it must be [{count}]"
        )
    if not tensor.isfinite().all():
        bad = tensor[~tensor.isfinite()][0].item()
        raise ExerciseError(
            f"Exercise {EXERCISES[stem]}, {stem}, returned {bad}: every reward must be finite"
            + " (a larger --shaping_temperature is less steep)" * (stem == "exponential_shaping")
        )
    if count and tensor.abs().max() > LARGEST:
        raise ExerciseError(
            f"Exercise {EXERCISES[stem]}, {stem}, returned {tensor.abs().max():g}: beyond {LARGEST:g} the statistics of a group overflow"
        )
    return tensor


PROBED = {"sentiment_reward": 0, "group_advantages": 2}  # results of `probe`, where it is not one


def probe(stem: str) -> tuple:
    """Return the smallest valid arguments of an exercise: enough to tell a stub from an implementation."""
    import torch

    return {
        "sentiment_reward": ([],),
        "exponential_shaping": (torch.tensor([0.5]),),
        "sequence_log_probs": (
            torch.zeros(1, 2, 3),
            torch.tensor([[0, 1]]),
            torch.tensor([[1, 1]]),
        ),
        "forward_kl_reward": (torch.tensor([-1.5]),),
        "backward_kl_reward": (torch.tensor([-1.5]),),
        "group_advantages": (torch.tensor([0.25, 0.75]), 2),
        "kl_estimate": (torch.tensor([[-1.0]]), torch.tensor([[-1.5]]), torch.tensor([[1]])),
    }[stem]


def from_namespace(namespace: Mapping[str, Any]) -> Rewards:
    """Return the exercises defined in a running notebook: `from_namespace(globals())`."""
    return Rewards(
        "this notebook",
        {stem: namespace[stem] for stem in EXERCISES if callable(namespace.get(stem))},
    )


def load_rewards(path: str | Path | None = None) -> Rewards:
    """Load the exercises from a saved notebook or a Python file.

    Args:
        path: an `.ipynb` or `.py`; the notebook beside this file when None.

    Raises:
        ExerciseError: the file is missing, or is no notebook or Python file that can be read.
    """
    path = Path(path) if path else NOTEBOOK
    failures: dict[str, str] = {}  # name that a statement would have bound → why it is not there
    statements = [s for s in read_statements(path, failures) if not s.uses & TRAINING]
    needed = {
        (s.cell, s.index): s for stem in EXERCISES for s in needed_statements(statements, stem)
    }
    namespace = execute([s for _, s in sorted(needed.items())], path, failures)
    functions = {stem: namespace[stem] for stem in EXERCISES if callable(namespace.get(stem))}
    return Rewards(path.name, functions, failures)


def execute(
    statements: Iterable[Statement], path: Path, failures: dict[str, str]
) -> dict[str, Any]:
    """Run statements one by one and return the names they bind; a failing one is noted in `failures`."""
    module = sys.modules["student_rewards"] = ModuleType("student_rewards")
    namespace: dict[str, Any] = vars(module)  # where dataclasses look for the names they need
    namespace |= {"__file__": str(path), **dict.fromkeys(IN_NOTEBOOKS, Nothing())}
    future = 0  # `from __future__ import annotations` holds for the cells below it too
    for statement in statements:
        try:
            tree = ast.Module([statement.node], [])
            code = compile(tree, f"<{path.name}>", "exec", flags=future)
            future |= code.co_flags & __future__.annotations.compiler_flag
            exec(code, namespace)
        except (
            Exception,
            SystemExit,
        ) as error:  # student code may raise anything; here it is only described
            reason = f"line {statement.node.lineno} of code cell {statement.cell} fails: {type(error).__name__}: {error}"
            failures.update(dict.fromkeys(statement.binds, reason))
    return namespace


def read_statements(path: Path, failures: dict[str, str]) -> list[Statement]:
    """Return the top-level statements of a notebook's code cells, or of a Python file, in order.

    A cell with a syntax error is left out; the exercises it would have defined are noted in `failures`.
    """
    statements: list[Statement] = []
    for number, source in enumerate(sources(path, failures), 1):
        try:
            statements += [
                describe(number, index, node) for index, node in enumerate(parse(source))
            ]
        except SyntaxError as error:
            reason = f"syntax error in code cell {number}, line {error.lineno}: {error.msg}"
            failures.update(dict.fromkeys(defined(source), reason))
        except (ValueError, RecursionError, MemoryError) as error:
            reason = f"Python cannot read code cell {number}: {type(error).__name__}: {error}"
            failures.update(dict.fromkeys(defined(source), reason))
    return statements


def sources(path: Path, failures: dict[str, str]) -> list[str]:
    """Return the text of a Python file, or of each code cell of a notebook: grade cells are the grader's, hence empty."""
    if not reader.is_notebook(path):
        return [reader.with_newlines(readable(path, reader.text))]
    found = []
    for cell in reader.code_cells(readable(path, reader.parse)):
        source, clues = reader.source(cell), reader.clues(cell)
        if clues.get("grade"):
            reason = f"it stands in the grade cell {clues.get('grade_id')}, which the grader replaces: move it to its own cell"
            failures.update(dict.fromkeys(defined(source), reason))
        found.append("" if clues.get("grade") else source)
    return found


def defined(source: str) -> list[str]:
    """Return the exercises that a cell would define."""
    return [stem for stem in EXERCISES if f"def {stem}(" in source]


def readable(path: Path, read_as: Callable[[bytes], Any]) -> Any:
    """Return what a file holds, by `reader.text` or `reader.parse`; raises ExerciseError with the grader's words."""
    check_file(path)
    try:
        return read_as(reader.read(path))
    except (OSError, UnicodeDecodeError, reader.Unreadable) as error:
        raise ExerciseError(f"cannot read {path}: {error}") from error


def check_file(path: Path) -> None:
    """Raise ExerciseError, which names the notebooks beside it, unless `path` is a file."""
    if path.is_dir():
        raise ExerciseError(f"cannot read {path}: {reader.no_file(path)}")
    if reason := reader.no_file(path):
        others = ", ".join(sorted(other.name for other in path.parent.glob("*.ipynb")))
        raise ExerciseError(
            f"cannot read {path}: {reason}, but {others or 'no notebook'}. Check the path; a renamed notebook "
            "must get its name back"
        )


def __getattr__(name: str) -> Callable:
    """Let `from rewards import exponential_shaping` give the function of the notebook beside this file."""
    if name in EXERCISES:
        return load_rewards()[name]
    raise AttributeError(f"module 'rewards' has no attribute {name!r}")


def main(argv: list[str] | None = None) -> int:
    """Print sample texts with their scores and the state of every exercise; 1 when something cannot be read."""
    import sentiment
    from lab.config import OneLineErrors, print_anything
    from lab.pretrained import ModelUnavailable

    print_anything()
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
    args = parser.parse_args(argv)
    if args.sentiment_model or args.preset:
        sentiment.use_model(args.sentiment_model or "tiny-sentiment")
    try:
        rewards = load_rewards(args.rewards)
        print("Exercises in", rewards.source)
        for stem, number in EXERCISES.items():
            print(f"  {number:>2}  {stem:<20} {rewards.status(stem)}")
        print("\nP(positive) of sample texts")
        for text, score in zip(
            SAMPLE_TEXTS, sentiment.get_sentiment_scores(list(SAMPLE_TEXTS)), strict=True
        ):
            print(f"  {score:.3f}  {text}")
    except (ExerciseError, ModelUnavailable) as error:
        print(f"rewards.py: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nrewards.py: interrupted", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
