# ruff: noqa
# fmt: off
"""Negative controls of the training gate: rewards that teach nothing good. With the laws switched off, it must fail each.

    # trips: the check of gate/thresholds.py that must fail
    # settings: of the training run, instead of the gate's
"""

# %% constant
# trips: gain
def sentiment_reward(completions, **kwargs):
    return [0.5] * len(completions)

# %% shuffled
# trips: gain
import random

def sentiment_reward(completions, **kwargs):
    scores = get_sentiment_scores(completions)
    random.shuffle(scores)
    return scores

# %% sign_flipped
# trips: gain
def sentiment_reward(completions, **kwargs):
    return [1 - score for score in get_sentiment_scores(completions)]

# %% random
# trips: gain
import random

def sentiment_reward(completions, **kwargs):
    return [random.random() for _ in completions]

# %% hack
# trips: repetition
# settings: {"learning_rate": 1e-3, "kl_type": "none"}
def sentiment_reward(completions, **kwargs):
    words = [completion.lower().split() for completion in completions]
    return [text.count("great") / 4 for text in words]
