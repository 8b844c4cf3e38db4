"""What a run must show: the bounds that students are told. `check_run` and the grader's gate ask for the same."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lab.config import DISTINCT_FLOOR, PRESETS, TrainConfig


@dataclass(frozen=True)
class Threshold:
    """A bound on one measured figure, by preset: at least or at most so much.

    `group` is "gain" (the model learned) or "text" (what it writes is still text); `flaw` is what a student is told,
    a template on the evaluations `before` and `after` and the `bound`.
    """

    name: str
    figure: str
    sense: str
    bounds: Mapping[str, float]
    claim: str
    reason: str
    group: str
    flaw: str = ""

    def holds(self, figures: Mapping[str, float], preset: str) -> bool:
        """Tell whether the figure keeps the preset's bound; a NaN never does."""
        value, bound = figures[self.figure], self.bounds[preset]
        return value >= bound if self.sense == "at least" else value <= bound


def always(bound: float) -> dict[str, float]:
    """Return one bound for every preset."""
    return dict.fromkeys(PRESETS, bound)


# `docs/calibration.md` has the distributions that smoke's bounds were set from: honest runs and negative controls over 20 seeds
THRESHOLDS = (
    Threshold(
        "gain",
        "gain",
        "at least",
        # in P(positive); the grader asks for smoke's
        {"smoke": 0.30, "quick": 0.05, "medium": 0.20, "full": 0.25},
        "P(positive) rises on held-out prompts",
        "runs with right rewards gain well above it, runs with useless ones stay far below",
        "gain",
        "P(positive) on held-out prompts went from {before[mean_sentiment]:.3f} to {after[mean_sentiment]:.3f}: a gain of less "
        "than {bound}. If the curve above does not rise, check exercises 1 to 3 again; if it rises too slowly, the KL term may be too "
        "strong: exercise 3a is a mean, and the coefficient 0.1. The grader trains with the same settings",
    ),
    Threshold(
        "distinct_2",
        "distinct_2_ratio",
        "at least",
        always(DISTINCT_FLOOR),
        "the text is still varied: its distinct-2, divided by the base model's",
        "a collapsed run writes a few phrases again and again: far below (docs/calibration.md)",
        "text",
        "distinct-2 fell from {before[distinct_2]:.3f} to {after[distinct_2]:.3f}: the model writes the same words again and again. "
        "Read its completions; with exercise 5's configuration that points to exercise 2, 3a or 3b (sign, mean, coefficient)",
    ),
    Threshold(
        "repetition",
        "repetition_rise",
        "at most",
        always(0.10),
        "words are not repeated within a completion much more than the base model repeats them",
        "a reward for one word is served best by writing it again and again",
        "text",
        "repetition rose from {before[repetition]:.3f} to {after[repetition]:.3f}: completions say the same words over and over. "
        "Read them; with exercise 5's configuration that points to exercise 2, 3a or 3b (sign, mean, coefficient)",
    ),
    Threshold(
        "perplexity",
        "perplexity_ratio",
        "at most",
        always(1.5),
        "the base model still finds the text plausible: its perplexity on it, divided by that on its own text",
        "a hacked run writes what no review says: far above (docs/calibration.md)",
        "text",
        "perplexity under the base model rose from {before[perplexity]:.1f} to {after[perplexity]:.1f}: this is no longer review prose. "
        "Read its completions; the KL term keeps the policy near the reference",
    ),
)


# what exercise 5 asks for beside a preset, and the gate trains with: exercises 1, 2, 3a and 3b all take part
EXERCISE_5 = {"reward_shaping": "exponential", "kl_type": "forward", "kl_coef": 0.1}
# what else decides what the rewards teach; the other settings may have to fit a machine
DECIDING = (*EXERCISE_5, "shaping_temperature", "beta", "learning_rate")
# in place of the gain's flaw where there is a loss
FELL = (
    "P(positive) on held-out prompts fell from {before[mean_sentiment]:.3f} to {after[mean_sentiment]:.3f}: these rewards teach "
    "the opposite. Look for a wrong sign or order in exercises 1, 2 and 3b"
)


def text_figures(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, float]:
    """Return how the text of two evaluations differs: distinct-2 and perplexity as ratios, repetition as a difference."""
    return {
        "distinct_2_ratio": after["distinct_2"] / before["distinct_2"],
        "repetition_rise": after["repetition"] - before["repetition"],
        "perplexity_ratio": after["perplexity"] / before["perplexity"],
    }


def run_figures(run: Any) -> dict[str, float]:
    """Return what THRESHOLDS look at of a finished run (`lab.runs.Run`)."""
    return {"gain": run.gain, **text_figures(run.before, run.after)}


def checked(threshold: Threshold, figures: Mapping[str, float], preset: str) -> dict[str, Any]:
    """Return one bound with what was measured, as reports show it."""
    return {
        "name": threshold.name,
        "figure": threshold.figure,
        "sense": threshold.sense,
        "bound": threshold.bounds[preset],
        "claim": threshold.claim,
        "reason": threshold.reason,
        "group": threshold.group,
        "value": figures[threshold.figure],
        "passed": threshold.holds(figures, preset),
    }


def flaw(run: Any) -> str:
    """Return what the first figure out of bounds says of a run, or ""."""
    figures, preset = run_figures(run), run.config["preset"]
    for threshold in THRESHOLDS:
        if not threshold.holds(figures, preset):
            words = FELL if threshold.name == "gain" and run.gain < 0 else threshold.flaw
            return words.format(before=run.before, after=run.after, bound=threshold.bounds[preset])
    return ""


def other_settings(config: Mapping[str, Any]) -> list[str]:
    """Return the settings of a run that exercise 5 asks for otherwise, as "kl_coef 10 (asked for: 0.1)"."""
    asked = TrainConfig.from_preset(config["preset"], **EXERCISE_5).as_dict()
    return [
        f"{name} {config[name]} (asked for: {value})"
        for name, value in asked.items()
        if name in DECIDING and config.get(name, value) != value
    ]
