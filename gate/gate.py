"""The gate itself: hidden laws, then GRPO with the submission's rewards, then the verdict as plain data.

notebook ──▶ laws ──▶ training, one run a seed ──▶ figures ──▶ thresholds ──▶ verdict (smoke.json)
          main law         a reward call that           a figure out of
          broken           hangs, dies or is not        bounds
             ▼             finite ▼                        ▼
           fail              fail                         fail
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import grader
from gate.figures import KEY, figures, run_key, train_seed
from gate.judges import Judge
from gate.thresholds import THRESHOLDS
from gate.walled_rewards import RunEnded, WalledRewards, score_batch
from grader.judging.session import Grader
from grader.submission.preflight import Submission
from grader.verdict import ExerciseVerdict, Outcome
from lab.config import TrainConfig
from lab.exercises import NUMBERS
from lab.machine import device_name
from lab.runs import Run, move_aside, new_record, read_record
from lab.thresholds import EXERCISE_5, checked
from rewards import Rewards

SCHEMA = 1
Cells = list[dict[str, str]]
SeedVerdict = dict[str, Any]


@dataclass(frozen=True)
class Request:
    """What to run the gate on."""

    submission: Submission
    name: str
    out: Path  # each seed's run is kept below it
    preset: str = "smoke"
    seeds: tuple[int, ...] = (42, 1, 2)
    settings: dict[str, Any] = field(default_factory=dict)  # of TrainConfig, above the preset's
    # verdicts on exercises that are known already; {}: nobody asks for any, as for negative controls. None: judge the laws
    laws: dict[str, Any] | None = None

    def config(self, seed: int) -> TrainConfig:
        """Return the configuration of one seed's run; ConfigError when it cannot work."""
        settings = {**EXERCISE_5, **self.settings, "seed": seed}
        settings["output_dir"] = str(self.out / f"seed-{seed}")
        settings["save_steps"] = 10**6  # a run that was stopped begins anew: see train_seed
        return TrainConfig.from_preset(self.preset, **settings)


class Heard(Protocol):
    """What listens while a run is trained (gate/replay.py): it scores for the submission, and hears its functions."""

    def score(self, texts: list[str]) -> list[float]: ...
    def listening(self, rewards: Rewards) -> Rewards: ...


class Proof(Protocol):
    """How a submission's rewards are tried with one seed: `Training`, or `replay.Replay`."""

    how: str  # "trained" or "replayed"

    def __call__(self, cells: Cells, config: TrainConfig) -> SeedVerdict: ...


class Training:
    """Trains with the submission's rewards, really."""

    how = "trained"

    def __init__(self, judge_laws: Grader, heard: Heard | None = None) -> None:
        """`judge_laws`: an entered `Grader`; its sandbox serves the rewards."""
        self.judge_laws, self.heard, self.judge = judge_laws, heard, Judge()

    def __call__(self, cells: Cells, config: TrainConfig) -> SeedVerdict:
        """Return one seed's figures and checks; RunEnded if a reward function ends the run."""
        score = self.heard.score if self.heard else score_batch
        laws = self.judge_laws
        with WalledRewards(cells, laws.assignment, laws.sandbox, config, score) as rewards:
            asked = self.heard.listening(rewards) if self.heard else rewards
            key = run_key(cells, config)
            spare(Path(config.output_dir), key)
            trained = train_seed(config, asked, key)
        return seed_verdict(config, trained, self.judge)


# not within train_seed: calibration's rows are of the figures.py that they were measured with
def spare(folder: Path, key: str) -> None:
    """Move a finished run of other code, settings or threads aside, which would be begun anew in its place; `smoke` is too short to keep."""
    record, kept = read_record(folder), folder / KEY
    if record is None or record["status"] != "finished" or record["config"]["preset"] == "smoke":
        return
    if not (kept.is_file() and kept.read_text() == key):
        print(
            f"the run in {folder} is another: it is now in {move_aside(folder, record['run_name'])}"
        )


def run_gate(request: Request, judge_laws: Grader, prove: Proof | None = None) -> dict[str, Any]:
    """Return the verdict on one notebook.

    Args:
        judge_laws: an entered `Grader`; its sandbox also serves the rewards during training.
        prove: by default, training.
    """
    prove = prove or Training(judge_laws)
    configs = [request.config(seed) for seed in request.seeds]
    stems = configs[0].required_exercises()
    known = request.laws
    if known is None:
        known = judge_laws.check(request.submission, stems)["exercises"]
    laws = {stem: known[stem] for stem in stems if stem in known}
    verdict = header(request, configs[0], judge_laws.isolation.name, laws)
    failing = [stem for stem, row in laws.items() if bars(row)]
    if failing:
        ours = [stem for stem in failing if laws[stem]["outcome"] == Outcome.INFRASTRUCTURE]
        first = (ours or failing)[0]
        return ended(verdict, first, laws[first]["outcome"], not_trained(stems, failing, ours))
    verdict["proof"] = prove.how
    try:
        for config in configs:
            verdict["seeds"].append(prove(request.submission.cells, config))
    except RunEnded as end:
        words = f"the training run ended at {exercises([end.stem])}: {end.words}"
        return ended(verdict, end.stem, end.outcome, words)
    passed = all(seed["passed"] for seed in verdict["seeds"])
    return {**verdict, "passed": passed, "outcome": Outcome.PASS if passed else Outcome.WRONG}


def bars(exercise: ExerciseVerdict) -> bool:
    """Return whether no run is made with an exercise: its main law does not hold, or a law could not be judged for a reason of ours.

    What lesser laws find wrong (a missing ValueError, no answer to a row without tokens) training may never meet; where it
    does, the run ends there.
    """
    laws = exercise["laws"]
    right = any(law["passed"] for law in laws if law.get("value"))
    return not right or any(law.get("outcome") == Outcome.INFRASTRUCTURE for law in laws)


def header(
    request: Request, config: TrainConfig, isolation: str, laws: dict[str, Any]
) -> dict[str, Any]:
    """Return what every verdict says first: what is to be run, on what, and how the laws went."""
    record = new_record(config, device_name())
    unshown = {"output_dir", "seed", "resume", "save_steps", "rewards"}
    return {
        "schema": SCHEMA,
        "submission": request.name,
        "sha256": request.submission.sha256,
        "grader": grader.__version__,
        "isolation": isolation,
        "proof": None,  # nothing was run
        "config": {k: v for k, v in config.as_dict().items() if k not in unshown},
        "device": record["device"],
        "versions": record["versions"],
        "laws": {
            stem: {name: laws[stem][name] for name in ("points", "max_points", "outcome")}
            for stem in laws
        },
        "passed": False,
        "outcome": Outcome.WRONG,
        "stopped": None,
        "seeds": [],
    }


def ended(verdict: dict[str, Any], stem: str, outcome: str, words: str) -> dict[str, Any]:
    """Return the verdict of a run that one exercise stopped."""
    stopped = {"exercise": stem, "outcome": outcome, "words": words}
    return {**verdict, "outcome": outcome, "stopped": stopped}


def not_trained(needed: Sequence[str], failing: Sequence[str], ours: Sequence[str]) -> str:
    """Return why there was no training; `ours` are the exercises whose laws could not be run."""
    if ours:
        return f"Not trained yet: {exercises(ours)} could not be graded for a reason on our side."
    keep = "does not keep its main law" if len(failing) == 1 else "do not keep their main laws"
    return (
        f"Not trained, so 0 marks: {exercises(failing)} {keep}. "
        f"Training needs right values from {exercises(needed, names=False)}."
    )


def exercises(stems: Sequence[str], names: bool = True) -> str:
    """Return "exercise 2 (exponential_shaping)", or, of several without names, "exercises 1, 2 and 3a"."""
    listed = [f"{NUMBERS[stem]} ({stem})" if names else NUMBERS[stem] for stem in stems]
    if len(listed) == 1:
        return f"exercise {listed[0]}"
    return f"exercises {', '.join(listed[:-1])} and {listed[-1]}"


def seed_verdict(config: TrainConfig, trained: Run, judge: Judge) -> SeedVerdict:
    """Return one seed's figures and checks, with curves and texts for the report."""
    measured = figures(trained.before, trained.after, judge)
    checks = [checked(threshold, measured, config.preset) for threshold in THRESHOLDS]
    return {
        "seed": config.seed,
        "passed": all(check["passed"] for check in checks),
        "figures": measured,
        "checks": checks,
        "seconds": trained.seconds,
        "run": trained.folder.name,
    }
