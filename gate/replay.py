"""Proof by replay: who answers every question of a recorded run as it was answered then has that run, and its verdict.

On a CPU a run follows from its seed and from what the reward functions return. So the instructor's solution is trained with once; every
call of its functions, with the answer, stands beside the verdict. A submission is asked the same calls in the same order, behind the
same wall and within the same limits. If each answer has the same bits, then, step by step, its run is the recorded one. At
the first that has not, the replay ends, and the submission has to be trained with.

A recording is of one configuration, machine kind, number of threads and number format, of these laws, this grader, these models, modules and
packages: its file is named by a digest of all that.
"""

import hashlib
import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gate.figures import run_key
from gate.gate import Cells, SeedVerdict, Training
from gate.walled_rewards import TRUSTED, RunEnded, WalledRewards, score_batch
from grader.classroom.slots import cpu
from grader.judging.session import Grader
from grader.store import fingerprint, in_turn, load, write
from grader.submission.preflight import repair
from lab.config import TrainConfig
from lab.exercises import NUMBERS
from rewards import Rewards

if TYPE_CHECKING:
    import torch


class Differs(Exception):
    """The submission answers otherwise than the recording, or there is none to compare it with: train with it."""


@dataclass(frozen=True)
class Call:
    """One call of a reward function: `texts` or `numbers` [B], further settings, and the answer [B], as floats."""

    stem: str
    texts: list[str] | None
    numbers: list[float] | None
    settings: list[float]
    answer: list[float]

    @property
    def values(self) -> "list[str] | torch.Tensor":
        """The texts, or the numbers as the trainer gives them: a float32 tensor of the call's own."""
        import torch

        if self.texts is not None:
            return list(self.texts)
        return torch.tensor(self.numbers, dtype=torch.float32)


@dataclass
class Recording:
    """A run: its calls in order, every batch of texts that its functions had scored, and its verdict."""

    calls: list[Call] = field(default_factory=list)
    scored: list[list[Any]] = field(default_factory=list)
    seed: SeedVerdict = field(default_factory=dict)

    @classmethod
    def read(cls, path: Path) -> "Recording | None":
        """The recording in a file; None where there is no whole one."""
        found = load(path)
        if not found:
            return None
        calls = [Call(**call) for call in found["calls"]]
        return cls(calls, found["scored"], found["seed"])

    def score(self, texts: list[str]) -> list[float]:
        """P(positive) of a batch, which is remembered."""
        scores = score_batch(texts)
        self.scored.append([texts, scores])
        return scores

    def listening(self, rewards: Rewards) -> Rewards:
        """The same functions; what they are asked and answer is remembered."""
        heard = {
            stem: function if stem == TRUSTED else self._heard(stem, function)
            for stem, function in rewards.functions.items()
        }
        return replace(rewards, functions=heard)

    def _heard(self, stem: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def reward(values: Any, *settings: float, **keywords: Any) -> Any:
            texts = list(values) if isinstance(values, (list, tuple)) else None
            numbers = values.tolist() if texts is None else None
            answer = function(values, *settings, **keywords)
            self.calls.append(Call(stem, texts, numbers, [*settings], answer.tolist()))
            return answer

        return reward


class Recordings:
    """The recordings in a folder, made as they are asked for, and by one process at a time."""

    def __init__(self, folder: Path, judge_laws: Grader) -> None:
        """`judge_laws`: an entered `Grader`, whose sandbox serves the solution too."""
        self.folder, self.judge_laws = folder, judge_laws
        assignment = judge_laws.assignment
        self.solution = repair(assignment.notebook.read_bytes(), assignment).cells
        isolation = judge_laws.isolation.name
        self.made_of = fingerprint(assignment, isolation, assignment.training_files) + cpu()
        self.known: dict[str, Recording] = {}

    def key(self, config: TrainConfig) -> str:
        """A digest of all that a run of this configuration depends on."""
        said = run_key(self.solution, config) + self.made_of
        return hashlib.sha256(said.encode()).hexdigest()

    def recording(self, config: TrainConfig) -> Recording:
        """The run of this configuration with the solution's functions, trained now if it never was; Differs where none can be had."""
        import torch

        if torch.cuda.is_available():
            raise Differs("on a GPU a run does not follow from its seed and its rewards alone")
        anywhere = repr(replace(config, output_dir=""))
        if anywhere not in self.known:
            key = self.key(config)
            path = self.folder / f"{key}.json"
            with in_turn(path.with_suffix(".lock")):
                found = Recording.read(path) or self._record(config, path)
            self.known[anywhere] = found
        return self.known[anywhere]

    def _record(self, config: TrainConfig, path: Path) -> Recording:
        recording, runs = Recording(), path.with_suffix("")
        shutil.rmtree(runs, ignore_errors=True)  # of a recording that was killed
        try:
            own = replace(config, output_dir=str(runs / Path(config.output_dir).name))
            recording.seed = Training(self.judge_laws, recording)(self.solution, own)
        except RunEnded as end:
            raise Differs(f"the solution's own run ended: {end}") from None
        finally:
            shutil.rmtree(runs, ignore_errors=True)
        write(path, asdict(recording))
        return recording


class Replay:
    """Proves a submission by the recordings; in place of `gate.Training`."""

    how = "replayed"

    def __init__(self, recordings: Recordings) -> None:
        self.recordings, self.judge_laws = recordings, recordings.judge_laws

    def __call__(self, cells: Cells, config: TrainConfig) -> SeedVerdict:
        """Return the recorded verdict; Differs unless the submission's answers are the recorded ones, bit for bit."""
        recording = self.recordings.recording(config)
        scored = {tuple(texts): scores for texts, scores in recording.scored}

        def score(texts: list[str]) -> list[float]:
            return scored.get(tuple(texts)) or score_batch(texts)

        judge = self.judge_laws
        walled = WalledRewards(cells, judge.assignment, judge.sandbox, config, score)
        with walled as rewards:
            for number, call in enumerate(recording.calls):
                if words := difference(call, rewards):
                    raise Differs(f"exercise {NUMBERS[call.stem]}, call {number + 1}: {words}")
        return recording.seed


def difference(call: Call, rewards: Rewards) -> str:
    """Return how the answer to a recorded call differs from the recorded one, or ""."""
    import torch

    try:
        got = rewards[call.stem](call.values, *call.settings)
    except RunEnded as end:
        return str(end.words)
    expected = torch.tensor(call.answer, dtype=torch.float32)
    if got.numpy().tobytes() == expected.numpy().tobytes():
        return ""
    worst = (got - expected).abs().max().item()
    return (
        f"{(got != expected).sum()} of {len(expected)} rewards are others, by {worst:.2g} at most"
    )
