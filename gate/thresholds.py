"""What a run must show: the bounds that students are told (lab/thresholds.py), and those of the gate alone.

`docs/calibration.md` has the distributions they were set from: honest runs and negative controls over 20 seeds.
"""

from lab import thresholds
from lab.thresholds import Threshold

OWN = (
    Threshold(
        "interval",
        "gain_low",
        "at least",
        # of the gain's 95 % interval. smoke: measured. The GPT-2 presets: what the course's author reports
        # (medium: 0.5 → 0.8), less a margin; not measured on GPT-2
        {"smoke": 0.20, "quick": 0.0, "medium": 0.10, "full": 0.15},
        "the gain is no accident of the prompts: it is there even at the cautious end of the estimate",
        "the prompts are drawn anew many times, each with all its completions: a gain on a few of them is not enough",
        "gain",
    ),
    Threshold(
        "second_judge",
        "judge_gain_low",
        "at least",
        {"smoke": 0.15, "quick": 0.0, "medium": 0.0, "full": 0.0},
        "a judge that the training never asked finds the text more positive, too, even at the cautious end of the estimate",
        "another architecture, trained on other reviews: a gain that only the reward model sees is a hack",
        "gain",
    ),
    Threshold(
        "vader",
        "vader_gain_low",
        "at least",
        {"smoke": 0.20, "quick": 0.0, "medium": 0.0, "full": 0.0},
        "a lexicon of positive and negative words agrees, even at the cautious end of the estimate",
        "VADER learned nothing from reviews at all, so it shares no blind spot with the reward model",
        "gain",
    ),
)
# all of them, in the order in which they are reported: the gain first, then the text
THRESHOLDS = tuple(sorted((*thresholds.THRESHOLDS, *OWN), key=lambda t: t.group))
