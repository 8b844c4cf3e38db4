"""A submission's reward functions for the trainer: called here, computed behind the wall.

The trainer, the scorer, the reference model and the evaluation are on the trusted side. Only texts and vectors of [B]
cross, so a submission can teach the model something else, but it cannot forge the gain.

What comes back is rounded to SIGNIFICANT_BITS before the run goes on, so that right code in another style, whose results differ
in their last bits, trains the same model (docs/calibration.md has how often).
"""

import dataclasses
import math
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

import sentiment
from gate import ROOT
from grader.assignment import Assignment
from grader.judging.calls import Ended, StudentError
from grader.judging.function import SubmittedFunction
from grader.verdict import Outcome
from grader.wall.sandbox import Sandbox
from lab.config import TrainConfig
from lab.errors import ExerciseError
from lab.exercises import checked
from rewards import Rewards, load_rewards

if TYPE_CHECKING:
    import torch

SCORER = "sentiment.get_sentiment_scores"
TRUSTED = "sequence_log_probs"  # exercise 3a: sees whole logits, so the trusted side computes it
CALL_SECONDS = 30.0  # one call, the scorer's time apart: it takes milliseconds on an idle machine
STEP_SECONDS = 2.0  # of slow calls on average, so that no submission drags its run out
TEXT_SHARE = 4  # times the run's own text that a submission may have scored …
CHARACTERS = 20  # … of tokens as long as this
TEXT_COST = 100  # characters that a text counts for beside its own: an empty one is work too
BATCH = 64  # texts in one forward pass, whatever the submission asks for
SCORING_SECONDS = 60.0  # that scoring may take beyond what all the rest of the run took
# of a reward: right code in float32 and float64 mostly agrees in so many, and values 1 % apart stay apart
SIGNIFICANT_BITS = 8

Score = Callable[[list[str]], list[float]]


class RunEnded(BaseException):
    """A reward function ended the run; not an Exception, so that nothing on the way takes it for its own."""

    def __init__(self, stem: str, outcome: Outcome, words: str) -> None:
        super().__init__(f"{stem}: {outcome}: {words}")
        self.stem, self.outcome, self.words = stem, outcome, words


def score_batch(texts: list[str]) -> list[float]:
    """Return P(positive) of each text, from the run's own classifier."""
    return sentiment.get_sentiment_scores(texts, BATCH)


def training_assignment(
    assignment: Assignment, config: TrainConfig, score: Score = score_batch
) -> Assignment:
    """Return the course with the real scorer, and limits that fit a training run instead of a law.

    What student code can read of its limits stays as it is, so that it cannot tell which of the two it is in.
    """
    limits = dataclasses.replace(
        assignment.limits,
        call_seconds=CALL_SECONDS,
        exercise_seconds=assignment.limits.exercise_seconds + STEP_SECONDS * config.max_steps,
        answer_seconds=math.inf,  # the scorer's time is bounded below, in terms of the run's own
        strikes=1,
    )
    provides = {**assignment.provides, SCORER: bounded_scorer(config, score)}
    return dataclasses.replace(assignment, provides=provides, limits=limits)


def bounded_scorer(config: TrainConfig, score: Score = score_batch) -> Callable[..., list[float]]:
    """Return `get_sentiment_scores`, which ends the run once it was given far more than the run can write, or for too long.

    Texts are bounded in characters, and a character is a token if somebody wants it so: so time is bounded as well.
    """
    longest = TEXT_SHARE * CHARACTERS * config.max_completion_length
    scores = TimedScorer(score, max(BATCH, config.step_completions))
    left = (longest + TEXT_SHARE * TEXT_COST) * config.step_completions * config.max_steps

    def get_sentiment_scores(texts: list[str], batch_size: int = BATCH) -> list[float]:
        nonlocal left
        if not isinstance(texts, (list, tuple)) or not all(isinstance(t, str) for t in texts):
            raise TypeError("get_sentiment_scores takes a list of strings: one completion an entry")
        sentiment.get_sentiment_scores([], batch_size)  # refuses what it would refuse
        left -= sum(len(text) + TEXT_COST for text in texts)
        if left < 0:
            raise Ended(Outcome.WRONG, "far more text was scored than this run can have written")
        # the tokenizer reads a text to its end, however late, and refuses lone surrogates
        bounded = [text[:longest].encode(errors="replace").decode() for text in texts]
        try:
            return scores(bounded)
        except (TypeError, ValueError) as error:  # not the student's: these texts are in order
            raise RuntimeError(f"{type(error).__name__}: {error}") from error

    return get_sentiment_scores


class TimedScorer:
    """The scorer, which may take as long as all the rest of a run takes on the same machine, and SCORING_SECONDS more."""

    def __init__(self, score: Score, at_once: int) -> None:
        """`at_once`: after how many texts the clock is looked at."""
        self.score, self.at_once, self.start = score, at_once, time.monotonic()
        # None before the first call, which is free: it may load the classifier
        self.spent: float | None = None

    def __call__(self, texts: list[str]) -> list[float]:
        """Return the texts' scores, or end the run."""
        parts = (texts[n : n + self.at_once] for n in range(0, len(texts), self.at_once))
        return [score for part in parts for score in self._timed(part)]

    def _timed(self, texts: list[str]) -> list[float]:
        start = time.monotonic()
        scores = self.score(texts)
        now = time.monotonic()
        self.spent = spent = 0.0 if self.spent is None else self.spent + now - start
        if spent > SCORING_SECONDS + now - self.start - spent:
            raise Ended(Outcome.TIMEOUT, "scoring texts took longer than all the rest of the run")
        return scores


class WalledRewards:
    """`with WalledRewards(cells, assignment, sandbox, config) as rewards:` gives the `Rewards` that `train.run` takes."""

    def __init__(
        self,
        cells: list[dict[str, str]],
        assignment: Assignment,
        sandbox: Sandbox,
        config: TrainConfig,
        score: Score = score_batch,
    ) -> None:
        """Every exercise that the run of `config` uses gets a worker of its own, which lives until the end.

        Args:
            cells: the repaired submission's code.
            score: answers when the submission asks for scores of texts.
        """
        trained = training_assignment(assignment, config, score)
        stems = [stem for stem in config.required_exercises() if stem != TRUSTED]
        self.sentiment_model = config.sentiment_model
        self.students = {stem: SubmittedFunction(stem, cells, trained, sandbox) for stem in stems}

    def __enter__(self) -> Rewards:
        sentiment.use_model(self.sentiment_model)  # a cell may score texts before the run does
        functions: Mapping[str, Callable[..., Any]] = {
            TRUSTED: load_rewards(ROOT / "solutions" / "rewards_solution.py")[TRUSTED],
            **{stem: walled(student) for stem, student in self.students.items()},
        }
        return Rewards("the submission", functions)

    def __exit__(self, *_: object) -> None:
        for student in self.students.values():
            student.close()


def walled(student: SubmittedFunction) -> Callable[..., Any]:
    """Return a function that has `student` compute [B] rewards from B texts or a [B] tensor, checks and rounds them.

    Raises:
        RunEnded: the call hung, died or raised, or did not return B finite numbers.
    """

    def reward(values: Any, *settings: float, **ignored: Any) -> Any:
        # TRL's keywords do not cross: the laws have seen that they are ignored
        student.calls.clear()
        try:
            return rounded(checked(student.stem, plain(student(values, *settings)), len(values)))
        except Ended as end:
            raise RunEnded(student.stem, end.outcome, end.words) from None
        except (StudentError, ExerciseError) as error:
            raise RunEnded(student.stem, Outcome.WRONG, str(error)) from None

    return reward


def rounded(values: "torch.Tensor") -> "torch.Tensor":
    """Return float32 values [B] rounded to SIGNIFICANT_BITS, half to even.

    >>> import torch
    >>> rounded(torch.tensor([0.3, -4.2])).tolist()
    [0.2998046875, -4.203125]
    """
    import torch

    mantissa, exponent = np.frexp(values.numpy())
    return torch.from_numpy(
        np.ldexp(np.rint(np.ldexp(mantissa, SIGNIFICANT_BITS)), exponent - SIGNIFICANT_BITS)
    )


def plain(values: Any) -> Any:
    """Return a list of 0-d arrays, as which 0-d tensors cross and which torch refuses, as a list of numbers."""
    if not isinstance(values, (list, tuple)):
        return values
    return [v.item() if isinstance(v, np.ndarray) and v.shape == () else v for v in values]
