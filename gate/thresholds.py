"""What a run must show, each bound with its reason; bounds that students are told stand in checks.py.

`docs/calibration.md` has the distributions they were set from: honest runs and negative controls over 20 seeds.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from checks import GAINS, LEAST_DISTINCT_2, MOST_PERPLEXITY, MOST_REPETITION


@dataclass(frozen=True)
class Threshold:
    """A bound on one measured figure of `gate.figures.figures`: at least or at most `bound`."""

    name: str
    figure: str
    sense: str  # "at least" or "at most"
    bound: float
    claim: str
    reason: str
    group: str  # "gain": the model learned; "text": what it writes is still text

    def holds(self, figures: Mapping[str, float]) -> bool:
        """Tell whether the figure keeps the bound; a NaN never does."""
        value = figures[self.figure]
        return value >= self.bound if self.sense == "at least" else value <= self.bound


# Of the gain's 95 % interval, for the gains that students are told (checks.py). smoke: measured. The GPT-2 presets: what the
# course's author reports (medium: 0.5 → 0.8), less a margin; not measured on GPT-2.
LOWER_ENDS = {"smoke": 0.20, "quick": 0.0, "medium": 0.10, "full": 0.15}


def thresholds(preset: str) -> list[Threshold]:
    """Return the checks of one preset, in the order in which they are reported."""
    gain, low = GAINS[preset], LOWER_ENDS[preset]
    return [
        Threshold(
            "gain",
            "gain",
            "at least",
            gain,
            "P(positive) rises on held-out prompts",
            "runs with right rewards gain well above it, runs with useless ones stay far below",
            "gain",
        ),
        Threshold(
            "interval",
            "gain_low",
            "at least",
            low,
            "the gain is no accident of the prompts: it is there even at the cautious end of the estimate",
            "the prompts are drawn anew many times, each with all its completions: a gain on a few of them is not enough",
            "gain",
        ),
        Threshold(
            "second_judge",
            "judge_gain_low",
            "at least",
            0.15 if preset == "smoke" else 0.0,
            "a judge that the training never asked finds the text more positive, too, even at the cautious end of the estimate",
            "another architecture, trained on other reviews: a gain that only the reward model sees is a hack",
            "gain",
        ),
        Threshold(
            "vader",
            "vader_gain_low",
            "at least",
            0.2 if preset == "smoke" else 0.0,
            "a lexicon of positive and negative words agrees, even at the cautious end of the estimate",
            "VADER learned nothing from reviews at all, so it shares no blind spot with the reward model",
            "gain",
        ),
        Threshold(
            "distinct_2",
            "distinct_2_ratio",
            "at least",
            LEAST_DISTINCT_2,
            "the text is still varied: its distinct-2, divided by the base model's",
            "a collapsed run writes a few phrases again and again: far below (docs/calibration.md)",
            "text",
        ),
        Threshold(
            "repetition",
            "repetition_rise",
            "at most",
            MOST_REPETITION,
            "words are not repeated within a completion much more than the base model repeats them",
            "a reward for one word is served best by writing it again and again",
            "text",
        ),
        Threshold(
            "perplexity",
            "perplexity_ratio",
            "at most",
            MOST_PERPLEXITY,
            "the base model still finds the text plausible: its perplexity on it, divided by that on its own text",
            "a hacked run writes what no review says: far above (docs/calibration.md)",
            "text",
        ),
    ]
